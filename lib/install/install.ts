// Puts a libtorch into the cache, from pip, the official site, or a file, folder or address that is given.
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { errorCode, errorText, makeCacheFolder, withLock } from '../files/cache.js';
import { run } from '../files/child.js';
import { download } from '../files/download.js';
import { showProgress } from '../files/progress.js';
import { missingLibraries } from './libraries.js';
import { type Attempt, inspectLibtorch, type Libtorch } from './locate.js';
import { isNeeded, unpackLibtorch, unpackNvidia } from './unpack.js';
import {
  compareVersions,
  DEFAULT_VERSION,
  minorOf,
  officialArchive,
  SUPPORTED_MINORS,
  wheelRequirements,
} from './versions.js';
import { nvidiaRequirements, nvidiaWheels, pipDownload, torchVersionOf, wheelsIn } from './wheels.js';

export interface InstallOptions {
  /** As in 2.13.0; with `from`, only checked where it is given. */
  version?: string;
  /** 'cpu', 'cu126' ...; with `from`, only checked where it is given. */
  variant?: string;
  /**
   * Where to take it from, instead of pip and the official site: a libtorch folder, a site-packages/torch, a folder of
   * wheels, an official zip, a torch wheel, or the address of one of the last two. An address may end in
   * #sha256=... as pip's do; the download is then refused unless that is its hash.
   */
  from?: string;
  /** Whether one that is there already is replaced. With `from` it always is. */
  force?: boolean;
  /** A server that sends nothing for so many milliseconds is given up; 30 seconds by default. */
  timeout?: number;
  /** Places that were looked at before in vain, to be named if this fails too. */
  attempts?: Attempt[];
  /** Told what is done, a line at a time. */
  log?: (line: string) => void;
}

type Log = (line: string) => void;

/** What a source brought: an archive or folder to take libtorch out of, and wheels with NVIDIA's libraries. */
interface Brought {
  archive: string;
  nvidia?: string[];
  /** Whether the archive is ours to delete. */
  ours: boolean;
}

/** A place that libtorch can come from. */
interface Source {
  name: string;
  fetch(scratch: string, log: Log): Promise<Brought>;
}

/**
 * Makes sure that the cache holds a libtorch and says where. Does nothing when it is there already (with `from` or
 * `force` it is replaced). Several processes may ask at once: one works, the others wait.
 *
 * A libtorch appears in the cache by a rename and so is always whole; what a killed install left behind is removed by
 * the next one, except for a partial download, which is resumed.
 *
 * Rejects with one error that names every source that was tried, why it failed and what can be done.
 */
export async function installLibtorch(options: InstallOptions = {}): Promise<Libtorch> {
  const log = options.log ?? (() => {});
  const { version = DEFAULT_VERSION, variant = 'cpu', from } = options;
  if (!SUPPORTED_MINORS.includes(minorOf(version))) {
    throw new Error(`libtorch ${version} does not fit: expected one of ${SUPPORTED_MINORS.join(', ')}`);
  }
  if (!/^(cpu|cu\d{2,4})$/.test(variant)) {
    throw new Error(`there is no variant ${variant}: expected cpu, or a CUDA version as in cu130`);
  }
  const folder = makeCacheFolder('libtorch');
  return withLock(
    path.join(folder, '.install'),
    async () => {
      await removeLeftovers(folder);
      const present = inspectLibtorch(path.join(folder, `${version}-${variant}`));
      if (!from && !options.force && typeof present !== 'string') return present;

      const failures = (options.attempts ?? []).map(({ place, result }) => `  - ${place}: ${result}`);
      for (const source of from ? [given(from, options)] : sources(version, variant)) {
        const scratch = await mkdtemp(path.join(folder, '.tmp-'));
        try {
          log(`libtorch: trying ${source.name}`);
          const brought = await source.fetch(scratch, log);
          return await put(brought, scratch, folder, options);
        } catch (error) {
          log(`libtorch: ${errorText(error)}`);
          failures.push(`  - ${source.name}: ${errorText(error)}`);
        } finally {
          await rm(scratch, { recursive: true, force: true });
        }
      }
      throw new Error(describeFailures(from ?? `${version} (${variant})`, failures));
    },
    { onWait: (sentence) => log(`libtorch: ${sentence}`) },
  );
}

