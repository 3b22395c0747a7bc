// How a data set gets into a worker thread: as a description from which the worker makes one of its own. Tensors in a
// description lie in memory that all threads share.
import { types } from 'node:util';
import { fromBuffer } from '../../tensor/buffers.js';
import type { DType } from '../../core/dtype.js';
import { TorchError } from '../../core/errors.js';
import { isTensor, type Tensor } from '../../tensor/tensor.js';
import type { TypedArray } from '../../native/binding.js';

/** Under this name data sets give their description. @internal */
export const workerSource: unique symbol = Symbol.for('torch-node.workerSource');

/** What a worker makes a data set of. @internal */
export type WorkerSource =
  | { kind: 'module'; module: string; options: unknown }
  | { kind: 'tensors'; tensors: readonly Tensor[] }
  | { kind: 'subset'; dataset: WorkerSource; indices: readonly number[] }
  | { kind: 'concat'; datasets: readonly WorkerSource[] };

/** A tensor in shared memory, as it stands in a message. */
interface SharedTensor {
  torchNodeShared: TypedArray;
  dtype: DType;
  shape: readonly number[];
}

function shareTensor(tensor: Tensor): SharedTensor {
  if (!tensor.isDevice('cpu'))
    throw new TorchError(
      'DataLoader',
      `tensors of a data set for workers lie on the CPU, this one is on ${tensor.device}`,
    );
  const plain = tensor.requiresGrad ? tensor.detach() : tensor;
  const { dtype, shape } = plain;
  return { torchNodeShared: plain.contiguous().shareMemory_().dataView(), dtype, shape };
}

function isShared(value: object): value is SharedTensor {
  return 'torchNodeShared' in value;
}

/** The value with each tensor in shared memory, to be posted to several threads. Moves the tensors' memory there. @internal */
export function share(value: unknown): unknown {
  return mapped(value, (one) => (isTensor(one) ? shareTensor(one) : undefined));
}

/** What `share` gave, in another thread. @internal */
export function unshare(value: unknown): unknown {
  return mapped(value, (one) =>
    isShared(one) ? fromBuffer(one.torchNodeShared, { dtype: one.dtype, shape: one.shape }) : undefined,
  );
}

/** A copy of arrays, Maps, Sets and plain objects, with some objects replaced. @internal */
export function mapped(value: unknown, replace: (value: object) => unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const replaced = replace(value);
  if (replaced !== undefined) return replaced;
  const inside = (one: unknown): unknown => mapped(one, replace);
  if (Array.isArray(value)) return value.map(inside);
  if (types.isMap(value)) return new Map([...value].map(([key, one]) => [inside(key), inside(one)]));
  if (types.isSet(value)) return new Set([...value].map(inside));
  if (!isPlain(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, inside(one)]));
}

/** Whether an object is one of braces, in whichever realm. */
function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value) as object | null;
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
