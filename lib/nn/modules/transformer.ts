// Transformers: layers of attention and feed-forward nets, stacks of them, and both stacks together.
import { expectInteger } from '../../core/checks.js';
import { options as optionsOf } from '../../core/options.js';
import { describe } from '../../core/describe.js';
import { full } from '../../tensor/create.js';
import type { Device, DType } from '../../core/dtype.js';
import { TorchError, ArgumentTypeError } from '../../core/errors.js';
import { operator } from '../../operators/operators.js';
import { expectTensor, type Tensor } from '../../tensor/tensor.js';
import { expectKnown } from '../../program/recording.js';
import { canonicalMask } from '../functional/attention.js';
import { aten } from '../functional/call.js';
import { xavierUniform_ } from '../init.js';
import { isModule, Module } from '../module.js';
import { asksForGradients, mergedMask, MultiheadAttention } from './attention.js';
import { ModuleList } from './container.js';
import { Dropout } from './dropout.js';
import type { FactoryOptions } from './initial.js';
import { Linear } from './linear.js';
import { LayerNorm } from './normalization.js';

/** What a feed-forward net does between its two layers: by name, or a function, or a module. */
export type TransformerActivation = 'relu' | 'gelu' | ((x: Tensor) => Tensor) | Module;

export interface TransformerLayerOptions extends FactoryOptions {
  /** Features inside the feed-forward net. Default 2048. */
  dimFeedforward?: number;
  /** Probability of zeros in training, everywhere in the layer. Default 0.1. */
  dropout?: number;
  /** Default 'relu'. */
  activation?: TransformerActivation;
  /** Added to variances. Default 1e-5. */
  layerNormEps?: number;
  /** Whether inputs and outputs are [N, length, features] instead of [length, N, features]. Default false. */
  batchFirst?: boolean;
  /** Whether normalisation comes before attention and feed-forward net instead of after them. Default false. */
  normFirst?: boolean;
  /** Whether linear layers and normalisations have biases. Default true. */
  bias?: boolean;
}

const LAYER_OPTIONS = [
  'dimFeedforward',
  'dropout',
  'activation',
  'layerNormEps',
  'batchFirst',
  'normFirst',
  'bias',
  'device',
  'dtype',
] as const;

function factoryOptions({ dtype, device }: FactoryOptions): FactoryOptions {
  return { ...(dtype === undefined ? {} : { dtype }), ...(device === undefined ? {} : { device }) };
}

function linear(inFeatures: number, outFeatures: number, options: TransformerLayerOptions): Linear {
  const { bias = true, dtype, device } = options;
  return new Linear(inFeatures, outFeatures, {
    bias,
    ...factoryOptions({ dtype, device } as FactoryOptions),
  });
}

function layerNorm(dModel: number, options: TransformerLayerOptions): LayerNorm {
  const { bias = true, layerNormEps: eps = 1e-5 } = options;
  return new LayerNorm(dModel, { eps, bias, ...factoryOptions(options) });
}

function attention(dModel: number, nhead: number, options: TransformerLayerOptions): MultiheadAttention {
  const { bias = true, batchFirst = false, dropout = 0.1 } = options;
  return new MultiheadAttention(dModel, nhead, { dropout, bias, batchFirst, ...factoryOptions(options) });
}

function expectActivation(where: string, activation: unknown): TransformerActivation {
  const fits =
    activation === 'relu' ||
    activation === 'gelu' ||
    typeof activation === 'function' ||
    isModule(activation);
  if (fits) return activation as TransformerActivation;
  throw new ArgumentTypeError(
    where,
    `activation: expected 'relu', 'gelu', a function or a module, got ${describe(activation)}`,
  );
}

function activated(activation: TransformerActivation, x: Tensor): Tensor {
  if (activation === 'relu') return x.relu();
  if (activation === 'gelu') return aten('gelu', x);
  return typeof activation === 'function' ? activation(x) : activation.forward(x);
}

