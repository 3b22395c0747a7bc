// Normalisation over features, groups of channels and neighbouring channels.
import { expectInteger, expectNumber } from '../../core/checks.js';
import { expectNoMore, options as optionsOf } from '../../core/options.js';
import { TorchError, ArgumentTypeError } from '../../core/errors.js';
import { rmsNorm } from '../../operators/generated/functional.js';
import type { Parameter } from '../../tensor/parameter.js';
import { expectTensor, type Tensor } from '../../tensor/tensor.js';
import {
  groupNorm,
  layerNorm,
  localResponseNorm,
  type LocalResponseNormOptions,
} from '../functional/normalization.js';
import { CrossMapLRN2dFunction } from '../functional/crossMapLrn.js';
import { Module } from '../module.js';
import { misfit } from './fit.js';
import { emptyParameter, resetAffine, type FactoryOptions } from './initial.js';
import { bool, number, tuple } from './repr.js';

function shapeOf(where: string, given: number | readonly number[]): number[] {
  const shape = Array.isArray(given) ? [...(given as readonly number[])] : [given as number];
  if (shape.length === 0)
    throw new ArgumentTypeError(where, 'normalizedShape: expected at least one size, got []');
  return shape.map((size) => expectInteger(where, 'normalizedShape', size));
}

/** The last dimensions have the shape that is normalised over. */
function expectLast(module: Module, input: Tensor, wanted: readonly number[]): number[] {
  const last = shapeOf(module.constructor.name, wanted);
  const { shape } = expectTensor(module.constructor.name, 'input', input);
  if (String(shape.slice(-last.length)) === String(last) && shape.length >= last.length) return last;
  const given = shape.slice(-last.length);
  const text = given.length === 1 ? String(given[0]) : `[${given.join(', ')}]`;
  const advice = `make it new nn.${module.constructor.name}(${text}), or change what comes before it`;
  throw misfit(module, input, `[..., ${last.join(', ')}]`, shape.length >= last.length ? advice : undefined);
}

export interface LayerNormOptions extends FactoryOptions {
  /** Added to the variance. Default 1e-5. */
  eps?: number;
  /** Whether there are a weight and a bias for each element. Default true. */
  elementwiseAffine?: boolean;
  /** Whether there is a bias where there is a weight. Default true. */
  bias?: boolean;
}

/**
 * (x - mean) / sqrt(variance + eps) * weight + bias, mean and (biased) variance being those of the last dimensions, which
 * have the shape `normalizedShape` (a number means one dimension): [..., ...normalizedShape] to the same shape.
 */
export class LayerNorm extends Module {
  normalizedShape: readonly number[];
  eps: number;
  elementwiseAffine: boolean;
  declare weight: Parameter | null;
  declare bias: Parameter | null;

  constructor(normalizedShape: number | readonly number[], options: LayerNormOptions = {}) {
    super();
    const {
      eps = 1e-5,
      elementwiseAffine = true,
      bias = true,
    } = optionsOf('LayerNorm', options, ['eps', 'elementwiseAffine', 'bias', 'device', 'dtype']);
    this.normalizedShape = shapeOf('LayerNorm', normalizedShape);
    this.eps = expectNumber('LayerNorm', 'eps', eps);
    this.elementwiseAffine = elementwiseAffine;
    this.registerParameter(
      'weight',
      elementwiseAffine ? emptyParameter(this.normalizedShape, options) : null,
    );
    this.registerParameter(
      'bias',
      elementwiseAffine && bias ? emptyParameter(this.normalizedShape, options) : null,
    );
    this.resetParameters();
  }
  /** Ones for the weight, zeros for the bias. */
  resetParameters(): void {
    expectNoMore('LayerNorm.resetParameters', arguments, 0);
    resetAffine(this.weight, this.bias);
  }
  override forward(input: Tensor): Tensor {
    const shape = expectLast(this, input, this.normalizedShape);
    const { weight, bias, eps } = this;
    return layerNorm(input, shape, { weight, bias, eps });
  }
  override extraRepr(): string {
    return `${tuple(this.normalizedShape)}, eps=${number(this.eps)}, elementwise_affine=${bool(this.elementwiseAffine)}, bias=${bool(this.bias !== null)}`;
  }
}

export interface GroupNormOptions extends FactoryOptions {
  /** Added to the variance. Default 1e-5. */
  eps?: number;
  /** Whether there are a weight and a bias for each channel. Default true. */
  affine?: boolean;
  /** Whether there is a bias where there is a weight. Default true. */
  bias?: boolean;
}

/**
 * (x - mean) / sqrt(variance + eps) * weight + bias, mean and (biased) variance being those of each of `numGroups` groups of
 * channels: [N, numChannels, ...] to the same shape; numGroups divides numChannels.
 */
export class GroupNorm extends Module {
  numGroups: number;
  numChannels: number;
  eps: number;
  affine: boolean;
  declare weight: Parameter | null;
  declare bias: Parameter | null;

