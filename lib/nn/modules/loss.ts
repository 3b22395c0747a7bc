// Losses. forward gives one number, or under `reduction: 'none'` one for each element or sample; the formulas stand in
// ../functional/loss.ts.
import { expectBoolean, expectInteger, expectNumber } from '../../core/checks.js';
import { camelCase, snakeCase } from '../../core/names.js';
import { options as optionsOf } from '../../core/options.js';
import { describe } from '../../core/describe.js';
import { TorchError, ArgumentTypeError } from '../../core/errors.js';
import { isParameter } from '../../tensor/parameter.js';
import { expectTensor, type Tensor } from '../../tensor/tensor.js';
import * as F from '../functional/loss.js';
import {
  checkMargin,
  checkMultiMargin,
  reductionNumber,
  type Reduction,
  type ReductionOption,
} from '../functional/lossOptions.js';
import { Module } from '../module.js';
import { PairwiseDistance } from './distance.js';
import { Linear } from './linear.js';
import type { FactoryOptions } from './initial.js';
import { bool, float, number, tuple } from './repr.js';

export type { Reduction, ReductionOption } from '../functional/loss.js';

/** Base of the losses of an input and a target. */
abstract class Loss<
  Inputs extends unknown[] = [input: Tensor, target: Tensor],
  R extends string = Reduction,
> extends Module<Inputs> {
  reduction: R | Reduction;

  constructor(reduction: R | Reduction = 'mean', others: readonly string[] = []) {
    super();
    if (!others.includes(reduction)) reductionNumber(new.target.name, reduction as Reduction);
    this.reduction = reduction;
  }
}

/** Losses whose only option is `reduction`. */
abstract class PlainLoss extends Loss {
  constructor(options: ReductionOption = {}) {
    super(optionsOf(new.target.name, options, ['reduction']).reduction);
  }
}

function expectSmoothing(where: string, value: unknown): number {
  return expectNumber(where, 'labelSmoothing', value, { least: 0, most: 1 });
}

// A weight is part of the state, as in PyTorch; it is not trained.
function registerWeight(module: Module<never[]>, name: string, weight: Tensor | null | undefined): void {
  if (weight !== undefined && weight !== null) expectTensor(module.constructor.name, name, weight);
  module.registerBuffer(snakeCase(name), isParameter(weight) ? weight.detach() : (weight ?? null));
}

export interface CrossEntropyLossOptions extends ReductionOption {
  /** A weight for each class: float [C]. */
  weight?: Tensor | null;
  /** Targets of this value do not count. Default -100. */
  ignoreIndex?: number;
  /** In [0, 1]. Default 0. */
  labelSmoothing?: number;
}

/** -log softmax(input)[target]. input: logits [N, C, ...]; target: classes int64 [N, ...], or probabilities [N, C, ...]. */
export class CrossEntropyLoss extends Loss {
  declare weight: Tensor | null;
  ignoreIndex: number;
  labelSmoothing: number;

  constructor(options: CrossEntropyLossOptions = {}) {
    const {
      weight,
      ignoreIndex = -100,
      reduction,
      labelSmoothing = 0,
    } = optionsOf('CrossEntropyLoss', options, ['weight', 'ignoreIndex', 'reduction', 'labelSmoothing']);
    super(reduction);
    registerWeight(this, 'weight', weight);
    this.ignoreIndex = expectInteger('CrossEntropyLoss', 'ignoreIndex', ignoreIndex, -Infinity);
    this.labelSmoothing = expectSmoothing('CrossEntropyLoss', labelSmoothing);
  }
  forward(input: Tensor, target: Tensor): Tensor {
    const { weight, ignoreIndex, reduction, labelSmoothing } = this;
    expectTensor('CrossEntropyLoss', 'input', input);
    expectTensor('CrossEntropyLoss', 'target', target);
    // By position, which is quicker than by name.
    return F.crossEntropy(input, target, weight, null, ignoreIndex, null, reduction, labelSmoothing);
  }
}

