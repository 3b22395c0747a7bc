// What convolutions have in common: options, text, and the forward of those that are written in TypeScript. (Conv2d's is
// libtorch's, see conv.ts.)
import { expectBoolean, expectInteger, expectOneOf } from '../../core/checks.js';
import { options as optionsOf } from '../../core/options.js';
import { describe } from '../../core/describe.js';
import type { Device } from '../../core/dtype.js';
import { TorchError, ArgumentTypeError } from '../../core/errors.js';
import type { Parameter } from '../../tensor/parameter.js';
import type { Tensor } from '../../tensor/tensor.js';
import { aten } from '../functional/call.js';
import { pad } from '../functional/padding.js';
import { Module } from '../module.js';
import { isUninitialized } from '../uninitialized.js';
import { expectSpatial, misfit } from './fit.js';
import { drawUniform, type FactoryOptions } from './initial.js';
import { initialize, LAZY, lazyParameter, withoutLazy } from './lazy.js';
import { size } from './repr.js';
import { AXES, spread, spreadWhole, type Dims } from './sizes.js';

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

type AllOptions = ConvOptions<unknown> & { outputPadding?: unknown };

const CONV_OPTIONS = [
  'stride',
  'padding',
  'dilation',
  'groups',
  'bias',
  'paddingMode',
  'device',
  'dtype',
] as const;
const PADDING_MODES: readonly PaddingMode[] = ['zeros', 'reflect', 'replicate', 'circular'];

/** What a convolution does besides its parameters, as the constructor takes it. @internal */
export interface Geometry {
  inChannels: number;
  outChannels: number;
  kernelSize: readonly number[];
  stride: readonly number[];
  padding: readonly number[] | 'same' | 'valid';
  dilation: readonly number[];
  groups: number;
  paddingMode: PaddingMode;
}

/** A convolution's options, checked, with a number for each dimension. @internal */
export function convOptions(
  where: string,
  dims: Dims,
  transposed: boolean,
  inChannels: number | typeof LAZY,
  outChannels: number,
  kernelSize: unknown,
  given: AllOptions,
): Geometry & { outputPadding: readonly number[]; bias: boolean; factory: FactoryOptions } {
  const {
    stride = 1,
    padding = 0,
    dilation = 1,
    outputPadding = 0,
    groups = 1,
    bias = true,
    paddingMode = 'zeros',
    dtype,
    device,
  }: AllOptions = transposed
    ? optionsOf<AllOptions, readonly (keyof AllOptions)[]>(where, given, [...CONV_OPTIONS, 'outputPadding'])
    : optionsOf<ConvOptions<unknown>, typeof CONV_OPTIONS>(where, given, CONV_OPTIONS);
  const made = {
    inChannels: inChannels === LAZY ? 0 : expectInteger(where, 'inChannels', inChannels),
    outChannels: expectInteger(where, 'outChannels', outChannels),
    kernelSize: spreadWhole(where, 'kernelSize', kernelSize, dims, 1),
    stride: spreadWhole(where, 'stride', stride, dims, 1),
    padding: expectPadding(where, padding, dims),
    dilation: spreadWhole(where, 'dilation', dilation, dims, 1),
    outputPadding: spreadWhole(where, 'outputPadding', outputPadding, dims, 0),
    groups: expectInteger(where, 'groups', groups, 1),
    paddingMode: expectPaddingMode(where, paddingMode, transposed),
    bias: expectBoolean(where, 'bias', bias),
    factory: { ...(dtype && { dtype }), ...(device && { device }) },
  };
  if (padding === 'same' && made.stride.some((step) => step !== 1))
    throw new TorchError(where, `padding 'same' needs stride 1, got ${describe(stride)}`);
  if (inChannels !== LAZY) checkGroups(where, 'inChannels', made.inChannels, made.groups);
  checkGroups(where, 'outChannels', made.outChannels, made.groups);
  return made;
}

/** @internal */
export function expectPadding(where: string, padding: unknown, dims: Dims): number[] | 'same' | 'valid' {
  return typeof padding === 'string'
    ? expectOneOf(where, 'padding', padding, ['same', 'valid'] as const)
    : spreadWhole(where, 'padding', padding, dims, 0);
}

/** @internal */
export function expectPaddingMode(where: string, mode: unknown, transposed = false): PaddingMode {
  return expectOneOf(where, 'paddingMode', mode, transposed ? ['zeros'] : PADDING_MODES);
}

