// The package inside a bundle, which has no native part beside it: what is to be done is said, and no path of a bundler's.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { build } from 'esbuild';

const folder = mkdtempSync(path.join(tmpdir(), 'bundle-'));
afterAll(() => rmSync(folder, { recursive: true }));

it.each([
  ['esm', 'mjs'],
  ['cjs', 'cjs'],
] as const)('%s', async (format, ending) => {
  const entry = path.join(folder, 'entry.mjs');
  const outfile = path.join(folder, `out.${ending}`);
  writeFileSync(
    entry,
    `import torch from ${JSON.stringify(path.resolve(__dirname, '../../dist/index.js'))}; torch.ones([2]);\n`,
  );
  await build({ entryPoints: [entry], bundle: true, platform: 'node', format, outfile, logLevel: 'silent' });
  const { status, stderr } = spawnSync(process.execPath, [outfile], { encoding: 'utf8' });
  expect(status).toBe(1);
  expect(stderr).toContain(
    'torch-node was put into a bundle, and its native part cannot be found from there.',
  );
  expect(stderr).toContain('esbuild --external:torch-node');
});
