// torch.nn.init: fills tensors in place, outside autograd, and gives them back. The numbers are PyTorch's for the same seed, and
// come from `generator` where one is given;
// definitions: https://docs.pytorch.org/docs/stable/nn.init.html
import { callable } from '../core/callable.js';
import { expectArgument, expectNumber } from '../core/checks.js';
import { describe } from '../core/describe.js';
import { empty, randperm, where } from '../operators/generated/functions.js';
import { qr } from '../operators/generated/linalg.js';
import { noGrad } from '../autograd/gradMode.js';
import { TorchError, ArgumentTypeError } from '../core/errors.js';
import { operator } from '../operators/operators.js';
import type { Generator } from '../tensor/random.js';
import { scope } from '../tensor/scope.js';
import { expectTensor, type Tensor } from '../tensor/tensor.js';

export type Nonlinearity =
  | 'linear'
  | 'conv1d'
  | 'conv2d'
  | 'conv3d'
  | 'conv_transpose1d'
  | 'conv_transpose2d'
  | 'conv_transpose3d'
  | 'sigmoid'
  | 'tanh'
  | 'relu'
  | 'leaky_relu'
  | 'selu';

// Runs what fills a tensor; what it makes on the way is released.
function fill(name: string, tensor: Tensor, run: (where: string) => unknown): Tensor {
  const title = `nn.init.${name}`;
  expectTensor(title, 'tensor', tensor);
  scope(() => {
    noGrad(() => {
      run(title);
    });
  });
  return tensor;
}

/**
 * The factor that keeps the variance of what passes through a nonlinearity: 1, but 5/3 for tanh, sqrt(2) for relu,
 * sqrt(2 / (1 + param^2)) for leaky_relu (param is its slope, 0.01 unless given) and 3/4 for selu.
 */
export const calculateGain = callable(
  'nn.init.calculateGain',
  ['nonlinearity', 'param'],
  (nonlinearity: Nonlinearity, param: number | null = null): number => {
    if (typeof nonlinearity === 'string' && /^(linear|conv(_transpose)?[123]d|sigmoid)$/.test(nonlinearity))
      return 1;
    switch (nonlinearity) {
      case 'tanh':
        return 5 / 3;
      case 'relu':
        return Math.sqrt(2);
      case 'leaky_relu': {
        const slope = param ?? 0.01;
        if (typeof slope !== 'number')
          throw new ArgumentTypeError(
            'nn.init.calculateGain',
            `param: expected a number, got ${describe(param)}`,
          );
        return Math.sqrt(2 / (1 + slope ** 2));
      }
      case 'selu':
        return 3 / 4;
      default:
        throw new ArgumentTypeError(
          'nn.init.calculateGain',
          `nonlinearity: expected linear, conv1d to conv3d, conv_transpose1d to conv_transpose3d, sigmoid, tanh, relu, leaky_relu or selu, got ${describe(nonlinearity)}`,
        );
    }
  },
);

/** Draws uniformly from [a, b), [0, 1) unless given. */
export const uniform_ = callable(
  'nn.init.uniform_',
  ['tensor', 'a', 'b', 'generator'],
  (tensor: Tensor, a = 0, b = 1, generator: Generator | null = null): Tensor => {
    return fill('uniform_', tensor, () => tensor.uniform_(a, { to: b, generator }));
  },
);

/** Draws from the normal distribution, of mean 0 and standard deviation 1 unless given. */
export const normal_ = callable(
  'nn.init.normal_',
  ['tensor', 'mean', 'std', 'generator'],
  (tensor: Tensor, mean = 0, std = 1, generator: Generator | null = null): Tensor => {
    return fill('normal_', tensor, () => tensor.normal_(mean, { std: std, generator }));
  },
);

