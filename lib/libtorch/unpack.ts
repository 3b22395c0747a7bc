// Takes what is needed of libtorch out of an archive: an official zip or a Python wheel.
import { createWriteStream } from 'node:fs';
import { mkdir, statfs, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Transform } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { crc32 } from 'node:zlib';
import type { Entry, ZipFile } from 'yauzl';
import { errorCode, errorText } from '../files/cache.js';

/** What serves Python or libtorch's own tests; linking to Python it could not even be loaded here. */
const unwanted = /^(.*test.*|(lib)?(torch_python|backend_with_compiler|aoti_custom_ops).*)$/;

/** Whether a file or folder of a libtorch is one that is needed here; the name as seen from the libtorch folder. */
export function isNeeded(name: string): boolean {
  const [top, inner, ...rest] = name.split(/[\\/]/);
  if (top === 'include') return true;
  return top === 'lib' && !(inner && rest.length === 0 && unwanted.test(inner));
}

/**
 * Unpacks include/ and lib/ of a libtorch zip or torch wheel into `folder` and writes its build-version. Every entry's
 * length and checksum is verified; an entry that leads out of the folder, or is a link, is refused.
 *
 * Rejects with an error that names the archive when it is damaged or holds no libtorch, or when the disk has not
 * enough room (then its code is ENOSPC). What was unpacked until then is left behind.
 */
export async function unpackLibtorch(
  archive: string,
  folder: string,
  onProgress?: (done: number, total: number) => void,
): Promise<void> {
  const { openPromise } = await import('yauzl');
  let zip: ZipFile | undefined;
  try {
    // Left open after the list of entries has been read, since the files are read after that.
    zip = await openPromise(archive, { autoClose: false });
    const { wanted, version } = await readContents(zip);
    if (wanted.length === 0) throw new Error('it holds no libtorch');
    const total = wanted.reduce((sum, [, entry]) => sum + entry.uncompressedSize, 0);
    await demandRoom(folder, total);

    let done = 0;
    const folders = new Set(wanted.map(([name]) => path.dirname(inside(folder, name))));
    for (const each of folders) await mkdir(each, { recursive: true });
    const rest = wanted.values();
    // A few at a time, so that inflating (on libuv's threads) and writing overlap.
    const worker = async (opened: ZipFile) => {
      for (const [name, entry] of rest) {
        await unpackEntry(opened, entry, inside(folder, name), (bytes) =>
          onProgress?.((done += bytes), total),
        );
      }
    };
    await Promise.all(Array.from({ length: 4 }, worker.bind(undefined, zip)));
    if (version) await writeFile(path.join(folder, 'build-version'), `${version}\n`);
  } catch (error) {
    const full = errorCode(error) === 'ENOSPC' ? `the disk with ${folder} is full: ` : '';
    const failure = new Error(`${archive} cannot be unpacked: ${full}${errorText(error)}`, { cause: error });
    throw Object.assign(failure, { code: errorCode(error) });
  } finally {
    zip?.close();
  }
}

// The entries to unpack, with their names inside a libtorch folder, and the version.
async function readContents(zip: ZipFile): Promise<{ wanted: [string, Entry][]; version: string }> {
  const wanted: [string, Entry][] = [];
  let version = '';
  for await (const entry of zip.eachEntry()) {
    const name = /^(?:libtorch|torch)\/(.+)$/.exec(entry.fileName)?.[1];
    if (!name || name.endsWith('/')) continue;
    if (name === 'build-version') version = (await readText(zip, entry)).trim();
    if (name === 'version.py') {
      version ||= /^__version__ *= *['"]([^'"]+)['"]/m.exec(await readText(zip, entry))?.[1] ?? '';
    }
    if (isNeeded(name)) wanted.push([name, entry]);
  }
  return { wanted, version };
}

async function readText(zip: ZipFile, entry: Entry): Promise<string> {
  return text(await zip.openReadStreamPromise(entry));
}

async function unpackEntry(
  zip: ZipFile,
  entry: Entry,
  file: string,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const kind = (entry.externalFileAttributes >>> 16) & 0o170000;
  if (kind === 0o120000) throw new Error(`${entry.fileName} is a symbolic link`);
  let checksum = 0;
  // yauzl verifies lengths, not checksums.
  const verify = new Transform({
    transform(chunk: Buffer, _encoding, next) {
      checksum = crc32(chunk, checksum);
      onBytes(chunk.length);
      next(null, chunk);
    },
  });
  await pipeline(await zip.openReadStreamPromise(entry), verify, createWriteStream(file));
  if (checksum !== entry.crc32) throw new Error(`${entry.fileName} is damaged (its checksum is wrong)`);
}

// yauzl refuses names with '..' and absolute ones already; what decides is where the file would lie.
function inside(folder: string, name: string): string {
  const file = path.resolve(folder, name);
  if (!file.startsWith(path.resolve(folder) + path.sep)) throw new Error(`${name} leads out of the folder`);
  return file;
}

async function demandRoom(folder: string, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize >= bytes) return;
  const free = Math.floor((bavail * bsize) / 1e6);
  const error = new Error(`${Math.ceil(bytes / 1e6)} MB are needed, ${free} MB are free`);
  throw Object.assign(error, { code: 'ENOSPC' });
}
