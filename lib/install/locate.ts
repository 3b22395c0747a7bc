// Finds a libtorch on this machine and says which one it is. Lies on the import path of the package: synchronous,
// quick, and nothing heavy is loaded.
import type ChildProcess from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { cacheFolder, errorCode, errorText } from '../files/cache.js';
import { compareVersions, DEFAULT_VERSION, minorOf, SUPPORTED_MINORS } from './versions.js';

export interface Libtorch {
  /** The folder that holds include/ and lib/. */
  folder: string;
  /** With its build where it tells one: 2.13.0+cpu, or 2.13.0. */
  version: string;
  /** 'cpu', or the CUDA version as in 'cu126'; 'cuda' where that is not told. */
  variant: string;
}

export interface FoundLibtorch extends Libtorch {
  /** In words, how it was found. */
  how: string;
}

/** One place that was looked at, and what came of it. */
export interface Attempt {
  place: string;
  result: string;
}

export interface Search {
  found?: FoundLibtorch;
  attempts: Attempt[];
}

export interface SearchOptions {
  env?: NodeJS.ProcessEnv;
  /** Accept only these minor versions, as in ['2.13']; any supported one by default. */
  minors?: readonly string[];
  /** Accept only this variant. */
  variant?: string;
  /** A folder to take before the cache, and in words why. */
  prefer?: { folder: string; how: string };
}

const libraryNames: Partial<Record<NodeJS.Platform, (name: string) => string>> = {
  win32: (name) => `${name}.dll`,
  darwin: (name) => `lib${name}.dylib`,
};

/** The file name of one of libtorch's libraries on this platform: libtorch_cpu.so for 'torch_cpu'. */
export function libraryFile(name: string): string {
  return libraryNames[process.platform]?.(name) ?? `lib${name}.so`;
}

/**
 * Looks whether a folder is a libtorch: an unpacked libtorch, a Python package `torch`, or the folder around
 * either. Gives what it is, or a sentence that says what is missing. Does not throw.
 */
export function inspectLibtorch(folder: string): Libtorch | string {
  const root = path.resolve(folder);
  if (!existsSync(root)) return `${root} does not exist`;
  if (!statSync(root).isDirectory()) return `${root} is not a folder`;
  const library = path.join('lib', libraryFile('torch_cpu'));
  const place = [root, path.join(root, 'torch'), path.join(root, 'libtorch')].find((candidate) =>
    existsSync(path.join(candidate, library)),
  );
  if (!place) return `${root} holds no ${library}`;
  if (!existsSync(path.join(place, 'include', 'c10'))) return `${place} holds no include/c10`;
  const version = readVersion(place);
  if (!version)
    return `the version of ${place} cannot be told: it has no build-version, version.py or version.h`;
  return { folder: place, version, variant: variantOf(place, version.split('+')[1]) };
}

function readVersion(folder: string): string | undefined {
  const build = read(folder, 'build-version')?.trim();
  if (build) return build;
  const python = /^__version__ *= *['"]([^'"]+)['"]/m.exec(read(folder, 'version.py') ?? '')?.[1];
  if (python) return python;
  const include = path.join(folder, 'include', 'torch');
  for (const header of [
    path.join(include, 'headeronly', 'version.h'),
    path.join(include, 'version.h'),
    path.join(include, 'csrc', 'api', 'include', 'torch', 'version.h'),
  ]) {
    const text = read(header) ?? '';
    const parts = ['MAJOR', 'MINOR', 'PATCH'].map(
      (part) => new RegExp(`#define TORCH_VERSION_${part} +(\\d+)`).exec(text)?.[1],
    );
    if (parts.every((part) => part !== undefined)) return parts.join('.');
  }
  return undefined;
}

