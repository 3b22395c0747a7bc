// Transforms that draw random numbers: torchvision's for single images, one after another for those of a batch.
import { expectNumber } from '../core/checks.js';
import { describe } from '../core/describe.js';
import { options } from '../core/options.js';
import { empty, randperm, stack, where } from '../operators/generated/functions.js';
import { arange, tensor } from '../tensor/create.js';
import type { Tensor } from '../tensor/tensor.js';
import { pairOf, refuse, roundEven, type Range, type Size } from './checks.js';
import { adjustBrightness, adjustContrast, adjustHue, adjustSaturation, type Factor } from './color.js';
import {
  cropEach,
  erase,
  horizontalFlip,
  pad,
  resizedCrop,
  rotate,
  rotateEach,
  ROTATING,
  sidesOf,
  verticalFlip,
  type Fill,
  type Padding,
  type PaddingMode,
  type ResizeOptions,
  type RotateOptions,
} from './geometry.js';
import { RandomTransform, type Draws, type RandomOptions } from './transform.js';

function probability(where: string, p: number): number {
  return expectNumber(where, 'p', p, { least: 0, most: 1 });
}
/** [N, 1, 1, 1] */
function column(values: readonly number[], like: Tensor, dtype: 'float32' | 'int64'): Tensor {
  return tensor([...values], { dtype, device: like.device }).view(-1, 1, 1, 1);
}
function indices(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}

abstract class RandomFlip extends RandomTransform {
  readonly p: number;
  constructor(given: RandomOptions & { p?: number } = {}) {
    const settings = options(new.target.name, given, ['p', 'generator']);
    super(settings);
    const { p = 0.5 } = settings;
    this.p = probability(this.constructor.name, p);
  }
  protected batch(images: Tensor): Tensor {
    const turned = this.draws.unit(images.size(0)).map((x) => (x < this.p ? 1 : 0));
    return where(column(turned, images, 'float32').gt(0.5), this.flip(images), images);
  }
  protected abstract flip(images: Tensor): Tensor;
}

/** Left and right changed, with probability `p` (default 0.5). */
export class RandomHorizontalFlip extends RandomFlip {
  protected flip(images: Tensor): Tensor {
    return horizontalFlip(images);
  }
}
/** Up and down changed, with probability `p` (default 0.5). */
export class RandomVerticalFlip extends RandomFlip {
  protected flip(images: Tensor): Tensor {
    return verticalFlip(images);
  }
}

export interface RandomCropOptions extends RandomOptions {
  padding?: Padding;
  /** Whether images that are too small are padded. Default false. */
  padIfNeeded?: boolean;
  fill?: Fill;
  paddingMode?: PaddingMode;
}

/** A part of images, of a size, after padding. */
export class RandomCrop extends RandomTransform {
  readonly size: readonly [number, number];
  readonly options: RandomCropOptions;
  constructor(size: Size, given: RandomCropOptions = {}) {
    const settings = options('RandomCrop', given, [
      'padding',
      'padIfNeeded',
      'fill',
      'paddingMode',
      'generator',
    ]);
    super(settings);
    this.options = settings;
    this.size = pairOf('RandomCrop', 'size', size);
  }
  protected batch(images: Tensor): Tensor {
    const { padding = 0, padIfNeeded = false, fill = 0, paddingMode = 'constant' } = this.options;
    const [height, width] = this.size;
    let [left, top, right, bottom] = sidesOf('RandomCrop', padding);
    if (padIfNeeded) {
      const more = Math.max(height - (images.size(-2) + top + bottom), 0);
      const wider = Math.max(width - (images.size(-1) + left + right), 0);
      [left, top, right, bottom] = [left + wider, top + more, right + wider, bottom + more];
    }
    const sides = [left, top, right, bottom];
    const padded = sides.some((side) => side !== 0) ? pad(images, sides, { fill, paddingMode }) : images;
    const [down, across] = [padded.size(-2) - height, padded.size(-1) - width];
    if (down < 0 || across < 0)
      throw refuse(
        'RandomCrop',
        `the size [${height}, ${width}] is larger than the padded images, [${padded.size(-2)}, ${padded.size(-1)}]: give padding or padIfNeeded`,
      );
    const [tops, lefts]: [number[], number[]] = [[], []];
    for (let i = 0; i < images.size(0); i++) {
      tops.push(down > 0 ? this.draws.below(down + 1) : 0);
      lefts.push(across > 0 ? this.draws.below(across + 1) : 0);
    }
    return cropEach(padded, column(tops, images, 'int64'), column(lefts, images, 'int64'), height, width);
  }
}

