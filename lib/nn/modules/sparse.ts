// Tables of vectors that are looked up by numbers.
import { expectArgument, expectInteger } from '../../core/checks.js';
import { isOptions, options as optionsOf } from '../../core/options.js';
import { describe } from '../../core/describe.js';
import { TorchError } from '../../core/errors.js';
import { noGrad } from '../../autograd/gradMode.js';
import { Parameter } from '../../tensor/parameter.js';
import { expectTensor, type Tensor } from '../../tensor/tensor.js';
import {
  embedding,
  embeddingBag,
  expectMode,
  rowOf,
  type BagMode,
  type EmbeddingLookup,
} from '../functional/sparse.js';
import { Module } from '../module.js';
import { emptyParameter, type FactoryOptions } from './initial.js';
import { number } from './repr.js';

// As in Python: what fromPretrained passes to the constructor.
interface Pretrained {
  /** @internal */
  _weight?: Tensor;
  /** @internal */
  _freeze?: boolean;
}

export type EmbeddingOptions = EmbeddingLookup & FactoryOptions & Pretrained;
export type PretrainedOptions = EmbeddingLookup & {
  /** Whether the table stays as it is in training. Default true. */
  freeze?: boolean;
};

const OPTIONS = [
  'paddingIdx',
  'maxNorm',
  'normType',
  'scaleGradByFreq',
  'sparse',
  'device',
  'dtype',
  '_weight',
  '_freeze',
] as const;

/** What Embedding and EmbeddingBag have in common: the table. */
abstract class Table<Inputs extends unknown[]> extends Module<Inputs> {
  numEmbeddings: number;
  embeddingDim: number;
  paddingIdx: number | null;
  maxNorm: number | null;
  normType: number;
  scaleGradByFreq: boolean;
  sparse: boolean;
  /** [numEmbeddings, embeddingDim]. May be assigned, to share one table between modules. */
  declare weight: Parameter;

  constructor(where: string, numEmbeddings: number, embeddingDim: number, options: EmbeddingOptions) {
    super();
    const { maxNorm, normType = 2, scaleGradByFreq = false, sparse = false } = options;
    const { _weight, _freeze = false } = options;
    this.numEmbeddings = expectInteger(where, 'numEmbeddings', numEmbeddings);
    this.embeddingDim = expectInteger(where, 'embeddingDim', embeddingDim);
    this.paddingIdx = rowOf(where, options.paddingIdx, this.numEmbeddings);
    this.maxNorm = maxNorm ?? null;
    this.normType = normType;
    this.scaleGradByFreq = scaleGradByFreq;
    this.sparse = sparse;
    if (_weight === undefined) {
      this.registerParameter('weight', emptyParameter([numEmbeddings, embeddingDim], options));
      if (_freeze) this.weight.requiresGrad = false;
      this.resetParameters();
    } else {
      this.registerParameter('weight', new Parameter(_weight, !_freeze));
    }
  }
  /** Draws the table from the standard normal distribution; the row of paddingIdx becomes zero. */
  resetParameters(): void {
    noGrad(() => {
      this.weight.normal_();
      if (this.paddingIdx !== null) this.weight.select(0, this.paddingIdx).fill_(0);
    });
  }
  protected get lookup(): Required<EmbeddingLookup> {
    const { paddingIdx, maxNorm, normType, scaleGradByFreq, sparse } = this;
    return { paddingIdx, maxNorm, normType, scaleGradByFreq, sparse };
  }
}

/**
 * A table of vectors: indices int32 or int64 [...] to [..., embeddingDim]. The table, `weight`
 * [numEmbeddings, embeddingDim], is drawn from the standard normal distribution; the row of paddingIdx begins as zero and
 * gets no gradient.
 */
export class Embedding extends Table<[input: Tensor]> {
  constructor(numEmbeddings: number, embeddingDim: number, options: EmbeddingOptions = {}) {
    super('Embedding', numEmbeddings, embeddingDim, optionsOf('Embedding', options, OPTIONS));
  }
  /** An Embedding over a table that there is, [numEmbeddings, embeddingDim]; they share memory. */
  static fromPretrained(embeddings: Tensor, options: PretrainedOptions = {}): Embedding {
    const { rows, features, freeze, rest } = pretrained('Embedding.fromPretrained', embeddings, options);
    return new Embedding(rows, features, { ...rest, _weight: embeddings, _freeze: freeze });
  }
  forward(input: Tensor): Tensor {
    return embedding(input, this.weight, this.lookup);
  }
  override extraRepr(): string {
    return [
      `${this.numEmbeddings}, ${this.embeddingDim}`,
      ...(this.paddingIdx === null ? [] : [`padding_idx=${this.paddingIdx}`]),
      ...(this.maxNorm === null ? [] : [`max_norm=${number(this.maxNorm)}`]),
      ...(this.normType === 2 ? [] : [`norm_type=${number(this.normType)}`]),
      ...(this.scaleGradByFreq ? ['scale_grad_by_freq=True'] : []),
      ...(this.sparse ? ['sparse=True'] : []),
    ].join(', ');
  }
}

