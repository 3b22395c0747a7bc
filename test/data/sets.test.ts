// Data sets from files: MNIST, CIFAR-100, folders of pictures.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { encode } from 'fast-png';
import torch, { type Tensor } from 'torch-node';

const { data } = torch;
let root: string;
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'torch-node-sets-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const write = (name: string, bytes: Uint8Array | string): void => {
  const file = path.join(root, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, bytes);
};

function idx(sizes: number[], values: number[]): Buffer {
  const head = Buffer.alloc(4 + 4 * sizes.length);
  head.writeUInt32BE(0x800 + sizes.length, 0);
  sizes.forEach((size, i) => head.writeUInt32BE(size, 4 + 4 * i));
  return Buffer.concat([head, Buffer.from(values)]);
}

describe('MNIST', () => {
  beforeEach(() => {
    for (const part of ['train', 't10k']) {
      write(`${part}-images-idx3-ubyte.gz`, gzipSync(idx([2, 2, 3], [...Array(12).keys()])));
      write(`${part}-labels-idx1-ubyte`, idx([2], [7, 3]));
    }
  });
  it('reads plain and packed files', async () => {
    const { train, test } = await data.fashionMnist(root);
    expect([train.length, test.length]).toEqual([2, 2]);
    const [image, label] = train.get(1);
    expect(image.toArray()).toEqual([[[6, 7, 8], [9, 10, 11]]]); // prettier-ignore
    expect(label.item()).toBe(3);
    expect(train.classes[3]).toBe('Dress');
    const [images, labels] = [...new data.DataLoader(train, { batchSize: 2 })][0]!;
    expect([images.shape, labels.dtype]).toEqual([[2, 1, 2, 3], 'int64']);
  });
  it.each<[string, string, Buffer, string]>([
    ['cut off', 'train-labels-idx1-ubyte', idx([3], [1, 2]), 'DATA_TRUNCATED'],
    ['another number of labels', 'train-labels-idx1-ubyte', idx([3], [1, 2, 3]), 'DATA_WRONG_COUNT'],
    ['no class', 'train-labels-idx1-ubyte', idx([2], [1, 10]), 'DATA_BAD_LABEL'],
    ['another format', 'train-labels-idx1-ubyte', Buffer.from('hello, world'), 'DATA_WRONG_KIND'],
    ['no gzip file', 'train-images-idx3-ubyte.gz', Buffer.from('hello'), 'DATA_BAD_ARCHIVE'],
  ])('says that a file is %s', async (_, name, bytes, code) => {
    write(name, bytes);
    await expect(data.mnist(root)).rejects.toMatchObject({ name: 'DataError', code });
  });
  it('says which file is missing', async () => {
    rmSync(path.join(root, 't10k-labels-idx1-ubyte'));
    await expect(data.mnist(root)).rejects.toThrow(
      /neither t10k-labels-idx1-ubyte nor t10k-labels-idx1-ubyte\.gz/,
    );
  });
});

it('CIFAR-100 has fine and coarse labels', async () => {
  const record = (coarse: number, fine: number): Buffer =>
    Buffer.concat([Buffer.from([coarse, fine]), Buffer.alloc(3072, fine)]);
  write('train.bin', Buffer.concat([record(1, 2), record(0, 1)]));
  write('test.bin', record(0, 0));
  write('fine_label_names.txt', 'apple\nbed\ncan\n');
  write('coarse_label_names.txt', 'fruit\nthings\n');
  const { train, test } = await data.cifar100(root);
  expect(train.labels.toArray()).toEqual([2, 1]);
  expect(train.images.select(0, 0).float().mean().item()).toBe(2);
  expect([test.length, test.classes[2]]).toEqual([1, 'can']);
  expect((await data.cifar100(root, { labels: 'coarse' })).train.labels.toArray()).toEqual([1, 0]);
  write('test.bin', record(0, 3));
  await expect(data.cifar100(root)).rejects.toMatchObject({ code: 'DATA_BAD_LABEL' });
});

