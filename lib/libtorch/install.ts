// Puts a libtorch into the cache, from pip, the official site, or a file or folder that is given.
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { errorCode, errorText, makeCacheFolder, withLock } from '../files/cache.js';
import { run } from '../files/child.js';
import { download } from '../files/download.js';
import { showProgress } from '../files/progress.js';
import { type Attempt, inspectLibtorch, type Libtorch, pythonCommand } from './locate.js';
import { isNeeded, unpackLibtorch } from './unpack.js';
import { DEFAULT_VERSION, minorOf, officialArchive, SUPPORTED_MINORS, wheelRequirement } from './versions.js';

export interface InstallOptions {
  /** As in 2.13.0; with `from`, only checked where it is given. */
  version?: string;
  /** 'cpu', 'cu126' ...; with `from`, only checked where it is given. */
  variant?: string;
  /** A libtorch folder, an official zip or a torch wheel, instead of pip and the official site. */
  from?: string;
  /** Places that were looked at before in vain, to be named if this fails too. */
  attempts?: Attempt[];
  /** Told what is done, a line at a time. */
  log?: (line: string) => void;
}

/** A place that libtorch can come from: `fetch` gives an archive or folder to take it out of. */
interface Source {
  name: string;
  fetch(scratch: string, log: (line: string) => void): Promise<string>;
}

/**
 * Makes sure that the cache holds a libtorch and says where. Does nothing when it is there already (with `from` it is
 * replaced). Several processes may ask at once: one works, the others wait.
 *
 * A libtorch appears in the cache by a rename and so is always whole; what a killed install left behind is removed by
 * the next one, except for a partial download, which is resumed.
 *
 * Rejects with one error that names every source that was tried, why it failed and what can be done.
 */
export async function installLibtorch(options: InstallOptions = {}): Promise<Libtorch> {
  const log = options.log ?? (() => {});
  const { version = DEFAULT_VERSION, variant = 'cpu' } = options;
  if (!SUPPORTED_MINORS.includes(minorOf(version))) {
    throw new Error(`libtorch ${version} does not fit: expected one of ${SUPPORTED_MINORS.join(', ')}`);
  }
  const folder = makeCacheFolder('libtorch');
  return withLock(
    path.join(folder, '.install'),
    async () => {
      await removeLeftovers(folder);
      const present = inspectLibtorch(path.join(folder, `${version}-${variant}`));
      if (!options.from && typeof present !== 'string') return present;

      const failures = (options.attempts ?? []).map(({ place, result }) => `  - ${place}: ${result}`);
      for (const source of options.from ? [given(options.from)] : sources(version, variant)) {
        const scratch = await mkdtemp(path.join(folder, '.tmp-'));
        try {
          log(`libtorch: trying ${source.name}`);
          const archive = await source.fetch(scratch, log);
          return await put(archive, scratch, folder, options);
        } catch (error) {
          log(`libtorch: ${errorText(error)}`);
          failures.push(`  - ${source.name}: ${errorText(error)}`);
        } finally {
          await rm(scratch, { recursive: true, force: true });
        }
      }
      throw new Error(describeFailures(options.from ?? `${version} (${variant})`, failures));
    },
    { onWait: (sentence) => log(`libtorch: ${sentence}`) },
  );
}

/**
 * pip comes first: it follows the configuration of the machine (a mirror, a folder of wheels), checks hashes, and where
 * it has no such wheel, as with PyPI alone, it says so within a second or two.
 */
function sources(version: string, variant: string): Source[] {
  const archive = officialArchive(version, variant);
  const pip: Source = {
    name: `pip download ${wheelRequirement(version, variant)}`,
    fetch: (scratch, log) => fromPip(wheelRequirement(version, variant), scratch, log),
  };
  const official: Source = {
    name: 'the official archive',
    async fetch() {
      if (!archive) throw new Error(`there is none of ${variant} for ${process.platform} ${process.arch}`);
      const name = `libtorch ${version} (${variant})`;
      const file = path.join(makeCacheFolder('downloads'), decodeURIComponent(path.basename(archive.url)));
      const progress = showProgress(`downloading ${name}`);
      try {
        await download(archive.url, file, { ...archive, name, onProgress: progress.update });
      } finally {
        progress.stop();
      }
      return file;
    },
  };
  // A CUDA wheel is of no use alone: the libraries it is linked with are wheels of their own.
  return variant === 'cpu' ? [pip, official] : [official];
}

