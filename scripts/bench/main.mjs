// npm run bench: torch-node against Python PyTorch, C++ and tfjs on this machine, as Markdown tables and JSON.
//
// Every measurement has a process of its own (peers/), and the sides take turns, so that what disturbs the machine disturbs
// all. Ratios are taken within a round. Nothing is asserted: a machine that is busy, or without Python PyTorch, gives tables
// too. The exit code is 1 only when a workload failed.
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { contest } from './contest.mjs';
import { onCpu, onGpu, onOneBatch } from './contestants.mjs';
import { tableText, write } from './page.mjs';
import { compileCpp, findPython, findTfjs } from './peers.mjs';
import { load, root, run, workload } from './processes.mjs';
import { singleRows } from './rows/single.mjs';
import { start } from './rows/start.mjs';
import { twelve, twelveOnGpu } from './rows/twelve.mjs';
import { part2Rows } from './rows/wholes.mjs';
import { contestTable, modelsTable, rowsTable, targetsTable } from './table.mjs';
import { NO_CUDA, cpuTargets, gpuTargets, stepTargets } from './targets.mjs';

const USAGE = `npm run bench -- [options]

  --rounds N   measurements of each row (5)        --data DIR   CIFAR-10's binary files
  --only a,b   which rows (all; below)             --json FILE  every measurement; plots.mjs draws it
  --tfjs DIR   where tfjs is installed (TORCH_NODE_TFJS)
  --write      puts what was measured into docs/benchmarks.json and docs/benchmarks.md
  --quick      two rounds of short workloads, to see that all is well

contest: training the course's network in every way there is; program: a program's step against its C++ loop; start: start
to first step; twelve: the twelve networks side by side against Python; gpu: the contest and the twelve on a GPU. The rows
of the eager way: step, add, operators, loop, import, memory, checkpoint; part2, tutorial, jobsMemory, busy (they want the
reference program). The tutorial's way takes minutes: it is measured once.`;

const { values: options } = readOptions({
  options: {
    help: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    quick: { type: 'boolean', default: false },
    data: { type: 'string' },
    json: { type: 'string' },
    write: { type: 'boolean', default: false },
    only: { type: 'string' },
    tfjs: { type: 'string', default: process.env.TORCH_NODE_TFJS },
  },
});
if (options.help) {
  console.log(USAGE);
  process.exit();
}
const { quick } = options;
const rounds = Number(options.rounds ?? (quick ? 2 : 5));
if (!(Number.isInteger(rounds) && rounds > 0)) refuse(`--rounds ${options.rounds}: expected 1 or more`);
if (quick && options.write) refuse('--write: what --quick measures is not for quoting');

function readOptions(config) {
  try {
    return parseArgs(config);
  } catch (error) {
    refuse(error.message);
  }
}

function refuse(message) {
  console.error(`${message}\n\n${USAGE}`);
  process.exit(2);
}

const reference = path.resolve(root, '../shared/reference');
const temporary = await mkdtemp(path.join(os.tmpdir(), 'torch-node-bench-'));
const ours = workload(process.execPath, 'ours.mjs');
const python = await findPython(reference);
const theirs = workload(python.command, 'peer.py');
const about = await ours('about');
const pythonAbout = python.command ? await theirs('about') : undefined;

/** What every measurement is given. */
const bench = {
  ...{ quick, rounds, reference, temporary, ours, theirs, about, python },
  tfjs: findTfjs(options.tfjs),
  cuda: about.cuda && pythonAbout?.cuda === true,
  length: quick ? { warmup: 10, steps: 40 } : { warmup: 50, steps: 600 },
  folder: options.data ?? path.join(os.homedir(), '.cache/cifar10-jpeg/cifar-10-batches-bin'),
  start: path.join(temporary, 'start'),
  say: (text) => process.stderr.write(`${text}\n`),
};

/** What was measured: tables are printed from it, plots drawn, and --json writes it. */
const report = { contests: {}, targets: [], rows: [] };
const tables = [];
/** What each measure brought, for --write. */
const measured = [];

const measures = {
  async contest() {
    const peak = await measurePeak();
    const done = await contest(bench, await onCpu(bench));
    report.peakGflops = peak.gflops;
    keep('cpu', 'Training on the CPU: the CNN at batch 32', done, 'python-best', peak.gflops);
    report.targets.push(...cpuTargets(done, peak));
  },
  async program() {
    const done = await contest(bench, await onOneBatch(bench));
    keep('program', 'One step on one batch, one thread', done, 'cpp-step');
    report.targets.push(...stepTargets(done));
  },
  async start() {
    report.targets.push(...(await start(bench)));
  },
  async twelve() {
    const { targets, models } = await twelve(bench);
    report.targets.push(...targets);
    report.models = models;
    if (models.length)
      tables.push({ title: 'Learning an epoch, network by network', ...modelsTable(models) });
  },
  async gpu() {
    const done = bench.cuda ? await contest(bench, onGpu(bench)) : undefined;
    if (done) keep('gpu', 'Training on the GPU: the CNN at batch 32', done, 'python-best-gpu');
    else bench.say(`training on the GPU: ${NO_CUDA}`);
    report.targets.push(...gpuTargets(done), ...(await twelveOnGpu(bench)));
  },
};
const rowMeasures = { ...singleRows(bench), ...part2Rows(bench) };
for (const [name, measure] of Object.entries(rowMeasures))
  measures[name] = async () => void report.rows.push(...(await measure()));

