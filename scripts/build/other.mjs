// Compiles the addon against another libtorch than the one in use, into a folder of its own: to see that the sources fit it,
// or, on a machine without npm, to have an addon at all.
//
//   node scripts/build/other.mjs --version 2.14.1     the wheel of that version, from the index that pip is configured with
//   node scripts/build/other.mjs --libtorch DIR       a libtorch or a site-packages/torch
//   ... [--out DIR]                                   default: build/<minor version>
//
// Needs CMake and a compiler, and of node_modules node-addon-api and node-api-headers alone. Of a CUDA wheel the headers and
// three libraries do: nothing of CUDA's is compiled or linked.
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, freemem, tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('../..', import.meta.url));
const require = createRequire(import.meta.url);

/** Runs a program to its end, showing what it says. Throws when it fails. */
function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit', ...options });
  if (error) throw new Error(`${command} could not be run: ${error.message}`);
  if (status !== 0) throw new Error(`${[command, ...args].join(' ')} ended with ${status}`);
}

/** The version of a libtorch, with its build. */
export function versionOf(libtorch) {
  for (const [file, pattern] of [
    ['version.py', /__version__ = '([^']+)'/],
    ['build-version', /^(\S+)/],
  ]) {
    const full = path.join(libtorch, file);
    const found = existsSync(full) ? pattern.exec(readFileSync(full, 'utf8'))?.[1] : undefined;
    if (found) return found;
  }
  throw new Error(`${libtorch} is no libtorch: neither version.py nor build-version in it tells a version`);
}

/** Takes the headers and what is linked with out of a wheel from pip. Gives the folder. */
export function fetchWheel(version, folder) {
  const wheels = mkdtempSync(path.join(tmpdir(), 'torch-node-wheel-'));
  try {
    const options = '--retries 0 --no-deps --no-input --disable-pip-version-check --only-binary :all:'.split(
      ' ',
    );
    run('python3', ['-m', 'pip', 'download', '-q', ...options, '-d', wheels, `torch==${version}`]);
    const wheel = readdirSync(wheels).find((name) => name.endsWith('.whl'));
    mkdirSync(folder, { recursive: true });
    const needed = [/^torch\/(include\/|version\.py$)/, /^torch\/lib\/lib(torch|torch_cpu|c10)\.(so|dylib)$/];
    const unpack = [
      'import re, sys, zipfile',
      'archive = zipfile.ZipFile(sys.argv[1])',
      'archive.extractall(sys.argv[2], [n for n in archive.namelist() if any(re.match(p, n) for p in sys.argv[3:])])',
    ].join('\n');
    run('python3', [
      '-c',
      unpack,
      path.join(wheels, wheel),
      folder,
      ...needed.map(({ source }) => source.replaceAll('\\/', '/')),
    ]);
    return path.join(folder, 'torch');
  } finally {
    rmSync(wheels, { recursive: true, force: true });
  }
}

const works = (tool) => spawnSync(tool, ['--version'], { stdio: 'ignore' }).status === 0;

/** Compiles against a libtorch; what is finished lies in `out`. Gives the seconds that it took. */
export function buildAgainst(libtorch, out) {
  const version = versionOf(libtorch);
  const work = path.join(out, 'cmake');
  const headers = path.join(path.dirname(require.resolve('node-api-headers/package.json')), 'include');
  const began = performance.now();
  run('cmake', [
    ...['-S', root, '-B', work, '-DCMAKE_BUILD_TYPE=Release', ...(works('ninja') ? ['-G', 'Ninja'] : [])],
    ...[`-DTORCH_NODE_LIBTORCH=${libtorch}`, `-DTORCH_NODE_LIBTORCH_VERSION=${version}`],
    `-DNODE_ADDON_API=${path.dirname(require.resolve('node-addon-api/package.json'))}`,
    ...[`-DCMAKE_JS_INC=${headers}`, `-DNODE_API_HEADERS=${headers}`],
  ]);
  // A compiler takes some 2 GB.
  const jobs = Math.max(1, Math.min(availableParallelism(), Math.floor(freemem() / 2e9)));
  run('cmake', ['--build', work, '--parallel', String(Number(process.env.TORCH_NODE_JOBS) || jobs)]);
  for (const name of ['torch_node_preload.node', 'torch_node.node'])
    copyFileSync(path.join(work, 'Release', name), path.join(out, name));
  const minor = version.split('.').slice(0, 2).join('.');
  const info = { libtorch: version, minor, folder: libtorch, napi: 9, built: new Date().toISOString() };
  writeFileSync(path.join(out, 'torch_node.json'), `${JSON.stringify(info, null, 2)}\n`);
  return (performance.now() - began) / 1000;
}

function main() {
  const { values } = parseArgs({
    options: { libtorch: { type: 'string' }, version: { type: 'string' }, out: { type: 'string' } },
  });
  if ((values.libtorch === undefined) === (values.version === undefined))
    throw new Error('expected one of --libtorch DIR and --version X.Y.Z');
  const version = values.version ?? versionOf(path.resolve(values.libtorch));
  const out = path.resolve(values.out ?? path.join(root, 'build', version.split('.').slice(0, 2).join('.')));
  const libtorch = values.libtorch
    ? path.resolve(values.libtorch)
    : fetchWheel(version, path.join(out, 'libtorch'));
  const seconds = buildAgainst(libtorch, out);
  console.log(`compiled against libtorch ${versionOf(libtorch)} in ${seconds.toFixed(0)} s: ${out}`);
}

if (process.argv[1] && path.resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    main();
  } catch (error) {
    console.error(`build/other: ${error.message}`);
    process.exitCode = 1;
  }
}
