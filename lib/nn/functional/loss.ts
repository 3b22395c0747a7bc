// Losses as functions. Definitions are those of https://docs.pytorch.org/docs/stable/nn.functional.html#loss-functions.
import { callable } from '../../core/callable.js';
import { describe } from '../../core/describe.js';
import { tensor } from '../../tensor/create.js';
import { pairwiseDistance } from '../../operators/generated/functional.js';
import { noGrad } from '../../autograd/gradMode.js';
import { TorchError } from '../../core/errors.js';
import { operator } from '../../operators/operators.js';
import { asserted, recording } from '../../program/recording.js';
import { expectTensor, isTensor, type Tensor } from '../../tensor/tensor.js';
import {
  type Legacy,
  checkMargin,
  checkMultiMargin,
  reductionNumber,
  REDUCTIONS,
  type Reduction,
  type ReductionOption,
} from './lossOptions.js';

export type { Legacy, Reduction, ReductionOption } from './lossOptions.js';

function reduced(losses: Tensor, chosen: number): Tensor {
  return chosen === 0 ? losses : chosen === 1 ? losses.mean() : losses.sum();
}

function call(name: string, ...args: readonly unknown[]): Tensor {
  return operator(`aten::${name}`).call(...args) as Tensor;
}

function sameShape(a: Tensor, b: Tensor): boolean {
  return String(a.shape) === String(b.shape);
}

// Both, broadcast to one shape. As in PyTorch that is allowed and most often a mistake.
function broadcast(where: string, input: Tensor, target: Tensor): [Tensor, Tensor] {
  expectTensor(where, 'input', input);
  expectTensor(where, 'target', target);
  if (!sameShape(input, target)) {
    process.emitWarning(
      `${where}: the target's shape [${target.shape.join(', ')}] is not the input's [${input.shape.join(', ')}]: they are broadcast`,
      { code: 'TORCH_NODE_BROADCAST' },
    );
  }
  return operator('aten::broadcast_tensors').call([input, target]) as [Tensor, Tensor];
}

function checkWeight(where: string, weight: Tensor, input: Tensor): void {
  expectTensor(where, 'weight', weight);
  if (!sameShape(weight, input))
    throw new TorchError(
      where,
      `weight: expected the input's shape [${input.shape.join(', ')}], got [${weight.shape.join(', ')}]`,
    );
}

/** |input - target|; with `weight`, of the input's shape, each times its weight and the mean one over the weights. */
export const l1Loss = callable(
  'nn.functional.l1Loss',
  ['input', 'target', 'sizeAverage', 'reduce', 'reduction', 'weight'],
  (
    input: Tensor,
    target: Tensor,
    sizeAverage: Legacy = null,
    reduce: Legacy = null,
    reduction: Reduction = 'mean',
    weight: Tensor | null = null,
  ): Tensor => {
    const where = 'nn.functional.l1Loss';
    const [a, b] = broadcast(where, input, target);
    const number = reductionNumber(where, reduction, sizeAverage, reduce);
    if (weight === null) return call('l1_loss', a, b, number);
    checkWeight(where, weight, input);
    return weightedMean(a.sub(b).abs().mul(weight), weight, number);
  },
);

/** (input - target)^2; with `weight`, of the input's shape, each times its weight and the mean one over the weights. */
export const mseLoss = callable(
  'nn.functional.mseLoss',
  ['input', 'target', 'sizeAverage', 'reduce', 'reduction', 'weight'],
  (
    input: Tensor,
    target: Tensor,
    sizeAverage: Legacy = null,
    reduce: Legacy = null,
    reduction: Reduction = 'mean',
    weight: Tensor | null = null,
  ): Tensor => {
    const where = 'nn.functional.mseLoss';
    const [a, b] = broadcast(where, input, target);
    const number = reductionNumber(where, reduction, sizeAverage, reduce);
    if (weight === null) return call('mse_loss', a, b, number);
    checkWeight(where, weight, input);
    return weightedMean(a.sub(b).pow(2).mul(weight), weight, number);
  },
);

