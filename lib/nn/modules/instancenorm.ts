// Instance normalisation.
import type { Tensor } from '../../tensor/tensor.js';
import { instanceNorm } from '../functional/normalization.js';
import type { AnyModule } from '../module.js';
import { expectSpatial } from './fit.js';
import { LAZY } from './lazy.js';
import { NormNd, type NormOptions } from './normNd.js';
import type { Dims } from './sizes.js';

abstract class InstanceNormNd extends NormNd {
  private readonly dims: Dims;

  constructor(dims: Dims, numFeatures: number | typeof LAZY, options: NormOptions) {
    // The lazy ones have the defaults of batch normalisation in PyTorch.
    const lazy = numFeatures === LAZY;
    super(numFeatures, options, { affine: lazy, trackRunningStats: lazy });
    this.dims = dims;
  }

  override forward(input: Tensor): Tensor {
    const dims = this.dims;
    const module = this as AnyModule;
    expectSpatial(module, input, dims, undefined);
    this.initialize(input);
    // Without parameters and statistics the number of channels means nothing.
    const channels = this.affine || this.trackRunningStats ? this.numFeatures : undefined;
    const advice = (given: number): string =>
      `make it new nn.${this.constructor.name}(${given}), or change what comes before it`;
    expectSpatial(module, input, dims, channels, advice);
    return input.ndim === dims + 1 ? this.normalize(input.unsqueeze(0)).squeeze(0) : this.normalize(input);
  }

  private normalize(input: Tensor): Tensor {
    const { runningMean, runningVar, weight, bias, eps } = this;
    return instanceNorm(input, {
      runningMean,
      runningVar,
      weight,
      bias,
      useInputStats: this.training || !this.trackRunningStats,
      momentum: this.momentum ?? 0,
      eps,
    });
  }
}

/**
 * (x - mean) / sqrt(variance + eps) for each channel of each element of a batch, [N, C, L] or [C, L], and with `affine`
 * * weight + bias. With `trackRunningStats` the running mean and variance are used in evaluation mode.
 */
export class InstanceNorm1d extends InstanceNormNd {
  constructor(numFeatures: number, options: NormOptions = {}) {
    super(1, numFeatures, options);
  }
}
/** InstanceNorm1d for [N, C, H, W] or [C, H, W]. */
export class InstanceNorm2d extends InstanceNormNd {
  constructor(numFeatures: number, options: NormOptions = {}) {
    super(2, numFeatures, options);
  }
}
/** InstanceNorm1d for [N, C, D, H, W] or [C, D, H, W]. */
export class InstanceNorm3d extends InstanceNormNd {
  constructor(numFeatures: number, options: NormOptions = {}) {
    super(3, numFeatures, options);
  }
}
/**
 * InstanceNorm1d whose number of channels is that of its first input. See `lazy.ts` for what holds until then. As in PyTorch
 * `affine` and `trackRunningStats` are true unless told otherwise, as those of InstanceNorm1d are not.
 */
export class LazyInstanceNorm1d extends InstanceNormNd {
  constructor(options: NormOptions = {}) {
    super(1, LAZY, options);
  }
}
/** InstanceNorm2d whose number of channels is that of its first input. See LazyInstanceNorm1d. */
export class LazyInstanceNorm2d extends InstanceNormNd {
  constructor(options: NormOptions = {}) {
    super(2, LAZY, options);
  }
}
/** InstanceNorm3d whose number of channels is that of its first input. See LazyInstanceNorm1d. */
export class LazyInstanceNorm3d extends InstanceNormNd {
  constructor(options: NormOptions = {}) {
    super(3, LAZY, options);
  }
}
