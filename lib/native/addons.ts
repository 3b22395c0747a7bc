// Finds compiled addons: the one that TORCH_NODE_ADDON names, the one that was compiled here, or the prebuilt ones, of
// which there is one for each minor version of libtorch. Lies on the import path of the package.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { codeFolder } from './place.js';
import { errorCode, errorText } from '../files/cache.js';
import { compareVersions } from '../install/versions.js';
import { failure } from './failure.js';
import { platformProblem, thisSystem } from './platform.js';

/** What the build wrote down about an addon, in a JSON file of its name beside it. */
export interface BuildInfo {
  /** The libtorch it was compiled against, as in 2.13.0+cpu. */
  libtorch: string;
  minor: string;
  /** Where that libtorch lay; not told by prebuilt binaries. */
  folder?: string;
  compiler: string;
  napi: number;
  /** The glibc it needs at least, or 'unknown'. */
  glibc: string;
  /** When, as an ISO date. */
  built: string;
}

export interface Addon {
  file: string;
  built: BuildInfo;
}

/** The helper that brings libtorch's libraries into memory; it lies beside each addon. */
export const HELPER = 'torch_node_preload.node';

export const REBUILD = [
  'Compile it: npx torch-node build (in a clone of torch-node: npm ci, or npm run build:all)',
];

/** The folder of this package, with its package.json. */
export function packageRoot(): string {
  return fileURLToPath(new URL('../', codeFolder()));
}

/** Throws where the package's code does not lie in the package: in a bundle, which has no native part beside it. */
function expectNoBundle(): void {
  try {
    const { name } = JSON.parse(readFileSync(path.join(packageRoot(), 'package.json'), 'utf8')) as {
      name?: unknown;
    };
    if (name === 'torch-node') return;
  } catch {
    // There is none, or a bundler has left no address of this file.
  }
  throw failure('torch-node was put into a bundle, and its native part cannot be found from there.', [
    'Keep it out of the bundle: esbuild --external:torch-node, webpack externals, rollup and vite external',
    'Read "CommonJS, bundlers, test runners" in its docs/installing.md',
  ]);
}

/** The folder that prebuilt binaries for this platform lie in. */
export function prebuildsFolder(): string {
  return path.join(packageRoot(), 'prebuilds', `${process.platform}-${process.arch}`);
}

/** The prebuilt binaries that fit this system's C library, the newest libtorch's first. */
export function findPrebuilds(folder: string = prebuildsFolder(), libc = thisSystem().libc): string[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    return [];
  }
  return names
    .filter((name) => name.endsWith('.node') && name !== HELPER)
    .filter((name) => !/glibc|musl/.test(name) || name.includes(libc ?? 'glibc'))
    .sort((a, b) => compareVersions(b, a) || (b < a ? -1 : 1))
    .map((name) => path.join(folder, name));
}

/** The addon that was compiled in this folder, whether it is there or not. */
export function compiledAddon(): string {
  return path.join(packageRoot(), 'build', 'Release', 'torch_node.node');
}

/**
 * The addons that may be loaded; one of them fits the libtorch that is found. Throws an error with what can be done
 * when there is none, or one cannot be used.
 */
export function findAddons(): Addon[] {
  const named = process.env['TORCH_NODE_ADDON'];
  if (named) {
    if (existsSync(named)) return [readAddon(path.resolve(named))];
    throw failure(`TORCH_NODE_ADDON=${named} is set, but there is no such file.`, [
      'Correct it, or unset it.',
    ]);
  }
  expectNoBundle();
  // Compiled here, it is meant for here: it comes before what was compiled for everybody.
  if (existsSync(compiledAddon())) return [readAddon(compiledAddon())];
  const prebuilt = findPrebuilds();
  if (prebuilt.length > 0) return prebuilt.map(readAddon);
  const problem = platformProblem(thisSystem());
  if (problem)
    throw failure(`torch-node cannot run here. ${problem}`, ['Use a system that libtorch is published for.']);
  throw failure(
    `There is no native part of torch-node for ${process.platform} ${process.arch}: neither ${compiledAddon()} nor a ` +
      `prebuilt binary in ${prebuildsFolder()}.`,
    REBUILD,
  );
}

function readAddon(file: string): Addon {
  const info = file.replace(/\.node$/, '.json');
  try {
    return { file, built: JSON.parse(readFileSync(info, 'utf8')) as BuildInfo };
  } catch (error) {
    throw failure(
      `${file} cannot be used: ${path.basename(info)} beside it, which says what libtorch it fits, ` +
        `${errorCode(error) === 'ENOENT' ? 'is missing' : `cannot be read (${errorText(error)})`}.`,
      REBUILD,
    );
  }
}
