// npm run bench: torch-node against Python PyTorch on this machine, as a Markdown table.
//
//   --rounds N   measurements of each row (5)        --data DIR   CIFAR-10's binary files
//   --only a,b   which rows (all; below)              --json FILE  every measurement
//   --quick      two rounds of short workloads, to see that all is well
//
// Rows: step, add, operators, loop, import, memory, checkpoint (part 1 and tensors); part2, tutorial, jobsMemory, busy (the twelve networks; they
// want the reference program). The tutorial's way takes minutes: it is measured once.
//
// Every measurement has a process of its own (ours.mjs, peer.py), and the sides take turns, so that what disturbs the
// machine disturbs both. Ratios are taken within a round. Nothing is asserted: a machine that is busy, or without
// Python PyTorch, gives a table too. The exit code is 1 only when a workload failed.
import { execFile, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';

const here = import.meta.dirname ?? path.dirname(fileURLToPath(import.meta.url));
const root = path.resolve(here, '../..');
const reference = path.resolve(root, '../shared/reference');
const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string' },
    quick: { type: 'boolean', default: false },
    data: { type: 'string' },
    json: { type: 'string' },
    only: { type: 'string' },
  },
});
const { quick } = options;
const rounds = Number(options.rounds ?? (quick ? 2 : 5));
if (!(Number.isInteger(rounds) && rounds > 0))
  throw new Error(`--rounds ${options.rounds}: expected 1 or more`);

// ---- processes ----

/** Runs a process to its end: what it printed, seconds to its first line and to its end, and its peak memory. */
async function run(command, args) {
  const start = performance.now();
  const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  let [text, errors, seconds, peakMb] = ['', '', undefined, undefined];
  child.stdout.on('data', (part) => {
    text += part;
    if (text.includes('\n')) seconds ??= (performance.now() - start) / 1000;
  });
  child.stderr.on('data', (part) => (errors = (errors + part).slice(-4000)));
  // The kernel's own high-water mark: it only grows, so reading it now and then misses no more than the last instant.
  const poll = setInterval(() => (peakMb = highWaterMb(child.pid) ?? peakMb), 50);
  const end = await new Promise((resolve, reject) => {
    child.on('error', reject).on('close', (code, signal) => resolve(signal ?? code));
  }).finally(() => clearInterval(poll));
  if (end !== 0) throw new Error(`${[command, ...args].join(' ')} ended with ${end}:\n${errors}`);
  return { text, seconds, wholeSeconds: (performance.now() - start) / 1000, peakMb };
}

/** VmHWM of a process, on Linux. */
function highWaterMb(pid) {
  try {
    return (
      Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024 || undefined
    );
  } catch {
    return undefined; // it has ended, or this is no Linux
  }
}

const workload = (command, file) => async (name, settings) => {
  const done = await run(command, [path.join(here, file), name, JSON.stringify(settings ?? {})]);
  return { ...done, ...JSON.parse(done.text) };
};
const ours = workload(process.execPath, 'ours.mjs');

/** A Python with PyTorch: the reference's own, else the environment's, else python3. */
async function findPython() {
  const call = async (command, ...args) =>
    (await promisify(execFile)(command, args)).stdout.trim().split('\n').at(-1);
  const places = [
    [`${reference}/setup.sh`, () => call(`${reference}/setup.sh`), existsSync(`${reference}/setup.sh`)],
    [
      'TORCH_NODE_BENCH_PYTHON',
      () => process.env.TORCH_NODE_BENCH_PYTHON,
      process.env.TORCH_NODE_BENCH_PYTHON,
    ],
    ['python3', () => 'python3', true],
  ];
  const reasons = [];
  for (const [name, find, there] of places) {
    if (!there) {
      reasons.push(`${name}: not there`);
      continue;
    }
    try {
      const command = await find();
      await call(command, '-c', 'import torch, numpy');
      return { command };
    } catch (error) {
      reasons.push(`${name}: ${(error.stderr || error.message).trim().split('\n').at(-1)}`);
    }
  }
  return { missing: reasons.join('; ') };
}

// ---- numbers ----

function quantile(list, q) {
  const sorted = [...list].sort((a, b) => a - b);
  const at = q * (sorted.length - 1);
  const low = Math.floor(at);
  return sorted[low] + (at - low) * ((sorted[low + 1] ?? sorted[low]) - sorted[low]);
}
const median = (list) => quantile(list, 0.5);

