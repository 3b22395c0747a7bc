// Functions and methods that PyTorch writes in Python around operators: their arguments and results are Python's, not the operators'.
import { callable, method, variadic } from '../core/callable.js';
import { expectArgument, expectBoolean, expectInteger, expectOneOf, isNumber } from '../core/checks.js';
import type { DType } from '../core/dtype.js';
import { ArgumentTypeError, OutOfRangeError } from '../core/errors.js';
import { isHandledTensor } from '../core/handles.js';
import { isNumeric, type Scalar } from '../core/scalar.js';
import type { Tensor } from '../tensor/tensor.js';
import type { Part } from '../types/results.js';
import * as linalg from './generated/linalg.js';
import * as table from './generated/table.js';
import { operator } from './operators.js';
import { caller } from './overloads.js';

const call = caller('torch', table.functions);

function aten<T = Tensor>(name: string, ...args: unknown[]): T {
  return operator(`aten::${name}`).call(...args) as T;
}

function expectTensor(where: string, name: string, value: unknown): void {
  expectArgument(where, name, value, isHandledTensor(value), 'a Tensor');
}

function expectDims(where: string, name: string, value: unknown, expected: string): void {
  const holds = isNumber(value) || (Array.isArray(value) && value.every(isNumber));
  expectArgument(where, name, value, holds, expected);
}

// ---- nonzero ----

/**
 * Indices of the elements that are not zero: an int64 tensor of [number of them, dimensions], or with `asTuple` a tensor for
 * each dimension, as `at` takes them. `out` takes the place of the former.
 */
export function nonzero<T extends Tensor, E extends DType = never>(
  input: T,
  options?: { asTuple?: false; out?: Tensor<E> | null },
): Part<T, 'int64', E>;
export function nonzero(input: Tensor, options: { asTuple: true }): Tensor<'int64'>[];
export function nonzero(options: { input: Tensor; asTuple: true }): Tensor<'int64'>[];
export function nonzero<T extends Tensor, E extends DType = never>(options: {
  input: T;
  asTuple?: false;
  out?: Tensor<E> | null;
}): Part<T, 'int64', E>;
export function nonzero(...args: unknown[]): unknown {
  return (nonzeroOfAny as (...args: unknown[]) => unknown)(...args);
}
const nonzeroOfAny = callable('torch.nonzero', ['input'], nonzeroBy('torch.nonzero', 'input'), [
  'out',
  'asTuple',
]);

/** The method. @internal */
export const nonzeroOf = method('Tensor.nonzero', [], nonzeroBy('Tensor.nonzero', 'self'), ['asTuple']);

function nonzeroBy(where: string, name: string) {
  return (input: Tensor, options: { asTuple?: boolean; out?: Tensor | null } = {}): unknown => {
    expectTensor(where, name, input);
    const { asTuple = false, out = null } = options;
    expectBoolean(where, 'asTuple', asTuple);
    if (asTuple && out !== null)
      throw new ArgumentTypeError(where, 'out: there is none for the tensors that asTuple gives');
    if (asTuple) return aten<Tensor[]>('nonzero_numpy', input);
    if (out === null) return aten('nonzero', input);
    expectTensor(where, 'out', out);
    return aten('nonzero.out', input, out);
  };
}

// ---- norm ----

/** Which norm: a number for the vector norm of that order, 'fro' for Frobenius, 'nuc' for the nuclear norm; null is 2. */
export type Norm = Scalar | 'fro' | 'nuc' | null;
type Dims = number | readonly number[];

/**
 * The norm over all dimensions, or over `dim`, one or several; `p` is 'fro' unless given. The result has `dim` as size 1 with
 * `keepdim`. `dtype` is what the input is converted to first. `torch.linalg.vectorNorm` and `matrixNorm` tell more exactly.
 */