/** crossEntropy of a linear layer's output, in one module. input: [inFeatures] or [N, inFeatures]. */
export class LinearCrossEntropyLoss extends Loss {
  numClasses: number;
  outFeatures: readonly number[];
  ignoreIndex: number | null;
  labelSmoothing: number;
  declare weight: Tensor | null;
  linear: Linear;

  /** `outFeatures` are further dimensions of the logits (default none), and of the targets. `bias` is false unless given. */
  constructor(
    inFeatures: number,
    numClasses: number,
    options: FactoryOptions &
      ReductionOption & {
        outFeatures?: readonly number[];
        bias?: boolean;
        weight?: Tensor | null;
        ignoreIndex?: number | null;
        labelSmoothing?: number;
      } = {},
  ) {
    const where = 'LinearCrossEntropyLoss';
    const {
      outFeatures = [],
      bias = false,
      weight,
      ignoreIndex = null,
      labelSmoothing = 0,
      reduction,
      ...factory
    } = optionsOf(where, options, [
      'outFeatures',
      'bias',
      'weight',
      'reduction',
      'ignoreIndex',
      'labelSmoothing',
      'device',
      'dtype',
    ]);
    super(reduction);
    registerWeight(this, 'weight', weight);
    this.numClasses = expectInteger(where, 'numClasses', numClasses, 1);
    if (!Array.isArray(outFeatures))
      throw new ArgumentTypeError(
        where,
        `outFeatures: expected an array of sizes, got ${describe(outFeatures)}`,
      );
    this.outFeatures = Array.from<unknown>(outFeatures).map((size) =>
      expectInteger(where, 'outFeatures', size),
    );
    if (this.weight !== null && String(this.weight.shape) !== String([this.numClasses]))
      throw new TorchError(
        where,
        `weight: expected the shape [${this.numClasses}], got ${describe(this.weight)}`,
      );
    this.ignoreIndex =
      ignoreIndex === null ? null : expectInteger(where, 'ignoreIndex', ignoreIndex, -Infinity);
    this.labelSmoothing = expectSmoothing(where, labelSmoothing);
    const all = this.outFeatures.reduce((product, size) => product * size, this.numClasses);
    this.linear = new Linear(inFeatures, all, { bias, ...factory });
  }
  forward(input: Tensor, target: Tensor): Tensor {
    const { linear, weight, reduction, ignoreIndex, labelSmoothing } = this;
    const shape = [this.numClasses, ...this.outFeatures];
    return F.linearCrossEntropy(input, linear.weight.reshape([...shape, linear.inFeatures]), target, {
      linearBias: linear.bias?.reshape(shape) ?? null,
      weight,
      reduction,
      ignoreIndex,
      labelSmoothing,
    });
  }
  override extraRepr(): string {
    return (
      `in_features=${this.linear.inFeatures}, num_classes=${this.numClasses}, ` +
      `out_features=${tuple(this.outFeatures)}, bias=${bool(this.linear.bias !== null)}, ` +
      `reduction=${this.reduction}, ignore_index=${number(this.ignoreIndex)}, ` +
      `label_smoothing=${float(this.labelSmoothing)}, options=None`
    );
  }
}

/** |input - target|, of tensors of one shape. */
export class L1Loss extends PlainLoss {
  forward(input: Tensor, target: Tensor): Tensor {
    return F.l1Loss(input, target, { reduction: this.reduction });
  }
}

/** (input - target)^2, of tensors of one shape. */
export class MSELoss extends PlainLoss {
  forward(input: Tensor, target: Tensor): Tensor {
    return F.mseLoss(input, target, { reduction: this.reduction });
  }
}

/** Squares where |input - target| < beta, lines elsewhere; of tensors of one shape. */
export class SmoothL1Loss extends Loss {
  beta: number;
  /** `beta` is 1 unless given. */
  constructor(options: ReductionOption & { beta?: number } = {}) {
    const { reduction, beta = 1 } = optionsOf('SmoothL1Loss', options, ['reduction', 'beta']);
    super(reduction);
    this.beta = expectNumber('SmoothL1Loss', 'beta', beta);
  }
  forward(input: Tensor, target: Tensor): Tensor {
    return F.smoothL1Loss(input, target, { reduction: this.reduction, beta: this.beta });
  }
}