const amountOf = (list, unit) => `${Number(median(list).toPrecision(4))} ${unit}`;

/** A row in which a ratio to Python is wanted: one number a round for each side. */
function compared(name, unit, mine, theirs, target) {
  const amount = (list) => amountOf(list, unit);
  const cells = {
    name,
    ours: amount(mine),
    theirs: python.command ? amount(theirs) : '–',
    target: '–',
    met: '–',
  };
  if (target !== undefined) cells.target = `≤ ${target}`;
  if (!python.command)
    return { ...cells, ratio: `no Python PyTorch found: ${python.missing}`, samples: { mine } };
  return { ...cells, ...ratioOf(mine, theirs, target), samples: { mine, theirs } };
}

/** The cells for a ratio taken round by round. */
function ratioOf(mine, others, target) {
  const ratios = mine.map((value, i) => value / others[i]);
  const [low, middle, high] = [0.25, 0.5, 0.75].map((q) => quantile(ratios, q).toFixed(2));
  const met = target === undefined ? '–' : median(ratios) <= target ? 'yes' : 'no';
  return { ratio: ratios.length > 1 ? `${middle} [${low}, ${high}]` : middle, met };
}

/** Calls each measurement in turn, round after round, and gives one list for each. */
async function inTurn(times, measurements) {
  const lists = measurements.map(() => []);
  for (let round = 0; round < times; round++) {
    for (const [i, measure] of measurements.entries()) lists[i].push(await measure());
  }
  return lists;
}

// ---- the rows ----