export const norm = callable(
  'torch.norm',
  ['input', 'p', 'dim', 'keepdim', 'out', 'dtype'],
  (
    input: Tensor,
    p: Norm = 'fro',
    dim: Dims | null = null,
    keepdim = false,
    out: Tensor | null = null,
    dtype: DType | null = null,
  ): Tensor => {
    expectTensor('torch.norm', 'input', input);
    return computeNorm('torch.norm', input, p, dim, keepdim, out, dtype);
  },
);

/** The method. @internal */
export const normOf = method(
  'Tensor.norm',
  ['p', 'dim', 'keepdim', 'dtype'],
  (self: Tensor, p: Norm = 'fro', dim: Dims | null = null, keepdim = false, dtype: DType | null = null) =>
    computeNorm('Tensor.norm', self, p, dim, keepdim, null, dtype),
);

function computeNorm(
  where: string,
  input: Tensor,
  p: Norm,
  dim: Dims | null,
  keepdim: boolean,
  out: Tensor | null,
  dtype: DType | null,
): Tensor {
  const word = typeof p === 'string';
  if (word) expectOneOf(where, 'p', p, ['fro', 'nuc']);
  else expectArgument(where, 'p', p, p === null || isNumeric(p), "a number, 'fro', 'nuc' or null");
  if (dim !== null) expectDims(where, 'dim', dim, 'a number, an array of numbers or null');
  expectBoolean(where, 'keepdim', keepdim);
  if (out !== null) expectTensor(where, 'out', out);
  const dims = dim === null || Array.isArray(dim) ? (dim as readonly number[] | null) : [dim as number];
  if (isSparse(input)) return sparseNorm(where, input, p, dims, keepdim, out, dtype);
  const more = { dtype, ...(out === null ? {} : { out }) };
  if (!word) return linalg.vectorNorm(input, p ?? 2, dims, keepdim, more);
  if (p === 'fro' && (dims === null || dims.length <= 2))
    return linalg.vectorNorm(input, 2, dims, keepdim, more);
  return linalg.matrixNorm(input, p, dims ?? [...input.shape.keys()], keepdim, more);
}

/** Whether a tensor is sparse. @internal */
export function isSparse(input: Tensor): boolean {
  // Sparse tensors have steps of 0, as expanded ones have; an operator that a program cannot record is asked only then.
  return (
    !input.isContiguous &&
    input.ndim > 0 &&
    input.strides.every((step) => step === 0) &&
    aten<number>('sparse_dim', input) > 0
  );
}

// libtorch has other operators for sparse tensors.
function sparseNorm(
  where: string,
  input: Tensor,
  p: Norm,
  dims: readonly number[] | null,
  keepdim: boolean,
  out: Tensor | null,
  dtype: DType | null,
): Tensor {
  const all = dims ?? [...input.shape.keys()];
  const outs = out === null ? [] : [out];
  if (typeof p !== 'string')
    return dtype === null
      ? aten(out === null ? 'norm.ScalarOpt_dim' : 'norm.out', input, p, all, keepdim, ...outs)
      : aten(
          out === null ? 'norm.ScalarOpt_dim_dtype' : 'norm.dtype_out',
          input,
          p,
          all,
          keepdim,
          dtype,
          ...outs,
        );
  if (dtype !== null) throw new ArgumentTypeError(where, `dtype: sparse tensors have none for '${p}'`);
  const name = p === 'fro' ? 'frobenius_norm' : 'nuclear_norm';
  return aten(
    `${name}.${out === null ? 'dim' : p === 'fro' ? 'out' : 'dim_out'}`,
    input,
    all,
    keepdim,
    ...outs,
  );
}

// ---- products ----

/**
 * Contracts dimensions of two tensors: the last `dims` of `a` with the first of `b`, or those of two lists of one length.
 * `dims` is 2 unless given. The result has the other dimensions of `a`, then those of `b`.
 */