/** Squares where |input - target| <= delta, lines of slope delta elsewhere; of tensors of one shape. */
export class HuberLoss extends Loss {
  delta: number;
  /** `delta` is 1 unless given. */
  constructor(options: ReductionOption & { delta?: number } = {}) {
    const { reduction, delta = 1 } = optionsOf('HuberLoss', options, ['reduction', 'delta']);
    super(reduction);
    this.delta = expectNumber('HuberLoss', 'delta', delta);
  }
  forward(input: Tensor, target: Tensor): Tensor {
    return F.huberLoss(input, target, { reduction: this.reduction, delta: this.delta });
  }
}

/** -input[target] of log-probabilities. input: [C] or [N, C, ...]; target: classes int64 [] or [N, ...]. */
export class NLLLoss extends Loss {
  declare weight: Tensor | null;
  ignoreIndex: number;
  /** `weight` [C] has a weight for each class; targets of `ignoreIndex` (-100 unless given) do not count. */
  constructor(options: ReductionOption & { weight?: Tensor | null; ignoreIndex?: number } = {}) {
    const {
      weight,
      ignoreIndex = -100,
      reduction,
    } = optionsOf('NLLLoss', options, ['weight', 'ignoreIndex', 'reduction']);
    super(reduction);
    registerWeight(this, 'weight', weight);
    this.ignoreIndex = expectInteger('NLLLoss', 'ignoreIndex', ignoreIndex, -Infinity);
  }
  forward(input: Tensor, target: Tensor): Tensor {
    const { weight, ignoreIndex, reduction } = this;
    return F.nllLoss(input, target, { weight, ignoreIndex, reduction });
  }
}

/** Negative log-likelihood of counts, the target, under a Poisson distribution whose (log) rate is the input. */
export class PoissonNLLLoss extends Loss<[input: Tensor, target: Tensor]> {
  logInput: boolean;
  full: boolean;
  eps: number;
  /** `logInput` is true, `full` (adds Stirling's term) false and `eps` (for log(0) without logInput) 1e-8 unless given. */
  constructor(options: ReductionOption & { logInput?: boolean; full?: boolean; eps?: number } = {}) {
    const where = 'PoissonNLLLoss';
    const names = ['logInput', 'full', 'eps', 'reduction'] as const;
    const { logInput = true, full = false, eps = 1e-8, reduction } = optionsOf(where, options, names);
    super(reduction);
    this.logInput = expectBoolean(where, 'logInput', logInput);
    this.full = expectBoolean(where, 'full', full);
    this.eps = expectNumber(where, 'eps', eps);
  }
  forward(input: Tensor, target: Tensor): Tensor {
    const { logInput, full, eps, reduction } = this;
    return F.poissonNllLoss(input, target, { logInput, full, eps, reduction });
  }
}

/**
 * Negative log-likelihood of the target under a normal distribution of mean `input` and a variance: of the input's shape, or
 * with a last dimension of 1 or without it, or a number.
 */
export class GaussianNLLLoss extends Loss<[input: Tensor, target: Tensor, variance: Tensor | number]> {
  full: boolean;
  eps: number;
  /** `full` (adds the constant term) is false and `eps` (the least variance) 1e-6 unless given. */
  constructor(options: ReductionOption & { full?: boolean; eps?: number } = {}) {
    const where = 'GaussianNLLLoss';
    const { full = false, eps = 1e-6, reduction } = optionsOf(where, options, ['full', 'eps', 'reduction']);
    super(reduction);
    this.full = expectBoolean(where, 'full', full);
    this.eps = expectNumber(where, 'eps', eps);
  }
  forward(input: Tensor, target: Tensor, variance: Tensor | number): Tensor {
    const { full, eps, reduction } = this;
    return F.gaussianNllLoss(input, target, variance, { full, eps, reduction });
  }
}

