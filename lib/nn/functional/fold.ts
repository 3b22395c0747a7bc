// Sliding windows as columns, and back: unfold, fold.
import { expectOptions } from '../../core/options.js';
import { expectTensor, type Tensor } from '../../tensor/tensor.js';
import type { Pair } from '../modules/sizes.js';
import { spread } from '../modules/sizes.js';
import { aten } from './call.js';

export interface FoldOptions {
  /** Step between the values of a window. Default 1. */
  dilation?: Pair;
  /** Zeros added on both sides. Default 0. */
  padding?: Pair;
  /** Step from window to window. Default 1. */
  stride?: Pair;
}

function windows(where: string, kernelSize: Pair, options: FoldOptions): number[][] {
  const { dilation = 1, padding = 0, stride = 1 } = expectOptions(where, options);
  return Object.entries({ kernelSize, dilation, padding, stride }).map(([name, value]) =>
    spread(where, name, value, 2),
  );
}

/** Windows as columns: [N, C, H, W] or [C, H, W] to [..., C * kernel height * kernel width, number of windows]. */
export function unfold(input: Tensor, kernelSize: Pair, options: FoldOptions = {}): Tensor {
  const where = 'nn.functional.unfold';
  return aten('im2col', expectTensor(where, 'input', input), ...windows(where, kernelSize, options));
}

/** Columns back to a picture, overlapping values added: [..., C * kernel height * kernel width, number of windows] to [..., C, H, W]. */
export function fold(input: Tensor, outputSize: Pair, kernelSize: Pair, options: FoldOptions = {}): Tensor {
  const where = 'nn.functional.fold';
  return aten(
    'col2im',
    expectTensor(where, 'input', input),
    spread(where, 'outputSize', outputSize, 2),
    ...windows(where, kernelSize, options),
  );
}
