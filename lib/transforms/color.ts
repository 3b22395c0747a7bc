// Colours of images: torchvision's tensor kernels of transforms.v2. Factors are numbers, or tensors [N, 1, 1, 1] with one for each
// image of a batch.
import { expectBoolean, expectNumber } from '../core/checks.js';
import { expectNoMore, options } from '../core/options.js';
import { describe } from '../core/describe.js';
import { aminmax, floor, gather, onesLike, stack, where } from '../operators/generated/functions.js';
import { tensor } from '../tensor/create.js';
import type { DType } from '../core/dtype.js';
import { isFloatingPoint } from '../core/dtype.js';
import { operator } from '../operators/operators.js';
import { scalar } from '../core/scalar.js';
import { scope } from '../tensor/scope.js';
import { expectTensor, isTensor, type Tensor } from '../tensor/tensor.js';
import { isFloat, maxValue, refuse, sizesOf, VALUE_BITS } from './checks.js';

/** A number, or one for each image of a batch: float32 [N, 1, 1, 1]. */
export type Factor = number | Tensor;

const float = (x: number): ReturnType<typeof scalar> => scalar(x, 'float64');
const factorOf = (factor: Factor): Tensor | ReturnType<typeof scalar> =>
  isTensor(factor) ? factor : float(factor);

function colourful(name: string, image: Tensor, factor: Factor): number {
  const [channels] = sizesOf(name, image);
  if (channels !== 1 && channels !== 3)
    throw refuse(name, `expected images of 1 or 3 channels, got ${channels}`);
  if (!isTensor(factor)) expectNumber(name, 'factor', factor, { least: 0 });
  return channels;
}

// image1 * ratio + image2 * (1 - ratio), within the dtype's range.
function blend(image1: Tensor, image2: Tensor, ratio: Factor): Tensor {
  const scaled = image1.mul(factorOf(ratio));
  const mixed = isTensor(ratio)
    ? scaled.add_(image2.mul(ratio.neg().add(1)))
    : scaled.add_(image2, { alpha: float(1 - ratio) });
  return mixed.clamp_(0, { max: maxValue(image1.dtype) }).to(image1.dtype);
}

function gray(image: Tensor): Tensor {
  if (image.size(-3) === 1) return image;
  const [r, g, b] = image.unbind(-3) as [Tensor, Tensor, Tensor];
  return r.mul(0.2989).add_(g, { alpha: 0.587 }).add_(b, { alpha: 0.114 }).unsqueeze(-3);
}

// In float32, and whole numbers where the image's are whole.
function grayLevels(image: Tensor): Tensor {
  if (image.size(-3) === 1) return isFloat(image) ? image : image.to('float32');
  return isFloat(image) ? gray(image) : gray(image).floor_();
}

/**
 * Images [..., 3, H, W] in shades of gray: 0.2989 R + 0.587 G + 0.114 B.
 *
 * @param given.numOutputChannels 1, or 3 equal ones. Default 1
 */
export function rgbToGrayscale(image: Tensor, given: { numOutputChannels?: number } = {}): Tensor {
  expectNoMore('rgbToGrayscale', arguments, 2);
  const { numOutputChannels = 1 } = options('rgbToGrayscale', given, ['numOutputChannels']);
  const [channels] = sizesOf('rgbToGrayscale', image);
  if ((channels !== 1 && channels !== 3) || (numOutputChannels !== 1 && numOutputChannels !== 3))
    throw refuse(
      'rgbToGrayscale',
      `expected 1 or 3 channels, got ${channels}, for 1 or 3, got ${numOutputChannels}`,
    );
  return scope(() => {
    if (channels === 1)
      return numOutputChannels === 1 ? image.clone() : image.repeatInterleave(3, { dim: -3 });
    const level = gray(image).to(image.dtype);
    return numOutputChannels === 3 ? level.expand(image.shape) : level;
  });
}

