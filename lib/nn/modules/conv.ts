// Convolutions.
import type { DType } from '../../tensor/dtype.js';
import { expectOptions } from '../../tensor/operators.js';
import type { Parameter } from '../../tensor/tensor.js';
import { Leaf } from './leaf.js';
import { pair, type Pair } from './pair.js';

export interface Conv2dOptions {
  /** Default 1. */
  stride?: Pair;
  /** Zeros added on both sides, or 'same' (output as large as the input; stride 1 only) or 'valid' (none). Default 0. */
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
  readonly weight: Parameter;
  readonly bias: Parameter | null;
  readonly #repr: string;

  constructor(inChannels: number, outChannels: number, kernelSize: Pair, options: Conv2dOptions = {}) {
    const { padding, ...rest } = expectOptions('Conv2d', options);
    const size =
      typeof padding === 'string' ? { paddingName: padding } : padding === undefined ? {} : { padding };
    super('Conv2d', { inChannels, outChannels, kernelSize, ...size, ...rest });
    this.inChannels = inChannels;
    this.outChannels = outChannels;
    this.kernelSize = kernelSize;
    this.weight = this.parameter('weight')!;
    this.bias = this.parameter('bias');
    const { stride = 1, dilation = 1, groups = 1, bias = true, paddingMode = 'zeros' } = options;
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
  override extraRepr(): string {
    return this.#repr;
  }
}
