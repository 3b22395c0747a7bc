// Pooling.
import { expectBoolean, expectInteger, expectNumber } from '../../core/checks.js';
import { expectNoMore, options as optionsOf } from '../../core/options.js';
import { expectTensor, Tensor } from '../../tensor/tensor.js';
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
import { NativeModule, readOption, writeOption } from './native.js';
import { bool, number, size, tuple } from './repr.js';
import { spread, spreadWhole, type Dims, type Pair, type Single, type Triple } from './sizes.js';

// ---- the largest value of each window ----

/** A size of whatever number of dimensions. */
type Sized = number | readonly number[];

const MAX_POOL_OPTIONS = ['stride', 'padding', 'dilation', 'ceilMode', 'returnIndices'] as const;

/** The options of a max pooling, as they were given, checked. */
function maxPoolOptions<Size extends Sized>(
  where: string,
  dims: Dims,
  kernelSize: Size,
  given: MaxPoolOptions<Size, boolean>,
): Required<MaxPoolOptions<Size, boolean>> & { kernelSize: Size; stride: Size } {
  const {
    stride,
    padding = 0 as Size,
    dilation = 1 as Size,
    ceilMode = false,
    returnIndices = false,
  } = optionsOf<MaxPoolOptions<Size, boolean>, typeof MAX_POOL_OPTIONS>(where, given, MAX_POOL_OPTIONS);
  return {
    kernelSize: expectSize(where, 'kernelSize', kernelSize, dims, 1),
    stride: expectSize(where, 'stride', stride ?? kernelSize, dims, 1),
    padding: expectSize(where, 'padding', padding, dims, 0),
    dilation: expectSize(where, 'dilation', dilation, dims, 1),
    ceilMode: expectBoolean(where, 'ceilMode', ceilMode),
    returnIndices: expectBoolean(where, 'returnIndices', returnIndices),
  };
}

/** A size as it was given: a bigint passes for a number. */
function expectSize<Size extends Sized>(
  where: string,
  name: string,
  value: Size,
  dims: Dims,
  least: number,
): Size {
  const all = spreadWhole(where, name, value, dims, least);
  return (Array.isArray(value) ? all : all[0]) as Size;
}

// What Python prints of the options, which is as they were given.
function maxPoolText(module: {
  kernelSize: Sized;
  stride: Sized;
  padding: Sized;
  dilation: Sized;
  ceilMode: boolean;
}): string {
  const { kernelSize, stride, padding, dilation, ceilMode } = module;
  return `kernel_size=${size(kernelSize)}, stride=${size(stride)}, padding=${size(padding)}, dilation=${size(dilation)}, ceil_mode=${bool(ceilMode)}`;
}

abstract class MaxPoolNd<Size extends Sized, Indices extends boolean> extends Module<
  [input: Tensor],
  Pooled<Indices>
> {
  kernelSize: Size;
  stride: Size;
  padding: Size;
  dilation: Size;
  ceilMode: boolean;
  returnIndices: boolean;
  private readonly dims: Dims;

  constructor(dims: Dims, kernelSize: Size, options: MaxPoolOptions<Size, boolean>) {
    super();
    const given = maxPoolOptions(new.target.name, dims, kernelSize, options);
    this.dims = dims;
    this.kernelSize = given.kernelSize;
    this.stride = given.stride;
    this.padding = given.padding;
    this.dilation = given.dilation;
    this.ceilMode = given.ceilMode;
    this.returnIndices = given.returnIndices;
  }
  override forward(input: Tensor): Pooled<Indices> {
    const { stride, padding, dilation, ceilMode, returnIndices } = this;
    const options = { stride, padding, dilation, ceilMode, returnIndices };
    return maxPool(this.dims, input, this.kernelSize, options) as Pooled<Indices>;
  }
  override extraRepr(): string {
    return maxPoolText(this);
  }
}

/**
 * Largest value of each window: [N, C, L] to [N, C, L'], or both without N, with
 * L' = floor((L + 2 * padding - dilation * (kernelSize - 1) - 1) / stride + 1). With `returnIndices` forward gives
 * [values, indices].
 */
export class MaxPool1d<Indices extends boolean = false> extends MaxPoolNd<Single, Indices> {
  constructor(kernelSize: Single, options: MaxPoolOptions<Single, Indices> = {}) {
    super(1, kernelSize, options);
  }
}

/**
 * Largest value of each window: [N, C, H, W] to [N, C, H', W']. `stride` defaults to the kernel's size. With `returnIndices`
 * forward gives [values, indices].
 */
