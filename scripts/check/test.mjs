// `npm test`: compiles dist/, which the command-line tests run, checks all types, and runs jest. Further arguments go to jest.
// `npm run test:quick`: the core of each room from its sources, without what compiles, installs, trains, asks Python or
// starts many processes.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { resolve } = createRequire(import.meta.url);
const node = (args, env) =>
  spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } })
    .status ?? 1;
const tsc = (...args) => node([resolve('typescript/bin/tsc'), ...args]);
const jest = (args, env) =>
  node([path.join(path.dirname(resolve('jest/package.json')), 'bin/jest.js'), ...args], env);

/** What test:quick runs: of each room the files of its core that take no more than some seconds. */
const QUICK = {
  amp: ['gradScaler'],
  autograd: ['autograd', 'hooks'],
  checkpoints: ['safetensors', 'torchFile', 'fromPython', 'saving'],
  core: ['.*'],
  data: ['samplers', 'sets', 'synthetic'],
  files: ['zip'],
  install: ['locate'],
  nn: ['containers', 'hooks', 'lazy', 'maxPool', 'module', 'parametrize', 'tree', 'utils', 'wrongOptions'],
  operators: ['convolutions', 'narrow', 'wrongArguments'],
  optim: ['schedules', 'sgd'],
  program: ['state'],
  tensor: ['create', 'format', 'indexing', 'values'],
  transforms: ['.*'],
};

const args = process.argv.slice(2);
if (args.includes('--quick')) {
  const patterns = Object.entries(QUICK).map(([room, names]) => `test/${room}/(${names.join('|')})\\.test`);
  const rest = args.filter((arg) => arg !== '--quick');
  // Without Python, which takes half a minute to record what it computes on this machine.
  process.exitCode = jest([...patterns, ...rest], { TORCH_NODE_TEST_WITHOUT_PYTHON: '1' });
} else {
  process.exitCode = node(['scripts/build/ts.mjs']) || tsc('-p', 'tsconfig.json', '--noEmit') || jest(args);
}
