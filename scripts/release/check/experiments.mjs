// The experiments' package beside the library: handed over to where it is installed, asked for where it is not.
import { existsSync } from 'node:fs';
import path from 'node:path';
import {
  base,
  environment,
  expect,
  install,
  plain,
  project,
  root,
  run,
  state,
  torchNode,
  windows,
} from './settings.mjs';

/** Trains part 1 on the built-in pictures. */
async function experiment(folder) {
  const words = ['cifar10', 'part1', '--synthetic', '--epochs', '1', '--out', 'run'];
  const output = await torchNode(folder, words);
  expect(/^Report: /m.test(output), output);
  for (const file of ['metrics.json', 'report.html', 'loss.png'])
    expect(existsSync(path.join(folder, 'run', file)), `the run left no ${file}`);
}

export async function withoutExperiments() {
  const output = await torchNode(state.first, ['cifar10', 'part1'], { code: 1, env: environment });
  expect(/npm install torch-node-cifar10/.test(output), output);
}

export async function experimentsWithNpm() {
  const folder = project('experiments-npm');
  await install(folder, state.experiments);
  await experiment(folder);
}

export async function experimentsWithPnpm() {
  const folder = project('experiments-pnpm');
  const pnpm = path.join(root, 'node_modules', '.bin', 'pnpm');
  const options = ['--ignore-scripts', '--prefer-offline', '--store-dir', path.join(base, 'pnpm-store')];
  await run(pnpm, ['add', ...options, state.tarball, state.experiments], {
    cwd: folder,
    env: { ...plain, CI: '1' },
    shell: windows,
  });
  await experiment(folder);
}