export class MaxPool2d<Indices extends boolean = false> extends NativeModule<Pooled<Indices>> {
  constructor(kernelSize: Pair, options: MaxPoolOptions<Pair, Indices> = {}) {
    super();
    this.make('MaxPool2d', maxPoolOptions('MaxPool2d', 2, kernelSize, options), {});
  }
  get kernelSize(): Pair {
    return readOption(this, 'kernelSize');
  }
  set kernelSize(value: Pair) {
    writeOption(this, 'kernelSize', expectSize('MaxPool2d', 'kernelSize', value, 2, 1));
  }
  get stride(): Pair {
    return readOption(this, 'stride');
  }
  set stride(value: Pair | null) {
    writeOption(this, 'stride', expectSize('MaxPool2d', 'stride', value ?? this.kernelSize, 2, 1));
  }
  get padding(): Pair {
    return readOption(this, 'padding');
  }
  set padding(value: Pair) {
    writeOption(this, 'padding', expectSize('MaxPool2d', 'padding', value, 2, 0));
  }
  get dilation(): Pair {
    return readOption(this, 'dilation');
  }
  set dilation(value: Pair) {
    writeOption(this, 'dilation', expectSize('MaxPool2d', 'dilation', value, 2, 1));
  }
  get ceilMode(): boolean {
    return readOption(this, 'ceilMode');
  }
  set ceilMode(value: boolean) {
    writeOption(this, 'ceilMode', expectBoolean('MaxPool2d', 'ceilMode', value));
  }
  get returnIndices(): boolean {
    return readOption(this, 'returnIndices');
  }
  set returnIndices(value: boolean) {
    writeOption(this, 'returnIndices', expectBoolean('MaxPool2d', 'returnIndices', value));
  }
  override forward(input: Tensor): Pooled<Indices> {
    expectTensor('MaxPool2d', 'input', input);
    const made = this.compute(input, null, null);
    return (
      typeof made === 'number' ? new Tensor(made) : made.map((handle) => new Tensor(handle))
    ) as Pooled<Indices>;
  }
  override extraRepr(): string {
    return maxPoolText(this);
  }
}

/** Largest value of each window: [N, C, D, H, W] to [N, C, D', H', W'], or both without N. See MaxPool1d. */
export class MaxPool3d<Indices extends boolean = false> extends MaxPoolNd<Triple, Indices> {
  constructor(kernelSize: Triple, options: MaxPoolOptions<Triple, Indices> = {}) {
    super(3, kernelSize, options);
  }
}

// ---- the way back ----

abstract class MaxUnpoolNd extends Module<
  [input: Tensor, indices: Tensor, options?: { outputSize?: readonly number[] | null }]
