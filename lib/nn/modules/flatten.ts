// Flattening.
import { Leaf } from './leaf.js';

/** Makes one dimension of startDim ... endDim. By default [N, C, H, W] to [N, C * H * W]. */
export class Flatten extends Leaf {
  readonly #repr: string;
  constructor(startDim = 1, endDim = -1) {
    super('Flatten', { startDim, endDim });
    this.#repr = `start_dim=${startDim}, end_dim=${endDim}`;
  }
  override extraRepr(): string {
    return this.#repr;
  }
}
