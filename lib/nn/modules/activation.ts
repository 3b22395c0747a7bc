// Activations.
import { expectOptions } from '../../tensor/operators.js';
import { Leaf } from './leaf.js';

/** max(x, 0), element by element. */
export class ReLU extends Leaf {
  readonly #inplace: boolean;
  constructor(options: { inplace?: boolean } = {}) {
    super('ReLU', expectOptions('ReLU', options));
    this.#inplace = options.inplace ?? false;
  }
  override extraRepr(): string {
    return this.#inplace ? 'inplace=True' : '';
  }
}

/** x where x > 0, negativeSlope * x elsewhere. */
export class LeakyReLU extends Leaf {
  readonly #repr: string;
  constructor(negativeSlope = 0.01, options: { inplace?: boolean } = {}) {
    super('LeakyReLU', { negativeSlope, ...expectOptions('LeakyReLU', options) });
    this.#repr = `negative_slope=${negativeSlope}${options.inplace ? ', inplace=True' : ''}`;
  }
  override extraRepr(): string {
    return this.#repr;
  }
}

/** Hyperbolic tangent, element by element. */
export class Tanh extends Leaf {
  constructor() {
    super('Tanh', {});
  }
}

/** exp(x_i) / sum_j exp(x_j) along a dimension. */
export class Softmax extends Leaf {
  readonly #dim: number;
  constructor(dim: number) {
    super('Softmax', { dim });
    this.#dim = dim;
  }
  override extraRepr(): string {
    return `dim=${this.#dim}`;
  }
}
