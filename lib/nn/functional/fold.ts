// Sliding windows as columns, and back: unfold, fold.
import { callable } from '../../core/callable.js';
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

const windows = (where: string, sizes: Readonly<Record<string, Pair>>): number[][] =>
  Object.entries(sizes).map(([name, value]) => spread(where, name, value, 2));

/**
 * Windows as columns: [N, C, H, W] or [C, H, W] to [..., C * kernel height * kernel width, number of windows]. `dilation` and
 * `stride` are 1, `padding` 0 unless given.
 */
export const unfold = callable(
  'nn.functional.unfold',
  ['input', 'kernelSize', 'dilation', 'padding', 'stride'],
  (input: Tensor, kernelSize: Pair, dilation: Pair = 1, padding: Pair = 0, stride: Pair = 1): Tensor => {
    const where = 'nn.functional.unfold';
    expectTensor(where, 'input', input);
    return aten('im2col', input, ...windows(where, { kernelSize, dilation, padding, stride }));
  },
);

/**
 * Columns back to a picture, overlapping values added: [..., C * kernel height * kernel width, number of windows] to
 * [..., C, H, W]. `dilation` and `stride` are 1, `padding` 0 unless given.
 */
export const fold = callable(
  'nn.functional.fold',
  ['input', 'outputSize', 'kernelSize', 'dilation', 'padding', 'stride'],
  (
    input: Tensor,
    outputSize: Pair,
    kernelSize: Pair,
    dilation: Pair = 1,
    padding: Pair = 0,
    stride: Pair = 1,
  ): Tensor => {
    const where = 'nn.functional.fold';
    expectTensor(where, 'input', input);
    return aten('col2im', input, ...windows(where, { outputSize, kernelSize, dilation, padding, stride }));
  },
);
