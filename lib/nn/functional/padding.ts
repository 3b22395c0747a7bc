// Padding: torch.nn.functional.pad.
import { expectOneOf } from '../../core/checks.js';
import { expectOptions } from '../../core/options.js';
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
export function pad(
  input: Tensor,
  pad: readonly number[],
  options: { mode?: PadMode; value?: number | null } = {},
): Tensor {
  const { mode = 'constant', value = null } = expectOptions('nn.functional.pad', options);
  expectTensor('nn.functional.pad', 'input', input);
  expectOneOf('nn.functional.pad', 'mode', mode, ['constant', 'reflect', 'replicate', 'circular']);
  return aten('pad', input, pad, mode, value);
}
