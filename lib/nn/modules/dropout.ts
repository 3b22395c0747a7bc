// Dropout: values become zero at random in training mode, nothing happens in evaluation mode. The masks are PyTorch's for
// the same seed.
import { options as optionsOf } from '../../core/options.js';
import type { Tensor } from '../../tensor/tensor.js';
import {
  alphaDropout,
  dropout,
  dropout1d,
  dropout2d,
  dropout3d,
  expectProbability,
  featureAlphaDropout,
} from '../functional/dropout.js';
import { Module } from '../module.js';
import { bool, number } from './repr.js';

abstract class DropoutNd extends Module {
  inplace: boolean;
  constructor(
    /** The probability of a zero. */
    public p = 0.5,
    options: { inplace?: boolean } = {},
  ) {
    super();
    expectProbability(new.target.name, p);
    this.inplace = optionsOf(new.target.name, options, ['inplace']).inplace ?? false;
  }
  override extraRepr(): string {
    return `p=${number(this.p)}, inplace=${bool(this.inplace)}`;
  }
}

/** Each value becomes zero with probability `p` (default 0.5), the others are divided by 1 - p. Any shape. */
export class Dropout extends DropoutNd {
  override forward(input: Tensor): Tensor {
    return dropout(input, this.p, { training: this.training, inplace: this.inplace });
  }
}
/** Whole channels become zero with probability `p` (default 0.5), the others are divided by 1 - p: [N, C, L] or [C, L]. */
export class Dropout1d extends DropoutNd {
  override forward(input: Tensor): Tensor {
    return dropout1d(input, this.p, { training: this.training, inplace: this.inplace });
  }
}
/**
 * Whole channels become zero with probability `p` (default 0.5), the others are divided by 1 - p: [N, C, H, W]. As in
 * PyTorch three dimensions are taken for [N, C, L].
 */
export class Dropout2d extends DropoutNd {
  override forward(input: Tensor): Tensor {
    return dropout2d(input, this.p, { training: this.training, inplace: this.inplace });
  }
}
/** Whole channels become zero with probability `p` (default 0.5), the others are divided by 1 - p: [N, C, D, H, W] or [C, D, H, W]. */
export class Dropout3d extends DropoutNd {
  override forward(input: Tensor): Tensor {
    return dropout3d(input, this.p, { training: this.training, inplace: this.inplace });
  }
}
/**
 * Dropout for SELU: values become SELU's limit with probability `p` (default 0.5), and all are scaled so that mean 0 and
 * variance 1 stay. `inplace` is taken and, as in PyTorch, means nothing.
 */
export class AlphaDropout extends DropoutNd {
  override forward(input: Tensor): Tensor {
    return alphaDropout(input, this.p, { training: this.training });
  }
}
/** AlphaDropout of whole channels: [N, C, ...]. */
export class FeatureAlphaDropout extends DropoutNd {
  override forward(input: Tensor): Tensor {
    return featureAlphaDropout(input, this.p, { training: this.training });
  }
}
