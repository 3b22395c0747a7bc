// The package's types, with nothing but `strict`, and the project that `torch-node init` writes.
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { base, environment, expect, node, npm, project, state, tool, torchNode } from './settings.mjs';

export async function types() {
  const use = `
    const x: torch.Tensor = torch.default.ones([2, 3]);
    const net = new torch.nn.Sequential(new torch.nn.Linear(3, 1));
    export const y: number | bigint | boolean | object = net.forward(x).sum().item();
    export const shape: readonly number[] = torch.default.tensor([1, 2, 3]).shape;
    export const scope: Disposable = torch.openScope();
  `;
  const others = `
    import { resnet18 } from 'torch-node/models';
    export const more = [resnet18];
  `;
  const tsc = tool('typescript', 'tsc');
  const folders = {
    types: ['use.ts', `import * as torch from 'torch-node';\n${others}${use}`, {}],
    'types-esm': ['use.mts', `import * as torch from 'torch-node';\n${others}${use}`, { module: 'nodenext' }],
    'types-cjs': [
      'use.cts',
      `import torch = require('torch-node');\n${others}${use}`,
      { module: 'nodenext' },
    ],
  };
  for (const [name, [file, text, module]] of Object.entries(folders)) {
    const compilerOptions = { strict: true, noEmit: true, ...module };
    const folder = project(name, { [file]: text, 'tsconfig.json': JSON.stringify({ compilerOptions }) });
    cpSync(path.join(state.first, 'node_modules'), path.join(folder, 'node_modules'), {
      recursive: true,
      verbatimSymlinks: true,
    });
    await node([tsc, '-p', '.'], { cwd: folder });
  }
}

export async function template() {
  const folder = path.join(base, 'my-experiment');
  await torchNode(state.first, ['init', folder]);
  const manifest = path.join(folder, 'package.json');
  // The package of this version may not be published yet.
  const text = readFileSync(manifest, 'utf8').replace(
    /"torch-node": "\^[^"]*"/,
    `"torch-node": "file:${state.tarball}"`,
  );
  writeFileSync(manifest, text);
  await npm(['install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline'], { cwd: folder });
  const output = await npm(['start'], { cwd: folder, env: environment });
  const accuracy = Number(/accuracy on new points: ([\d.]+) %/.exec(output)?.[1]);
  expect(accuracy > 90, output);
  return `accuracy ${accuracy} %`;
}