/** Kullback-Leibler divergence of log-probabilities, the input, from probabilities, the target; of one shape. */
export class KLDivLoss extends Loss<[input: Tensor, target: Tensor], 'batchmean'> {
  logTarget: boolean;
  /**
   * 'batchmean' gives the divergence itself; 'mean' (the default) divides by the number of elements. With `logTarget` the
   * target has log-probabilities too.
   */
  constructor(options: { reduction?: Reduction | 'batchmean'; logTarget?: boolean } = {}) {
    const { reduction, logTarget = false } = optionsOf('KLDivLoss', options, ['reduction', 'logTarget']);
    super(reduction, ['batchmean']);
    this.logTarget = expectBoolean('KLDivLoss', 'logTarget', logTarget);
  }
  forward(input: Tensor, target: Tensor): Tensor {
    return F.klDiv(input, target, { reduction: this.reduction, logTarget: this.logTarget });
  }
}

/** Binary cross-entropy of probabilities; input and target are of one shape. */
export class BCELoss extends Loss {
  declare weight: Tensor | null;
  /** `weight` is broadcast to the target. */
  constructor(options: ReductionOption & { weight?: Tensor | null } = {}) {
    const { weight, reduction } = optionsOf('BCELoss', options, ['weight', 'reduction']);
    super(reduction);
    registerWeight(this, 'weight', weight);
  }
  forward(input: Tensor, target: Tensor): Tensor {
    return F.binaryCrossEntropy(input, target, { weight: this.weight, reduction: this.reduction });
  }
}

/** Binary cross-entropy of sigmoid(input), without overflow; input and target are of one shape. */
export class BCEWithLogitsLoss extends Loss {
  declare weight: Tensor | null;
  declare posWeight: Tensor | null;
  /** `weight`, and `posWeight` for the positive targets, are broadcast to the target. */
  constructor(options: ReductionOption & { weight?: Tensor | null; posWeight?: Tensor | null } = {}) {
    const { weight, posWeight, reduction } = optionsOf('BCEWithLogitsLoss', options, [
      'weight',
      'posWeight',
      'reduction',
    ]);
    super(reduction);
    registerWeight(this, 'weight', weight);
    registerWeight(this, 'posWeight', posWeight);
  }
  /** @internal */
  override propertyOf(name: string): string {
    return camelCase(name);
  }
  forward(input: Tensor, target: Tensor): Tensor {
    const { weight, posWeight, reduction } = this;
    return F.binaryCrossEntropyWithLogits(input, target, { weight, posWeight, reduction });
  }
}

/** max(0, -target * (input1 - input2) + margin), with targets 1 (input1 is to be the greater) and -1. */
export class MarginRankingLoss extends Loss<[input1: Tensor, input2: Tensor, target: Tensor]> {
  margin: number;
  /** `margin` is 0 unless given. */
  constructor(options: ReductionOption & { margin?: number } = {}) {
    const { margin = 0, reduction } = optionsOf('MarginRankingLoss', options, ['margin', 'reduction']);
    super(reduction);
    this.margin = expectNumber('MarginRankingLoss', 'margin', margin);
  }
  forward(input1: Tensor, input2: Tensor, target: Tensor): Tensor {
    const { margin, reduction } = this;
    return F.marginRankingLoss(input1, input2, target, { margin, reduction });
  }
}

/** input where the target is 1, max(0, margin - input) where it is -1. */
export class HingeEmbeddingLoss extends Loss {
  margin: number;
  /** `margin` is 1 unless given. */
  constructor(options: ReductionOption & { margin?: number } = {}) {
    const { margin = 1, reduction } = optionsOf('HingeEmbeddingLoss', options, ['margin', 'reduction']);
    super(reduction);
    this.margin = expectNumber('HingeEmbeddingLoss', 'margin', margin);
  }
  forward(input: Tensor, target: Tensor): Tensor {
    return F.hingeEmbeddingLoss(input, target, { margin: this.margin, reduction: this.reduction });
  }
}

