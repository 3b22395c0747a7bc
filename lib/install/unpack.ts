// Takes what is needed of libtorch out of an archive: an official zip, a wheel of torch, or a wheel of NVIDIA's.
import { createWriteStream } from 'node:fs';
import { mkdir, statfs, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { errorCode, errorText } from '../files/cache.js';
import type { ZipEntry } from '../files/zipReader.js';

/** What serves Python or libtorch's own tests; linking to Python it could not even be loaded here. */
const unwanted = /^(.*test.*|(lib)?(torch_python|backend_with_compiler|aoti_custom_ops).*)$/;

/** Whether a file or folder of a libtorch is one that is needed here; the name as seen from the libtorch folder. */
export function isNeeded(name: string): boolean {
  const [top, inner, ...rest] = name.split(/[\\/]/);
  if (top === 'include') return true;
  return top === 'lib' && !(inner && rest.length === 0 && unwanted.test(inner));
}

type OnProgress = (done: number, total: number) => void;

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
  onProgress?: OnProgress,
): Promise<void> {
  let version = '';
  await unpack(
    archive,
    folder,
    async (entries) => {
      const wanted: [string, ZipEntry][] = [];
      for (const entry of entries) {
        const name = /^(?:libtorch|torch)\/(.+)$/.exec(entry.name)?.[1];
        if (!name) continue;
        if (name === 'build-version') version = (await readText(entry)).trim();
        if (name === 'version.py') {
          version ||= /^__version__ *= *['"]([^'"]+)['"]/m.exec(await readText(entry))?.[1] ?? '';
        }
        if (isNeeded(name)) wanted.push([name, entry]);
      }
      if (wanted.length === 0) throw new Error('it holds no libtorch');
      return wanted;
    },
    onProgress,
  );
  if (version) await writeFile(path.join(folder, 'build-version'), `${version}\n`);
}

/** Unpacks nvidia/<package>/lib of one of NVIDIA's wheels into `folder`. Otherwise as unpackLibtorch. */
export async function unpackNvidia(wheel: string, folder: string, onProgress?: OnProgress): Promise<void> {
  const libraries = /^nvidia\/([^/]+\/lib\/[^/]+\.so[.\d]*|[^/]+\/bin\/.+\.dll)$/;
  await unpack(
    wheel,
    folder,
    (entries) => entries.filter(({ name }) => libraries.test(name)).map((entry) => [entry.name, entry]),
    onProgress,
  );
}

/** The text of a wheel's METADATA, which lists what it requires; undefined where there is none. */
export async function readMetadata(wheel: string): Promise<string | undefined> {
  const { withZip } = await import('../files/zipReader.js');
  return withZip(wheel, async (entries) => {
    const entry = entries.find(({ name }) => /^[^/]+\.dist-info\/METADATA$/.test(name));
    return entry && readText(entry);
  });
}

async function unpack(
  archive: string,
  folder: string,
  choose: (entries: ZipEntry[]) => Promise<[string, ZipEntry][]> | [string, ZipEntry][],
  onProgress?: OnProgress,
): Promise<void> {
  const { withZip } = await import('../files/zipReader.js');
  try {
    await withZip(archive, async (entries) => {
      const wanted = await choose(entries);
      const total = wanted.reduce((sum, [, { size }]) => sum + size, 0);
      await demandRoom(folder, total);
      let done = 0;
      const folders = new Set(wanted.map(([name]) => path.dirname(inside(folder, name))));
      for (const each of folders) await mkdir(each, { recursive: true });
      const rest = wanted.values();
      // A few at a time, so that inflating (on libuv's threads) and writing overlap.
      const worker = async () => {
        for (const [name, entry] of rest) {
          await unpackEntry(entry, inside(folder, name), (bytes) => onProgress?.((done += bytes), total));
        }
      };
      await Promise.all(Array.from({ length: 4 }, worker));
    });
  } catch (error) {
    const full = errorCode(error) === 'ENOSPC' ? `the disk with ${folder} is full: ` : '';
    const failure = new Error(`${archive} cannot be unpacked: ${full}${errorText(error)}`, { cause: error });
    throw Object.assign(failure, { code: errorCode(error) });
  }
}

async function readText(entry: ZipEntry): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of entry.chunks()) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

async function unpackEntry(entry: ZipEntry, file: string, onBytes: (bytes: number) => void): Promise<void> {
  if (entry.link) throw new Error(`${entry.name} is a symbolic link`);
  await pipeline(
    entry.chunks(),
    async function* (chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        onBytes(chunk.length);
        yield chunk;
      }
    },
    createWriteStream(file),
  );
}

// The reader of zips refuses names with '..' and absolute ones already; what decides is where the file would lie.
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