const measures = {
  async step() {
    const both = (side, threads) => async () =>
      (await side('step', { folder, threads, warmup: 50, steps: quick ? 100 : 400 })).us / 1000;
    const none = async () => undefined;
    const peer = (threads) => (python.command ? both(theirs, threads) : none);
    const names = [
      `Training step, ours with its default of ${about.threads} threads`,
      'Training step, one thread each',
    ];
    const gate = python.command ? await unequalLosses() : undefined;
    if (gate)
      return names.map((name) => ({ name, ours: '–', theirs: '–', ratio: gate, target: '–', met: 'no' }));
    // One process more a round than sides: Python runs with one and with two threads, and its better one counts.
    const [usual, python1, one, python2] = await inTurn(rounds, [
      both(ours, about.threads),
      peer(1),
      both(ours, 1),
      peer(2),
    ]);
    const [best, threads] =
      median(python2) < median(python1) ? [python2, 'two threads'] : [python1, 'one thread'];
    const first = compared(names[0], 'ms', usual, best, 0.85);
    if (python.command) first.theirs += ` (${threads})`;
    return [
      { ...first, samples: { ...first.samples, python1, python2 } },
      compared(names[1], 'ms', one, python1),
    ];
  },

  async add() {
    const count = quick ? 200_000 : 1_000_000;
    const [mine, peers] = await inTurn(rounds, [
      async () => (await ours('add', { count })).ns,
      async () => (python.command ? (await theirs('add', { count })).ns : undefined),
    ]);
    return [compared('`a.add(b)` on 8 floats, in a scope', 'ns', mine, peers, 0.8)];
  },

  async operators() {
    const cpp = await compilePeer();
    const count = quick ? 40_000 : 200_000;
    const none = async () => undefined;
    const [mine, peers, loops] = await inTurn(rounds, [
      async () => (await ours('operators', { count })).ns,
      python.command ? async () => (await theirs('operators', { count })).ns : none,
      cpp.command
        ? async () => JSON.parse((await run(cpp.command, ['operators', String(count)])).text).ns
        : none,
    ]);
    return Object.keys(mine[0]).map((name) => {
      const of = (runs) => runs.map((ns) => ns?.[name]);
      const row = compared(`\`${name.replace(' grad', '`, its gradient recorded')}${name.includes('grad') ? '' : '`'}`, 'ns', of(mine), of(peers), 0.8); // prettier-ignore
      if (!cpp.command) return { ...row, theirs: `${row.theirs}; C++: ${cpp.missing}` };
      const over = of(mine).map((ns, i) => ns - of(loops)[i]);
      return {
        ...row,
        theirs: `${row.theirs}; C++ ${amountOf(of(loops), 'ns')}`,
        ratio: `${row.ratio}; C++ ${median(over) < 0 ? '-' : '+'} ${Math.abs(median(over)).toFixed(0)} ns`,
        target: `${row.target}; C++ + 250 ns`,
        met: `${row.met}; ${median(over) <= 250 ? 'yes' : 'no'}`,
        samples: { ...row.samples, cpp: of(loops) },
      };
    });
  },

  async loop() {
    const count = quick ? 1_000_000 : 10_000_000;
    const [runs] = await inTurn(Math.min(rounds, 3), [() => ours('loop', { count })]);
    const mb = runs.map((each) => each.mb);
    const name = `${(count / 1e6).toFixed(0)} million of them in one loop, no scope: growth of resident memory`;
    const amount = `${Math.max(...mb).toFixed(0)} MB (${median(runs.map((each) => each.ns)).toFixed(0)} ns each)`;
    const met = Math.max(...mb) < 64 ? 'yes' : 'no';
    return [{ name, ours: amount, theirs: '–', ratio: '–', target: '< 64 MB', met, samples: { mb } }];
  },

  async import() {
    const [mine, peers] = await inTurn(rounds + 1, [
      async () => (await ours('firstStep')).seconds,
      async () => (python.command ? (await theirs('firstStep')).seconds : undefined),
    ]);
    // The first round reads the libraries from the disk.
    return [
      compared('Process start to first finished training step', 's', mine.slice(1), peers.slice(1), 0.4),
    ];
  },

  async memory() {
    const program = existsSync(`${reference}/train.py`)
      ? [`${reference}/train.py`, '--data', folder, '--models', 'original', '--epochs', '1', '--threads', '2']
      : [path.join(here, 'peer.py'), 'part1', JSON.stringify({ folder, threads: 2 })];
    const mine = async () => {
      const out = await mkdtemp(path.join(temporary, 'run-'));
      const args = ['--data', folder, '--epochs', '1', '--threads', '2', '--out', out, '--json'];
      return (await run(process.execPath, ['bin/torch-node.js', 'cifar10', 'part1', ...args])).peakMb;
    };
    const peer = async () => (python.command ? (await run(python.command, program)).peakMb : undefined);
    const lists = await inTurn(quick ? 1 : Math.min(rounds, 3), [mine, peer]);
    if (lists[0].includes(undefined))
      throw new Error('peak memory is read from /proc, which this system lacks');
    return [compared('Part 1 whole, one epoch: peak resident memory', 'MB', ...lists, 0.7)];
  },

  async checkpoint() {
    const file = path.join(temporary, 'big.safetensors');
    await ours('writeSafetensors', { file });
    const none = async () => ({});
    const [mine, peers] = await inTurn(rounds + 1, [
      () => ours('readSafetensors', { file }),
      python.command ? () => theirs('readSafetensors', { file }) : none,
    ]);
    await rm(file);
    // The first round brings the file into the system's cache.
    const row = (name, unit, key, target, factor = 1) =>
      compared(name, unit, ...[mine, peers].map((runs) => runs.slice(1).map((each) => factor * each[key])), target); // prettier-ignore
    return [
      row('Loading a safetensors file of 500 MB and reading every value once', 'ms', 'read', 1.2, 1000),
      row('Loading alone, which maps the file', 'ms', 'load', 1.2, 1000),
      row('The same process whole: peak resident memory', 'MB', 'peakMb', 1.2),
    ];
  },

  async part2() {
    needReference();
    const [mine, one, two] = await inTurn(wholeRounds, [
      () => ourPart2(quick ? FEW : []),
      () => theirPart2('1', quick ? FEW : []),
      () => theirPart2('2', quick ? FEW : []),
    ]);
    const sums = (runs) =>
      runs
        .at(-1)
        .map(({ model, parametersSha256 }) => `${model} ${parametersSha256}`)
        .join();
    const name = `${quick ? 'Two' : 'The twelve'} networks, one epoch each, the whole program, against Python's best of one and two threads`;
    if (sums(mine.map(({ rows }) => rows)) !== sums(one.map(({ rows }) => rows)))
      return [
        { name, ours: '–', theirs: '–', ratio: 'not timed: other parameters', target: '≤ 0.45', met: 'no' },
      ];
    const seconds = (runs) => runs.map(({ wholeSeconds }) => wholeSeconds);
    const best = median(seconds(two)) < median(seconds(one)) ? two : one;
    const row = compared(name, 's', seconds(mine), seconds(best), 0.45);
    row.theirs += best === two ? ' (two threads)' : ' (one thread)';
    return [{ ...row, samples: { mine: seconds(mine), one: seconds(one), two: seconds(two) } }];
  },

  async tutorial() {
    needReference();
    const settings = { folder, reference, models: quick ? FEW[1].split(',') : undefined };
    const [mine, peers] = await inTurn(1, [
      async () => (await ourPart2(quick ? FEW : [])).wholeSeconds,
      async () => (await theirs('tutorial', settings)).wholeSeconds,
    ]);
    const name =
      "The same, against the tutorial's way: PIL, transforms, DataLoader with two workers (one round)";
    return [compared(name, 's', mine, peers, 0.1)];
  },

  async jobsMemory() {
    const all = quick ? FEW : [];
    const [one, usual, atOnce] = await inTurn(wholeRounds, [
      async () => (await ourPart2(['--models', 'original'])).peakMb,
      async () => (await ourPart2(all)).peakMb,
      async () => (await ourPart2([...all, '--jobs', '12'])).peakMb,
    ]);
    const row = (name, mine, target) => ({
      ...{ name: `Peak resident memory of ${name}, against that of one job`, ours: amountOf(mine, 'MB') },
      theirs: `${amountOf(one, 'MB')} (ours, one job)`,
      target: target === undefined ? '–' : `≤ ${target}`,
      ...ratioOf(mine, one, target),
      samples: { mine, one },
    });
    return [
      row(`twelve jobs, ${about.cores} at a time`, usual, 1.3),
      row('twelve jobs, all at the same time', atOnce),
    ];
  },

  async busy() {
    const few = quick ? FEW : ['--models', 'original,conv1,leaky-relu,tanh'];
    const steps = { folder, threads: about.cores, warmup: 20, steps: quick ? 50 : 200 };
    const [mine, mineBusy, python1, pythonBusy] = await inTurn(wholeRounds, [
      async () => (await ourPart2(few)).wholeSeconds,
      () => besideBusy(async () => (await ourPart2(few)).wholeSeconds),
      async () => (python.command ? (await theirs('step', steps)).us / 1000 : undefined),
      () => besideBusy(async () => (python.command ? (await theirs('step', steps)).us / 1000 : undefined)),
    ]);
    const row = (name, unit, alone, beside, target) => ({
      ...{ name, ours: '–', theirs: '–', target: target === undefined ? '–' : `≤ ${target}` },
      ...ratioOf(beside, alone, target),
      samples: { alone, beside },
      text: `${amountOf(beside, unit)}, alone ${amountOf(alone, unit)}`,
    });
    const ourRow = row("Part 2's jobs with one core kept busy by another process, against alone", 's', mine, mineBusy, 2.2); // prettier-ignore
    const rows = [{ ...ourRow, ours: ourRow.text }];
    if (python.command) {
      const theirRow = row(
        "Python's training step, its default threads, likewise",
        'ms',
        python1,
        pythonBusy,
      );
      rows.push({ ...theirRow, theirs: theirRow.text });
    }
    return rows;
  },
};

