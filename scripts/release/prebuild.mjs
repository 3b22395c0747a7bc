// Makes the prebuilt binaries for this platform: prebuilds/<platform>-<arch>/ with an addon for each minor version of
// libtorch that can be had here, what each was built with beside it, and the helper that loads libtorch.
//
//   node scripts/release/prebuild.mjs [--minors 2.13,2.14] [--libtorch DIR]...
//
// A libtorch is taken from --libtorch (which may be given several times), the cache, or pip and the official site. A
// minor version that cannot be had is named and left out; with --minors it is an error.
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('../..', import.meta.url));
const release = path.join(root, 'build', 'Release');
const prebuilds = path.join(root, 'prebuilds', `${process.platform}-${process.arch}`);
const dist = (file) => import(pathToFileURL(path.join(root, 'dist', file)).href);

const { values } = parseArgs({
  options: { minors: { type: 'string' }, libtorch: { type: 'string', multiple: true, default: [] } },
});
const { findLibtorch, inspectLibtorch } = await dist('install/locate.js');
const { installLibtorch } = await dist('install/install.js');
const { DEFAULT_VERSION, minorOf, SUPPORTED_MINORS, versionFor } = await dist('install/versions.js');
const { manifest } = await dist('install/manifest.js');
const { GLIBC_NEEDED } = await dist('native/platform.js');

/** A libtorch of a minor version, or undefined. */
async function obtain(minor) {
  for (const folder of values.libtorch) {
    const given = inspectLibtorch(folder);
    if (typeof given === 'string') throw new Error(`--libtorch ${folder}: ${given}`);
    if (minorOf(given.version) === minor) return given;
  }
  const env = { ...process.env, TORCH_NODE_LIBTORCH: '', LIBTORCH: '' };
  const { found } = findLibtorch({ minors: [minor], env });
  if (found) return found;
  // What the addon is compiled with is the same in every variant, so a CUDA build will do where pip has no other.
  const version = versionFor([minor]);
  const plain = manifest[version]?.plainWheel[process.platform];
  for (const variant of new Set(['cpu', ...(plain ? [plain] : [])])) {
    try {
      return await installLibtorch({ version, variant, log: (line) => console.log(line) });
    } catch (error) {
      console.log(error.message);
    }
  }
  return undefined;
}

const env = { ...process.env };
// node-gyp wants Node's headers, although nothing here uses them; those of the running Node spare a download.
const prefix = path.resolve(process.execPath, '..', '..');
if (existsSync(path.join(prefix, 'include', 'node', 'common.gypi'))) env.npm_config_nodedir ??= prefix;
// Given by `npm run`; without it prebuildify looks on the PATH.
if (env.npm_config_node_gyp) env.PREBUILD_NODE_GYP ??= env.npm_config_node_gyp;

/** Has prebuildify compile and strip the addon for a libtorch, and puts it into prebuilds. */
function prebuild(libtorch) {
  const minor = minorOf(libtorch.version);
  // The tag is libtorch's need, not the addon's, which is lower: without libtorch it is of no use.
  const name = `torch-node-${minor}${process.platform === 'linux' ? `.glibc-${GLIBC_NEEDED}` : ''}`;
  const prebuildify = createRequire(import.meta.url).resolve('prebuildify/bin.js');
  const { status } = spawnSync(process.execPath, [prebuildify, '--napi', '--strip', '--name', name], {
    cwd: root,
    env: { ...env, TORCH_NODE_LIBTORCH: libtorch.folder },
    stdio: 'inherit',
  });
  if (status !== 0) throw new Error(`prebuildify failed for libtorch ${libtorch.version}`);
  copyFileSync(
    path.join(release, 'torch_node_preload.node'),
    path.join(prebuilds, 'torch_node_preload.node'),
  );
  // Where libtorch lay on this machine is of no use on another one.
  const { folder: _, ...info } = JSON.parse(readFileSync(path.join(release, 'torch_node.json'), 'utf8'));
  if (process.platform === 'linux') info.glibc = GLIBC_NEEDED;
  writeFileSync(path.join(prebuilds, `${name}.json`), `${JSON.stringify(info, null, 2)}\n`);
}

const minors = values.minors?.split(',') ?? SUPPORTED_MINORS;
const left = [];
// node-gyp empties build/; what was compiled there for the work on this checkout comes back at the end.
const kept = path.join(root, '.build', 'kept');
rmSync(kept, { recursive: true, force: true });
if (existsSync(release)) {
  mkdirSync(path.dirname(kept), { recursive: true });
  renameSync(release, kept);
}
try {
  rmSync(prebuilds, { recursive: true, force: true });
  mkdirSync(prebuilds, { recursive: true });
  for (const minor of minors) {
    const libtorch = await obtain(minor);
    if (libtorch) prebuild(libtorch);
    else left.push(minor);
  }
} finally {
  if (existsSync(kept)) {
    rmSync(release, { recursive: true, force: true });
    mkdirSync(path.dirname(release), { recursive: true });
    renameSync(kept, release);
  }
}
console.log(`prebuilds/${path.basename(prebuilds)}: ${readdirSync(prebuilds).join(', ')}`);
if (left.length > 0) console.log(`left out, since no libtorch of it can be had here: ${left.join(', ')}`);
if (left.length === minors.length || (values.minors && left.length > 0)) process.exitCode = 1;
if (!minors.includes(minorOf(DEFAULT_VERSION)) || left.includes(minorOf(DEFAULT_VERSION)))
  console.log(`there is none for ${DEFAULT_VERSION}, which is what is installed by default`);