describe('a folder of pictures', () => {
  const png = (channels: 1 | 3 | 4, values: number[]): Uint8Array =>
    encode({ width: 2, height: 1, channels, depth: 8, data: Uint8Array.from(values) });
  beforeEach(() => {
    write('dog/b.png', png(3, [1, 2, 3, 4, 5, 6]));
    write('cat/more/a.png', png(1, [8, 9]));
    write('cat/c.png', png(4, [1, 2, 3, 255, 4, 5, 6, 255]));
    write('cat/notes.txt', 'no picture');
  });
  it('has a class for each folder, as RGB', async () => {
    const transform = (image: Tensor): Tensor => image.add(1);
    const folder = new data.ImageFolder(root, { transform });
    expect(folder.classes).toEqual(['cat', 'dog']);
    expect(folder.samples.map(([file, label]) => [path.relative(root, file), label])).toEqual([
      [path.join('cat', 'c.png'), 0],
      [path.join('cat', 'more', 'a.png'), 0],
      [path.join('dog', 'b.png'), 1],
    ]);
    const rgb = [[[2, 5]], [[3, 6]], [[4, 7]]];
    expect((await folder.get(0))[0].toArray()).toEqual(rgb);
    expect((await folder.get(1))[0].toArray()).toEqual([[[9, 10]], [[9, 10]], [[9, 10]]]);
    for await (const [images, labels] of new data.DataLoader(folder, { batchSize: 3 }))
      expect([images.shape, labels.toArray()]).toEqual([[3, 3, 1, 2], [0, 0, 1]]); // prettier-ignore
  });
  it('asks for a decoder where it has none', async () => {
    write('cat/d.jpg', Buffer.from([0xff, 0xd8]));
    await expect(new data.ImageFolder(root).get(1)).rejects.toThrow(/d\.jpg /);
    const decoded = new data.ImageFolder(root, { decode: (bytes) => torch.full([1], bytes.length) });
    expect((await decoded.get(1))[0].item()).toBe(2);
    expect(() => new data.ImageFolder(path.join(root, 'dog'))).toThrow(/holds no folders/);
  });
});

// The sets as their owners unpack them, as far as their names tell them apart.
const SETS: Record<string, string[]> = {
  cifar10: ['data_batch_1.bin', 'test_batch.bin'],
  cifar100: ['train.bin', 'test.bin', 'fine_label_names.txt', 'coarse_label_names.txt'],
  mnist: ['train-images-idx3-ubyte.gz', 'train-labels-idx1-ubyte.gz'],
  ImageFolder: ['cat/a.png', 'dog/b.jpg'],
};
const READERS: Record<string, (folder: string) => unknown> = {
  cifar10: data.cifar10,
  cifar100: data.cifar100,
  mnist: data.mnist,
  fashionMnist: data.fashionMnist,
  ImageFolder: (folder) => new data.ImageFolder(folder),
};
const wrong = Object.keys(READERS).flatMap((reader) =>
  Object.keys(SETS)
    .filter((set) => set !== reader && !(set === 'mnist' && reader === 'fashionMnist'))
    .map((set): [string, string] => [reader, set]),
);

it.each(wrong)('%s names the reader of %s', async (reader, set) => {
  for (const name of SETS[set]!) write(name, 'x');
  const failed = Promise.resolve().then(() => READERS[reader]!(root));
  await expect(failed).rejects.toMatchObject({
    name: 'DataError',
    message: expect.stringContaining(root) as string,
  });
  await expect(failed).rejects.toThrow(new RegExp(`torch\\.data\\.${set}`));
});

it.each(Object.keys(READERS))('%s says that a file is no folder', async (reader) => {
  write('a.txt', 'x');
  const failed = Promise.resolve().then(() => READERS[reader]!(path.join(root, 'a.txt')));
  await expect(failed).rejects.toMatchObject({
    name: 'DataError',
    message: expect.stringMatching(/a file|no(t a|r a|) folder|\bfolder\b/) as string,
  });
});