/** Hinge loss of several classes a sample. input: [C] or [N, C]; target: classes int64 of that shape, -1 ends the list. */
export class MultiLabelMarginLoss extends PlainLoss {
  forward(input: Tensor, target: Tensor): Tensor {
    return F.multilabelMarginLoss(input, target, { reduction: this.reduction });
  }
}

/** log(1 + exp(-target * input)), with targets 1 and -1. */
export class SoftMarginLoss extends PlainLoss {
  forward(input: Tensor, target: Tensor): Tensor {
    return F.softMarginLoss(input, target, { reduction: this.reduction });
  }
}

/** Binary cross-entropy of each class, averaged over the classes. input: logits [C] or [N, C]; target: 0 and 1. */
export class MultiLabelSoftMarginLoss extends Loss {
  declare weight: Tensor | null;
  /** `weight` [C] has a weight for each class. */
  constructor(options: ReductionOption & { weight?: Tensor | null } = {}) {
    const { weight, reduction } = optionsOf('MultiLabelSoftMarginLoss', options, ['weight', 'reduction']);
    super(reduction);
    registerWeight(this, 'weight', weight);
  }
  forward(input: Tensor, target: Tensor): Tensor {
    return F.multilabelSoftMarginLoss(input, target, { weight: this.weight, reduction: this.reduction });
  }
}

/** 1 - cos where the target is 1, max(0, cos - margin) where it is -1. inputs: [D] or [N, D]; target: [] or [N]. */
export class CosineEmbeddingLoss extends Loss<[input1: Tensor, input2: Tensor, target: Tensor]> {
  margin: number;
  /** `margin` is 0 unless given. */
  constructor(options: ReductionOption & { margin?: number } = {}) {
    const { margin = 0, reduction } = optionsOf('CosineEmbeddingLoss', options, ['margin', 'reduction']);
    super(reduction);
    this.margin = expectNumber('CosineEmbeddingLoss', 'margin', margin);
  }
  forward(input1: Tensor, input2: Tensor, target: Tensor): Tensor {
    const { margin, reduction } = this;
    return F.cosineEmbeddingLoss(input1, input2, target, { margin, reduction });
  }
}

/** Hinge loss of one class a sample. input: [C] or [N, C]; target: classes int64 [] or [N]. */
export class MultiMarginLoss extends Loss {
  p: 1 | 2;
  margin: number;
  declare weight: Tensor | null;
  /** `p`, the power, is 1 and `margin` 1 unless given; `weight` [C] has a weight for each class. */
  constructor(options: ReductionOption & { p?: 1 | 2; margin?: number; weight?: Tensor | null } = {}) {
    const where = 'MultiMarginLoss';
    const names = ['p', 'margin', 'weight', 'reduction'] as const;
    const { p = 1, margin = 1, weight, reduction } = optionsOf(where, options, names);
    super(reduction);
    checkMultiMargin(where, p, weight);
    this.p = p;
    this.margin = expectNumber(where, 'margin', margin);
    registerWeight(this, 'weight', weight);
  }
  forward(input: Tensor, target: Tensor): Tensor {
    const { p, margin, weight, reduction } = this;
    return F.multiMarginLoss(input, target, { p, margin, weight, reduction });
  }
}

/** max(0, |anchor - positive|_p - |anchor - negative|_p + margin). Inputs: [D] or [N, D]. */
export class TripletMarginLoss extends Loss<[anchor: Tensor, positive: Tensor, negative: Tensor]> {
  margin: number;
  p: number;
  eps: number;
  swap: boolean;
  /**
   * `margin` is 1, `p` 2 and `eps` 1e-6 unless given; with `swap` the distance of positive and negative counts where it is
   * less than that of anchor and negative.
   */
  constructor(options: ReductionOption & { margin?: number; p?: number; eps?: number; swap?: boolean } = {}) {
    const where = 'TripletMarginLoss';
    const names = ['margin', 'p', 'eps', 'swap', 'reduction'] as const;
    const { margin = 1, p = 2, eps = 1e-6, swap = false, reduction } = optionsOf(where, options, names);
    super(reduction);
    checkMargin(where, margin);
    this.margin = margin;
    this.p = expectNumber(where, 'p', p);
    this.eps = expectNumber(where, 'eps', eps);
    this.swap = expectBoolean(where, 'swap', swap);
  }
  forward(anchor: Tensor, positive: Tensor, negative: Tensor): Tensor {
    const { margin, p, eps, swap, reduction } = this;
    return F.tripletMarginLoss(anchor, positive, negative, { margin, p, eps, swap, reduction });
  }
}

