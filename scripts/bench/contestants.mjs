// Who takes part in the contest of training speed: each is a program of peers/ in one or several variants, of which the one
// with the best median counts.
import path from 'node:path';
import { compileCpp } from './peers.mjs';
import { peers } from './processes.mjs';

/** A step of the course's network on 32 images: multiplications and additions, forward and backward. */
export const STEP_FLOP = 102.6e6;

/** Short ones for those that take a second a step. */
const SLOW = { warmup: 1, steps: 3 };

/**
 * @typedef {object} Contestant
 * @property {string} id
 * @property {string} name
 * @property {string} [missing] why it cannot run here
 * @property {string} command
 * @property {{ label: string, settings: object, gate?: 'bits' | 'gpu' }[]} variants
 *   gate: see compareLosses
 * @property {{ warmup: number, steps: number }} [length]
 */

const program = (bench, file) => (settings) => [path.join(peers, file), ...assignments(bench, settings)];

const assignments = (bench, settings) =>
  Object.entries({ folder: bench.folder, start: bench.start, ...settings })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${value}`);

const THREADS = [1, 2];
const threadsText = (threads) => (threads === 1 ? 'one thread' : 'two threads');
const overThreads = (settings, gate) =>
  THREADS.map((threads) => ({
    label: threadsText(threads),
    settings: { ...settings, threads },
    ...(gate && threads === 1 ? { gate } : {}),
  }));

const python = (bench, id, name, variants) => ({
  ...{ id, name, missing: bench.python.missing, command: bench.python.command, variants },
  args: program(bench, 'train.py'),
  // torch.compile starts from nothing in every run of the harness, and finds in later rounds what it compiled in the first.
  env: { TORCHINDUCTOR_CACHE_DIR: path.join(bench.temporary, 'inductor') },
});
const ours = (bench, id, name, variants) => ({
  ...{ id, name, command: process.execPath, variants, args: program(bench, 'train.mjs') },
});
const cpp = async (bench, id, name, variants) => ({
  ...{ id, name, variants, args: (settings) => assignments(bench, settings) },
  ...(await compileCpp('train.cpp', bench.about.folder)),
});
const tfjs = (bench, backend) => ({
  ...{ id: `tfjs-${backend}`, name: `tfjs, its ${backend} backend`, missing: bench.tfjs.missing },
  ...{ command: process.execPath, args: program(bench, 'train-tfjs.mjs') },
  variants: [{ label: 'one thread', settings: { backend, tfjs: bench.tfjs.folder, threads: 1 } }],
});

/** Training on the CPU. The first that is there is what the others' losses are held against. */
export async function onCpu(bench) {
  const best = THREADS.flatMap((threads) =>
    [0, 1].flatMap((channelsLast) =>
      [0, 1].map((fused) => ({
        label: `${channelsLast ? 'channels-last' : 'usual layout'}, ${fused ? 'fused' : 'foreach'} SGD, ${threadsText(threads)}`,
        settings: { way: 'eager', channelsLast, fused, threads },
      })),
    ),
  );
  const tutorial = (workers) =>
    python(bench, `python-tutorial-${workers}`, `Python, the tutorial's way, ${workers} workers`, [
      { label: 'default threads', settings: { way: 'tutorial', workers } },
    ]); // prettier-ignore
  return [
    python(bench, 'python-eager', 'Python, eager, data in memory', overThreads({ way: 'eager' })),
    python(bench, 'python-best', 'Python at its best, eager', best),
    python(bench, 'python-compile', 'Python, torch.compile', overThreads({ way: 'compile', fused: 1 })),
    tutorial(0),
    tutorial(2),
    await cpp(bench, 'cpp', 'C++ loop over libtorch', overThreads({})),
    { ...tfjs(bench, 'wasm'), length: { warmup: 2, steps: 20 } },
    { ...tfjs(bench, 'cpu'), length: SLOW },
    ours(bench, 'ours-eager', 'Ours, eager', overThreads({ way: 'eager' }, 'bits')),
    ours(bench, 'ours-exact', 'Ours, compiled, exact', overThreads({ way: 'exact' }, 'bits')),
    ours(bench, 'ours-fused', 'Ours, compiled, fused', overThreads({ way: 'fused' })),
  ];
}

/** One batch again and again: what a step costs by itself, in a program and in the C++ loop of the same operators. */
export async function onOneBatch(bench) {
  const one = (way) => [{ label: 'one thread', settings: { way, feed: 'batch', threads: 1 } }];
  return [
    await cpp(bench, 'cpp-step', 'C++ loop over libtorch, one batch', one(undefined)),
    ours(bench, 'ours-exact-step', "Ours, a program's step, exact, one batch", one('exact')),
    ours(bench, 'ours-eager-step', 'Ours, eager, one batch', one('eager')),
  ];
}

/** Training on a GPU, the data there too. */
export function onGpu(bench) {
  const device = 'cuda';
  const one = (label, settings) => [{ label, settings: { device, ...settings }, gate: 'gpu' }];
  const layouts = [0, 1].map((channelsLast) => ({
    label: `${channelsLast ? 'channels-last' : 'usual layout'}, fused SGD`,
    settings: { device, way: 'eager', fused: 1, channelsLast },
    gate: 'gpu',
  }));
  return [
    python(bench, 'python-eager-gpu', 'Python, eager, data on the GPU', one('foreach SGD', { way: 'eager' })),
    python(bench, 'python-best-gpu', 'Python at its best, eager, data on the GPU', layouts),
    python(bench, 'python-compile-gpu', 'Python, torch.compile, data on the GPU', one('fused SGD', { way: 'compile', fused: 1 })), // prettier-ignore
    python(bench, 'python-graph-gpu', 'Python, a CUDA graph captured by hand', [
      ...one('foreach SGD', { way: 'graph' }),
      ...one('fused SGD', { way: 'graph', fused: 1 }),
    ]),
    ours(bench, 'ours-eager-gpu', 'Ours, eager', one('', { way: 'eager' })),
    ours(bench, 'ours-exact-gpu', 'Ours, compiled, exact', one('', { way: 'exact' })),
    ours(bench, 'ours-fused-gpu', 'Ours, compiled, fused', one('', { way: 'fused' })),
  ];
}
