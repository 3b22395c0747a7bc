// Checks the package as users get it: packs it, installs the tarball in empty folders in the ways that people do, and
// trains in each. Prints a line `ok NAME` for each check, and ends with code 1 if one fails.
//
//   node scripts/release-check.mjs [--wheels DIR] [--tarball FILE] [--node NODE]... [--cuda DIR] [--only a,b] [--keep]
//
// --wheels is a folder with a wheel of torch for the CPU (by default pip is asked for one); installing is offline from
// there. --node names further Nodes to train with; --cuda is a folder to fetch the CUDA set of 2.14 into (nine gigabytes while
// that lasts), to load it and train on the CPU. Prebuilt binaries have to be there: npm run prebuild.
import { spawn } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
} from 'node:fs';
import { lstatSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
const { values } = parseArgs({
  options: {
    wheels: { type: 'string' },
    tarball: { type: 'string' },
    node: { type: 'string', multiple: true, default: [] },
    only: { type: 'string' },
    cuda: { type: 'string' },
    keep: { type: 'boolean' },
  },
});
const LIMITS = { megabytes: 5, seconds: 60 };
/** Of disk: the wheels, and what is unpacked of them. */
const CUDA_GIGABYTES = 12;
const NOBODY = 65534;
/** A user whom no list of users has, as containers have them. */
const NAMELESS = 54321;

const base = mkdtempSync(path.join(tmpdir(), 'torch-node-release-'));
chmodSync(base, 0o755);
const cache = path.join(base, 'cache');

// What a user's shell has, without what this checkout or this machine set for torch-node.
const plain = Object.fromEntries(
  Object.entries(process.env).filter(
    ([name]) => !/^(TORCH_NODE_|LIBTORCH$|LD_LIBRARY_PATH$|PYTHONPATH$|NODE_OPTIONS$|npm_)/.test(name),
  ),
);
const environment = { ...plain, TORCH_NODE_CACHE: cache, TORCH_NODE_OFFLINE: '1', CI: '1' };

/** Runs a program to its end. Throws an error with its output unless it ends with the expected code. */
function run(command, args, { cwd = base, env = environment, code = 0, timeout = 300_000, ...options } = {}) {
  return new Promise((done, failed) => {
    const child = spawn(command, args, { cwd, env, timeout, stdio: ['ignore', 'pipe', 'pipe'], ...options });
    let output = '';
    child.stdout.on('data', (data) => (output += data));
    child.stderr.on('data', (data) => (output += data));
    child.on('error', failed);
    child.on('close', (status, signal) => {
      if (status === code) done(output);
      else
        failed(
          new Error(`${command} ${args.join(' ')} (in ${cwd}) ended with ${status ?? signal}:\n${output}`),
        );
    });
  });
}
const node = (args, options) => run(process.execPath, args, options);
const windows = process.platform === 'win32';
const npm = (args, options) =>
  run('npm', args, { ...options, env: { ...plain, ...options?.env }, shell: windows });
/** What `npx torch-node` runs. */
const torchNode = (folder, args, options) =>
  windows
    ? node([path.join(folder, 'node_modules', 'torch-node', 'bin', 'torch-node.js'), ...args], {
        cwd: folder,
        ...options,
      })
    : run(path.join(folder, 'node_modules', '.bin', 'torch-node'), args, { cwd: folder, ...options });

/** The script of a tool that an npm package brings. */
function tool(name, bin = name) {
  // By its path: not every package lets its package.json be asked for.
  const manifest = path.join(root, 'node_modules', name, 'package.json');
  const entry = JSON.parse(readFileSync(manifest, 'utf8')).bin;
  return path.join(path.dirname(manifest), typeof entry === 'string' ? entry : entry[bin]);
}

function expect(truth, message) {
  if (!truth) throw new Error(message);
}

/** A folder with a project in it that has nothing yet. */
function project(name, files = {}) {
  const folder = path.join(base, name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, 'package.json'), '{ "private": true, "type": "module" }\n');
  for (const [file, text] of Object.entries({ 'train.mjs': esm, 'train.cjs': commonJs, ...files })) {
    writeFileSync(path.join(folder, file), text);
  }
  return folder;
}

