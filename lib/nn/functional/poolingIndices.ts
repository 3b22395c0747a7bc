// The forms of torch.nn.functional that give the indices whatever is asked: the same as `returnIndices: true`. As in PyTorch
// they take `returnIndices`, and do not look at it.
import { callable } from '../../core/callable.js';
import type { Tensor } from '../../tensor/tensor.js';
import type { Pair } from '../modules/sizes.js';
import type { Dims, Single, Triple } from '../modules/sizes.js';
import { adaptiveMaxPool, fractionalMaxPool, maxPool, type AdaptiveSize } from './pooling.js';

type WithIndices = [values: Tensor, indices: Tensor];

const maxPools = <Size>(dims: Dims) =>
  callable(
    `nn.functional.maxPool${dims}dWithIndices`,
    ['input', 'kernelSize', 'stride', 'padding', 'dilation', 'ceilMode', 'returnIndices'],
    (
      input: Tensor,
      kernelSize: Size,
      stride: Size | null = null,
      padding: Size | 0 = 0,
      dilation: Size | 1 = 1,
      ceilMode = false,
      _returnIndices = true,
    ): WithIndices => {
      const options = { stride, padding, dilation, ceilMode, returnIndices: true };
      return maxPool(dims, input, kernelSize, options) as WithIndices;
    },
  );

/** `maxPool1d` with indices. */
export const maxPool1dWithIndices = maxPools<Single>(1);
/** `maxPool2d` with indices. */
export const maxPool2dWithIndices = maxPools<Pair>(2);
/** `maxPool3d` with indices. */
export const maxPool3dWithIndices = maxPools<Triple>(3);

const fractionalMaxPools = <Size>(dims: 2 | 3) =>
  callable(
    `nn.functional.fractionalMaxPool${dims}dWithIndices`,
    ['input', 'kernelSize', 'outputSize', 'outputRatio', 'returnIndices', 'randomSamples'],
    (
      input: Tensor,
      kernelSize: Size,
      outputSize: Size | null = null,
      outputRatio: Size | null = null,
      _returnIndices = true,
      randomSamples: Tensor | null = null,
    ): WithIndices => {
      const options = { outputSize, outputRatio, returnIndices: true, randomSamples };
      return fractionalMaxPool(dims, input, kernelSize, options) as WithIndices;
    },
  );

/** `fractionalMaxPool2d` with indices. */
export const fractionalMaxPool2dWithIndices = fractionalMaxPools<Pair>(2);
/** `fractionalMaxPool3d` with indices. */
export const fractionalMaxPool3dWithIndices = fractionalMaxPools<Triple>(3);

const adaptiveMaxPools = <Size extends AdaptiveSize>(dims: Dims) =>
  callable(
    `nn.functional.adaptiveMaxPool${dims}dWithIndices`,
    ['input', 'outputSize', 'returnIndices'],
    (input: Tensor, outputSize: Size, _returnIndices = true): WithIndices =>
      adaptiveMaxPool(dims, input, outputSize, { returnIndices: true }) as WithIndices,
  );

/** `adaptiveMaxPool1d` with indices. */
export const adaptiveMaxPool1dWithIndices = adaptiveMaxPools<Single>(1);
/** `adaptiveMaxPool2d` with indices. */
export const adaptiveMaxPool2dWithIndices = adaptiveMaxPools<AdaptiveSize>(2);
/** `adaptiveMaxPool3d` with indices. */
export const adaptiveMaxPool3dWithIndices = adaptiveMaxPools<AdaptiveSize>(3);
