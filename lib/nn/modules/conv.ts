// Convolutions.
import { expectOptions } from '../../core/options.js';
import type { DType } from '../../core/dtype.js';
import type { Parameter, Tensor } from '../../tensor/tensor.js';
import {
  convolve,
  ConvNd,
  ConvTransposeNd,
  type ConvOptions,
  type ConvTransposeOptions,
  type Geometry,
} from './convNd.js';
import { LAZY } from './lazy.js';
import { Leaf } from './leaf.js';
import { pair, type Pair } from './pair.js';
import { expectWhole, spread, type Single, type Triple } from './sizes.js';

export type { ConvOptions, ConvTransposeOptions, PaddingMode } from './convNd.js';

export interface Conv2dOptions {
  /** Default 1. */
  stride?: Pair;
  /** Values added on both sides, or 'same' (output as large as the input; stride 1 only) or 'valid' (none). Default 0. */
  padding?: Pair | 'same' | 'valid';
  /** Default 1. */
  dilation?: Pair;
  /** Default 1. */
  groups?: number;
  /** Default true. */
  bias?: boolean;
  /** Default 'zeros'. */
  paddingMode?: 'zeros' | 'reflect' | 'replicate' | 'circular';
  /** Default float32. */
  dtype?: DType;
}

/**
 * 2D convolution: [N, inChannels, H, W] to [N, outChannels, H', W'] with
 * H' = floor((H + 2 * padding - dilation * (kernelSize - 1) - 1) / stride + 1).
 *
 * weight [outChannels, inChannels / groups, kernel height, kernel width] and bias [outChannels] are drawn uniformly from
 * +-1/sqrt(inChannels / groups * kernel height * kernel width).
 */
export class Conv2d extends Leaf {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernelSize: Pair;
  weight: Parameter;
  bias: Parameter | null;
  private readonly geometry: Geometry;
  readonly #repr: string;

  constructor(inChannels: number, outChannels: number, kernelSize: Pair, options: Conv2dOptions = {}) {
    const { padding, ...rest } = expectOptions('Conv2d', options);
    const size =
      typeof padding === 'string' ? { paddingName: padding } : padding === undefined ? {} : { padding };
    super('Conv2d', { inChannels, outChannels, kernelSize, ...size, ...rest });
    // The native side takes bigints as they are.
    this.inChannels = expectWhole('Conv2d', 'inChannels', inChannels, 0);
    this.outChannels = expectWhole('Conv2d', 'outChannels', outChannels, 0);
    this.kernelSize = kernelSize;
    this.weight = this.parameter('weight')!;
    this.bias = this.parameter('bias');
    const { stride = 1, dilation = 1, groups = 1, bias = true, paddingMode = 'zeros' } = options;
    const both = (value: unknown): number[] => spread('Conv2d', 'option', value, 2);
    this.geometry = {
      kernelSize: both(kernelSize),
      stride: both(stride),
      padding: typeof padding === 'string' ? padding : both(padding ?? 0),
      dilation: both(dilation),
      groups,
      paddingMode,
    };
    this.#repr = [
      `${inChannels}, ${outChannels}, kernel_size=${pair(kernelSize)}, stride=${pair(stride)}`,
      ...(typeof padding === 'string'
        ? [`padding=${padding}`]
        : padding !== undefined && pair(padding) !== '(0, 0)'
          ? [`padding=${pair(padding)}`]
          : []),
      ...(pair(dilation) === '(1, 1)' ? [] : [`dilation=${pair(dilation)}`]),
      ...(groups === 1 ? [] : [`groups=${groups}`]),
      ...(bias ? [] : ['bias=False']),
      ...(paddingMode === 'zeros' ? [] : [`padding_mode=${paddingMode}`]),
    ].join(', ');
  }
  protected override compute(parameters: { weight: Tensor; bias: Tensor | null }, input: Tensor): Tensor {
    return convolve(2, input, parameters.weight, parameters.bias, this.geometry);
  }
  protected override expected(input: Tensor): string | undefined {
    const { shape } = input;
    const channels = shape.at(-3);
    const fits = shape.length === 3 || shape.length === 4;
    if (fits && channels === this.inChannels) return undefined;
    const right = `[N, ${this.inChannels}, H, W] or [${this.inChannels}, H, W]`;
    return fits
      ? `${right}; make it new nn.Conv2d(${channels}, ${this.outChannels}, ...), or change what comes before it`
      : right;
  }
  override extraRepr(): string {
    return this.#repr;
  }
}

