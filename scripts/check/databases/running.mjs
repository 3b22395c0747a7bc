// Runs the scripts of this folder: a database's samples in Python, and the same calls here. Both run one thread, in processes of their
// own: one that crashes or stops answering is reported as that call's result and the next takes over.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import torch from 'torch-node';
import { run } from '../../../dist/files/child.js';

const SILENCE = 120_000;
const here = path.dirname(fileURLToPath(import.meta.url));

/** Throws unless a Python has the torch of the linked libtorch's version. */
export function expectTorch(python) {
  const version = spawnSync(python, ['-c', 'import torch; print(torch.__version__)'], { encoding: 'utf8' });
  if (version.status !== 0)
    throw new Error(`${python} has no torch: ${version.stderr ?? version.error?.message}`);
  if (version.stdout.trim().split('+')[0] !== ours)
    throw new Error(`Python has torch ${version.stdout.trim()}, this is ${torch.version}`);
}

/** The linked libtorch's version. */
export const ours = torch.version.split('+')[0];

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

async function makeSamples({ python, script }, dtype, folder) {
  for (let first = 0; ;) {
    let at;
    const ended = await runLines(
      python,
      [path.join(here, script), '--out', folder, '--dtype', dtype, '--from', String(first)],
      (line) => {
        const [word, number, ...operator] = line.split(' ');
        if (word === 'begin') at = { number: Number(number), operator: operator.join(' ') };
        if (word === 'end') at = undefined;
      },
    );
    if (ended === undefined) return;
    if (at === undefined) throw new Error(`${script} ${ended.words}: ${ended.errors}`);
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

/** What came of all cases that `script` writes for a dtype, by the database's entries, in their order. */
export async function results(by, dtype, work) {
  const folder = path.join(work, dtype);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  await makeSamples(by, dtype, folder);
  const outcomes = await compute(folder);
  console.error(`${dtype}: ${[...outcomes.values()].flat().length} calls`);
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .map((name) => {
      const { operator, skipped, cases, database } = JSON.parse(
        readFileSync(path.join(folder, name), 'utf8'),
      );
      const number = Number.parseInt(name, 10);
      const made = outcomes.get(number) ?? [];
      const noGradient = cases.flatMap((one) => one.noGradient ?? []);
      const unsteady = cases.filter((one) => one.unsteady).length;
      return { number, operator, database, dtype, cases, skipped, noGradient, unsteady, outcomes: made };
    });
}
