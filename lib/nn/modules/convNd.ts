// What the convolutions that are written in TypeScript have in common. (Conv2d is libtorch's own, see conv.ts.)
import { expectOptions } from '../../core/options.js';
import { describe } from '../../core/describe.js';
import { TorchError, ArgumentTypeError } from '../../core/errors.js';
import type { Parameter, Tensor } from '../../tensor/tensor.js';
import { aten } from '../functional/call.js';
import { pad } from '../functional/padding.js';
import { Module, type AnyModule } from '../module.js';
import { expectSpatial, misfit } from './fit.js';
import { drawUniform, emptyParameter, type FactoryOptions } from './initial.js';
import { awaitForward, beside, LAZY, withoutLazy } from './lazy.js';
import { tuple } from './repr.js';
import { AXES, expectOneOf, expectWhole, spread, spreadWhole, type Dims } from './sizes.js';

export type PaddingMode = 'zeros' | 'reflect' | 'replicate' | 'circular';

/** Options of a convolution. */
export interface ConvOptions<Size> extends FactoryOptions {
  /** Default 1. */
  stride?: Size;
  /** Values added on both sides, or 'same' (output as large as the input; stride 1 only) or 'valid' (none). Default 0. */
  padding?: Size | 'same' | 'valid';
  /** Step between the values of the kernel. Default 1. */
  dilation?: Size;
  /** Groups of channels that do not see one another. Must divide both numbers of channels. Default 1. */
  groups?: number;
  /** Default true. */
  bias?: boolean;
  /** What the padding is made of. Default 'zeros'. */
  paddingMode?: PaddingMode;
}

/** Options of a transposed convolution. */
export interface ConvTransposeOptions<Size> extends FactoryOptions {
  /** Default 1. */
  stride?: Size;
  /** dilation * (kernelSize - 1) - padding zeros are added on both sides of the input. Default 0. */
  padding?: Size;
  /** What is added to one side of the output's size, less than stride or dilation. Default 0. */
  outputPadding?: Size;
  /** Groups of channels that do not see one another. Must divide both numbers of channels. Default 1. */
  groups?: number;
  /** Default true. */
  bias?: boolean;
  /** Step between the values of the kernel. Default 1. */
  dilation?: Size;
  /** Only 'zeros' is there. */
  paddingMode?: 'zeros';
}

interface AllOptions extends FactoryOptions {
  stride?: unknown;
  padding?: unknown;
  dilation?: unknown;
  outputPadding?: unknown;
  groups?: number;
  bias?: boolean;
  paddingMode?: PaddingMode;
}

/** Parameters, geometry and text of every convolution. @hidden */
abstract class Convolution<Inputs extends unknown[]> extends Module<Inputs> {
  /** 0 until the first forward of a lazy one. */
  inChannels: number;
  readonly outChannels: number;
  readonly kernelSize: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[] | 'same' | 'valid';
  readonly dilation: readonly number[];
  readonly outputPadding: readonly number[];
  readonly groups: number;
  readonly paddingMode: PaddingMode;
  weight!: Parameter;
  bias: Parameter | null = null;
  private readonly transposed: boolean;
  private readonly factory: FactoryOptions;
  private readonly hasBias: boolean;
  private pending = false;

