// Makes cjs/, the package as CommonJS, from lib/: for require() where Node cannot require ES modules, and for test runners
// that turn everything to CommonJS. Types are those of dist/, copied, since TypeScript goes by where they lie.
//
// The command line and the DataLoader's worker are left out: they run in processes and threads of their own, from dist/.
import { transformFile } from '@swc/core';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const lib = path.join(root, 'lib');
const out = path.join(root, 'cjs');
const leftOut = (name) => name.startsWith('cli/') || name === 'data/loader/worker.ts';

// What the package imports when it needs it is required, which test runners know how to do, unless it is there as an ES module
// only. An import of a module whose name is known at run time only stays one: it is a user's, and may be an ES module.
const load = `const load = (module) => (module && module.__esModule ? module : { ...module, default: module });`;
const literalImport = /\bimport\((['"])([^'"]+)\1\)/g;

function isModule(name) {
  if (/^(\.|node:)/.test(name)) return false;
  const folder = name.split('/', name.startsWith('@') ? 2 : 1).join('/');
  return (
    JSON.parse(readFileSync(path.join(root, 'node_modules', folder, 'package.json'), 'utf8')).type ===
    'module'
  );
}

rmSync(out, { recursive: true, force: true });
const names = readdirSync(lib, { recursive: true })
  .map((name) => name.split(path.sep).join('/'))
  .filter((name) => name.endsWith('.ts') && !leftOut(name));
for (const name of names) {
  const { code } = await transformFile(path.join(lib, name), {
    configFile: false,
    swcrc: false,
    jsc: { target: 'es2023', parser: { syntax: 'typescript' } },
    module: { type: 'commonjs', ignoreDynamic: true },
  });
  const text = code.replace(literalImport, (written, _quote, module) =>
    isModule(module) ? written : `(async () => load(require('${module}')))()`,
  );
  const lazy = text !== code;
  const target = path.join(out, name.replace(/\.ts$/, '.js'));
  mkdirSync(path.dirname(target), { recursive: true });
  writeFileSync(target, lazy ? text.replace(/^"use strict";\n/, `$&${load}\n`) : text);
}
for (const name of names) {
  const types = name.replace(/\.ts$/, '.d.ts');
  copyFileSync(path.join(root, 'dist', types), path.join(out, types));
}
writeFileSync(path.join(out, 'package.json'), '{ "type": "commonjs" }\n');
