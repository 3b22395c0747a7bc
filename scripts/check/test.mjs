// `npm test`: compiles dist/, which the command-line tests run, checks all types, and runs jest, then the tests that name a
// device on the simulated accelerator. Ends with a line that counts all of them. Further arguments go to jest, and leave the
// second part out.
// `npm run test:quick`: the core of each room from its sources, without what compiles, installs, trains, asks Python or
// starts many processes.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { testDevice } from './device.mjs';
import { jest, node, tsc } from './jest.mjs';

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
  process.exitCode = node(['scripts/build/ts.mjs']) || tsc('-p', 'tsconfig.json', '--noEmit') || all();
}

function all() {
  if (args.length > 0) return jest(args);
  const folder = mkdtempSync(path.join(tmpdir(), 'torch-node-test-'));
  const file = path.join(folder, 'summary');
  try {
    const codes = [jest([], { TORCH_NODE_TEST_SUMMARY: file }), testDevice([], file)];
    const runs = readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const sum = (name) => runs.reduce((total, run) => total + run[name], 0);
    const skipped = sum('skipped') > 0 ? `, ${sum('skipped')} skipped` : '';
    console.log(`\n${sum('passed')} passed, ${sum('failed')} failed${skipped}`);
    return codes.find((code) => code !== 0) ?? 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
