// For tests that need a second process: the files that install libtorch, turned to JavaScript outside of dist/, so that
// it does not matter whether and when that was built.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';

const root = path.resolve(__dirname, '..', '..');

/** Compiles lib/files and lib/install. Gives the folder, from which installed packages can be imported. */
export function compileLib(): string {
  const base = path.join(root, 'node_modules', '.cache');
  mkdirSync(base, { recursive: true });
  const out = mkdtempSync(path.join(base, 'torch-node-test-'));
  writeFileSync(path.join(out, 'package.json'), '{ "type": "module" }');
  for (const room of ['files', 'install']) {
    mkdirSync(path.join(out, room));
    for (const name of readdirSync(path.join(root, 'lib', room))) {
      const source = readFileSync(path.join(root, 'lib', room, name), 'utf8');
      const { outputText } = ts.transpileModule(source, {
        compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
      });
      writeFileSync(path.join(out, room, name.replace(/\.ts$/, '.js')), outputText);
    }
  }
  return out;
}

export function removeCompiled(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}
