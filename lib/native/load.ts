// Loads the compiled addon: finds libtorch and the addon that fits it, brings libtorch into memory, then the addon. Lies
// on the import path of the package, so nothing heavy is loaded here.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { errorText } from '../files/cache.js';
import { librariesToPreload } from '../install/libraries.js';
import { type Attempt, findLibtorch, type FoundLibtorch, listAttempts } from '../install/locate.js';
import { minorOf } from '../install/versions.js';
import { type Addon, type BuildInfo, findAddons, HELPER, REBUILD } from './addons.js';
import { failure } from './failure.js';
import { platformProblem, systemGlibc, thisSystem } from './platform.js';

export interface LoadInfo {
  /** The addon's file. */
  addon: string;
  built: BuildInfo;
  libtorch: FoundLibtorch;
}

/**
 * Loads the addon into this process. Throws an error that tells what was tried and what can be done when there is no
 * addon, no libtorch that fits it, or one of them cannot be loaded.
 */
export function loadAddon(): { addon: unknown; info: LoadInfo } {
  const { addon, libtorch } = chooseLibtorch(findAddons());
  return { addon: load(addon, libtorch), info: { addon: addon.file, built: addon.built, libtorch } };
}

/**
 * The libtorch to use and the addon that fits it: what the environment names, else the one an addon was compiled
 * against if that is still there, else any of the minor versions that there are addons for. libtorch's C++ interface
 * changes with each minor version, so another one is refused unless TORCH_NODE_ALLOW_MISMATCH=1.
 */
export function chooseLibtorch(addons: Addon[]): { addon: Addon; libtorch: FoundLibtorch } {
  const [newest] = addons;
  if (!newest) throw failure('There is no native part of torch-node to choose from.', REBUILD);
  const minors = addons.map(({ built }) => built.minor);
  const folder = newest.built.folder;
  const prefer = folder ? { folder, how: 'what the addon was compiled against' } : undefined;
  const versions = minors.join(' or ');
  const solutions = [
    // With one addon only, what `install` takes by default may be another version.
    `Install one: npx torch-node install`,
    `Set TORCH_NODE_LIBTORCH to a libtorch folder or a site-packages/torch of version ${versions}`,
    'Compile the addon for the libtorch that you have: npx torch-node build',
    'Use what TORCH_NODE_LIBTORCH names whatever its version, at your own risk: TORCH_NODE_ALLOW_MISMATCH=1',
  ];
  let attempts: Attempt[];
  try {
    const { found, ...search } = findLibtorch({ minors, ...(prefer && { prefer }) });
    if (found) return { addon: addonFor(addons, newest, found), libtorch: found };
    attempts = search.attempts;
  } catch (error) {
    throw failure(errorText(error), solutions);
  }
  throw failure(
    'torch-node needs libtorch, which comes separately. To install it, run\n\n    npx torch-node install\n\n' +
      `No libtorch ${versions} was found. Looked at:\n${listAttempts(attempts)}`,
    solutions.slice(1),
  );
}

function addonFor(addons: Addon[], newest: Addon, { version }: FoundLibtorch): Addon {
  return addons.find(({ built }) => built.minor === minorOf(version)) ?? newest;
}

function load({ file, built }: Addon, libtorch: FoundLibtorch): unknown {
  const helper = path.join(path.dirname(file), HELPER);
  try {
    const { preload } = createRequire(import.meta.url)(helper) as {
      preload: (this: void, paths: string[]) => void;
    };
    // By absolute path: the addon names these libraries without a path and finds them in memory.
    const { required, optional } = librariesToPreload(libtorch.folder);
    for (const library of optional) {
      try {
        preload([library]);
      } catch {
        // Where it is needed after all, what needs it says so below.
      }
    }
    preload(required);
    return createRequire(import.meta.url)(file);
  } catch (error) {
    const text = errorText(error);
    throw failure(
      `The native part of torch-node cannot be loaded: ${text.split('\nRequire stack:')[0]}\n` +
        `  addon: ${file} (compiled against libtorch ${built.libtorch}, needs glibc ${built.glibc})\n` +
        `  libtorch: ${libtorch.folder} (${libtorch.version}, ${libtorch.how})`,
      hints(text, helper),
      error,
    );
  }
}

function hints(text: string, helper: string): string[] {
  const problem = platformProblem({ ...thisSystem(), glibc: systemGlibc() });
  if (problem) return [problem];
  if (/GLIBC(XX)?_/.test(text))
    return [`This system's C or C++ library is too old for it. ${REBUILD.join(' ')}`];
  if (/undefined symbol|Symbol not found/.test(text)) {
    return [
      'The libtorch is not the one it was compiled for. Unset TORCH_NODE_LIBTORCH, or ' + REBUILD.join(' '),
    ];
  }
  if (/cannot open shared object|Library not loaded|image not found/.test(text)) {
    return [
      'A library that libtorch needs is missing. Install the libtorch again: npx torch-node install --force',
    ];
  }
  return existsSync(helper) ? ['See what is found: npx torch-node doctor', ...REBUILD] : REBUILD;
}
