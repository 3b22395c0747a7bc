// Where the pixels of images lie: torchvision's tensor kernels of transforms.v2.
import { expectInteger, expectOneOf } from '../core/checks.js';
import { expectNoMore, options } from '../core/options.js';
import { describe } from '../core/describe.js';
import { cat, empty, flip, linspace, ones, rot90, where } from '../operators/generated/functions.js';
import { gridSample, interpolate } from '../nn/functional/vision.js';
import { pad as padTensor } from '../nn/functional/padding.js';
import { arange, tensor } from '../tensor/create.js';
import { cpuCapability } from '../tensor/runtime.js';
import { scope } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';
import { isFloat, pairOf, refuse, roundEven, sizesOf, type Size } from './checks.js';

export type Interpolation = 'nearest' | 'nearest-exact' | 'bilinear' | 'bicubic';
export type PaddingMode = 'constant' | 'edge' | 'reflect' | 'symmetric';
/** One number for all sides, [left and right, top and bottom], or [left, top, right, bottom]. */
export type Padding = number | readonly number[];
/** One value, or one for each channel. */
export type Fill = number | readonly number[];

export function horizontalFlip(image: Tensor): Tensor {
  expectNoMore('horizontalFlip', arguments, 1);
  sizesOf('horizontalFlip', image);
  return flip(image, [-1]);
}
export function verticalFlip(image: Tensor): Tensor {
  expectNoMore('verticalFlip', arguments, 1);
  sizesOf('verticalFlip', image);
  return flip(image, [-2]);
}

// ---- padding and cutting ----

/** @internal */
export function sidesOf(
  name: string,
  padding: Padding,
): [left: number, top: number, right: number, bottom: number] {
  const given = typeof padding === 'number' ? [padding] : padding;
  const [a, b = a, c = a, d = b] = given;
  if (![1, 2, 4].includes(given.length) || !given.every((each) => Number.isInteger(each)))
    throw refuse(name, `padding: expected a whole number, or 1, 2 or 4 of them, got ${describe(padding)}`);
  return [a!, b!, c!, d!];
}

/** Images with more around them. `fill` is for paddingMode 'constant'. */
export function pad(
  image: Tensor,
  padding: Padding,
  given: { fill?: Fill; paddingMode?: PaddingMode } = {},
): Tensor {
  expectNoMore('pad', arguments, 3);
  const { fill = 0, paddingMode = 'constant' } = options('pad', given, ['fill', 'paddingMode']);
  expectOneOf('pad', 'paddingMode', paddingMode, ['constant', 'edge', 'reflect', 'symmetric']);
  const [channels, height, width] = sizesOf('pad', image);
  const [left, top, right, bottom] = sidesOf('pad', padding);
  const around = [left, right, top, bottom];
  const fills = typeof fill === 'number' ? [fill] : fill;
  if (fills.length !== 1 && (fills.length !== channels || paddingMode !== 'constant'))
    throw refuse(
      'pad',
      `fill: expected one number, or with paddingMode 'constant' ${channels}, got ${describe(fill)}`,
    );
  return scope(() => {
    const images = image.reshape(-1, channels, height, width);
    let padded: Tensor;
    switch (paddingMode) {
      case 'constant':
        padded = padTensor(images, around, { value: fills.length === 1 ? fills[0]! : 0 });
        if (fills.length > 1) paint(padded, around, fills);
        break;
      case 'symmetric':
        padded = images
          .indexSelect(-2, mirrored(height, top, bottom))
          .indexSelect(-1, mirrored(width, left, right));
        break;
      case 'edge':
      case 'reflect': {
        const mode = paddingMode === 'edge' ? 'replicate' : 'reflect';
        const floats = isFloat(images) ? images : images.to('float32');
        padded = padTensor(floats, around, { mode }).to(image.dtype);
        break;
      }
    }
    return padded.reshape(...image.shape.slice(0, -2), padded.size(-2), padded.size(-1));
  });
}

// The borders in a colour of several channels.
function paint(padded: Tensor, [left, right, top, bottom]: number[], fills: readonly number[]): void {
  const colour = tensor([...fills], { device: padded.device })
    .to(padded.dtype)
    .view(-1, 1, 1);
  const side = (dim: number, start: number, length: number): void => {
    if (length > 0) padded.narrow(dim, start, length).copy_(colour);
  };
  side(-2, 0, top!);
  side(-1, 0, left!);
  side(-2, padded.size(-2) - bottom!, bottom!);
  side(-1, padded.size(-1) - right!, right!);
}