/** Which activation of those that the fused kernel knows; undefined for others. */
function fusedActivation(activation: TransformerActivation): 'relu' | 'gelu' | undefined {
  if (typeof activation === 'string') return activation;
  if (typeof activation === 'function') return undefined;
  const name = activation.constructor.name;
  return name === 'ReLU' ? 'relu' : name === 'GELU' ? 'gelu' : undefined;
}

function expectLayer(
  where: string,
  dModel: number,
  nhead: number,
  options: TransformerLayerOptions,
): Required<Pick<TransformerLayerOptions, 'dropout' | 'dimFeedforward' | 'normFirst' | 'activation'>> {
  const {
    dropout = 0.1,
    dimFeedforward = 2048,
    normFirst = false,
    activation = 'relu',
  } = optionsOf(where, options, LAYER_OPTIONS);
  expectInteger(where, 'dModel', dModel, 1);
  expectInteger(where, 'nhead', nhead, 1);
  expectInteger(where, 'dimFeedforward', dimFeedforward);
  return { dropout, dimFeedforward, normFirst, activation: expectActivation(where, activation) };
}

// ---- encoder ----

export interface EncoderLayerInputs {
  /** Scores to leave out: bool (true for those) or added numbers, [L, L] or [N * nhead, L, L]. */
  srcMask?: Tensor | null;
  /** Keys to leave out: bool [N, L] (true for those) or added numbers; [L] without batch. */
  srcKeyPaddingMask?: Tensor | null;
  /** A hint that srcMask, which has to be given, is the causal one. Default false. */
  isCausal?: boolean;
}

/**
 * Self-attention, then a feed-forward net, each added to what came in and normalised: src [L, N, dModel] (N first under
 * batchFirst; also without N) to the same shape. Parts: self_attn, linear1, dropout, linear2, norm1, norm2, dropout1,
 * dropout2.
 *
 * In evaluation mode, and where no gradient is asked for, a layer with batchFirst takes the fused kernel that Python takes
 * then, whose last bits differ from those of training.
 */
export class TransformerEncoderLayer extends Module<[src: Tensor, inputs?: EncoderLayerInputs]> {
  declare self_attn: MultiheadAttention;
  declare linear1: Linear;
  declare dropout: Dropout;
  declare linear2: Linear;
  declare norm1: LayerNorm;
  declare norm2: LayerNorm;
  declare dropout1: Dropout;
  declare dropout2: Dropout;
  activation: TransformerActivation;
  normFirst: boolean;

  constructor(dModel: number, nhead: number, options: TransformerLayerOptions = {}) {
    super();
    const { dropout, dimFeedforward, normFirst, activation } = expectLayer(
      'TransformerEncoderLayer',
      dModel,
      nhead,
      options,
    );
    this.registerModule('self_attn', attention(dModel, nhead, options));
    this.registerModule('linear1', linear(dModel, dimFeedforward, options));
    this.registerModule('dropout', new Dropout(dropout));
    this.registerModule('linear2', linear(dimFeedforward, dModel, options));
    this.registerModule('norm1', layerNorm(dModel, options));
    this.registerModule('norm2', layerNorm(dModel, options));
    this.registerModule('dropout1', new Dropout(dropout));
    this.registerModule('dropout2', new Dropout(dropout));
    this.activation = activation;
    this.normFirst = normFirst;
  }
  forward(src: Tensor, inputs: EncoderLayerInputs = {}): Tensor {
    expectTensor('TransformerEncoderLayer', 'src', src);
    const { isCausal = false } = optionsOf('TransformerEncoderLayer', inputs, [
      'srcMask',
      'srcKeyPaddingMask',
      'isCausal',
    ]);
    const keyPaddingMask = canonicalMask('srcKeyPaddingMask', inputs.srcKeyPaddingMask, src.dtype);
    const mask = canonicalMask('srcMask', inputs.srcMask, src.dtype);
    if (src.ndim === 3 && this.takesFused(src))
      return this.fused(src, ...mergedMask(mask, keyPaddingMask, src, this.self_attn.numHeads));

    const attend = (x: Tensor): Tensor => {
      const masks = { attnMask: mask, keyPaddingMask, needWeights: false, isCausal };
      return this.dropout1.forward(this.self_attn.forward(x, x, x, masks)[0]);
    };
    const feed = (x: Tensor): Tensor => {
      const inner = activated(this.activation, this.linear1.forward(x));
      return this.dropout2.forward(this.linear2.forward(this.dropout.forward(inner)));
    };
    if (this.normFirst) {
      const x = src.add(attend(this.norm1.forward(src)));
      return x.add(feed(this.norm2.forward(x)));
    }
    const x = this.norm1.forward(src.add(attend(src)));
    return this.norm2.forward(x.add(feed(x)));
  }

