// Samplers: in which order a loader takes the samples. The orders are PyTorch's for the same seed.
import { expectNoMore, options } from '../core/options.js';
import { expectArgument, expectBoolean, expectInteger, isIterable } from '../core/checks.js';
import { describe } from '../core/describe.js';
import { tensor } from '../tensor/create.js';
import { TorchError, ArgumentTypeError } from '../core/errors.js';
import type { Generator } from '../tensor/random.js';
import { isTensor, type Tensor } from '../tensor/tensor.js';
import { drawBelow, drawWeighted, generatorOr, permutation } from './sampling.js';

/** How many random numbers a draw with replacement takes at once, in PyTorch. */
const DRAWN_AT_ONCE = 32;

/** Base of samplers; whatever is iterable does as well, and tells the loader its length by `length`. */
export abstract class Sampler<T = number> implements Iterable<T> {
  abstract readonly length: number;
  abstract [Symbol.iterator](): Iterator<T>;
}

function measured(where: string, source: { readonly length: number }): void {
  const length: unknown = (source as { readonly length: number } | null | undefined)?.length;
  expectArgument(
    where,
    'dataSource',
    source,
    typeof length === 'number',
    'a data set or something with a length',
  );
}

/** 0, 1, 2, ... */
export class SequentialSampler extends Sampler {
  constructor(readonly dataSource: { readonly length: number }) {
    super();
    expectNoMore(new.target.name, arguments, 1);
    measured('SequentialSampler', dataSource);
  }
  get length(): number {
    return this.dataSource.length;
  }
  *[Symbol.iterator](): Generator_ {
    for (let i = 0; i < this.dataSource.length; i++) yield i;
  }
}
type Generator_ = globalThis.Generator<number, void, undefined>;

export interface RandomSamplerOptions {
  /** Whether a sample may come several times. Default false. */
  replacement?: boolean;
  /** How many are drawn. Default: as many as there are. */
  numSamples?: number;
  /** Default: a new one for each iteration, under a seed drawn from the default generator. */
  generator?: Generator;
}

/** All indices in random order, or indices drawn with replacement. */
export class RandomSampler extends Sampler {
  readonly replacement: boolean;
  readonly generator: Generator | undefined;
  readonly #numSamples: number | undefined;

  /** @throws TorchError when `numSamples` is no positive whole number, or when there are no samples */
  constructor(
    readonly dataSource: { readonly length: number },
    given: RandomSamplerOptions = {},
  ) {
    super();
    const where = 'RandomSampler';
    const {
      replacement = false,
      numSamples,
      generator,
    } = options(where, given, ['replacement', 'numSamples', 'generator']);
    measured(where, dataSource);
    this.replacement = expectBoolean(where, 'replacement', replacement);
    this.#numSamples =
      numSamples === undefined ? undefined : expectInteger(where, 'numSamples', numSamples, 1);
    this.generator = generator;
    expectInteger(where, 'numSamples', this.length, 1);
  }
  get length(): number {
    return this.#numSamples ?? this.dataSource.length;
  }
  *[Symbol.iterator](): Generator_ {
    const n = this.dataSource.length;
    const generator = generatorOr(this.generator);
    const count = this.length;
    if (this.replacement) {
      for (let i = 0; i < Math.floor(count / DRAWN_AT_ONCE); i++)
        yield* drawBelow(n, DRAWN_AT_ONCE, generator);
      yield* drawBelow(n, count % DRAWN_AT_ONCE, generator);
      return;
    }
    for (let i = 0; i < Math.floor(count / n); i++) yield* permutation(n, generator);
    yield* permutation(n, generator).slice(0, count % n);
  }
}

/** The given indices in random order. */
export class SubsetRandomSampler extends Sampler {
  readonly generator: Generator | undefined;
  constructor(
    readonly indices: readonly number[],
    given: { generator?: Generator } = {},
  ) {
    super();
    expectArgument('SubsetRandomSampler', 'indices', indices, isIterable(indices), 'an array of numbers');
    this.generator = options('SubsetRandomSampler', given, ['generator']).generator;
  }
  get length(): number {
    return this.indices.length;
  }
  *[Symbol.iterator](): Generator_ {
    for (const i of permutation(this.indices.length, this.generator)) yield this.indices[i]!;
  }
}

/** Indices drawn by weight, which need not sum up to 1. */
export class WeightedRandomSampler extends Sampler {
  /** float64 [n] */
  readonly weights: Tensor;
  readonly replacement: boolean;
  readonly generator: Generator | undefined;

  /**
   * @param given.replacement default true
   * @throws TorchError when the weights are not of one dimension, or `numSamples` is no positive whole number
   */
  constructor(
    weights: readonly number[] | Tensor,
    readonly numSamples: number,
    given: { replacement?: boolean; generator?: Generator } = {},
  ) {
    super();
    const where = 'WeightedRandomSampler';
    const { replacement = true, generator } = options(where, given, ['replacement', 'generator']);
    this.numSamples = expectInteger(where, 'numSamples', numSamples, 1);
    expectArgument(where, 'weights', weights, isIterable(weights), 'a Tensor or an array of numbers');
    const values = isTensor(weights) ? weights.to('float64') : tensor([...weights], { dtype: 'float64' });
    if (values.ndim !== 1)
      throw new ArgumentTypeError(
        'WeightedRandomSampler',
        `weights: expected one dimension, got ${describe(weights)}`,
      );
    this.weights = values;
    this.replacement = expectBoolean(where, 'replacement', replacement);
    this.generator = generator;
  }
  get length(): number {
    return this.numSamples;
  }
  *[Symbol.iterator](): Generator_ {
    yield* drawWeighted(this.weights, this.numSamples, this.replacement, this.generator);
  }
}

/** Another sampler's indices, `batchSize` at a time. */
export class BatchSampler extends Sampler<number[]> {
  /** @throws TorchError unless `batchSize` is a positive whole number */
  constructor(
    readonly sampler: Iterable<number> & { readonly length?: number },
    readonly batchSize: number,
    /** Whether a last batch of fewer is left out. */
    readonly dropLast: boolean,
  ) {
    super();
    expectNoMore(new.target.name, arguments, 3);
    expectArgument('BatchSampler', 'sampler', sampler, isIterable(sampler), 'a sampler or another iterable');
    this.batchSize = expectInteger('BatchSampler', 'batchSize', batchSize, 1);
  }
  get length(): number {
    const { length } = this.sampler;
    if (length === undefined)
      throw new TorchError(
        'BatchSampler.length',
        'the sampler has no length, so that the number of batches is not known',
      );
    return this.dropLast ? Math.floor(length / this.batchSize) : Math.ceil(length / this.batchSize);
  }
  *[Symbol.iterator](): globalThis.Generator<number[], void, undefined> {
    let batch: number[] = [];
    for (const index of this.sampler) {
      batch.push(index);
      if (batch.length < this.batchSize) continue;
      yield batch;
      batch = [];
    }
    if (batch.length > 0 && !this.dropLast) yield batch;
  }
}
