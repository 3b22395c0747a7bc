// CIFAR-10 for users: reading it, finding it, downloading it.
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { withLock } from '../files/cache.js';
import { CIFAR10_ARCHIVE_MD5, dataCacheFolder, unpackCifar10 } from './cifar10Archive.js';
import {
  beginsAsOfficial,
  CIFAR10_FOLDER,
  CIFAR10_RECORDS_PER_FILE,
  locateCifar10,
  readCifar10Folder,
} from './cifar10Folder.js';
import { DataError, systemError } from './dataError.js';
import type { ImageRecords } from './records.js';

const PAGE = 'https://www.cs.toronto.edu/~kriz/cifar.html';
const ARCHIVE = 'cifar-10-binary.tar.gz';
const ARCHIVE_URL = `https://www.cs.toronto.edu/~kriz/${ARCHIVE}`;
const ARCHIVE_BYTES = 170_052_171;

export interface Cifar10 {
  /** 50,000 pictures. */
  train: ImageRecords;
  /** 10,000 pictures. */
  test: ImageRecords;
  /** The folder that was read. */
  folder: string;
  /** False if pixels or order are surely not the official ones; see `beginsAsOfficial`. */
  official: boolean;
}

/**
 * Reads CIFAR-10 (https://www.cs.toronto.edu/~kriz/cifar.html, binary version).
 *
 * @param data the folder with data_batch_1.bin to data_batch_5.bin and test_batch.bin, its parent, or the .tar.gz,
 *   which is unpacked into the cache the first time
 * @param options.recordsPerFile 10,000; another number is for small sets of the same layout
 * @throws DataError that says what was found, what was expected and what to do
 */
export async function readCifar10(
  data: string,
  { recordsPerFile = CIFAR10_RECORDS_PER_FILE }: { recordsPerFile?: number } = {},
): Promise<Cifar10> {
  const given = path.resolve(data);
  const found = await stat(given).catch((error: unknown) => {
    throw systemError(error, given);
  });
  const folder = found.isFile() ? await unpackGiven(given) : await locateCifar10(given);
  const { train, test } = await readCifar10Folder(folder, recordsPerFile);
  return { train, test, folder, official: beginsAsOfficial(train) };
}

async function unpackGiven(file: string): Promise<string> {
  if (/\.(tar\.gz|tgz|tar)$/i.test(file)) return unpackCifar10(file);
  const text = `${file} is neither a folder nor a .tar.gz. Give the folder with data_batch_1.bin in it, or ${ARCHIVE}.`;
  throw new DataError('DATA_WRONG_KIND', text);
}

export interface DownloadProgress {
  /** Told how many bytes are there and how many there will be. */
  onProgress?: (done: number, total?: number) => void;
  signal?: AbortSignal;
}

/**
 * Downloads CIFAR-10 from the official page into the cache, checks and unpacks it, and gives its folder. A download
 * that broke off is taken up again; several processes at once share one.
 */
export async function downloadCifar10({ onProgress, signal }: DownloadProgress = {}): Promise<string> {
  const { download } = await import('../files/download.js');
  const archive = path.join(dataCacheFolder(), ARCHIVE);
  await withLock(archive, async () => {
    if ((await stat(archive).catch(() => undefined))?.size === ARCHIVE_BYTES) return;
    await download(ARCHIVE_URL, archive, {
      name: 'CIFAR-10',
      md5: CIFAR10_ARCHIVE_MD5,
      size: ARCHIVE_BYTES,
      ...(onProgress && { onProgress }),
      ...(signal && { signal }),
    });
  });
  return unpackCifar10(archive);
}

/**
 * Where CIFAR-10 is, as a path for `readCifar10`: what was given with --data, else the cache, else a download.
 *
 * @throws DataError with code DATA_UNREACHABLE, whose text names the three ways to get the set, if it is not here
 *   and cannot be downloaded; the signal's reason if it was aborted
 */
export async function findCifar10(data?: string, progress: DownloadProgress = {}): Promise<string> {
  if (data !== undefined) return data;
  const cached = await locateCifar10(path.join(dataCacheFolder(), CIFAR10_FOLDER)).catch(() => undefined);
  if (cached !== undefined) return cached;
  try {
    return await downloadCifar10(progress);
  } catch (error) {
    progress.signal?.throwIfAborted();
    if ((error as { name?: unknown } | null)?.name === 'DataError') throw error;
    throw unreachable(error);
  }
}

function unreachable(error: unknown): DataError {
  const reason = (error as { message?: unknown } | null)?.message ?? error;
  const text = `CIFAR-10 is not on this machine, and its site could not be reached.
  ${String(reason)}
There are three ways to get it:
  1. Download ${ARCHIVE} by hand from ${PAGE} and give it: --data FILE
  2. Give a folder in which it is already unpacked: --data DIR
  3. Run again with a network, and it downloads itself (behind a proxy, set HTTPS_PROXY first).`;
  return new DataError('DATA_UNREACHABLE', text, { cause: error });
}
