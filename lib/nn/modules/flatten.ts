// Flattening, and back.
import { expectNoMore } from '../../core/options.js';
import { expectInteger } from '../../core/checks.js';
import { describe } from '../../core/describe.js';
import { ArgumentTypeError } from '../../core/errors.js';
import { operator } from '../../operators/operators.js';
import { expectTensor, type Tensor } from '../../tensor/tensor.js';
import { Module } from '../module.js';
import { number, tuple } from './repr.js';

/** Makes one dimension of startDim ... endDim. By default [N, C, H, W] to [N, C * H * W]. */
export class Flatten extends Module {
  constructor(
    public startDim = 1,
    public endDim = -1,
  ) {
    super();
    expectNoMore(new.target.name, arguments, 2);
    expectInteger('Flatten', 'startDim', startDim, -Infinity);
    expectInteger('Flatten', 'endDim', endDim, -Infinity);
  }
  forward(input: Tensor): Tensor {
    return expectTensor('Flatten', 'input', input).flatten(this.startDim, this.endDim);
  }
  override extraRepr(): string {
    return `start_dim=${this.startDim}, end_dim=${this.endDim}`;
  }
}

/** Makes several dimensions of one; one of the sizes may be -1. Unflatten(1, [2, 5, 5]): [N, 50] to [N, 2, 5, 5]. */
export class Unflatten extends Module {
  constructor(
    public dim: number,
    public unflattenedSize: readonly number[],
  ) {
    super();
    expectNoMore(new.target.name, arguments, 2);
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
