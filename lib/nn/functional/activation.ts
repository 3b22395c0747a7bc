// Activations as functions. Definitions are those of https://docs.pytorch.org/docs/stable/nn.functional.html; each gives a
// tensor of the input's shape, and with `inplace` the input itself, changed.
import { callable } from '../../core/callable.js';
import { expectNumber } from '../../core/checks.js';
import type { DType } from '../../core/dtype.js';
import { TorchError } from '../../core/errors.js';
import { warnOnce } from '../../core/warnings.js';
import { operator } from '../../operators/operators.js';
import { expectTensor, type Tensor } from '../../tensor/tensor.js';
import type { Like } from '../../types/results.js';

// Calls an operator, or the form of it that changes the input.
function activate<T extends Tensor>(
  name: string,
  input: T,
  inplace: boolean,
  ...args: readonly unknown[]
): Like<T> {
  expectTensor(`nn.functional.${name}`, 'input', input);
  return operator(`aten::${name}${inplace ? '_' : ''}`).call(input, ...args) as Like<T>;
}

// An activation without numbers of its own.
const simple = <const Name extends string>(name: Name, aten: string = name) =>
  callable(
    `nn.functional.${name}`,
    ['input', 'inplace'],
    <T extends Tensor>(input: T, inplace = false): Like<T> => activate(aten, input, inplace),
  );

/** max(x, 0). `inplace` is false unless given. */
export const relu = simple('relu');

/** min(max(x, 0), 6). `inplace` is false unless given. */
export const relu6 = simple('relu6');

/** x where x > 0, negativeSlope * x elsewhere. `negativeSlope` is 0.01 and `inplace` false unless given. */
export const leakyRelu = callable(
  'nn.functional.leakyRelu',
  ['input', 'negativeSlope', 'inplace'],
  <T extends Tensor>(input: T, negativeSlope = 0.01, inplace = false): Like<T> =>
    activate('leaky_relu', input, inplace, negativeSlope),
);

/**
 * x where x >= 0, a * x elsewhere; in training `a` is drawn uniformly from lower ... upper (1/8 and 1/3 unless given) for each
 * element, else it is their middle. `training` and `inplace` are false unless given.
 */
export const rrelu = callable(
  'nn.functional.rrelu',
  ['input', 'lower', 'upper', 'training', 'inplace'],
  <T extends Tensor>(input: T, lower = 1 / 8, upper = 1 / 3, training = false, inplace = false): Like<T> =>
    activate('rrelu', input, inplace, lower, upper, training),
);

/** x where x > 0, alpha * (exp(x) - 1) elsewhere. `alpha` is 1 and `inplace` false unless given. */
export const elu = callable(
  'nn.functional.elu',
  ['input', 'alpha', 'inplace'],
  <T extends Tensor>(input: T, alpha = 1, inplace = false): Like<T> => activate('elu', input, inplace, alpha),
);

/** scale * elu(x, alpha), with the two numbers that keep mean and variance. `inplace` is false unless given. */
export const selu = simple('selu');

/** max(x, 0) + min(0, alpha * (exp(x / alpha) - 1)). `alpha` is 1 and `inplace` false unless given. */
export const celu = callable(
  'nn.functional.celu',
  ['input', 'alpha', 'inplace'],
  <T extends Tensor>(input: T, alpha = 1, inplace = false): Like<T> =>
    activate('celu', input, inplace, alpha),
);

/** x where x > threshold, `value` elsewhere. `inplace` is false unless given. */
export const threshold = callable(
  'nn.functional.threshold',
  ['input', 'threshold', 'value', 'inplace'],
  <T extends Tensor>(input: T, threshold: number, value: number, inplace = false): Like<T> =>
    activate('threshold', input, inplace, threshold, value),
);

