// `npm run build:ts`: compiles the TypeScript of the package and of its workspaces into a dist/ in each.
//
// The library's own dist/ has one declaration file for each source file. Its code is put together into few files, since Node
// takes a third of a millisecond to find, read and compile each: what several entries share lies in dist/chunks.
import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { isCurrent, madeOf } from './sources.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));

const HOVERS = path.join(root, 'scripts/build/hovers.d.ts');

/** In the order in which they depend on one another. */
const PROJECTS = ['.', 'experiments/cifar10'];

/** What is imported from dist/: by users, by Node as a command or a thread, and by the scripts of this folder. */
const ENTRIES = [
  'torch',
  'models/index',
  'cli/main',
  'data/loader/worker',
  // Scripts import these, some of them where the native part is missing.
  'cli/setup',
  'files/cache',
  'files/child',
  'install/install',
  'install/locate',
  'install/manifest',
  'install/versions',
  'native/load',
  'native/platform',
];

const sourcesOf = (project) =>
  ['lib', 'tsconfig.build.json']
    .map((name) => path.posix.join(project, name))
    .concat('tsconfig.json', 'scripts/build/hovers.d.ts');

/** Whether all that is compiled is there, and of the sources as they are. */
export function typeScriptIsCurrent() {
  return PROJECTS.every(
    (project) =>
      existsSync(path.join(root, project, 'dist', 'index.js')) &&
      isCurrent(path.posix.join(project, 'dist'), sourcesOf(project)),
  );
}

/** Compiles everything. Throws an error with the compiler's words when that fails. */
export function compileTypeScript() {
  let tsc;
  let esbuild;
  try {
    const require = createRequire(import.meta.url);
    tsc = require.resolve('typescript/bin/tsc');
    esbuild = require('esbuild');
  } catch {
    throw new Error(
      'The TypeScript sources have to be compiled, but typescript or esbuild is not installed: npm install --include=dev',
    );
  }
  linkWorkspaces();
  for (const project of PROJECTS) {
    const library = project === '.';
    const args = [tsc, '-p', path.join(project, 'tsconfig.build.json'), '--noEmitOnError'];
    if (library) args.push('--emitDeclarationOnly');
    const { status, stdout } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
    if (status !== 0) throw new Error(`The TypeScript sources cannot be compiled:\n${stdout.trim()}`);
    removeLeftOvers(path.join(root, project), library ? bundle(esbuild) : undefined);
    if (library) appendFileSync(path.join(root, 'dist/index.d.ts'), `\n${readFileSync(HOVERS, 'utf8')}`);
    madeOf(path.posix.join(project, 'dist'), sourcesOf(project));
  }
}

/** Puts the library's code together. Gives the files that were written, by their paths in dist/. */
function bundle(esbuild) {
  const { metafile, outputFiles } = esbuild.buildSync({
    absWorkingDir: root,
    entryPoints: ENTRIES.map((name) => `lib/${name}.ts`),
    outbase: 'lib',
    outdir: 'dist',
    chunkNames: 'chunks/[name]-[hash]',
    bundle: true,
    splitting: true,
    packages: 'external',
    format: 'esm',
    platform: 'node',
    target: 'es2023',
    keepNames: true,
    metafile: true,
    write: false,
  });
  for (const { path: file, text } of outputFiles) {
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, namingClassesOnly(text));
  }
  // index.ts stays a file of its own: tools see its default export, which is the module of all the others, by its syntax.
  const { code } = esbuild.transformSync(readFileSync(path.join(root, 'lib/index.ts'), 'utf8'), {
    loader: 'ts',
    target: 'es2023',
  });
  writeFileSync(path.join(root, 'dist/index.js'), code);
  const outputs = Object.entries(metafile.outputs);
  for (const [file, { entryPoint, inputs }] of outputs)
    if (entryPoint && inputs['lib/native/place.ts'])
      throw new Error(`lib/native/place.ts has to lie in a chunk, and would be part of ${file}`);
  return new Set(['index.js', ...outputs.map(([file]) => path.relative('dist', file))]);
}

/**
 * Classes go on having their own names, which modules print. Of functions nobody asks, and naming those that are made anew at
 * each call took a twentieth of a small training step.
 */
function namingClassesOnly(text) {
  const helper = 'var __name = (target, value) => ';
  return text
    .replace(/^ *__name\((\w+), "\1"\);\n/gm, '')
    .replace(helper, `${helper}target.prototype === void 0 ? target : `);
}

/** The links that npm makes of workspaces: missing in a checkout whose node_modules are older than these. */
function linkWorkspaces() {
  for (const [name, target] of [
    ['torch-node', '..'],
    ['torch-node-cifar10', '../experiments/cifar10'],
  ]) {
    const link = path.join(root, 'node_modules', name);
    if (!existsSync(link)) symlinkSync(target, link, 'junction');
  }
}

/** Takes away what was compiled from files that are there no more: it would go into the package. `code`: see bundle(). */
function removeLeftOvers(folder, code) {
  const dist = path.join(folder, 'dist');
  for (const name of readdirSync(dist, { recursive: true })) {
    const source = path.join(folder, 'lib', name.replace(/(\.d)?\.(ts|js)$/, '.ts'));
    const wanted =
      code && /(\.js|^chunks)$/.test(name) ? code.has(name) || name === 'chunks' : existsSync(source);
    if (!wanted) rmSync(path.join(dist, name), { recursive: true, force: true });
  }
}

if (process.argv[1] && path.resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    compileTypeScript();
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}