/** Images brighter by a factor; 0 is black, 1 changes nothing. */
export function adjustBrightness(image: Tensor, brightnessFactor: Factor): Tensor {
  expectNoMore('adjustBrightness', arguments, 2);
  colourful('adjustBrightness', image, brightnessFactor);
  return scope(() =>
    image
      .mul(factorOf(brightnessFactor))
      .clamp_(0, { max: maxValue(image.dtype) })
      .to(image.dtype),
  );
}

/** Images further from their mean gray by a factor; 0 is that gray, 1 changes nothing. */
export function adjustContrast(image: Tensor, contrastFactor: Factor): Tensor {
  expectNoMore('adjustContrast', arguments, 2);
  colourful('adjustContrast', image, contrastFactor);
  return scope(() => blend(image, grayLevels(image).mean([-3, -2, -1], true), contrastFactor));
}

/** Images further from their shades of gray by a factor; 0 is those, 1 changes nothing. */
export function adjustSaturation(image: Tensor, saturationFactor: Factor): Tensor {
  expectNoMore('adjustSaturation', arguments, 2);
  if (colourful('adjustSaturation', image, saturationFactor) === 1) return image;
  return scope(() => blend(image, grayLevels(image), saturationFactor));
}

/** Images whose hue is turned, by a part of the circle from -0.5 to 0.5. */
export function adjustHue(image: Tensor, hueFactor: Factor): Tensor {
  expectNoMore('adjustHue', arguments, 2);
  if (!isTensor(hueFactor)) expectNumber('adjustHue', 'factor', hueFactor, { least: -0.5, most: 0.5 });
  if (colourful('adjustHue', image, 0) === 1 || image.numel === 0) return image;
  return scope(() => {
    const [h, s, v] = rgbToHsv(toDtype(image, 'float32', { scale: true })).unbind(-3) as [
      Tensor,
      Tensor,
      Tensor,
    ];
    // Of a factor for each image, which has a dimension more than a channel has.
    const turn = isTensor(hueFactor) ? hueFactor.squeeze(-3) : float(hueFactor);
    const turned = h.add(turn).remainder_(1);
    return toDtype(hsvToRgb(turned, s, v), image.dtype, { scale: true });
  });
}

function rgbToHsv(image: Tensor): Tensor {
  const [r, g] = image.unbind(-3) as [Tensor, Tensor];
  const [least, most] = aminmax(image, { dim: -3 });
  const grayish = most.eq(least);
  const range = most.sub(least);
  const ones = onesLike(most);
  const s = range.div(where(grayish, ones, most));
  const divisor = where(grayish, ones, range).unsqueeze(-3);
  const [rc, gc, bc] = most.unsqueeze(-3).sub(image).div(divisor).unbind(-3) as [Tensor, Tensor, Tensor];
  const notRed = most.ne(r);
  const green = most.eq(g);
  const hg = rc.add(2).sub_(bc).mul_(green.logicalAnd(notRed));
  const hr = bc.sub(gc).mul_(notRed.logicalNot());
  const hb = gc.add(4).sub_(rc).mul_(notRed.logicalAnd(green.logicalNot()));
  const h = hr
    .add_(hg)
    .add_(hb)
    .mul_(1 / 6)
    .add_(1)
    .fmod_(1);
  return stack([h, s, most], -3);
}

/** For each sixth of the circle which of (v, p, q, t) red, green and blue are. */
const SIXTHS = [
  [0, 2, 1, 1, 3, 0],
  [3, 0, 0, 2, 1, 1],
  [1, 1, 3, 0, 0, 2],
];

function hsvToRgb(h: Tensor, s: Tensor, v: Tensor): Tensor {
  const h6 = h.mul(6);
  const whole = floor(h6);
  const f = h6.sub(whole);
  const sixth = whole.to('int64').remainder_(6);
  const sf = s.mul(f);
  const rest = s.neg().add(1);
  const q = sf.neg().add(1).mul_(v).clamp_(0, { max: 1 });
  const t = sf.add(rest).mul_(v).clamp_(0, { max: 1 });
  const p = rest.mul(v).clamp_(0, { max: 1 });
  const choices = stack([v, p, q, t], -3);
  const table = tensor(SIXTHS, { dtype: 'int64', device: h.device });
  const select = stack(
    SIXTHS.map((_, c) => operator('aten::index.Tensor').call(table.select(0, c), [sixth]) as Tensor),
    -3,
  );
  return gather(choices, -3, select);
}

