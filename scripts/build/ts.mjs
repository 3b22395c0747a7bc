// `npm run build:ts`: compiles the TypeScript of the package and of its workspaces into a dist/ in each.
import { spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { isCurrent, madeOf } from './sources.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));

const HOVERS = path.join(root, 'scripts/build/hovers.d.ts');

/** In the order in which they depend on one another. */
const PROJECTS = ['.', 'experiments/cifar10'];

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
  try {
    tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
  } catch {
    throw new Error(
      'The TypeScript sources have to be compiled, but typescript is not installed: npm install --include=dev',
    );
  }
  linkWorkspaces();
  for (const project of PROJECTS) {
    const args = [tsc, '-p', path.join(project, 'tsconfig.build.json'), '--noEmitOnError'];
    const { status, stdout } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
    if (status !== 0) throw new Error(`The TypeScript sources cannot be compiled:\n${stdout.trim()}`);
    removeLeftOvers(path.join(root, project));
    if (project === '.')
      appendFileSync(path.join(root, 'dist/index.d.ts'), `\n${readFileSync(HOVERS, 'utf8')}`);
    madeOf(path.posix.join(project, 'dist'), sourcesOf(project));
  }
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

/** Takes away what was compiled from files that are there no more: it would go into the package. */
function removeLeftOvers(folder) {
  const dist = path.join(folder, 'dist');
  for (const name of readdirSync(dist, { recursive: true })) {
    const source = path.join(folder, 'lib', name.replace(/(\.d)?\.(ts|js)$/, '.ts'));
    if (!existsSync(source)) rmSync(path.join(dist, name), { recursive: true, force: true });
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
