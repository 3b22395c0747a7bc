// MNIST and FashionMNIST: pictures of 28 x 28 in idx files. The format is defined at http://yann.lecun.com/exdb/mnist/.
import { expectPath } from '../../core/checks.js';
import { expectNoMore, options } from '../../core/options.js';
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { withLock } from '../../files/cache.js';
import { dataCacheFolder } from '../cifar10Archive.js';
import type { DownloadProgress } from '../cifar10Files.js';
import { DataError, systemError } from '../dataError.js';
import { whatReadsIt } from './otherReaders.js';
import { fromBytes, type ImageDataset } from './imageDataset.js';

interface Source {
  name: string;
  folder: string;
  mirrors: readonly string[];
  /** md5 of the .gz files, as torchvision lists them. */
  md5: Readonly<Record<string, string>>;
  classes: readonly string[];
}

const SOURCES = {
  mnist: {
    name: 'MNIST',
    folder: 'mnist',
    mirrors: ['https://ossci-datasets.s3.amazonaws.com/mnist/', 'http://yann.lecun.com/exdb/mnist/'],
    md5: {
      'train-images-idx3-ubyte': 'f68b3c2dcbeaaa9fbdd348bbdeb94873',
      'train-labels-idx1-ubyte': 'd53e105ee54ea40749a09fcbcd1e9432',
      't10k-images-idx3-ubyte': '9fb629c4189551a2d022fa330f9573f3',
      't10k-labels-idx1-ubyte': 'ec29112dd5afa0611ce80d1b7f02629c',
    },
    classes: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
  },
  fashionMnist: {
    name: 'FashionMNIST',
    folder: 'fashion-mnist',
    mirrors: ['http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/'],
    md5: {
      'train-images-idx3-ubyte': '8d4fb7e6c68d591d4c3dfef9ec88bf0d',
      'train-labels-idx1-ubyte': '25c81989df183df01b3e8a0aad5dffbe',
      't10k-images-idx3-ubyte': 'bef4ecab320f06d8554ea6380940ec79',
      't10k-labels-idx1-ubyte': 'bb300cfdad3c16e7a12a480ee83cd310',
    },
    classes: [
      'T-shirt/top',
      'Trouser',
      'Pullover',
      'Dress',
      'Coat',
      'Sandal',
      'Shirt',
      'Sneaker',
      'Bag',
      'Ankle boot',
    ],
  },
} satisfies Record<string, Source>;

export interface MnistSets {
  train: ImageDataset;
  test: ImageDataset;
}

/**
 * MNIST: 60,000 and 10,000 digits, uint8 [1, 28, 28]. From a folder with the four idx files, plain or .gz; without one, from the
 * cache, to which they are downloaded from the mirrors that torchvision uses.
 *
 * @throws DataError for files that are missing or damaged; an Error when no mirror gives them
 */
export function mnist(folder?: string, given: DownloadProgress = {}): Promise<MnistSets> {
  expectNoMore('mnist', arguments, 2);
  return readSets('mnist', folder, given);
}

/** FashionMNIST: 60,000 and 10,000 pieces of clothing, in MNIST's format; see `mnist`. */
export function fashionMnist(folder?: string, given: DownloadProgress = {}): Promise<MnistSets> {
  expectNoMore('fashionMnist', arguments, 2);
  return readSets('fashionMnist', folder, given);
}

