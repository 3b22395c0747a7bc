// Losses.
import { TorchError } from '../../tensor/errors.js';
import { expectOptions, handleOf } from '../../tensor/operators.js';
import { expectTensor, type Tensor } from '../../tensor/tensor.js';
import { Leaf } from './leaf.js';

export interface CrossEntropyLossOptions {
  /** A weight for each class: float [C]. */
  weight?: Tensor;
  /** Targets of this value do not count. Default -100. */
  ignoreIndex?: number;
  /** Default 'mean'. */
  reduction?: 'mean' | 'sum' | 'none';
  /** In [0, 1]. Default 0. */
  labelSmoothing?: number;
}

/** -log softmax(input)[target]. input: logits [N, C, ...]; target: classes int64 [N, ...], or probabilities [N, C, ...]. */
export class CrossEntropyLoss extends Leaf<[input: Tensor, target: Tensor]> {
  constructor(options: CrossEntropyLossOptions = {}) {
    const { weight, labelSmoothing = 0, ...rest } = expectOptions('CrossEntropyLoss', options);
    if (!(labelSmoothing >= 0 && labelSmoothing <= 1)) {
      throw new TorchError(
        'CrossEntropyLoss',
        `labelSmoothing: expected a number from 0 to 1, got ${labelSmoothing}`,
        { code: 'ERR_INVALID_ARG_TYPE' },
      );
    }
    super('CrossEntropyLoss', {
      ...rest,
      labelSmoothing,
      ...(weight === undefined
        ? {}
        : { weight: expectTensor('CrossEntropyLoss', 'weight', weight)[handleOf] }),
    });
  }
}
