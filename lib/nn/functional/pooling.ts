// Pooling: the forms of torch.nn.functional that PyTorch composes in Python.
import { recording } from '../../program/recording.js';
import { callable, named, type CallsByName } from '../../core/callable.js';
import { describe } from '../../core/describe.js';
import { TorchError, ArgumentTypeError, OutOfRangeError } from '../../core/errors.js';
import { expectTensor, type Tensor } from '../../tensor/tensor.js';
import type { Pair } from '../modules/sizes.js';
import { spread, type Dims, type Single, type Triple } from '../modules/sizes.js';
import { aten, atenPair } from './call.js';

export interface MaxPoolOptions<Size, Indices extends boolean = false> {
  /** Step from window to window. Default: the kernel's size. */
  stride?: Size | null;
  /** Negative infinities added on both sides, at most half the kernel. Default 0. */
  padding?: Size;
  /** Step between the values of a window. Default 1. */
  dilation?: Size;
  /** Whether the output's size is rounded up, so that the last window may begin within the padding. Default false. */
  ceilMode?: boolean;
  /** Whether to give back where each value was found too, as MaxUnpool takes it. Default false. */
  returnIndices?: Indices;
}

/** The values, or with `returnIndices` both `[values, indices]`: places (int64) within the flattened spatial dimensions. */
export type Pooled<Indices extends boolean> = Indices extends true
  ? [values: Tensor, indices: Tensor]
  : Tensor;

/** @internal */
export function maxPool(
  dims: Dims,
  input: Tensor,
  kernelSize: unknown,
  options: MaxPoolOptions<unknown, boolean>,
): Tensor | [Tensor, Tensor] {
  const where = `nn.functional.maxPool${dims}d`;
  expectTensor(where, 'input', input);
  const { stride = null, padding = 0, dilation = 1, ceilMode = false, returnIndices = false } = options;
  const args = [
    spread(where, 'kernelSize', kernelSize, dims),
    stride === null ? [] : spread(where, 'stride', stride, dims),
    spread(where, 'padding', padding, dims),
    spread(where, 'dilation', dilation, dims),
    ceilMode,
  ];
  if (returnIndices) return atenPair(`max_pool${dims}d_with_indices`, input, ...args);
  // Without gradients libtorch's has no operators to record; what is recorded gives the same bits.
  if (dims === 1 && recording() !== undefined) return atenPair('max_pool1d_with_indices', input, ...args)[0];
  // As in Python, whose torch.max_pool3d is the one without indices too.
  return aten(`max_pool${dims}d`, input, ...args);
}

const MAX_POOL = [
  'input',
  'kernelSize',
  'stride',
  'padding',
  'dilation',
  'ceilMode',
  'returnIndices',
] as const;

interface MaxPool<Size> {
  <Indices extends boolean = false>(
    input: Tensor,
    kernelSize: Size,
    stride?: Size | null,
    padding?: Size,
    dilation?: Size,
    ceilMode?: boolean,
    returnIndices?: Indices,
  ): Pooled<Indices>;
  <Indices extends boolean = false>(
    ...args: CallsByName<typeof MAX_POOL, [Tensor, Size, (Size | null)?, Size?, Size?, boolean?, Indices?]>
  ): Pooled<Indices>;
}

function maxPools<Size>(dims: Dims): MaxPool<Size> {
  const pool = (
    input: Tensor,
    kernelSize: Size,
    stride: Size | null = null,
    padding: Size | 0 = 0,
    dilation: Size | 1 = 1,
    ceilMode = false,
    returnIndices = false,
  ): Tensor | [Tensor, Tensor] =>
    maxPool(dims, input, kernelSize, { stride, padding, dilation, ceilMode, returnIndices });
  return named(`nn.functional.maxPool${dims}d`, MAX_POOL, pool) as MaxPool<Size>;
}

/** Largest value of each window: [N, C, L] or [C, L] to [..., L']. See `nn.MaxPool1d`. */
export const maxPool1d = maxPools<Single>(1);
/**
 * Largest value of each window: [N, C, H, W] or [C, H, W] to [..., H', W']. See `nn.MaxPool2d`.
 * [PyTorch](https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.max_pool2d.html)
 */
export const maxPool2d = maxPools<Pair>(2);
/** Largest value of each window: [N, C, D, H, W] or [C, D, H, W] to [..., D', H', W']. See `nn.MaxPool3d`. */
export const maxPool3d = maxPools<Triple>(3);

export interface MaxUnpoolOptions<Size> {
  /** Of the pooling. Default: the kernel's size. */
  stride?: Size | null;
  /** Of the pooling. Default 0. */
  padding?: Size;
  /** The size of what was pooled, spatial or whole. Default: (size - 1) * stride - 2 * padding + kernelSize. */
  outputSize?: readonly number[] | null;
}

