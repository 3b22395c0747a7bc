// Activations. Unless a class says otherwise, forward gives a tensor of the input's shape, whatever that is; with `inplace` it
// changes the input itself.
import { expectInteger, expectNumber } from '../../core/checks.js';
import { expectNoMore, options as optionsOf } from '../../core/options.js';
import {
  gelu,
  glu,
  hardshrink,
  logsigmoid,
  prelu,
  sigmoid,
  softplus,
  softshrink,
} from '../../operators/generated/functional.js';
import { TorchError } from '../../core/errors.js';
import type { Parameter } from '../../tensor/parameter.js';
import { expectTensor, type Tensor } from '../../tensor/tensor.js';
import * as F from '../functional/activation.js';
import { constant_ } from '../init.js';
import { Module } from '../module.js';
import { emptyParameter, type FactoryOptions } from './initial.js';
import { float, number } from './repr.js';

export interface InplaceOptions {
  /** Whether to change the input itself. Default false. */
  inplace?: boolean;
}

// The options' part of a text.
function withInplace(inplace: boolean, ...rest: string[]): string {
  return [...rest, ...(inplace ? ['inplace=True'] : [])].join(', ');
}

/** Modules whose only option is `inplace`. */
abstract class Inplace extends Module {
  inplace: boolean;
  constructor(options: InplaceOptions = {}) {
    super();
    this.inplace = optionsOf(new.target.name, options, ['inplace']).inplace ?? false;
  }
  override extraRepr(): string {
    return withInplace(this.inplace);
  }
}

/** max(x, 0), element by element. */
export class ReLU extends Inplace {
  forward(input: Tensor): Tensor {
    expectTensor('ReLU', 'input', input);
    return this.inplace ? input.relu_() : input.relu();
  }
}

/** x where x > 0, negativeSlope * x elsewhere. */
export class LeakyReLU extends Module {
  inplace: boolean;
  constructor(
    public negativeSlope = 0.01,
    options: InplaceOptions = {},
  ) {
    super();
    expectNumber('LeakyReLU', 'negativeSlope', negativeSlope);
    this.inplace = optionsOf('LeakyReLU', options, ['inplace']).inplace ?? false;
  }
  forward(input: Tensor): Tensor {
    return F.leakyRelu(input, { negativeSlope: this.negativeSlope, inplace: this.inplace });
  }
  override extraRepr(): string {
    return withInplace(this.inplace, `negative_slope=${float(this.negativeSlope)}`);
  }
}

/** Hyperbolic tangent, element by element. */
export class Tanh extends Module {
  forward(input: Tensor): Tensor {
    return expectTensor('Tanh', 'input', input).tanh();
  }
}

/** Over one dimension; without one it is chosen at each call, with a warning, as in Python. */
abstract class AlongDim extends Module {
  constructor(public dim: number | null = null) {
    super();
    expectNoMore(new.target.name, arguments, 1);
    if (dim !== null) expectInteger(new.target.name, 'dim', dim, -Infinity);
  }
  override extraRepr(): string {
    return `dim=${this.dim === null ? 'None' : number(this.dim)}`;
  }
}

/** exp(x_i) / sum_j exp(x_j) along a dimension. */
export class Softmax extends AlongDim {
  forward(input: Tensor): Tensor {
    return F.softmax(input, this.dim);
  }
}

/** softmax(-x) along a dimension. */
export class Softmin extends AlongDim {
  forward(input: Tensor): Tensor {
    return F.softmin(input, this.dim);
  }
}

/** Softmax over the channels of pictures: [C, H, W] or [N, C, H, W]. */
export class Softmax2d extends Module {
  forward(input: Tensor): Tensor {
    const { ndim } = expectTensor('Softmax2d', 'input', input);
    if (ndim !== 3 && ndim !== 4)
      throw new TorchError('Softmax2d', `input: expected 3 or 4 dimensions, got ${ndim}`);
    return F.softmax(input, -3);
  }
}

/** log(softmax(x)) along a dimension. */
export class LogSoftmax extends AlongDim {
  forward(input: Tensor): Tensor {
    return F.logSoftmax(input, this.dim);
  }
}

/** x where x > threshold, `value` elsewhere. */
export class Threshold extends Module {
  inplace: boolean;
  constructor(
    public threshold: number,
    public value: number,
    options: InplaceOptions = {},
  ) {
    super();
    this.inplace = optionsOf('Threshold', options, ['inplace']).inplace ?? false;
  }
  forward(input: Tensor): Tensor {
    return F.threshold(input, this.threshold, this.value, { inplace: this.inplace });
  }
  override extraRepr(): string {
    const { threshold, value } = this;
    return withInplace(this.inplace, `threshold=${float(threshold)}`, `value=${float(value)}`);
  }
}