/** TripletMarginLoss with a distance of the user's: a function of two tensors, or a module. */
export class TripletMarginWithDistanceLoss extends Loss<
  [anchor: Tensor, positive: Tensor, negative: Tensor]
> {
  /** Under PyTorch's name, which a module among the parts has in the state dict. @internal */
  distance_function: ((a: Tensor, b: Tensor) => Tensor) | Module<[Tensor, Tensor]>;
  margin: number;
  swap: boolean;
  /** `distanceFunction` is a PairwiseDistance and `margin` 1 unless given; for `swap` see TripletMarginLoss. */
  constructor(
    options: ReductionOption & {
      distanceFunction?: ((a: Tensor, b: Tensor) => Tensor) | Module<[Tensor, Tensor]>;
      margin?: number;
      swap?: boolean;
    } = {},
  ) {
    const where = 'TripletMarginWithDistanceLoss';
    const names = ['distanceFunction', 'margin', 'swap', 'reduction'] as const;
    const { distanceFunction, margin = 1, swap = false, reduction } = optionsOf(where, options, names);
    super(reduction);
    checkMargin(where, margin);
    this.distance_function = distanceFunction ?? new PairwiseDistance();
    this.margin = margin;
    this.swap = expectBoolean(where, 'swap', swap);
  }
  get distanceFunction(): ((a: Tensor, b: Tensor) => Tensor) | Module<[Tensor, Tensor]> {
    return this.distance_function;
  }
  set distanceFunction(value: ((a: Tensor, b: Tensor) => Tensor) | Module<[Tensor, Tensor]>) {
    this.distance_function = value;
  }
  forward(anchor: Tensor, positive: Tensor, negative: Tensor): Tensor {
    const { distanceFunction: distance, margin, swap, reduction } = this;
    return F.tripletMarginWithDistanceLoss(anchor, positive, negative, {
      distanceFunction: typeof distance === 'function' ? distance : (a, b) => distance.forward(a, b),
      margin,
      swap,
      reduction,
    });
  }
}

/**
 * Connectionist temporal classification. logProbs: [T, C] or [T, N, C]; targets: [N, S], or all of them in a row; lengths:
 * tensors [] or [N], or arrays.
 */
export class CTCLoss extends Loss<
  [
    logProbs: Tensor,
    targets: Tensor,
    inputLengths: Tensor | readonly number[],
    targetLengths: Tensor | readonly number[],
  ]
> {
  blank: number;
  zeroInfinity: boolean;
  /** `blank`, the class between labels, is 0 unless given; `zeroInfinity` makes infinite losses, and their gradients, 0. */
  constructor(options: ReductionOption & { blank?: number; zeroInfinity?: boolean } = {}) {
    const where = 'CTCLoss';
    const names = ['blank', 'reduction', 'zeroInfinity'] as const;
    const { blank = 0, zeroInfinity = false, reduction } = optionsOf(where, options, names);
    super(reduction);
    this.blank = expectInteger(where, 'blank', blank);
    this.zeroInfinity = expectBoolean(where, 'zeroInfinity', zeroInfinity);
  }
  forward(
    logProbs: Tensor,
    targets: Tensor,
    inputLengths: Tensor | readonly number[],
    targetLengths: Tensor | readonly number[],
  ): Tensor {
    const { blank, zeroInfinity, reduction } = this;
    return F.ctcLoss(logProbs, targets, inputLengths, targetLengths, { blank, zeroInfinity, reduction });
  }
}
