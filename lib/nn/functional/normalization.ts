// Normalisation: the forms of torch.nn.functional that PyTorch composes in Python.
import { callable } from '../../core/callable.js';
import { expectInteger } from '../../core/checks.js';
import { describe } from '../../core/describe.js';
import { TorchError } from '../../core/errors.js';
import { expectTensor, type Tensor } from '../../tensor/tensor.js';
import { aten } from './call.js';
import { pad } from './padding.js';

export interface AffineOptions {
  /** What the normalised values are multiplied by. Default: nothing. */
  weight?: Tensor | null;
  /** What is added then. Default: nothing. */
  bias?: Tensor | null;
  /** Added to the variance. Default 1e-5. */
  eps?: number;
}

export interface BatchNormOptions extends AffineOptions {
  /** Whether to normalise by the batch's own mean and variance, and to update the running ones. Default false. */
  training?: boolean;
  /** The share of the batch in the running values. Default 0.1. */
  momentum?: number;
}

/**
 * (x - mean) / sqrt(variance + eps) * weight + bias for each channel of [N, C, ...]. The running mean and variance, [C] or
 * null, are used when not training and updated in place when training.
 */
export const batchNorm = callable(
  'nn.functional.batchNorm',
  ['input', 'runningMean', 'runningVar', 'weight', 'bias', 'training', 'momentum', 'eps'],
  (
    input: Tensor,
    runningMean: Tensor | null,
    runningVar: Tensor | null,
    weight: Tensor | null = null,
    bias: Tensor | null = null,
    training = false,
    momentum = 0.1,
    eps = 1e-5,
  ): Tensor => {
    const where = 'nn.functional.batchNorm';
    const { shape } = expectTensor(where, 'input', input);
    if (training) expectSeveral(where, input, [shape[0] ?? 1, ...shape.slice(2)], 'values per channel');
    if (!(training ? eps > 0 : eps >= 0))
      throw new TorchError(
        where,
        `eps: expected a number ${training ? 'greater than 0' : 'of 0 or more'}, got ${describe(eps)}`,
      );
    return aten('batch_norm', input, weight, bias, runningMean, runningVar, training, momentum, eps, true);
  },
);

// A single value is its own mean: nothing would be left of it.
function expectSeveral(where: string, input: Tensor, sizes: readonly number[], what: string): void {
  if (sizes.reduce((product, size) => product * size, 1) !== 1) return;
  throw new TorchError(
    where,
    `got one value where several ${what} are needed, since mean and variance are those of the input itself; give more, or use eval()`,
    { arguments: [`input: ${describe(input)}`] },
  );
}

export interface InstanceNormOptions extends AffineOptions {
  /** Default null. */
  runningMean?: Tensor | null;
  /** Default null. */
  runningVar?: Tensor | null;
  /** Whether to normalise by each picture's own mean and variance, not by the running ones. Default true. */
  useInputStats?: boolean;
  /** The share of the input in the running values. Default 0.1. */
  momentum?: number;
}

/** (x - mean) / sqrt(variance + eps) * weight + bias for each channel of each element of a batch [N, C, ...]. */
export const instanceNorm = callable(
  'nn.functional.instanceNorm',
  ['input', 'runningMean', 'runningVar', 'weight', 'bias', 'useInputStats', 'momentum', 'eps'],
  (
    input: Tensor,
    runningMean: Tensor | null = null,
    runningVar: Tensor | null = null,
    weight: Tensor | null = null,
    bias: Tensor | null = null,
    useInputStats = true,
    momentum = 0.1,
    eps = 1e-5,
  ): Tensor => {
    const where = 'nn.functional.instanceNorm';
    const { shape } = expectTensor(where, 'input', input);
    if (useInputStats) expectSeveral(where, input, shape.slice(2), 'spatial values');
    return aten(
      'instance_norm',
      input,
      weight,
      bias,
      runningMean,
      runningVar,
      useInputStats,
      momentum,
      eps,
      true,
    );
  },
);

/** (x - mean) / sqrt(variance + eps) * weight + bias over the last dimensions, which have the shape `normalizedShape`. */
export const layerNorm = callable(
  'nn.functional.layerNorm',
  ['input', 'normalizedShape', 'weight', 'bias', 'eps'],
  (
    input: Tensor,
    normalizedShape: readonly number[],
    weight: Tensor | null = null,
    bias: Tensor | null = null,
    eps = 1e-5,
  ): Tensor => {
    const where = 'nn.functional.layerNorm';
    return aten('layer_norm', expectTensor(where, 'input', input), normalizedShape, weight, bias, eps, true);
  },
);

/** (x - mean) / sqrt(variance + eps) * weight + bias over each of `numGroups` groups of channels of [N, C, ...]. */
export const groupNorm = callable(
  'nn.functional.groupNorm',
  ['input', 'numGroups', 'weight', 'bias', 'eps'],
  (
    input: Tensor,
    numGroups: number,
    weight: Tensor | null = null,
    bias: Tensor | null = null,
    eps = 1e-5,
  ): Tensor => {
    const where = 'nn.functional.groupNorm';
    const { shape } = expectTensor(where, 'input', input);
    const [batch, channels] = shape;
    const groups = expectInteger(where, 'numGroups', numGroups, 1);
    if (batch === undefined || channels === undefined)
      throw new TorchError(
        where,
        `expected an input of 2 dimensions or more, [N, C, ...], got ${describe(input)}`,
      );
    if (channels % groups === 0)
      expectSeveral(where, input, [(batch * channels) / groups, ...shape.slice(2)], 'values per group');
    return aten('group_norm', input, groups, weight, bias, eps, true);
  },
);

export interface LocalResponseNormOptions {
  /** Default 1e-4. */
  alpha?: number;
  /** Default 0.75. */
  beta?: number;
  /** Default 1. */
  k?: number;
}

/** x / (k + alpha * mean of x^2 over `size` neighbouring channels)^beta: [N, C, L, ...]. */
export const localResponseNorm = callable(
  'nn.functional.localResponseNorm',
  ['input', 'size', 'alpha', 'beta', 'k'],
  (input: Tensor, size: number, alpha = 1e-4, beta = 0.75, k = 1): Tensor => {
    const where = 'nn.functional.localResponseNorm';
    const { shape, numel } = expectTensor(where, 'input', input);
    const window = expectInteger(where, 'size', size, 1);
    if (shape.length < 3)
      throw new TorchError(
        where,
        `expected an input of 3 dimensions or more, [N, C, L, ...], got ${describe(input)}`,
      );
    if (numel === 0) return input;
    const [before, after] = [Math.floor(window / 2), Math.floor((window - 1) / 2)];
    const squares = input.mul(input);
    let means: Tensor;
    if (shape.length === 3) {
      const padded = pad(squares.unsqueeze(1), [0, 0, before, after]);
      means = aten('avg_pool2d', padded, [window, 1], [1, 1]).squeeze(1);
    } else {
      const [batch, channels, rows] = shape as [number, number, number];
      const columns = numel / (batch * channels * rows);
      const padded = pad(aten('view', squares, [batch, 1, channels, rows, columns]), [
        0,
        0,
        0,
        0,
        before,
        after,
      ]);
      means = aten('view', aten('avg_pool3d', padded, [window, 1, 1], [1, 1, 1]).squeeze(1), shape);
    }
    return input.div(means.mul(alpha).add(k).pow(beta));
  },
);
