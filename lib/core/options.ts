// Options: the object at the end of a call that names what it sets.
import { types } from 'node:util';
import { describe } from './describe.js';
import { ArgumentTypeError, UnknownOptionError } from './errors.js';
import { handleOf, streamOf } from './handles.js';
import { nearest } from './names.js';
import { isNumeric } from './scalar.js';

/** Compiles only where `K` names every option of `T`. */
type Complete<T, K extends readonly string[]> =
  Exclude<keyof T, K[number] | symbol | number> extends never
    ? unknown
    : { readonly missing: Exclude<keyof T, K[number] | symbol | number> };

/**
 * The options that a call was given; nothing is as good as an empty object. An option that is undefined is not given.
 *
 *     const { bias = true } = options('Linear', given, ['bias', 'device', 'dtype']);
 *
 * Throws a TorchError for what is no object, and for an option that does not exist. @internal
 */
export function options<T extends object, const K extends readonly (keyof T & string)[]>(
  where: string,
  given: T | undefined,
  known: K & Complete<T, K>,
): T {
  if (given === undefined) return {} as T;
  if (!isOptions(given))
    throw new ArgumentTypeError(where, `expected an object of options, got ${describe(given)}`);
  checkNames(where, given, known);
  return given;
}

/** Throws a TorchError for an option that is not among the known ones. @internal */
export function checkNames(where: string, given: object, known: readonly string[]): void {
  // Inherited names count, as reading an option finds them; what somebody gave all objects is no option.
  for (const name in given)
    if (!known.includes(name) && (Object.hasOwn(given, name) || !(name in Object.prototype)))
      throw unknownOption(where, name, known);
}

/**
 * Throws a TorchError for arguments behind the `most` that a call takes, with the name of an option among them: JavaScript
 * would drop them without a word. `nameOnly` are options that the call takes besides. @internal
 */
export function expectNoMore(
  where: string,
  given: ArrayLike<unknown>,
  most: number,
  nameOnly: readonly string[] = [],
): void {
  for (let i = most; i < given.length; i++) {
    const value = given[i];
    if (value === undefined) continue;
    if (isOptions(value)) checkNames(where, value, nameOnly);
    else throw new ArgumentTypeError(where, tooMany(most, given.length, nameOnly));
  }
}

/** In words: more arguments by position than a call takes. @internal */
export function tooMany(most: number, given: number, nameOnly: readonly string[]): string {
  const rest = nameOnly.length === 0 ? '' : `; by name only: ${nameOnly.join(', ')}`;
  return `it takes at most ${most} arguments by position, ${given} were given${rest}`;
}

/** The error for an option that does not exist. @internal */
export function unknownOption(where: string, name: string, known: readonly string[]): UnknownOptionError {
  const meant = nearest(name, known);
  const hint = meant === undefined ? '' : ` (did you mean ${meant}?)`;
  const list = known.length === 0 ? 'there are no options' : `the options are ${known.join(', ')}`;
  return new UnknownOptionError(where, `there is no option '${name}'${hint}; ${list}`);
}

/** Whether a value is an object of options, not a tensor, a number, a Map or whatever else an argument may be. @internal */
export function isOptions(value: unknown): value is Readonly<Record<string, unknown>> {
  // What is quickest to tell comes first; to ask for the prototype instead is a call into V8's runtime.
  if (typeof value !== 'object' || value === null || handleOf in value || Array.isArray(value)) return false;
  if (value.constructor === Object) return !isNumeric(value);
  return (
    !(streamOf in value) && !ArrayBuffer.isView(value) && !OTHERS.some((is) => is(value)) && !isNumeric(value)
  );
}

// Objects that stand for something else than names and values; of any realm. A promise may be one of options, not awaited.
const OTHERS: readonly ((value: unknown) => boolean)[] = [
  types.isMap,
  types.isSet,
  types.isWeakMap,
  types.isWeakSet,
  types.isDate,
  types.isPromise,
  types.isRegExp,
  types.isNativeError,
  types.isBoxedPrimitive,
  types.isAnyArrayBuffer,
  types.isGeneratorObject,
  (value) => Object.prototype.toString.call(value) === '[object URL]',
];