  constructor(
    protected readonly dims: Dims,
    transposed: boolean,
    inChannels: number | typeof LAZY,
    outChannels: number,
    kernelSize: unknown,
    options: AllOptions,
  ) {
    super();
    const where = new.target.name;
    const { stride = 1, padding = 0, dilation = 1, outputPadding = 0 } = expectOptions(where, options);
    const { groups = 1, bias = true, paddingMode = 'zeros', dtype, device } = options;
    this.inChannels = inChannels === LAZY ? 0 : expectWhole(where, 'inChannels', inChannels, 1);
    this.outChannels = expectWhole(where, 'outChannels', outChannels, 0);
    this.kernelSize = spreadWhole(where, 'kernelSize', kernelSize, dims, 1);
    this.stride = spreadWhole(where, 'stride', stride, dims, 1);
    this.padding =
      typeof padding === 'string'
        ? (expectOneOf<string>(where, 'padding', padding, ['same', 'valid']) as 'same' | 'valid')
        : spreadWhole(where, 'padding', padding, dims, 0);
    this.dilation = spreadWhole(where, 'dilation', dilation, dims, 1);
    this.outputPadding = spreadWhole(where, 'outputPadding', outputPadding, dims, 0);
    this.groups = expectWhole(where, 'groups', groups, 1);
    this.paddingMode = expectOneOf(
      where,
      'paddingMode',
      paddingMode,
      transposed ? ['zeros'] : ['zeros', 'reflect', 'replicate', 'circular'],
    );
    if (padding === 'same' && this.stride.some((step) => step !== 1))
      throw new TorchError(where, `padding 'same' needs stride 1, got ${describe(stride)}`);
    this.checkGroups('outChannels', this.outChannels);
    this.transposed = transposed;
    this.factory = { ...(dtype && { dtype }), ...(device && { device }) };
    this.hasBias = bias;
    if (inChannels === LAZY) {
      this.pending = true;
      awaitForward(this, bias ? ['weight', 'bias'] : ['weight']);
      this.registerLoadStateDictPreHook((module, state, prefix) => {
        const weight = state[`${prefix}weight`];
        if (module.pending && weight !== undefined)
          module.makeParameters(module.channelsOf(weight), module.factory);
      });
    } else {
      this.makeParameters(this.inChannels, this.factory);
      this.resetParameters();
    }
  }

  // How many input channels a weight of another module of the kind has.
  private channelsOf(weight: Tensor): number {
    return this.transposed ? weight.size(0) : weight.size(1) * this.groups;
  }

  private checkGroups(name: string, channels: number): void {
    if (channels % this.groups !== 0)
      throw new TorchError(
        this.constructor.name,
        `${name}: expected a multiple of groups, which is ${this.groups}, got ${channels}`,
      );
  }

  private makeParameters(inChannels: number, factory: FactoryOptions): void {
    const { outChannels, groups } = this;
    this.checkGroups('inChannels', inChannels);
    const channels = this.transposed
      ? [inChannels, outChannels / groups]
      : [outChannels, inChannels / groups];
    this.weight = emptyParameter([...channels, ...this.kernelSize], factory);
    if (this.hasBias) this.bias = emptyParameter([outChannels], factory);
    this.inChannels = inChannels;
    this.pending = false;
  }

  /** Draws the parameters anew, uniformly from +-1/sqrt(weight.size(1) * kernel size). */
  resetParameters(): void {
    drawUniform(this.weight, this.bias);
  }

  /** Checks the input, and makes the parameters of a lazy module. */
  protected accept(input: Tensor): void {
    const { dims } = this;
    if (this.pending) {
      expectSpatial(this, input, dims, undefined);
      this.makeParameters(input.size(-dims - 1), beside(input, this.factory));
      this.resetParameters();
    }
    const kind = this.constructor.name;
    expectSpatial(
      this,
      input,
      dims,
      this.inChannels,
      (channels) =>
        `make it new nn.${kind}(${channels}, ${this.outChannels}, ...), or change what comes before it`,
    );
  }

  override namedChildren(): [name: string, module: AnyModule][] {
    // Looking for modules among the properties would come upon the parameters that are not there yet.
    return this.pending ? [] : super.namedChildren();
  }
  override extraRepr(): string {
    const { padding } = this;
    const unless = (name: string, values: readonly number[], usual: number): string[] =>
      values.every((value) => value === usual) ? [] : [`${name}=${tuple(values)}`];
    return [
      `${this.inChannels}, ${this.outChannels}, kernel_size=${tuple(this.kernelSize)}, stride=${tuple(this.stride)}`,
      ...(typeof padding === 'string' ? [`padding=${padding}`] : unless('padding', padding, 0)),
      ...unless('dilation', this.dilation, 1),
      ...unless('output_padding', this.outputPadding, 0),
      ...(this.groups === 1 ? [] : [`groups=${this.groups}`]),
      ...(this.hasBias ? [] : ['bias=False']),
      ...(this.paddingMode === 'zeros' ? [] : [`padding_mode=${this.paddingMode}`]),
    ].join(', ');
  }
  override toString(): string {
    return withoutLazy(super.toString(), this.pending);
  }
}

