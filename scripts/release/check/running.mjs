// Ways in which people run it: threads, CommonJS, bundlers, test runners, other versions of Node.
import { cpSync, existsSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test, worker } from './programs.mjs';
import { node, project, root, run, skip, state, tool, trained, values, expect } from './settings.mjs';

export async function inWorkers() {
  writeFileSync(path.join(state.first, 'worker.mjs'), worker);
  trained(await node(['worker.mjs'], { cwd: state.first }));
}

export async function inCommonJs() {
  trained(await node(['train.cjs'], { cwd: state.first }));
  // As on a Node that cannot require ES modules.
  const [major, minor] = process.versions.node.split('.').map(Number);
  const can = major > 22 || (major === 22 && minor >= 12) || (major === 20 && minor >= 19);
  const flags = can ? ['--no-experimental-require-module'] : [];
  trained(await node([...flags, 'train.cjs'], { cwd: state.first }));
  // Where both are there, they are one: a tensor of the one is a tensor for the other.
  const both = `
        import { createRequire } from 'node:module';
        import * as esm from 'torch-node';
    const cjs = createRequire(import.meta.url)('torch-node');
    if (${can} && cjs.Tensor !== esm.Tensor) throw new Error('there are two of them');
    console.log('trained');`;
  writeFileSync(path.join(state.first, 'both.mjs'), both);
  trained(await node(['both.mjs'], { cwd: state.first }));
}

export async function withEsbuild() {
  const esbuild = tool('esbuild');
  for (const format of ['esm', 'cjs']) {
    const out = `bundled.${format === 'esm' ? 'mjs' : 'cjs'}`;
    const args = ['train.mjs', '--bundle', '--platform=node', `--format=${format}`, '--external:torch-node'];
    await run(esbuild, [...args, `--outfile=${out}`], { cwd: state.first });
    trained(await node([out], { cwd: state.first }));
  }
}

export async function inJest() {
  const folder = project('jest', {
    'train.test.cjs': `const { default: torch, nn, optim } = require('torch-node');\n${test}`,
    'jest.config.json': '{ "testMatch": ["**/*.test.cjs"] }',
  });
  cpSync(path.join(state.first, 'node_modules'), path.join(folder, 'node_modules'), {
    recursive: true,
    verbatimSymlinks: true,
  });
  const output = await node([tool('jest'), '--config', 'jest.config.json'], { cwd: folder });
  expect(/1 passed/.test(output), output);
}

export async function inVitest() {
  const folder = project('vitest', {
    'train.test.ts': `import { test } from 'vitest';\nimport torch, { nn, optim } from 'torch-node';\n${test.replace('const losses = []', 'const losses: number[] = []').replace('losses.at(-1)', 'losses.at(-1)!').replace('losses[0]', 'losses[0]!')}`,
  });
  const modules = path.join(folder, 'node_modules');
  cpSync(path.join(state.first, 'node_modules'), modules, { recursive: true, verbatimSymlinks: true });
  // vitest is this checkout's; it is not part of what is checked.
  if (!existsSync(path.join(modules, 'vitest')))
    symlinkSync(path.join(root, 'node_modules', 'vitest'), path.join(modules, 'vitest'));
  const output = await node([tool('vitest'), 'run'], { cwd: folder });
  expect(/1 passed/.test(output), output);
}

export async function otherNodes() {
  if (values.node.length === 0) return skip('no other Node was named (--node)');
  const versions = [];
  for (const each of values.node) {
    const version = (await run(each, ['--version'])).trim();
    for (const script of ['train.mjs', 'train.cjs', 'worker.mjs'])
      trained(await run(each, [script], { cwd: state.first }));
    await run(each, [path.join('node_modules', 'torch-node', 'bin', 'torch-node.js'), 'doctor'], {
      cwd: state.first,
    });
    versions.push(version);
  }
  return versions.join(', ');
}