const training = `
  torch.manualSeed(0);
  const net = new nn.Sequential(new nn.Linear(4, 16), new nn.ReLU(), new nn.Linear(16, 1));
  const sgd = new optim.SGD(net.parameters(), { lr: 0.1 });
  const x = torch.randn([64, 4]);
  const y = x.sum([1], { keepdim: true });
  const losses = [];
  for (let step = 0; step < 50; step++) {
    torch.scope(() => {
      sgd.zeroGrad();
      const loss = new nn.MSELoss().forward(net.forward(x), y);
      loss.backward();
      sgd.step();
      losses.push(loss.item());
    });
  }
  if (!(losses.at(-1) < losses[0] / 4)) throw new Error('it does not learn: ' + losses.join(' '));
`;
const esm = `import torch, { nn, optim } from 'torch-node';\n${training}\nconsole.log('trained', torch.version);\n`;
const commonJs = `const { default: torch, nn, optim } = require('torch-node');\n${training}\nconsole.log('trained', torch.version);\n`;
const worker = `
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
if (isMainThread) {
  const ends = [0, 1].map(() => new Promise((done, failed) => {
    new Worker(new URL(import.meta.url)).on('message', done).on('error', failed);
  }));
  console.log(...(await Promise.all(ends)));
} else {
  const { default: torch, nn, optim } = await import('torch-node');
  ${training}
  parentPort.postMessage('trained');
}
`;
const trained = (output) => expect(/^trained/m.test(output), `it did not train:\n${output}`);

let wheels = values.wheels && path.resolve(values.wheels);
let tarball = values.tarball && path.resolve(values.tarball);

async function pack() {
  if (!tarball) {
    const output = await npm(['pack', '--ignore-scripts', '--pack-destination', base, '--json'], {
      cwd: root,
    });
    tarball = path.join(base, JSON.parse(output.slice(output.indexOf('[')))[0].filename);
  }
  const listing = await run('tar', ['-tzf', tarball]);
  const allowed =
    /^package\/(bin|cjs|dist|native|prebuilds|template)\/|^package\/scripts\/(install|build-addon|sources)\.mjs$|^package\/(package\.json|README\.md|CHANGELOG\.md|LICENSE|THIRD_PARTY_NOTICES\.md|CMakeLists\.txt)$/;
  const names = listing.trim().split('\n');
  const strange = names.filter((name) => !allowed.test(name) || /\.(so|dll|dylib|lib|a)(\.\d+)*$/.test(name));
  expect(strange.length === 0, `the package holds what it should not: ${strange.join(', ')}`);
  for (const part of ['dist/index.js', 'dist/index.d.ts', 'cjs/index.js', 'cjs/index.d.ts', 'LICENSE'])
    expect(names.includes(`package/${part}`), `the package lacks ${part}`);
  const prebuilt = names.filter((name) => /^package\/prebuilds\/.*torch-node-.*\.node$/.test(name));
  expect(prebuilt.length > 0, 'the package has no prebuilt binary: npm run prebuild');
  const megabytes = statSync(tarball).size / 1e6;
  expect(megabytes < LIMITS.megabytes, `the package has ${megabytes} MB`);
  return `${megabytes.toFixed(2)} MB, ${prebuilt.map((name) => path.basename(name)).join(', ')}`;
}

async function getWheel() {
  if (!wheels) {
    wheels = path.join(base, 'wheels');
    const requirement = 'torch==2.13.0' + (process.platform === 'darwin' ? '' : '+cpu');
    const options = ['--retries', '0', '--no-deps', '--only-binary', ':all:'];
    await run(
      windows ? 'python' : 'python3',
      ['-m', 'pip', 'download', ...options, '-d', wheels, requirement],
      { env: plain },
    );
  }
  return readdirSync(wheels)
    .filter((name) => name.startsWith('torch-'))
    .join(', ');
}

const install = (folder) =>
  npm(['install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', tarball], {
    cwd: folder,
  });

