// Deep copies of what modules hold.
import { expectArgument } from '../core/checks.js';
import { noGrad } from '../autograd/gradMode.js';
import { isParameter, isTensor, Parameter, type Tensor } from '../tensor/tensor.js';
import { types } from 'node:util';

/** Copies by what they are copies of: what is shared stays shared. */
export type Copies = Map<object, unknown>;

/** Throws a TorchError unless the value is a Map, of whatever realm. @internal */
export function expectCopies(copies: Copies): void {
  const isMap = types.isMap(copies);
  expectArgument('Module.deepcopy', 'copies', copies, isMap, 'a Map of what is copied already');
}

/** Copies the values of a tensor; a gradient and whether it is a Parameter go along. No scope owns the copy. @internal */
export function copyTensor(tensor: Tensor, copies: Copies): Tensor {
  const before = copies.get(tensor);
  if (before !== undefined) return before as Tensor;
  const { grad } = tensor;
  const data = noGrad(() => tensor.clone()).keep();
  const copy = isParameter(tensor) ? new Parameter(data, tensor.requiresGrad) : data;
  if (copy === data) copy.requiresGrad = tensor.requiresGrad && tensor.isLeaf;
  else data.dispose();
  if (grad !== null) copy.grad = noGrad(() => grad.clone());
  copies.set(tensor, copy);
  return copy;
}

/** Copies an object's own properties, but for those left out. @internal */
export function copyProperties(
  from: object,
  to: object,
  copies: Copies,
  without: readonly string[] = [],
): void {
  for (const key of Reflect.ownKeys(from)) {
    if ((typeof key === 'string' && without.includes(key)) || Object.hasOwn(to, key)) continue;
    const property = Object.getOwnPropertyDescriptor(from, key)!;
    Object.defineProperty(
      to,
      key,
      'value' in property ? { ...property, value: copied(property.value, copies) } : property,
    );
  }
}

interface Copyable {
  deepcopy(copies: Copies): unknown;
}

function copied(value: unknown, copies: Copies): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const before = copies.get(value);
  if (before !== undefined) return before;
  if (isTensor(value)) return copyTensor(value, copies);
  if (typeof (value as Partial<Copyable>).deepcopy === 'function')
    return (value as Copyable).deepcopy(copies);
  if (Array.isArray(value)) {
    const list: unknown[] = [];
    copies.set(value, list);
    for (const item of value as unknown[]) list.push(copied(item, copies));
    return list;
  }
  if (types.isMap(value)) {
    const map = new Map<unknown, unknown>();
    copies.set(value, map);
    for (const [key, item] of value) map.set(key, copied(item, copies));
    return map;
  }
  if (types.isSet(value)) return new Set([...value].map((item) => copied(item, copies)));
  if (types.isTypedArray(value)) return value.slice();
  const prototype = Object.getPrototypeOf(value) as object | null;
  // Objects of other classes are shared: nobody knows how to copy them.
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) return value;
  const object = {};
  copies.set(value, object);
  copyProperties(value, object, copies);
  return object;
}
