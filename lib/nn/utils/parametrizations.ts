// Parametrisations that are there: weightNorm, spectralNorm and orthogonal. torch.nn.utils.parametrizations.
import { expectNoMore, options as optionsOf } from '../../core/options.js';
import { expectArgument } from '../../core/checks.js';
import { describe } from '../../core/describe.js';
import { eye, zerosLike } from '../../operators/generated/functions.js';
import { noGrad } from '../../autograd/gradMode.js';
import type { DType } from '../../core/dtype.js';
import { TorchError } from '../../core/errors.js';
import { operator } from '../../operators/operators.js';
import { isTensor, type Tensor } from '../../tensor/tensor.js';
import { aten } from '../functional/call.js';
import { isModule, Module, type AnyModule } from '../module.js';
import { NotInvertible, registerParametrization } from './parametrize.js';

function tensorOf(where: string, module: AnyModule, name: string): Tensor {
  expectArgument(where, 'module', module, isModule(module), 'a Module');
  const tensor = (module as unknown as Record<string, unknown>)[name];
  if (isTensor(tensor)) return tensor;
  throw new TorchError(where, `${module.constructor.name} has no parameter or buffer '${name}'`);
}

// ---- weightNorm ----

// The names of the classes are Python's, and printed.
class _WeightNorm extends Module<[g: Tensor, v: Tensor]> {
  constructor(readonly dim: number) {
    super();
  }
  forward(g: Tensor, v: Tensor): Tensor {
    return aten('_weight_norm', v, g, this.dim);
  }
  rightInverse(weight: Tensor): [g: Tensor, v: Tensor] {
    return [aten('norm_except_dim', weight, 2, this.dim), weight];
  }
}

/**
 * Weight normalisation: the parameter is g * v / |v|, the norms being taken over all dimensions but `dim` (over all of them
 * with null). g and v are `parametrizations.weight.original0` and `original1` in the state dict; the older keys, weight_g
 * and weight_v, are taken by loadStateDict too.
 */
export function weightNorm<M extends AnyModule>(
  module: M,
  options: {
    /** Default 'weight'. */
    name?: string;
    /** Default 0. */
    dim?: number | null;
  } = {},
): M {
  expectNoMore('weightNorm', arguments, 2);
  const { name = 'weight', dim = 0 } = optionsOf('weightNorm', options, ['name', 'dim']);
  tensorOf('weightNorm', module, name);
  registerParametrization(module, name, new _WeightNorm(dim ?? -1), { unsafe: true });
  module.registerLoadStateDictPreHook((_, state, prefix) => {
    const old = ['g', 'v'].map((part) => `${prefix}${name}_${part}`);
    if (!old.every((key) => key in state)) return;
    old.forEach((key, i) => {
      state[`${prefix}parametrizations.${name}.original${i}`] = state[key]!;
      delete state[key];
    });
  });
  return module;
}

// ---- spectralNorm ----

class _SpectralNorm extends Module {
  readonly dim: number;
  constructor(
    weight: Tensor,
    readonly nPowerIterations: number,
    dim: number,
    readonly eps: number,
  ) {
    super();
    const { ndim } = weight;
    if (!Number.isInteger(dim) || dim >= ndim || dim < -ndim)
      throw new TorchError(
        'spectralNorm',
        `dim: expected a dimension of ${describe(weight)}, got ${describe(dim)}`,
      );
    if (!Number.isInteger(nPowerIterations) || nPowerIterations < 1) {
      throw new TorchError(
        'spectralNorm',
        `nPowerIterations: expected an integer of 1 or more, got ${describe(nPowerIterations)}`,
      );
    }
    this.dim = dim < 0 ? dim + ndim : dim;
    if (ndim < 2) return;
    noGrad(() => {
      const matrix = this.matrix(weight.detach());
      const vectors = matrix.shape.map((size) => aten('new_empty', matrix, [size]).normal_());
      this.registerBuffer('_u', normalised(vectors[0]!, eps));
      this.registerBuffer('_v', normalised(vectors[1]!, eps));
      this.iterate(matrix, 15);
    });
  }
  /** The weight as a matrix whose rows are along `dim`. */
  private matrix(weight: Tensor): Tensor {
    const others = Array.from({ length: weight.ndim }, (_, i) => i).filter((i) => i !== this.dim);
    return (this.dim === 0 ? weight : weight.permute(this.dim, ...others)).flatten(1);
  }
  /** Brings the vectors nearer to those of the largest singular value, in place. */
  private iterate(matrix: Tensor, times: number): void {
    noGrad(() => {
      const [u, v] = [this.getBuffer('_u'), this.getBuffer('_v')];
      for (let i = 0; i < times; i++) {
        normalised(aten('mv', matrix, v), this.eps, u);
        normalised(aten('mv', matrix.transpose(0, 1), u), this.eps, v);
      }
    });
  }
  forward(weight: Tensor): Tensor {
    if (weight.ndim === 1) return normalised(weight, this.eps);
    const matrix = this.matrix(weight);
    if (this.training) this.iterate(matrix, this.nPowerIterations);
    // Copies: the next iteration changes the vectors, which the backward pass still needs.
    const [u, v] = [this.getBuffer('_u').clone(), this.getBuffer('_v').clone()];
    return aten('div.Tensor', weight, aten('vdot', u, aten('mv', matrix, v)));
  }
  rightInverse(value: Tensor): Tensor {
    return value;
  }
}

