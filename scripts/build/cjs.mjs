// Makes cjs/, the package as CommonJS, from dist/: for require() where Node cannot require ES modules, and for test runners
// that turn everything to CommonJS. Types are copied, since TypeScript goes by where they lie.
//
// The command line, the DataLoader's worker and what scripts import are left out: they run from dist/.
import { transformFile } from '@swc/core';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const dist = path.join(root, 'dist');
const out = path.join(root, 'cjs');
const isWanted = (name) => /^(index|torch|models\/index|chunks\/.*)\.js$/.test(name);

// What the package imports when it needs it is required, which test runners know how to do, unless it is there as an ES module
// only. An import of a module whose name is known at run time only stays one: it is a user's, and may be an ES module.
const TO_MODULE = `const $toModule = (module) => (module && module.__esModule ? module : { ...module, default: module });`;
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
cpSync(dist, out, {
  recursive: true,
  filter: (source) => !source.endsWith('.js') && !source.startsWith(path.join(dist, 'cli')),
});
const names = readdirSync(dist, { recursive: true })
  .map((name) => name.split(path.sep).join('/'))
  .filter(isWanted);
for (const name of names) {
  const { code } = await transformFile(path.join(dist, name), {
    configFile: false,
    swcrc: false,
    jsc: { target: 'es2023' },
    module: { type: 'commonjs', ignoreDynamic: true },
  });
  const text = code.replace(literalImport, (written, _quote, module) =>
    isModule(module) ? written : `(async () => $toModule(require('${module}')))()`,
  );
  const target = path.join(out, name);
  mkdirSync(path.dirname(target), { recursive: true });
  writeFileSync(target, text === code ? text : text.replace(/^"use strict";\n/, `$&${TO_MODULE}\n`));
}
writeFileSync(path.join(out, 'package.json'), '{ "type": "commonjs" }\n');