/** Compiles peer.cpp against the libtorch in use, whose libraries it then finds where they are. */
async function compilePeer() {
  const binary = path.join(temporary, 'peer');
  const lib = `${about.folder}/lib`;
  const flags = ['-std=c++20', '-O2', '-isystem', `${about.folder}/include`, path.join(here, 'peer.cpp')];
  const libraries = [
    '-Wl,--no-as-needed',
    `-L${lib}`,
    '-ltorch',
    '-ltorch_cpu',
    '-lc10',
    `-Wl,-rpath,${lib}`,
  ];
  try {
    await promisify(execFile)(process.env.CXX ?? 'c++', [...flags, ...libraries, '-o', binary]);
    return { command: binary };
  } catch (error) {
    return { missing: (error.stderr || error.message).trim().split('\n')[0] };
  }
}

// ---- part 2, whole ----

const FEW = ['--models', 'original,mlp2'];
const wholeRounds = quick ? 1 : Math.min(rounds, 3);

function needReference() {
  if (!python.command) throw new Error(`no Python PyTorch found: ${python.missing}`);
  if (!existsSync(`${reference}/train.py`)) throw new Error(`the reference program is not in ${reference}`);
}

const lines = (text) => text.trim().split('\n').map((line) => JSON.parse(line)); // prettier-ignore