// Indices that run backwards from the border on, which is repeated; negative padding cuts.
function mirrored(size: number, before: number, after: number): Tensor {
  const indices = Array.from({ length: size + before + after }, (_, i) => {
    const at = i - before;
    return at < 0 ? -1 - at : at >= size ? 2 * size - 1 - at : at;
  });
  if (indices.some((at) => at < 0 || at >= size))
    throw refuse('pad', `symmetric padding of ${Math.max(before, after)} is more than the size, ${size}`);
  return tensor(indices, { dtype: 'int64' });
}

/** The part of images that begins at `top` and `left`; what lies outside of them is 0. */
export function crop(image: Tensor, top: number, left: number, height: number, width: number): Tensor {
  expectNoMore('crop', arguments, 5);
  const [, h, w] = sizesOf('crop', image);
  const [right, bottom] = [left + width, top + height];
  return scope(() => {
    const [y, x] = [Math.max(top, 0), Math.max(left, 0)];
    const inside = image
      .narrow(-2, Math.min(y, h), Math.max(Math.min(bottom, h) - y, 0))
      .narrow(-1, Math.min(x, w), Math.max(Math.min(right, w) - x, 0));
    if (left >= 0 && top >= 0 && right <= w && bottom <= h) return inside;
    const sides = [
      ...[Math.max(Math.min(right, 0) - left, 0), Math.max(Math.min(bottom, 0) - top, 0)],
      ...[Math.max(right - Math.max(w, left), 0), Math.max(bottom - Math.max(h, top), 0)],
    ];
    return pad(inside, sides);
  });
}

/** The middle of images; where they are smaller, with 0 around them. */
export function centerCrop(image: Tensor, outputSize: Size): Tensor {
  expectNoMore('centerCrop', arguments, 2);
  const [height, width] = pairOf('centerCrop', 'outputSize', outputSize);
  const [, h, w] = sizesOf('centerCrop', image);
  return scope(() => {
    const [downs, acrosses] = [Math.max(height - h, 0), Math.max(width - w, 0)];
    const halves = [
      Math.floor(acrosses / 2),
      Math.floor(downs / 2),
      Math.ceil(acrosses / 2),
      Math.ceil(downs / 2),
    ];
    const padded = downs > 0 || acrosses > 0 ? pad(image, halves) : image;
    const [top, left] = [(padded.size(-2) - height) / 2, (padded.size(-1) - width) / 2].map(roundEven);
    return padded.narrow(-2, top!, height).narrow(-1, left!, width);
  });
}

// ---- other sizes ----

export interface ResizeOptions {
  /** Default 'bilinear'. */
  interpolation?: Interpolation;
  /** The longer side becomes no longer than this; for a `size` of one number. */
  maxSize?: number;
  /** Whether to smooth where images become smaller; for 'bilinear' and 'bicubic'. Default true. */
  antialias?: boolean;
}

/** Images of another size: [height, width], or one number, which the shorter side becomes. */
export function resize(image: Tensor, size: Size, given: ResizeOptions = {}): Tensor {
  expectNoMore('resize', arguments, 3);
  const {
    interpolation = 'bilinear',
    antialias = true,
    maxSize,
  } = options('resize', given, ['interpolation', 'maxSize', 'antialias']);
  expectOneOf('resize', 'interpolation', interpolation, ['nearest', 'nearest-exact', 'bilinear', 'bicubic']);
  const [channels, height, width] = sizesOf('resize', image);
  const [newHeight, newWidth] = resized(height, width, size, maxSize);
  if (newHeight === height && newWidth === width) return image;
  const nearest = interpolation.startsWith('nearest');
  const { dtype } = image;
  return scope(() => {
    let images = image.reshape(-1, channels, height, width);
    const taken =
      ['float32', 'float64'].includes(dtype) ||
      (dtype === 'uint8' && (nearest || takesBytes(image, interpolation)));
    if (!taken) images = images.to('float32');
    let made = interpolate(images, {
      size: [newHeight, newWidth],
      mode: interpolation,
      ...(nearest ? {} : { alignCorners: false, antialias }),
    });
    if (!taken) {
      if (interpolation === 'bicubic' && dtype === 'uint8') made = made.clamp_(0, { max: 255 });
      made = (isFloat(image) ? made : made.round_()).to(dtype);
    }
    return made.reshape(...image.shape.slice(0, -2), newHeight, newWidth);
  });
}

