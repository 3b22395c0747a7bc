// Pooling.
import { expectOptions } from '../../core/options.js';
import { expectTensor, type Tensor } from '../../tensor/tensor.js';
import { aten } from '../functional/call.js';
import {
  adaptiveAvgPool2d,
  adaptiveAvgPool3d,
  adaptiveMaxPool,
  fractionalMaxPool,
  fractionalSize,
  lpPool,
  maxPool,
  maxUnpool,
  type AdaptiveSize,
  type FractionalMaxPoolOptions,
  type LPPoolOptions,
  type MaxPoolOptions,
  type Pooled,
} from '../functional/pooling.js';
import { Module } from '../module.js';
import { Leaf } from './leaf.js';
import type { Pair } from './pair.js';
import { bool, number, size, tuple } from './repr.js';
import { expectWhole, spread, spreadWhole, type Dims, type Single, type Triple } from './sizes.js';

// ---- the largest value of each window ----

// What Python prints of the options, which is as they were given.
function maxPoolText(kernelSize: Sized, options: MaxPoolOptions<Sized, boolean>): string {
  const { padding = 0, dilation = 1, ceilMode = false } = options;
  const stride = options.stride ?? kernelSize;
  return `kernel_size=${size(kernelSize)}, stride=${size(stride)}, padding=${size(padding)}, dilation=${size(dilation)}, ceil_mode=${bool(ceilMode)}`;
}

/** A size of whatever number of dimensions. */
type Sized = number | readonly number[];

abstract class MaxPoolNd<Indices extends boolean> extends Module<[input: Tensor], Pooled<Indices>> {
  private readonly dims: Dims;
  private readonly options: MaxPoolOptions<Sized, boolean>;

  constructor(
    dims: Dims,
    readonly kernelSize: Sized,
    options: MaxPoolOptions<Sized, boolean>,
  ) {
    super();
    this.dims = dims;
    this.options = { ...expectOptions(new.target.name, options) };
    spreadWhole(new.target.name, 'kernelSize', kernelSize, dims, 1);
  }
  override forward(input: Tensor): Pooled<Indices> {
    return maxPool(this.dims, input, this.kernelSize, this.options) as Pooled<Indices>;
  }
  override extraRepr(): string {
    return maxPoolText(this.kernelSize, this.options);
  }
}

/**
 * Largest value of each window: [N, C, L] to [N, C, L'], or both without N, with
 * L' = floor((L + 2 * padding - dilation * (kernelSize - 1) - 1) / stride + 1). With `returnIndices` forward gives
 * [values, indices].
 */
export class MaxPool1d<Indices extends boolean = false> extends MaxPoolNd<Indices> {
  constructor(kernelSize: Single, options: MaxPoolOptions<Single, Indices> = {}) {
    super(1, kernelSize, options);
  }
}

/**
 * Largest value of each window: [N, C, H, W] to [N, C, H', W']. `stride` defaults to the kernel's size. With `returnIndices`
 * forward gives [values, indices].
 */
export class MaxPool2d<Indices extends boolean = false> extends Leaf<[input: Tensor], Pooled<Indices>> {
  readonly kernelSize: Pair;
  private readonly options: MaxPoolOptions<Pair, Indices>;

  constructor(kernelSize: Pair, options: MaxPoolOptions<Pair, Indices> = {}) {
    const { stride, ...rest } = expectOptions('MaxPool2d', options);
    super('MaxPool2d', {
      kernelSize,
      ...rest,
      ...(stride === null || stride === undefined ? {} : { stride }),
    });
    this.kernelSize = kernelSize;
    this.options = { ...options };
  }
  override forward(input: Tensor): Pooled<Indices> {
    // libtorch's module has its indices in a function of another name.
    return this.options.returnIndices
      ? (maxPool(2, input, this.kernelSize, this.options) as Pooled<Indices>)
      : super.forward(input);
  }
  override extraRepr(): string {
    return maxPoolText(this.kernelSize, this.options);
  }
}

/** Largest value of each window: [N, C, D, H, W] to [N, C, D', H', W'], or both without N. See MaxPool1d. */
export class MaxPool3d<Indices extends boolean = false> extends MaxPoolNd<Indices> {
  constructor(kernelSize: Triple, options: MaxPoolOptions<Triple, Indices> = {}) {
    super(3, kernelSize, options);
  }
}

// ---- the way back ----

abstract class MaxUnpoolNd extends Module<
  [input: Tensor, indices: Tensor, options?: { outputSize?: readonly number[] | null }]