  /** Whether Python takes the fused kernel for this input. @internal */
  takesFused(src: Tensor): boolean {
    return (
      !this.training &&
      this.fusable &&
      this.self_attn.in_proj_bias !== null &&
      // A module with hooks has a forward of its own, which the kernel would not call.
      !this.modules().some((module) => Object.hasOwn(module, 'forward')) &&
      !asksForGradients([src, ...this.fusedParameters])
    );
  }
  /** What makes a layer one for the fused kernel whatever its input. @internal */
  get fusable(): boolean {
    const { self_attn: attn, norm1, norm2 } = this;
    return (
      attn.batchFirst &&
      attn.sameFeatures &&
      attn.numHeads % 2 === 0 &&
      norm1.eps === norm2.eps &&
      fusedActivation(this.activation) !== undefined
    );
  }
  private get fusedParameters(): (Tensor | null)[] {
    const { self_attn: attn, norm1, norm2, linear1, linear2 } = this;
    return [
      ...[attn.in_proj_weight, attn.in_proj_bias, attn.out_proj.weight, attn.out_proj.bias],
      ...[norm1.weight, norm1.bias, norm2.weight, norm2.bias],
      ...[linear1.weight, linear1.bias, linear2.weight, linear2.bias],
    ];
  }
  /** The layer by its fused kernel; `src` may be a nested tensor. @internal */
  fused(src: Tensor, mask: Tensor | null, maskType: number | null): Tensor {
    const { embedDim, numHeads } = this.self_attn;
    const parameters = this.fusedParameters;
    const gelu = fusedActivation(this.activation) === 'gelu';
    return aten(
      '_transformer_encoder_layer_fwd',
      ...[src, embedDim, numHeads, ...parameters.slice(0, 4), gelu, this.normFirst, this.norm1.eps],
      ...[...parameters.slice(4), mask, maskType],
    );
  }
}

export interface EncoderInputs {
  /** Scores to leave out: bool (true for those) or added numbers, [L, L] or [N * nhead, L, L]. */
  mask?: Tensor | null;
  /** Keys to leave out: bool [N, L] (true for those) or added numbers; [L] without batch. */
  srcKeyPaddingMask?: Tensor | null;
  /** Whether `mask` is the causal one; looked at when left out. */
  isCausal?: boolean | null;
}

/** What a TransformerEncoder is made of: TransformerEncoderLayer, or a module that is called as it is. */
export type EncoderLayer = Module<[src: Tensor, inputs?: EncoderLayerInputs]> & {
  self_attn: { readonly batchFirst: boolean };
};

/** A layer copied `numLayers` times, one after another: src [L, N, dModel] to the same shape. Parts: layers, norm. */
export class TransformerEncoder extends Module<[src: Tensor, inputs?: EncoderInputs]> {
  declare layers: ModuleList<EncoderLayer>;
  declare norm: Module | null;
  /** Whether padding may be left out in evaluation mode, which the outputs at padded places show: they are zero. */
  enableNestedTensor: boolean;
  /** Whether it is looked at whether the padding comes last, as it has to for that. */
  maskCheck: boolean;

