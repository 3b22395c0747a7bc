// CIFAR-10's binary version as a folder of six files: recognising it and reading it into memory.
// The layout is defined at https://www.cs.toronto.edu/~kriz/cifar.html, "Binary version".
import { open, readdir, stat, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { DataError, systemError } from './dataError.js';
import { whatReadsIt } from './sets/otherReaders.js';
import { allocateRecords, PICTURE_BYTES, type ImageRecords } from './records.js';

export const CIFAR10_CLASSES: readonly string[] = [
  ...['airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse', 'ship', 'truck'],
];
/** The name of the folder inside the official archive. */
export const CIFAR10_FOLDER = 'cifar-10-batches-bin';
export const CIFAR10_RECORDS_PER_FILE = 10_000;

const TRAIN_FILES = [1, 2, 3, 4, 5].map((n) => `data_batch_${n}.bin`);
const TEST_FILE = 'test_batch.bin';
const FILES = [...TRAIN_FILES, TEST_FILE];
/** One byte of label before the picture. */
const RECORD_BYTES = 1 + PICTURE_BYTES;
const RECORDS_PER_READ = 1000;

/**
 * The folder that holds the six files: `folder` itself or the cifar-10-batches-bin in it.
 *
 * @throws DataError that says what was found instead: nothing, some of the files, another version of the set.
 */
export async function locateCifar10(folder: string): Promise<string> {
  const names = await list(folder);
  if (FILES.every((file) => names.includes(file))) return folder;
  const inner = path.join(folder, CIFAR10_FOLDER);
  if (!FILES.some((file) => names.includes(file)) && names.includes(CIFAR10_FOLDER))
    return locateCifar10(inner);
  throw notTheSet(folder, names);
}

function notTheSet(folder: string, names: string[]): DataError {
  const missing = FILES.filter((file) => !names.includes(file));
  if (missing.length < FILES.length) {
    const text = `${folder} is not a whole CIFAR-10: ${missing.join(', ')} ${missing.length > 1 ? 'are' : 'is'} missing. `;
    return new DataError(
      'DATA_MISSING_FILES',
      `${text}Unpack cifar-10-binary.tar.gz again and give that folder.`,
    );
  }
  return new DataError(
    'DATA_WRONG_KIND',
    `${folder} does not hold CIFAR-10's binary version: ${whatItIs(folder, names)}`,
  );
}

function whatItIs(folder: string, names: string[]): string {
  const wanted = 'Get cifar-10-binary.tar.gz from https://www.cs.toronto.edu/~kriz/cifar.html and give that.';
  if (names.includes('data_batch_1') || names.includes('cifar-10-batches-py'))
    return `this is its Python version (pickle files without .bin), which is not read here. ${wanted}`;
  if (names.includes('data_batch_1.mat') || names.includes('cifar-10-batches-mat'))
    return `this is its Matlab version (.mat files), which is not read here. ${wanted}`;
  if (names.includes('train.bin') && names.includes('fine_label_names.txt'))
    return `this is CIFAR-100, another data set, which torch.data.cifar100 reads. ${wanted}`;
  const archive = names.find((name) => /^cifar-10-binary\.tar(\.gz)?$/.test(name));
  if (archive !== undefined) return `it holds the archive ${archive}. Give that file instead of the folder.`;
  if (names.length === 0) return `the folder is empty. ${wanted}`;
  const some = names.slice(0, 5).join(', ') + (names.length > 5 ? `, and ${names.length - 5} more` : '');
  return `expected data_batch_1.bin to data_batch_5.bin and test_batch.bin, found ${some}. ${wanted}${whatReadsIt(folder, 'cifar10')}`;
}

async function list(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ENOTDIR') throw systemError(error, folder);
    throw new DataError(
      'DATA_WRONG_KIND',
      `${folder} is not a folder. Expected the one with data_batch_1.bin in it.`,
    );
  }
}

/**
 * Reads the six files in a folder found by `locateCifar10`. Needs little more memory than the result itself.
 *
 * @throws DataError if a file is cut off, holds another number of records, or has a label over 9.
 */