/** @internal */
export function maxUnpool(
  dims: Dims,
  input: Tensor,
  indices: Tensor,
  kernelSize: unknown,
  options: MaxUnpoolOptions<unknown>,
): Tensor {
  const where = `nn.functional.maxUnpool${dims}d`;
  expectTensor(where, 'input', input);
  expectTensor(where, 'indices', indices);
  const { stride = null, padding = 0, outputSize = null } = options;
  const kernel = spread(where, 'kernelSize', kernelSize, dims);
  const steps = stride === null ? kernel : spread(where, 'stride', stride, dims);
  const pads = spread(where, 'padding', padding, dims);
  const size = unpooledSize(where, input, kernel, steps, pads, outputSize);
  if (dims === 1)
    return aten('max_unpool2d', input.unsqueeze(-1), indices.unsqueeze(-1), [...size, 1]).squeeze(-1);
  return dims === 2
    ? aten('max_unpool2d', input, indices, size)
    : aten('max_unpool3d', input, indices, size, steps, pads);
}

function unpooledSize(
  where: string,
  input: Tensor,
  kernel: readonly number[],
  stride: readonly number[],
  padding: readonly number[],
  wanted: readonly number[] | null,
): readonly number[] {
  const dims = kernel.length;
  const sizes = input.shape.slice(-dims);
  const usual = sizes.map((size, d) => (size - 1) * stride[d]! + kernel[d]! - 2 * padding[d]!);
  if (wanted === null) return usual;
  if (!Array.isArray(wanted) || (wanted.length !== dims && wanted.length !== dims + 2))
    throw new TorchError(
      where,
      `outputSize: expected an array of ${dims} or ${dims + 2} sizes, got ${describe(wanted)}`,
    );
  const size = spread(where, 'outputSize', (wanted as number[]).slice(-dims), dims);
  for (const [d, one] of size.entries()) {
    const [low, high] = [Math.max(usual[d]! - stride[d]! + 1, 0), usual[d]! + stride[d]! - 1];
    if (!(one >= low && one <= high))
      throw new TorchError(
        where,
        `outputSize [${size.join(', ')}]: spatial dimension ${d} can have sizes from ${low} to ${high}, got ${one}`,
        { arguments: [`input: ${describe(input)}`] },
      );
  }
  return size;
}

const maxUnpools = <Size>(dims: Dims) =>
  callable(
    `nn.functional.maxUnpool${dims}d`,
    ['input', 'indices', 'kernelSize', 'stride', 'padding', 'outputSize'],
    (
      input: Tensor,
      indices: Tensor,
      kernelSize: Size,
      stride: Size | null = null,
      padding: Size | 0 = 0,
      outputSize: readonly number[] | null = null,
    ): Tensor => maxUnpool(dims, input, indices, kernelSize, { stride, padding, outputSize }),
  );

/** Puts pooled values back where they came from, zeros elsewhere: [..., L'] to [..., L]. See `nn.MaxUnpool1d`. */
export const maxUnpool1d = maxUnpools<Single>(1);
/** Puts pooled values back where they came from, zeros elsewhere: [..., H', W'] to [..., H, W]. See `nn.MaxUnpool2d`. */
export const maxUnpool2d = maxUnpools<Pair>(2);
/** Puts pooled values back where they came from, zeros elsewhere: [..., D', H', W'] to [..., D, H, W]. See `nn.MaxUnpool3d`. */
export const maxUnpool3d = maxUnpools<Triple>(3);

export interface LPPoolOptions<Size> {
  /** Step from window to window. Default: the kernel's size. */
  stride?: Size | null;
  /** Whether the output's size is rounded up. Default false. */
  ceilMode?: boolean;
}

/** @internal */
export function lpPool(
  dims: Dims,
  input: Tensor,
  normType: number,
  kernelSize: unknown,
  options: LPPoolOptions<unknown>,
): Tensor {
  const where = `nn.functional.lpPool${dims}d`;
  expectTensor(where, 'input', input);
  const { stride = null, ceilMode = false } = options;
  if (normType === 0) throw new OutOfRangeError(where, 'normType: expected a number other than 0, got 0');
  if (typeof normType !== 'number' || Number.isNaN(normType))
    throw new ArgumentTypeError(where, `normType: expected a number, got ${describe(normType)}`);
  const max = (values: Tensor): Tensor => maxPool(dims, values, kernelSize, { stride, ceilMode }) as Tensor;
  if (normType === Infinity) return max(input.abs());
  if (normType === -Infinity) return max(input.abs().neg()).neg();
  const kernel = spread(where, 'kernelSize', kernelSize, dims);
  const steps = stride === null ? [] : spread(where, 'stride', stride, dims);
  const mean = aten(
    `avg_pool${dims}d`,
    input.pow(normType),
    kernel,
    steps,
    new Array<number>(dims).fill(0),
    ceilMode,
  );
  const count = kernel.reduce((product, size) => product * size, 1);
  return mean
    .sign()
    .mul(mean.abs().relu())
    .mul(count)
    .pow(1 / normType);
}