/**
 * pip comes first: it follows the configuration of the machine (a mirror, a folder of wheels), checks hashes, and where
 * it has no such wheel it says so within a second or two.
 */
function sources(version: string, variant: string): Source[] {
  return [
    ...wheelRequirements(version, variant).map((requirement) => ({
      name: `pip download ${requirement}`,
      fetch: (scratch: string, log: Log) => fromPip(requirement, variant, scratch, log),
    })),
    { name: 'the official archive', fetch: (scratch, log) => official(version, variant, scratch, log) },
  ];
}

async function fromPip(requirement: string, variant: string, scratch: string, log: Log): Promise<Brought> {
  const [archive] = await pipDownload([requirement], path.join(scratch, 'wheels'), { scratch, log });
  if (!archive) throw new Error('pip succeeded but left no wheel');
  if (variant === 'cpu') return { archive, ours: true };
  return { archive, nvidia: await nvidiaFromPip(archive, scratch, log), ours: true };
}

/** NVIDIA's wheels that a wheel of torch asks for. */
async function nvidiaFromPip(wheel: string, scratch: string, log: Log): Promise<string[]> {
  return completeFromPip(await nvidiaRequirements(wheel), scratch, log);
}

async function completeFromPip(
  requirements: readonly string[],
  scratch: string,
  log: Log,
): Promise<string[]> {
  if (requirements.length === 0) return [];
  log(`libtorch: getting NVIDIA's libraries with pip: ${requirements.join(' ')}`);
  const folder = path.join(scratch, 'nvidia-wheels');
  return nvidiaWheels(await pipDownload(requirements, folder, { scratch, log, dependencies: true }));
}

async function official(version: string, variant: string, scratch: string, log: Log): Promise<Brought> {
  const archive = officialArchive(version, variant);
  if (!archive) throw new Error(`there is none of ${variant} for ${process.platform} ${process.arch}`);
  const file = await fetchArchive(archive.url, `libtorch ${version} (${variant})`, archive);
  if (!archive.completes) return { archive: file, ours: true };
  const nvidia =
    archive.completes === 'wheel'
      ? await nvidiaOfWheel(version, variant, scratch, log)
      : await completeFromPip(archive.completes, scratch, log);
  return { archive: file, nvidia, ours: true };
}

// What the zip lacks, the wheel of the same build names.
async function nvidiaOfWheel(version: string, variant: string, scratch: string, log: Log): Promise<string[]> {
  let reason: unknown;
  for (const requirement of wheelRequirements(version, variant)) {
    try {
      const [wheel] = await pipDownload([requirement], path.join(scratch, 'wheels'), { scratch, log });
      if (wheel) return await nvidiaFromPip(wheel, scratch, log);
    } catch (error) {
      reason = error;
    }
  }
  throw new Error(`the zip lacks NVIDIA's libraries, and pip cannot bring them: ${errorText(reason)}`, {
    cause: reason,
  });
}

async function fetchArchive(
  url: string,
  name: string,
  { size, sha256, timeout }: { size?: number; sha256?: string; timeout?: number | undefined },
): Promise<string> {
  const file = path.join(makeCacheFolder('downloads'), fileNameOf(url));
  const progress = showProgress(`downloading ${name}`);
  try {
    await download(url, file, {
      name,
      ...(size !== undefined && { size }),
      ...(sha256 !== undefined && { sha256 }),
      ...(timeout !== undefined && { timeout }),
      onProgress: progress.update,
    });
  } finally {
    progress.stop();
  }
  return file;
}

function fileNameOf(url: string): string {
  const name = decodeURIComponent(path.posix.basename(new URL(url).pathname));
  return name.replace(/[^\w.+-]/g, '_') || 'download';
}