> {
  readonly kernelSize: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  private readonly dims: Dims;

  constructor(dims: Dims, kernelSize: Sized, options: { stride?: Sized | null; padding?: Sized }) {
    super();
    const where = new.target.name;
    const { stride, padding = 0 } = expectOptions(where, options);
    this.dims = dims;
    this.kernelSize = spreadWhole(where, 'kernelSize', kernelSize, dims, 1);
    this.stride = spreadWhole(where, 'stride', stride ?? kernelSize, dims, 1);
    this.padding = spreadWhole(where, 'padding', padding, dims, 0);
  }
  /** `outputSize`, spatial or whole: the size of what was pooled, where pooling left something out. */
  override forward(
    input: Tensor,
    indices: Tensor,
    options: { outputSize?: readonly number[] | null } = {},
  ): Tensor {
    const { outputSize = null } = expectOptions(this.constructor.name, options);
    const { kernelSize, stride, padding } = this;
    return maxUnpool(this.dims, input, indices, kernelSize, { stride, padding, outputSize });
  }
  override extraRepr(): string {
    return `kernel_size=${tuple(this.kernelSize)}, stride=${tuple(this.stride)}, padding=${tuple(this.padding)}`;
  }
}

/**
 * Puts what MaxPool1d gave back to where it came from, zeros elsewhere: [N, C, L'] and its indices to [N, C, L], or all
 * without N, with L = (L' - 1) * stride - 2 * padding + kernelSize unless forward is told the `outputSize`.
 */
export class MaxUnpool1d extends MaxUnpoolNd {
  constructor(kernelSize: Single, options: { stride?: Single | null; padding?: Single } = {}) {
    super(1, kernelSize, options);
  }
}
/** Puts what MaxPool2d gave back to where it came from: [N, C, H', W'] and its indices to [N, C, H, W]. See MaxUnpool1d. */
export class MaxUnpool2d extends MaxUnpoolNd {
  constructor(kernelSize: Pair, options: { stride?: Pair | null; padding?: Pair } = {}) {
    super(2, kernelSize, options);
  }
}
/** Puts what MaxPool3d gave back to where it came from: [N, C, D', H', W'] and its indices to [N, C, D, H, W]. See MaxUnpool1d. */
export class MaxUnpool3d extends MaxUnpoolNd {
  constructor(kernelSize: Triple, options: { stride?: Triple | null; padding?: Triple } = {}) {
    super(3, kernelSize, options);
  }
}

// ---- means ----

export interface AvgPoolOptions<Size> {
  /** Step from window to window. Default: the kernel's size. */
  stride?: Size | null;
  /** Zeros added on both sides, at most half the kernel. Default 0. */
  padding?: Size;
  /** Whether the output's size is rounded up. Default false. */
  ceilMode?: boolean;
  /** Whether the zeros count in the means. Default true. */
  countIncludePad?: boolean;
}

abstract class AvgPoolNd extends Module {
  readonly kernelSize: Sized;
  readonly stride: Sized;
  readonly padding: Sized;
  private readonly dims: Dims;
  private readonly rest: unknown[];

  constructor(
    dims: Dims,
    kernelSize: Sized,
    options: AvgPoolOptions<Sized> & { divisorOverride?: number | null },
  ) {
    super();
    const where = new.target.name;
    const { stride, padding = 0, ceilMode = false, countIncludePad = true } = expectOptions(where, options);
    this.dims = dims;
    const all = {
      kernelSize: spreadWhole(where, 'kernelSize', kernelSize, dims, 1),
      stride: spreadWhole(where, 'stride', stride ?? kernelSize, dims, 1),
      padding: spreadWhole(where, 'padding', padding, dims, 0),
    };
    // In one dimension Python keeps, and prints, tuples.
    this.kernelSize = dims === 1 ? all.kernelSize : kernelSize;
    this.stride = dims === 1 ? all.stride : (stride ?? kernelSize);
    this.padding = dims === 1 ? all.padding : padding;
    const divisor = dims === 1 ? [] : [options.divisorOverride];
    this.rest = [...Object.values(all), ceilMode, countIncludePad, ...divisor];
  }
  override forward(input: Tensor): Tensor {
    expectTensor(this.constructor.name, 'input', input);
    return aten(`avg_pool${this.dims}d`, input, ...this.rest);
  }
  override extraRepr(): string {
    return `kernel_size=${size(this.kernelSize)}, stride=${size(this.stride)}, padding=${size(this.padding)}`;
  }
}

/**
 * Mean of each window: [N, C, L] to [N, C, L'], or both without N, with L' = floor((L + 2 * padding - kernelSize) / stride + 1).
 */
