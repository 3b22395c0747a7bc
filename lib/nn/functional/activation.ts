// Activations as functions. Definitions are those of https://docs.pytorch.org/docs/stable/nn.functional.html; each gives a
// tensor of the input's shape, and with `inplace` the input itself, changed.
import { expectNumber } from '../../core/checks.js';
import { expectOptions } from '../../core/options.js';
import type { DType } from '../../core/dtype.js';
import { TorchError } from '../../core/errors.js';
import { operator } from '../../operators/operators.js';
import { expectTensor, type Tensor } from '../../tensor/tensor.js';

interface Inplace {
  /** Whether to change the input itself. Default false. */
  inplace?: boolean;
}

// Calls an operator, or the form of it that changes the input.
function activate(
  name: string,
  input: Tensor,
  inplace: boolean | undefined,
  ...args: readonly unknown[]
): Tensor {
  expectTensor(`nn.functional.${name}`, 'input', input);
  return operator(`aten::${name}${inplace === true ? '_' : ''}`).call(input, ...args) as Tensor;
}

/** max(x, 0) */
export function relu(input: Tensor, options: Inplace = {}): Tensor {
  return activate('relu', input, expectOptions('nn.functional.relu', options).inplace);
}

/** min(max(x, 0), 6) */
export function relu6(input: Tensor, options: Inplace = {}): Tensor {
  return activate('relu6', input, expectOptions('nn.functional.relu6', options).inplace);
}

/** x where x > 0, negativeSlope * x elsewhere. `negativeSlope` is 0.01 unless given. */
export function leakyRelu(input: Tensor, options: Inplace & { negativeSlope?: number } = {}): Tensor {
  const { negativeSlope = 0.01, inplace } = expectOptions('nn.functional.leakyRelu', options);
  return activate('leaky_relu', input, inplace, negativeSlope);
}

/**
 * x where x >= 0, a * x elsewhere; in training `a` is drawn uniformly from lower ... upper (1/8 and 1/3 unless given) for each
 * element, else it is their middle. `training` is false unless given.
 */
export function rrelu(
  input: Tensor,
  options: Inplace & { lower?: number; upper?: number; training?: boolean } = {},
): Tensor {
  const {
    lower = 1 / 8,
    upper = 1 / 3,
    training = false,
    inplace,
  } = expectOptions('nn.functional.rrelu', options);
  return activate('rrelu', input, inplace, lower, upper, training);
}

/** x where x > 0, alpha * (exp(x) - 1) elsewhere. `alpha` is 1 unless given. */
export function elu(input: Tensor, options: Inplace & { alpha?: number } = {}): Tensor {
  const { alpha = 1, inplace } = expectOptions('nn.functional.elu', options);
  return activate('elu', input, inplace, alpha);
}

/** scale * elu(x, alpha), with the two numbers that keep mean and variance. */
export function selu(input: Tensor, options: Inplace = {}): Tensor {
  return activate('selu', input, expectOptions('nn.functional.selu', options).inplace);
}

/** max(x, 0) + min(0, alpha * (exp(x / alpha) - 1)). `alpha` is 1 unless given. */
export function celu(input: Tensor, options: Inplace & { alpha?: number } = {}): Tensor {
  const { alpha = 1, inplace } = expectOptions('nn.functional.celu', options);
  return activate('celu', input, inplace, alpha);
}

/** x where x > threshold, `value` elsewhere. */
export function threshold(input: Tensor, threshold: number, value: number, options: Inplace = {}): Tensor {
  const { inplace } = expectOptions('nn.functional.threshold', options);
  return activate('threshold', input, inplace, threshold, value);
}

