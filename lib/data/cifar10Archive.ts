// CIFAR-10's binary version as a .tar.gz: unpacked once into the cache, read from there afterwards.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { cacheFolder, makeCacheFolder, withLock } from '../files/cache.js';
import { CIFAR10_FOLDER, locateCifar10 } from './cifar10Folder.js';
import { DataError, systemError } from './dataError.js';

/** The md5 that the official page gives for cifar-10-binary.tar.gz. */
export const CIFAR10_ARCHIVE_MD5 = 'c32a1d4ab5d03f1284b67883e8d87530';

/** The folder of the cache in which data sets lie. */
export function dataCacheFolder(): string {
  return path.join(cacheFolder(), 'data');
}

/**
 * Unpacks an archive into the cache, unless that was done before, and gives the folder with the six files.
 *
 * The folder is named after the archive's content, so another archive under the same name is never mistaken for it.
 * It appears by a rename when it is complete: nobody sees half of it.
 *
 * @throws DataError if the file cannot be read, is no archive, or holds something else.
 */
export async function unpackCifar10(archive: string): Promise<string> {
  const md5 = await md5Of(archive);
  const name = md5 === CIFAR10_ARCHIVE_MD5 ? CIFAR10_FOLDER : `cifar-10-${md5}`;
  const cache = makeCacheFolder('data');
  const target = path.join(cache, name);
  const ready = () => locateCifar10(target).catch(() => undefined);
  return (
    (await ready()) ??
    (await withLock(target, async () => (await ready()) ?? (await unpackTo(archive, cache, target))))
  );
}

async function unpackTo(archive: string, cache: string, target: string): Promise<string> {
  const temporary = await mkdtemp(path.join(cache, 'unpacking-'));
  try {
    await extract(archive, temporary);
    const found = await locateCifar10(temporary).catch((error: unknown) => {
      const { code, message } = error as DataError;
      // Names the archive, which the user knows, and not a folder that is about to go.
      throw new DataError(code, message.replaceAll(temporary, archive), { cause: error });
    });
    await rm(target, { recursive: true, force: true });
    await rename(found, target);
    return target;
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

async function extract(archive: string, folder: string): Promise<void> {
  const { unpackTar } = await import('modern-tar/fs');
  await mkdir(folder, { recursive: true });
  try {
    // strict: a cut-off or damaged archive is an error. Links have no business in here.
    const unpacking = unpackTar(folder, {
      strict: true,
      filter: ({ type }) => type === 'file' || type === 'directory',
    });
    await pipeline(createReadStream(archive), createGunzip(), unpacking);
  } catch (error) {
    const reason = (error as { message?: unknown } | null)?.message ?? error;
    const text = `${archive} cannot be unpacked as a .tar.gz: ${String(reason)}. Expected cifar-10-binary.tar.gz; `;
    throw new DataError('DATA_BAD_ARCHIVE', `${text}download it again.`, { cause: error });
  }
}

async function md5Of(file: string): Promise<string> {
  const hash = createHash('md5');
  await pipeline(createReadStream(file), hash).catch((error: unknown) => {
    throw systemError(error, file);
  });
  return hash.digest('hex');
}