const lpPools = <Size>(dims: Dims) =>
  callable(
    `nn.functional.lpPool${dims}d`,
    ['input', 'normType', 'kernelSize', 'stride', 'ceilMode'],
    (
      input: Tensor,
      normType: number,
      kernelSize: Size,
      stride: Size | null = null,
      ceilMode = false,
    ): Tensor => lpPool(dims, input, normType, kernelSize, { stride, ceilMode }),
  );

/** (sum of x^p over each window)^(1/p), p being `normType`: [..., L] to [..., L']. See `nn.LPPool1d`. */
export const lpPool1d = lpPools<Single>(1);
/** (sum of x^p over each window)^(1/p), p being `normType`: [..., H, W] to [..., H', W']. See `nn.LPPool2d`. */
export const lpPool2d = lpPools<Pair>(2);
/** (sum of x^p over each window)^(1/p), p being `normType`: [..., D, H, W] to [..., D', H', W']. See `nn.LPPool3d`. */
export const lpPool3d = lpPools<Triple>(3);

export interface FractionalMaxPoolOptions<Size, Indices extends boolean = false> {
  /** The output's spatial size. This or `outputRatio` has to be given. */
  outputSize?: Size | null;
  /** The output's size as a part of the input's, between 0 and 1. */
  outputRatio?: Size | null;
  /** Whether to give back where each value was found too. Default false. */
  returnIndices?: Indices;
  /** Numbers from 0 to 1, [N, C, 2] or [N, C, 3], that place the windows. Default: drawn anew at each call. */
  randomSamples?: Tensor | null;
}

/** @internal */
export function fractionalMaxPool(
  dims: 2 | 3,
  input: Tensor,
  kernelSize: unknown,
  options: FractionalMaxPoolOptions<unknown, boolean>,
): Tensor | [Tensor, Tensor] {
  const where = `nn.functional.fractionalMaxPool${dims}d`;
  const { shape } = expectTensor(where, 'input', input);
  const { returnIndices = false, randomSamples = null } = options;
  const { size, ratio } = fractionalSize(where, dims, options);
  if (shape.length !== dims + 1 && shape.length !== dims + 2)
    throw new TorchError(
      where,
      `expected an input of ${dims + 1} or ${dims + 2} dimensions, got [${shape.join(', ')}]`,
    );
  const output = size ?? ratio!.map((part, d) => Math.trunc(shape.at(d - dims)! * part));
  const batch = shape.length === dims + 1 ? 1 : shape[0]!;
  const samples =
    randomSamples ?? aten('rand', [batch, shape.at(-dims - 1), dims], input.dtype, undefined, input.device);
  const kernel = spread(where, 'kernelSize', kernelSize, dims);
  const both = atenPair(`fractional_max_pool${dims}d`, input, kernel, output, samples);
  return returnIndices ? both : both[0];
}

/** What of outputSize and outputRatio was given: one of them has to be. @internal */
export function fractionalSize(
  where: string,
  dims: 2 | 3,
  options: FractionalMaxPoolOptions<unknown, boolean>,
): { size?: number[]; ratio?: number[] } {
  const { outputSize = null, outputRatio = null } = options;
  if ((outputSize === null) === (outputRatio === null))
    throw new ArgumentTypeError(
      where,
      `expected outputSize or outputRatio, got ${outputSize === null ? 'neither' : 'both'}`,
    );
  if (outputSize !== null) return { size: spread(where, 'outputSize', outputSize, dims) };
  const ratio = spread(where, 'outputRatio', outputRatio, dims);
  if (!ratio.every((part) => part > 0 && part < 1))
    throw new TorchError(
      where,
      `outputRatio: expected numbers between 0 and 1, got ${describe(outputRatio)}`,
    );
  return { ratio };
}

const FRACTIONAL = [
  'input',
  'kernelSize',
  'outputSize',
  'outputRatio',
  'returnIndices',
  'randomSamples',
] as const;

