// One walker of nested values: arrays, Maps, Sets and plain objects, of whatever realm. Everything else is a leaf.
import { types } from 'node:util';
import { describe } from './describe.js';
import { TorchError } from './errors.js';

/** Nested arrays, Maps, Sets and plain objects with leaves of a type. */
export type Tree<L> =
  | L
  | readonly Tree<L>[]
  | ReadonlyMap<unknown, Tree<L>>
  | ReadonlySet<Tree<L>>
  | { readonly [name: string]: Tree<L> };

/** What holds other values. @internal */
export type Branch = 'array' | 'map' | 'set' | 'object';

/** How a value is walked. @internal */
export interface Walk {
  /** What calls, for errors. */
  readonly where?: string;
  /** Objects that are leaves though they could be entered: a number that is written as an object. */
  readonly isLeaf?: (value: object) => boolean;
  /** Whether objects of classes are entered too, by their own enumerable properties. Default false. */
  readonly instances?: boolean;
  /** How many levels there may be. Default 500. */
  readonly deepest?: number;
}

const DEEPEST = 500;

/** Whether an object is one of braces. @internal */
export function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value) as object | null;
  // A plain object's prototype is the end of its chain; built-in objects without a class, such as Math, say what they are.
  return prototype === null || (Object.getPrototypeOf(prototype) === null && !(Symbol.toStringTag in value));
}

/** What holds other values in a value; undefined where it is a leaf. @internal */
export function branchOf(value: unknown, { isLeaf, instances = false }: Walk = {}): Branch | undefined {
  if (typeof value !== 'object' || value === null || isLeaf?.(value) === true) return undefined;
  if (Array.isArray(value)) return 'array';
  if (types.isMap(value)) return 'map';
  if (types.isSet(value)) return 'set';
  return isPlain(value) || (instances && !isBuiltIn(value)) ? 'object' : undefined;
}

// What is no user's class: views of memory, promises and the like have no properties that say what they are.
function isBuiltIn(value: object): boolean {
  return (
    ArrayBuffer.isView(value) ||
    types.isAnyArrayBuffer(value) ||
    types.isPromise(value) ||
    types.isDate(value) ||
    types.isRegExp(value)
  );
}

/** The keys and items of what holds others; those of a Set are its items. @internal */
export function entriesOf(value: object, branch: Branch): Iterable<[key: unknown, item: unknown]> {
  if (branch === 'array') return (value as unknown[]).entries();
  if (branch === 'object') return Object.entries(value);
  return (value as Map<unknown, unknown>).entries();
}

/** Whether there is an item under a key. @internal */
export function hasItem(value: object, branch: Branch, key: unknown): boolean {
  return branch === 'array' || branch === 'object'
    ? Object.hasOwn(value, key as string)
    : (value as Map<unknown, unknown>).has(key);
}

/** The item under a key. @internal */
export function itemOf(value: object, branch: Branch, key: unknown): unknown {
  if (branch === 'set') return key;
  return branch === 'map'
    ? (value as Map<unknown, unknown>).get(key)
    : (value as Record<string, unknown>)[key as string];
}

/** The place of an item as JavaScript writes it. @internal */
export function placeOf(path: string, branch: Branch, key: unknown): string {
  if (branch === 'array') return `${path}[${String(key)}]`;
  return branch === 'object' ? `${path}.${String(key)}` : `${path}.get(${describe(key)})`;
}

/** What holds nothing yet, and what adds to it. @internal */
export function emptyOf(branch: Branch): { made: object; add: (key: unknown, item: unknown) => void } {
  if (branch === 'array') {
    const made: unknown[] = [];
    return { made, add: (_key, item) => made.push(item) };
  }
  if (branch === 'map') {
    const made = new Map<unknown, unknown>();
    return { made, add: (key, item) => made.set(key, item) };
  }
  if (branch === 'set') {
    const made = new Set<unknown>();
    return { made, add: (_key, item) => made.add(item) };
  }
  const made = {};
  return { made, add: (key, item) => define(made, key as string, item) };
}

// As a property of its own whatever its name: '__proto__' is a name like another.
function define(object: object, name: string, value: unknown): void {
  if (name === '__proto__')
    Object.defineProperty(object, name, { value, writable: true, enumerable: true, configurable: true });
  else (object as Record<string, unknown>)[name] = value;
}

/** The values that a walk is inside of, innermost first. @internal */
export interface Around {
  readonly value: object;
  readonly depth: number;
  readonly outer: Around | undefined;
}

