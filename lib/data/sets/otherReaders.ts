// What a folder holds when it is not what a reader of data sets expects: which of the others reads it.
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';

type Reader = 'cifar10' | 'cifar100' | 'mnist' | 'ImageFolder';

const PICTURE = /\.(jpe?g|png|ppm|bmp|pgm|tiff?|webp)$/i;

/**
 * A sentence that names the reader of what lies in a folder, or says that it is a file; empty where it is nothing known, or what
 * `asked` reads.
 */
export function whatReadsIt(folder: string, asked: Reader): string {
  let names: string[];
  try {
    if (statSync(folder).isFile()) return ` It is a file: give the folder.`;
    names = readdirSync(folder);
  } catch {
    return '';
  }
  const found = readerOf(folder, names);
  return found === undefined || found === asked
    ? ''
    : ` It holds ${HOLDS[found]}: torch.data.${CALLS[found]} reads that.`;
}

const HOLDS: Readonly<Record<Reader, string>> = {
  cifar10: "CIFAR-10's binary version",
  cifar100: "CIFAR-100's binary version",
  mnist: "MNIST's or FashionMNIST's files",
  ImageFolder: 'folders of pictures',
};
const CALLS: Readonly<Record<Reader, string>> = {
  cifar10: 'cifar10',
  cifar100: 'cifar100',
  mnist: 'mnist or fashionMnist',
  ImageFolder: 'ImageFolder',
};

function readerOf(folder: string, names: readonly string[]): Reader | undefined {
  if (names.includes('fine_label_names.txt')) return 'cifar100';
  if (
    names.includes('cifar-10-batches-bin') ||
    names.some((name) => /^(data_batch_\d|test_batch)\.bin$/.test(name))
  )
    return 'cifar10';
  if (names.some((name) => /^(train|t10k)-(images|labels)-idx\d-ubyte(\.gz)?$/.test(name))) return 'mnist';
  return names.some((name) => picturesIn(path.join(folder, name))) ? 'ImageFolder' : undefined;
}

function picturesIn(folder: string): boolean {
  try {
    return readdirSync(folder).some((name) => PICTURE.test(name));
  } catch {
    return false;
  }
}
