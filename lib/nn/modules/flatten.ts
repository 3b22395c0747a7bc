// Flattening, and back.
import { describe } from '../../core/describe.js';
import { ArgumentTypeError } from '../../core/errors.js';
import { operator } from '../../operators/operators.js';
import type { Tensor } from '../../tensor/tensor.js';
import { Module } from '../module.js';
import { Leaf } from './leaf.js';
import { number, tuple } from './repr.js';

/** Makes one dimension of startDim ... endDim. By default [N, C, H, W] to [N, C * H * W]. */
export class Flatten extends Leaf {
  readonly startDim: number;
  readonly endDim: number;
  constructor(startDim = 1, endDim = -1) {
    super('Flatten', { startDim, endDim });
    this.startDim = startDim;
    this.endDim = endDim;
  }
  override extraRepr(): string {
    return `start_dim=${this.startDim}, end_dim=${this.endDim}`;
  }
}

/** Makes several dimensions of one; one of the sizes may be -1. Unflatten(1, [2, 5, 5]): [N, 50] to [N, 2, 5, 5]. */
export class Unflatten extends Module {
  constructor(
    readonly dim: number,
    readonly unflattenedSize: readonly number[],
  ) {
    super();
    if (!Array.isArray(unflattenedSize) || !unflattenedSize.every(Number.isInteger))
      throw new ArgumentTypeError(
        'Unflatten',
        `unflattenedSize: expected an array of integers, got ${describe(unflattenedSize)}`,
      );
  }
  forward(input: Tensor): Tensor {
    return operator('aten::unflatten.int').call(input, this.dim, this.unflattenedSize) as Tensor;
  }
  override extraRepr(): string {
    return `dim=${number(this.dim)}, unflattened_size=${tuple(this.unflattenedSize)}`;
  }
}
