// What the transforms have in common: checks of what they are given, and the numbers of PyTorch's images.
import { describe } from '../core/describe.js';
import type { DType } from '../core/dtype.js';
import { isFloatingPoint } from '../core/dtype.js';
import { TorchError, ArgumentTypeError } from '../core/errors.js';
import { isTensor, type Tensor } from '../tensor/tensor.js';

/** A size: [height, width], or one number. */
export type Size = number | readonly [height: number, width: number];
export type Range = readonly [low: number, high: number];

/** @internal */
export function refuse(where: string, text: string): TorchError {
  return new ArgumentTypeError(where, text);
}

/** The last three sizes of images [..., C, H, W]. @internal */
export function sizesOf(where: string, image: Tensor): [channels: number, height: number, width: number] {
  if (!isTensor(image) || image.ndim < 3)
    throw refuse(where, `expected images [..., C, H, W], got ${describe(image)}`);
  return [image.size(-3), image.size(-2), image.size(-1)];
}

/** The value of full brightness: 1 for floats, the largest integer else. @internal */
export function maxValue(dtype: DType): number | bigint {
  const bits = VALUE_BITS[dtype];
  if (bits === undefined) return 1;
  return bits === 63 ? 2n ** 63n - 1n : 2 ** bits - 1;
}

/** Bits of an integer's value. @internal */
export const VALUE_BITS: Partial<Record<DType, number>> = {
  uint8: 8, int8: 7, int16: 15, uint16: 16, int32: 31, int64: 63,
}; // prettier-ignore

/** @internal */
export function isFloat(image: Tensor): boolean {
  return isFloatingPoint(image.dtype);
}

/** To the nearest whole number, halves to the even one, as Python's round(). @internal */
export function roundEven(x: number): number {
  const below = Math.floor(x);
  if (x - below !== 0.5) return Math.round(x);
  return below % 2 === 0 ? below : below + 1;
}

/** @internal */
export function pairOf(where: string, name: string, size: Size): [number, number] {
  const pair: readonly number[] = typeof size === 'number' ? [size, size] : Array.isArray(size) ? size : [];
  const whole = pair.every((each) => Number.isInteger(each) && each > 0);
  if (pair.length !== 2 || !whole)
    throw refuse(
      where,
      `${name}: expected a whole number of 1 or more, or two of them, got ${describe(size)}`,
    );
  return [pair[0]!, pair[1]!];
}