function keep(name, title, done, against, peakGflops) {
  report.contests[name] = { title, against, ...done };
  tables.push({ title, ...contestTable(done, against, peakGflops) });
  if (done.results.some(({ failed }) => failed)) process.exitCode = 1;
}

/** The peak of one core, which a busy machine hides: the best of some processes. */
async function measurePeak() {
  const compiled = await compileCpp('peak.cpp');
  if (!compiled.command) return compiled;
  const found = [];
  for (let i = 0; i < 5; i++) found.push(JSON.parse((await run(compiled.command, [])).text).gflops);
  return { gflops: Math.max(...found) };
}

// ---- the run ----

const chosen = options.only?.split(',') ?? Object.keys(measures);
const unknown = chosen.find((name) => !measures[name]);
if (unknown !== undefined) {
  await rm(temporary, { recursive: true });
  refuse(`--only ${unknown}: the rows are ${Object.keys(measures).join(', ')}`);
}

const SYNTHETIC = 'the synthetic set';
const loadAtStart = load();
let pictures = bench.folder;
try {
  if (!options.data && !existsSync(`${bench.folder}/data_batch_1.bin`)) {
    bench.folder = temporary;
    pictures = SYNTHETIC;
    await ours('writeSynthetic', { folder: temporary });
  }
  await mkdir(bench.start);
  await ours('writeStart', { folder: bench.start });
  for (const name of chosen) {
    bench.say(`measuring ${name} ...`);
    const before = [tables, report.targets, report.rows].map((list) => list.length);
    try {
      await measures[name]();
      const [own, targets, rows] = [tables, report.targets, report.rows].map((list, i) =>
        list.slice(before[i]),
      );
      if (targets.length) own.push(targetsTable(targets));
      if (rows.length) own.push(rowsTable(rows));
      // Where there is no GPU nothing was measured, and what was stays.
      if (name !== 'gpu' || bench.cuda) measured.push({ measure: name, tables: own });
    } catch (error) {
      process.exitCode = 1;
      console.error(error.message);
      const failed = { ours: '–', theirs: '–', target: '–', met: 'no' };
      report.rows.push({ name, ...failed, ratio: `failed: ${error.message.split('\n')[0]}` });
    }
  }
} finally {
  await rm(temporary, { recursive: true, force: true });
}

report.quick = quick;
const versions = [
  `Node ${process.versions.node}`,
  `libtorch ${about.libtorch}`,
  pythonAbout ? `Python ${pythonAbout.python}, PyTorch ${pythonAbout.torch}` : 'no Python PyTorch',
  bench.tfjs.version ? `tfjs ${bench.tfjs.version}` : 'no tfjs',
];
report.machine = [
  `${os.cpus()[0]?.model ?? os.arch()}, ${os.availableParallelism()} cores`,
  ...(report.peakGflops ? [`${report.peakGflops} GFLOP/s a core`] : []),
  `load ${loadAtStart} at the start, ${load()} at the end`,
  ...versions,
  `${pictures}, ${rounds} rounds${quick ? ' (quick: not for quoting)' : ''}`,
  new Date().toISOString().slice(0, 10),
].join('; ');

const loads = Object.values(report.contests).flatMap((each) => each.loads);
if (report.targets.length) tables.push({ title: 'Targets', ...targetsTable(report.targets) });
if (report.rows.length) tables.push(rowsTable(report.rows));
console.log(tables.map(tableText).join('\n\n'));
if (loads.length)
  console.log(
    `\nLoad before and after each round: ${loads.map((each) => `${each.before} → ${each.after}`).join('; ')}`,
  );
console.log(`\n${report.machine}`);
if (options.json) await writeFile(options.json, `${JSON.stringify(report, null, 2)}\n`);
if (options.write) {
  const common = {
    machine: `${os.cpus()[0]?.model ?? os.arch()}, ${os.availableParallelism()} cores`,
    versions: versions.join(', '),
    data: pictures === SYNTHETIC ? SYNTHETIC : 'CIFAR-10',
    date: new Date().toISOString().slice(0, 10),
    rounds,
  };
  write(measured.map(({ measure, tables }) => ({ measure, ...common, tables, notes: [] })));
}