/**
 * x where x >= 0, a * x elsewhere: in training `a` is drawn uniformly from lower ... upper for each element, in evaluation it
 * is their middle.
 */
export class RReLU extends Module {
  lower: number;
  upper: number;
  inplace: boolean;
  /** `lower` is 1/8 and `upper` 1/3 unless given. */
  constructor(options: InplaceOptions & { lower?: number; upper?: number } = {}) {
    super();
    ({
      lower: this.lower = 1 / 8,
      upper: this.upper = 1 / 3,
      inplace: this.inplace = false,
    } = optionsOf('RReLU', options, ['lower', 'upper', 'inplace']));
  }
  forward(input: Tensor): Tensor {
    const { lower, upper, training, inplace } = this;
    return F.rrelu(input, { lower, upper, training, inplace });
  }
  override extraRepr(): string {
    const { lower, upper } = this;
    return withInplace(this.inplace, `lower=${float(lower)}`, `upper=${float(upper)}`);
  }
}

/** x, limited to minVal ... maxVal. */
export class Hardtanh extends Module {
  minVal: number;
  maxVal: number;
  inplace: boolean;
  /** `minVal` is -1 and `maxVal` 1 unless given; a TorchError unless minVal < maxVal. */
  constructor(options: InplaceOptions & { minVal?: number; maxVal?: number } = {}) {
    super();
    ({
      minVal: this.minVal = -1,
      maxVal: this.maxVal = 1,
      inplace: this.inplace = false,
    } = optionsOf(new.target.name, options, ['minVal', 'maxVal', 'inplace']));
    expectNumber('Hardtanh', 'minVal', this.minVal);
    expectNumber('Hardtanh', 'maxVal', this.maxVal);
    if (!(this.minVal < this.maxVal))
      throw new TorchError('Hardtanh', `expected minVal < maxVal, got ${this.minVal} and ${this.maxVal}`);
  }
  forward(input: Tensor): Tensor {
    const { minVal, maxVal, inplace } = this;
    return F.hardtanh(input, { minVal, maxVal, inplace });
  }
  override extraRepr(): string {
    const { minVal, maxVal } = this;
    return withInplace(this.inplace, `min_val=${float(minVal)}`, `max_val=${float(maxVal)}`);
  }
}

/** min(max(x, 0), 6) */
export class ReLU6 extends Hardtanh {
  constructor(options: InplaceOptions = {}) {
    super({ minVal: 0, maxVal: 6, ...optionsOf('ReLU6', options, ['inplace']) });
  }
  override extraRepr(): string {
    return withInplace(this.inplace);
  }
}

/** 1 / (1 + exp(-x)) */
export class Sigmoid extends Module {
  forward(input: Tensor): Tensor {
    return sigmoid(input);
  }
}

/** relu6(x + 3) / 6 */
export class Hardsigmoid extends Inplace {
  forward(input: Tensor): Tensor {
    return F.hardsigmoid(input, { inplace: this.inplace });
  }
  override extraRepr(): string {
    return '';
  }
}

/** x * relu6(x + 3) / 6 */
export class Hardswish extends Inplace {
  forward(input: Tensor): Tensor {
    return F.hardswish(input, { inplace: this.inplace });
  }
  override extraRepr(): string {
    return '';
  }
}

/** x * sigmoid(x) */
export class SiLU extends Inplace {
  forward(input: Tensor): Tensor {
    return F.silu(input, { inplace: this.inplace });
  }
}

/** x * tanh(softplus(x)) */
export class Mish extends Inplace {
  forward(input: Tensor): Tensor {
    return F.mish(input, { inplace: this.inplace });
  }
}

/** scale * elu(x, alpha), with the two numbers that keep mean and variance. */
export class SELU extends Inplace {
  forward(input: Tensor): Tensor {
    return F.selu(input, { inplace: this.inplace });
  }
}

/** Modules whose options are `alpha` and `inplace`. */
abstract class Alpha extends Module {
  alpha: number;
  inplace: boolean;
  /** `alpha` is 1 unless given. */
  constructor(options: InplaceOptions & { alpha?: number } = {}) {
    super();
    ({ alpha: this.alpha = 1, inplace: this.inplace = false } = optionsOf(new.target.name, options, [
      'alpha',
      'inplace',
    ]));
  }
  override extraRepr(): string {
    return withInplace(this.inplace, `alpha=${float(this.alpha)}`);
  }
}

/** x where x > 0, alpha * (exp(x) - 1) elsewhere. */
export class ELU extends Alpha {
  forward(input: Tensor): Tensor {
    return F.elu(input, { alpha: this.alpha, inplace: this.inplace });
  }
}