/**
 * Images under another dtype.
 *
 * @param given.scale whether values are brought from the old dtype's range to the new one's: 0 ... 255 of uint8 becomes
 *   0 ... 1 of float32. Default false
 */
export function toDtype(image: Tensor, dtype: DType, given: { scale?: boolean } = {}): Tensor {
  expectNoMore('toDtype', arguments, 3);
  const where = 'toDtype';
  const from = expectTensor(where, 'image', image).dtype;
  if (typeof dtype !== 'string')
    throw refuse(where, `dtype: expected a dtype as 'float32', got ${describe(dtype)}`);
  const { scale = false } = options(where, given, ['scale']);
  expectBoolean(where, 'scale', scale);
  if (from === dtype) return image;
  if (!scale) return image.to(dtype);
  const [floatIn, floatOut] = [isFloatingPoint(from), isFloatingPoint(dtype)];
  if (floatIn && floatOut) return image.to(dtype);
  return scope(() => {
    if (floatIn) {
      if (
        (from === 'float32' && (dtype === 'int32' || dtype === 'int64')) ||
        (from === 'float64' && dtype === 'int64')
      )
        throw refuse('toDtype', `${from} cannot be brought to the range of ${dtype}: its integers are finer`);
      return image.mul(float(Number(maxValue(dtype)) + 1 - 1e-3)).to(dtype);
    }
    if (floatOut) return image.to(dtype).mul_(float(1 / Number(maxValue(from))));
    const [bitsIn, bitsOut] = [VALUE_BITS[from], VALUE_BITS[dtype]];
    if (bitsIn === undefined || bitsOut === undefined)
      throw refuse('toDtype', `${from} cannot be scaled to ${dtype}`);
    return bitsIn > bitsOut
      ? (operator('aten::bitwise_right_shift.Tensor_Scalar').call(image, bitsIn - bitsOut) as Tensor).to(
          dtype,
        )
      : (operator('aten::bitwise_left_shift.Tensor_Scalar').call(
          image.to(dtype),
          bitsOut - bitsIn,
        ) as Tensor);
  });
}

/** `toDtype` with `scale`: torchvision's older name. */
export function convertImageDtype(image: Tensor, dtype: DType = 'float32'): Tensor {
  expectNoMore('convertImageDtype', arguments, 2);
  return toDtype(image, dtype, { scale: true });
}

/**
 * (image - mean) / std for each channel.
 *
 * @throws TorchError for images of integers, which would have to be scaled first, and for a std of 0
 */
export function normalize(
  image: Tensor,
  mean: readonly number[],
  std: readonly number[],
  given: { inplace?: boolean } = {},
): Tensor {
  expectNoMore('normalize', arguments, 4);
  const { inplace = false } = options('normalize', given, ['inplace']);
  const [channels] = sizesOf('normalize', image);
  if (!isFloat(image))
    throw refuse(
      'normalize',
      `expected floating point images, got ${image.dtype}: toDtype(image, 'float32', { scale: true })`,
    );
  for (const values of [mean, std])
    if (values.length !== 1 && values.length !== channels)
      throw refuse(
        'normalize',
        `expected mean and std for ${channels} channels, got ${mean.length} and ${std.length}`,
      );
  if (std.includes(0)) throw refuse('normalize', 'std is 0, which cannot be divided by');
  const { dtype, device } = image;
  return scope(() => {
    const [m, s] = [mean, std].map((values) => tensor([...values], { dtype, device }).view(-1, 1, 1));
    return (inplace ? image.sub_(m!) : image.sub(m!)).div_(s!);
  });
}
