// The values of a pickle as JavaScript has them: dictionaries of texts as plain objects, storages as tensors.
import { types } from 'node:util';
import { isCounter } from '../../core/counter.js';
import type { Tensor } from '../../tensor/tensor.js';
import { recordOf } from '../records.js';
import { Storage } from './rebuild.js';

/**
 * Goes through everything in a value, however deep, and makes it anew where it has to be. `attributes` are put on their tensors as
 * properties, but for names that tensors have themselves.
 */
export function finish(
  value: unknown,
  attributes: readonly [tensor: Tensor, values: ReadonlyMap<unknown, unknown>][],
): unknown {
  const made = new Map<object, unknown>();
  // A list rather than calls: values may be nested deeper than the stack goes.
  const waiting: (() => void)[] = [];

  const finished = (one: unknown): unknown => {
    if (typeof one !== 'object' || one === null) return one;
    if (Storage.is(one)) return one.whole;
    const known = made.get(one);
    if (known !== undefined) return known;
    const [out, fill] = begun(one);
    made.set(one, out);
    if (fill !== undefined) waiting.push(fill);
    return out;
  };
  // What stands for a value, so that what is inside may refer to it, and how it is filled.
  const begun = (one: object): [out: unknown, fill?: () => void] => {
    if (Array.isArray(one)) {
      const items = one as unknown[];
      if (!Object.isFrozen(items))
        return [items, () => items.forEach((item, i) => (items[i] = finished(item)))];
      const out: unknown[] = [];
      return [out, () => Object.freeze(Object.assign(out, items.map(finished)))];
    }
    if (types.isSet(one)) {
      const items = [...one];
      one.clear();
      return [one, () => items.forEach((item) => one.add(finished(item)))];
    }
    if (!types.isMap(one)) return [one];
    const entries = [...one];
    if (
      !isCounter(one) &&
      entries.every((entry): entry is [string, unknown] => typeof entry[0] === 'string')
    ) {
      const out = recordOf(entries);
      return [out, () => entries.forEach(([key, item]) => put(out, key, finished(item)))];
    }
    one.clear();
    return [one, () => entries.forEach(([key, item]) => one.set(finished(key), finished(item)))];
  };

  const result = finished(value);
  for (const [tensor, values] of attributes)
    for (const [name, item] of values) if (typeof name === 'string' && !(name in tensor)) put(tensor, name, finished(item)); // prettier-ignore
  for (let fill = waiting.pop(); fill !== undefined; fill = waiting.pop()) fill();
  return result;
}

// As a property of its own whatever its name: '__proto__' is a name like another in a file.
function put(target: object, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, writable: true, enumerable: true, configurable: true });
}
