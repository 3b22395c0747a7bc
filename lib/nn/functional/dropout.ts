// Dropout: the forms of torch.nn.functional. The masks are PyTorch's for the same seed.
import { expectOptions } from '../../core/options.js';
import { describe } from '../../core/describe.js';
import { TorchError, ArgumentTypeError } from '../../core/errors.js';
import { expectTensor, type Tensor } from '../../tensor/tensor.js';
import { aten } from './call.js';

export interface DropoutOptions {
  /** Whether to drop at all. Default true for dropout, dropout1d, dropout2d and dropout3d, false for the alpha forms, as in PyTorch. */
  training?: boolean;
  /** Whether to write into the input. Default false. */
  inplace?: boolean;
}

/** Throws a TorchError unless p is a probability. @internal */
export function expectProbability(where: string, p: number, name = 'p'): number {
  if (typeof p === 'number' && p >= 0 && p <= 1) return p;
  throw new ArgumentTypeError(where, `${name}: expected a probability, from 0 to 1, got ${describe(p)}`);
}

function drop(
  where: string,
  operator: string,
  input: Tensor,
  p: number,
  options: DropoutOptions,
  training: boolean,
): Tensor {
  const given = expectOptions(where, options);
  expectTensor(where, 'input', input);
  expectProbability(where, p);
  return aten(given.inplace ? `${operator}_` : operator, input, p, given.training ?? training);
}

/** Each value becomes zero with probability p, the others are divided by 1 - p. */
export function dropout(input: Tensor, p = 0.5, options: DropoutOptions = {}): Tensor {
  return drop('nn.functional.dropout', 'dropout', input, p, options, true);
}

/** Whole channels become zero with probability p: [N, C, L] or [C, L]. */
export function dropout1d(input: Tensor, p = 0.5, options: DropoutOptions = {}): Tensor {
  return dropChannels('nn.functional.dropout1d', input, p, options, [2, 3]);
}

/**
 * Whole channels become zero with probability p: [N, C, H, W]. Three dimensions are taken for [N, C, L], as PyTorch (still)
 * does, others too: the first two are batch and channels.
 */
export function dropout2d(input: Tensor, p = 0.5, options: DropoutOptions = {}): Tensor {
  return drop('nn.functional.dropout2d', 'feature_dropout', input, p, options, true);
}

/** Whole channels become zero with probability p: [N, C, D, H, W] or [C, D, H, W]. */
export function dropout3d(input: Tensor, p = 0.5, options: DropoutOptions = {}): Tensor {
  return dropChannels('nn.functional.dropout3d', input, p, options, [4, 5]);
}

// The smaller of the two numbers of dimensions is that without a batch.
function dropChannels(
  where: string,
  input: Tensor,
  p: number,
  options: DropoutOptions,
  [single, batched]: readonly [number, number],
): Tensor {
  const { ndim } = expectTensor(where, 'input', input);
  if (ndim !== single && ndim !== batched)
    throw new TorchError(
      where,
      `expected an input of ${single} or ${batched} dimensions, got ${describe(input)}`,
    );
  if (ndim === batched) return drop(where, 'feature_dropout', input, p, options, true);
  const result = drop(where, 'feature_dropout', input.unsqueeze(0), p, options, true);
  // In place the view was written into, and with it the input.
  return options.inplace ? input : result.squeeze(0);
}

/** Dropout that keeps mean and variance of inputs of mean 0 and variance 1, for SELU. */
export function alphaDropout(input: Tensor, p = 0.5, options: DropoutOptions = {}): Tensor {
  return drop('nn.functional.alphaDropout', 'alpha_dropout', input, p, options, false);
}

/** alphaDropout of whole channels: [N, C, ...]. */
export function featureAlphaDropout(input: Tensor, p = 0.5, options: DropoutOptions = {}): Tensor {
  return drop('nn.functional.featureAlphaDropout', 'feature_alpha_dropout', input, p, options, false);
}