export const tensordot = callable(
  'torch.tensordot',
  ['a', 'b', 'dims', 'out'],
  (
    a: Tensor,
    b: Tensor,
    dims: number | readonly [readonly number[], readonly number[]] | Tensor = 2,
    out: Tensor | null = null,
  ): Tensor => {
    expectTensor('torch.tensordot', 'a', a);
    expectTensor('torch.tensordot', 'b', b);
    if (out !== null) expectTensor('torch.tensordot', 'out', out);
    const [first, second] = contracted(a, b, dims);
    return out === null
      ? aten('tensordot', a, b, first, second)
      : aten('tensordot.out', a, b, first, second, out);
  },
);

function contracted(a: Tensor, b: Tensor, given: unknown): readonly [readonly number[], readonly number[]] {
  const where = 'torch.tensordot';
  const dims = isHandledTensor(given) ? plainDims(given as unknown as Tensor) : given;
  if (isNumber(dims)) {
    const count = expectInteger(where, 'dims', dims);
    const most = Math.min(a.ndim, b.ndim);
    if (count > most)
      throw new OutOfRangeError(
        where,
        `dims: expected at most ${most}, which is how many dimensions the tensors have, got ${count}`,
      );
    return [Array.from({ length: count }, (_, i) => i - count), [...Array(count).keys()]];
  }
  const pair =
    Array.isArray(dims) &&
    dims.length === 2 &&
    dims.every((each) => Array.isArray(each) && each.every(isNumber));
  expectArgument(where, 'dims', dims, pair, 'a number or two arrays of numbers');
  return dims as [number[], number[]];
}

// A tensor of one number, or of two rows.
function plainDims(dims: Tensor): unknown {
  return dims.numel === 1 ? dims.item() : dims.to('int64').toArray();
}

/**
 * Sums of products of the operands, by Einstein's notation: `einsum('ij,jk->ik', a, b)`; the operands may come as a list. `path`
 * tells in which order they are contracted.
 */
export function einsum(equation: string, ...operands: Tensor[]): Tensor;
export function einsum(
  equation: string,
  ...operands: [...Tensor[], { path?: readonly number[] | null }]
): Tensor;
export function einsum(
  equation: string,
  operands: readonly Tensor[],
  options?: { path?: readonly number[] | null },
): Tensor;
export function einsum(
  equation: string,
  options: { tensors: readonly Tensor[]; path?: readonly number[] | null },
): Tensor;
export function einsum(options: {
  equation: string;
  tensors: readonly Tensor[];
  path?: readonly number[] | null;
}): Tensor;
export function einsum(...args: unknown[]): unknown {
  const end = args.findIndex((value, i) => i > 0 && !isHandledTensor(value));
  const count = end < 0 ? args.length : end;
  return call('einsum', count < 2 ? args : [args[0], args.slice(1, count), ...args.slice(count)]);
}

/** The product of matrices, in the order that takes the fewest multiplications. */
export const chainMatmul = variadic<{
  (...matrices: Tensor[]): Tensor;
  (...args: [...matrices: Tensor[], options: { out?: Tensor | null }]): Tensor;
  (matrices: readonly Tensor[], options?: { out?: Tensor | null }): Tensor;
  (options: { matrices: readonly Tensor[]; out?: Tensor | null }): Tensor;
}>('torch.chainMatmul', 'matrices', ['out'], (matrices: unknown, options: object) =>
  call('chain_matmul', [matrices, options]),
);

const COMPUTE_MODES = [
  'use_mm_for_euclid_dist_if_necessary',
  'use_mm_for_euclid_dist',
  'donot_use_mm_for_euclid_dist',
] as const;
type ComputeMode = (typeof COMPUTE_MODES)[number];

/**
 * Distances in the p-norm between each row of `x1` and each of `x2`: [..., n, d] and [..., m, d] give [..., n, m]. `p` is 2
 * unless given; `computeMode` says whether Euclidean distances may come from a matrix product, by default where both have more
 * than 25 rows.
 */