function weightedMean(losses: Tensor, weight: Tensor, reduction: number): Tensor {
  if (reduction === 0) return losses;
  const sum = losses.sum();
  return reduction === 2 ? sum : sum.div(weight.sum());
}

/** (d^2 / 2) / beta where |d| = |input - target| < beta, |d| - beta / 2 elsewhere. `beta` is 1 unless given. */
export const smoothL1Loss = callable(
  'nn.functional.smoothL1Loss',
  ['input', 'target', 'sizeAverage', 'reduce', 'reduction', 'beta'],
  (
    input: Tensor,
    target: Tensor,
    sizeAverage: Legacy = null,
    reduce: Legacy = null,
    reduction: Reduction = 'mean',
    beta = 1,
  ): Tensor => {
    const where = 'nn.functional.smoothL1Loss';
    const [a, b] = broadcast(where, input, target);
    const number = reductionNumber(where, reduction, sizeAverage, reduce);
    return beta === 0 ? call('l1_loss', a, b, number) : call('smooth_l1_loss', a, b, number, beta);
  },
);

/**
 * d^2 / 2 where |d| = |input - target| <= delta, delta * (|d| - delta / 2) elsewhere; with `weight`, of the input's shape,
 * each times its weight. `delta` is 1 unless given.
 */
export const huberLoss = callable(
  'nn.functional.huberLoss',
  ['input', 'target', 'reduction', 'delta', 'weight'],
  (
    input: Tensor,
    target: Tensor,
    reduction: Reduction = 'mean',
    delta = 1,
    weight: Tensor | null = null,
  ): Tensor => {
    const where = 'nn.functional.huberLoss';
    const [a, b] = broadcast(where, input, target);
    if (weight === null) return call('huber_loss', a, b, reductionNumber(where, reduction), delta);
    checkWeight(where, weight, input);
    return reduced(
      call('huber_loss', a, b, REDUCTIONS.none, delta).mul(weight),
      reductionNumber(where, reduction),
    );
  },
);

/**
 * -input[target] of log-probabilities. input: [C] or [N, C, ...]; target: classes int64 [] or [N, ...]. `weight` [C] has a
 * weight for each class; targets of `ignoreIndex` (-100 unless given) do not count.
 */
export const nllLoss = callable(
  'nn.functional.nllLoss',
  ['input', 'target', 'weight', 'sizeAverage', 'ignoreIndex', 'reduce', 'reduction'],
  (
    input: Tensor,
    target: Tensor,
    weight: Tensor | null = null,
    sizeAverage: Legacy = null,
    ignoreIndex = -100,
    reduce: Legacy = null,
    reduction: Reduction = 'mean',
  ): Tensor => {
    const where = 'nn.functional.nllLoss';
    return call(
      'nll_loss_nd',
      input,
      target,
      weight,
      reductionNumber(where, reduction, sizeAverage, reduce),
      ignoreIndex,
    );
  },
);

/**
 * -log softmax(input)[target]. input: logits [C] or [N, C, ...]; target: classes int64 [] or [N, ...], or probabilities of
 * the input's shape. `weight` [C] has a weight for each class; targets of `ignoreIndex` (-100 unless given) do not count;
 * `labelSmoothing` is 0 unless given.
 */
export const crossEntropy = callable(
  'nn.functional.crossEntropy',
  ['input', 'target', 'weight', 'sizeAverage', 'ignoreIndex', 'reduce', 'reduction', 'labelSmoothing'],
  (
    input: Tensor,
    target: Tensor,
    weight: Tensor | null = null,
    sizeAverage: Legacy = null,
    ignoreIndex = -100,
    reduce: Legacy = null,
    reduction: Reduction = 'mean',
    labelSmoothing = 0,
  ): Tensor => {
    const where = 'nn.functional.crossEntropy';
    const number = reductionNumber(where, reduction, sizeAverage, reduce);
    return call('cross_entropy_loss', input, target, weight, number, ignoreIndex, labelSmoothing);
  },
);

