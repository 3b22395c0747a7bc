// Holds the operators against PyTorch's own operator database, and writes docs/operators.md.
//
//     npm run build:ts && node scripts/check/databases/main.mjs --python PYTHON [--dtypes float32,float64,...]
//                                                         [--work FOLDER] [--out docs/operators.md]
//
// PYTHON is one with the torch of the version of the linked libtorch, numpy and safetensors. operators.py runs the database's
// samples there and writes down each call of an overload; compute.mjs makes the same calls here. Both run one thread, in
// processes of their own: one that crashes or stops answering is reported as that call's result and the next takes over.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import torch from 'torch-node';
import { run } from '../../../dist/files/child.js';
import { page } from './operatorsPage.mjs';

const SILENCE = 120_000;
const here = path.dirname(fileURLToPath(import.meta.url));
const { values: options } = parseArgs({
  options: {
    python: { type: 'string', default: 'python3' },
    dtypes: { type: 'string', default: 'float32,float64,int64,complex64,bfloat16' },
    work: { type: 'string' },
    out: { type: 'string', default: path.join(here, '../../../docs/operators.md') },
  },
});

/** Runs a program to its end, with its lines given to `take`. Gives what ended it, undefined where all went well. */
async function runLines(program, args, take) {
  let silent = false;
  let clock;
  const watch = (child) => {
    clearTimeout(clock);
    clock = setTimeout(() => {
      silent = true;
      child.kill('SIGKILL');
    }, SILENCE);
  };
  let running;
  const { code, signal, stderr } = await run(program, args, {
    env: { ...process.env, OMP_NUM_THREADS: '1', MKL_NUM_THREADS: '1' },
    onStart: (child) => watch((running = child)),
    onLine(line, stream) {
      if (stream === 'stderr') return;
      watch(running);
      take(line);
    },
  }).finally(() => clearTimeout(clock));
  if (code === 0) return undefined;
  const errors = stderr.slice(-2000);
  if (silent) return { words: `no answer in ${SILENCE / 1000} s`, errors };
  return { words: signal ? `crashes (${signal})` : `ends with code ${code}`, errors };
}

async function makeSamples(dtype, folder) {
  for (let first = 0; ;) {
    let at;
    const script = path.join(here, 'operators.py');
    const ended = await runLines(
      options.python,
      [script, '--out', folder, '--dtype', dtype, '--from', String(first)],
      (line) => {
        const [word, number, ...operator] = line.split(' ');
        if (word === 'begin') at = { number: Number(number), operator: operator.join(' ') };
        if (word === 'end') at = undefined;
      },
    );
    if (ended === undefined) return;
    if (at === undefined) throw new Error(`operators.py ${ended.words}: ${ended.errors}`);
    const record = { operator: at.operator, dtype, cases: [], skipped: { [`Python ${ended.words}`]: 1 } };
    writeFileSync(path.join(folder, `${at.number}.json`), JSON.stringify(record));
    first = at.number + 1;
  }
}

/** The outcomes of all calls, by the operator's number. */
async function compute(folder) {
  const outcomes = new Map();
  const add = (number, outcome) => outcomes.set(number, [...(outcomes.get(number) ?? []), outcome]);
  for (let from = [0, 0]; ;) {
    let at;
    const script = path.join(here, 'compute.mjs');
    const ended = await runLines(process.execPath, [script, folder, ...from.map(String)], (line) => {
      if (!line.startsWith('{"')) return;
      const { begin, end, ...outcome } = JSON.parse(line);
      at = begin && { place: begin, name: outcome.name };
      if (end) add(end[0], outcome);
    });
    if (ended === undefined) return outcomes;
    if (at === undefined) throw new Error(`compute.mjs ${ended.words}: ${ended.errors}`);
    const [number, call] = at.place;
    add(number, { name: at.name, forward: { differs: ended.words } });
    from = [number, call + 1];
  }
}

async function results(dtype, work) {
  const folder = path.join(work, dtype);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  await makeSamples(dtype, folder);
  const outcomes = await compute(folder);
  console.error(`${dtype}: ${[...outcomes.values()].flat().length} calls`);
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .map((name) => {
      const { operator, skipped, cases } = JSON.parse(readFileSync(path.join(folder, name), 'utf8'));
      const number = Number.parseInt(name, 10);
      const made = outcomes.get(number) ?? [];
      const noGradient = cases.flatMap((one) => one.noGradient ?? []);
      const unsteady = cases.filter((one) => one.unsteady).length;
      return { number, operator, dtype, skipped, noGradient, unsteady, outcomes: made };
    });
}

const version = spawnSync(options.python, ['-c', 'import torch; print(torch.__version__)'], {
  encoding: 'utf8',
});
if (version.status !== 0)
  throw new Error(`${options.python} has no torch: ${version.stderr ?? version.error?.message}`);
const ours = torch.version.split('+')[0];
if (version.stdout.trim().split('+')[0] !== ours)
  throw new Error(`Python has torch ${version.stdout.trim()}, this is ${torch.version}`);

const work = options.work ?? mkdtempSync(path.join(os.tmpdir(), 'torch-node-operators-'));
try {
  const dtypes = options.dtypes.split(',');
  const waiting = [...dtypes];
  const all = [];
  const worker = async () => {
    for (let dtype = waiting.shift(); dtype; dtype = waiting.shift())
      all.push(...(await results(dtype, work)));
  };
  await Promise.all(Array.from({ length: Math.min(2, os.availableParallelism()) }, worker));
  writeFileSync(options.out, page(all, dtypes, { torch: ours, cpu: torch.cpuCapability() }));
} finally {
  if (options.work === undefined) rmSync(work, { recursive: true, force: true });
}