interface FractionalMaxPool<Size> {
  <Indices extends boolean = false>(
    input: Tensor,
    kernelSize: Size,
    outputSize?: Size | null,
    outputRatio?: Size | null,
    returnIndices?: Indices,
    randomSamples?: Tensor | null,
  ): Pooled<Indices>;
  <Indices extends boolean = false>(
    ...args: CallsByName<
      typeof FRACTIONAL,
      [Tensor, Size, (Size | null)?, (Size | null)?, Indices?, (Tensor | null)?]
    >
  ): Pooled<Indices>;
}

function fractionalMaxPools<Size>(dims: 2 | 3): FractionalMaxPool<Size> {
  const pool = (
    input: Tensor,
    kernelSize: Size,
    outputSize: Size | null = null,
    outputRatio: Size | null = null,
    returnIndices = false,
    randomSamples: Tensor | null = null,
  ): Tensor | [Tensor, Tensor] =>
    fractionalMaxPool(dims, input, kernelSize, { outputSize, outputRatio, returnIndices, randomSamples });
  return named(`nn.functional.fractionalMaxPool${dims}d`, FRACTIONAL, pool) as FractionalMaxPool<Size>;
}

/** Largest values of windows placed at random: [N, C, H, W] or [C, H, W] to [..., H', W']. See `nn.FractionalMaxPool2d`. */
export const fractionalMaxPool2d = fractionalMaxPools<Pair>(2);
/** Largest values of windows placed at random: [N, C, D, H, W] or [C, D, H, W] to [..., D', H', W']. See `nn.FractionalMaxPool3d`. */
export const fractionalMaxPool3d = fractionalMaxPools<Triple>(3);

/** The output's size for each dimension; null keeps the input's. */
export type AdaptiveSize = number | readonly (number | null)[];

/** @internal */
export function adaptiveSize(where: string, dims: Dims, input: Tensor, size: AdaptiveSize): number[] {
  expectTensor(where, 'input', input);
  const kept = Array.isArray(size)
    ? size.map((one: number | null, d) => one ?? input.shape.at(d - size.length) ?? null)
    : size;
  return spread(where, 'outputSize', kept, dims);
}

/** @internal */
export function adaptiveMaxPool(
  dims: Dims,
  input: Tensor,
  outputSize: AdaptiveSize,
  options: { returnIndices?: boolean },
): Tensor | [Tensor, Tensor] {
  const where = `nn.functional.adaptiveMaxPool${dims}d`;
  const both = atenPair(`adaptive_max_pool${dims}d`, input, adaptiveSize(where, dims, input, outputSize));
  return options.returnIndices ? both : both[0];
}

const ADAPTIVE = ['input', 'outputSize', 'returnIndices'] as const;

interface AdaptiveMaxPool<Size> {
  <Indices extends boolean = false>(
    input: Tensor,
    outputSize: Size,
    returnIndices?: Indices,
  ): Pooled<Indices>;
  <Indices extends boolean = false>(
    ...args: CallsByName<typeof ADAPTIVE, [Tensor, Size, Indices?]>
  ): Pooled<Indices>;
}

function adaptiveMaxPools<Size extends AdaptiveSize>(dims: Dims): AdaptiveMaxPool<Size> {
  const pool = (input: Tensor, outputSize: Size, returnIndices = false): Tensor | [Tensor, Tensor] =>
    adaptiveMaxPool(dims, input, outputSize, { returnIndices });
  return named(`nn.functional.adaptiveMaxPool${dims}d`, ADAPTIVE, pool) as AdaptiveMaxPool<Size>;
}

const adaptiveAvgPools = (dims: 2 | 3) => {
  const where = `nn.functional.adaptiveAvgPool${dims}d`;
  return callable(where, ['input', 'outputSize'], (input: Tensor, outputSize: AdaptiveSize): Tensor =>
    aten(`adaptive_avg_pool${dims}d`, input, adaptiveSize(where, dims, input, outputSize)),
  );
};

/** Largest values of `outputSize` windows that cover the input: [..., L] to [..., outputSize]. */
export const adaptiveMaxPool1d = adaptiveMaxPools<Single>(1);
/** Largest values of windows that cover the input: [..., H, W] to [..., ...outputSize]; null keeps a size. */
export const adaptiveMaxPool2d = adaptiveMaxPools<AdaptiveSize>(2);
/** Largest values of windows that cover the input: [..., D, H, W] to [..., ...outputSize]; null keeps a size. */
export const adaptiveMaxPool3d = adaptiveMaxPools<AdaptiveSize>(3);

/** Means of windows that cover the input: [..., H, W] to [..., ...outputSize]; null keeps a size. */
export const adaptiveAvgPool2d = adaptiveAvgPools(2);
/** Means of windows that cover the input: [..., D, H, W] to [..., ...outputSize]; null keeps a size. */
export const adaptiveAvgPool3d = adaptiveAvgPools(3);