/** max(x, 0) + min(0, alpha * (exp(x / alpha) - 1)) */
export class CELU extends Alpha {
  forward(input: Tensor): Tensor {
    return F.celu(input, { alpha: this.alpha, inplace: this.inplace });
  }
}

/** The first half of a dimension times the sigmoid of the second: [..., 2 n, ...] to [..., n, ...]. */
export class GLU extends Module {
  dim: number;
  /** `dim` is -1 unless given. */
  constructor(options: { dim?: number } = {}) {
    super();
    this.dim = optionsOf('GLU', options, ['dim']).dim ?? -1;
  }
  forward(input: Tensor): Tensor {
    return glu(input, { dim: this.dim });
  }
  override extraRepr(): string {
    return `dim=${number(this.dim)}`;
  }
}

/** x * Phi(x) with the normal distribution's Phi, or with `approximate: 'tanh'` an approximation of it. */
export class GELU extends Module {
  approximate: 'none' | 'tanh';
  constructor(options: { approximate?: 'none' | 'tanh' } = {}) {
    super();
    this.approximate = optionsOf('GELU', options, ['approximate']).approximate ?? 'none';
  }
  forward(input: Tensor): Tensor {
    return gelu(input, { approximate: this.approximate });
  }
  override extraRepr(): string {
    return `approximate='${this.approximate}'`;
  }
}

/** Modules whose only option is `lambd`. */
abstract class Shrink extends Module {
  lambd: number;
  /** `lambd` is 0.5 unless given. */
  constructor(options: { lambd?: number } = {}) {
    super();
    this.lambd = optionsOf(new.target.name, options, ['lambd']).lambd ?? 0.5;
  }
  override extraRepr(): string {
    return float(this.lambd);
  }
}

/** 0 where |x| <= lambd, x elsewhere. */
export class Hardshrink extends Shrink {
  forward(input: Tensor): Tensor {
    return hardshrink(input, { lambd: this.lambd });
  }
}

/** 0 where |x| <= lambd, elsewhere x moved by lambd towards 0. */
export class Softshrink extends Shrink {
  forward(input: Tensor): Tensor {
    return softshrink(input, { lambd: this.lambd });
  }
}

/** log(1 / (1 + exp(-x))) */
export class LogSigmoid extends Module {
  forward(input: Tensor): Tensor {
    return logsigmoid(input);
  }
}

/** log(1 + exp(beta * x)) / beta, and x itself where beta * x > threshold. */
export class Softplus extends Module {
  beta: number;
  threshold: number;
  /** `beta` is 1 and `threshold` 20 unless given. */
  constructor(options: { beta?: number; threshold?: number } = {}) {
    super();
    ({ beta: this.beta = 1, threshold: this.threshold = 20 } = optionsOf('Softplus', options, [
      'beta',
      'threshold',
    ]));
  }
  forward(input: Tensor): Tensor {
    return softplus(input, { beta: this.beta, threshold: this.threshold });
  }
  override extraRepr(): string {
    return `beta=${float(this.beta)}, threshold=${float(this.threshold)}`;
  }
}

/** x / (1 + |x|) */
export class Softsign extends Module {
  forward(input: Tensor): Tensor {
    return F.softsign(input);
  }
}

/** x - tanh(x) */
export class Tanhshrink extends Module {
  forward(input: Tensor): Tensor {
    return F.tanhshrink(input);
  }
}

/** x where x >= 0, weight * x elsewhere; the weight, one number or one for each channel, is learned. */
export class PReLU extends Module {
  numParameters: number;
  init: number;
  declare weight: Parameter;
  /** `numParameters`: 1 (the default) or the number of channels, the input's second dimension. `init` is 0.25 unless given. */
  constructor(options: FactoryOptions & { numParameters?: number; init?: number } = {}) {
    super();
    const {
      numParameters = 1,
      init = 0.25,
      ...factory
    } = optionsOf('PReLU', options, ['numParameters', 'init', 'device', 'dtype']);
    this.numParameters = expectInteger('PReLU', 'numParameters', numParameters);
    this.init = expectNumber('PReLU', 'init', init);
    this.registerParameter('weight', emptyParameter([this.numParameters], factory));
    this.resetParameters();
  }
  resetParameters(): void {
    expectNoMore('PReLU.resetParameters', arguments, 0);
    constant_(this.weight, this.init);
  }
  forward(input: Tensor): Tensor {
    return prelu(input, this.weight);
  }
  override extraRepr(): string {
    return `num_parameters=${number(this.numParameters)}`;
  }
}