export class AvgPool1d extends AvgPoolNd {
  constructor(kernelSize: Single, options: AvgPoolOptions<Single> = {}) {
    super(1, kernelSize, options);
  }
}
/**
 * Mean of each window: [N, C, H, W] to [N, C, H', W'], or both without N. See AvgPool1d. `divisorOverride` is what sums are
 * divided by in place of the number of values.
 */
export class AvgPool2d extends AvgPoolNd {
  constructor(kernelSize: Pair, options: AvgPoolOptions<Pair> & { divisorOverride?: number | null } = {}) {
    super(2, kernelSize, options);
  }
}
/** Mean of each window: [N, C, D, H, W] to [N, C, D', H', W'], or both without N. See AvgPool2d. */
export class AvgPool3d extends AvgPoolNd {
  constructor(
    kernelSize: Triple,
    options: AvgPoolOptions<Triple> & { divisorOverride?: number | null } = {},
  ) {
    super(3, kernelSize, options);
  }
}

// ---- norms ----

abstract class LPPoolNd extends Module {
  private readonly dims: Dims;
  private readonly options: LPPoolOptions<Sized>;

  constructor(
    dims: Dims,
    readonly normType: number,
    readonly kernelSize: Sized,
    options: LPPoolOptions<Sized>,
  ) {
    super();
    this.dims = dims;
    this.options = { ...expectOptions(new.target.name, options) };
    spreadWhole(new.target.name, 'kernelSize', kernelSize, dims, 1);
  }
  override forward(input: Tensor): Tensor {
    return lpPool(this.dims, input, this.normType, this.kernelSize, this.options);
  }
  override extraRepr(): string {
    const { stride = null, ceilMode = false } = this.options;
    return `norm_type=${number(this.normType)}, kernel_size=${size(this.kernelSize)}, stride=${size(stride)}, ceil_mode=${bool(ceilMode)}`;
  }
}

/**
 * (sum of x^normType over each window)^(1/normType); Infinity gives the largest magnitude. [N, C, L] to [N, C, L'], or both
 * without N, with L' = floor((L - kernelSize) / stride + 1). A gradient is NaN where the sum is 0.
 */
export class LPPool1d extends LPPoolNd {
  constructor(normType: number, kernelSize: Single, options: LPPoolOptions<Single> = {}) {
    super(1, normType, kernelSize, options);
  }
}
/** (sum of x^normType over each window)^(1/normType): [N, C, H, W] to [N, C, H', W'], or both without N. See LPPool1d. */
export class LPPool2d extends LPPoolNd {
  constructor(normType: number, kernelSize: Pair, options: LPPoolOptions<Pair> = {}) {
    super(2, normType, kernelSize, options);
  }
}
/** (sum of x^normType over each window)^(1/normType): [N, C, D, H, W] to [N, C, D', H', W'], or both without N. See LPPool1d. */
export class LPPool3d extends LPPoolNd {
  constructor(normType: number, kernelSize: Triple, options: LPPoolOptions<Triple> = {}) {
    super(3, normType, kernelSize, options);
  }
}

// ---- windows placed at random ----

abstract class FractionalMaxPoolNd<Indices extends boolean> extends Module<[input: Tensor], Pooled<Indices>> {
  readonly kernelSize: readonly number[];
  private readonly dims: 2 | 3;
  private readonly options: FractionalMaxPoolOptions<Sized, boolean>;

  constructor(dims: 2 | 3, kernelSize: Sized, options: FractionalMaxPoolOptions<Sized, boolean>) {
    super();
    const { randomSamples, ...rest } = expectOptions(new.target.name, options);
    this.dims = dims;
    this.kernelSize = spreadWhole(new.target.name, 'kernelSize', kernelSize, dims, 1);
    this.options = rest;
    fractionalSize(new.target.name, dims, options);
    if (randomSamples) this.registerBuffer('_random_samples', randomSamples);
  }
  override forward(input: Tensor): Pooled<Indices> {
    const samples = this.namedBuffers().find(([name]) => name === '_random_samples');
    return fractionalMaxPool(this.dims, input, this.kernelSize, {
      ...this.options,
      ...(samples && { randomSamples: samples[1] }),
    }) as Pooled<Indices>;
  }
}

/**
 * Largest values of windows whose places are drawn at each forward, so that a picture can become smaller by any factor:
 * [N, C, H, W] to [N, C, H', W'], or both without N. `outputSize` is [H', W'], or `outputRatio` times [H, W] rounded down.
 * Fractional Max-Pooling, https://arxiv.org/abs/1412.6071.
 */
