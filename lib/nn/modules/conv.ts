// Convolutions.
import { expectInteger } from '../../core/checks.js';
import type { Tensor } from '../../tensor/tensor.js';
import {
  convAdvice,
  ConvNd,
  convOptions,
  convText,
  ConvTransposeNd,
  expectPadding,
  expectPaddingMode,
  type ConvOptions,
  type ConvTransposeOptions,
  type PaddingMode,
} from './convNd.js';
import { LAZY } from './lazy.js';
import { readOption, WeightedModule, writeOption } from './native.js';
import { spreadWhole, type Pair, type Single, type Triple } from './sizes.js';

export type { ConvOptions, ConvTransposeOptions, PaddingMode } from './convNd.js';

export type Conv2dOptions = ConvOptions<Pair>;

/**
 * 2D convolution: [N, inChannels, H, W] to [N, outChannels, H', W'] with
 * H' = floor((H + 2 * padding - dilation * (kernelSize - 1) - 1) / stride + 1).
 *
 * weight [outChannels, inChannels / groups, kernel height, kernel width] and bias [outChannels] are drawn uniformly from
 * +-1/sqrt(inChannels / groups * kernel height * kernel width).
 */
export class Conv2d extends WeightedModule {
  constructor(inChannels: number, outChannels: number, kernelSize: Pair, options: Conv2dOptions = {}) {
    const {
      outputPadding: _none,
      factory,
      ...given
    } = convOptions(new.target.name, 2, false, inChannels, outChannels, kernelSize, options);
    super('Conv2d', given, factory);
  }
  get inChannels(): number {
    return readOption(this, 'inChannels');
  }
  set inChannels(value: number) {
    writeOption(this, 'inChannels', expectInteger('Conv2d', 'inChannels', value));
  }
  get outChannels(): number {
    return readOption(this, 'outChannels');
  }
  set outChannels(value: number) {
    writeOption(this, 'outChannels', expectInteger('Conv2d', 'outChannels', value));
  }
  /** [height, width] */
  get kernelSize(): readonly number[] {
    return readOption(this, 'kernelSize');
  }
  set kernelSize(value: Pair | readonly number[]) {
    writeOption(this, 'kernelSize', spreadWhole('Conv2d', 'kernelSize', value, 2, 1));
  }
  /** [height, width] */
  get stride(): readonly number[] {
    return readOption(this, 'stride');
  }
  set stride(value: Pair | readonly number[]) {
    writeOption(this, 'stride', spreadWhole('Conv2d', 'stride', value, 2, 1));
  }
  /** [height, width], 'same' or 'valid' */
  get padding(): readonly number[] | 'same' | 'valid' {
    return readOption(this, 'padding');
  }
  set padding(value: Pair | readonly number[] | 'same' | 'valid') {
    writeOption(this, 'padding', expectPadding('Conv2d', value, 2));
  }
  /** [height, width] */
  get dilation(): readonly number[] {
    return readOption(this, 'dilation');
  }
  set dilation(value: Pair | readonly number[]) {
    writeOption(this, 'dilation', spreadWhole('Conv2d', 'dilation', value, 2, 1));
  }
  get groups(): number {
    return readOption(this, 'groups');
  }
  set groups(value: number) {
    writeOption(this, 'groups', expectInteger('Conv2d', 'groups', value, 1));
  }
  get paddingMode(): PaddingMode {
    return readOption(this, 'paddingMode');
  }
  set paddingMode(value: PaddingMode) {
    writeOption(this, 'paddingMode', expectPaddingMode('Conv2d', value));
  }
  protected override expected(input: Tensor): string | undefined {
    const { shape } = input;
    const channels = shape.at(-3);
    const { inChannels, outChannels } = this;
    const fits = shape.length === 3 || shape.length === 4;
    if (fits && channels === inChannels) return undefined;
    const right = `[N, ${inChannels}, H, W] or [${inChannels}, H, W]`;
    return fits ? `${right}; ${convAdvice('Conv2d', outChannels)(channels!)}` : right;
  }
  override extraRepr(): string {
    return convText(this, this.bias !== null);
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
