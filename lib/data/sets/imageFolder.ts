// Pictures in folders, one for each class: torchvision's ImageFolder.
import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { options } from '../../core/options.js';
import { expectString } from '../../core/checks.js';
import { tensor } from '../../tensor/create.js';
import { scope } from '../../tensor/scope.js';
import type { Tensor } from '../../tensor/tensor.js';
import { DataError, systemError } from '../dataError.js';
import { checkIndex, Dataset } from '../dataset.js';

export interface ImageFolderOptions {
  /** From a file's bytes to uint8 [C, H, W]. Default: PNG, as RGB. JPEG needs a decoder of yours. */
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
      throw new DataError('DATA_WRONG_KIND', `${root} holds no folders: expected one for each class.`);
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
    const [file, label] = this.samples[checkIndex('ImageFolder', index, this.length)]!;
    const { decode = decodePng, transform } = this.options;
    const bytes = await readFile(file).catch((error: unknown) => {
      throw systemError(error, file);
    });
    const picture = await decode(bytes, file);
    return [transform === undefined ? picture : transform(picture), label];
  }
}

function list(folder: string): import('node:fs').Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (error) {
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

const PNG_BEGINS = Buffer.from([0x89, 0x50, 0x4e, 0x47]);

/** A PNG of 8 bits as uint8 [3, H, W]; shades of gray become three equal channels, and transparency is left out. */
async function decodePng(bytes: Buffer, file: string): Promise<Tensor> {
  if (!bytes.subarray(0, 4).equals(PNG_BEGINS)) {
    const text = `${file} is no PNG, which is what ImageFolder reads by itself: give a decoder for it, as in \`decode: (bytes) => tensor\`.`;
    throw new DataError('DATA_WRONG_KIND', text);
  }
  const { decode, convertIndexedToRgb } = await import('fast-png');
  const png = decode(bytes);
  if (png.depth === 16)
    throw new DataError('DATA_WRONG_KIND', `${file} has 16 bits a channel: give a decoder for it.`);
  const { width, height } = png;
  const pixels = png.palette ? convertIndexedToRgb(png) : png.data;
  const channels = pixels.length / (width * height);
  if (!Number.isInteger(channels))
    throw new DataError('DATA_WRONG_KIND', `${file} has less than 8 bits a channel: give a decoder for it.`);
  return scope(() => {
    const planes = tensor(Uint8Array.from(pixels), { shape: [height, width, channels] }).permute(2, 0, 1);
    return channels < 3
      ? planes.narrow(0, 0, 1).expand(3, -1, -1).contiguous()
      : planes.narrow(0, 0, 3).contiguous();
  });
}
