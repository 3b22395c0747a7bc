// What JavaScript does with objects that it takes for values, and has to be told of tensors: operators, JSON, deep comparison;
// and x.T, which is a property in Python.
import { createHash } from 'node:crypto';
import { inspect } from 'node:util';
import { ArgumentTypeError } from '../core/errors.js';
import { describeTensor } from '../core/handles.js';
import { isComplex } from '../core/scalar.js';
import { operator } from '../operators/operators.js';
import type { NestedArray } from './nested.js';
import type { Tensor } from './tensor.js';

// structuredClone and postMessage look at own properties alone, and would make `{}` of a tensor; what they refuse they name.
const SENT = 'send with torch.send';
const NOT_CLONED = Symbol(
  'a Tensor is not cloned: worker.postMessage(torch.send(x)) hands it over to another thread, x.clone() copies it here, and ' +
    'x.toArray() gives its values, which',
);

/** Has structuredClone and postMessage refuse a tensor. Less than a hundredth of what it takes to make one. @internal */
export function refuseCloning(tensor: object): void {
  (tensor as { [SENT]: symbol })[SENT] = NOT_CLONED;
}

/**
 * The tag of Object.prototype.toString, by which deep comparisons (of node:assert, Jest, Vitest, chai, lodash) tell objects
 * apart before they look at properties, of which a tensor has none: it says dtype, device, shape and values. @internal
 */
export function tagOf(tensor: Tensor): string {
  try {
    const text = tensor[describeTensor]();
    // A meta tensor has no values, a step that is recorded none yet, and sparse and quantized ones no one array.
    const { buffer, byteOffset, byteLength } = tensor.dataSync();
    const values = createHash('sha1')
      .update(new Uint8Array(buffer, byteOffset, byteLength))
      .digest('base64');
    return `Tensor ${text} ${values}`;
  } catch {
    return `Tensor ${tensor[describeTensor]()}`;
  }
}

/** What an operator of JavaScript's gets: the value of a tensor of one element. @internal */
export function toPrimitive(tensor: Tensor, hint: string): number | bigint | boolean | string {
  if (hint === 'string') return tensor.toString();
  if (tensor.numel !== 1)
    throw new ArgumentTypeError(
      'Tensor',
      `only a tensor of one element is a number to JavaScript's operators, this one is ${tensor[describeTensor]()}: ` +
        'x.add(y), x.mul(y), x.gt(y) and their like compute with tensors, String(x) is its text',
    );
  const value = tensor.item<number | bigint | boolean | { re: number; im: number }>();
  if (isComplex(value))
    throw new ArgumentTypeError(
      'Tensor',
      `a complex tensor is no number to JavaScript's operators, this one is ${inspect(value)}: x.add(y), x.mul(y), x.abs() and ` +
        'their like compute with it',
    );
  return value;
}

/** What JSON.stringify writes: nested arrays. @internal */
export function toJson(tensor: Tensor): unknown {
  const refuse = (what: string): never => {
    throw new ArgumentTypeError(
      'Tensor.toJSON',
      `${what} cannot be written as JSON, this tensor is ${tensor[describeTensor]()}`,
    );
  };
  const { dtype } = tensor;
  const check = (value: NestedArray<unknown>): void => {
    if (Array.isArray(value)) value.forEach(check);
    else if (typeof value === 'bigint')
      refuse('integers beyond 2^53 have no exact number: x.toArray() gives them as bigints, which');
  };
  const values = tensor.toArray();
  if (dtype === 'int64' || dtype === 'uint64') check(values);
  return values;
}

// What x.T was made of: its own T is that, and no end of others to whoever looks at all properties.
const origins = new WeakMap<Tensor, Tensor>();

/** The tensor with its dimensions in reverse order. @internal */
export function transposed(tensor: Tensor): Tensor {
  const origin = origins.get(tensor);
  if (origin?.disposed === false) return origin;
  const dims = tensor.shape.map((_, i) => i).reverse();
  const result = operator('aten::permute').call(tensor, dims) as Tensor;
  origins.set(result, tensor);
  return result;
}

// As far as a slip usually goes: what is not there at all is undefined, as for every object.
const MOST_INDICES = 64;

/** Has `x[0]` and `x[0] = y` say what to write. @internal */
export function refuseBrackets(prototype: object): void {
  for (let i = 0; i < MOST_INDICES; i++) {
    const refuse = (instead: string): never => {
      throw new ArgumentTypeError(
        'Tensor',
        `a tensor has no [${i}]: ${instead}. Where Jest says this, it has found that two tensors differ: ` +
          'torch.testing.assertClose shows where',
      );
    };
    Object.defineProperty(prototype, i, {
      configurable: true,
      get: () => refuse(`x.at(${i}) is what x[${i}] is in Python`),
      set: () => refuse(`x.set(value, ${i}) is what x[${i}] = value is in Python`),
    });
  }
}