function given(from: string, { version, variant, timeout }: InstallOptions): Source {
  return {
    name: from,
    async fetch(scratch, log) {
      if (/^https?:\/\//.test(from)) {
        const url = new URL(from);
        const sha256 = /^#sha256=([0-9a-f]{64})$/i.exec(url.hash)?.[1];
        url.hash = '';
        const archive = await fetchArchive(url.href, fileNameOf(url.href), {
          timeout,
          ...(sha256 && { sha256 }),
        });
        return { archive, ours: true, ...(await completion(archive, scratch, log)) };
      }
      const place = path.resolve(from.startsWith('file:') ? new URL(from).pathname : from);
      if (!(await statOf(place)).isDirectory()) {
        return { archive: place, ours: false, ...(await completion(place, scratch, log)) };
      }
      if (typeof inspectLibtorch(place) !== 'string') return { archive: place, ours: false };
      const wheels = await wheelsIn(place);
      if (wheels.length === 0) return { archive: place, ours: false }; // Refused below, with what is missing.
      const archive = chooseWheel(place, wheels, version, variant);
      return { archive, ours: false, ...(await completion(archive, scratch, log)) };
    },
  };
}

function chooseWheel(
  folder: string,
  wheels: string[],
  version: string | undefined,
  variant: string | undefined,
): string {
  const torch = wheels.filter((wheel) => torchVersionOf(wheel) !== undefined);
  const fits = (wheel: string) => {
    const [found = '', suffix] = (torchVersionOf(wheel) ?? '').split('+');
    if (!SUPPORTED_MINORS.includes(minorOf(found)) || (version && found !== version)) return false;
    return !suffix || suffix === (variant ?? suffix);
  };
  // Several may fit: the default version comes first, a wheel that names its variant, and the CPU's.
  const rank = (wheel: string) => {
    const [found = '', suffix] = (torchVersionOf(wheel) ?? '').split('+');
    return [found !== DEFAULT_VERSION, suffix !== (variant ?? 'cpu')].map(Number).join('');
  };
  const [best] = torch
    .filter(fits)
    .sort(
      (a, b) =>
        rank(a).localeCompare(rank(b)) ||
        compareVersions(torchVersionOf(b) ?? '', torchVersionOf(a) ?? '') ||
        (b < a ? -1 : 1),
    );
  if (best) return best;
  const found = torch.map((wheel) => path.basename(wheel)).join(', ');
  const wanted = [version ?? SUPPORTED_MINORS.join(', '), variant].filter(Boolean).join(' ');
  throw new Error(`${folder} holds ${found || 'no wheel of torch'}; expected is one of ${wanted}`);
}

/** The wheels with NVIDIA's libraries for a wheel of torch: those beside it, else what pip brings. */
async function completion(wheel: string, scratch: string, log: Log): Promise<{ nvidia?: string[] }> {
  if (torchVersionOf(wheel) === undefined) return {};
  const requirements = await nvidiaRequirements(wheel).catch(() => []); // A damaged one is refused when it is unpacked.
  if (requirements.length === 0 || torchVersionOf(wheel)?.endsWith('+cpu')) return {};
  const beside = nvidiaWheels(await wheelsIn(path.dirname(wheel)));
  return { nvidia: beside.length > 0 ? beside : await completeFromPip(requirements, scratch, log) };
}

// Unpacks or copies into the scratch folder, checks the result, and moves it to its place in the cache.
async function put(
  { archive, nvidia = [], ours }: Brought,
  scratch: string,
  folder: string,
  { version, variant, from }: InstallOptions,
): Promise<Libtorch> {
  const fresh = path.join(scratch, 'libtorch');
  // As wheels lie beside one another: the libraries look for NVIDIA's there.
  const inner = path.join(fresh, 'torch');
  await mkdir(inner, { recursive: true });
  if ((await statOf(archive)).isDirectory()) await copyLibtorch(archive, fresh);
  else {
    try {
      await unpackWith('unpacking libtorch', unpackLibtorch, archive, inner);
      for (const wheel of nvidia) {
        await unpackWith(`unpacking ${path.basename(wheel).split('-')[0]}`, unpackNvidia, wheel, fresh);
      }
    } catch (error) {
      // A damaged download is of no use to the next attempt either.
      if (ours && errorCode(error) !== 'ENOSPC') await rm(archive, { force: true });
      throw error;
    }
  }
  const libtorch = inspectLibtorch(inner);
  if (typeof libtorch === 'string')
    throw new Error(`${archive} is no libtorch for this platform: ${libtorch}`);
  const found = libtorch.version.split('+')[0] ?? libtorch.version;
  const wanted = version ?? (from ? undefined : DEFAULT_VERSION);
  if ((wanted && found !== wanted) || !SUPPORTED_MINORS.includes(minorOf(found))) {
    throw new Error(
      `it is version ${libtorch.version}, expected is ${wanted ?? SUPPORTED_MINORS.join(', ')}`,
    );
  }
  if (variant && libtorch.variant !== variant) {
    throw new Error(`it is the ${libtorch.variant} variant, expected is ${variant}`);
  }
  demandNvidia(libtorch);
  await writeToDisk(fresh);
  const target = path.join(folder, `${found}-${libtorch.variant}`);
  // A folder cannot be renamed over a full one, so an old one is moved into the scratch folder first.
  if (existsSync(target)) await rename(target, path.join(scratch, 'replaced'));
  await rename(libtorch.variant === 'cpu' ? inner : fresh, target);
  if (ours) await rm(archive, { force: true });
  return { ...libtorch, folder: libtorch.variant === 'cpu' ? target : path.join(target, 'torch') };
}

