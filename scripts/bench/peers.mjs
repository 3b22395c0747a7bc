// Who ours is measured against, as far as this machine has them: a Python with PyTorch, C++ over the libtorch in use, tfjs.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { peers, root, run } from './processes.mjs';

const output = async (command, ...args) => (await run(command, args)).text.trim().split('\n').at(-1);
const lastLine = (error) => error.message.trim().split('\n').at(-1);

/**
 * A Python with PyTorch: the reference program's own, else the environment's, else python3.
 *
 * @returns { command } or { missing: why there is none }
 */
export async function findPython(reference) {
  const setup = `${reference}/setup.sh`;
  const named = process.env.TORCH_NODE_BENCH_PYTHON;
  const places = [
    [setup, () => output(setup), existsSync(setup)],
    ['TORCH_NODE_BENCH_PYTHON', () => named, named],
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
      await output(command, '-c', 'import torch, numpy');
      return { command };
    } catch (error) {
      reasons.push(`${name}: ${lastLine(error)}`);
    }
  }
  return { missing: `no Python PyTorch found: ${reasons.join('; ')}` };
}

/**
 * Compiles a C++ file of peers/, once for each text of it, into build/bench.
 *
 * @param libtorch the folder of the libtorch in use, whose libraries the program then finds where they are; none for a
 *   program that needs no libtorch and is compiled for this machine's own processor
 * @returns { command } or { missing: why there is none }
 */
export async function compileCpp(file, libtorch) {
  const source = path.join(peers, file);
  const compiler = process.env.CXX ?? 'c++';
  const flags = libtorch
    ? ['-std=c++20', '-O2', '-isystem', `${libtorch}/include`, '-isystem', `${libtorch}/include/torch/csrc/api/include`] // prettier-ignore
    : ['-std=c++20', '-O3', '-march=native'];
  const libraries = libtorch
    ? [
        '-Wl,--no-as-needed',
        `-L${libtorch}/lib`,
        '-ltorch',
        '-ltorch_cpu',
        '-lc10',
        `-Wl,-rpath,${libtorch}/lib`,
      ]
    : [];
  const command = [compiler, ...flags, ...libraries].join('\n');
  const key = createHash('sha256').update(readFileSync(source)).update(command).digest('hex').slice(0, 16);
  const folder = path.join(root, 'build/bench');
  const binary = path.join(folder, `${path.basename(file, '.cpp')}-${key}`);
  if (existsSync(binary)) return { command: binary };
  try {
    mkdirSync(folder, { recursive: true });
    const unfinished = `${binary}.${process.pid}`;
    await run(compiler, [...flags, source, ...libraries, '-o', unfinished]);
    renameSync(unfinished, binary);
    return { command: binary };
  } catch (error) {
    return { missing: `${file} was not compiled: ${(error.stderr || error.message).trim().split('\n')[0]}` };
  }
}

/** The folder where the user installed tfjs, which is no dependency of this package: { folder, version } or { missing }. */
export function findTfjs(folder) {
  const how =
    'run `npm install @tensorflow/tfjs@4 @tensorflow/tfjs-backend-wasm@4` in a folder of its own and name it with --tfjs or TORCH_NODE_TFJS';
  if (!folder) return { missing: `no tfjs: ${how}` };
  try {
    const require = createRequire(path.join(path.resolve(folder), 'package.json'));
    require.resolve('@tensorflow/tfjs-backend-wasm');
    return { folder: path.resolve(folder), version: require('@tensorflow/tfjs-core/package.json').version };
  } catch (error) {
    return { missing: `no tfjs in ${folder} (${error.code ?? error.message}): ${how}` };
  }
}