/** x, limited to minVal ... maxVal (-1 and 1 unless given). `inplace` is false unless given. */
export const hardtanh = callable(
  'nn.functional.hardtanh',
  ['input', 'minVal', 'maxVal', 'inplace'],
  <T extends Tensor>(input: T, minVal = -1, maxVal = 1, inplace = false): Like<T> => {
    expectNumber('nn.functional.hardtanh', 'minVal', minVal);
    expectNumber('nn.functional.hardtanh', 'maxVal', maxVal);
    if (minVal > maxVal)
      throw new TorchError('nn.functional.hardtanh', `minVal, ${minVal}, is greater than maxVal, ${maxVal}`);
    return activate('hardtanh', input, inplace, minVal, maxVal);
  },
);

/** x * relu6(x + 3) / 6. `inplace` is false unless given. */
export const hardswish = simple('hardswish');

/** relu6(x + 3) / 6. `inplace` is false unless given. */
export const hardsigmoid = simple('hardsigmoid');

/** x * sigmoid(x). `inplace` is false unless given. */
export const silu = simple('silu');

/** x * tanh(softplus(x)). `inplace` is false unless given. */
export const mish = simple('mish');

/** x / (1 + |x|) */
export const softsign = callable(
  'nn.functional.softsign',
  ['input'],
  <T extends Tensor>(input: T): Like<T, 'float'> => {
    expectTensor('nn.functional.softsign', 'input', input);
    const x: Tensor = input;
    return x.div(x.abs().add(1)) as Like<T, 'float'>;
  },
);

/** x - tanh(x) */
export const tanhshrink = callable(
  'nn.functional.tanhshrink',
  ['input'],
  <T extends Tensor>(input: T): Like<T, 'float'> => {
    expectTensor('nn.functional.tanhshrink', 'input', input);
    const x: Tensor = input;
    return x.sub(x.tanh()) as Like<T, 'float'>;
  },
);

interface CastFirst<E extends DType> {
  /** What the input is cast to first. Default: nothing. */
  dtype?: E | null;
}

// Over one dimension; where none is given it is PyTorch's old choice, with its warning.
const overDim = (
  name: string,
  run: (input: Tensor, dim: number, dtype: DType | null | undefined) => unknown,
) =>
  callable(
    `nn.functional.${name}`,
    ['input', 'dim'],
    <T extends Tensor, E extends DType = never>(
      input: T,
      dim: number | null = null,
      { dtype }: CastFirst<E> = {},
    ): Like<T, 'same', E> => {
      const { ndim } = expectTensor(`nn.functional.${name}`, 'input', input);
      if (dim === null) warnOnce(`nn.functional.${name}: to leave 'dim' out is deprecated: give it`);
      return run(input, dim ?? ([0, 1, 3].includes(ndim) ? 0 : 1), dtype) as Like<T, 'same', E>;
    },
    ['dtype'],
  );

/** exp(x_i) / sum_j exp(x_j) along a dimension; with `dtype`, which goes by name, the input is cast to it first. */
export const softmax = overDim('softmax', (input, dim, dtype) =>
  operator('aten::softmax.int').call(input, dim, dtype),
);

/** softmax(-x) along a dimension; with `dtype`, which goes by name, the input is cast to it first. */
export const softmin = overDim('softmin', (input, dim, dtype) =>
  operator('aten::softmax.int').call(input.neg(), dim, dtype),
);

/** log(softmax(x)) along a dimension, without overflow; with `dtype`, which goes by name, the input is cast to it first. */
export const logSoftmax = overDim('logSoftmax', (input, dim, dtype) =>
  operator('aten::log_softmax.int').call(input, dim, dtype),
);

/**
 * A sample of the Gumbel-Softmax distribution of unnormalised log-probabilities: softmax((logits + g) / tau) along `dim` (-1
 * unless given) with g drawn from Gumbel(0, 1). With `hard` one-hot vectors, whose gradients are those of the soft sample.
 * `tau` is 1 unless given; `eps` is without effect, as in PyTorch.
 */
export const gumbelSoftmax = callable(
  'nn.functional.gumbelSoftmax',
  ['logits', 'tau', 'hard', 'eps', 'dim'],
  (logits: Tensor, tau = 1, hard = false, eps = 1e-10, dim = -1): Tensor => {
    expectTensor('nn.functional.gumbelSoftmax', 'logits', logits);
    expectNumber('nn.functional.gumbelSoftmax', 'eps', eps);
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
  },
);
