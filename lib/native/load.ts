// Loads the compiled addon: finds it, finds the libtorch it fits, brings libtorch into memory, then the addon. Lies on
// the import path of the package, so nothing heavy is loaded here.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { errorCode, errorText } from '../files/cache.js';
import {
  type Attempt,
  findLibtorch,
  type FoundLibtorch,
  libraryFile,
  listAttempts,
} from '../libtorch/locate.js';

/** What the build wrote down about the addon, in torch_node.json beside it. */
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

export interface LoadInfo {
  /** The addon's file. */
  addon: string;
  built: BuildInfo;
  libtorch: FoundLibtorch;
}

const require = createRequire(import.meta.url);

/** The folder of this package, with its package.json. */
export function packageRoot(): string {
  // Two up from here, in lib/ as in dist/.
  return fileURLToPath(new URL('../../', import.meta.url));
}

/**
 * Loads the addon into this process. Throws an error that tells what was tried and what can be done when there is no
 * addon, no libtorch that fits it, or one of them cannot be loaded.
 */
export function loadAddon(): { addon: unknown; info: LoadInfo } {
  const addon = findAddon();
  const built = readBuildInfo(addon);
  const libtorch = chooseLibtorch(built);
  return { addon: load(addon, built, libtorch), info: { addon, built, libtorch } };
}

/** The folder that prebuilt binaries for this platform lie in. */
export function prebuildsFolder(): string {
  return path.join(packageRoot(), 'prebuilds', `${process.platform}-${process.arch}`);
}

/** The prebuilt binary for this platform, if the package has one. */
export function findPrebuild(folder: string = prebuildsFolder()): string | undefined {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    return undefined;
  }
  const libc = existsSync('/etc/alpine-release') ? 'musl' : 'glibc';
  const name = names
    .filter((each) => each.endsWith('.node') && each !== 'torch_node_preload.node')
    .find((each) => each.includes(libc) || !/glibc|musl/.test(each));
  return name && path.join(folder, name);
}

function findAddon(): string {
  const named = process.env['TORCH_NODE_ADDON'];
  if (named) {
    if (existsSync(named)) return path.resolve(named);
    throw failure(`TORCH_NODE_ADDON=${named} is set, but there is no such file.`, [
      'Correct it, or unset it.',
    ]);
  }
  const compiled = path.join(packageRoot(), 'build', 'Release', 'torch_node.node');
  if (existsSync(compiled)) return compiled;
  const prebuilt = findPrebuild();
  if (prebuilt) return prebuilt;
  throw failure(
    `The native part of torch-node has not been built: there is neither ${compiled} nor a prebuilt binary in ` +
      `${prebuildsFolder()}.`,
    rebuild,
  );
}

const rebuild = [
  'Build it: npm rebuild torch-node (in a clone of torch-node: npm install, or npm run build:all)',
  'If npm runs no install scripts (ignore-scripts), run: node node_modules/torch-node/scripts/install.mjs',
];

function readBuildInfo(addon: string): BuildInfo {
  const file = path.join(path.dirname(addon), 'torch_node.json');
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as BuildInfo;
  } catch (error) {
    throw failure(
      `${addon} cannot be used: torch_node.json beside it, which says what libtorch it fits, ` +
        `${errorCode(error) === 'ENOENT' ? 'is missing' : `cannot be read (${errorText(error)})`}.`,
      rebuild,
    );
  }
}

/**
 * The libtorch to use with an addon: what the environment names, else the one it was compiled against if that is still
 * there, else any of the same minor version. libtorch's C++ interface changes with each minor version, so another
 * one is refused unless TORCH_NODE_ALLOW_MISMATCH=1.
 */
export function chooseLibtorch(built: BuildInfo): FoundLibtorch {
  const prefer = built.folder && { folder: built.folder, how: 'what the addon was compiled against' };
  const solutions = [
    `Install one: npx torch-node install --version ${built.libtorch.split('+')[0]}`,
    `Set TORCH_NODE_LIBTORCH to a libtorch folder or a site-packages/torch of version ${built.minor}`,
    'Compile the addon for the libtorch that you have: npm rebuild torch-node',
    'Use what TORCH_NODE_LIBTORCH names whatever its version, at your own risk: TORCH_NODE_ALLOW_MISMATCH=1',
  ];
  let attempts: Attempt[];
  try {
    const search = findLibtorch({ minor: built.minor, ...(prefer && { prefer }) });
    if (search.found) return search.found;
    attempts = search.attempts;
  } catch (error) {
    throw failure(errorText(error), solutions, error);
  }
  throw failure(
    `No libtorch ${built.minor}, which the addon was compiled for, was found. Looked at:\n${listAttempts(attempts)}`,
    solutions,
  );
}

function load(addon: string, built: BuildInfo, libtorch: FoundLibtorch): unknown {
  const helper = path.join(path.dirname(addon), 'torch_node_preload.node');
  try {
    const { preload } = require(helper) as { preload: (this: void, paths: string[]) => void };
    // By absolute path and in this order: the addon names these libraries without a path and finds them in memory. On
    // a CUDA set libtorch itself brings the CUDA libraries along.
    preload(
      ['c10', 'torch_cpu', 'torch'].map((name) => path.join(libtorch.folder, 'lib', libraryFile(name))),
    );
    return require(addon);
  } catch (error) {
    const text = errorText(error);
    throw failure(
      `The native part of torch-node cannot be loaded: ${text.split('\nRequire stack:')[0]}\n` +
        `  addon: ${addon} (compiled against libtorch ${built.libtorch}, needs glibc ${built.glibc})\n` +
        `  libtorch: ${libtorch.folder} (${libtorch.version}, ${libtorch.how})`,
      hints(text, helper),
      error,
    );
  }
}

function hints(text: string, helper: string): string[] {
  if (/GLIBC(XX)?_/.test(text)) return [`This system's C or C++ library is too old for it. ${rebuild[0]}`];
  if (/undefined symbol|Symbol not found/.test(text)) {
    return ['The libtorch is not the one it was compiled for. Unset TORCH_NODE_LIBTORCH, or ' + rebuild[0]];
  }
  if (/cannot open shared object|Library not loaded|image not found/.test(text)) {
    return ['A library that libtorch needs is missing. Install the libtorch again: npx torch-node install'];
  }
  return existsSync(helper) ? ['See what is found: npx torch-node doctor', ...rebuild] : rebuild;
}

function failure(what: string, solutions: string[], cause?: unknown): Error {
  const error = new Error(
    `${what}\nPossible solutions:\n${solutions.map((solution) => `  - ${solution}`).join('\n')}`,
    { cause },
  );
  return Object.assign(error, { code: 'ERR_TORCH_NODE_LOAD' });
}