// Where libtorch's kernels for bytes are the quicker ones, torchvision takes them; their results differ.
function takesBytes(image: Tensor, interpolation: Interpolation): boolean {
  if (!image.isDevice('cpu')) return false;
  return (
    interpolation === 'bicubic' || ['AVX2', 'AVX512'].includes(cpuCapability()) || process.arch === 'arm64'
  );
}

function resized(height: number, width: number, size: Size, maxSize?: number): [number, number] {
  if (typeof size !== 'number') {
    if (maxSize !== undefined) throw refuse('resize', 'maxSize is for a size of one number');
    return pairOf('resize', 'size', size);
  }
  pairOf('resize', 'size', size);
  const [short, long] = height < width ? [height, width] : [width, height];
  let [newShort, newLong] = [size, Math.trunc((size * long) / short)];
  if (maxSize !== undefined) {
    expectInteger('resize', 'maxSize', maxSize, size + 1);
    if (newLong > maxSize) [newShort, newLong] = [Math.trunc((maxSize * newShort) / newLong), maxSize];
  }
  return width <= height ? [newLong, newShort] : [newShort, newLong];
}

/** `resize` of a `crop`. */
export function resizedCrop(
  image: Tensor,
  top: number,
  left: number,
  height: number,
  width: number,
  size: Size,
  given: ResizeOptions = {},
): Tensor {
  expectNoMore('resizedCrop', arguments, 7);
  options('resizedCrop', given, ['interpolation', 'maxSize', 'antialias']);
  return scope(() => resize(crop(image, top, left, height, width), size, given));
}

// ---- turning ----

export interface RotateOptions {
  /** 'nearest' (the default) or 'bilinear'. */
  interpolation?: 'nearest' | 'bilinear';
  /** Whether the result is as large as the turned image. Default false: as large as the image was. */
  expand?: boolean;
  /** The point that stays, [x, y] in pixels from the upper left. Default: the middle. */
  center?: readonly [number, number];
  /** What the corners are filled with. Default of `rotate`: none, the border fades to 0; of RandomRotation: 0. */
  fill?: Fill;
}

/** @internal */
export const ROTATING = ['interpolation', 'expand', 'center', 'fill'] as const;

/** Images turned counter-clockwise, by degrees. */
export function rotate(image: Tensor, angle: number, given: RotateOptions = {}): Tensor {
  expectNoMore('rotate', arguments, 3);
  const { expand = false, center } = options('rotate', given, ROTATING);
  const [, height, width] = sizesOf('rotate', image);
  const turn = ((angle % 360) + 360) % 360;
  if (center === undefined) {
    if (turn === 0) return image.clone();
    if (turn === 180) return rot90(image, { k: 2, dims: [-2, -1] });
    if ((expand || height === width) && turn === 90) return rot90(image, { k: 1, dims: [-2, -1] });
    if ((expand || height === width) && turn === 270) return rot90(image, { k: 3, dims: [-2, -1] });
  }
  const matrix = turned(turn, center, height, width);
  const [newHeight, newWidth] = expand ? extent(matrix, height, width) : [height, width];
  return sampled(image, [matrix], newHeight, newWidth, given);
}

/** The images of a batch [N, C, H, W], each turned by an angle of its own. @internal */
export function rotateEach(images: Tensor, angles: readonly number[], options: RotateOptions): Tensor {
  const [, height, width] = sizesOf('rotate', images);
  const matrices = angles.map((angle) => turned(((angle % 360) + 360) % 360, options.center, height, width));
  return sampled(images, matrices, height, width, options);
}

// From places in the result to places in the image, both from the middle on.
function turned(
  angle: number,
  center: readonly [number, number] | undefined,
  height: number,
  width: number,
): number[] {
  const rot = -angle * (Math.PI / 180);
  const [cx, cy] = center === undefined ? [0, 0] : [center[0] - width * 0.5, center[1] - height * 0.5];
  const [a, c] = [Math.cos(rot), Math.sin(rot)];
  return [a, c, cx - a * cx - c * cy, -c, a, cy + c * cx - a * cy];
}

function extent(matrix: number[], height: number, width: number): [number, number] {
  return scope(() => {
    const [halfWidth, halfHeight] = [0.5 * width, 0.5 * height];
    const corners = [[-1, -1], [-1, 1], [1, 1], [1, -1]].map(([x, y]) => [x! * halfWidth, y! * halfHeight, 1]); // prettier-ignore
    const places = tensor(corners).matmul(tensor(matrix).view(2, 3).t());
    const middle = tensor([halfWidth, halfHeight]);
    const [least, most] = [places.amin([0]).add_(middle), places.amax([0]).add_(middle)];
    // Rounding must not make a whole pixel more.
    const size = most
      .mul_(1e4)
      .trunc_()
      .mul_(1e-4)
      .ceil_()
      .sub_(least.mul_(1e4).trunc_().mul_(1e-4).floor_());
    const [newWidth, newHeight] = size.toArray() as [number, number];
    return [newHeight, newWidth];
  });
}

