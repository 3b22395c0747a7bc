// What npm runs after it has installed the package, where it runs such scripts.
//
// In a clone it compiles everything and fails where that fails. In an installed package it gets libtorch's CPU variant at
// best effort: whatever happens the installation succeeds, since `npx torch-node install` can do the same later.
//
// TORCH_NODE_SKIP_INSTALL=1 leaves it all out; TORCH_NODE_OFFLINE=1 keeps it from the network.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = (file) => import(pathToFileURL(path.join(root, 'dist', file)).href);
const log = (line) => console.log(line);

async function main() {
  if (process.env.TORCH_NODE_SKIP_INSTALL === '1')
    return log('torch-node: TORCH_NODE_SKIP_INSTALL=1, nothing is done');
  if (existsSync(path.join(root, 'lib'))) return inClone();
  try {
    const { setUp } = await dist('cli/setup.js');
    const { libtorch, notes } = await setUp({ variant: 'cpu', log });
    log(`torch-node: libtorch ${libtorch.version} (${libtorch.variant}) is in ${libtorch.folder}`);
    for (const note of notes) log(`torch-node: ${note}`);
  } catch (error) {
    log(`torch-node: ${error.message}\nTo try again later: npx torch-node install`);
  }
}

async function inClone() {
  const { buildAddon, report } = await import('./build-addon.mjs');
  try {
    compileTypeScript();
    const { findLibtorch } = await dist('install/locate.js');
    const { installLibtorch } = await dist('install/install.js');
    const { found, attempts } = findLibtorch();
    const libtorch = found ?? (await installLibtorch({ log, attempts }));
    log(
      `torch-node: libtorch ${libtorch.version}, ${libtorch.folder}${libtorch.how ? ` (${libtorch.how})` : ''}`,
    );
    await buildAddon(libtorch);
    const failure = tryAddon();
    if (failure) throw new Error(`The addon was compiled but cannot be loaded: ${failure}`);
  } catch (error) {
    report(error);
  }
}

/** In a clone the compiled TypeScript is not there yet, or is older than its sources. */
function compileTypeScript() {
  const sources = path.join(root, 'lib');
  if (!existsSync(sources) || newest(sources) <= newest(path.join(root, 'dist'))) return;
  let tsc;
  try {
    tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
  } catch {
    if (existsSync(path.join(root, 'dist'))) return;
    throw new Error(
      'The TypeScript sources have to be compiled, but typescript is not installed: npm install --include=dev',
    );
  }
  log('torch-node: compiling TypeScript');
  const args = [tsc, '-p', 'tsconfig.build.json', '--noEmitOnError'];
  const { status, stdout } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
  if (status !== 0) throw new Error(`The TypeScript sources cannot be compiled:\n${stdout.trim()}`);
}

/** When the youngest file below a folder was written; 0 without any. */
function newest(folder) {
  if (!existsSync(folder)) return 0;
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  return Math.max(
    0,
    ...files.map((entry) => statSync(path.join(entry.parentPath ?? entry.path, entry.name)).mtimeMs),
  );
}

/** Loads the addon in a process of its own, since a wrong one may take the process down. Gives what went wrong. */
function tryAddon() {
  const loader = pathToFileURL(path.join(root, 'dist', 'native', 'load.js')).href;
  const script = `
    import { loadAddon } from ${JSON.stringify(loader)};
    try { loadAddon(); } catch (error) { console.error(error.message); process.exitCode = 1; }`;
  const { status, signal, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    timeout: 120_000,
  });
  return status === 0 ? undefined : stderr.trim() || `ended with ${signal ?? `code ${status}`}`;
}

await main();