function checkGroups(where: string, name: string, channels: number, groups: number): void {
  if (channels % groups !== 0)
    throw new TorchError(
      where,
      `${name}: expected a multiple of groups, which is ${groups}, got ${channels}`,
    );
}

/** What Python prints of a convolution. @internal */
export function convText(module: Geometry & { outputPadding?: readonly number[] }, hasBias: boolean): string {
  const { padding } = module;
  const unless = (name: string, values: readonly number[], usual: number): string[] =>
    Array.isArray(values) && values.every((value) => value === usual) ? [] : [`${name}=${size(values)}`];
  return [
    `${module.inChannels}, ${module.outChannels}, kernel_size=${size(module.kernelSize)}, stride=${size(module.stride)}`,
    ...(typeof padding === 'string' ? [`padding=${padding}`] : unless('padding', padding, 0)),
    ...unless('dilation', module.dilation, 1),
    ...unless('output_padding', module.outputPadding ?? [], 0),
    ...(module.groups === 1 ? [] : [`groups=${module.groups}`]),
    ...(hasBias ? [] : ['bias=False']),
    ...(module.paddingMode === 'zeros' ? [] : [`padding_mode=${module.paddingMode}`]),
  ].join(', ');
}

/** What an input should have been, and how to take this one. @internal */
export function convAdvice(kind: string, outChannels: number): (channels: number) => string {
  return (channels) =>
    `make it new nn.${kind}(${channels}, ${outChannels}, ...), or change what comes before it`;
}

/** Parameters, geometry and text of every convolution. @hidden */
abstract class Convolution<Inputs extends unknown[]> extends Module<Inputs> {
  /** 0 until the first forward of a lazy one. */
  inChannels: number;
  outChannels: number;
  kernelSize: readonly number[];
  stride: readonly number[];
  padding: readonly number[] | 'same' | 'valid';
  dilation: readonly number[];
  outputPadding: readonly number[];
  groups: number;
  paddingMode: PaddingMode;
  declare weight: Parameter;
  declare bias: Parameter | null;
  private readonly transposed: boolean;
  private pending: boolean;

  constructor(
    protected readonly dims: Dims,
    transposed: boolean,
    inChannels: number | typeof LAZY,
    outChannels: number,
    kernelSize: unknown,
    options: AllOptions,
  ) {
    super();
    const given = convOptions(
      new.target.name,
      dims,
      transposed,
      inChannels,
      outChannels,
      kernelSize,
      options,
    );
    this.inChannels = given.inChannels;
    this.outChannels = given.outChannels;
    this.kernelSize = given.kernelSize;
    this.stride = given.stride;
    this.padding = given.padding;
    this.dilation = given.dilation;
    this.outputPadding = given.outputPadding;
    this.groups = given.groups;
    this.paddingMode = given.paddingMode;
    this.transposed = transposed;
    this.pending = inChannels === LAZY;
    const { factory, bias } = given;
    const shape = this.pending ? undefined : this.weightShape(this.inChannels);
    this.registerParameter('weight', lazyParameter(shape, factory));
    this.registerParameter('bias', bias ? lazyParameter(shape && [this.outChannels], factory) : null);
    if (!this.pending) this.resetParameters();
    else
      this.registerLoadStateDictPreHook((module, state, prefix) => {
        const weight = state[`${prefix}weight`];
        if (module.pending && weight !== undefined && !isUninitialized(weight))
          module.learn(module.channelsOf(weight));
      });
  }

  // How many input channels a weight of another module of the kind has.
  private channelsOf(weight: Tensor): number {
    return this.transposed ? weight.size(0) : weight.size(1) * this.groups;
  }

  private weightShape(inChannels: number): number[] {
    const { outChannels, groups } = this;
    const channels = this.transposed
      ? [inChannels, outChannels / groups]
      : [outChannels, inChannels / groups];
    return [...channels, ...this.kernelSize];
  }

  private learn(inChannels: number, device?: Device): void {
    checkGroups(this.constructor.name, 'inChannels', inChannels, this.groups);
    this.inChannels = inChannels;
    this.pending = false;
    const { weight, bias, outChannels } = this;
    initialize([[weight, this.weightShape(inChannels)], [bias, [outChannels]]], device); // prettier-ignore
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
      this.learn(input.size(-dims - 1), input.device);
      this.resetParameters();
    }
    expectSpatial(this, input, dims, this.inChannels, convAdvice(this.constructor.name, this.outChannels));
  }

  override extraRepr(): string {
    return convText(this, this.bias !== null);
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

function convolve(
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
    const { outputSize = null } = optionsOf(this.constructor.name, options, ['outputSize']);
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