function sampled(
  image: Tensor,
  matrices: number[][],
  newHeight: number,
  newWidth: number,
  { interpolation = 'nearest', fill }: RotateOptions,
): Tensor {
  const [channels, height, width] = sizesOf('rotate', image);
  const fills = fill === undefined ? undefined : typeof fill === 'number' ? [fill] : [...fill];
  if (fills !== undefined && fills.length !== 1 && fills.length !== channels)
    throw refuse('rotate', `fill: expected one number or ${channels}, got ${describe(fill)}`);
  expectOneOf('rotate', 'interpolation', interpolation, ['nearest', 'bilinear']);
  const shape = [...image.shape.slice(0, -2), newHeight, newWidth];
  if (image.numel === 0) return image.reshape(...shape);
  return scope(() => {
    const dtype = isFloat(image) ? image.dtype : 'float32';
    const { device } = image;
    const images = image.reshape(-1, channels, height, width).to(dtype);
    const base = empty([1, newHeight, newWidth, 3], { dtype, device });
    base.select(-1, 0).copy_(linspace((1 - newWidth) * 0.5, (newWidth - 1) * 0.5, newWidth, { device }));
    base
      .select(-1, 1)
      .copy_(linspace((1 - newHeight) * 0.5, (newHeight - 1) * 0.5, newHeight, { device }).unsqueeze(-1));
    base.select(-1, 2).fill_(1);
    const theta = tensor(matrices.flat(), { dtype, device }).view(-1, 2, 3).transpose(1, 2);
    const scaled = theta.div_(tensor([0.5 * width, 0.5 * height], { dtype, device }));
    const count = matrices.length;
    const grid = base
      .view(1, newHeight * newWidth, 3)
      .expand(count, -1, -1)
      .bmm(scaled)
      .view(count, newHeight, newWidth, 2);
    const sample = (of: Tensor): Tensor =>
      gridSample(of, grid.expand(images.size(0), -1, -1, -1), { mode: interpolation, alignCorners: false });
    const round = (made: Tensor): Tensor =>
      (isFloat(image) ? made : made.round_().to(image.dtype)).reshape(...shape);
    if (fills === undefined) return round(sample(images));
    // What is beside the image is told by one more channel, of ones.
    const mask = ones([images.size(0), 1, height, width], { dtype, device });
    const all = sample(cat([images, mask], 1));
    const colours = all.narrow(1, 0, channels);
    const inside = all.narrow(1, channels, 1).expandAs(colours);
    const colour = tensor(fills, { dtype, device }).view(1, -1, 1, 1).expandAs(colours);
    return round(
      interpolation === 'nearest'
        ? where(inside.lt(0.5), colour, colours)
        : colours.sub_(colour).mul_(inside).add_(colour),
    );
  });
}

// ---- erasing ----

/** Images in which the rectangle of `height` and `width` at `top` and `left` has the values `v`, as [C, 1, 1] or [C, height, width]. */
export function erase(
  image: Tensor,
  top: number,
  left: number,
  height: number,
  width: number,
  v: Tensor,
  given: { inplace?: boolean } = {},
): Tensor {
  expectNoMore('erase', arguments, 7);
  const { inplace = false } = options('erase', given, ['inplace']);
  sizesOf('erase', image);
  const result = inplace ? image : image.clone();
  scope(() => {
    result.narrow(-2, top, height).narrow(-1, left, width).copy_(v);
  });
  return result;
}

/** The parts of a batch [N, C, H, W] that begin at a place of their own in each image. @internal */
export function cropEach(images: Tensor, tops: Tensor, lefts: Tensor, height: number, width: number): Tensor {
  const { device } = images;
  const [n, channels] = [images.size(0), images.size(1)];
  return scope(() => {
    const rows = tops
      .view(-1, 1)
      .add(arange(height, { device }))
      .view(n, 1, height, 1)
      .expand(n, channels, height, images.size(3));
    const columns = lefts
      .view(-1, 1)
      .add(arange(width, { device }))
      .view(n, 1, 1, width)
      .expand(n, channels, height, width);
    return images.gather(2, rows).gather(3, columns);
  });
}
