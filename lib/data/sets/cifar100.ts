// CIFAR-100's binary version: train.bin and test.bin, a coarse and a fine label before each picture.
// The layout is defined at https://www.cs.toronto.edu/~kriz/cifar.html, "Binary version".
import { expectOneOf, expectPath } from '../../core/checks.js';
import { expectNoMore, options } from '../../core/options.js';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { DataError, systemError } from '../dataError.js';
import { allocateRecords, PICTURE_BYTES } from '../records.js';
import { whatReadsIt } from './otherReaders.js';
import { fromBytes, type ImageDataset } from './imageDataset.js';

const RECORD_BYTES = 2 + PICTURE_BYTES;

export interface Cifar100Options {
  /** Which labels: the 100 fine ones (the default) or the 20 coarse ones. */
  labels?: 'fine' | 'coarse';
}

/**
 * CIFAR-100: 50,000 and 10,000 pictures, uint8 [3, 32, 32], from a folder with train.bin, test.bin and the label names of
 * cifar-100-binary.tar.gz.
 *
 * @throws DataError for files that are missing or damaged
 */
export async function cifar100(
  folder: string,
  given: Cifar100Options = {},
): Promise<{ train: ImageDataset; test: ImageDataset }> {
  expectNoMore('cifar100', arguments, 2);
  const { labels = 'fine' } = options('cifar100', given, ['labels']);
  expectPath('cifar100', folder);
  expectOneOf('cifar100', 'labels', labels, ['fine', 'coarse']);
  const names = await read(path.join(folder, `${labels}_label_names.txt`));
  const classes = names.toString('utf8').trim().split(/\s+/);
  const set = async (name: string): Promise<ImageDataset> => {
    const file = path.join(folder, name);
    const bytes = await read(file);
    const count = bytes.length / RECORD_BYTES;
    if (!Number.isInteger(count) || count === 0)
      throw new DataError(
        'DATA_TRUNCATED',
        `${file} has ${bytes.length} bytes, which are no records of ${RECORD_BYTES}.`,
      );
    const records = allocateRecords(count, classes);
    for (let i = 0; i < count; i++) {
      const at = i * RECORD_BYTES;
      const label = bytes[at + (labels === 'fine' ? 1 : 0)]!;
      if (label >= classes.length)
        throw new DataError(
          'DATA_BAD_LABEL',
          `${file}, record ${i}, has the label ${label}; expected 0 to ${classes.length - 1}.`,
        );
      records.labels[i] = label;
      records.images.set(bytes.subarray(at + 2, at + RECORD_BYTES), i * PICTURE_BYTES);
    }
    return fromBytes(records.images, records.labels, [3, 32, 32], classes);
  };
  return { train: await set('train.bin'), test: await set('test.bin') };
}

async function read(file: string): Promise<Buffer> {
  return readFile(file).catch((error: unknown) => {
    const hint = whatReadsIt(path.dirname(file), 'cifar100');
    const found = systemError(error, file);
    throw hint === '' ? found : new DataError(found.code, found.message + hint, { cause: error });
  });
}
