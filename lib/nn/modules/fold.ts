// Sliding windows as columns, and back.
import { expectOptions } from '../../core/options.js';
import type { Tensor } from '../../tensor/tensor.js';
import { fold, unfold, type FoldOptions } from '../functional/fold.js';
import { Module } from '../module.js';
import type { Pair } from './sizes.js';
import { size } from './repr.js';
import { spreadWhole } from './sizes.js';

export type { FoldOptions } from '../functional/fold.js';

function text(options: FoldOptions): string {
  const { dilation = 1, padding = 0, stride = 1 } = options;
  return `dilation=${size(dilation)}, padding=${size(padding)}, stride=${size(stride)}`;
}

/**
 * Adds up columns to pictures, the opposite of Unfold: [N, C * kernel height * kernel width, windows] to
 * [N, C, ...outputSize], or both without N. The number of windows is that of Unfold for a picture of `outputSize`.
 */
export class Fold extends Module {
  private readonly options: FoldOptions;
  constructor(
    readonly outputSize: Pair,
    readonly kernelSize: Pair,
    options: FoldOptions = {},
  ) {
    super();
    this.options = { ...expectOptions('Fold', options) };
    spreadWhole('Fold', 'outputSize', outputSize, 2, 1);
    spreadWhole('Fold', 'kernelSize', kernelSize, 2, 1);
  }
  override forward(input: Tensor): Tensor {
    return fold(input, this.outputSize, this.kernelSize, this.options);
  }
  override extraRepr(): string {
    return `output_size=${size(this.outputSize)}, kernel_size=${size(this.kernelSize)}, ${text(this.options)}`;
  }
}

/**
 * Each window as a column: [N, C, H, W] to [N, C * kernel height * kernel width, windows], or both without N. There are
 * floor((H + 2 * padding - dilation * (kernelSize - 1) - 1) / stride + 1) times as many in the other direction.
 */
export class Unfold extends Module {
  private readonly options: FoldOptions;
  constructor(
    readonly kernelSize: Pair,
    options: FoldOptions = {},
  ) {
    super();
    this.options = { ...expectOptions('Unfold', options) };
    spreadWhole('Unfold', 'kernelSize', kernelSize, 2, 1);
  }
  override forward(input: Tensor): Tensor {
    return unfold(input, this.kernelSize, this.options);
  }
  override extraRepr(): string {
    return `kernel_size=${size(this.kernelSize)}, ${text(this.options)}`;
  }
}