function given(from: string): Source {
  return { name: from, fetch: async () => path.resolve(from) };
}

async function fromPip(requirement: string, scratch: string, log: (line: string) => void): Promise<string> {
  if (process.env['TORCH_NODE_OFFLINE'] === '1') throw new Error('TORCH_NODE_OFFLINE=1 forbids it');
  const python = pythonCommand();
  const wheels = path.join(scratch, 'wheels');
  const start = Date.now();
  const sign = setInterval(
    () => log(`libtorch: pip is at work (${Math.round((Date.now() - start) / 1000)} s)`),
    10_000,
  );
  try {
    const options =
      '--retries 0 --timeout 30 --no-deps --no-input --disable-pip-version-check --progress-bar off';
    const { code, stderr } = await run(
      python,
      ['-m', 'pip', 'download', ...options.split(' '), '--only-binary', ':all:', '-d', wheels, requirement],
      // pip's own temporary files too lie where they are cleaned up, and on the disk that has the room.
      { env: { ...process.env, TMPDIR: scratch } },
    );
    if (code !== 0) throw new Error(explainPip(stderr, code));
  } catch (error) {
    if (errorCode(error) === 'ENOENT') throw new Error(`there is no ${python} on the PATH`, { cause: error });
    throw error;
  } finally {
    clearInterval(sign);
  }
  const wheel = (await readdir(wheels)).find((name) => name.endsWith('.whl'));
  if (!wheel) throw new Error('pip succeeded but left no wheel');
  return path.join(wheels, wheel);
}

function explainPip(stderr: string, code: number | null): string {
  const lines = stderr.trim().split('\n');
  if (/No matching distribution|ResolutionImpossible/.test(stderr)) {
    return 'the index that pip is configured with has no such wheel for this Python and platform';
  }
  if (/No module named pip/.test(stderr)) return 'this Python has no pip';
  return lines.findLast((line) => line.startsWith('ERROR:')) ?? lines.at(-1) ?? `pip ended with code ${code}`;
}

// Unpacks or copies into the scratch folder, checks the result, and moves it to its place in the cache.
async function put(
  archive: string,
  scratch: string,
  folder: string,
  { version, variant, from }: InstallOptions,
): Promise<Libtorch> {
  const fresh = path.join(scratch, 'libtorch');
  await mkdir(fresh);
  if ((await statOf(archive)).isDirectory()) await copyLibtorch(archive, fresh);
  else {
    const progress = showProgress('unpacking libtorch');
    try {
      await unpackLibtorch(archive, fresh, progress.update);
    } catch (error) {
      // A damaged download is of no use to the next attempt either.
      if (!from && errorCode(error) !== 'ENOSPC') await rm(archive, { force: true });
      throw error;
    } finally {
      progress.stop();
    }
  }
  const libtorch = inspectLibtorch(fresh);
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
  if (
    libtorch.variant !== 'cpu' &&
    !(await readdir(path.join(fresh, 'lib'))).some((name) => /cudart/.test(name))
  ) {
    throw new Error(
      'its CUDA libraries lie in packages of their own and would be missing. Use it where it is installed: ' +
        'TORCH_NODE_LIBTORCH=.../site-packages/torch',
    );
  }
  await writeToDisk(fresh);
  const target = path.join(folder, `${found}-${libtorch.variant}`);
  // A folder cannot be renamed over a full one, so an old one is moved into the scratch folder first.
  if (existsSync(target)) await rename(target, path.join(scratch, 'replaced'));
  await rename(fresh, target);
  if (!from) await rm(archive, { force: true });
  return { ...libtorch, folder: target };
}

async function statOf(file: string) {
  return stat(file).catch((error: unknown) => {
    throw new Error(`${file} cannot be read (${errorCode(error)})`, { cause: error });
  });
}

async function copyLibtorch(source: string, fresh: string): Promise<void> {
  const libtorch = inspectLibtorch(source);
  if (typeof libtorch === 'string') throw new Error(libtorch);
  for (const part of ['include', 'lib']) {
    // Through links: a link may lead to somewhere that is gone tomorrow.
    await cp(path.join(libtorch.folder, part), path.join(fresh, part), {
      recursive: true,
      dereference: true,
      filter: (file) => isNeeded(path.relative(libtorch.folder, file)),
    });
  }
  await writeFile(path.join(fresh, 'build-version'), `${libtorch.version}\n`);
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