let first;
async function withNpm() {
  first = project('npm');
  const start = Date.now();
  await install(first);
  const missing = await node(['train.mjs'], {
    cwd: first,
    code: 1,
    env: { ...environment, PATH: '/nowhere' },
  });
  expect(/To install it, run\s+npx torch-node install/.test(missing), `the error does not help:\n${missing}`);
  await torchNode(first, ['install', '--from', wheels]);
  trained(await node(['train.mjs'], { cwd: first }));
  const seconds = (Date.now() - start) / 1000;
  expect(seconds < LIMITS.seconds, `from the tarball to the first steps took ${seconds} s`);
  return `from the tarball to trained in ${seconds.toFixed(1)} s`;
}

async function withPip() {
  const env = { ...environment, TORCH_NODE_CACHE: path.join(base, 'cache-pip'), TORCH_NODE_OFFLINE: '' };
  Object.assign(env, { PIP_NO_INDEX: '1', PIP_FIND_LINKS: wheels });
  const output = await torchNode(first, ['install', '--variant', 'cpu', '--force'], { env });
  expect(output.includes('trying pip download'), output);
  trained(await node(['train.mjs'], { cwd: first, env: { ...env, PATH: '/nowhere' } }));
  await torchNode(first, ['uninstall', '--all'], { env });
  const listed = await torchNode(first, ['list'], { env });
  expect(/nothing/.test(listed), `uninstall left something:\n${listed}`);
}

async function withScripts() {
  const folder = project('scripts');
  const env = {
    TORCH_NODE_CACHE: path.join(base, 'cache-scripts'),
    PIP_NO_INDEX: '1',
    PIP_FIND_LINKS: wheels,
  };
  // The script has npm's dependencies to run with, and nothing else to get libtorch from than the folder of wheels.
  await npm(['install', '--no-audit', '--no-fund', '--prefer-offline', tarball], { cwd: folder, env });
  await node([path.join('node_modules', 'torch-node', 'scripts', 'install.mjs')], {
    cwd: folder,
    env: { ...plain, ...env },
  });
  trained(await node(['train.mjs'], { cwd: folder, env: { ...environment, ...env } }));
  // Without any source it says so and succeeds.
  const none = { ...environment, TORCH_NODE_CACHE: path.join(base, 'cache-none'), PATH: '/nowhere' };
  const output = await node([path.join('node_modules', 'torch-node', 'scripts', 'install.mjs')], {
    cwd: folder,
    env: none,
  });
  expect(/try again later: npx torch-node install/.test(output), output);
}

async function withPnpm() {
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
    tarball,
  ]);
  expect(
    lstatSync(path.join(folder, 'node_modules', 'torch-node')).isSymbolicLink(),
    'that is not the layout of pnpm',
  );
  const env = { ...environment, TORCH_NODE_CACHE: path.join(base, 'cache-pnpm') };
  await torchNode(folder, ['install', '--from', wheels], { env });
  trained(await node(['train.mjs'], { cwd: folder, env }));
  trained(await node(['worker.mjs'], { cwd: folder, env }));
}

async function withYarn() {
  const yarn = path.join(root, 'node_modules', '.bin', 'yarn');
  if (!existsSync(yarn)) return skip('yarn is not installed');
  const folder = project('yarn');
  await run(yarn, ['add', '--ignore-scripts', '--prefer-offline', '--no-lockfile', `file:${tarball}`], {
    cwd: folder,
    env: plain,
  });
  await torchNode(folder, ['install', '--from', wheels]);
  trained(await node(['train.mjs'], { cwd: folder }));
}

async function inWorkers() {
  writeFileSync(path.join(first, 'worker.mjs'), worker);
  trained(await node(['worker.mjs'], { cwd: first }));
}

async function inCommonJs() {
  trained(await node(['train.cjs'], { cwd: first }));
  // As on a Node that cannot require ES modules.
  const [major, minor] = process.versions.node.split('.').map(Number);
  const can = major > 22 || (major === 22 && minor >= 12) || (major === 20 && minor >= 19);
  const flags = can ? ['--no-experimental-require-module'] : [];
  trained(await node([...flags, 'train.cjs'], { cwd: first }));
  // Where both are there, they are one: a tensor of the one is a tensor for the other.
  const both = `
        import { createRequire } from 'node:module';
        import * as esm from 'torch-node';
    const cjs = createRequire(import.meta.url)('torch-node');
    if (${can} && cjs.Tensor !== esm.Tensor) throw new Error('there are two of them');
    console.log('trained');`;
  writeFileSync(path.join(first, 'both.mjs'), both);
  trained(await node(['both.mjs'], { cwd: first }));
}