async function unpackWith(
  label: string,
  unpack: typeof unpackLibtorch,
  archive: string,
  folder: string,
): Promise<void> {
  const progress = showProgress(label);
  try {
    await unpack(archive, folder, progress.update);
  } finally {
    progress.stop();
  }
}

function demandNvidia({ folder }: Libtorch): void {
  const missing = missingLibraries(folder);
  if (missing.length === 0) return;
  throw new Error(
    `its CUDA libraries lie in packages of their own, and these are missing: ${missing.join(', ')}. Put the wheels of ` +
      "NVIDIA's packages beside the wheel of torch, or use it where it is installed: " +
      'TORCH_NODE_LIBTORCH=.../site-packages/torch',
  );
}

async function statOf(file: string) {
  return stat(file).catch((error: unknown) => {
    throw new Error(`${file} cannot be read (${errorCode(error)})`, { cause: error });
  });
}

async function copyLibtorch(source: string, fresh: string): Promise<void> {
  const libtorch = inspectLibtorch(source);
  if (typeof libtorch === 'string') throw new Error(libtorch);
  const inner = path.join(fresh, 'torch');
  for (const part of ['include', 'lib']) {
    // Through links: a link may lead to somewhere that is gone tomorrow.
    await cp(path.join(libtorch.folder, part), path.join(inner, part), {
      recursive: true,
      dereference: true,
      filter: (file) => isNeeded(path.relative(libtorch.folder, file)),
    });
  }
  await writeFile(path.join(inner, 'build-version'), `${libtorch.version}\n`);
  if (libtorch.variant === 'cpu') return;
  const packages = path.join(libtorch.folder, '..', 'nvidia');
  for (const name of await readdir(packages).catch(() => [])) {
    const libraries = path.join(packages, name, 'lib');
    if (existsSync(libraries)) {
      await cp(libraries, path.join(fresh, 'nvidia', name, 'lib'), { recursive: true, dereference: true });
    }
  }
}

// Has the system write the file system out before the rename: without it a power cut may keep the name and lose the
// contents. One call for all, since an fsync for each of 9,000 headers takes longer than unpacking them.
async function writeToDisk(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const args = process.platform === 'linux' ? ['-f', folder] : [];
  await run('sync', args).catch(() => {}); // Where there is no such program, the rename still orders the rest.
}

/** Removes what installs that died left behind. To be called under the lock: then none of it is in use. */
async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (name.startsWith('.tmp-')) await rm(path.join(folder, name), { recursive: true, force: true });
  }
}

function describeFailures(what: string, failures: string[]): string {
  const offline = process.env['TORCH_NODE_OFFLINE'] === '1';
  const ways = [
    ...(offline ? ['Unset TORCH_NODE_OFFLINE to allow pip and the download.'] : []),
    'Set TORCH_NODE_LIBTORCH to a libtorch folder or to the site-packages/torch of a Python torch' +
      ` (${SUPPORTED_MINORS.join(', ')}).`,
    'Or get the zip or the wheel on another machine: npx torch-node install --from PATH.',
    ...(offline ? [] : ['Behind a proxy, set https_proxy. With a mirror of PyPI, configure pip for it.']),
  ];
  return [
    `No libtorch could be installed (${what}). Tried:`,
    ...failures,
    'What can be done:',
    ...ways.map((way) => `  - ${way}`),
  ].join('\n');
}
