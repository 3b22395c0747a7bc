// Collation: a list of samples becomes a batch.
import { expectNoMore } from '../core/options.js';
import { expectArgument } from '../core/checks.js';
import { describe } from '../core/describe.js';
import type { TypedArray } from '../native/binding.js';
import { stack } from '../operators/generated/functions.js';
import { tensor } from '../tensor/create.js';
import { TorchError, ArgumentTypeError } from '../core/errors.js';
import { isTypedScalar, plainScalar, type Scalar } from '../core/scalar.js';
import {
  branchOf,
  emptyOf,
  enter,
  entriesOf,
  hasItem,
  itemOf,
  map,
  placeOf,
  type Around,
  type Branch,
  type Walk,
} from '../core/tree.js';
import { scope } from '../tensor/scope.js';
import { isTensor, type Tensor } from '../tensor/tensor.js';

/** What `defaultCollate` makes of samples of a type. */
export type Collated<T> = T extends Tensor | number | bigint | boolean | TypedArray
  ? Tensor
  : T extends string
    ? string[]
    : T extends Map<infer K, infer V>
      ? Map<K, Collated<V>>
      : T extends object
        ? { -readonly [K in keyof T]: Collated<T[K]> }
        : never;

/**
 * A batch of samples, as PyTorch's default_collate makes it: tensors and TypedArrays are stacked under a new first dimension;
 * numbers become a tensor, strings an array; arrays, objects and Maps are collated key by key.
 *
 * Numbers become int64 when all of the batch are whole, float64 otherwise, which are the dtypes of Python's int and float;
 * JavaScript does not tell 1.0 from 1, so give targets that are fractions as tensors or as `torch.scalar(y, 'float64')`, whose
 * dtype is kept. Booleans become bool, bigints int64.
 *
 * @throws TorchError for samples that differ in kind, length or keys, and for what cannot be collated
 */
export function defaultCollate<T>(samples: readonly T[]): Collated<T> {
  expectNoMore('defaultCollate', arguments, 1);
  expectArgument('defaultCollate', 'samples', samples, Array.isArray(samples), 'an array of samples');
  return scope(() => collate(samples, '')) as Collated<T>;
}

function collate(samples: readonly unknown[], path: string, outer?: Around): unknown {
  const [first] = samples;
  if (samples.length === 0) throw failure(path, 'expected one sample at least, got none');
  if (isTensor(first)) {
    expectAll(samples, isTensor, path, 'a tensor');
    return stack(samples as Tensor[], 0);
  }
  if (isNumber(first)) {
    expectAll(samples, isNumber, path, 'a number');
    return ofNumbers(samples as Scalar[]);
  }
  if (typeof first === 'string') {
    expectAll(samples, (value) => typeof value === 'string', path, 'a string');
    return [...samples];
  }
  if (ArrayBuffer.isView(first)) {
    expectAll(samples, (one) => ArrayBuffer.isView(one), path, 'a TypedArray');
    return stack(
      samples.map((one) => tensor(one as TypedArray)),
      0,
    );
  }
  const branch = branchOf(first, WALK);
  if (branch === undefined || branch === 'set')
    throw failure(
      path,
      `a batch is made of tensors, TypedArrays, numbers, strings, arrays, objects and Maps, got ${describe(first)}`,
    );
  const keys = Array.from(entriesOf(first as object, branch), ([key]) => key);
  const fits = (one: unknown): boolean =>
    branchOf(one, WALK) === branch &&
    keys.every((key) => hasItem(one as object, branch, key)) &&
    (branch !== 'array' || (one as unknown[]).length === keys.length);
  expectAll(samples, fits, path, kindOf(branch, keys));
  const around = enter(first as object, outer, path, WALK);
  const { made, add } = emptyOf(branch);
  for (const key of keys) {
    const column = samples.map((one) => itemOf(one as object, branch, key));
    add(key, collate(column, placeOf(path, branch, key), around));
  }
  return made;
}

// Samples may be objects of a class; a batch of them is a plain object.
const WALK: Walk = { where: 'defaultCollate', instances: true };

function kindOf(branch: Branch, keys: readonly unknown[]): string {
  if (branch === 'array') return `an array of ${keys.length}`;
  return branch === 'map'
    ? `a Map with the keys ${keys.map((key) => describe(key)).join(', ')}`
    : `an object with the keys ${keys.join(', ')}`;
}

function isNumber(value: unknown): boolean {
  return ['number', 'bigint', 'boolean'].includes(typeof value) || isTypedScalar(value);
}

function ofNumbers(samples: Scalar[]): Tensor {
  const typed = samples.find(isTypedScalar);
  const plain = samples.map(plainScalar) as (number | bigint | boolean)[];
  if (typed !== undefined) return tensor(plain as number[], { dtype: typed.dtype });
  if (plain.every((value) => typeof value === 'boolean')) return tensor(plain);
  const whole = plain.every((value) => typeof value !== 'number' || Number.isSafeInteger(value));
  return tensor(plain.map((value) => (typeof value === 'boolean' ? Number(value) : value)) as number[], {
    dtype: whole ? 'int64' : 'float64',
  });
}

function expectAll(
  samples: readonly unknown[],
  fits: (value: unknown) => boolean,
  path: string,
  expected: string,
): void {
  const wrong = samples.findIndex((one) => !fits(one));
  if (wrong >= 0)
    throw failure(
      path,
      `sample ${wrong} of the batch is ${describe(samples[wrong])}, the first is ${expected}`,
    );
}

function failure(path: string, text: string): TorchError {
  return new ArgumentTypeError('defaultCollate', `${path === '' ? '' : `at ${path}: `}${text}`);
}

/** What a sample becomes that is not put into a batch: TypedArrays become tensors. @internal */
export function defaultConvert(value: unknown): unknown {
  return map(value, (leaf) => (ArrayBuffer.isView(leaf) ? tensor(leaf as TypedArray) : leaf), {
    where: 'DataLoader',
  });
}