async function withEsbuild() {
  const esbuild = tool('esbuild');
  for (const format of ['esm', 'cjs']) {
    const out = `bundled.${format === 'esm' ? 'mjs' : 'cjs'}`;
    const args = ['train.mjs', '--bundle', '--platform=node', `--format=${format}`, '--external:torch-node'];
    await run(esbuild, [...args, `--outfile=${out}`], { cwd: first });
    trained(await node([out], { cwd: first }));
  }
}

async function inOddPath() {
  const folder = project('my wild Übung — 実験');
  await install(folder);
  const env = { ...environment, TORCH_NODE_CACHE: path.join(folder, 'the cache — 倉庫') };
  await torchNode(folder, ['install', '--from', wheels], { env });
  trained(await node(['train.mjs'], { cwd: folder, env: { ...env, PATH: '/nowhere' } }));
  trained(await node(['train.cjs'], { cwd: folder, env: { ...env, PATH: '/nowhere' } }));
}

async function readOnly() {
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
  cpSync(wheels, wheelsForAll, { recursive: true, filter: (name) => !/nvidia_/.test(name) });
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

async function withoutHome() {
  if (process.getuid?.() !== 0) return skip('only root can become another user');
  const { HOME: _, ...homeless } = environment;
  const user = { uid: NAMELESS, gid: NAMELESS };
  trained(await node(['train.mjs'], { cwd: first, env: homeless, ...user }));
  const { TORCH_NODE_CACHE: __, ...lost } = homeless;
  const output = await node(['train.mjs'], {
    cwd: first,
    env: { ...lost, PATH: '/nowhere' },
    code: 1,
    ...user,
  });
  expect(/no home folder to put the cache in[^]*TORCH_NODE_CACHE/.test(output), output);
}

const test = `
test('trains', () => {
  ${training}
});
`;
async function inJest() {
  const folder = project('jest', {
    'train.test.cjs': `const { default: torch, nn, optim } = require('torch-node');\n${test}`,
    'jest.config.json': '{ "testMatch": ["**/*.test.cjs"] }',
  });
  cpSync(path.join(first, 'node_modules'), path.join(folder, 'node_modules'), {
    recursive: true,
    verbatimSymlinks: true,
  });
  const output = await node([tool('jest'), '--config', 'jest.config.json'], { cwd: folder });
  expect(/1 passed/.test(output), output);
}

async function inVitest() {
  const folder = project('vitest', {
    'train.test.ts': `import { test } from 'vitest';\nimport torch, { nn, optim } from 'torch-node';\n${test.replace('const losses = []', 'const losses: number[] = []').replace('losses.at(-1)', 'losses.at(-1)!').replace('losses[0]', 'losses[0]!')}`,
  });
  const modules = path.join(folder, 'node_modules');
  cpSync(path.join(first, 'node_modules'), modules, { recursive: true, verbatimSymlinks: true });
  // vitest is this checkout's; it is not part of what is checked.
  const { symlinkSync } = await import('node:fs');
  if (!existsSync(path.join(modules, 'vitest')))
    symlinkSync(path.join(root, 'node_modules', 'vitest'), path.join(modules, 'vitest'));
  const output = await node([tool('vitest'), 'run'], { cwd: folder });
  expect(/1 passed/.test(output), output);
}

async function types() {
  const use = `
    const x: torch.Tensor = torch.default.ones([2, 3]);
    const net = new torch.nn.Sequential(new torch.nn.Linear(3, 1));
    export const y: number | bigint | boolean | object = net.forward(x).sum().item();
    export const shape: readonly number[] = torch.default.tensor([1, 2, 3]).shape;
    export const scope: Disposable = torch.openScope();
  `;
  const others = `
    import { resnet18 } from 'torch-node/models';
    export const more = [resnet18];
  `;
  const tsc = tool('typescript', 'tsc');
  const folders = {
    types: ['use.ts', `import * as torch from 'torch-node';\n${others}${use}`, {}],
    'types-esm': ['use.mts', `import * as torch from 'torch-node';\n${others}${use}`, { module: 'nodenext' }],
    'types-cjs': [
      'use.cts',
      `import torch = require('torch-node');\n${others}${use}`,
      { module: 'nodenext' },
    ],
  };
  for (const [name, [file, text, module]] of Object.entries(folders)) {
    const compilerOptions = { strict: true, noEmit: true, ...module };
    const folder = project(name, { [file]: text, 'tsconfig.json': JSON.stringify({ compilerOptions }) });
    cpSync(path.join(first, 'node_modules'), path.join(folder, 'node_modules'), {
      recursive: true,
      verbatimSymlinks: true,
    });
    await node([tsc, '-p', '.'], { cwd: folder });
  }
}

async function template() {
  const folder = path.join(base, 'my-experiment');
  await torchNode(first, ['init', folder]);
  const manifest = path.join(folder, 'package.json');
  // The package of this version may not be published yet.
  const text = readFileSync(manifest, 'utf8').replace(
    /"torch-node": "\^[^"]*"/,
    `"torch-node": "file:${tarball}"`,
  );
  writeFileSync(manifest, text);
  await npm(['install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline'], { cwd: folder });
  const output = await npm(['start'], { cwd: folder, env: environment });
  const accuracy = Number(/accuracy on new points: ([\d.]+) %/.exec(output)?.[1]);
  expect(accuracy > 90, output);
  return `accuracy ${accuracy} %`;
}