function variantOf(folder: string, suffix: string | undefined): string {
  if (suffix && /^(cpu|cu\d+)/.test(suffix)) return suffix;
  if (!existsSync(path.join(folder, 'lib', libraryFile('torch_cuda')))) return 'cpu';
  const cuda = /^cuda\b.*= *['"]([\d.]+)['"]/m.exec(read(folder, 'version.py') ?? '')?.[1];
  return cuda ? `cu${cuda.split('.').slice(0, 2).join('')}` : 'cuda';
}

function read(...parts: string[]): string | undefined {
  try {
    return readFileSync(path.join(...parts), 'utf8');
  } catch {
    return undefined;
  }
}

/** The folder that installed libtorches lie in, each in <version>-<variant>. */
export function installedFolder(env: NodeJS.ProcessEnv = process.env): string {
  return path.join(cacheFolder(env), 'libtorch');
}

/**
 * Looks for a libtorch: TORCH_NODE_LIBTORCH, LIBTORCH, the preferred folder, the cache, a Python torch; the first that
 * fits. Every place that was looked at is told in `attempts`. Throws when TORCH_NODE_LIBTORCH is set to something that
 * does not fit: whoever sets it means it. What the environment names may be of another version if
 * TORCH_NODE_ALLOW_MISMATCH=1.
 */
export function findLibtorch(options: SearchOptions = {}): Search {
  const search: Inquiry = { options, env: options.env ?? process.env, attempts: [] };
  const found =
    fromEnvironment(search) ?? fromPreferred(search) ?? fromCache(search, () => true) ?? fromPython(search);
  return { ...(found && { found }), attempts: search.attempts };
}

interface Inquiry {
  options: SearchOptions;
  env: NodeJS.ProcessEnv;
  attempts: Attempt[];
}

// Looks at one folder, notes what came of it, and gives the libtorch if it fits.
function consider(
  { options, env, attempts }: Inquiry,
  place: string,
  folder: string,
  how: string,
): FoundLibtorch | undefined {
  const libtorch = inspectLibtorch(folder);
  const anyVersion = how.startsWith('named by') && env['TORCH_NODE_ALLOW_MISMATCH'] === '1';
  const flaw = typeof libtorch === 'string' ? libtorch : misfit(libtorch, options, anyVersion);
  attempts.push({ place, result: flaw ?? 'fits' });
  return typeof libtorch === 'string' || flaw ? undefined : { ...libtorch, how };
}

function fromEnvironment(search: Inquiry): FoundLibtorch | undefined {
  for (const name of ['TORCH_NODE_LIBTORCH', 'LIBTORCH']) {
    const folder = search.env[name];
    if (!folder) {
      search.attempts.push({ place: name, result: 'not set' });
      continue;
    }
    const found = consider(search, `${name}=${folder}`, folder, `named by ${name}`);
    if (found) return found;
    // LIBTORCH is read by other programs too and may well be meant for one of them.
    if (name === 'LIBTORCH') continue;
    throw new Error(
      `${name}=${folder} does not lead to a libtorch that fits: ${search.attempts.at(-1)?.result}. Expected is a ` +
        `libtorch folder or a site-packages/torch. Correct it, or unset it to have one found.`,
    );
  }
  return undefined;
}

function fromPreferred(search: Inquiry): FoundLibtorch | undefined {
  const { prefer } = search.options;
  if (!prefer) return undefined;
  // Whoever installed a CUDA set on a machine with a GPU wants it, although the addon was compiled without one.
  const better = hasNvidiaDriver() && fromCache(search, (name) => !name.endsWith('-cpu'));
  return better || consider(search, prefer.folder, prefer.folder, prefer.how);
}

function fromCache(search: Inquiry, accept: (name: string) => boolean): FoundLibtorch | undefined {
  let folder: string;
  try {
    folder = installedFolder(search.env);
  } catch (error) {
    search.attempts.push({ place: 'the cache', result: errorText(error) });
    return undefined;
  }
  const names = installedNames(folder).filter(accept);
  if (names.length === 0) search.attempts.push({ place: `the cache ${folder}`, result: 'holds none' });
  for (const name of names) {
    const found = consider(search, path.join(folder, name), path.join(folder, name), 'in the cache');
    if (found) return found;
  }
  return undefined;
}

/** The installed versions, the preferred one first. Half-installed ones start with a dot and are left out. */
function installedNames(folder: string): string[] {
  let names: string[];
  try {
    names = readdirSync(folder).filter((name) => /^\d+\.\d+.*-\w+$/.test(name));
  } catch {
    return [];
  }
  // With a GPU to run on, a CUDA set that was installed is wanted; without one it would only load more slowly.
  const rank = (name: string) => [
    name.endsWith('-cpu') === hasNvidiaDriver(),
    !name.startsWith(DEFAULT_VERSION),
  ];
  const order = new Map(names.map((name) => [name, rank(name).map(Number).join('')]));
  return names.sort(
    (a, b) =>
      (order.get(a) ?? '').localeCompare(order.get(b) ?? '') || compareVersions(b, a) || (b < a ? -1 : 1),
  );
}

/** Whether this machine has an NVIDIA driver, as far as one look tells. */
export function hasNvidiaDriver(): boolean {
  if (process.platform !== 'win32') return existsSync('/dev/nvidiactl') || existsSync('/dev/dxg');
  return existsSync(path.join(process.env['SystemRoot'] ?? 'C:\\Windows', 'System32', 'nvcuda.dll'));
}

// Python is asked where its torch lies, which takes some 30 ms; importing torch would take seconds. Folders of the
// caller's that happen to be called torch are no answer, hence the current folder is taken out of the path.
const question = `
import importlib.util, sys
sys.path[:] = [p for p in sys.path if p]
spec = importlib.util.find_spec('torch')
print(spec.origin if spec and spec.origin else '')
`;

function fromPython(search: Inquiry): FoundLibtorch | undefined {
  // Loaded here and not above, since only this step needs it.
  const { spawnSync } = createRequire(import.meta.url)('node:child_process') as typeof ChildProcess;
  const python = pythonCommand();
  const { error, status, stdout, stderr } = spawnSync(python, ['-c', question], {
    env: search.env,
    encoding: 'utf8',
    timeout: 10_000,
    windowsHide: true,
  });
  const folder = error || status !== 0 ? '' : path.dirname(stdout.trim());
  if (folder && folder !== '.') return consider(search, folder, folder, `the torch of ${python}`);
  const result = error
    ? `does not run (${errorCode(error) ?? errorText(error)})`
    : status === 0
      ? 'has no torch'
      : `failed: ${stderr.trim().split('\n').at(-1)}`;
  search.attempts.push({ place: python, result });
  return undefined;
}

/** How Python is called on this platform. */
export function pythonCommand(): string {
  return process.platform === 'win32' ? 'python' : 'python3';
}

/** Why a libtorch does not fit what is asked for, or undefined. */
function misfit(
  { version, variant }: Libtorch,
  options: SearchOptions,
  anyVersion: boolean,
): string | undefined {
  const wanted = options.minors ?? SUPPORTED_MINORS;
  if (!anyVersion && !wanted.includes(minorOf(version)))
    return `is version ${version}, needed is ${wanted.join(', ')}`;
  if (options.variant && options.variant !== variant)
    return `is the ${variant} variant, needed is ${options.variant}`;
  return undefined;
}

/** The attempts as lines of a message. */
export function listAttempts(attempts: Attempt[]): string {
  return attempts.map(({ place, result }) => `  - ${place}: ${result}`).join('\n');
}