/**
 * 1D convolution: [N, inChannels, L] to [N, outChannels, L'], or [inChannels, L] to [outChannels, L'], with
 * L' = floor((L + 2 * padding - dilation * (kernelSize - 1) - 1) / stride + 1).
 *
 * weight [outChannels, inChannels / groups, kernelSize] and bias [outChannels] are drawn uniformly from
 * +-1/sqrt(inChannels / groups * kernelSize).
 */
export class Conv1d extends ConvNd {
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: Single,
    options: ConvOptions<Single> = {},
  ) {
    super(1, inChannels, outChannels, kernelSize, options);
  }
}

/**
 * 3D convolution: [N, inChannels, D, H, W] to [N, outChannels, D', H', W'], or both without N, with
 * D' = floor((D + 2 * padding - dilation * (kernelSize - 1) - 1) / stride + 1), and H' and W' in the same way.
 *
 * weight [outChannels, inChannels / groups, ...kernelSize] and bias [outChannels] are drawn uniformly from
 * +-1/sqrt(inChannels / groups * values of a kernel).
 */
export class Conv3d extends ConvNd {
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: Triple,
    options: ConvOptions<Triple> = {},
  ) {
    super(3, inChannels, outChannels, kernelSize, options);
  }
}

/**
 * Transposed 1D convolution, the gradient of Conv1d: [N, inChannels, L] to [N, outChannels, L'], or both without N, with
 * L' = (L - 1) * stride - 2 * padding + dilation * (kernelSize - 1) + outputPadding + 1.
 *
 * weight [inChannels, outChannels / groups, kernelSize] and bias [outChannels] are drawn uniformly from
 * +-1/sqrt(outChannels / groups * kernelSize). `forward(input, { outputSize })` picks L' itself.
 */
export class ConvTranspose1d extends ConvTransposeNd {
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: Single,
    options: ConvTransposeOptions<Single> = {},
  ) {
    super(1, inChannels, outChannels, kernelSize, options);
  }
}

/** Transposed 2D convolution, the gradient of Conv2d: [N, inChannels, H, W] to [N, outChannels, H', W']. See ConvTranspose1d. */
export class ConvTranspose2d extends ConvTransposeNd {
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: Pair,
    options: ConvTransposeOptions<Pair> = {},
  ) {
    super(2, inChannels, outChannels, kernelSize, options);
  }
}

/**
 * Transposed 3D convolution, the gradient of Conv3d: [N, inChannels, D, H, W] to [N, outChannels, D', H', W']. See
 * ConvTranspose1d.
 */
export class ConvTranspose3d extends ConvTransposeNd {
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: Triple,
    options: ConvTransposeOptions<Triple> = {},
  ) {
    super(3, inChannels, outChannels, kernelSize, options);
  }
}

/** Conv1d whose number of input channels is that of its first input. See `lazy.ts` for what holds until then. */
export class LazyConv1d extends ConvNd {
  constructor(outChannels: number, kernelSize: Single, options: ConvOptions<Single> = {}) {
    super(1, LAZY, outChannels, kernelSize, options);
  }
}
/** Conv2d whose number of input channels is that of its first input. */
export class LazyConv2d extends ConvNd {
  constructor(outChannels: number, kernelSize: Pair, options: ConvOptions<Pair> = {}) {
    super(2, LAZY, outChannels, kernelSize, options);
  }
}
/** Conv3d whose number of input channels is that of its first input. */
export class LazyConv3d extends ConvNd {
  constructor(outChannels: number, kernelSize: Triple, options: ConvOptions<Triple> = {}) {
    super(3, LAZY, outChannels, kernelSize, options);
  }
}
/** ConvTranspose1d whose number of input channels is that of its first input. */
export class LazyConvTranspose1d extends ConvTransposeNd {
  constructor(outChannels: number, kernelSize: Single, options: ConvTransposeOptions<Single> = {}) {
    super(1, LAZY, outChannels, kernelSize, options);
  }
}
/** ConvTranspose2d whose number of input channels is that of its first input. */
export class LazyConvTranspose2d extends ConvTransposeNd {
  constructor(outChannels: number, kernelSize: Pair, options: ConvTransposeOptions<Pair> = {}) {
    super(2, LAZY, outChannels, kernelSize, options);
  }
}
/** ConvTranspose3d whose number of input channels is that of its first input. */
export class LazyConvTranspose3d extends ConvTransposeNd {
  constructor(outChannels: number, kernelSize: Triple, options: ConvTransposeOptions<Triple> = {}) {
    super(3, LAZY, outChannels, kernelSize, options);
  }
}