export const cdist = callable(
  'torch.cdist',
  ['x1', 'x2', 'p', 'computeMode'],
  (x1: Tensor, x2: Tensor, p = 2, computeMode: ComputeMode | number | null = COMPUTE_MODES[0]): Tensor => {
    const mode =
      typeof computeMode === 'string'
        ? COMPUTE_MODES.indexOf(expectOneOf('torch.cdist', 'computeMode', computeMode, COMPUTE_MODES)) || null
        : computeMode;
    return call('cdist', [x1, x2, p, mode]) as Tensor;
  },
);

// ---- what is unique ----

/** What `unique` gives: the values, then the indices and the counts that were asked for. */
export type Unique<I extends boolean, C extends boolean> = [I, C] extends [true, true]
  ? [output: Tensor, inverse: Tensor, counts: Tensor]
  : [I, C] extends [true, false]
    ? [output: Tensor, inverse: Tensor]
    : [I, C] extends [false, true]
      ? [output: Tensor, counts: Tensor]
      : [I, C] extends [false, false]
        ? Tensor
        : Tensor | Tensor[];
export interface UniqueOptions<I extends boolean, C extends boolean> {
  returnInverse?: I;
  returnCounts?: C;
  dim?: number | null;
}

function picked(where: string, returnInverse: boolean, returnCounts: boolean, all: () => Tensor[]): unknown {
  expectBoolean(where, 'returnInverse', returnInverse);
  expectBoolean(where, 'returnCounts', returnCounts);
  const [output, inverse, counts] = all() as [Tensor, Tensor, Tensor];
  if (!returnInverse) inverse.dispose();
  if (!returnCounts) counts.dispose();
  if (!returnInverse && !returnCounts) return output;
  return [output, ...(returnInverse ? [inverse] : []), ...(returnCounts ? [counts] : [])];
}

const uniqueBy =
  (where: string, name: string) =>
  (
    input: Tensor,
    sorted = true,
    returnInverse = false,
    returnCounts = false,
    dim: number | null = null,
  ): unknown => {
    expectTensor(where, name, input);
    expectBoolean(where, 'sorted', sorted);
    if (dim !== null) expectInteger(where, 'dim', dim, -Infinity);
    return picked(where, returnInverse, returnCounts, () =>
      dim === null
        ? aten('_unique2', input, sorted, returnInverse, returnCounts)
        : aten('unique_dim', input, dim, sorted, returnInverse, returnCounts),
    );
  };
const uniqueConsecutiveBy =
  (where: string, name: string) =>
  (input: Tensor, returnInverse = false, returnCounts = false, dim: number | null = null): unknown => {
    expectTensor(where, name, input);
    if (dim !== null) expectInteger(where, 'dim', dim, -Infinity);
    return picked(where, returnInverse, returnCounts, () =>
      aten('unique_consecutive', input, returnInverse, returnCounts, dim),
    );
  };

/** The methods. @internal */
export const uniqueOf = method(
  'Tensor.unique',
  ['sorted', 'returnInverse', 'returnCounts', 'dim'],
  uniqueBy('Tensor.unique', 'self'),
);
/** @internal */
export const uniqueConsecutiveOf = method(
  'Tensor.uniqueConsecutive',
  ['returnInverse', 'returnCounts', 'dim'],
  uniqueConsecutiveBy('Tensor.uniqueConsecutive', 'self'),
);

/**
 * The different values of a tensor, or its different parts along `dim`. With `returnInverse` there follow the places among them of
 * the input's elements, with `returnCounts` how often each is there.
 */
export const unique = callable(
  'torch.unique',
  ['input', 'sorted', 'returnInverse', 'returnCounts', 'dim'],
  uniqueBy('torch.unique', 'input'),
) as {
  <I extends boolean = false, C extends boolean = false>(
    input: Tensor,
    sorted?: boolean,
    returnInverse?: I,
    returnCounts?: C,
    dim?: number | null,
  ): Unique<I, C>;
  <I extends boolean = false, C extends boolean = false>(
    input: Tensor,
    options: { sorted?: boolean } & UniqueOptions<I, C>,
  ): Unique<I, C>;
  <I extends boolean = false, C extends boolean = false>(
    options: { input: Tensor; sorted?: boolean } & UniqueOptions<I, C>,
  ): Unique<I, C>;
};

