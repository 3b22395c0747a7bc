// The second half of scripts/gpu.mjs: compiles, tests and measures on the machine that it was unpacked on, and writes what
// came of it to $OUT: gpu.md, gpu.json and a log for each part. A part that fails is told and does not end the others; the
// exit code is 1 where one did.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildAgainst, versionOf } from '../build/other.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { OUT: out, LIBTORCH: libtorch, TESTS: tests } = process.env;
const parts = [];

/** Notes what a part came to: `work` gives a sentence, or throws one. */
function part(name, work) {
  const began = performance.now();
  let ok = true;
  let output = '';
  let said;
  try {
    said = work();
  } catch (error) {
    [ok, said, output] = [false, error.message, error.stdout ?? ''];
  }
  parts.push({ name, ok, said, output, seconds: Math.round(performance.now() - began) / 1000 });
  console.log(`${ok ? 'done' : 'FAILED'}: ${name} (${parts.at(-1).seconds.toFixed(0)} s): ${said}`);
}

/** Runs a program of this Node's; its output goes to $OUT/<name>.log. */
function node(name, args, seconds) {
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, args, {
    ...{ cwd: root, encoding: 'utf8', timeout: seconds * 1000, maxBuffer: 2 ** 28 },
    env: { ...process.env, TORCH_NODE_LIBTORCH: libtorch, TORCH_NODE_OFFLINE: '1' },
  });
  writeFileSync(path.join(out, `${name}.log`), `${stdout}\n${stderr}`);
  if (status === 0) return { stdout, stderr };
  const last = `${stdout}\n${stderr}`.trim().split('\n').at(-1);
  throw Object.assign(new Error(`ended with ${signal ?? status}; ${name}.log ends: ${last}`), { stdout });
}

/** Test files that say something of devices. */
function deviceTests() {
  const files = readdirSync(path.join(root, 'test'), { recursive: true }).filter((file) =>
    file.endsWith('.test.ts'),
  );
  const about = /cuda\.isAvailable\(\)|compileStep/;
  return files
    .map((file) => path.join('test', file))
    .filter((file) => about.test(readFileSync(path.join(root, file), 'utf8')));
}

part('compile', () => {
  const seconds = buildAgainst(libtorch, path.join(root, 'build', 'Release'));
  return `against libtorch ${versionOf(libtorch)} in ${seconds.toFixed(0)} s`;
});
if (parts[0].ok) {
  part('doctor', () => node('doctor', ['bin/torch-node.js', 'doctor'], 60).stdout.trim().split('\n').at(-1));
  part('tests', () => {
    const files = tests ? tests.split(/[ ,]+/) : deviceTests();
    const { stdout, stderr } = node('tests', ['node_modules/jest/bin/jest.js', '--ci', ...files], 240);
    return /\d+ passed, \d+ failed.*/.exec(`${stdout}${stderr}`)?.[0] ?? 'passed';
  });
  const jiti = ['node_modules/jiti/lib/jiti-cli.mjs', 'examples/airbench/train.ts', '--synthetic', '--json'];
  const probe = 'import("torch-node").then(({ cuda }) => console.log(cuda.isAvailable() ? "cuda" : "cpu"))';
  let device = 'cpu';
  part('device', () => (device = node('device', ['--input-type=module', '-e', probe], 60).stdout.trim()));
  const size =
    device === 'cuda'
      ? ['--epochs', '3']
      : ['--train', '512', '--test', '100', '--batch', '64', '--widths', '8,16,16', '--epochs', '1'];
  for (const dtype of device === 'cuda' ? ['float32', 'bfloat16'] : ['float32'])
    part(`airbench ${dtype}`, () => {
      const {
        steps,
        seconds,
        accuracy,
        path: way,
        why,
      } = JSON.parse(
        node(`airbench-${dtype}`, [...jiti, ...size, '--device', device, '--dtype', dtype], 200)
          .stdout.trim()
          .split('\n')
          .at(-1),
      );
      return `${((1000 * seconds) / steps).toFixed(2)} ms a step, ${accuracy.toFixed(1)} % on drawn pictures, path ${way} ${why}`;
    });
  part('bench', () =>
    node(
      'bench',
      ['scripts/bench/main.mjs', '--quick', '--json', path.join(out, 'bench.json')],
      240,
    ).stdout.trim(),
  );
}

const machine = [
  `${os.cpus()[0]?.model ?? 'unknown processor'}, ${os.availableParallelism()} cores`,
  spawnSync('nvidia-smi', ['--query-gpu=name,driver_version', '--format=csv,noheader'], {
    encoding: 'utf8',
  }).stdout?.trim(),
].filter(Boolean);
const cell = (text) => text.replaceAll('|', '\\|').split('\n')[0];
const bench = parts.find(({ name }) => name === 'bench');
const table = [
  `libtorch ${versionOf(libtorch)}; ${machine.join('; ')}`,
  ...['', '| part | | seconds | |', '|---|---|---|---|'],
  ...parts.map(
    ({ name, ok, said, seconds }) =>
      `| ${name} | ${ok ? 'ok' : 'failed'} | ${seconds.toFixed(0)} | ${cell(said)} |`,
  ),
  ...['', bench === undefined ? '' : bench.ok ? bench.said : bench.output],
].join('\n');
writeFileSync(path.join(out, 'gpu.md'), `${table}\n`);
writeFileSync(
  path.join(out, 'gpu.json'),
  `${JSON.stringify({ libtorch: versionOf(libtorch), machine, parts }, null, 2)}\n`,
);
console.log(`\n${table}`);
process.exitCode = parts.every(({ ok }) => ok) ? 0 : 1;