export interface LinearCrossEntropyOptions extends ReductionOption {
  /** [numClasses, ...outFeatures] */
  linearBias?: Tensor | null;
  /** A weight for each class: [numClasses]. */
  weight?: Tensor | null;
  /** Targets of this value do not count. Only for targets that are classes. Default -100. */
  ignoreIndex?: number | null;
  /** Default 0. */
  labelSmoothing?: number;
}

/**
 * crossEntropy of a linear layer's output. input: [inFeatures] or [N, inFeatures]; linearWeight: [numClasses,
 * ...outFeatures, inFeatures]; target: classes int64 [] or [N, ...outFeatures], or probabilities of the logits' shape.
 */
export const linearCrossEntropy = callable(
  'nn.functional.linearCrossEntropy',
  ['input', 'linearWeight', 'target'],
  (
    input: Tensor,
    linearWeight: Tensor,
    target: Tensor,
    { linearBias, ignoreIndex, ...rest }: LinearCrossEntropyOptions = {},
  ): Tensor => {
    const where = 'nn.functional.linearCrossEntropy';
    for (const [name, tensor] of Object.entries({ input, linearWeight, target }))
      expectTensor(where, name, tensor);
    const fail = (message: string): never => {
      throw new TorchError(where, message, {
        arguments: [`input: ${describe(input)}`, `linearWeight: ${describe(linearWeight)}`],
      });
    };
    if (input.ndim < 1 || input.ndim > 2) fail(`input: expected 1 or 2 dimensions, got ${input.ndim}`);
    if (linearWeight.ndim < 2) fail(`linearWeight: expected 2 dimensions or more, got ${linearWeight.ndim}`);
    const features = input.size(-1);
    const [classes, ...others] = linearWeight.shape.slice(0, -1);
    if (linearWeight.size(-1) !== features) fail('the last dimensions of input and linearWeight differ');
    if (linearBias && String(linearBias.shape) !== String([classes, ...others]))
      fail(`linearBias: expected [${[classes, ...others].join(', ')}], got [${linearBias.shape.join(', ')}]`);
    if (others.length > 0 && input.ndim === 1)
      fail('a weight of more than 2 dimensions needs a batch of inputs');
    const logitsShape = [...input.shape.slice(0, -1), classes!, ...others];
    if (String(target.shape) === String(logitsShape) && ignoreIndex !== undefined && ignoreIndex !== null)
      fail('ignoreIndex: cannot be given where targets are probabilities');
    const flat = others.length > 0;
    const logits = call(
      'linear',
      input,
      flat ? linearWeight.reshape(-1, features) : linearWeight,
      flat ? linearBias?.reshape(-1) : linearBias,
    ).reshape(logitsShape);
    return crossEntropy(logits, target, { ...rest, ...(ignoreIndex == null ? {} : { ignoreIndex }) });
  },
  ['linearBias', 'weight', 'reduction', 'ignoreIndex', 'labelSmoothing'],
);

/**
 * Negative log-likelihood of counts under a Poisson distribution: exp(input) - target * input, or with `logInput: false`
 * input - target * log(input + eps). `full` adds Stirling's approximation of log(target!). `eps` is 1e-8 unless given.
 */
export const poissonNllLoss = callable(
  'nn.functional.poissonNllLoss',
  ['input', 'target', 'logInput', 'full', 'sizeAverage', 'eps', 'reduce', 'reduction'],
  (
    input: Tensor,
    target: Tensor,
    logInput = true,
    full = false,
    sizeAverage: Legacy = null,
    eps = 1e-8,
    reduce: Legacy = null,
    reduction: Reduction = 'mean',
  ): Tensor => {
    const where = 'nn.functional.poissonNllLoss';
    return call(
      'poisson_nll_loss',
      input,
      target,
      logInput,
      full,
      eps,
      reductionNumber(where, reduction, sizeAverage, reduce),
    );
  },
);