async function readSets(
  name: keyof typeof SOURCES,
  place: string | undefined,
  given: DownloadProgress,
): Promise<MnistSets> {
  const progress = options(name, given, ['onProgress', 'signal']);
  const source = SOURCES[name];
  if (place !== undefined) expectPath(name, place);
  const folder = place ?? path.join(dataCacheFolder(), source.folder);
  if (place === undefined) await downloadSet(source, folder, progress);
  const set = async (part: 'train' | 't10k'): Promise<ImageDataset> => {
    const images = await readIdx(folder, `${part}-images-idx3-ubyte`, 3);
    const labels = await readIdx(folder, `${part}-labels-idx1-ubyte`, 1);
    if (images.sizes[0] !== labels.sizes[0])
      throw new DataError(
        'DATA_WRONG_COUNT',
        `${folder} has ${images.sizes[0]} ${part} pictures and ${labels.sizes[0]} labels.`,
      );
    const wrong = labels.bytes.findIndex((label) => label >= source.classes.length);
    if (wrong >= 0)
      throw new DataError(
        'DATA_BAD_LABEL',
        `${folder}: ${part} label ${wrong} is ${labels.bytes[wrong]}; expected 0 to 9.`,
      );
    return fromBytes(images.bytes, labels.bytes, [1, images.sizes[1]!, images.sizes[2]!], source.classes);
  };
  return { train: await set('train'), test: await set('t10k') };
}

async function downloadSet(
  source: Source,
  folder: string,
  { onProgress, signal }: DownloadProgress,
): Promise<void> {
  const { download } = await import('../../files/download.js');
  await mkdir(folder, { recursive: true });
  await withLock(path.join(folder, 'download'), async () => {
    for (const [name, md5] of Object.entries(source.md5)) {
      if ((await find(folder, name)) !== undefined) continue;
      const file = `${name}.gz`;
      for (const [i, mirror] of source.mirrors.entries()) {
        try {
          const more = { ...(onProgress && { onProgress }), ...(signal && { signal }) };
          await download(mirror + file, path.join(folder, file), {
            name: `${source.name}, ${file}`,
            md5,
            ...more,
          });
          break;
        } catch (error) {
          if (signal?.aborted === true || i === source.mirrors.length - 1) throw error;
        }
      }
    }
  });
}

/** The bytes of a file, unpacked, or of its .gz; undefined where neither is there. */
async function find(folder: string, name: string): Promise<{ file: string; bytes: Buffer } | undefined> {
  for (const file of [path.join(folder, name), path.join(folder, `${name}.gz`)]) {
    try {
      return { file, bytes: await readFile(file) };
    } catch (error) {
      const { code } = error as { code?: unknown };
      if (code !== 'ENOENT' && code !== 'ENOTDIR') throw systemError(error, file);
    }
  }
  return undefined;
}

async function readIdx(
  folder: string,
  name: string,
  dimensions: number,
): Promise<{ bytes: Uint8Array; sizes: number[] }> {
  const found = await find(folder, name);
  if (found === undefined)
    throw new DataError(
      'DATA_MISSING_FILES',
      `${folder} holds neither ${name} nor ${name}.gz, which the set needs.${whatReadsIt(folder, 'mnist')}`,
    );
  const { file } = found;
  const bytes = file.endsWith('.gz')
    ? await promisify(gunzip)(found.bytes).catch((error: unknown) => {
        throw new DataError('DATA_BAD_ARCHIVE', `${file} is no gzip file, or damaged. Download it again.`, {
          cause: error,
        });
      })
    : found.bytes;
  const begin = 4 + 4 * dimensions;
  // Two zeros, 8 for unsigned bytes, the number of dimensions.
  if (bytes.length < begin || bytes.readUInt32BE(0) !== 0x800 + dimensions)
    throw new DataError('DATA_WRONG_KIND', `${file} is no idx file of ${dimensions} dimensions of bytes.`);
  const sizes = Array.from({ length: dimensions }, (_, i) => bytes.readUInt32BE(4 + 4 * i));
  const count = sizes.reduce((product, size) => product * size, 1);
  if (bytes.length - begin !== count)
    throw new DataError(
      'DATA_TRUNCATED',
      `${file} holds ${bytes.length - begin} values, its header says ${count}. Download it again.`,
    );
  const shared = new Uint8Array(new SharedArrayBuffer(count));
  shared.set(bytes.subarray(begin));
  return { bytes: shared, sizes };
}
