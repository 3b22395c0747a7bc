// Pictures in folders, one for each class: torchvision's ImageFolder.
import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { expectNoMore, options } from '../../core/options.js';
import { expectString } from '../../core/checks.js';
import { describe } from '../../core/describe.js';
import { ArgumentTypeError } from '../../core/errors.js';
import { tensor } from '../../tensor/create.js';
import { scope } from '../../tensor/scope.js';
import { isTensor, type Tensor } from '../../tensor/tensor.js';
import { DataError, systemError } from '../dataError.js';
import { checkIndex, Dataset } from '../dataset.js';
import { whatReadsIt } from './otherReaders.js';

export interface ImageFolderOptions {
  /** From a file's bytes to uint8 [C, H, W]. Default: PNG, and where the package sharp is installed all that it reads, as RGB. */
  decode?: (bytes: Buffer, file: string) => Tensor | Promise<Tensor>;
  /** Done to each picture, as a transform that brings all to one size. */
  transform?: (image: Tensor) => Tensor;
  /** Which files are pictures. Default: torchvision's list. */
  extensions?: readonly string[];
}

const EXTENSIONS = ['.jpg', '.jpeg', '.png', '.ppm', '.bmp', '.pgm', '.tif', '.tiff', '.webp'];

/**
 * The pictures below `root`, whose folders are the classes, in alphabetic order: sample i is [picture, number of its class]. Files
 * are read when they are asked for. For workers, make it in a module (`workerDataset`).
 */
export class ImageFolder extends Dataset<[Tensor, number]> {
  readonly classes: readonly string[];
  /** Files with the number of their class. */
  readonly samples: readonly (readonly [file: string, label: number])[];

  readonly options: ImageFolderOptions;

  /** @throws DataError when there are no folders, or one has no pictures */
  constructor(
    readonly root: string,
    given: ImageFolderOptions = {},
  ) {
    super();
    expectString('ImageFolder', 'root', root);
    this.options = options('ImageFolder', given, ['decode', 'transform', 'extensions']);
    this.classes = list(root)
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
      .sort();
    if (this.classes.length === 0)
      throw new DataError(
        'DATA_WRONG_KIND',
        `${root} holds no folders: expected one for each class.${whatReadsIt(root, 'ImageFolder')}`,
      );
    const { extensions = EXTENSIONS } = this.options;
    this.samples = this.classes.flatMap((name, label) => {
      const files = picturesIn(path.join(root, name), extensions);
      if (files.length === 0)
        throw new DataError(
          'DATA_MISSING_FILES',
          `${path.join(root, name)} holds no pictures (${extensions.join(', ')}).`,
        );
      return files.map((file) => [file, label] as const);
    });
  }
  get length(): number {
    return this.samples.length;
  }
  async get(index: number): Promise<[Tensor, number]> {
    expectNoMore('ImageFolder.get', arguments, 1);
    const [file, label] = this.samples[checkIndex('ImageFolder', index, this.length)]!;
    const { decode = decodePicture, transform } = this.options;
    const bytes = await readFile(file).catch((error: unknown) => {
      throw systemError(error, file);
    });
    const picture = await decode(bytes, file);
    if (!isTensor(picture))
      throw new ArgumentTypeError(
        'ImageFolder',
        `decode: expected a Tensor for ${file}, got ${describe(picture)}`,
      );
    return [transform === undefined ? picture : transform(picture), label];
  }
}

function list(folder: string): import('node:fs').Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ENOTDIR')
      throw new DataError(
        'DATA_WRONG_KIND',
        `${folder} is a file: give the folder that holds one for each class.`,
      );
    throw systemError(error, folder);
  }
}

function picturesIn(folder: string, extensions: readonly string[]): string[] {
  const entries = list(folder).sort((a, b) => (a.name < b.name ? -1 : 1));
  const here = entries.filter(
    (entry) => entry.isFile() && extensions.includes(path.extname(entry.name).toLowerCase()),
  );
  const below = entries.filter((entry) => entry.isDirectory());
  return [
    ...here.map(({ name }) => path.join(folder, name)),
    ...below.flatMap(({ name }) => picturesIn(path.join(folder, name), extensions)),
  ];
}