/**
 * Negative log-likelihood under a normal distribution: (log(v) + (input - target)^2 / v) / 2 with v = max(variance, eps).
 * `variance`: of the input's shape, or with a last dimension of 1 or without it, or a number. `full` adds log(2 pi) / 2.
 * `eps` is 1e-6 unless given.
 */
export const gaussianNllLoss = callable(
  'nn.functional.gaussianNllLoss',
  ['input', 'target', 'var', 'full', 'eps', 'reduction'],
  (
    input: Tensor,
    target: Tensor,
    variance: Tensor | number,
    full = false,
    eps = 1e-6,
    reduction: Reduction = 'mean',
  ): Tensor => {
    const where = 'nn.functional.gaussianNllLoss';
    expectTensor(where, 'input', input);
    let v =
      typeof variance === 'number'
        ? call('ones_like', input).mul(variance)
        : expectTensor(where, 'variance', variance);
    const negative = 'variance: expected no negative values';
    if (typeof variance !== 'number') asserted(where, v.lt(0).any().logicalNot(), () => negative);
    else if (variance < 0) throw new TorchError(where, negative);
    if (!sameShape(v, input)) {
      if (String(input.shape.slice(0, -1)) === String(v.shape)) v = v.unsqueeze(-1);
      else if (!differsInOneOfSize1(input.shape, v.shape))
        throw new TorchError(
          where,
          `variance: the shape [${v.shape.join(', ')}] does not fit the input's [${input.shape.join(', ')}]`,
        );
    }
    v = v.clone();
    noGrad(() => operator('aten::clamp_').call(v, eps));
    const squares = input.sub(target).pow(2);
    const losses = v.log().add(squares.div(v)).mul(0.5);
    if (full) losses.add_(0.5 * Math.log(2 * Math.PI));
    return reduced(losses, reductionNumber(where, reduction));
  },
);

function differsInOneOfSize1(a: readonly number[], b: readonly number[]): boolean {
  const different = b.filter((size, i) => size !== a[i]);
  return a.length === b.length && different.length === 1 && different[0] === 1;
}

/**
 * Kullback-Leibler divergence, target * (log(target) - input), of log-probabilities and probabilities; with `logTarget` the
 * target has log-probabilities too. 'batchmean' is the sum over the size of the first dimension, which is the divergence
 * itself; 'mean' (the default) divides by the number of elements.
 */
export const klDiv = callable(
  'nn.functional.klDiv',
  ['input', 'target', 'sizeAverage', 'reduce', 'reduction', 'logTarget'],
  (
    input: Tensor,
    target: Tensor,
    sizeAverage: Legacy = null,
    reduce: Legacy = null,
    reduction: Reduction | 'batchmean' = 'mean',
    logTarget = false,
  ): Tensor => {
    const where = 'nn.functional.klDiv';
    if (reduction !== 'batchmean')
      return call('kl_div', input, target, reductionNumber(where, reduction, sizeAverage, reduce), logTarget);
    const sum = call('kl_div', input, target, REDUCTIONS.sum, logTarget);
    return input.ndim === 0 ? sum : sum.div(input.size(0));
  },
);

/**
 * -(target * log(input) + (1 - target) * log(1 - input)) of probabilities; logarithms are limited to -100. `weight` is
 * broadcast to the target's shape, which has to be the input's.
 */
export const binaryCrossEntropy = callable(
  'nn.functional.binaryCrossEntropy',
  ['input', 'target', 'weight', 'sizeAverage', 'reduce', 'reduction'],
  (
    input: Tensor,
    target: Tensor,
    weight: Tensor | null = null,
    sizeAverage: Legacy = null,
    reduce: Legacy = null,
    reduction: Reduction = 'mean',
  ): Tensor => {
    const where = 'nn.functional.binaryCrossEntropy';
    expectSameShape(where, input, target);
    // As wide as the two together: where that is more than the target, the operator says so.
    const [wide] = weight ? (operator('aten::broadcast_tensors').call([weight, target]) as Tensor[]) : [];
    return call(
      'binary_cross_entropy',
      input,
      target,
      wide,
      reductionNumber(where, reduction, sizeAverage, reduce),
    );
  },
);

