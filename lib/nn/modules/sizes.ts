// Sizes of one, two and three dimensions: one number for all of them, or a list.
import { describe } from '../../core/describe.js';
import { TorchError, ArgumentTypeError } from '../../core/errors.js';
import type { Pair } from './pair.js';

/** One number, bare or in a list. */
export type Single = number | readonly [length: number];
/** One number for all three, or [depth, height, width]. */
export type Triple = number | readonly [depth: number, height: number, width: number];
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
  if (Array.isArray(value) && value.length === count && Array.from<unknown>(value).every(isNumber))
    return value.map(Number);
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
  for (const one of values) expectWhole(where, name, one, least);
  return values;
}

/**
 * The value as a number. Throws a TorchError unless it is one that `fits`, of which `expected` says in words which that are.
 * What is no number is not compared: comparing a symbol throws. @internal
 */
export function expectNumber(
  where: string,
  name: string,
  value: unknown,
  expected = 'a number',
  fits: (number: number) => boolean = () => true,
): number {
  if (isNumber(value) && fits(Number(value))) return Number(value);
  throw new ArgumentTypeError(where, `${name}: expected ${expected}, got ${describe(value)}`);
}

/** Throws a TorchError unless the value is a whole number of `least` or more. @internal */
export function expectWhole(where: string, name: string, value: unknown, least: number): number {
  // A bigint passes for an integer, as everywhere.
  const number = typeof value === 'bigint' ? Number(value) : value;
  if (typeof number === 'number' && Number.isSafeInteger(number) && number >= least) return number;
  throw new ArgumentTypeError(
    where,
    `${name}: expected a whole number of ${least} or more, got ${describe(value)}`,
  );
}

/** Throws a TorchError unless the value is one of the words. @internal */
export function expectOneOf<T extends string>(where: string, name: string, value: T, words: readonly T[]): T {
  if (words.includes(value)) return value;
  throw new ArgumentTypeError(
    where,
    `${name}: expected ${words.map((word) => `'${word}'`).join(', ')}, got ${describe(value)}`,
  );
}

function isNumber(value: unknown): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint';
}
