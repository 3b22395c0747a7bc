// Takes all that a GPU machine needs along, for one that has a compiler, CMake and a Python torch, but neither Node nor a
// network: there the addon is compiled against the torch that is there, the tests of devices and the benchmarks run, and
// what they say comes back.
//
//   node scripts/gpu.mjs [--out FOLDER]     packs (after npm run build:ts); default folder: .gpu
//   OUT=RESULTS bash FOLDER/run.sh          there; RESULTS/gpu.md is the table
//
// There LIBTORCH names another libtorch than python3's, TESTS other test files, and WORK where it is unpacked.
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
const LIMIT_MIB = 64;

// What is of no use there: it is for writing and packing code.
const LEFT_OUT = [
  ...[
    'typescript',
    'eslint',
    '@eslint',
    '@eslint-community',
    'typescript-eslint',
    '@typescript-eslint',
    'prettier',
  ],
  ...['prebuildify', 'cmake-js', '@types', '@humanwhocodes', '@humanfs', 'undici-types'],
];

const { values } = parseArgs({ options: { out: { type: 'string', default: path.join(root, '.gpu') } } });
const out = path.resolve(values.out);
if (!existsSync(path.join(root, 'dist', 'index.js')))
  throw new Error('there is no dist: npm run build:ts comes first');

const stage = mkdtempSync(path.join(tmpdir(), 'torch-node-gpu-'));
try {
  const project = path.join(stage, 'torch-node');
  mkdirSync(project);
  // The working tree as it is, committed or not.
  const files = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
  })
    .toString()
    .split('\0')
    .filter(
      (file) =>
        file !== '' &&
        !file.startsWith('docs/') &&
        file !== 'node_modules' &&
        existsSync(path.join(root, file)),
    );
  for (const file of files) {
    mkdirSync(path.dirname(path.join(project, file)), { recursive: true });
    copyFileSync(path.join(root, file), path.join(project, file));
  }
  cpSync(path.join(root, 'dist'), path.join(project, 'dist'), { recursive: true });
  const modules = realpathSync(path.join(root, 'node_modules'));
  const stripped = (source) => {
    const relative = path.relative(modules, source);
    return !LEFT_OUT.includes(relative) && !/\.(map|md|d\.[cm]?ts)$/.test(relative);
  };
  cpSync(modules, path.join(project, 'node_modules'), {
    recursive: true,
    filter: stripped,
    verbatimSymlinks: true,
  });
  const node = path.join(stage, 'node');
  copyFileSync(realpathSync(process.execPath), node);
  chmodSync(node, 0o755);
  spawnSync('strip', [node]); // where there is none it is a few MiB more

  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  const tar = path.join(stage, 'all.tar');
  const contents = readdirSync(stage).filter((name) => name !== 'all.tar');
  execFileSync('tar', ['-cf', tar, '-C', stage, ...contents]);
  execFileSync('xz', ['-7', '-T1', tar], { stdio: 'inherit' });
  copyFileSync(`${tar}.xz`, path.join(out, 'all.tar.xz'));
  copyFileSync(path.join(root, 'scripts', 'gpu', 'run.sh'), path.join(out, 'run.sh'));
} finally {
  rmSync(stage, { recursive: true, force: true });
}
const mebibytes =
  readdirSync(out).reduce((sum, name) => sum + statSync(path.join(out, name)).size, 0) / 2 ** 20;
console.log(`${out}: ${mebibytes.toFixed(1)} MiB`);
if (mebibytes > LIMIT_MIB) throw new Error(`that is more than ${LIMIT_MIB} MiB`);
