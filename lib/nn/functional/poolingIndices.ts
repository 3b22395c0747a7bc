// The forms of torch.nn.functional that give the indices whatever is asked: the same as `returnIndices: true`.
import type { Tensor } from '../../tensor/tensor.js';
import type { Pair } from '../modules/sizes.js';
import type { Single, Triple } from '../modules/sizes.js';
import {
  adaptiveMaxPool,
  fractionalMaxPool,
  maxPool,
  type AdaptiveSize,
  type FractionalMaxPoolOptions,
  type MaxPoolOptions,
} from './pooling.js';

type WithIndices = [values: Tensor, indices: Tensor];
type Without<Options> = Omit<Options, 'returnIndices'>;

/** `maxPool1d` with indices. */
export function maxPool1dWithIndices(
  input: Tensor,
  kernelSize: Single,
  options: Without<MaxPoolOptions<Single>> = {},
): WithIndices {
  return maxPool(1, input, kernelSize, { ...options, returnIndices: true }) as WithIndices;
}

/** `maxPool2d` with indices. */
export function maxPool2dWithIndices(
  input: Tensor,
  kernelSize: Pair,
  options: Without<MaxPoolOptions<Pair>> = {},
): WithIndices {
  return maxPool(2, input, kernelSize, { ...options, returnIndices: true }) as WithIndices;
}

/** `maxPool3d` with indices. */
export function maxPool3dWithIndices(
  input: Tensor,
  kernelSize: Triple,
  options: Without<MaxPoolOptions<Triple>> = {},
): WithIndices {
  return maxPool(3, input, kernelSize, { ...options, returnIndices: true }) as WithIndices;
}

/** `fractionalMaxPool2d` with indices. */
export function fractionalMaxPool2dWithIndices(
  input: Tensor,
  kernelSize: Pair,
  options: Without<FractionalMaxPoolOptions<Pair>>,
): WithIndices {
  return fractionalMaxPool(2, input, kernelSize, { ...options, returnIndices: true }) as WithIndices;
}

/** `fractionalMaxPool3d` with indices. */
export function fractionalMaxPool3dWithIndices(
  input: Tensor,
  kernelSize: Triple,
  options: Without<FractionalMaxPoolOptions<Triple>>,
): WithIndices {
  return fractionalMaxPool(3, input, kernelSize, { ...options, returnIndices: true }) as WithIndices;
}

/** `adaptiveMaxPool1d` with indices. */
export function adaptiveMaxPool1dWithIndices(input: Tensor, outputSize: Single): WithIndices {
  return adaptiveMaxPool(1, input, outputSize, { returnIndices: true }) as WithIndices;
}

/** `adaptiveMaxPool2d` with indices. */
export function adaptiveMaxPool2dWithIndices(input: Tensor, outputSize: AdaptiveSize): WithIndices {
  return adaptiveMaxPool(2, input, outputSize, { returnIndices: true }) as WithIndices;
}

/** `adaptiveMaxPool3d` with indices. */
export function adaptiveMaxPool3dWithIndices(input: Tensor, outputSize: AdaptiveSize): WithIndices {
  return adaptiveMaxPool(3, input, outputSize, { returnIndices: true }) as WithIndices;
}