async function ourPart2(args) {
  const out = await mkdtemp(path.join(temporary, 'part2-'));
  const command = ['bin/torch-node.js', 'cifar10', 'part2', '--data', folder, '--epochs', '1', '--out', out, '--json']; // prettier-ignore
  const done = await run(process.execPath, [...command, ...args]);
  return { ...done, rows: lines(done.text) };
}

async function theirPart2(threads, args) {
  const done = await run(python.command, [`${reference}/train.py`, '--data', folder, '--epochs', '1', '--threads', threads, ...args]); // prettier-ignore
  return { ...done, rows: lines(done.text) };
}

/** Measures beside a process that keeps one core busy. */
async function besideBusy(measure) {
  const busy = spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' });
  try {
    return await measure();
  } finally {
    busy.kill();
  }
}

/** With one thread both sides compute the same bits; a side that does other work is not compared in time. */
async function unequalLosses() {
  const settings = { folder, threads: 1, steps: 20 };
  const [a, b] = [(await ours('losses', settings)).losses, (await theirs('losses', settings)).losses];
  const i = a.findIndex((loss, step) => !Object.is(loss, b[step]));
  return i < 0 && a.length === b.length
    ? undefined
    : `not timed: with one thread the loss of step ${i + 1} is ${a[i]} here and ${b[i]} there`;
}

// ---- the run ----

const chosen = options.only?.split(',') ?? Object.keys(measures);
const unknown = chosen.find((name) => !measures[name]);
if (unknown) throw new Error(`--only ${unknown}: the rows are ${Object.keys(measures).join(', ')}`);

const temporary = await mkdtemp(path.join(os.tmpdir(), 'torch-node-bench-'));
const load = () =>
  os
    .loadavg()
    .map((value) => value.toFixed(2))
    .join(' ');
const loadAtStart = load();
const python = await findPython();
const theirs = workload(python.command, 'peer.py');
const about = await ours('about');
const peer = python.command ? await theirs('about') : undefined;

let folder = options.data ?? path.join(os.homedir(), '.cache/cifar10-jpeg/cifar-10-batches-bin');
let pictures = folder;
if (!options.data && !existsSync(`${folder}/data_batch_1.bin`)) {
  folder = temporary;
  pictures = 'the synthetic set';
  await ours('writeSynthetic', { folder });
}

const rows = [];
try {
  for (const name of chosen) {
    process.stderr.write(`measuring ${name} ...\n`);
    try {
      rows.push(...(await measures[name]()));
    } catch (error) {
      process.exitCode = 1;
      console.error(error.message);
      const failed = { ours: '–', theirs: '–', target: '–', met: 'no' };
      rows.push({ name, ...failed, ratio: `failed: ${error.message.split('\n')[0]}` });
    }
  }
} finally {
  await rm(temporary, { recursive: true, force: true });
}

const machine = [
  `${os.cpus()[0]?.model ?? os.arch()}, ${os.availableParallelism()} cores`,
  `load ${loadAtStart} at the start, ${load()} at the end`,
  `Node ${process.versions.node}, libtorch ${about.libtorch}`,
  peer ? `Python ${peer.python}, PyTorch ${peer.torch}` : 'no Python PyTorch',
  `${pictures}, ${rounds} rounds${quick ? ' (quick: not for quoting)' : ''}`,
  new Date().toISOString().slice(0, 10),
].join('; ');
console.log('| | ours | Python | ratio: median [quartiles] | target | met |');
console.log('|---|---|---|---|---|---|');
for (const { name, ours: mine, theirs: other, ratio, target, met } of rows) {
  console.log(`| ${[name, mine, other, ratio, target, met].join(' | ')} |`);
}
console.log(`\n${machine}`);
if (options.json) await writeFile(options.json, `${JSON.stringify({ machine, rows }, null, 2)}\n`);
