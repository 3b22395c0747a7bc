// What npm runs after it has installed the package, where it runs such scripts.
//
// In a clone it compiles everything and fails where that fails. In an installed package it gets libtorch's CPU variant at
// best effort: whatever happens the installation succeeds, since `npx torch-node install` can do the same later.
//
// TORCH_NODE_SKIP_INSTALL=1 leaves it all out; TORCH_NODE_OFFLINE=1 keeps it from the network.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
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
  const { compileTypeScript, typeScriptIsCurrent } = await import('./ts.mjs');
  const { addonIsCurrent, buildAddon, report } = await import('./addon.mjs');
  try {
    const compiled = typeScriptIsCurrent();
    // npm runs this twice, since the workspace links to the package, and npx once more.
    if (compiled && addonIsCurrent() && tryAddon() === undefined) return;
    if (!compiled) {
      log('torch-node: compiling TypeScript');
      compileTypeScript();
    }
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