  constructor(numGroups: number, numChannels: number, options: GroupNormOptions = {}) {
    super();
    const {
      eps = 1e-5,
      affine = true,
      bias = true,
    } = optionsOf('GroupNorm', options, ['eps', 'affine', 'bias', 'device', 'dtype']);
    this.numGroups = expectInteger('GroupNorm', 'numGroups', numGroups, 1);
    this.numChannels = expectInteger('GroupNorm', 'numChannels', numChannels);
    if (this.numChannels % this.numGroups !== 0)
      throw new TorchError(
        'GroupNorm',
        `numChannels: expected a multiple of numGroups, which is ${numGroups}, got ${numChannels}`,
      );
    this.eps = expectNumber('GroupNorm', 'eps', eps);
    this.affine = affine;
    this.registerParameter('weight', affine ? emptyParameter([this.numChannels], options) : null);
    this.registerParameter('bias', affine && bias ? emptyParameter([this.numChannels], options) : null);
    this.resetParameters();
  }
  /** Ones for the weight, zeros for the bias. */
  resetParameters(): void {
    expectNoMore('GroupNorm.resetParameters', arguments, 0);
    resetAffine(this.weight, this.bias);
  }
  override forward(input: Tensor): Tensor {
    const { shape } = expectTensor('GroupNorm', 'input', input);
    if (shape.length < 2 || (this.affine && shape[1] !== this.numChannels))
      throw misfit(
        this,
        input,
        `[N, ${this.numChannels}, ...]`,
        `make it new nn.GroupNorm(${this.numGroups}, ${shape[1] ?? 'channels'}), or change what comes before it`,
      );
    const { weight, bias, eps } = this;
    return groupNorm(input, this.numGroups, { weight, bias, eps });
  }
  override extraRepr(): string {
    return `${this.numGroups}, ${this.numChannels}, eps=${number(this.eps)}, affine=${bool(this.affine)}, bias=${bool(this.bias !== null)}`;
  }
}

export interface RMSNormOptions extends FactoryOptions {
  /** Added to the mean square; null is the dtype's smallest step at 1. Default null. */
  eps?: number | null;
  /** Whether there is a weight for each element. Default true. */
  elementwiseAffine?: boolean;
}

/**
 * x / sqrt(mean of x^2 + eps) * weight over the last dimensions, which have the shape `normalizedShape` (a number means one
 * dimension): [..., ...normalizedShape] to the same shape.
 */
export class RMSNorm extends Module {
  normalizedShape: readonly number[];
  eps: number | null;
  elementwiseAffine: boolean;
  declare weight: Parameter | null;

  constructor(normalizedShape: number | readonly number[], options: RMSNormOptions = {}) {
    super();
    const { eps = null, elementwiseAffine = true } = optionsOf('RMSNorm', options, [
      'eps',
      'elementwiseAffine',
      'device',
      'dtype',
    ]);
    this.normalizedShape = shapeOf('RMSNorm', normalizedShape);
    this.eps = eps === null ? null : expectNumber('RMSNorm', 'eps', eps);
    this.elementwiseAffine = elementwiseAffine;
    this.registerParameter(
      'weight',
      elementwiseAffine ? emptyParameter(this.normalizedShape, options) : null,
    );
    this.resetParameters();
  }
  /** Ones for the weight. */
  resetParameters(): void {
    expectNoMore('RMSNorm.resetParameters', arguments, 0);
    resetAffine(this.weight, null);
  }
  override forward(input: Tensor): Tensor {
    const shape = expectLast(this, input, this.normalizedShape);
    return rmsNorm(input, shape, { weight: this.weight, eps: this.eps });
  }
  override extraRepr(): string {
    return `${tuple(this.normalizedShape)}, eps=${number(this.eps)}, elementwise_affine=${bool(this.elementwiseAffine)}`;
  }
}

/**
 * x / (k + alpha * mean of x^2 over `size` neighbouring channels)^beta, channels beyond the first and the last counting as
 * zeros: [N, C, L, ...] to the same shape.
 */
export class LocalResponseNorm extends Module {
  size: number;
  alpha: number;
  beta: number;
  k: number;
  // Python's default for k is a float, and printed as one.
  private readonly usualK: boolean;

  constructor(size: number, options: LocalResponseNormOptions = {}) {
    super();
    this.size = expectInteger('LocalResponseNorm', 'size', size, 1);
    const { alpha = 1e-4, beta = 0.75, k } = optionsOf('LocalResponseNorm', options, ['alpha', 'beta', 'k']);
    this.alpha = expectNumber('LocalResponseNorm', 'alpha', alpha);
    this.beta = expectNumber('LocalResponseNorm', 'beta', beta);
    this.k = expectNumber('LocalResponseNorm', 'k', k ?? 1);
    this.usualK = k === undefined;
  }
  override forward(input: Tensor): Tensor {
    const { alpha, beta, k } = this;
    return localResponseNorm(input, this.size, { alpha, beta, k });
  }
  override extraRepr(): string {
    const { alpha, beta, k } = this;
    const text = this.usualK && k === 1 ? '1.0' : number(k);
    return `${this.size}, alpha=${number(alpha)}, beta=${number(beta)}, k=${text}`;
  }
}

/**
 * Lua Torch's LocalResponseNorm, kept for its models: [N, C, H, W] to the same shape. Its windows and gradients are
 * PyTorch's, which at the first and last channels are not quite those of the formula; a backward pass needs a size of 2 or more.
 */
export class CrossMapLRN2d extends Module {
  size: number;
  alpha: number;
  beta: number;
  k: number;

  constructor(size: number, options: LocalResponseNormOptions = {}) {
    super();
    this.size = expectInteger('CrossMapLRN2d', 'size', size, 1);
    const { alpha = 1e-4, beta = 0.75, k = 1 } = optionsOf('CrossMapLRN2d', options, ['alpha', 'beta', 'k']);
    this.alpha = alpha;
    this.beta = beta;
    this.k = k;
  }
  override forward(input: Tensor): Tensor {
    if (expectTensor('CrossMapLRN2d', 'input', input).ndim !== 4) throw misfit(this, input, '[N, C, H, W]');
    const { size, alpha, beta, k } = this;
    return CrossMapLRN2dFunction.apply(input, { size, alpha, beta, k });
  }
  override extraRepr(): string {
    return `${this.size}, alpha=${number(this.alpha)}, beta=${number(this.beta)}, k=${number(this.k)}`;
  }
}