function normalised(vector: Tensor, eps: number, out?: Tensor): Tensor {
  const norm = aten('expand_as', aten('linalg_vector_norm', vector, 2, [0], true).clampMin(eps), vector);
  return out === undefined ? aten('div.Tensor', vector, norm) : aten('div.out', vector, norm, out);
}

/**
 * Spectral normalisation: the parameter is divided by its largest singular value, which is estimated by power iteration at
 * each reading in training mode. A parameter of more than two dimensions is taken for the matrix with rows along `dim`; one of
 * one dimension is divided by its norm.
 */
export function spectralNorm<M extends AnyModule>(
  module: M,
  options: {
    /** Default 'weight'. */
    name?: string;
    /** Steps at each reading. Default 1. */
    nPowerIterations?: number;
    /** Added to norms. Default 1e-12. */
    eps?: number;
    /** Default 1 for transposed convolutions, otherwise 0. */
    dim?: number | null;
  } = {},
): M {
  expectNoMore('spectralNorm', arguments, 2);
  const {
    name = 'weight',
    nPowerIterations = 1,
    eps = 1e-12,
  } = optionsOf('spectralNorm', options, ['name', 'nPowerIterations', 'eps', 'dim']);
  const weight = tensorOf('spectralNorm', module, name);
  const dim = options.dim ?? (/ConvTranspose[123]d$/.test(module.constructor.name) ? 1 : 0);
  return registerParametrization(module, name, new _SpectralNorm(weight, nPowerIterations, dim, eps));
}

// ---- orthogonal ----

type OrthogonalMap = 'matrix_exp' | 'cayley' | 'householder';
const MAPS: readonly string[] = ['matrix_exp', 'cayley', 'householder'] satisfies OrthogonalMap[];

