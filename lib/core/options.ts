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
  for (const name in given)
    if (!known.includes(name) && Object.hasOwn(given, name)) throw unknownOption(where, name, known);
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
  return !(streamOf in value) && !ArrayBuffer.isView(value) && !types.isMap(value) && !isNumeric(value);
}