/** Draws from the normal distribution within [a, b] (-2 and 2 unless given): what falls outside is drawn again. */
export const truncNormal_ = callable(
  'nn.init.truncNormal_',
  ['tensor', 'mean', 'std', 'a', 'b', 'generator'],
  (tensor: Tensor, mean = 0, std = 1, a = -2, b = 2, generator: Generator | null = null): Tensor => {
    for (const [name, value] of Object.entries({ mean, std, a, b }))
      expectNumber('nn.init.truncNormal_', name, value);
    if (mean < a - 2 * std || mean > b + 2 * std) {
      process.emitWarning(
        `nn.init.truncNormal_: the mean, ${mean}, is more than 2 standard deviations from [${a}, ${b}]; the distribution may be wrong`,
        { code: 'TORCH_NODE_INIT' },
      );
    }
    return fill('truncNormal_', tensor, () => {
      const probability = normalCdf((b - mean) / std) - normalCdf((a - mean) / std);
      if (probability > 0.3) drawUntilWithin(tensor, mean, std, a, b, generator);
      else rejectUniform(tensor, mean, std, a, b, generator);
    });
  },
);

// By the operator, whose erf is as exact as Python's: the result decides only which of two ways is taken.
function normalCdf(x: number): number {
  const value = empty([1], { dtype: 'float64' }).fill_(x / Math.SQRT2);
  return (1 + value.erf().item()) / 2;
}

function drawUntilWithin(
  tensor: Tensor,
  mean: number,
  std: number,
  a: number,
  b: number,
  generator: Generator | null,
): void {
  // As the tensor's dtype has them.
  const [low, high] = [a, b].map((bound) => empty([], { dtype: tensor.dtype }).fill_(bound).item()) as [
    number,
    number,
  ];
  let result = tensor.normal_(mean, { std: std, generator });
  for (;;) {
    const outside = result.lt(low).logicalOr(result.gt(high));
    if (!outside.any().item()) break;
    const again = operator('aten::empty_like').call(result) as Tensor;
    result = where(outside, again.normal_(mean, { std: std, generator }), result);
  }
  if (result !== tensor) tensor.copy_(result);
}

// The tails of the distribution: candidates are uniform, and accepted as often as the density is high.
function rejectUniform(
  tensor: Tensor,
  mean: number,
  std: number,
  a: number,
  b: number,
  generator: Generator | null,
): void {
  const mode = Math.max(a, Math.min(mean, b));
  const peak = -0.5 * ((mode - mean) / std) ** 2;
  const [candidates, chances] = [0, 1].map(() => operator('aten::empty_like').call(tensor)) as [
    Tensor,
    Tensor,
  ];
  const rejected = (): Tensor => {
    candidates.sub_(mean).div_(std).pow_(2).mul_(-0.5).sub_(peak);
    return chances.uniform_(0, { to: 1, generator }).log_().gt(candidates);
  };
  tensor.uniform_(a, { to: b, generator });
  candidates.copy_(tensor);
  let pending = rejected();
  if (!pending.any().item()) return;
  let result: Tensor = tensor;
  do {
    candidates.uniform_(a, { to: b, generator });
    result = where(pending, candidates, result);
    pending = where(pending, rejected(), pending);
  } while (pending.any().item());
  tensor.copy_(result);
}

/** Fills with a number. */
export const constant_ = callable(
  'nn.init.constant_',
  ['tensor', 'val'],
  (tensor: Tensor, value: number): Tensor => {
    return fill('constant_', tensor, () => tensor.fill_(value));
  },
);
export const ones_ = callable('nn.init.ones_', ['tensor'], (tensor: Tensor): Tensor => {
  return fill('ones_', tensor, () => tensor.fill_(1));
});
export const zeros_ = callable('nn.init.zeros_', ['tensor'], (tensor: Tensor): Tensor => {
  return fill('zeros_', tensor, () => tensor.zero_());
});

/** Makes a matrix the identity: ones on the diagonal, zeros elsewhere. */
export const eye_ = callable('nn.init.eye_', ['tensor'], (tensor: Tensor): Tensor => {
  return fill('eye_', tensor, (title) => {
    const [rows, columns] = expectDimensions(title, tensor, [2]);
    operator('aten::eye.m_out').call(rows, columns, tensor);
  });
});

