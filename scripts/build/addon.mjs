// Compiles the native addon with CMake, and writes down beside it what it was compiled with.
//
//   node scripts/build/addon.mjs [--libtorch DIR] [--clean]
//
// CMake works in .build/<minor version of libtorch>; what is finished is moved to build/Release, so that there is never
// half an addon there, and node-gyp, which empties build/, is not in the way.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, freemem } from 'node:os';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { isCurrent, madeOf } from './sources.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const require = createRequire(import.meta.url);
const works = path.join(root, '.build');
const output = path.join(root, 'build', 'Release');
const products = ['torch_node_preload.node', 'torch_node.node'];
const sources = ['native', 'CMakeLists.txt'];
const CMAKE_NEEDED = '3.20';

/** An error whose message is all there is to say: it is shown without a stack. */
class Failure extends Error {}

/**
 * Compiles the addon against a libtorch ({ folder, version }). Rejects with a readable error when a tool is missing
 * or the compilation fails. Two builds of the same checkout at once take turns.
 */
export async function buildAddon(libtorch, { clean = false } = {}) {
  const { makeCacheFolder, withLock } = await dist('files/cache.js');
  const checkout = createHash('sha256').update(root).digest('hex').slice(0, 16);
  const lock = path.join(makeCacheFolder('locks'), `build-${checkout}`);
  await withLock(lock, () => build(libtorch, clean), {
    onWait: (sentence) => console.log(`torch-node: ${sentence}`),
  });
}

/** Whether the addon is there, and of the sources as they are. */
export function addonIsCurrent() {
  return products.every((name) => existsSync(path.join(output, name))) && isCurrent('build/Release', sources);
}

async function build(libtorch, clean) {
  const work = path.join(works, libtorch.version.split('.').slice(0, 2).join('.'));
  if (clean || isForeign(work)) rmSync(work, { recursive: true, force: true });
  const { run } = await dist('files/child.js');
  const env = buildEnvironment();
  await provideTools(env, run);

  // Only functions of Node-API are called, whose headers are the same for every Node.
  const { include_dir: headers, def_paths: definitions } = require('node-api-headers');
  const settings = [
    `-DCMAKE_BUILD_TYPE=Release`,
    `-DTORCH_NODE_LIBTORCH=${libtorch.folder}`,
    `-DTORCH_NODE_LIBTORCH_VERSION=${libtorch.version}`,
    `-DNODE_ADDON_API=${path.dirname(require.resolve('node-addon-api/package.json'))}`,
    `-DNODE_API_HEADERS=${headers}`,
    `-DNODE_API_DEFINITIONS=${definitions.node_api_def}`,
  ];
  // Configured each time: building alone would not notice that another libtorch is asked for.
  const steps = [
    ['configure', ['-S', root, '-B', work, ...generatorSettings(work, env), ...settings]],
    ['build', ['--build', work, '--config', 'Release', '--parallel', String(jobs())]],
  ];
  const start = Date.now();
  console.log(`torch-node: compiling against libtorch ${libtorch.version} in ${libtorch.folder}`);
  for (const [step, args] of steps) {
    const lines = [];
    const { code } = await run('cmake', args, {
      cwd: root,
      env,
      onLine: (line) => {
        lines.push(line);
        const progress = /^\[ *(\d+(?:\/\d+|%))\] (.*)$/.exec(line);
        if (progress) showStep(progress[1], progress[2]);
      },
    });
    endSteps();
    if (code !== 0) throw new Failure(describeFailure(step, lines));
  }
  await publish(libtorch, work);
  madeOf('build/Release', sources);
  console.log(`torch-node: compiled in ${((Date.now() - start) / 1000).toFixed(0)} s`);
}

/** Whether a work folder was made for another place: CMake then refuses to work in it. */
function isForeign(work) {
  try {
    const cache = readFileSync(path.join(work, 'CMakeCache.txt'), 'utf8');
    const home = /^CMAKE_HOME_DIRECTORY:INTERNAL=(.*)$/m.exec(cache)?.[1] ?? '';
    return path.resolve(home) !== path.resolve(root);
  } catch {
    return false;
  }
}

// A make or ninja around this one (node-gyp's) passes on settings that are not meant for this build.
function buildEnvironment() {
  const env = { ...process.env };
  for (const name of ['MAKEFLAGS', 'MFLAGS', 'MAKELEVEL', 'NINJA_STATUS']) delete env[name];
  return env;
}

// libtorch's headers take some 2 GB for each compiler at work; with less, the machine would swap or kill it.
function jobs() {
  const requested = Number(process.env.TORCH_NODE_JOBS);
  return requested > 0
    ? requested
    : Math.max(1, Math.min(availableParallelism(), Math.floor(freemem() / 2e9)));
}