> {
  kernelSize: readonly number[];
  stride: readonly number[];
  padding: readonly number[];
  private readonly dims: Dims;

  constructor(dims: Dims, kernelSize: Sized, options: { stride?: Sized | null; padding?: Sized }) {
    super();
    const where = new.target.name;
    const { stride, padding = 0 } = optionsOf(where, options, ['stride', 'padding']);
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
    const { outputSize = null } = optionsOf(this.constructor.name, options, ['outputSize']);
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

type AllAvgPoolOptions<Size> = AvgPoolOptions<Size> & { divisorOverride?: number | null };
const AVG_POOL_OPTIONS = ['stride', 'padding', 'ceilMode', 'countIncludePad'] as const;

abstract class AvgPoolNd<Size extends Sized> extends Module {
  kernelSize: Size | readonly number[];
  stride: Size | readonly number[];
  padding: Size | readonly number[];
  ceilMode: boolean;
  countIncludePad: boolean;
  private readonly dims: Dims;

  constructor(dims: Dims, kernelSize: Size, options: AvgPoolOptions<Size>) {
    super();
    const where = new.target.name;
    const given =
      dims === 1
        ? optionsOf<AvgPoolOptions<Size>, typeof AVG_POOL_OPTIONS>(where, options, AVG_POOL_OPTIONS)
        : optionsOf<AllAvgPoolOptions<Size>, readonly (keyof AllAvgPoolOptions<Size>)[]>(where, options, [
            ...AVG_POOL_OPTIONS,
            'divisorOverride',
          ]);
    const { stride, padding = 0 as Size, ceilMode = false, countIncludePad = true } = given;
    // In one dimension Python keeps, and prints, tuples.
    const sized = (name: string, value: Size, least: number): Size | readonly number[] =>
      dims === 1 ? spreadWhole(where, name, value, dims, least) : expectSize(where, name, value, dims, least);
    this.dims = dims;
    this.kernelSize = sized('kernelSize', kernelSize, 1);
    this.stride = sized('stride', stride ?? kernelSize, 1);
    this.padding = sized('padding', padding, 0);
    this.ceilMode = expectBoolean(where, 'ceilMode', ceilMode);
    this.countIncludePad = expectBoolean(where, 'countIncludePad', countIncludePad);
  }
  /** What the operator takes besides. */
  protected more(): readonly unknown[] {
    return [];
  }
  override forward(input: Tensor): Tensor {
    const { kernelSize, stride, padding, ceilMode, countIncludePad } = this;
    expectTensor(this.constructor.name, 'input', input);
    const rest = [kernelSize, stride, padding, ceilMode, countIncludePad, ...this.more()];
    return aten(`avg_pool${this.dims}d`, input, ...rest);
  }
  override extraRepr(): string {
    return `kernel_size=${size(this.kernelSize)}, stride=${size(this.stride)}, padding=${size(this.padding)}`;
  }
}

/** Means that may be divided by another number. */
abstract class DividedAvgPoolNd<Size extends Sized> extends AvgPoolNd<Size> {
  divisorOverride: number | null;

  constructor(dims: Dims, kernelSize: Size, options: AllAvgPoolOptions<Size>) {
    super(dims, kernelSize, options);
    const { divisorOverride = null } = options;
    this.divisorOverride =
      divisorOverride === null
        ? null
        : expectInteger(new.target.name, 'divisorOverride', divisorOverride, -Infinity);
  }
  protected override more(): readonly unknown[] {
    return [this.divisorOverride];
  }
}

/**
 * Mean of each window: [N, C, L] to [N, C, L'], or both without N, with L' = floor((L + 2 * padding - kernelSize) / stride + 1).
 */
export class AvgPool1d extends AvgPoolNd<Single> {
  constructor(kernelSize: Single, options: AvgPoolOptions<Single> = {}) {
    super(1, kernelSize, options);
  }
}
/**
 * Mean of each window: [N, C, H, W] to [N, C, H', W'], or both without N. See AvgPool1d. `divisorOverride` is what sums are
 * divided by in place of the number of values.
 */
export class AvgPool2d extends DividedAvgPoolNd<Pair> {
  constructor(kernelSize: Pair, options: AvgPoolOptions<Pair> & { divisorOverride?: number | null } = {}) {
    super(2, kernelSize, options);
  }
}
/** Mean of each window: [N, C, D, H, W] to [N, C, D', H', W'], or both without N. See AvgPool2d. */
export class AvgPool3d extends DividedAvgPoolNd<Triple> {
  constructor(
    kernelSize: Triple,
    options: AvgPoolOptions<Triple> & { divisorOverride?: number | null } = {},
  ) {
    super(3, kernelSize, options);
  }
}

// ---- norms ----

abstract class LPPoolNd<Size extends Sized> extends Module {
  normType: number;
  kernelSize: Size;
  stride: Size | null;
  ceilMode: boolean;
  private readonly dims: Dims;

  constructor(dims: Dims, normType: number, kernelSize: Size, options: LPPoolOptions<Size>) {
    super();
    const where = new.target.name;
    const { stride = null, ceilMode = false } = optionsOf(where, options, ['stride', 'ceilMode']);
    this.dims = dims;
    this.normType = expectNumber(where, 'normType', normType);
    this.kernelSize = expectSize(where, 'kernelSize', kernelSize, dims, 1);
    this.stride = stride === null ? null : expectSize(where, 'stride', stride, dims, 1);
    this.ceilMode = expectBoolean(where, 'ceilMode', ceilMode);
  }
  override forward(input: Tensor): Tensor {
    const { stride, ceilMode } = this;
    return lpPool(this.dims, input, this.normType, this.kernelSize, { stride, ceilMode });
  }
  override extraRepr(): string {
    return `norm_type=${number(this.normType)}, kernel_size=${size(this.kernelSize)}, stride=${size(this.stride)}, ceil_mode=${bool(this.ceilMode)}`;
  }
}

/**
 * (sum of x^normType over each window)^(1/normType); Infinity gives the largest magnitude. [N, C, L] to [N, C, L'], or both
 * without N, with L' = floor((L - kernelSize) / stride + 1). A gradient is NaN where the sum is 0.
 */
export class LPPool1d extends LPPoolNd<Single> {
  constructor(normType: number, kernelSize: Single, options: LPPoolOptions<Single> = {}) {
    super(1, normType, kernelSize, options);
  }
}
/** (sum of x^normType over each window)^(1/normType): [N, C, H, W] to [N, C, H', W'], or both without N. See LPPool1d. */
export class LPPool2d extends LPPoolNd<Pair> {
  constructor(normType: number, kernelSize: Pair, options: LPPoolOptions<Pair> = {}) {
    super(2, normType, kernelSize, options);
  }
}
/** (sum of x^normType over each window)^(1/normType): [N, C, D, H, W] to [N, C, D', H', W'], or both without N. See LPPool1d. */
export class LPPool3d extends LPPoolNd<Triple> {
  constructor(normType: number, kernelSize: Triple, options: LPPoolOptions<Triple> = {}) {
    super(3, normType, kernelSize, options);
  }
}

// ---- windows placed at random ----

abstract class FractionalMaxPoolNd<Indices extends boolean> extends Module<[input: Tensor], Pooled<Indices>> {
  kernelSize: readonly number[];
  outputSize: readonly number[] | null;
  outputRatio: readonly number[] | null;
  returnIndices: boolean;
  /** @internal */
  declare _random_samples: Tensor | null;
  private readonly dims: 2 | 3;

  constructor(dims: 2 | 3, kernelSize: Sized, options: FractionalMaxPoolOptions<Sized, boolean>) {
    super();
    const where = new.target.name;
    const given = optionsOf(where, options, ['outputSize', 'outputRatio', 'returnIndices', 'randomSamples']);
    const { randomSamples, returnIndices = false } = given;
    this.dims = dims;
    this.kernelSize = spreadWhole(where, 'kernelSize', kernelSize, dims, 1);
    const { size = null, ratio = null } = fractionalSize(where, dims, given);
    this.outputSize = size;
    this.outputRatio = ratio;
    this.returnIndices = expectBoolean(where, 'returnIndices', returnIndices);
    this.registerBuffer('_random_samples', randomSamples ?? null);
  }
  override forward(input: Tensor): Pooled<Indices> {
    const { outputSize, outputRatio, returnIndices } = this;
    const randomSamples = this._random_samples;
    return fractionalMaxPool(this.dims, input, this.kernelSize, {
      outputSize,
      outputRatio,
      returnIndices,
      ...(randomSamples && { randomSamples }),
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
  returnIndices: boolean;
  private readonly dims: Dims;

  constructor(
    dims: Dims,
    public outputSize: AdaptiveSize,
    options: { returnIndices?: boolean },
  ) {
    super();
    const { returnIndices = false } = optionsOf(new.target.name, options, ['returnIndices']);
    this.dims = dims;
    this.returnIndices = expectBoolean(new.target.name, 'returnIndices', returnIndices);
    expectAdaptive(new.target.name, dims, outputSize);
  }
  override forward(input: Tensor): Pooled<Indices> {
    const { returnIndices } = this;
    return adaptiveMaxPool(this.dims, input, this.outputSize, { returnIndices }) as Pooled<Indices>;
  }
  override extraRepr(): string {
    return `output_size=${size(this.outputSize)}`;
  }
}

function expectAdaptive(where: string, dims: Dims, outputSize: AdaptiveSize): void {
  const sizes = Array.isArray(outputSize) ? outputSize.map((one: number | null) => one ?? 0) : outputSize;
  for (const one of spread(where, 'outputSize', sizes, dims)) expectInteger(where, 'outputSize', one);
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
    public outputSize: AdaptiveSize,
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
    expectNoMore(new.target.name, arguments, 1);
  }
}
/** As AdaptiveAvgPool1d for [N, C, H, W]: `outputSize` is a number or [H', W'], null in it keeps the input's size. */
export class AdaptiveAvgPool2d extends AdaptiveAvgPoolNd {
  constructor(outputSize: AdaptiveSize) {
    super(2, outputSize);
    expectNoMore(new.target.name, arguments, 1);
  }
}
/** As AdaptiveAvgPool1d for [N, C, D, H, W]: `outputSize` is a number or [D', H', W'], null in it keeps the input's size. */
export class AdaptiveAvgPool3d extends AdaptiveAvgPoolNd {
  constructor(outputSize: AdaptiveSize) {
    super(3, outputSize);
    expectNoMore(new.target.name, arguments, 1);
  }
}