  constructor(
    encoderLayer: EncoderLayer,
    numLayers: number,
    options: {
      /** After the last layer. Default none. */
      norm?: Module | null;
      /** Default true. */
      enableNestedTensor?: boolean;
      /** Default true. */
      maskCheck?: boolean;
    } = {},
  ) {
    super();
    const where = 'TransformerEncoder';
    const names = ['norm', 'enableNestedTensor', 'maskCheck'] as const;
    const { norm = null, enableNestedTensor = true, maskCheck = true } = optionsOf(where, options, names);
    this.registerModule('layers', copies(where, encoderLayer, numLayers));
    this.registerModule('norm', norm);
    this.enableNestedTensor = enableNestedTensor;
    this.maskCheck = maskCheck;
  }
  forward(src: Tensor, inputs: EncoderInputs = {}): Tensor {
    expectTensor('TransformerEncoder', 'src', src);
    optionsOf('TransformerEncoder', inputs, ['mask', 'srcKeyPaddingMask', 'isCausal']);
    const srcKeyPaddingMask = canonicalMask('srcKeyPaddingMask', inputs.srcKeyPaddingMask, src.dtype);
    const mask = canonicalMask('mask', inputs.mask, src.dtype);
    let output = this.unpadded(src, mask, srcKeyPaddingMask);
    if (output === undefined) {
      const isCausal = looksCausal(mask, inputs.isCausal, src, this.layers.at(0)!.self_attn.batchFirst);
      output = src;
      for (const layer of this.layers)
        output = layer.forward(output, { srcMask: mask, isCausal, srcKeyPaddingMask });
    }
    return this.norm === null ? output : this.norm.forward(output);
  }

  // As Python does in evaluation mode: the sequences without their padding, as a nested tensor, through the fused kernels.
  private unpadded(src: Tensor, mask: Tensor | null, padding: Tensor | null): Tensor | undefined {
    const layers = [...this.layers].filter(isFusedLayer);
    if (!this.enableNestedTensor || padding === null || mask !== null || src.ndim !== 3) return undefined;
    if (
      layers.length < this.layers.length ||
      !layers.every((layer) => !layer.normFirst && layer.takesFused(src))
    )
      return undefined;
    const wanted = aten('logical_not', padding);
    const leftAligned = operator('aten::_nested_tensor_from_mask_left_aligned');
    expectKnown(
      padding,
      'where the padding is',
      'make the TransformerEncoder with enableNestedTensor: false',
    );
    if (this.maskCheck && leftAligned.call(src, wanted) !== true) return undefined;
    let nested = aten('_nested_tensor_from_mask', src, wanted, false);
    for (const layer of layers) nested = layer.fused(nested, null, null);
    return aten('to_padded_tensor', nested, 0, [...src.shape]);
  }
}

function isFusedLayer(layer: EncoderLayer): layer is TransformerEncoderLayer {
  return 'takesFused' in layer && layer.constructor.name === 'TransformerEncoderLayer';
}

// ---- decoder ----

export interface DecoderInputs {
  /** Scores of self-attention to leave out: bool (true for those) or added numbers, [T, T] or [N * nhead, T, T]. */
  tgtMask?: Tensor | null;
  /** Scores of attention to `memory` to leave out: [T, S] or [N * nhead, T, S]. */
  memoryMask?: Tensor | null;
  /** Keys of self-attention to leave out: bool [N, T] (true for those) or added numbers; [T] without batch. */
  tgtKeyPaddingMask?: Tensor | null;
  /** Keys of `memory` to leave out: bool [N, S] (true for those) or added numbers; [S] without batch. */
  memoryKeyPaddingMask?: Tensor | null;
  /** Whether tgtMask is the causal one: a hint for a layer (default false); a TransformerDecoder looks when it is left out. */
  tgtIsCausal?: boolean | null;
  /** A hint that memoryMask is the causal one. Default false. */
  memoryIsCausal?: boolean;
}

