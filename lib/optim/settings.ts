// Settings of optimizers: their checks, and their names here and in Python.
import { describe } from '../core/describe.js';
import { TorchError, ArgumentTypeError } from '../core/errors.js';
import { isTensor } from '../tensor/tensor.js';

/** The options that were given, over the defaults; undefined is as good as left out. */
export function settled<T extends object>(defaults: T, given: object): T {
  return {
    ...defaults,
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
  };
}

function wrong(where: string, name: string, expected: string, value: unknown): TorchError {
  return new ArgumentTypeError(where, `${name}: expected ${expected}, got ${describe(value)}`);
}

/** A learning rate: a number of 0 or more, or a tensor that holds one. */
export function expectRate(where: string, lr: unknown): void {
  if (!isTensor(lr)) expectNumber(where, 'lr', lr, { least: 0 });
  else if (lr.numel !== 1) throw wrong(where, 'lr', 'a tensor of one element', lr);
  else if (!(lr.item() >= 0)) throw wrong(where, 'lr', 'a number of 0 or more', lr.item());
}

/** A number within bounds: least <= value, above < value, value <= most, value < below. */
export function expectNumber(
  where: string,
  name: string,
  value: unknown,
  bounds: { least?: number; above?: number; most?: number; below?: number } = {},
): void {
  const { least, above, most, below } = bounds;
  const within =
    typeof value === 'number' &&
    !Number.isNaN(value) &&
    (least === undefined || value >= least) &&
    (above === undefined || value > above) &&
    (most === undefined || value <= most) &&
    (below === undefined || value < below);
  if (within) return;
  const words = [
    ...(least === undefined ? [] : [`of ${least} or more`]),
    ...(above === undefined ? [] : [`above ${above}`]),
    ...(most === undefined ? [] : [`of at most ${most}`]),
    ...(below === undefined ? [] : [`below ${below}`]),
  ];
  throw wrong(where, name, ['a number', words.join(' and ')].join(' ').trim(), value);
}

/** A whole number, 0 or more unless told otherwise. */
export function expectInteger(where: string, name: string, value: unknown, least = 0): void {
  if (!Number.isSafeInteger(value) || (value as number) < least)
    throw wrong(where, name, `a whole number of ${least} or more`, value);
}

/** Two numbers, as betas are. */
export function expectPair(where: string, name: string, value: unknown): asserts value is [number, number] {
  if (!Array.isArray(value) || value.length !== 2 || value.some((item) => typeof item !== 'number'))
    throw wrong(where, name, 'an array of two numbers', value);
}

/** The coefficients of running averages: both in [0, 1). */
export function expectBetas(where: string, betas: unknown): void {
  expectPair(where, 'betas', betas);
  betas.forEach((beta, i) => expectNumber(where, `betas[${i}]`, beta, { least: 0, below: 1 }));
}

/** One of several strings. */
export function expectChoice(where: string, name: string, value: unknown, choices: readonly string[]): void {
  if (!choices.includes(value as string))
    throw wrong(where, name, choices.map((choice) => `'${choice}'`).join(' or '), value);
}