/** Goes into a value, unless the walk is inside of it already, or too deep. @internal */
export function enter(value: object, outer: Around | undefined, path: string, walk: Walk): Around {
  const { where = 'tree', deepest = DEEPEST } = walk;
  const place = path === '' ? 'the value' : path.length > 200 ? `${path.slice(0, 200)}...` : path;
  for (let around = outer; around !== undefined; around = around.outer)
    if (around.value === value) throw new TorchError(where, `${place} contains itself`);
  const depth = (outer?.depth ?? 0) + 1;
  if (depth > deepest) throw new TorchError(where, `${place} is more than ${deepest} levels deep`);
  return { value, depth, outer };
}

/**
 * What `leaf` gives for each leaf and its place, put together by `branch` from the innermost outwards. The keys of Maps are
 * walked too.
 *
 * @throws TorchError for a value that contains itself, and for one that is too deep @internal
 */
export function fold(
  value: unknown,
  leaf: (value: unknown, path: string) => unknown,
  branch: (kind: Branch, entries: [key: unknown, item: unknown][]) => unknown,
  walk: Walk = {},
  path = '',
): unknown {
  const inside = (item: unknown, at: string, outer: Around | undefined): unknown => {
    const kind = branchOf(item, walk);
    if (kind === undefined) return leaf(item, at);
    const around = enter(item as object, outer, at, walk);
    const entries: [unknown, unknown][] = [];
    for (const [key, one] of entriesOf(item as object, kind)) {
      const place = placeOf(at, kind, key);
      entries.push([kind === 'map' ? inside(key, place, around) : key, inside(one, place, around)]);
    }
    return branch(kind, entries);
  };
  return inside(value, path, undefined);
}

/** A copy of a nested value, with what `leaf` gives for each leaf and its place: see `fold`. @internal */
export function map(
  value: unknown,
  leaf: (value: unknown, path: string) => unknown,
  walk?: Walk,
  path?: string,
): unknown {
  return fold(value, leaf, rebuilt, walk, path);
}

function rebuilt(kind: Branch, entries: readonly [unknown, unknown][]): unknown {
  const { made, add } = emptyOf(kind);
  for (const [key, item] of entries) add(key, item);
  return made;
}

/** The leaves of a nested value, in order; those that are wanted where a test is given. @internal */
export function leaves<L = unknown>(
  value: unknown,
  wanted: (leaf: unknown) => leaf is L = (_leaf): _leaf is L => true,
  walk: Walk = {},
): L[] {
  const found: L[] = [];
  const inside = (item: unknown, outer: Around | undefined): void => {
    const branch = branchOf(item, walk);
    if (branch === undefined) {
      if (wanted(item)) found.push(item);
      return;
    }
    const around = enter(item as object, outer, '', walk);
    for (const [, one] of entriesOf(item as object, branch)) inside(one, around);
  };
  inside(value, undefined);
  return found;
}

/** Makes a nested value anew, with other leaves, which it asks for in order. @hidden */
export type Structure<L> = (next: () => L) => unknown;

/**
 * Adds the leaves that `isLeaf` knows to a list, in order, and gives the structure around them. `constant` says what stays
 * as it is in other leaves' places, or throws.
 *
 * @throws TorchError for a value that contains itself, and for one that is too deep @internal
 */
export function flatten<L>(
  value: unknown,
  found: L[],
  isLeaf: (value: unknown) => value is L,
  constant: (value: unknown, path: string) => unknown,
  walk: Walk = {},
  path = '',
): Structure<L> {
  const inside = (item: unknown, at: string, outer: Around | undefined): Structure<L> => {
    if (isLeaf(item)) {
      found.push(item);
      return (next) => next();
    }
    const branch = branchOf(item, walk);
    if (branch === undefined) {
      const same = constant(item, at);
      return () => same;
    }
    const around = enter(item as object, outer, at, walk);
    const parts: [unknown, Structure<L>][] = [];
    for (const [key, one] of entriesOf(item as object, branch))
      parts.push([key, inside(one, placeOf(at, branch, key), around)]);
    return (next) => {
      const { made, add } = emptyOf(branch);
      for (const [key, part] of parts) add(key, part(next));
      return made;
    };
  };
  return inside(value, path, undefined);
}

/**
 * Calls a function with every object inside a value, each once, however deep: arrays, the keys and items of Maps and Sets,
 * and the properties of all other objects. Objects for which it gives false are not entered. @internal
 */
export function visit(value: unknown, enters: (value: object) => boolean): void {
  const seen = new Set<object>();
  const waiting: unknown[] = [value]; // a list rather than calls: a value may be nested deeper than the stack goes
  while (waiting.length > 0) {
    const one = waiting.pop();
    if (typeof one !== 'object' || one === null || seen.has(one)) continue;
    seen.add(one);
    if (!enters(one) || ArrayBuffer.isView(one)) continue;
    if (types.isMap(one)) for (const [key, item] of one) waiting.push(key, item);
    if (types.isSet(one)) for (const item of one) waiting.push(item);
    for (const item of Object.values(one)) waiting.push(item);
  }
}