/** As `unique`, of values that follow each other only, and in their order. */
export const uniqueConsecutive = callable(
  'torch.uniqueConsecutive',
  ['input', 'returnInverse', 'returnCounts', 'dim'],
  uniqueConsecutiveBy('torch.uniqueConsecutive', 'input'),
) as {
  <I extends boolean = false, C extends boolean = false>(
    input: Tensor,
    returnInverse?: I,
    returnCounts?: C,
    dim?: number | null,
  ): Unique<I, C>;
  <I extends boolean = false, C extends boolean = false>(
    input: Tensor,
    options: UniqueOptions<I, C>,
  ): Unique<I, C>;
  <I extends boolean = false, C extends boolean = false>(
    options: { input: Tensor } & UniqueOptions<I, C>,
  ): Unique<I, C>;
};

// ---- functions of any number of tensors ----

interface OfTensors<R> {
  (...tensors: Tensor[]): R;
  (tensors: readonly Tensor[] | { tensors: readonly Tensor[] }): R;
}
const ofTensors = <R>(shown: string, name: string): OfTensors<R> =>
  variadic<OfTensors<R>>(`torch.${shown}`, 'tensors', [], (tensors: unknown) => call(name, [tensors]));

/** All pairs, triples and so on of elements of one-dimensional tensors, as rows. */
export const cartesianProd = ofTensors<Tensor>('cartesianProd', 'cartesian_prod');

/** A matrix with the given matrices along its diagonal and zeros elsewhere. */
export const blockDiag = ofTensors<Tensor>('blockDiag', 'block_diag');

/** The tensors, as views of the shape that all of them broadcast to. */
export const broadcastTensors = ofTensors<Tensor[]>('broadcastTensors', 'broadcast_tensors');

/**
 * Grids of coordinates from one-dimensional tensors: a tensor for each. With `indexing` 'ij' (the default) the first tensor runs
 * along the first dimension, with 'xy' along the second.
 */
export const meshgrid = variadic<{
  (...tensors: Tensor[]): Tensor[];
  (...args: [...tensors: Tensor[], options: { indexing?: 'ij' | 'xy' | null }]): Tensor[];
  (tensors: readonly Tensor[], options?: { indexing?: 'ij' | 'xy' | null }): Tensor[];
  (options: { tensors: readonly Tensor[]; indexing?: 'ij' | 'xy' | null }): Tensor[];
}>(
  'torch.meshgrid',
  'tensors',
  ['indexing'],
  (tensors: unknown, { indexing }: { indexing?: 'ij' | 'xy' | null }) =>
    call('meshgrid', [tensors, { indexing: indexing ?? 'ij' }]),
);

interface AtLeast {
  (input: Tensor | { input: Tensor }): Tensor;
  (...tensors: [Tensor, Tensor, ...Tensor[]]): Tensor[];
  (tensors: readonly Tensor[] | { tensors: readonly Tensor[] }): Tensor[];
}
const atLeast = (dims: number): AtLeast => {
  const shown = `atleast${dims}d`;
  const called = (...args: unknown[]): unknown =>
    call(`atleast_${dims}d`, args.length > 1 && args.every(isHandledTensor) ? [args] : args);
  Object.defineProperty(called, 'name', { value: shown });
  return called as AtLeast;
};

/** The tensor with at least one dimension; several tensors, one by one or as a list, give a list. */
export const atleast1d = atLeast(1);
/** The tensor with at least two dimensions; several tensors, one by one or as a list, give a list. */
export const atleast2d = atLeast(2);
/** The tensor with at least three dimensions; several tensors, one by one or as a list, give a list. */
export const atleast3d = atLeast(3);