/**
 * binaryCrossEntropy of sigmoid(input), without overflow. `weight` and `posWeight`, the weight of positive targets, are
 * broadcast to the target's shape, which has to be the input's.
 */
export const binaryCrossEntropyWithLogits = callable(
  'nn.functional.binaryCrossEntropyWithLogits',
  ['input', 'target', 'weight', 'sizeAverage', 'reduce', 'reduction', 'posWeight'],
  (
    input: Tensor,
    target: Tensor,
    weight: Tensor | null = null,
    sizeAverage: Legacy = null,
    reduce: Legacy = null,
    reduction: Reduction = 'mean',
    posWeight: Tensor | null = null,
  ): Tensor => {
    const where = 'nn.functional.binaryCrossEntropyWithLogits';
    expectSameShape(where, input, target);
    const number = reductionNumber(where, reduction, sizeAverage, reduce);
    return call('binary_cross_entropy_with_logits', input, target, weight, posWeight, number);
  },
);

function expectSameShape(where: string, input: Tensor, target: Tensor): void {
  expectTensor(where, 'input', input);
  expectTensor(where, 'target', target);
  if (!sameShape(input, target))
    throw new TorchError(
      where,
      `target: expected the input's shape [${input.shape.join(', ')}], got [${target.shape.join(', ')}]`,
    );
}

/** max(0, -target * (input1 - input2) + margin) with targets 1 and -1. `margin` is 0 unless given. */
export const marginRankingLoss = callable(
  'nn.functional.marginRankingLoss',
  ['input1', 'input2', 'target', 'margin', 'sizeAverage', 'reduce', 'reduction'],
  (
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin = 0,
    sizeAverage: Legacy = null,
    reduce: Legacy = null,
    reduction: Reduction = 'mean',
  ): Tensor => {
    const where = 'nn.functional.marginRankingLoss';
    const all = Object.entries({ input1, input2, target });
    for (const [name, tensor] of all) expectTensor(where, name, tensor);
    if (new Set(all.map(([, tensor]) => tensor.ndim)).size > 1)
      throw new TorchError(where, 'expected tensors of as many dimensions as each other', {
        arguments: all.map(([name, tensor]) => `${name}: ${describe(tensor)}`),
      });
    return call(
      'margin_ranking_loss',
      input1,
      input2,
      target,
      margin,
      reductionNumber(where, reduction, sizeAverage, reduce),
    );
  },
);

/** input where the target is 1, max(0, margin - input) where it is -1. `margin` is 1 unless given. */
export const hingeEmbeddingLoss = callable(
  'nn.functional.hingeEmbeddingLoss',
  ['input', 'target', 'margin', 'sizeAverage', 'reduce', 'reduction'],
  (
    input: Tensor,
    target: Tensor,
    margin = 1,
    sizeAverage: Legacy = null,
    reduce: Legacy = null,
    reduction: Reduction = 'mean',
  ): Tensor => {
    const where = 'nn.functional.hingeEmbeddingLoss';
    return call(
      'hinge_embedding_loss',
      input,
      target,
      margin,
      reductionNumber(where, reduction, sizeAverage, reduce),
    );
  },
);

/**
 * sum over i, j of max(0, 1 - (input[target[j]] - input[i])) / C, j over the targets and i over all that is no target.
 * input: [C] or [N, C]; target: classes int64 of that shape, of which those before the first negative one count.
 */
export const multilabelMarginLoss = callable(
  'nn.functional.multilabelMarginLoss',
  ['input', 'target', 'sizeAverage', 'reduce', 'reduction'],
  (
    input: Tensor,
    target: Tensor,
    sizeAverage: Legacy = null,
    reduce: Legacy = null,
    reduction: Reduction = 'mean',
  ): Tensor => {
    const where = 'nn.functional.multilabelMarginLoss';
    const number = reductionNumber(where, reduction, sizeAverage, reduce);
    return call('multilabel_margin_loss', input, target, number);
  },
);