const DECODER_INPUTS = [
  'tgtMask',
  'memoryMask',
  'tgtKeyPaddingMask',
  'memoryKeyPaddingMask',
  'tgtIsCausal',
  'memoryIsCausal',
] as const;

/**
 * Self-attention, attention to `memory`, then a feed-forward net, each added to what came in and normalised: tgt [T, N, dModel]
 * and memory [S, N, dModel] (N first under batchFirst; also without N) to the shape of tgt. Parts: self_attn, multihead_attn,
 * linear1, dropout, linear2, norm1, norm2, norm3, dropout1, dropout2, dropout3.
 */
export class TransformerDecoderLayer extends Module<[tgt: Tensor, memory: Tensor, inputs?: DecoderInputs]> {
  declare self_attn: MultiheadAttention;
  declare multihead_attn: MultiheadAttention;
  declare linear1: Linear;
  declare dropout: Dropout;
  declare linear2: Linear;
  declare norm1: LayerNorm;
  declare norm2: LayerNorm;
  declare norm3: LayerNorm;
  declare dropout1: Dropout;
  declare dropout2: Dropout;
  declare dropout3: Dropout;
  activation: TransformerActivation;
  normFirst: boolean;

  constructor(dModel: number, nhead: number, options: TransformerLayerOptions = {}) {
    super();
    const { dropout, dimFeedforward, normFirst, activation } = expectLayer(
      'TransformerDecoderLayer',
      dModel,
      nhead,
      options,
    );
    this.registerModule('self_attn', attention(dModel, nhead, options));
    this.registerModule('multihead_attn', attention(dModel, nhead, options));
    this.registerModule('linear1', linear(dModel, dimFeedforward, options));
    this.registerModule('dropout', new Dropout(dropout));
    this.registerModule('linear2', linear(dimFeedforward, dModel, options));
    this.registerModule('norm1', layerNorm(dModel, options));
    this.registerModule('norm2', layerNorm(dModel, options));
    this.registerModule('norm3', layerNorm(dModel, options));
    this.registerModule('dropout1', new Dropout(dropout));
    this.registerModule('dropout2', new Dropout(dropout));
    this.registerModule('dropout3', new Dropout(dropout));
    this.activation = activation;
    this.normFirst = normFirst;
  }
  forward(tgt: Tensor, memory: Tensor, inputs: DecoderInputs = {}): Tensor {
    expectTensor('TransformerDecoderLayer', 'tgt', tgt);
    expectTensor('TransformerDecoderLayer', 'memory', memory);
    const { memoryIsCausal = false } = optionsOf('TransformerDecoderLayer', inputs, DECODER_INPUTS);
    const attend = (x: Tensor): Tensor => {
      const { tgtMask: attnMask = null, tgtKeyPaddingMask: keyPaddingMask = null, tgtIsCausal } = inputs;
      const masks = { attnMask, keyPaddingMask, isCausal: tgtIsCausal ?? false, needWeights: false };
      return this.dropout1.forward(this.self_attn.forward(x, x, x, masks)[0]);
    };
    const remember = (x: Tensor): Tensor => {
      const { memoryMask: attnMask = null, memoryKeyPaddingMask: keyPaddingMask = null } = inputs;
      const masks = { attnMask, keyPaddingMask, isCausal: memoryIsCausal, needWeights: false };
      return this.dropout2.forward(this.multihead_attn.forward(x, memory, memory, masks)[0]);
    };
    const feed = (x: Tensor): Tensor => {
      const inner = activated(this.activation, this.linear1.forward(x));
      return this.dropout3.forward(this.linear2.forward(this.dropout.forward(inner)));
    };
    let x = tgt;
    if (this.normFirst) {
      x = x.add(attend(this.norm1.forward(x)));
      x = x.add(remember(this.norm2.forward(x)));
      return x.add(feed(this.norm3.forward(x)));
    }
    x = this.norm1.forward(x.add(attend(x)));
    x = this.norm2.forward(x.add(remember(x)));
    return this.norm3.forward(x.add(feed(x)));
  }
}

