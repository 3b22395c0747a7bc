// Sizes of one, two and three dimensions: one number for all of them, or a list.
import { expectInteger, isNumber } from '../../core/checks.js';
import { describe } from '../../core/describe.js';
import { ArgumentTypeError } from '../../core/errors.js';

/** One number, bare or in a list. */
export type Single = number | readonly [length: number];
/** One number for both, bare or in a list, or [height, width]. */
export type Pair = Single | readonly [height: number, width: number];
/** One number for all three, bare or in a list, or [depth, height, width]. */
export type Triple = Single | readonly [depth: number, height: number, width: number];
/** A size for each of `D` spatial dimensions. */
export type SizeOf<D extends Dims> = [Single, Pair, Triple][D extends 1 ? 0 : D extends 2 ? 1 : 2];
/** How many spatial dimensions there are. */
export type Dims = 1 | 2 | 3;

/** The names of the spatial dimensions, as PyTorch's documentation calls them. @internal */
export const AXES: Readonly<Record<Dims, string>> = { 1: 'L', 2: 'H, W', 3: 'D, H, W' };

/** The value for each of `count` places. Throws a TorchError unless it is a number or a list of that many. @internal */
export function spread(where: string, name: string, value: unknown, count: number): number[] {
  // A bigint passes for an integer, as everywhere.
  if (isNumber(value)) return new Array<number>(count).fill(Number(value));
  const isList = Array.isArray(value) && Array.from<unknown>(value).every(isNumber);
  if (isList && value.length === count) return value.map(Number);
  // A list of one stands for all, as to libtorch.
  if (isList && value.length === 1) return new Array<number>(count).fill(Number(value[0]));
  throw new ArgumentTypeError(
    where,
    `${name}: expected a number${count === 1 ? '' : ` or an array of ${count}`}, got ${describe(value)}`,
  );
}

/** The same of whole numbers of `least` or more. @internal */
export function spreadWhole(
  where: string,
  name: string,
  value: unknown,
  count: number,
  least: number,
): number[] {
  const values = spread(where, name, value, count);
  for (const one of values) expectInteger(where, name, one, least);
  return values;
}
