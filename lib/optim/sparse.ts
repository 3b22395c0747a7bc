// Sparse gradients, for the updates that take them.
import { operator } from '../operators/operators.js';
import type { Tensor } from '../tensor/tensor.js';

/** A sparse gradient, taken apart. @internal */
export interface SparseParts {
  readonly values: Tensor;
  /** A sparse tensor of other values in the same places. */
  readonly spread: (values: Tensor) => Tensor;
  /** A dense tensor's values in these places. */
  readonly masked: (dense: Tensor) => Tensor;
}

/** Takes a sparse gradient apart; updates are not linear, so that indices must come once. @internal */
export function sparseParts(given: Tensor): SparseParts {
  const gradient = sparse('coalesce', given);
  const indices = sparse('_indices', gradient);
  return {
    values: sparse('_values', gradient),
    spread: (values) =>
      operator('aten::sparse_coo_tensor.indices_size').call(indices, values, [...gradient.shape]) as Tensor,
    masked: (dense) => sparse('_values', operator('aten::sparse_mask').call(dense, gradient) as Tensor),
  };
}

function sparse(name: string, tensor: Tensor): Tensor {
  return operator(`aten::${name}`).call(tensor) as Tensor;
}