interface Rectangle {
  top: number;
  left: number;
  height: number;
  width: number;
}

/** The logarithms of a range as float32, as torchvision takes them. */
function logarithms(range: Range): [number, number] {
  return tensor([...range])
    .log()
    .toArray() as [number, number];
}
function aspect(draws: Draws, [low, high]: [number, number]): number {
  return empty([1])
    .uniform_(low, { to: high, ...draws.options })
    .exp()
    .item();
}

export interface RandomResizedCropOptions extends RandomOptions, Omit<ResizeOptions, 'maxSize'> {
  /** Which part of the area. Default [0.08, 1]. */
  scale?: Range;
  /** Width by height. Default [3/4, 4/3]. */
  ratio?: Range;
}

/** A part of images, of random area and shape, brought to one size. */
export class RandomResizedCrop extends RandomTransform {
  readonly size: readonly [number, number];
  readonly options: RandomResizedCropOptions;
  constructor(size: Size, given: RandomResizedCropOptions = {}) {
    const settings = options('RandomResizedCrop', given, [
      'scale',
      'ratio',
      'interpolation',
      'antialias',
      'generator',
    ]);
    super(settings);
    this.options = settings;
    this.size = pairOf('RandomResizedCrop', 'size', size);
  }
  // The parts differ in size: they are resized one by one.
  protected batch(images: Tensor): Tensor {
    return stack(
      images.unbind(0).map((image) => this.single(image)),
      0,
    );
  }
  protected override single(image: Tensor): Tensor {
    const { top, left, height, width } = this.#rectangle(image.size(-2), image.size(-1));
    const { interpolation = 'bilinear', antialias = true } = this.options;
    return resizedCrop(image, top, left, height, width, this.size, { interpolation, antialias });
  }
  #rectangle(height: number, width: number): Rectangle {
    const { scale = [0.08, 1], ratio = [3 / 4, 4 / 3] } = this.options;
    const logs = logarithms(ratio);
    for (let i = 0; i < 10; i++) {
      const area = height * width * this.draws.uniform(...(scale as [number, number]));
      const shape = aspect(this.draws, logs);
      const [w, h] = [roundEven(Math.sqrt(area * shape)), roundEven(Math.sqrt(area / shape))];
      if (w <= 0 || w > width || h <= 0 || h > height) continue;
      const top = this.draws.below(height - h + 1);
      return { top, left: this.draws.below(width - w + 1), height: h, width: w };
    }
    const whole = width / height;
    const [least, most] = [Math.min(...ratio), Math.max(...ratio)];
    const h = whole < least ? roundEven(width / least) : height;
    const w = whole > most ? roundEven(height * most) : width;
    return { top: Math.floor((height - h) / 2), left: Math.floor((width - w) / 2), height: h, width: w };
  }
}

