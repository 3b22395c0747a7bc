// Checks of what a call was given. Each throws a TorchError that names the argument, what was expected and what was given:
// ERR_INVALID_ARG_TYPE for a value of another kind, ERR_OUT_OF_RANGE for a number outside its bounds.
import { describe } from './describe.js';
import { ArgumentTypeError, OutOfRangeError } from './errors.js';

/** What a number has to satisfy: least <= value, above < value, value <= most, value < below. */
export interface Bounds {
  readonly least?: number;
  readonly above?: number;
  readonly most?: number;
  readonly below?: number;
}

/** Throws unless what `holds` of an argument is what is `expected` of it. @internal */
export function expectArgument(
  where: string,
  name: string,
  value: unknown,
  holds: boolean,
  expected: string,
): void {
  if (!holds) throw new ArgumentTypeError(where, `${name}: expected ${expected}, got ${describe(value)}`);
}

/** An object of whatever class. @internal */
export function expectObject(where: string, name: string, value: unknown, expected: string): void {
  expectArgument(where, name, value, typeof value === 'object' && value !== null, expected);
}

/** A path. @internal */
export function expectPath(where: string, file: unknown): void {
  if (typeof file !== 'string' || file === '')
    throw new ArgumentTypeError(where, `expected the path of a file, got ${describe(file)}`);
}

/** @internal */
export function expectBoolean(where: string, name: string, value: unknown): boolean {
  expectArgument(where, name, value, typeof value === 'boolean', 'true or false');
  return value as boolean;
}

/** @internal */
export function expectString(where: string, name: string, value: unknown): string {
  expectArgument(where, name, value, typeof value === 'string', 'a string');
  return value as string;
}

/** @internal */
export function expectFunction(where: string, name: string, value: unknown): void {
  expectArgument(where, name, value, typeof value === 'function', 'a function');
}

/** A number within bounds; a bigint passes for one. NaN is outside of any bounds. @internal */
export function expectNumber(where: string, name: string, value: unknown, bounds: Bounds = {}): number {
  return bounded(where, name, value, 'a number', bounds, isNumber(value));
}

/** A whole number, 0 or more unless told otherwise; a bigint passes for one. @internal */
export function expectInteger(where: string, name: string, value: unknown, least = 0, most?: number): number {
  const whole = isNumber(value) && Number.isSafeInteger(Number(value));
  const bounds = { ...(least === -Infinity ? {} : { least }), ...(most === undefined ? {} : { most }) };
  return bounded(where, name, value, 'a whole number', bounds, whole);
}

/** An array of two numbers. @internal */
export function expectPair(where: string, name: string, value: unknown): [number, number] {
  const isPair = Array.isArray(value) && value.length === 2 && value.every(isNumber);
  expectArgument(where, name, value, isPair, 'an array of two numbers');
  const [first, second] = value as [number | bigint, number | bigint];
  return [Number(first), Number(second)];
}

/** One of several words. @internal */
export function expectOneOf<T extends string>(
  where: string,
  name: string,
  value: unknown,
  words: readonly T[],
): T {
  if (words.includes(value as T)) return value as T;
  const expected = words
    .map((word) => `'${word}'`)
    .join(', ')
    .replace(/, (?='[^']*'$)/, ' or ');
  throw new ArgumentTypeError(where, `${name}: expected ${expected}, got ${describe(value)}`);
}

/** Whether a value is an object that `for ... of` may go over. @internal */
export function isIterable(value: unknown): value is Iterable<unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as Partial<Iterable<unknown>>)[Symbol.iterator] === 'function'
  );
}

/** Whether a value is a number or a bigint. @internal */
export function isNumber(value: unknown): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint';
}

function bounded(
  where: string,
  name: string,
  value: unknown,
  kind: string,
  { least, above, most, below }: Bounds,
  isOfKind: boolean,
): number {
  const number = isOfKind ? Number(value) : NaN;
  const within =
    (least === undefined || number >= least) &&
    (above === undefined || number > above) &&
    (most === undefined || number <= most) &&
    (below === undefined || number < below);
  if (isOfKind && within) return number;
  const closed = least !== undefined && most !== undefined;
  const words = closed
    ? [`from ${least} to ${most}`]
    : [
        ...(least === undefined ? [] : [`of ${least} or more`]),
        ...(above === undefined ? [] : [`above ${above}`]),
        ...(most === undefined ? [] : [`of at most ${most}`]),
        ...(below === undefined ? [] : [`below ${below}`]),
      ];
  const expected = [kind, words.join(' and ')].join(' ').trim();
  const text = `${name}: expected ${expected}, got ${describe(value)}`;
  throw isOfKind ? new OutOfRangeError(where, text) : new ArgumentTypeError(where, text);
}
