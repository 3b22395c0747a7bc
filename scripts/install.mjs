// What npm runs after it has installed the package: ends with an addon that loads, or with a list of what was tried.
//
// TORCH_NODE_SKIP_INSTALL=1 leaves it all out; TORCH_NODE_OFFLINE=1 keeps it from the network.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { buildAddon, report } from './build-addon.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = (file) => import(pathToFileURL(path.join(root, 'dist', file)).href);
const log = (line) => console.log(line);

async function main() {
  if (process.env.TORCH_NODE_SKIP_INSTALL === '1')
    return log('torch-node: TORCH_NODE_SKIP_INSTALL=1, nothing is done');
  compileTypeScript();
  const { findLibtorch } = await dist('libtorch/locate.js');
  const { installLibtorch } = await dist('libtorch/install.js');
  const { findPrebuild } = await dist('native/load.js');

  const prebuilt = findPrebuild();
  const built = prebuilt && readBuildInfo(prebuilt);
  // A prebuilt binary fits one minor version only, so one of that is looked for first.
  const fitting = built && findLibtorch({ minor: built.minor }).found;
  const { found, attempts } = fitting ? { found: fitting } : findLibtorch();
  const version = built?.libtorch.split('+')[0];
  const libtorch = found ?? (await installLibtorch({ log, attempts, ...(version && { version }) }));
  log(
    `torch-node: libtorch ${libtorch.version}, ${libtorch.folder}${libtorch.how ? ` (${libtorch.how})` : ''}`,
  );

  if (built) {
    const failure = tryAddon(prebuilt);
    if (!failure) return log(`torch-node: the prebuilt binary ${path.relative(root, prebuilt)} works`);
    log(`torch-node: the prebuilt binary does not work here, so it is compiled. (${failure})`);
  }
  await buildAddon(libtorch);
  const failure = tryAddon(path.join(root, 'build', 'Release', 'torch_node.node'));
  if (failure) throw new Error(`The addon was compiled but cannot be loaded: ${failure}`);
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

function readBuildInfo(addon) {
  const file = path.join(path.dirname(addon), 'torch_node.json');
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
}

/** Loads an addon in a process of its own, since a wrong one may take the process down. Gives what went wrong. */
function tryAddon(addon) {
  const loader = pathToFileURL(path.join(root, 'dist', 'native', 'load.js')).href;
  const script = `
    import { loadAddon } from ${JSON.stringify(loader)};
    try { loadAddon(); } catch (error) { console.error(error.message); process.exitCode = 1; }`;
  const { status, signal, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    env: { ...process.env, TORCH_NODE_ADDON: addon },
    encoding: 'utf8',
    timeout: 120_000,
  });
  return status === 0 ? undefined : stderr.trim() || `ended with ${signal ?? `code ${status}`}`;
}

await main().catch(report);