/**
 * Makes a convolution's weight (3, 4 or 5 dimensions) pass as many channels on as it can, unchanged: a 1 in the middle of
 * each, zeros elsewhere. `groups` is 1 unless given.
 */
export const dirac_ = callable(
  'nn.init.dirac_',
  ['tensor', 'groups'],
  (tensor: Tensor, groups = 1): Tensor => {
    return fill('dirac_', tensor, (title) => {
      const [out, channels, ...kernel] = expectDimensions(title, tensor, [3, 4, 5]);
      if (out! % groups !== 0)
        throw new TorchError(title, `the first dimension, ${out}, is no multiple of groups, ${groups}`);
      const each = out! / groups;
      const middle = kernel.map((size) => Math.floor(size / 2));
      tensor.zero_();
      for (let g = 0; g < groups; g++)
        for (let d = 0; d < Math.min(each, channels!); d++) tensor.set(1, g * each + d, d, ...middle);
    });
  },
);

/** Draws uniformly from +-gain * sqrt(6 / (fanIn + fanOut)). `gain` is 1 unless given. Glorot and Bengio, 2010. */
export const xavierUniform_ = callable(
  'nn.init.xavierUniform_',
  ['tensor', 'gain', 'generator'],
  (tensor: Tensor, gain = 1, generator: Generator | null = null): Tensor => {
    return fill('xavierUniform_', tensor, (title) => {
      expectNumber(title, 'gain', gain);
      const { fanIn, fanOut } = fans(title, tensor);
      const bound = Math.sqrt(3) * (gain * Math.sqrt(2 / (fanIn + fanOut)));
      tensor.uniform_(-bound, { to: bound, generator });
    });
  },
);

/** Draws from the normal distribution of standard deviation gain * sqrt(2 / (fanIn + fanOut)). Glorot and Bengio, 2010. */
export const xavierNormal_ = callable(
  'nn.init.xavierNormal_',
  ['tensor', 'gain', 'generator'],
  (tensor: Tensor, gain = 1, generator: Generator | null = null): Tensor => {
    return fill('xavierNormal_', tensor, (title) => {
      expectNumber(title, 'gain', gain);
      const { fanIn, fanOut } = fans(title, tensor);
      tensor.normal_(0, { std: gain * Math.sqrt(2 / (fanIn + fanOut)), generator });
    });
  },
);

/** What keeps its variance: the values on their way forwards (the default), or the gradients on their way back. */
export type FanMode = 'fan_in' | 'fan_out';

/**
 * Draws uniformly from +-gain * sqrt(3 / fan), with the gain of `nonlinearity` ('leaky_relu' of the slope `a`, 0, unless
 * given) and the fan of `mode`. He et al., 2015.
 */
export const kaimingUniform_ = callable(
  'nn.init.kaimingUniform_',
  ['tensor', 'a', 'mode', 'nonlinearity', 'generator'],
  (
    tensor: Tensor,
    a = 0,
    mode: FanMode = 'fan_in',
    nonlinearity: Nonlinearity = 'leaky_relu',
    generator: Generator | null = null,
  ): Tensor => {
    return fill('kaimingUniform_', tensor, (title) => {
      if (isEmpty(tensor)) return;
      const std = kaimingStd(title, tensor, a, mode, nonlinearity);
      const bound = Math.sqrt(3) * std;
      tensor.uniform_(-bound, { to: bound, generator });
    });
  },
);

/**
 * Draws from the normal distribution of standard deviation gain / sqrt(fan), with the gain of `nonlinearity` ('leaky_relu' of
 * the slope `a`, 0, unless given) and the fan of `mode`. He et al., 2015.
 */
export const kaimingNormal_ = callable(
  'nn.init.kaimingNormal_',
  ['tensor', 'a', 'mode', 'nonlinearity', 'generator'],
  (
    tensor: Tensor,
    a = 0,
    mode: FanMode = 'fan_in',
    nonlinearity: Nonlinearity = 'leaky_relu',
    generator: Generator | null = null,
  ): Tensor => {
    return fill('kaimingNormal_', tensor, (title) => {
      if (isEmpty(tensor)) return;
      const std = kaimingStd(title, tensor, a, mode, nonlinearity);
      tensor.normal_(0, { std: std, generator });
    });
  },
);

