// Deep copies of what modules hold.
import { types } from 'node:util';
import { expectArgument } from '../core/checks.js';
import { noGrad } from '../autograd/gradMode.js';
import { isParameter, Parameter } from '../tensor/parameter.js';
import { isTensor, type Tensor } from '../tensor/tensor.js';
import { copyUninitialized, isUninitialized } from './uninitialized.js';

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
  if (isUninitialized(tensor)) {
    const copy = copyUninitialized(tensor);
    copies.set(tensor, copy);
    return copy;
  }
  const { grad } = tensor;
  const data = noGrad(() => tensor.clone()).keep();
  const copy = isParameter(tensor) ? new Parameter(data, tensor.requiresGrad) : data;
  if (copy === data) copy.requiresGrad = tensor.requiresGrad && tensor.isLeaf;
  else data.dispose();
  if (grad !== null) copy.grad = noGrad(() => grad.clone());
  copies.set(tensor, copy);
  return copy;
}

/** Gives a copy a property of what it is a copy of. @internal */
export function copyProperty(
  to: object,
  key: string | symbol,
  property: PropertyDescriptor,
  copies: Copies,
): void {
  const isData = 'value' in property;
  Object.defineProperty(to, key, isData ? { ...property, value: copied(property.value, copies) } : property);
}

interface Copyable {
  deepcopy(copies: Copies): unknown;
}

/** A deep copy of a value; objects of classes that cannot be copied are shared. @internal */
export function copied(value: unknown, copies: Copies): unknown {
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
  for (const key of Reflect.ownKeys(value))
    copyProperty(object, key, Object.getOwnPropertyDescriptor(value, key)!, copies);
  return object;
}