/** log(1 + exp(-target * input)) with targets 1 and -1. */
export const softMarginLoss = callable(
  'nn.functional.softMarginLoss',
  ['input', 'target', 'sizeAverage', 'reduce', 'reduction'],
  (
    input: Tensor,
    target: Tensor,
    sizeAverage: Legacy = null,
    reduce: Legacy = null,
    reduction: Reduction = 'mean',
  ): Tensor => {
    const where = 'nn.functional.softMarginLoss';
    return call('soft_margin_loss', input, target, reductionNumber(where, reduction, sizeAverage, reduce));
  },
);

/**
 * Mean over the classes of binaryCrossEntropyWithLogits. input: [C] or [N, C]; target: 0 and 1, of that shape. `weight` [C]
 * has a weight for each class.
 */
export const multilabelSoftMarginLoss = callable(
  'nn.functional.multilabelSoftMarginLoss',
  ['input', 'target', 'weight', 'sizeAverage', 'reduce', 'reduction'],
  (
    input: Tensor,
    target: Tensor,
    weight: Tensor | null = null,
    sizeAverage: Legacy = null,
    reduce: Legacy = null,
    reduction: Reduction = 'mean',
  ): Tensor => {
    const where = 'nn.functional.multilabelSoftMarginLoss';
    expectTensor(where, 'input', input);
    expectTensor(where, 'target', target);
    const positive = target.mul(call('log_sigmoid', input));
    const negative = call('rsub.Scalar', target, 1).mul(call('log_sigmoid', input.neg()));
    const losses = positive.add(negative).neg();
    const weighted = weight ? losses.mul(weight) : losses;
    return reduced(
      weighted.sum([input.ndim - 1]).div(input.size(-1)),
      reductionNumber(where, reduction, sizeAverage, reduce),
    );
  },
);

/**
 * 1 - cos(input1, input2) where the target is 1, max(0, cos(input1, input2) - margin) where it is -1. inputs: [D] or [N, D];
 * target: [] or [N]. `margin` is 0 unless given.
 */
export const cosineEmbeddingLoss = callable(
  'nn.functional.cosineEmbeddingLoss',
  ['input1', 'input2', 'target', 'margin', 'sizeAverage', 'reduce', 'reduction'],
  (
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin = 0,
    sizeAverage: Legacy = null,
    reduce: Legacy = null,
    reduction: Reduction = 'mean',
  ): Tensor => {
    const where = 'nn.functional.cosineEmbeddingLoss';
    return call(
      'cosine_embedding_loss',
      input1,
      input2,
      target,
      margin,
      reductionNumber(where, reduction, sizeAverage, reduce),
    );
  },
);

/**
 * sum over i != target of max(0, margin - input[target] + input[i])^p / C. input: [C] or [N, C]; target: classes int64 [] or
 * [N]. `p` is 1 (the default) or 2; `margin` is 1 unless given; `weight` [C] has a weight for each class.
 */
export const multiMarginLoss = callable(
  'nn.functional.multiMarginLoss',
  ['input', 'target', 'p', 'margin', 'weight', 'sizeAverage', 'reduce', 'reduction'],
  (
    input: Tensor,
    target: Tensor,
    p: 1 | 2 = 1,
    margin = 1,
    weight: Tensor | null = null,
    sizeAverage: Legacy = null,
    reduce: Legacy = null,
    reduction: Reduction = 'mean',
  ): Tensor => {
    const where = 'nn.functional.multiMarginLoss';
    checkMultiMargin(where, p, weight);
    return call(
      'multi_margin_loss',
      input,
      target,
      p,
      margin,
      weight,
      reductionNumber(where, reduction, sizeAverage, reduce),
    );
  },
);

/**
 * max(0, |anchor - positive|_p - |anchor - negative|_p + margin); with `swap` the distance of positive and negative counts
 * instead of the latter where it is less. Inputs: [D] or [N, D]. `margin` is 1, `p` 2 and `eps` 1e-6 unless given.
 */
