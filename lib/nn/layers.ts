// Leaf modules: torch::nn modules of libtorch under PyTorch's names. Definitions, initialisation and numerics are
// libtorch's: https://docs.pytorch.org/docs/stable/nn.html
import { native } from '../native/binding.js';
import type { DType } from '../tensor/dtype.js';
import { named, TorchError } from '../tensor/errors.js';
import { describe, expectOptions, handleOf } from '../tensor/operators.js';
import { expectTensor, Parameter, Tensor } from '../tensor/tensor.js';
import { Module } from './module.js';

/** One number for both, or [height, width]. */
export type Pair = number | readonly [height: number, width: number];

abstract class Leaf<Inputs extends Tensor[] = [Tensor]> extends Module<Inputs> {
  readonly #handle: number;
  readonly #parameters: ReadonlyMap<string, number>;

  constructor(kind: string, options: object) {
    super();
    const made = named(kind, () => native.createModule(kind, options));
    this.#handle = made.handle;
    native.adoptModule(this, made.handle);
    this.#parameters = new Map(made.parameters);
    for (const [, handle] of made.buffers) native.releaseTensor(handle); // options such as class weights; nobody's state
  }
  /** The module's parameter of a name, or null when it has none. */
  protected parameter(name: string): Parameter | null {
    const handle = this.#parameters.get(name);
    return handle === undefined ? null : new Parameter({ handle });
  }
  override forward(...inputs: Inputs): Tensor {
    const name = this.constructor.name;
    return named(
      name,
      () =>
        new Tensor(
          native.forwardModule(
            this.#handle,
            inputs.map((input, i) => expectTensor(name, `input ${i}`, input)[handleOf]),
          ),
        ),
      () => [
        ...inputs.map((input, i) => `${inputs.length === 1 ? 'input' : `input ${i}`}: ${describe(input)}`),
        `module: ${this.toString()}`,
      ],
    );
  }
  override modeChanged(): void {
    native.trainModule(this.#handle, this.training);
  }
}

function pair(value: Pair): string {
  // A bigint passes for an integer, as everywhere.
  return typeof value === 'object' ? `(${value.join(', ')})` : `(${value}, ${value})`;
}

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

/**
 * x W^T + b: [..., inFeatures] to [..., outFeatures]. weight [outFeatures, inFeatures] and bias [outFeatures] are drawn
 * uniformly from +-1/sqrt(inFeatures).
 */
export class Linear extends Leaf {
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly weight: Parameter;
  readonly bias: Parameter | null;
  readonly #repr: string;

  constructor(inFeatures: number, outFeatures: number, options: { bias?: boolean; dtype?: DType } = {}) {
    super('Linear', { inFeatures, outFeatures, ...expectOptions('Linear', options) });
    this.inFeatures = inFeatures;
    this.outFeatures = outFeatures;
    this.weight = this.parameter('weight')!;
    this.bias = this.parameter('bias');
    this.#repr = `in_features=${inFeatures}, out_features=${outFeatures}, bias=${this.bias ? 'True' : 'False'}`;
  }
  override extraRepr(): string {
    return this.#repr;
  }
}

/** Largest value of each window: [N, C, H, W] to [N, C, H', W']. `stride` defaults to the kernel's size. */
export class MaxPool2d extends Leaf {
  readonly kernelSize: Pair;
  readonly #repr: string;

  constructor(
    kernelSize: Pair,
    options: { stride?: Pair; padding?: Pair; dilation?: Pair; ceilMode?: boolean } = {},
  ) {
    super('MaxPool2d', { kernelSize, ...expectOptions('MaxPool2d', options) });
    this.kernelSize = kernelSize;
    const text = (value: Pair): string => (typeof value === 'object' ? pair(value) : String(value));
    const { stride = kernelSize, padding = 0, dilation = 1, ceilMode = false } = options;
    this.#repr = `kernel_size=${text(kernelSize)}, stride=${text(stride)}, padding=${text(padding)}, dilation=${text(dilation)}, ceil_mode=${ceilMode ? 'True' : 'False'}`;
  }
  override extraRepr(): string {
    return this.#repr;
  }
}

/** max(x, 0), element by element. */
export class ReLU extends Leaf {
  readonly #inplace: boolean;
  constructor(options: { inplace?: boolean } = {}) {
    super('ReLU', expectOptions('ReLU', options));
    this.#inplace = options.inplace ?? false;
  }
  override extraRepr(): string {
    return this.#inplace ? 'inplace=True' : '';
  }
}

/** x where x > 0, negativeSlope * x elsewhere. */
export class LeakyReLU extends Leaf {
  readonly #repr: string;
  constructor(negativeSlope = 0.01, options: { inplace?: boolean } = {}) {
    super('LeakyReLU', { negativeSlope, ...expectOptions('LeakyReLU', options) });
    this.#repr = `negative_slope=${negativeSlope}${options.inplace ? ', inplace=True' : ''}`;
  }
  override extraRepr(): string {
    return this.#repr;
  }
}

/** Hyperbolic tangent, element by element. */
export class Tanh extends Leaf {
  constructor() {
    super('Tanh', {});
  }
}

/** exp(x_i) / sum_j exp(x_j) along a dimension. */
export class Softmax extends Leaf {
  readonly #dim: number;
  constructor(dim: number) {
    super('Softmax', { dim });
    this.#dim = dim;
  }
  override extraRepr(): string {
    return `dim=${this.#dim}`;
  }
}

/** Makes one dimension of startDim ... endDim. By default [N, C, H, W] to [N, C * H * W]. */
export class Flatten extends Leaf {
  readonly #repr: string;
  constructor(startDim = 1, endDim = -1) {
    super('Flatten', { startDim, endDim });
    this.#repr = `start_dim=${startDim}, end_dim=${endDim}`;
  }
  override extraRepr(): string {
    return this.#repr;
  }
}

export interface CrossEntropyLossOptions {
  /** A weight for each class: float [C]. */
  weight?: Tensor;
  /** Targets of this value do not count. Default -100. */
  ignoreIndex?: number;
  /** Default 'mean'. */
  reduction?: 'mean' | 'sum' | 'none';
  /** In [0, 1]. Default 0. */
  labelSmoothing?: number;
}

/** -log softmax(input)[target]. input: logits [N, C, ...]; target: classes int64 [N, ...], or probabilities [N, C, ...]. */
export class CrossEntropyLoss extends Leaf<[input: Tensor, target: Tensor]> {
  constructor(options: CrossEntropyLossOptions = {}) {
    const { weight, labelSmoothing = 0, ...rest } = expectOptions('CrossEntropyLoss', options);
    if (!(labelSmoothing >= 0 && labelSmoothing <= 1)) {
      throw new TorchError(
        'CrossEntropyLoss',
        `labelSmoothing: expected a number from 0 to 1, got ${labelSmoothing}`,
        { code: 'ERR_INVALID_ARG_TYPE' },
      );
    }
    super('CrossEntropyLoss', {
      ...rest,
      labelSmoothing,
      ...(weight === undefined
        ? {}
        : { weight: expectTensor('CrossEntropyLoss', 'weight', weight)[handleOf] }),
    });
  }
}