/** A convolution over `D` spatial dimensions. @hidden */
export abstract class ConvNd extends Convolution<[input: Tensor]> {
  constructor(
    dims: Dims,
    inChannels: number | typeof LAZY,
    outChannels: number,
    kernelSize: unknown,
    options: AllOptions,
  ) {
    super(dims, false, inChannels, outChannels, kernelSize, options);
  }
  override forward(input: Tensor): Tensor {
    this.accept(input);
    return convolve(this.dims, input, this.weight, this.bias, this);
  }
}

/** What a convolution does besides its parameters. @internal */
export interface Geometry {
  readonly kernelSize: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[] | 'same' | 'valid';
  readonly dilation: readonly number[];
  readonly groups: number;
  readonly paddingMode: PaddingMode;
}

/** @internal */
export function convolve(
  dims: Dims,
  input: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  geometry: Geometry,
): Tensor {
  const { stride, padding, dilation, groups, paddingMode } = geometry;
  const name = `conv${dims}d`;
  if (paddingMode === 'zeros')
    return aten(
      typeof padding === 'string' ? `${name}.padding` : name,
      input,
      weight,
      bias,
      stride,
      padding,
      dilation,
      groups,
    );
  const padded = pad(input, sides(dims, geometry), { mode: paddingMode });
  return aten(name, padded, weight, bias, stride, new Array<number>(dims).fill(0), dilation, groups);
}

// What `pad` takes: the last dimension first.
function sides(dims: Dims, { padding, kernelSize, dilation }: Geometry): number[] {
  if (padding === 'valid') return new Array<number>(2 * dims).fill(0);
  if (padding !== 'same') return padding.flatMap((size) => [size, size]).reverse();
  const total = kernelSize.map((size, d) => dilation[d]! * (size - 1));
  return total.reverse().flatMap((size) => [Math.floor(size / 2), size - Math.floor(size / 2)]);
}

/** A transposed convolution over `D` spatial dimensions. @hidden */
export abstract class ConvTransposeNd extends Convolution<
  [input: Tensor, options?: { outputSize?: readonly number[] | null }]
> {
  constructor(
    dims: Dims,
    inChannels: number | typeof LAZY,
    outChannels: number,
    kernelSize: unknown,
    options: AllOptions,
  ) {
    super(dims, true, inChannels, outChannels, kernelSize, options);
  }
  /**
   * `outputSize`, spatial or whole, picks one of the sizes that differ by less than the stride, in place of
   * `outputPadding`.
   */
  override forward(input: Tensor, options: { outputSize?: readonly number[] | null } = {}): Tensor {
    const { outputSize = null } = expectOptions(this.constructor.name, options);
    this.accept(input);
    const { weight, bias, stride, padding, groups, dilation } = this;
    const extra = outputSize === null ? this.outputPadding : this.paddingFor(input, outputSize);
    const name = this.dims === 1 ? 'conv_transpose1d' : `conv_transpose${this.dims}d.input`;
    return aten(name, input, weight, bias, stride, padding, extra, groups, dilation);
  }

  private paddingFor(input: Tensor, wanted: readonly number[]): number[] {
    const { dims, stride, kernelSize, dilation } = this;
    const padding = this.padding as readonly number[];
    const spatial = input.shape.slice(-dims);
    const least = spatial.map(
      (size, d) => (size - 1) * stride[d]! - 2 * padding[d]! + dilation[d]! * (kernelSize[d]! - 1) + 1,
    );
    const most = least.map((size, d) => size + stride[d]! - 1);
    if (!Array.isArray(wanted) || (wanted.length !== dims && wanted.length !== input.ndim))
      throw new ArgumentTypeError(
        this.constructor.name,
        `outputSize: expected an array of ${dims} or ${input.ndim} sizes, got ${describe(wanted)}`,
      );
    const sizes = spread(this.constructor.name, 'outputSize', (wanted as number[]).slice(-dims), dims);
    if (!sizes.every((size, d) => size >= least[d]! && size <= most[d]!))
      throw misfit(
        this,
        input,
        `one that [${AXES[dims]}] of outputSize = [${sizes.join(', ')}] can come from`,
        `from this input sizes from [${least.join(', ')}] to [${most.join(', ')}] can`,
      );
    return sizes.map((size, d) => size - least[d]!);
  }
}