// Nothing is drawn for a tensor without elements, which PyTorch warns of.
function isEmpty(tensor: Tensor): boolean {
  if (tensor.numel > 0) return false;
  process.emitWarning('Initializing zero-element tensors is a no-op', 'TorchWarning');
  return true;
}

function kaimingStd(
  title: string,
  tensor: Tensor,
  a: number,
  mode: FanMode,
  nonlinearity: Nonlinearity,
): number {
  if (!['fan_in', 'fan_out'].includes(mode))
    throw new ArgumentTypeError(title, `mode: expected fan_in or fan_out, got ${describe(mode)}`);
  const { fanIn, fanOut } = fans(title, tensor);
  return calculateGain(nonlinearity, a) / Math.sqrt(mode === 'fan_in' ? fanIn : fanOut);
}

/** How many numbers flow into each output of a weight, and out of each input. */
function fans(title: string, tensor: Tensor): { fanIn: number; fanOut: number } {
  const [out, inputs, ...field] = tensor.shape;
  if (out === undefined || inputs === undefined)
    throw new TorchError(title, `expected a tensor of 2 dimensions or more, got ${describe(tensor)}`);
  const size = field.reduce((product, n) => product * n, 1);
  return { fanIn: inputs * size, fanOut: out * size };
}

/**
 * Makes the rows (or the columns, if there are fewer) of [first dimension, all others] orthonormal, times `gain`, which is 1
 * unless given. Saxe et al., 2013.
 */
export const orthogonal_ = callable(
  'nn.init.orthogonal_',
  ['tensor', 'gain', 'generator'],
  (tensor: Tensor, gain = 1, generator: Generator | null = null): Tensor => {
    return fill('orthogonal_', tensor, (title) => {
      const { numel, dtype, device } = tensor;
      if (tensor.ndim < 2)
        throw new TorchError(title, `expected a tensor of 2 dimensions or more, got ${describe(tensor)}`);
      if (numel === 0) return;
      const rows = tensor.size(0);
      const columns = numel / rows;
      const flat = empty([rows, columns], { dtype, device }).normal_(0, { std: 1, generator });
      const [q, r] = qr(rows < columns ? flat.t_() : flat) as [Tensor, Tensor];
      q.mul_(r.diag().sign());
      const made = rows < columns ? q.t_() : q;
      tensor.viewAs(made).copy_(made);
      tensor.mul_(gain);
    });
  },
);

/**
 * Draws a matrix from the normal distribution (`std` is 0.01 unless given) and sets a part of each column, `sparsity`, to 0.
 * Martens, 2010. The places come from the default generator.
 */
export const sparse_ = callable(
  'nn.init.sparse_',
  ['tensor', 'sparsity', 'std', 'generator'],
  (tensor: Tensor, sparsity: number, std = 0.01, generator: Generator | null = null): Tensor => {
    return fill('sparse_', tensor, (title) => {
      const [rows, columns] = expectDimensions(title, tensor, [2]);
      const isFraction = typeof sparsity === 'number' && sparsity >= 0 && sparsity <= 1;
      expectArgument(title, 'sparsity', sparsity, isFraction, 'a number from 0 to 1');
      const zeros = Math.ceil(sparsity * rows!);
      tensor.normal_(0, { std: std, generator });
      for (let column = 0; column < columns!; column++)
        tensor.set(0, randperm(rows!).narrow(0, 0, zeros), column);
    });
  },
);

function expectDimensions(title: string, tensor: Tensor, counts: readonly number[]): readonly number[] {
  const { shape } = tensor;
  if (!counts.includes(shape.length))
    throw new TorchError(
      title,
      `expected a tensor of ${counts.join(' or ')} dimensions, got ${describe(tensor)}`,
    );
  return shape;
}