export const tripletMarginLoss = callable(
  'nn.functional.tripletMarginLoss',
  ['anchor', 'positive', 'negative', 'margin', 'p', 'eps', 'swap', 'sizeAverage', 'reduce', 'reduction'],
  (
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin = 1,
    p = 2,
    eps = 1e-6,
    swap = false,
    sizeAverage: Legacy = null,
    reduce: Legacy = null,
    reduction: Reduction = 'mean',
  ): Tensor => {
    const where = 'nn.functional.tripletMarginLoss';
    checkMargin(where, margin);
    const number = reductionNumber(where, reduction, sizeAverage, reduce);
    return call('triplet_margin_loss', anchor, positive, negative, margin, p, eps, swap, number);
  },
);

const defaultDistance = (a: Tensor, b: Tensor): Tensor => pairwiseDistance(a, b);

/** tripletMarginLoss with a distance of the caller's; pairwiseDistance unless given. */
export const tripletMarginWithDistanceLoss = callable(
  'nn.functional.tripletMarginWithDistanceLoss',
  ['anchor', 'positive', 'negative'],
  (
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    options: ReductionOption & {
      distanceFunction?: ((a: Tensor, b: Tensor) => Tensor) | null;
      margin?: number;
      swap?: boolean;
    } = {},
  ): Tensor => {
    const where = 'nn.functional.tripletMarginWithDistanceLoss';
    const { distanceFunction: given, margin = 1, swap = false, reduction } = options;
    checkMargin(where, margin);
    const all = Object.entries({ anchor, positive, negative });
    for (const [name, tensor] of all) expectTensor(where, name, tensor);
    if (new Set(all.map(([, tensor]) => tensor.ndim)).size > 1)
      throw new TorchError(where, 'expected tensors of as many dimensions as each other', {
        arguments: all.map(([name, tensor]) => `${name}: ${describe(tensor)}`),
      });
    const distanceFunction = given ?? defaultDistance;
    const near = distanceFunction(anchor, positive);
    let far = distanceFunction(anchor, negative);
    if (swap) far = far.minimum(distanceFunction(positive, negative));
    return reduced(near.add(margin).sub(far).clampMin(0), reductionNumber(where, reduction));
  },
  ['distanceFunction', 'margin', 'swap', 'reduction'],
);

/**
 * Connectionist temporal classification: -log of the probability of a sequence of labels, summed over all ways to place it.
 * logProbs: [T, C] or [T, N, C]; targets: [N, S], or all of them in a row [sum of targetLengths]; lengths: tensors [] or [N],
 * or arrays. `blank` (0 unless given) is the class between labels; `zeroInfinity` makes infinite losses 0. 'mean' divides
 * by the target lengths before it averages.
 */
export const ctcLoss = callable(
  'nn.functional.ctcLoss',
  ['logProbs', 'targets', 'inputLengths', 'targetLengths', 'blank', 'reduction', 'zeroInfinity'],
  (
    logProbs: Tensor,
    targets: Tensor,
    inputLengths: Tensor | readonly number[],
    targetLengths: Tensor | readonly number[],
    blank = 0,
    reduction: Reduction = 'mean',
    zeroInfinity = false,
  ): Tensor => {
    const where = 'nn.functional.ctcLoss';
    if (isTensor(inputLengths) !== isTensor(targetLengths))
      throw new TorchError(where, 'inputLengths and targetLengths: expected two tensors or two arrays');
    const overload = isTensor(inputLengths) ? 'Tensor' : 'IntList';
    const number = reductionNumber(where, reduction);
    const loss = (how: number): Tensor =>
      call(`ctc_loss.${overload}`, logProbs, targets, inputLengths, targetLengths, blank, how, zeroInfinity);
    if (recording() === undefined || number !== 1 || isTensor(targetLengths)) return loss(number);
    // What libtorch does for 'mean', with the lengths in a tensor that a recorded step keeps.
    const each = loss(0);
    const { dtype, device } = each;
    return each.div(tensor([...targetLengths], { dtype, device }).clampMin(1)).mean();
  },
);
