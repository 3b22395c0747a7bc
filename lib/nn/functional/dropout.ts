// Dropout: the forms of torch.nn.functional. The masks are PyTorch's for the same seed.
import { callable } from '../../core/callable.js';
import { describe } from '../../core/describe.js';
import { TorchError, ArgumentTypeError, OutOfRangeError } from '../../core/errors.js';
import { expectTensor, type Tensor } from '../../tensor/tensor.js';
import type { Like } from '../../types/results.js';
import { aten } from './call.js';

const NAMES = ['input', 'p', 'training', 'inplace'] as const;

/** Throws a TorchError unless p is a probability. @internal */
export function expectProbability(where: string, p: number, name = 'p'): number {
  if (typeof p === 'number' && p >= 0 && p <= 1) return p;
  const Refusal = typeof p === 'number' ? OutOfRangeError : ArgumentTypeError;
  throw new Refusal(where, `${name}: expected a probability, from 0 to 1, got ${describe(p)}`);
}

function drop<T extends Tensor>(
  where: string,
  operator: string,
  input: T,
  p: number,
  training: boolean,
  inplace: boolean,
): Like<T> {
  expectTensor(where, 'input', input);
  expectProbability(where, p);
  return aten(inplace ? `${operator}_` : operator, input, p, training);
}

/** Each value becomes zero with probability p, the others are divided by 1 - p. `p` is 0.5, `training` true unless given. */
export const dropout = callable(
  'nn.functional.dropout',
  NAMES,
  <T extends Tensor>(input: T, p = 0.5, training = true, inplace = false): Like<T> =>
    drop('nn.functional.dropout', 'dropout', input, p, training, inplace),
);

/** Whole channels become zero with probability p: [N, C, L] or [C, L]. `p` is 0.5, `training` true unless given. */
export const dropout1d = callable(
  'nn.functional.dropout1d',
  NAMES,
  <T extends Tensor>(input: T, p = 0.5, training = true, inplace = false): Like<T> =>
    dropChannels('nn.functional.dropout1d', input, p, training, inplace, [2, 3]),
);

/**
 * Whole channels become zero with probability p: [N, C, H, W]. Three dimensions are taken for [N, C, L], as PyTorch (still)
 * does, others too: the first two are batch and channels. `p` is 0.5, `training` true unless given.
 */
export const dropout2d = callable(
  'nn.functional.dropout2d',
  NAMES,
  <T extends Tensor>(input: T, p = 0.5, training = true, inplace = false): Like<T> =>
    drop('nn.functional.dropout2d', 'feature_dropout', input, p, training, inplace),
);

/** Whole channels become zero with probability p: [N, C, D, H, W] or [C, D, H, W]. `p` is 0.5, `training` true unless given. */
export const dropout3d = callable(
  'nn.functional.dropout3d',
  NAMES,
  <T extends Tensor>(input: T, p = 0.5, training = true, inplace = false): Like<T> =>
    dropChannels('nn.functional.dropout3d', input, p, training, inplace, [4, 5]),
);

// The smaller of the two numbers of dimensions is that without a batch.
function dropChannels<T extends Tensor>(
  where: string,
  input: T,
  p: number,
  training: boolean,
  inplace: boolean,
  [single, batched]: readonly [number, number],
): Like<T> {
  const { ndim } = expectTensor(where, 'input', input);
  if (ndim !== single && ndim !== batched)
    throw new TorchError(
      where,
      `expected an input of ${single} or ${batched} dimensions, got ${describe(input)}`,
    );
  if (ndim === batched) return drop(where, 'feature_dropout', input, p, training, inplace);
  const result = drop(where, 'feature_dropout', input.unsqueeze(0), p, training, inplace);
  // In place the view was written into, and with it the input.
  return inplace ? input : result.squeeze(0);
}

/** Dropout that keeps mean and variance of inputs of mean 0 and variance 1, for SELU. `p` is 0.5, `training` false unless given. */
export const alphaDropout = callable(
  'nn.functional.alphaDropout',
  NAMES,
  <T extends Tensor>(input: T, p = 0.5, training = false, inplace = false): Like<T> =>
    drop('nn.functional.alphaDropout', 'alpha_dropout', input, p, training, inplace),
);

/** alphaDropout of whole channels: [N, C, ...]. `p` is 0.5, `training` false unless given. */
export const featureAlphaDropout = callable(
  'nn.functional.featureAlphaDropout',
  NAMES,
  <T extends Tensor>(input: T, p = 0.5, training = false, inplace = false): Like<T> =>
    drop('nn.functional.featureAlphaDropout', 'feature_alpha_dropout', input, p, training, inplace),
);