async function otherNodes() {
  if (values.node.length === 0) return skip('no other Node was named (--node)');
  const versions = [];
  for (const each of values.node) {
    const version = (await run(each, ['--version'])).trim();
    for (const script of ['train.mjs', 'train.cjs', 'worker.mjs'])
      trained(await run(each, [script], { cwd: first }));
    await run(each, [path.join('node_modules', 'torch-node', 'bin', 'torch-node.js'), 'doctor'], {
      cwd: first,
    });
    versions.push(version);
  }
  return versions.join(', ');
}

/** The prebuilt addons of this platform in an installed package. */
function addonsOf(folder) {
  const place = path.join(
    folder,
    'node_modules',
    'torch-node',
    'prebuilds',
    `${process.platform}-${process.arch}`,
  );
  return readdirSync(place)
    .filter((name) => /^torch-node-.*\.node$/.test(name))
    .map((name) => path.join(place, name));
}

async function otherVersions() {
  const libtorch = path.join(
    cache,
    'libtorch',
    readdirSync(path.join(cache, 'libtorch')).find((name) => /^2/.test(name)),
  );
  const refused = [];
  for (const addon of addonsOf(first)) {
    const minor = /-(\d+\.\d+)/.exec(path.basename(addon))[1];
    const env = { ...environment, TORCH_NODE_ADDON: addon, TORCH_NODE_LIBTORCH: libtorch };
    const { version } = JSON.parse(await torchNode(first, ['list', '--json'])).used;
    if (version.startsWith(`${minor}.`)) {
      trained(await node(['train.mjs'], { cwd: first, env }));
      // The same with a libtorch of a later minor version, of which no more than its version is looked at.
      const later = path.join(base, 'later');
      cpSync(path.join(libtorch, 'build-version'), path.join(later, 'build-version'));
      for (const part of ['lib', path.join('include', 'c10')])
        mkdirSync(path.join(later, part), { recursive: true });
      for (const name of readdirSync(path.join(libtorch, 'lib')))
        writeFileSync(path.join(later, 'lib', name), '');
      writeFileSync(path.join(later, 'build-version'), '2.99.0+cpu');
      const output = await node(['train.mjs'], {
        cwd: first,
        env: { ...env, TORCH_NODE_LIBTORCH: later },
        code: 1,
      });
      expect(output.includes(`is version 2.99.0+cpu, needed is ${minor}`), output);
    } else {
      const output = await node(['train.mjs'], { cwd: first, env, code: 1 });
      expect(output.includes(`is version ${version}, needed is ${minor}`), output);
      expect(/TORCH_NODE_ALLOW_MISMATCH=1/.test(output), output);
      refused.push(`the addon for ${minor} refuses ${version}`);
    }
  }
  return refused.join(', ');
}

