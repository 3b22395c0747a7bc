// Values by name: what savers are given, and what loaders give.
import { types } from 'node:util';
import { describe } from '../core/describe.js';
import { ArgumentTypeError } from '../core/errors.js';
import { isPlain } from '../core/tree.js';
import { expectTensor, type Tensor } from '../tensor/tensor.js';

/** Values by name, from a plain object or a Map. */
export type Named<T> = Readonly<Record<string, T>> | ReadonlyMap<string, T>;

/**
 * The tensors that a saver was given, by name and in their order. Throws an ArgumentTypeError for anything but tensors in a
 * plain object or a Map.
 */
export function namedTensors(where: string, given: Named<Tensor>): [name: string, tensor: Tensor][] {
  const entries = namedValues<Tensor>(where, 'tensors', 'tensors by name', given);
  for (const [name, value] of entries) expectTensor(where, name, value);
  return entries;
}

/** Likewise for metadata, which are texts. */
export function namedTexts(where: string, given: Named<string>): [name: string, text: string][] {
  const entries = namedValues<string>(where, 'metadata', 'strings', given);
  for (const [name, value] of entries) {
    if (typeof value !== 'string')
      throw new ArgumentTypeError(where, `metadata '${name}': expected a string, got ${describe(value)}`);
    expectUtf8(where, value);
  }
  return entries;
}

function namedValues<T>(where: string, name: string, what: string, given: unknown): [string, T][] {
  const isMap = types.isMap(given);
  if (!isMap && (typeof given !== 'object' || given === null || Array.isArray(given) || !isPlain(given))) {
    const hint =
      typeof (given as { stateDict?: unknown } | null | undefined)?.stateDict === 'function'
        ? '; give its stateDict()'
        : '';
    throw new ArgumentTypeError(
      where,
      `${name}: expected an object or a Map of ${what}, got ${describe(given)}${hint}`,
    );
  }
  const entries = isMap ? [...(given as Map<string, T>)] : Object.entries(given as Record<string, T>);
  for (const [key] of entries) {
    if (typeof key !== 'string')
      throw new ArgumentTypeError(where, `the names of ${name} are strings, got ${describe(key)}`);
    expectUtf8(where, key);
  }
  return entries;
}

/** Whether UTF-8 can write a text: half of a character that stands alone it cannot. */
export const isUtf8 = (text: string): boolean => !/\p{Surrogate}/u.test(text);

function expectUtf8(where: string, text: string): void {
  if (!isUtf8(text))
    throw new ArgumentTypeError(
      where,
      `${JSON.stringify(text.slice(0, 40))} is no text that UTF-8 can write: half of a character stands alone in it`,
    );
}

/**
 * An object of these entries, in their order: Object.keys() and the like give it even where names are whole numbers, which
 * JavaScript's objects put first and in order. A name that comes twice keeps its first place and its last value.
 */
export function recordOf<T>(entries: Iterable<readonly [string, T]>): Record<string, T> {
  const values = new Map(entries);
  const record: Record<string, T> = {};
  for (const [name, value] of values) define(record, name, value);
  const order = [...values.keys()];
  const plain = Object.keys(record);
  return order.every((name, i) => name === plain[i])
    ? record
    : new Proxy<Record<string, T>>(record, new Ordered(order));
}

// As a property of its own whatever its name: '__proto__' is a name like another in a file.
function define(record: object, name: string, value: unknown): void {
  Object.defineProperty(record, name, { value, writable: true, enumerable: true, configurable: true });
}

/** The order of an object's own names: those that it began with, then those that were added. */
class Ordered implements ProxyHandler<Record<string, unknown>> {
  readonly #first: ReadonlySet<string>;

  constructor(names: readonly string[]) {
    this.#first = new Set(names);
  }

  ownKeys(target: object): (string | symbol)[] {
    const there = Reflect.ownKeys(target);
    const kept = new Set(there);
    return [
      ...[...this.#first].filter((name) => kept.has(name)),
      ...there.filter((name) => typeof name === 'symbol' || !this.#first.has(name)),
    ];
  }
}
