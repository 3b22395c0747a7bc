// How a data set gets into a worker thread: as a description from which the worker makes one of its own. Tensors in a
// description lie in memory that all threads share.
import { fromBuffer } from '../../tensor/buffers.js';
import type { DType } from '../../core/dtype.js';
import { TorchError } from '../../core/errors.js';
import { map } from '../../core/tree.js';
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

function isShared(value: unknown): value is SharedTensor {
  return typeof value === 'object' && value !== null && 'torchNodeShared' in value;
}

/** The value with each tensor in shared memory, to be posted to several threads. Moves the tensors' memory there. @internal */
export function share(value: unknown): unknown {
  return map(value, (one) => (isTensor(one) ? shareTensor(one) : one), { where: 'DataLoader' });
}

/** What `share` gave, in another thread. @internal */
export function unshare(value: unknown): unknown {
  const made = (one: unknown): unknown =>
    isShared(one) ? fromBuffer(one.torchNodeShared, { dtype: one.dtype, shape: one.shape }) : one;
  return map(value, made, { where: 'DataLoader', isLeaf: isShared });
}