async function cudaSet() {
  if (!values.cuda) return skip('a CUDA set takes gigabytes; --cuda fetches one with pip');
  if (!addonsOf(first).some((file) => file.includes('-2.14')))
    return skip(
      'the package has no addon for libtorch 2.14: npm run prebuild makes it where pip has the wheel',
    );
  const { bavail, bsize } = statfsSync(path.dirname(path.resolve(values.cuda)));
  const free = (bavail * bsize) / 1e9;
  if (free < CUDA_GIGABYTES)
    return skip(`it takes ${CUDA_GIGABYTES} GB for a while, ${free.toFixed(1)} GB are free`);
  const env = { ...environment, TORCH_NODE_CACHE: path.resolve(values.cuda), TORCH_NODE_OFFLINE: '' };
  await torchNode(first, ['install', '--version', '2.14.1', '--variant', 'cu130'], {
    env,
    timeout: 1_200_000,
  });
  const program = `
    import torch from 'torch-node';
    if (!torch.cuda.isBuilt()) throw new Error('CUDA is not built in');
    console.log('trained', torch.version, 'with', torch.cuda.deviceCount(), 'devices');`;
  writeFileSync(path.join(first, 'cuda.mjs'), program);
  trained(await node(['train.mjs'], { cwd: first, env }));
  const libtorch = path.join(env.TORCH_NODE_CACHE, 'libtorch', '2.14.1-cu130');
  for (const addon of addonsOf(first).filter((file) => !file.includes('-2.14'))) {
    const named = { ...env, TORCH_NODE_ADDON: addon, TORCH_NODE_LIBTORCH: libtorch };
    const output = await node(['train.mjs'], { cwd: first, env: named, code: 1 });
    expect(/is version 2\.14\.1\+cu130, needed is 2\.\d+\./.test(output), output);
  }
  return (await node(['cuda.mjs'], { cwd: first, env })).trim();
}

class Skipped extends Error {}
const skip = (reason) => {
  throw new Skipped(reason);
};

const checks = [
  ['the package: what it holds, and its size', pack],
  [
    'publint',
    async () => {
      const output = await node([tool('publint'), 'run', '--strict', tarball], { cwd: root });
      expect(/All good/.test(output), output);
    },
  ],
  [
    'arethetypeswrong',
    async () => {
      await node([tool('@arethetypeswrong/cli', 'attw'), tarball], { cwd: root });
    },
  ],
  ['a wheel to install from', getWheel],
  ['npm, without scripts, offline from a folder of wheels', withNpm],
  ['npx torch-node install through pip, uninstall, list', withPip],
  ['npm, with scripts', withScripts],
  ['pnpm', withPnpm],
  ['yarn', withYarn],
  ['worker threads', inWorkers],
  ['CommonJS', inCommonJs],
  ['esbuild', withEsbuild],
  ['a path with spaces and other letters', inOddPath],
  ['a user who cannot write to node_modules', readOnly],
  ['a user without a home folder', withoutHome],
  ['jest', inJest],
  ['vitest', inVitest],
  ['types, with nothing but strict', types],
  ['npx torch-node init', template],
  ['other versions of Node', otherNodes],
  ['other versions of libtorch are refused', otherVersions],
  ['the CUDA set of 2.14', cudaSet],
];
const needed = new Set([pack, getWheel, withNpm]);

let failed = 0;
for (const [name, check] of checks) {
  if (values.only && !needed.has(check) && !values.only.split(',').some((part) => name.includes(part)))
    continue;
  const start = Date.now();
  try {
    const note = await check();
    const seconds = ((Date.now() - start) / 1000).toFixed(1);
    console.log(`ok ${name}${note ? `: ${note}` : ''} (${seconds} s)`);
  } catch (error) {
    if (error.constructor === Skipped) {
      console.log(`skipped ${name}: ${error.message}`);
      continue;
    }
    failed++;
    console.log(`not ok ${name}\n${error.message.replace(/^/gm, '    ')}`);
    if (needed.has(check)) break;
  }
}
if (values.keep) console.log(`left in ${base}`);
else rmSync(base, { recursive: true, force: true });
console.log(failed === 0 ? 'all is well' : `${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