interface BagChoices {
  /** How a bag's rows become one. Default 'mean'. */
  mode?: BagMode;
  /** Whether the last offset is where the last bag ends, and not the beginning of another. Default false. */
  includeLastOffset?: boolean;
}
export type EmbeddingBagOptions = EmbeddingOptions & BagChoices;

/**
 * Sums, means or maxima of a table's vectors: indices [bags, n], or [total] with offsets [bags], to [bags, embeddingDim].
 * The table, `weight`, begins as Embedding's does; rows of paddingIdx do not count in their bags.
 */
export class EmbeddingBag extends Table<
  [input: Tensor, options?: { offsets?: Tensor | null; perSampleWeights?: Tensor | null }]
> {
  mode: BagMode;
  includeLastOffset: boolean;

  constructor(numEmbeddings: number, embeddingDim: number, options: EmbeddingBagOptions = {}) {
    const given = optionsOf('EmbeddingBag', options, [...OPTIONS, 'mode', 'includeLastOffset']);
    super('EmbeddingBag', numEmbeddings, embeddingDim, given);
    const { mode = 'mean', includeLastOffset = false } = given;
    expectMode('EmbeddingBag', mode, this);
    this.mode = mode;
    this.includeLastOffset = includeLastOffset;
  }
  /** An EmbeddingBag over a table that there is, [numEmbeddings, embeddingDim]; they share memory. */
  static fromPretrained(embeddings: Tensor, options: PretrainedOptions & BagChoices = {}): EmbeddingBag {
    const { rows, features, freeze, rest } = pretrained('EmbeddingBag.fromPretrained', embeddings, options);
    return new EmbeddingBag(rows, features, { ...rest, _weight: embeddings, _freeze: freeze });
  }
  /**
   * @param input indices, int32 or int64: [bags, n], or [total] with offsets
   * @param options.offsets where the bags of a flat input begin: [bags], or [bags + 1] with includeLastOffset
   * @param options.perSampleWeights a weight for each index, of the shape of the input; for the mode 'sum'
   */
  forward(
    input: Tensor,
    options: { offsets?: Tensor | null; perSampleWeights?: Tensor | null } = {},
  ): Tensor {
    const { offsets, perSampleWeights } = optionsOf('EmbeddingBag', options, ['offsets', 'perSampleWeights']);
    return embeddingBag(input, this.weight, {
      ...this.lookup,
      mode: this.mode,
      includeLastOffset: this.includeLastOffset,
      offsets: offsets ?? null,
      perSampleWeights: perSampleWeights ?? null,
    });
  }
  override extraRepr(): string {
    return [
      `${this.numEmbeddings}, ${this.embeddingDim}`,
      ...(this.maxNorm === null ? [] : [`max_norm=${number(this.maxNorm)}`]),
      ...(this.normType === 2 ? [] : [`norm_type=${number(this.normType)}`]),
      ...(this.scaleGradByFreq ? ['scale_grad_by_freq=True'] : []),
      `mode='${this.mode}'`,
      ...(this.paddingIdx === null ? [] : [`padding_idx=${this.paddingIdx}`]),
    ].join(', ');
  }
}

function pretrained<O extends { freeze?: boolean }>(
  where: string,
  embeddings: Tensor,
  options: O,
): { rows: number; features: number; freeze: boolean; rest: Omit<O, 'freeze'> } {
  // The constructor refuses an option that there is not.
  expectArgument(where, 'options', options, isOptions(options), 'an object of options');
  const { freeze = true, ...rest } = options;
  const [rows, features, more] = expectTensor(where, 'embeddings', embeddings).shape;
  if (rows === undefined || features === undefined || more !== undefined)
    throw new TorchError(where, `embeddings: expected 2 dimensions, got ${describe(embeddings)}`);
  return { rows, features, freeze, rest };
}