/** Images turned by an angle from `degrees`: a range, or a number d for [-d, d]. */
export class RandomRotation extends RandomTransform {
  readonly degrees: Range;
  readonly options: RotateOptions;
  constructor(degrees: number | Range, given: RandomOptions & RotateOptions = {}) {
    const settings = options('RandomRotation', given, [...ROTATING, 'generator']);
    super(settings);
    this.options = { fill: 0, ...settings };
    if (typeof degrees === 'number') expectNumber('RandomRotation', 'degrees', degrees, { least: 0 });
    this.degrees = typeof degrees === 'number' ? [-degrees, degrees] : degrees;
  }
  protected override single(image: Tensor): Tensor {
    return rotate(image, this.draws.uniform(...(this.degrees as [number, number])), this.options);
  }
  protected batch(images: Tensor): Tensor {
    if (this.options.expand === true)
      throw refuse(
        'RandomRotation',
        'with expand the images of a batch would differ in size: turn them one by one',
      );
    const angles = indices(images.size(0)).map(() =>
      this.draws.uniform(...(this.degrees as [number, number])),
    );
    return rotateEach(images, angles, this.options);
  }
}

export interface ColorJitterOptions extends RandomOptions {
  /** A factor from this range, or from [1 - x, 1 + x]. */
  brightness?: number | Range;
  contrast?: number | Range;
  saturation?: number | Range;
  /** A turn from this range, or from [-x, x]; 0.5 at most. */
  hue?: number | Range;
}

const JITTERS = ['brightness', 'contrast', 'saturation', 'hue'] as const;
type Jitter = (typeof JITTERS)[number];
const ADJUST: Record<Jitter, (image: Tensor, factor: Factor) => Tensor> = {
  brightness: adjustBrightness,
  contrast: adjustContrast,
  saturation: adjustSaturation,
  hue: adjustHue,
};

function jitterRange(name: Jitter, value: number | Range | undefined): Range | undefined {
  if (value === undefined) return undefined;
  const center = name === 'hue' ? 0 : 1;
  const range: Range =
    typeof value === 'number'
      ? [name === 'hue' ? -value : Math.max(center - value, 0), center + value]
      : value;
  const [least, most] = name === 'hue' ? [-0.5, 0.5] : [0, Infinity];
  if (!(least <= range[0] && range[0] <= range[1] && range[1] <= most))
    throw refuse(
      'ColorJitter',
      `${name}: expected a number or a range within [${least}, ${most}], got ${describe(value)}`,
    );
  return range[0] === center && range[1] === center ? undefined : range;
}

