// Pictures that ImageFolder does not read by itself: errors name the file, and say what to install. With sharp installed it reads them.
import { createRequire } from 'node:module';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { encode } from 'fast-png';
import torch, { type Tensor } from 'torch-node';
import { itWhen } from '../support/skip.js';

const { data } = torch;
let root: string;
beforeEach(() => (root = mkdtempSync(path.join(tmpdir(), 'torch-node-pictures-'))));
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** The picture that ImageFolder makes of a file's bytes. */
async function read(name: string, bytes: Uint8Array): Promise<Tensor> {
  mkdirSync(path.join(root, 'some'), { recursive: true });
  writeFileSync(path.join(root, 'some', name), bytes);
  return (await new data.ImageFolder(root).get(0))[0];
}

const good = encode({
  width: 2,
  height: 2,
  channels: 3,
  depth: 8,
  data: Uint8Array.from({ length: 12 }, (_, i) => 20 * i),
});
const cut = (length: number): Uint8Array => good.subarray(0, length);
function changed(at: number, value: number): Uint8Array {
  const bytes = Uint8Array.from(good);
  bytes[at] = value;
  return bytes;
}
const sixteen = encode({
  width: 1,
  height: 1,
  channels: 3,
  depth: 16,
  data: Uint16Array.from([256, 512, 65535]),
});

/** What is wrong with each: cut anywhere, a header of another size, depth, kind or checksum, nothing at all. */
const ODD: [what: string, name: string, bytes: Uint8Array][] = [
  ...[4, 8, 12, 20, 30, 40, good.length - 20, good.length - 13].map(
    (length): [string, string, Uint8Array] => [`a PNG cut at ${length}`, 'cut.png', cut(length)],
  ),
  ...[
    [11, 3],
    [19, 0],
    [23, 200],
    [24, 3],
    [25, 9],
    [26, 5],
    [27, 1],
    [28, 7],
    [30, 99],
    [45, 0],
  ].map(([at, value]): [string, string, Uint8Array] => [
    `a PNG whose byte ${at} is ${value}`,
    'odd.png',
    changed(at!, value!),
  ]),
  ['16 bits a channel', 'deep.png', sixteen],
  ['an empty file', 'empty.png', new Uint8Array()],
  ['a text', 'text.png', Buffer.from('no picture')],
  ['the beginning of a JPEG', 'photo.jpg', Uint8Array.from([0xff, 0xd8, 0xff, 0xe0])],
  ['a WebP without a body', 'picture.webp', Buffer.from('RIFF\x04\0\0\0WEBP')],
  ['a BMP without a body', 'picture.bmp', Buffer.from('BM')],
];

interface Maker {
  (input: Buffer, options: object): Maker;
  jpeg(options: object): Maker;
  png(options: object): Maker;
  webp(options: object): Maker;
  tiff(options: object): Maker;
  gif(): Maker;
  grayscale(): Maker;
  toBuffer(): Promise<Buffer>;
}

function installed(): Maker | undefined {
  try {
    return createRequire(__filename)('sharp') as Maker;
  } catch {
    return undefined;
  }
}
const sharp = installed();

describe('pictures that are out of the ordinary', () => {
  it.each(ODD)('%s: a tensor, or a DataError that names the file', async (_, name, bytes) => {
    const file = path.join(root, 'some', name);
    try {
      expect((await read(name, bytes)).shape).toEqual([3, expect.any(Number), expect.any(Number)]);
    } catch (error) {
      const words = (error as Error).message;
      expect((error as Error).name).toBe('DataError');
      expect(words.startsWith(`${file} `)).toBe(true);
      if (sharp === undefined)
        expect(words).toMatch(/Install sharp \(npm install sharp\).*or give a decoder/);
    }
  });

  it('a decoder that makes no tensor is named with the file', async () => {
    mkdirSync(path.join(root, 'some'));
    writeFileSync(path.join(root, 'some/a.jpg'), 'x');
    const folder = new data.ImageFolder(root, { decode: () => 5 as never });
    await expect(folder.get(0)).rejects.toThrow(/decode: expected a Tensor for .*a\.jpg, got 5/);
  });

  itWhen(sharp !== undefined, 'the package sharp is not installed')('are read with sharp', async () => {
    const pixels = Buffer.from([250, 0, 0, 0, 250, 0, 0, 0, 250, 120, 120, 120]);
    const made = sharp!(pixels, { raw: { width: 2, height: 2, channels: 3 } });
    const expected = [[[250, 0], [0, 120]], [[0, 250], [0, 120]], [[0, 0], [250, 120]]]; // prettier-ignore
    const lossless: [string, Promise<Buffer>][] = [
      ['a.webp', made.webp({ lossless: true }).toBuffer()],
      ['a.tiff', made.tiff({ compression: 'lzw' }).toBuffer()],
      ['a.png', made.png({ progressive: true }).toBuffer()],
      ['b.png', made.png({ palette: true, colours: 4 }).toBuffer()],
    ];
    for (const [name, bytes] of lossless) {
      rmSync(path.join(root, 'some'), { recursive: true, force: true });
      expect([name, (await read(name, await bytes)).toArray()]).toEqual([name, expected]);
    }
    rmSync(path.join(root, 'some'), { recursive: true, force: true });
    const photo = await read(
      'photo.jpg',
      await made.jpeg({ quality: 100, chromaSubsampling: '4:4:4' }).toBuffer(),
    );
    const far = photo.float().sub(torch.tensor(expected).float()).abs().max().item();
    expect([photo.shape, photo.dtype, far < 12]).toEqual([[3, 2, 2], 'uint8', true]);
    rmSync(path.join(root, 'some'), { recursive: true, force: true });
    const gray = await read('gray.jpg', await made.grayscale().jpeg({ quality: 100 }).toBuffer());
    expect(gray.shape).toEqual([3, 2, 2]);
    rmSync(path.join(root, 'some'), { recursive: true, force: true });
    expect((await read('deep.png', sixteen)).toArray()).toEqual([[[1]], [[2]], [[255]]]);
  });
});
