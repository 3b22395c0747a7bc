// Padding: torch.nn.functional.pad.
import { callable } from '../../core/callable.js';
import { expectOneOf } from '../../core/checks.js';
import { expectTensor, type Tensor } from '../../tensor/tensor.js';
import { aten } from './call.js';

export type PadMode = 'constant' | 'reflect' | 'replicate' | 'circular';

/**
 * Adds values around a tensor. `pad` holds two numbers for each dimension, before and after, the last dimension first:
 * [left, right, top, bottom] for pictures. Negative numbers cut.
 *
 * Mode 'constant' (the default) adds `value` (default 0) in any dimensions. 'reflect', 'replicate' and 'circular' pad the
 * last dimension of [N, C, L] or [C, L], the last two of [N, C, H, W] or [C, H, W], the last three of [N, C, D, H, W] or
 * [C, D, H, W]; 'reflect' takes fewer than there are, 'circular' at most as many.
 */
export const pad = callable(
  'nn.functional.pad',
  ['input', 'pad', 'mode', 'value'],
  (
    input: Tensor,
    pad: readonly number[],
    mode: PadMode = 'constant',
    value: number | null = null,
  ): Tensor => {
    expectTensor('nn.functional.pad', 'input', input);
    expectOneOf('nn.functional.pad', 'mode', mode, ['constant', 'reflect', 'replicate', 'circular']);
    return aten('pad', input, pad, mode, value);
  },
);