/** Brightness, contrast, saturation and hue changed by random factors, in random order. */
export class ColorJitter extends RandomTransform {
  readonly #ranges: Record<Jitter, Range | undefined>;
  constructor(given: ColorJitterOptions = {}) {
    const jitters = options('ColorJitter', given, [...JITTERS, 'generator']);
    super(jitters);
    this.#ranges = Object.fromEntries(
      JITTERS.map((name) => [name, jitterRange(name, jitters[name])]),
    ) as Record<Jitter, Range | undefined>;
  }
  #draw(): { order: Jitter[]; factors: Record<Jitter, number | undefined> } {
    const order = (randperm(4, { ...this.draws.options, dtype: 'int64' }).toArray() as number[]).map(
      (i) => JITTERS[i]!,
    );
    const factors = Object.fromEntries(
      JITTERS.map((name) => {
        const range = this.#ranges[name];
        return [name, range && this.draws.uniform(range[0], range[1])];
      }),
    ) as Record<Jitter, number | undefined>;
    return { order, factors };
  }
  protected override single(image: Tensor): Tensor {
    const { order, factors } = this.#draw();
    return order.reduce((made, name) => {
      const factor = factors[name];
      return factor === undefined ? made : ADJUST[name](made, factor);
    }, image);
  }
  // At each of the four places in the order, those images together whose turn the same change is.
  protected batch(images: Tensor): Tensor {
    const drawn = indices(images.size(0)).map(() => this.#draw());
    const result = images.clone();
    for (let place = 0; place < JITTERS.length; place++) {
      for (const name of JITTERS) {
        if (this.#ranges[name] === undefined) continue;
        const some = indices(drawn.length).filter((i) => drawn[i]!.order[place] === name);
        if (some.length === 0) continue;
        const which = tensor(some, { dtype: 'int64', device: images.device });
        const factor = column(
          some.map((i) => drawn[i]!.factors[name]!),
          images,
          'float32',
        );
        result.indexCopy_(0, which, ADJUST[name](result.indexSelect(0, which), factor));
      }
    }
    return result;
  }
}

export interface RandomErasingOptions extends RandomOptions {
  /** Default 0.5. */
  p?: number;
  /** Which part of the area. Default [0.02, 0.33]. */
  scale?: Range;
  /** Height by width. Default [0.3, 3.3]. */
  ratio?: Range;
  /** What is put there: a number, one for each channel, or 'random' for normal noise. Default 0. */
  value?: number | readonly number[] | 'random';
  inplace?: boolean;
}

/** A random rectangle of images replaced. */
export class RandomErasing extends RandomTransform {
  readonly options: RandomErasingOptions;
  constructor(given: RandomErasingOptions = {}) {
    const settings = options('RandomErasing', given, [
      'p',
      'scale',
      'ratio',
      'value',
      'inplace',
      'generator',
    ]);
    super(settings);
    this.options = settings;
    probability('RandomErasing', this.options.p ?? 0.5);
  }
  protected batch(images: Tensor): Tensor {
    const { value = 0, inplace = false } = this.options;
    const [channels, height, width] = [images.size(1), images.size(2), images.size(3)];
    const values = typeof value === 'number' ? [value] : value;
    if (value !== 'random' && values.length !== 1 && values.length !== channels)
      throw refuse('RandomErasing', `value: expected one number or ${channels}, got ${describe(value)}`);
    const drawn = indices(images.size(0)).map(() => this.#draw(channels, height, width));
    const result = inplace ? images : images.clone();
    if (value === 'random') {
      drawn.forEach((one, i) => {
        if (one !== undefined)
          erase(result.select(0, i), one.top, one.left, one.height, one.width, one.noise!, { inplace: true });
      });
      return result;
    }
    const within = (
      size: number,
      dim: number,
      start: (r: Rectangle) => number,
      length: (r: Rectangle) => number,
    ): Tensor => {
      const places = arange(size, { device: images.device }).view(...(dim === 2 ? [-1, 1] : [1, -1]));
      const from = column(
        drawn.map((one) => (one ? start(one) : 0)),
        images,
        'int64',
      );
      const to = column(
        drawn.map((one) => (one ? start(one) + length(one) : 0)),
        images,
        'int64',
      );
      return places.ge(from).logicalAnd(places.lt(to));
    };
    const rows = within(
      height,
      2,
      ({ top }) => top,
      (one) => one.height,
    );
    const columns = within(
      width,
      3,
      ({ left }) => left,
      (one) => one.width,
    );
    const filling = tensor([...(values as readonly number[])], { device: images.device })
      .to(images.dtype)
      .view(-1, 1, 1);
    return result.copy_(where(rows.logicalAnd(columns), filling, result));
  }
  #draw(channels: number, height: number, width: number): (Rectangle & { noise?: Tensor }) | undefined {
    const { p = 0.5, scale = [0.02, 0.33], ratio = [0.3, 3.3], value } = this.options;
    if (this.draws.unit(1)[0]! >= p) return undefined;
    const logs = logarithms(ratio);
    for (let i = 0; i < 10; i++) {
      const area = height * width * this.draws.uniform(...(scale as [number, number]));
      const shape = aspect(this.draws, logs);
      const [h, w] = [roundEven(Math.sqrt(area * shape)), roundEven(Math.sqrt(area / shape))];
      if (h >= height || w >= width) continue;
      const noise = value === 'random' ? empty([channels, h, w]).normal_(this.draws.options) : undefined;
      const top = this.draws.below(height - h + 1);
      const left = this.draws.below(width - w + 1);
      return { top, left, height: h, width: w, ...(noise && { noise }) };
    }
    return undefined;
  }
}