class _Orthogonal extends Module {
  readonly shape: readonly number[];
  /** With useTrivialization, what the maps' result is multiplied by. */
  declare base: Tensor | null;
  constructor(
    weight: Tensor,
    readonly orthogonalMap: OrthogonalMap,
    readonly useTrivialization: boolean,
  ) {
    super();
    this.shape = weight.shape;
    this.registerBuffer('base', null);
  }
  forward(given: Tensor): Tensor {
    const wide = given.size(-2) < given.size(-1);
    const x = wide ? transposed(given) : given;
    const [n, k] = [x.size(-2), x.size(-1)];
    let q: Tensor;
    if (this.orthogonalMap === 'householder') {
      const a = aten('tril', x, -1);
      const tau = aten('reciprocal', aten('sum.dim_IntList', a.mul(a), [-2]).add(1)).mul(2);
      q = aten('linalg_householder_product', a, tau);
      q = q.mul(diagonal(x).to('int32').unsqueeze(-2));
    } else {
      let square = aten('tril', x);
      if (n !== k) {
        const zeros = aten('new_zeros', square, [n, n - k]);
        square = aten('cat', [square, aten('expand', zeros, [...square.shape.slice(0, -2), -1, -1])], -1);
      }
      const a = square.sub(transposed(square));
      if (this.orthogonalMap === 'matrix_exp') q = aten('matrix_exp', a);
      else {
        const identity = eye(n, { dtype: a.dtype, device: a.device });
        q = aten('linalg_solve', identity.add(a, { alpha: -0.5 }), identity.add(a, { alpha: 0.5 }));
      }
      if (n !== k) q = q.narrow(-1, 0, k);
    }
    if (this.base !== null) q = this.base.matmul(q);
    return wide ? transposed(q) : q;
  }
  rightInverse(given: Tensor): Tensor {
    return noGrad(() => {
      if (String(given.shape) !== String(this.shape))
        throw new TorchError(
          'orthogonal',
          `expected the shape [${this.shape.join(', ')}], got ${describe(given)}`,
        );
      const wide = given.size(-2) < given.size(-1);
      const q = wide ? transposed(given) : given;
      const [n, k] = [q.size(-2), q.size(-1)];
      if (!this.useTrivialization) {
        if (this.orthogonalMap !== 'householder')
          throw new NotInvertible(
            'orthogonal',
            `the map '${this.orthogonalMap}' cannot be assigned to with useTrivialization = false`,
          );
        const [a, tau] = operator('aten::geqrf').call(q) as [Tensor, Tensor];
        const signs = diagonal(a);
        operator('aten::sign_').call(signs);
        signs.copy_(aten('where.self', tau.eq(0), signs.neg(), signs));
        return wide ? transposed(a) : a;
      }
      let base: Tensor;
      if (n === k) base = isOrthogonal(q) ? q.clone() : madeOrthogonal(q);
      else {
        const more = aten('randn', [...q.shape.slice(0, -2), n, n - k], q.dtype, undefined, q.device);
        base = madeOrthogonal(aten('cat', [q, more], -1));
      }
      this.registerBuffer('base', base);
      // The maps make the identity of this one.
      const negative = zerosLike(given);
      diagonal(negative).fill_(-1);
      return negative;
    });
  }
}

function transposed(x: Tensor): Tensor {
  return x.transpose(-2, -1);
}
function diagonal(x: Tensor): Tensor {
  return aten('diagonal', x, 0, -2, -1);
}

const EPSILON: Partial<Record<DType, number>> = {
  float32: 2 ** -23,
  float64: 2 ** -52,
  float16: 2 ** -10,
  bfloat16: 2 ** -7,
};

function isOrthogonal(q: Tensor): boolean {
  const [n, k] = [q.size(-2), q.size(-1)];
  const identity = eye(k, { dtype: q.dtype, device: q.device });
  return transposed(q)
    .matmul(q)
    .allclose(identity, { atol: 10 * n * (EPSILON[q.dtype] ?? 0) });
}

function madeOrthogonal(a: Tensor): Tensor {
  const [x, tau] = operator('aten::geqrf').call(a) as [Tensor, Tensor];
  return aten('linalg_householder_product', x, tau).mul_(aten('sgn', diagonal(x)).unsqueeze(-2));
}

/**
 * An orthogonal parameter: with n rows and k columns, q^T q = 1 where n >= k and q q^T = 1 where n < k; a tensor of more
 * dimensions is a batch of such matrices.
 */
export function orthogonal<M extends AnyModule>(
  module: M,
  options: {
    /** Default 'weight'. */
    name?: string;
    /** How it is computed. Default 'matrix_exp' for square matrices, 'householder' for others. */
    orthogonalMap?: OrthogonalMap | null;
    /** Whether to begin where the parameter is, at the cost of a buffer `base`. Default true. */
    useTrivialization?: boolean;
  } = {},
): M {
  expectNoMore('orthogonal', arguments, 2);
  const where = 'orthogonal';
  const {
    name = 'weight',
    orthogonalMap,
    useTrivialization = true,
  } = optionsOf(where, options, ['name', 'orthogonalMap', 'useTrivialization']);
  const weight = tensorOf(where, module, name);
  if (weight.ndim < 2)
    throw new TorchError(where, `${name}: expected a matrix or a batch of matrices, got ${describe(weight)}`);
  if (weight.dtype.startsWith('complex'))
    throw new TorchError(where, `${name}: expected real numbers, got ${describe(weight)}`);
  const map = orthogonalMap ?? (weight.size(-2) === weight.size(-1) ? 'matrix_exp' : 'householder');
  if (!MAPS.includes(map))
    throw new TorchError(where, `orthogonalMap: expected one of ${MAPS.join(', ')}, got ${describe(map)}`);
  return registerParametrization(module, name, new _Orthogonal(weight, map, useTrivialization), {
    unsafe: true,
  });
}