/** x, limited to minVal ... maxVal (-1 and 1 unless given). */
export function hardtanh(
  input: Tensor,
  options: Inplace & { minVal?: number; maxVal?: number } = {},
): Tensor {
  const { minVal = -1, maxVal = 1, inplace } = expectOptions('nn.functional.hardtanh', options);
  expectNumber('nn.functional.hardtanh', 'minVal', minVal);
  expectNumber('nn.functional.hardtanh', 'maxVal', maxVal);
  if (minVal > maxVal)
    throw new TorchError('nn.functional.hardtanh', `minVal, ${minVal}, is greater than maxVal, ${maxVal}`);
  return activate('hardtanh', input, inplace, minVal, maxVal);
}

/** x * relu6(x + 3) / 6 */
export function hardswish(input: Tensor, options: Inplace = {}): Tensor {
  return activate('hardswish', input, expectOptions('nn.functional.hardswish', options).inplace);
}

/** relu6(x + 3) / 6 */
export function hardsigmoid(input: Tensor, options: Inplace = {}): Tensor {
  return activate('hardsigmoid', input, expectOptions('nn.functional.hardsigmoid', options).inplace);
}

/** x * sigmoid(x) */
export function silu(input: Tensor, options: Inplace = {}): Tensor {
  return activate('silu', input, expectOptions('nn.functional.silu', options).inplace);
}

/** x * tanh(softplus(x)) */
export function mish(input: Tensor, options: Inplace = {}): Tensor {
  return activate('mish', input, expectOptions('nn.functional.mish', options).inplace);
}

/** x / (1 + |x|) */
export function softsign(input: Tensor): Tensor {
  expectTensor('nn.functional.softsign', 'input', input);
  return input.div(input.abs().add(1));
}

/** x - tanh(x) */
export function tanhshrink(input: Tensor): Tensor {
  expectTensor('nn.functional.tanhshrink', 'input', input);
  return input.sub(input.tanh());
}

/** exp(x_i) / sum_j exp(x_j) along a dimension; with `dtype` the input is cast to it first. */
export function softmax(input: Tensor, dim: number, options: { dtype?: DType } = {}): Tensor {
  const { dtype } = expectOptions('nn.functional.softmax', options);
  expectTensor('nn.functional.softmax', 'input', input);
  return operator('aten::softmax.int').call(input, dim, dtype) as Tensor;
}

/** softmax(-x) along a dimension; with `dtype` the input is cast to it first. */
export function softmin(input: Tensor, dim: number, options: { dtype?: DType } = {}): Tensor {
  expectTensor('nn.functional.softmin', 'input', input);
  return softmax(input.neg(), dim, options);
}

/** log(softmax(x)) along a dimension, without overflow; with `dtype` the input is cast to it first. */
export function logSoftmax(input: Tensor, dim: number, options: { dtype?: DType } = {}): Tensor {
  const { dtype } = expectOptions('nn.functional.logSoftmax', options);
  expectTensor('nn.functional.logSoftmax', 'input', input);
  return operator('aten::log_softmax.int').call(input, dim, dtype) as Tensor;
}

/**
 * A sample of the Gumbel-Softmax distribution of unnormalised log-probabilities: softmax((logits + g) / tau) along `dim` (-1
 * unless given) with g drawn from Gumbel(0, 1). With `hard` one-hot vectors, whose gradients are those of the soft sample.
 * `tau` is 1 unless given.
 */
export function gumbelSoftmax(
  logits: Tensor,
  options: { tau?: number; hard?: boolean; dim?: number } = {},
): Tensor {
  const { tau = 1, hard = false, dim = -1 } = expectOptions('nn.functional.gumbelSoftmax', options);
  expectTensor('nn.functional.gumbelSoftmax', 'logits', logits);
  const like = operator('aten::empty_like').call(
    logits,
    undefined,
    undefined,
    undefined,
    undefined,
    'contiguous',
  ) as Tensor;
  const gumbels = like.exponential_().log().neg();
  const soft = softmax(logits.add(gumbels).div(tau), dim);
  if (!hard) return soft;
  const index = soft.argmax({ dim, keepdim: true });
  const oneHot = operator('aten::scatter.value').call(like.zero_(), dim, index, 1) as Tensor;
  return oneHot.sub(soft.detach()).add(soft);
}
