// Sliding windows as columns, and back.
import { options as optionsOf } from '../../core/options.js';
import type { Tensor } from '../../tensor/tensor.js';
import { fold, unfold, type FoldOptions } from '../functional/fold.js';
import { Module } from '../module.js';
import type { Pair } from './sizes.js';
import { size } from './repr.js';
import { spreadWhole } from './sizes.js';

export type { FoldOptions } from '../functional/fold.js';

const OPTIONS = ['dilation', 'padding', 'stride'] as const;

/** What Fold and Unfold have in common: windows. */
abstract class Windows extends Module {
  kernelSize: Pair;
  dilation: Pair;
  padding: Pair;
  stride: Pair;

  constructor(kernelSize: Pair, options: FoldOptions) {
    super();
    const where = new.target.name;
    const { dilation = 1, padding = 0, stride = 1 } = optionsOf(where, options, OPTIONS);
    spreadWhole(where, 'kernelSize', kernelSize, 2, 1);
    this.kernelSize = kernelSize;
    this.dilation = dilation;
    this.padding = padding;
    this.stride = stride;
  }
  override extraRepr(): string {
    const { kernelSize, dilation, padding, stride } = this;
    return `kernel_size=${size(kernelSize)}, dilation=${size(dilation)}, padding=${size(padding)}, stride=${size(stride)}`;
  }
}

/**
 * Adds up columns to pictures, the opposite of Unfold: [N, C * kernel height * kernel width, windows] to
 * [N, C, ...outputSize], or both without N. The number of windows is that of Unfold for a picture of `outputSize`.
 */
export class Fold extends Windows {
  outputSize: Pair;

  constructor(outputSize: Pair, kernelSize: Pair, options: FoldOptions = {}) {
    super(kernelSize, options);
    spreadWhole('Fold', 'outputSize', outputSize, 2, 1);
    this.outputSize = outputSize;
  }
  override forward(input: Tensor): Tensor {
    const { dilation, padding, stride } = this;
    return fold(input, this.outputSize, this.kernelSize, { dilation, padding, stride });
  }
  override extraRepr(): string {
    return `output_size=${size(this.outputSize)}, ${super.extraRepr()}`;
  }
}

/**
 * Each window as a column: [N, C, H, W] to [N, C * kernel height * kernel width, windows], or both without N. There are
 * floor((H + 2 * padding - dilation * (kernelSize - 1) - 1) / stride + 1) times as many in the other direction.
 */
export class Unfold extends Windows {
  constructor(kernelSize: Pair, options: FoldOptions = {}) {
    super(kernelSize, options);
  }
  override forward(input: Tensor): Tensor {
    const { dilation, padding, stride } = this;
    return unfold(input, this.kernelSize, { dilation, padding, stride });
  }
}