/** What a TransformerDecoder is made of: TransformerDecoderLayer, or a module that is called as it is. */
export type DecoderLayer = Module<[tgt: Tensor, memory: Tensor, inputs?: DecoderInputs]> & {
  self_attn: { readonly batchFirst: boolean };
};

/**
 * A layer copied `numLayers` times, one after another: tgt [T, N, dModel] and memory [S, N, dModel] to the shape of tgt. Parts:
 * layers, norm.
 */
export class TransformerDecoder extends Module<[tgt: Tensor, memory: Tensor, inputs?: DecoderInputs]> {
  declare layers: ModuleList<DecoderLayer>;
  declare norm: Module | null;

  constructor(
    decoderLayer: DecoderLayer,
    numLayers: number,
    options: {
      /** After the last layer. Default none. */
      norm?: Module | null;
    } = {},
  ) {
    super();
    const { norm = null } = optionsOf('TransformerDecoder', options, ['norm']);
    this.registerModule('layers', copies('TransformerDecoder', decoderLayer, numLayers));
    this.registerModule('norm', norm);
  }
  forward(tgt: Tensor, memory: Tensor, inputs: DecoderInputs = {}): Tensor {
    expectTensor('TransformerDecoder', 'tgt', tgt);
    const { tgtMask = null, tgtIsCausal: given } = optionsOf('TransformerDecoder', inputs, DECODER_INPUTS);
    const tgtIsCausal = looksCausal(tgtMask, given, tgt, this.layers.at(0)!.self_attn.batchFirst);
    let output = tgt;
    for (const layer of this.layers) output = layer.forward(output, memory, { ...inputs, tgtIsCausal });
    return this.norm === null ? output : this.norm.forward(output);
  }
}

// ---- both ----

export interface TransformerOptions extends TransformerLayerOptions {
  /** Features of inputs and outputs. Default 512. */
  dModel?: number;
  /** Default 8. */
  nhead?: number;
  /** Default 6. */
  numEncoderLayers?: number;
  /** Default 6. */
  numDecoderLayers?: number;
  /** In place of the encoder. */
  customEncoder?: Module<[src: Tensor, inputs?: EncoderInputs]> | null;
  /** In place of the decoder. */
  customDecoder?: Module<[tgt: Tensor, memory: Tensor, inputs?: DecoderInputs]> | null;
}

export interface TransformerInputs extends DecoderInputs {
  /** Scores of the encoder's attention to leave out: bool (true for those) or added numbers, [S, S] or [N * nhead, S, S]. */
  srcMask?: Tensor | null;
  /** Keys of the encoder's attention to leave out: bool [N, S] (true for those) or added numbers; [S] without batch. */
  srcKeyPaddingMask?: Tensor | null;
  /** Whether srcMask is the causal one; looked at when left out. */
  srcIsCausal?: boolean | null;
}

/**
 * An encoder and a decoder that attends to what it gives: src [S, N, dModel] and tgt [T, N, dModel] (N first under batchFirst;
 * also without N) to the shape of tgt. All matrices are drawn as Glorot's uniform distribution says. Parts: encoder, decoder.
 */
export class Transformer extends Module<[src: Tensor, tgt: Tensor, inputs?: TransformerInputs]> {
  declare encoder: Module<[src: Tensor, inputs?: EncoderInputs]>;
  declare decoder: Module<[tgt: Tensor, memory: Tensor, inputs?: DecoderInputs]>;
  dModel: number;
  nhead: number;
  batchFirst: boolean;