function generatorSettings(work, env) {
  if (process.platform === 'win32') return ['-A', 'x64']; // CMake finds Visual Studio.
  const previous = readIf(path.join(work, 'CMakeCache.txt'))?.match(/^CMAKE_GENERATOR:INTERNAL=(.*)$/m)?.[1];
  const generator = toolVersion('ninja', env) ? 'Ninja' : 'Unix Makefiles';
  if (previous && previous !== generator) rmSync(work, { recursive: true, force: true });
  return ['-G', generator];
}

// Makes cmake and, if possible, ninja callable through env.PATH; pip's wheels of both are plain binaries.
async function provideTools(env, run) {
  const { compareVersions } = await dist('install/versions.js');
  const tooOld = (version) => compareVersions(version, CMAKE_NEEDED) < 0;
  const present = toolVersion('cmake', env);
  const missing = [
    ...(!present || tooOld(present) ? ['cmake'] : []),
    ...(process.platform !== 'win32' && !toolVersion('ninja', env) ? ['ninja'] : []),
  ];
  if (missing.length === 0) return;
  const { makeCacheFolder } = await dist('files/cache.js');
  const tools = path.join(makeCacheFolder(), 'tools');
  const use = () => {
    env.PATH = [path.join(tools, 'bin'), env.PATH].join(path.delimiter);
    env.PYTHONPATH = [tools, env.PYTHONPATH].filter(Boolean).join(path.delimiter);
  };
  const failure = await fetchTools(missing, tools, run);
  use();
  const cmake = toolVersion('cmake', env);
  if (cmake && !tooOld(cmake)) return; // Without ninja, make will do.
  throw new Failure(
    [
      `CMake ${CMAKE_NEEDED} or later is needed to compile torch-node. Tried:`,
      `  - cmake on the PATH: ${present ? `is version ${present}` : 'there is none'}`,
      `  - pip install cmake: ${failure ?? 'succeeded, but what it installed does not run'}`,
      'What can be done:',
      '  - Install CMake with the package manager of the system (apt install cmake, brew install cmake).',
    ].join('\n'),
  );
}

/** Installs tools from wheels into a folder, all or none. Gives a sentence when that fails. */
async function fetchTools(names, tools, run) {
  if (names.every((name) => existsSync(path.join(tools, 'bin', name)))) return undefined;
  if (process.env.TORCH_NODE_OFFLINE === '1') return 'TORCH_NODE_OFFLINE=1 forbids it';
  const { makeCacheFolder, withLock } = await dist('files/cache.js');
  const { pythonCommand } = await dist('install/locate.js');
  return withLock(path.join(makeCacheFolder('locks'), 'tools'), async () => {
    console.log('torch-node: getting cmake and ninja with pip');
    const fresh = `${tools}.tmp`;
    rmSync(fresh, { recursive: true, force: true });
    const options =
      '--retries 0 --timeout 30 --no-input --disable-pip-version-check --only-binary :all:'.split(' ');
    const result = await run(pythonCommand(), [
      '-m',
      'pip',
      'install',
      ...options,
      '--target',
      fresh,
      'cmake',
      'ninja',
    ]).catch((error) => ({ code: 1, stderr: error.message }));
    if (result.code !== 0)
      return result.stderr
        .trim()
        .split('\n')
        .findLast((line) => !line.startsWith('WARNING'));
    rmSync(tools, { recursive: true, force: true });
    renameSync(fresh, tools);
    return undefined;
  });
}

function toolVersion(tool, env) {
  const { status, stdout } = spawnSync(tool, ['--version'], { env, encoding: 'utf8', windowsHide: true });
  return status === 0 ? /\d+\.\d+/.exec(stdout)?.[0] : undefined;
}

// Moves what was built to build/Release, the addon last, and writes torch_node.json beside it.
async function publish(libtorch, work) {
  const { compareVersions } = await dist('install/versions.js');
  mkdirSync(output, { recursive: true });
  const place = (name, write) => {
    const temporary = path.join(output, `.${name}.tmp`);
    write(temporary);
    renameSync(temporary, path.join(output, name));
  };
  const [, addon] = products.map((name) => path.join(work, 'Release', name));
  const info = {
    libtorch: libtorch.version,
    minor: libtorch.version.split('.').slice(0, 2).join('.'),
    folder: libtorch.folder,
    compiler: compilerUsed(work),
    napi: 9,
    glibc: glibcNeeded(addon, compareVersions),
    built: statSync(addon).mtime.toISOString(),
  };
  for (const name of products) place(name, (file) => copyFileSync(path.join(work, 'Release', name), file));
  place('torch_node.json', (file) => writeFileSync(file, `${JSON.stringify(info, null, 2)}\n`));
  // Tools for C++ look for it in build/.
  const commands = readIf(path.join(work, 'compile_commands.json'));
  if (commands) writeFileSync(path.join(root, 'build', 'compile_commands.json'), commands);
}