export async function readCifar10Folder(
  folder: string,
  recordsPerFile: number,
): Promise<{ train: ImageRecords; test: ImageRecords }> {
  const train = allocateRecords(TRAIN_FILES.length * recordsPerFile, CIFAR10_CLASSES);
  const test = allocateRecords(recordsPerFile, CIFAR10_CLASSES);
  // Sizes first: a wrong file is reported before seconds go into reading the others.
  for (const file of FILES) await checkSize(path.join(folder, file), recordsPerFile);
  for (const [i, file] of TRAIN_FILES.entries())
    await readFile(path.join(folder, file), train, i * recordsPerFile, recordsPerFile);
  await readFile(path.join(folder, TEST_FILE), test, 0, recordsPerFile);
  return { train, test };
}

async function checkSize(file: string, records: number): Promise<void> {
  const found = await stat(file).catch((error: unknown) => {
    throw systemError(error, file);
  });
  if (!found.isFile()) throw new DataError('DATA_WRONG_KIND', `${file} is not a file.`);
  const expected = records * RECORD_BYTES;
  if (found.size === expected) return;
  const wanted = `expected ${expected} bytes, ${records} records of ${RECORD_BYTES}`;
  if (found.size % RECORD_BYTES !== 0 && found.size < expected) throw truncated(file, found.size, wanted);
  const text = `${file} has ${found.size} bytes, that is ${+(found.size / RECORD_BYTES).toFixed(2)} records; ${wanted}. `;
  throw new DataError(
    'DATA_WRONG_COUNT',
    `${text}This is not an original file of CIFAR-10's binary version.`,
  );
}

function truncated(file: string, size: number, wanted: string): DataError {
  const text = `${file} is cut off: it has ${size} bytes; ${wanted}. Unpack or download the set again.`;
  return new DataError('DATA_TRUNCATED', text);
}

/** Reads `count` records of one file to the place `start` in `records`. */
async function readFile(file: string, records: ImageRecords, start: number, count: number): Promise<void> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(file);
    const buffer = Buffer.alloc(Math.min(count, RECORDS_PER_READ) * RECORD_BYTES);
    for (let done = 0; done < count;) {
      const part = Math.min(RECORDS_PER_READ, count - done);
      await readFully(handle, buffer.subarray(0, part * RECORD_BYTES), done * RECORD_BYTES, file);
      for (let i = 0; i < part; i++)
        place(buffer, i, records, start + done + i, `${file}, record ${done + i}`);
      done += part;
    }
  } catch (error) {
    throw (error as { name?: unknown }).name === 'DataError' ? error : systemError(error, file);
  } finally {
    await handle?.close();
  }
}

/** Fills `buffer` from `position` on: one read may give less than was asked for. */
async function readFully(handle: FileHandle, buffer: Buffer, position: number, file: string): Promise<void> {
  for (let filled = 0; filled < buffer.length;) {
    const { bytesRead } = await handle.read(buffer, filled, buffer.length - filled, position + filled);
    if (bytesRead === 0) throw truncated(file, position + filled, 'it became shorter while it was read');
    filled += bytesRead;
  }
}

function place(buffer: Buffer, from: number, records: ImageRecords, to: number, where: string): void {
  const offset = from * RECORD_BYTES;
  const label = buffer[offset]!;
  if (label >= records.classes.length) {
    const text = `${where}, has the label ${label}; expected 0 to ${records.classes.length - 1}. `;
    throw new DataError('DATA_BAD_LABEL', `${text}The file is damaged or of another data set.`);
  }
  records.labels[to] = label;
  records.images.set(buffer.subarray(offset + 1, offset + RECORD_BYTES), to * PICTURE_BYTES);
}

// The official first training picture, a frog: its label, then red, green and blue of its first three pixels.
const OFFICIAL_START = [6, 59, 43, 50, 62, 46, 48, 63, 45, 43];

/**
 * Whether the training set begins with the picture that the official one begins with. False says for sure that this
 * is a copy with other pixels (JPEG, say) or in another order; true proves no more than the beginning.
 */
export function beginsAsOfficial({ images, labels }: ImageRecords): boolean {
  const start = [0, 1024, 2048].flatMap((plane) => [...images.subarray(plane, plane + 3)]);
  return `${[labels[0], ...start]}` === `${OFFICIAL_START}`;
}