export class FractionalMaxPool2d<Indices extends boolean = false> extends FractionalMaxPoolNd<Indices> {
  constructor(kernelSize: Pair, options: FractionalMaxPoolOptions<Pair, Indices>) {
    super(2, kernelSize, options);
  }
}
/** As FractionalMaxPool2d for [N, C, D, H, W] or [C, D, H, W]. */
export class FractionalMaxPool3d<Indices extends boolean = false> extends FractionalMaxPoolNd<Indices> {
  constructor(kernelSize: Triple, options: FractionalMaxPoolOptions<Triple, Indices>) {
    super(3, kernelSize, options);
  }
}

// ---- a fixed number of windows ----

abstract class AdaptiveMaxPoolNd<Indices extends boolean> extends Module<[input: Tensor], Pooled<Indices>> {
  private readonly dims: Dims;
  private readonly options: { returnIndices?: boolean };

  constructor(
    dims: Dims,
    readonly outputSize: AdaptiveSize,
    options: { returnIndices?: boolean },
  ) {
    super();
    this.dims = dims;
    this.options = { ...expectOptions(new.target.name, options) };
    expectAdaptive(new.target.name, dims, outputSize);
  }
  override forward(input: Tensor): Pooled<Indices> {
    return adaptiveMaxPool(this.dims, input, this.outputSize, this.options) as Pooled<Indices>;
  }
  override extraRepr(): string {
    return `output_size=${size(this.outputSize)}`;
  }
}

function expectAdaptive(where: string, dims: Dims, outputSize: AdaptiveSize): void {
  const sizes = Array.isArray(outputSize) ? outputSize.map((one: number | null) => one ?? 0) : outputSize;
  for (const one of spread(where, 'outputSize', sizes, dims)) expectWhole(where, 'outputSize', one, 0);
}

/** Largest values of `outputSize` windows that cover the input: [N, C, L] to [N, C, outputSize], or both without N. */
export class AdaptiveMaxPool1d<Indices extends boolean = false> extends AdaptiveMaxPoolNd<Indices> {
  constructor(outputSize: Single, options: { returnIndices?: Indices } = {}) {
    super(1, outputSize, options);
  }
}
/** As AdaptiveMaxPool1d for [N, C, H, W]: `outputSize` is a number or [H', W'], null in it keeps the input's size. */
export class AdaptiveMaxPool2d<Indices extends boolean = false> extends AdaptiveMaxPoolNd<Indices> {
  constructor(outputSize: AdaptiveSize, options: { returnIndices?: Indices } = {}) {
    super(2, outputSize, options);
  }
}
/** As AdaptiveMaxPool1d for [N, C, D, H, W]: `outputSize` is a number or [D', H', W'], null in it keeps the input's size. */
export class AdaptiveMaxPool3d<Indices extends boolean = false> extends AdaptiveMaxPoolNd<Indices> {
  constructor(outputSize: AdaptiveSize, options: { returnIndices?: Indices } = {}) {
    super(3, outputSize, options);
  }
}

abstract class AdaptiveAvgPoolNd extends Module {
  private readonly dims: Dims;

  constructor(
    dims: Dims,
    readonly outputSize: AdaptiveSize,
  ) {
    super();
    this.dims = dims;
    expectAdaptive(new.target.name, dims, outputSize);
  }
  override forward(input: Tensor): Tensor {
    expectTensor(this.constructor.name, 'input', input);
    if (this.dims === 1) return aten('adaptive_avg_pool1d', input, this.outputSize);
    return this.dims === 2
      ? adaptiveAvgPool2d(input, this.outputSize)
      : adaptiveAvgPool3d(input, this.outputSize);
  }
  override extraRepr(): string {
    return `output_size=${size(this.outputSize)}`;
  }
}

/** Means of `outputSize` windows that cover the input: [N, C, L] to [N, C, outputSize], or both without N. */
export class AdaptiveAvgPool1d extends AdaptiveAvgPoolNd {
  constructor(outputSize: Single) {
    super(1, outputSize);
  }
}
/** As AdaptiveAvgPool1d for [N, C, H, W]: `outputSize` is a number or [H', W'], null in it keeps the input's size. */
export class AdaptiveAvgPool2d extends AdaptiveAvgPoolNd {
  constructor(outputSize: AdaptiveSize) {
    super(2, outputSize);
  }
}
/** As AdaptiveAvgPool1d for [N, C, D, H, W]: `outputSize` is a number or [D', H', W'], null in it keeps the input's size. */
export class AdaptiveAvgPool3d extends AdaptiveAvgPoolNd {
  constructor(outputSize: AdaptiveSize) {
    super(3, outputSize);
  }
}
