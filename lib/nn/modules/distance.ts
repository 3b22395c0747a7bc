// Distances.
import { options as optionsOf } from '../../core/options.js';
import { cosineSimilarity, pairwiseDistance } from '../../operators/generated/functional.js';
import type { Tensor } from '../../tensor/tensor.js';
import { Module } from '../module.js';

/** |x1 - x2 + eps|_p over the last dimension: [..., D] and [..., D] (broadcast) to [...]. */
export class PairwiseDistance extends Module<[x1: Tensor, x2: Tensor]> {
  norm: number;
  eps: number;
  keepdim: boolean;
  /** `p` is 2 and `eps` 1e-6 unless given; with `keepdim` the last dimension stays, with size 1. */
  constructor(options: { p?: number; eps?: number; keepdim?: boolean } = {}) {
    super();
    ({
      p: this.norm = 2,
      eps: this.eps = 1e-6,
      keepdim: this.keepdim = false,
    } = optionsOf('PairwiseDistance', options, ['p', 'eps', 'keepdim']));
  }
  forward(x1: Tensor, x2: Tensor): Tensor {
    return pairwiseDistance(x1, x2, { p: this.norm, eps: this.eps, keepdim: this.keepdim });
  }
}

/** x1 . x2 / (|x1| |x2|) along a dimension, which disappears; norms are at least eps. */
export class CosineSimilarity extends Module<[x1: Tensor, x2: Tensor]> {
  dim: number;
  eps: number;
  /** `dim` is 1 and `eps` 1e-8 unless given. */
  constructor(options: { dim?: number; eps?: number } = {}) {
    super();
    ({ dim: this.dim = 1, eps: this.eps = 1e-8 } = optionsOf('CosineSimilarity', options, ['dim', 'eps']));
  }
  forward(x1: Tensor, x2: Tensor): Tensor {
    return cosineSimilarity(x1, x2, { dim: this.dim, eps: this.eps });
  }
}