function compilerUsed(work) {
  const files = path.join(work, 'CMakeFiles');
  const folder = readdirSync(files).find((name) =>
    existsSync(path.join(files, name, 'CMakeCXXCompiler.cmake')),
  );
  const text = folder ? readFileSync(path.join(files, folder, 'CMakeCXXCompiler.cmake'), 'utf8') : '';
  const value = (name) => new RegExp(`set\\(CMAKE_CXX_COMPILER_${name} "(.*)"\\)`).exec(text)?.[1];
  return [value('ID') ?? 'unknown', value('VERSION')].filter(Boolean).join(' ');
}

/** The highest version of glibc among the symbol versions that a library names. */
function glibcNeeded(file, compareVersions) {
  if (process.platform !== 'linux') return 'unknown';
  // They stand in its string table as zero-terminated strings, so no reading of ELF structures is needed.
  const names = readFileSync(file, 'latin1').matchAll(/\0GLIBC_(\d+(?:\.\d+)+)(?=\0)/g);
  const versions = Array.from(names, ([, version]) => version);
  return versions.sort(compareVersions).at(-1) ?? 'unknown';
}

let onOneLine = false;
function showStep(count, what) {
  const text = `  [${count}] ${what.replace(/^.*CMakeFiles\/[^/]*\.dir\//, '').replace(/\.o(bj)?$/, '')}`;
  if (process.stdout.isTTY)
    process.stdout.write(`\r\x1b[K${text.slice(0, (process.stdout.columns ?? 80) - 1)}`);
  else console.log(text);
  onOneLine = process.stdout.isTTY;
}
function endSteps() {
  if (onOneLine) process.stdout.write('\r\x1b[K');
  onOneLine = false;
}

function describeFailure(step, lines) {
  const noise = /^(info|notice) |^\[ *\d+(\/\d+|%)\] (?!.*FAILED)|^ninja: build stopped|^ERROR OMG /;
  const telling = lines.filter((line) => !noise.test(line) && line.length < 2000);
  // The first errors tell; what follows is often their consequence.
  const first = telling.findIndex((line) => /error|FAILED/i.test(line));
  const shown = first < 0 ? telling.slice(-40) : telling.slice(first, first + 60);
  const compiler = /toolset is not available|No CMAKE_CXX_COMPILER|No CMAKE_C_COMPILER/.test(
    lines.join('\n'),
  );
  const solution = compiler
    ? 'Install a C++ compiler that knows C++20 (apt install g++, or on macOS xcode-select --install).'
    : 'Is the compiler one that knows C++20 (g++ 12, Clang 14 or later)? Start afresh: node scripts/build/addon.mjs --clean';
  return [
    `The native addon could not be compiled (${step}):`,
    ...shown,
    `What can be done:\n  - ${solution}`,
  ].join('\n');
}

function readIf(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}

async function dist(file) {
  const compiled = path.join(root, 'dist', file);
  if (!existsSync(compiled))
    throw new Failure('The TypeScript part has to be compiled first: npm run build:ts');
  return import(pathToFileURL(compiled).href);
}

/** Shows what went wrong, without a stack where the message says it all, and makes this process end with code 1. */
export function report(error) {
  const own = error?.constructor === Failure || /\n|^(Cannot|The|No|There) /.test(error?.message ?? '');
  console.error(`\ntorch-node: ${own ? error.message : (error?.stack ?? error)}`);
  process.exitCode = 1;
}

async function main() {
  const { values } = parseArgs({ options: { libtorch: { type: 'string' }, clean: { type: 'boolean' } } });
  const { findLibtorch, inspectLibtorch } = await dist('install/locate.js');
  let libtorch;
  if (values.libtorch) {
    libtorch = inspectLibtorch(values.libtorch);
    if (typeof libtorch === 'string') throw new Failure(`--libtorch ${values.libtorch}: ${libtorch}`);
  } else {
    const { installLibtorch } = await dist('install/install.js');
    const { found, attempts } = findLibtorch();
    libtorch = found ?? (await installLibtorch({ attempts, log: (line) => console.log(line) }));
  }
  await buildAddon(libtorch, { clean: values.clean });
}

if (process.argv[1] && path.resolve(process.argv[1]) === fileURLToPath(import.meta.url))
  await main().catch(report);