  constructor(options: TransformerOptions = {}) {
    super();
    const {
      dModel = 512,
      nhead = 8,
      numEncoderLayers = 6,
      numDecoderLayers = 6,
      customEncoder,
      customDecoder,
      ...ofLayers
    } = optionsOf('Transformer', options, [
      'dModel',
      'nhead',
      'numEncoderLayers',
      'numDecoderLayers',
      'customEncoder',
      'customDecoder',
      ...LAYER_OPTIONS,
    ]);
    const { batchFirst = false } = ofLayers;
    if (customEncoder) this.registerModule('encoder', customEncoder);
    else {
      const layer = new TransformerEncoderLayer(dModel, nhead, ofLayers);
      const norm = layerNorm(dModel, ofLayers);
      this.registerModule('encoder', new TransformerEncoder(layer, numEncoderLayers, { norm }));
    }
    if (customDecoder) this.registerModule('decoder', customDecoder);
    else {
      const layer = new TransformerDecoderLayer(dModel, nhead, ofLayers);
      const norm = layerNorm(dModel, ofLayers);
      this.registerModule('decoder', new TransformerDecoder(layer, numDecoderLayers, { norm }));
    }
    for (const parameter of this.parameters()) if (parameter.ndim > 1) xavierUniform_(parameter);
    this.dModel = dModel;
    this.nhead = nhead;
    this.batchFirst = batchFirst;
  }
  forward(src: Tensor, tgt: Tensor, inputs: TransformerInputs = {}): Tensor {
    const where = 'Transformer';
    expectTensor(where, 'src', src);
    expectTensor(where, 'tgt', tgt);
    const {
      srcMask = null,
      srcKeyPaddingMask = null,
      srcIsCausal = null,
    } = optionsOf(where, inputs, ['srcMask', 'srcKeyPaddingMask', 'srcIsCausal', ...DECODER_INPUTS]);
    const batch = this.batchFirst ? 0 : 1;
    if (src.ndim === 3 && src.size(batch) !== tgt.size(batch))
      throw new TorchError(
        where,
        `src and tgt: expected equal batches, got ${describe(src)} and ${describe(tgt)}`,
      );
    for (const [name, x] of Object.entries({ src, tgt })) {
      if (x.size(-1) !== this.dModel)
        throw new TorchError(where, `${name}: expected ${this.dModel} features (dModel), got ${describe(x)}`);
    }
    const memory = this.encoder.forward(src, { mask: srcMask, srcKeyPaddingMask, isCausal: srcIsCausal });
    const { srcMask: _mask, srcKeyPaddingMask: _padding, srcIsCausal: _causal, ...ofDecoder } = inputs;
    return this.decoder.forward(tgt, memory, ofDecoder);
  }

  /** The causal mask: [size, size], -Infinity above the diagonal and 0 elsewhere. */
  static generateSquareSubsequentMask(
    size: number,
    options: { dtype?: DType; device?: Device } = {},
  ): Tensor {
    return causalMask(size, optionsOf('generateSquareSubsequentMask', options, ['device', 'dtype']));
  }
}

function causalMask(size: number, options: { dtype?: DType; device?: Device }): Tensor {
  return aten('triu', full([size, size], -Infinity, options), 1);
}

// Copies draw no random numbers: all layers begin as the one given.
function copies<M extends Module<never[]>>(where: string, layer: M, count: number): ModuleList<M> {
  const length = expectInteger(where, 'numLayers', count, 1);
  if (!isModule(layer)) {
    throw new ArgumentTypeError(where, `layer: expected a Module, got ${describe(layer)}`);
  }
  return new ModuleList(Array.from({ length }, () => layer.deepcopy()));
}

function looksCausal(
  mask: Tensor | null,
  given: boolean | null | undefined,
  x: Tensor,
  batchFirst: boolean,
): boolean {
  if (given !== undefined && given !== null) return given;
  if (mask === null) return false;
  const size = x.ndim === 2 ? x.size(0) : x.size(batchFirst ? 1 : 0);
  if (String(mask.shape) !== String([size, size])) return false;
  const { dtype, device } = mask;
  expectKnown(mask, 'whether a mask is the causal one', 'say isCausal (or tgtIsCausal), true or false');
  return mask.eq(causalMask(size, { dtype, device })).all().item();
}