// ---- decoding ----

const PNG_BEGINS = Buffer.from([0x89, 0x50, 0x4e, 0x47]);

/** A picture's file as uint8 [3, H, W]: PNG by itself, everything else, and PNGs that are out of the ordinary, with sharp. */
async function decodePicture(bytes: Buffer, file: string): Promise<Tensor> {
  let reason = 'is no PNG, which is what ImageFolder reads by itself';
  let cause: unknown;
  if (bytes.subarray(0, 4).equals(PNG_BEGINS)) {
    try {
      return await decodePng(bytes);
    } catch (error) {
      reason = `is a PNG that cannot be read: ${(error as Error).message}`;
      cause = error;
    }
  }
  const sharp = await findSharp();
  if (sharp === undefined)
    throw new DataError(
      'DATA_WRONG_KIND',
      `${file} ${reason}. Install sharp (npm install sharp), with which JPEG, WebP, TIFF and other PNGs are read, or give a decoder, as in \`decode: (bytes) => tensor\`.`,
      { cause },
    );
  try {
    const pipeline = sharp(bytes, { failOn: 'error' }).removeAlpha().toColourspace('srgb');
    const { data, info } = await pipeline.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
    return planesOf(Uint8Array.from(data), info.height, info.width);
  } catch (error) {
    const text = `${file} cannot be read as a picture: ${(error as Error).message}`;
    throw new DataError('DATA_WRONG_KIND', text, { cause: error });
  }
}

/** A PNG of 8 bits as uint8 [3, H, W]; shades of gray become three equal channels, and transparency is left out. */
async function decodePng(bytes: Buffer): Promise<Tensor> {
  const { decode, convertIndexedToRgb } = await import('fast-png');
  const png = decode(bytes);
  if (png.depth === 16) throw new Error('it has 16 bits a channel');
  const { width, height } = png;
  const pixels = png.palette ? convertIndexedToRgb(png) : png.data;
  if (!Number.isInteger(pixels.length / (width * height)))
    throw new Error('it has less than 8 bits a channel');
  return planesOf(Uint8Array.from(pixels), height, width);
}

/** Pixels one after the other as [3, H, W]. */
function planesOf(pixels: Uint8Array, height: number, width: number): Tensor {
  return scope(() => {
    const channels = pixels.length / (width * height);
    const planes = tensor(pixels, { shape: [height, width, channels] }).permute(2, 0, 1);
    return channels < 3
      ? planes.narrow(0, 0, 1).expand(3, -1, -1).contiguous()
      : planes.narrow(0, 0, 3).contiguous();
  });
}

/** What is used of sharp, which is a package of the user's: https://sharp.pixelplumbing.com */
type Sharp = (bytes: Buffer, options: { failOn: 'error' }) => Pipeline;
interface Pipeline {
  removeAlpha(): Pipeline;
  toColourspace(space: 'srgb'): Pipeline;
  raw(options: { depth: 'uchar' }): Pipeline;
  toBuffer(options: {
    resolveWithObject: true;
  }): Promise<{ data: Buffer; info: { width: number; height: number } }>;
}

let sharp: Promise<Sharp | undefined> | undefined;

/** sharp where it is installed. */
function findSharp(): Promise<Sharp | undefined> {
  // A name that the compiler does not look up: the package need not be there.
  const name: string = 'sharp';
  sharp ??= import(name).then(
    (found: { default: Sharp }) => found.default,
    (error: unknown) => {
      const { code } = error as { code?: string };
      if (code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND') return undefined;
      // It is there, and does not load: its own words say why.
      throw new DataError('DATA_SYSTEM', `sharp cannot be loaded: ${(error as Error).message}`, {
        cause: error,
      });
    },
  );
  return sharp;
}
