// Data sets: what has samples by number, what gives them one after another, and what is made of others.
import { expectNoMore, options } from '../core/options.js';
import { expectArgument, expectObject, isIterable } from '../core/checks.js';
import { describe } from '../core/describe.js';
import { fromBuffer } from '../tensor/buffers.js';
import { TorchError, ArgumentTypeError, OutOfRangeError } from '../core/errors.js';
import type { Generator } from '../tensor/random.js';
import { scope } from '../tensor/scope.js';
import { isTensor, type Tensor } from '../tensor/tensor.js';
import type { Collated } from './collate.js';
import { permutation } from './sampling.js';
import { workerSource, type WorkerSource } from './loader/source.js';

/** Samples by number: PyTorch's map-style data set, `length` and `get` for its __len__ and __getitem__. */
export interface MapDataset<T> {
  readonly length: number;
  /** The sample of an index from 0 to `length - 1`. */
  get(index: number): T | Promise<T>;
  /** The samples of several indices, where that is quicker than one by one: PyTorch's __getitems__. */
  getItems?(indices: readonly number[]): readonly T[] | Promise<readonly T[]>;
  /** What `defaultCollate` would make of the samples, where that is quicker. Used in place of the default collation. */
  getCollated?(indices: readonly number[]): unknown;
}

/** Samples one after another; each iteration begins anew. May have a `length`. */
export type IterableSource<T> = (Iterable<T> | AsyncIterable<T>) & { readonly length?: number };

/** Whatever a DataLoader takes; an array is a map-style data set. */
export type DatasetLike<T> = MapDataset<T> | readonly T[] | IterableSource<T>;

/** Base of map-style data sets; an object with `length` and `get` does as well. */
export abstract class Dataset<T> implements MapDataset<T> {
  abstract readonly length: number;
  abstract get(index: number): T | Promise<T>;
}

/**
 * Base of data sets that give their samples one after another: implement `[Symbol.iterator]` or `[Symbol.asyncIterator]`. With
 * workers each of them iterates over a data set of its own: share the samples out by `getWorkerInfo()`.
 */
export abstract class IterableDataset<T> {
  /** How many samples there are, where that is known. */
  readonly length?: number;
  /** Names the samples' type. @internal */
  declare protected readonly sample?: T;
}

/** Whether samples are had by number. @internal */
export function isMapStyle<T>(dataset: unknown): dataset is MapDataset<T> {
  const { get, length } = Object(dataset) as Partial<MapDataset<T>>;
  return typeof get === 'function' && typeof length === 'number';
}

/** Whether samples come one after another. @internal */
export function isIterableStyle<T>(dataset: unknown): dataset is IterableSource<T> {
  return (
    typeof dataset === 'object' &&
    dataset !== null &&
    (Symbol.iterator in dataset || Symbol.asyncIterator in dataset)
  );
}

class ArrayDataset<T> extends Dataset<T> {
  constructor(readonly items: readonly T[]) {
    super();
  }
  get length(): number {
    return this.items.length;
  }
  get(index: number): T {
    return this.items[checkIndex('Dataset', index, this.length)]!;
  }
}

/** A data set from whatever was given for one; throws a TorchError where it is none. @internal */
export function asDataset<T>(where: string, given: DatasetLike<T>): MapDataset<T> | IterableSource<T> {
  if (Array.isArray(given)) return new ArrayDataset(given as readonly T[]);
  if (isMapStyle<T>(given) || isIterableStyle<T>(given)) return given;
  throw new ArgumentTypeError(
    where,
    `expected a data set (an object with length and get(index), an array, or something iterable), got ${describe(given)}`,
  );
}

/** @internal */
export function asMapDataset<T>(where: string, given: MapDataset<T> | readonly T[]): MapDataset<T> {
  const dataset = asDataset(where, given);
  if (isMapStyle<T>(dataset)) return dataset;
  throw new ArgumentTypeError(
    where,
    'expected a data set with length and get(index), got one that can only be iterated over',
  );
}

/** @internal */
export function checkIndex(where: string, index: number, length: number): number {
  if (Number.isInteger(index) && index >= 0 && index < length) return index;
  throw new OutOfRangeError(
    where,
    `there is no sample ${describe(index)}: expected a whole number from 0 to ${length - 1}`,
  );
}

/** Tensors of one first size: sample i is `[a[i], b[i], ...]`. Can be given to workers, which share the tensors' memory. */
export class TensorDataset<T extends readonly Tensor[] = readonly Tensor[]> extends Dataset<T> {
  readonly tensors: T;

  /** @throws TorchError unless all have the same first size */
  constructor(...tensors: T) {
    super();
    const sizes = tensors.map((tensor) => (isTensor(tensor) && tensor.ndim > 0 ? tensor.size(0) : undefined));
    if (sizes.length === 0 || sizes.some((size) => size === undefined || size !== sizes[0]))
      throw new ArgumentTypeError(
        'TensorDataset',
        `expected tensors with one first size, got ${tensors.map((tensor) => describe(tensor)).join(', ') || 'none'}`,
      );
    this.tensors = tensors;
  }
  get length(): number {
    return this.tensors[0]!.size(0);
  }
  get(index: number): T {
    expectNoMore('TensorDataset.get', arguments, 1);
    checkIndex('TensorDataset', index, this.length);
    return this.tensors.map((tensor) => tensor.select(0, index)) as readonly Tensor[] as T;
  }
  getCollated(indices: readonly number[]): Collated<T> {
    expectNoMore('TensorDataset.getCollated', arguments, 1);
    const { length } = this;
    expectArgument('TensorDataset', 'indices', indices, isIterable(indices), 'indices to go over');
    for (const index of indices) checkIndex('TensorDataset', index, length);
    return scope(() => {
      const index = fromBuffer(BigInt64Array.from(indices, BigInt));
      return this.tensors.map((tensor) => tensor.indexSelect(0, index.to(tensor.device)));
    }) as unknown as Collated<T>;
  }
  /** @internal */
  get [workerSource](): WorkerSource {
    return { kind: 'tensors', tensors: this.tensors };
  }
}

type SampleOf<D> = D extends MapDataset<infer T> ? T : D extends readonly (infer T)[] ? T : never;
type Parts = Record<string, MapDataset<unknown>> | readonly MapDataset<unknown>[];

/** Several data sets of one length beside each other: sample i is the array, or the object, of their samples i. */
export class StackDataset<P extends Parts> extends Dataset<{ -readonly [K in keyof P]: SampleOf<P[K]> }> {
  readonly length: number;

  /** @throws TorchError unless all have the same length */
  constructor(readonly datasets: P) {
    super();
    expectNoMore(new.target.name, arguments, 1);
    expectObject('StackDataset', 'datasets', datasets, 'an array or an object of data sets');
    const lengths = Object.values(datasets).map((each: MapDataset<unknown>) => each.length);
    if (lengths.length === 0 || lengths.some((length) => length !== lengths[0]))
      throw new TorchError(
        'StackDataset',
        `expected data sets of one length, got lengths [${lengths.join(', ')}]`,
      );
    this.length = lengths[0]!;
  }
  get(
    index: number,
  ): { -readonly [K in keyof P]: SampleOf<P[K]> } | Promise<{ -readonly [K in keyof P]: SampleOf<P[K]> }> {
    expectNoMore('StackDataset.get', arguments, 1);
    checkIndex('StackDataset', index, this.length);
    const keys = Object.keys(this.datasets);
    const samples = Object.values(this.datasets).map((each: MapDataset<unknown>) => each.get(index));
    type Sample = { -readonly [K in keyof P]: SampleOf<P[K]> };
    const build = (values: unknown[]): Sample =>
      (Array.isArray(this.datasets)
        ? values
        : Object.fromEntries(keys.map((key, i) => [key, values[i]]))) as Sample;
    return samples.some(isThenable) ? Promise.all(samples).then(build) : build(samples);
  }
}

/** @internal */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}

/** Some samples of a data set: sample i is sample `indices[i]` of the whole. Goes to workers where the whole does. */
export class Subset<T> extends Dataset<T> {
  readonly dataset: MapDataset<T>;

  constructor(
    dataset: MapDataset<T> | readonly T[],
    readonly indices: readonly number[],
  ) {
    super();
    expectNoMore(new.target.name, arguments, 2);
    this.dataset = asMapDataset('Subset', dataset);
    expectArgument('Subset', 'indices', indices, isIterable(indices), 'an array of numbers');
    const whole = this.dataset;
    if (whole.getItems !== undefined) this.getItems = (some) => whole.getItems!(this.#whole(some));
    if (whole.getCollated !== undefined) this.getCollated = (some) => whole.getCollated!(this.#whole(some));
  }
  getItems?: (indices: readonly number[]) => readonly T[] | Promise<readonly T[]>;
  getCollated?: (indices: readonly number[]) => unknown;

  get length(): number {
    return this.indices.length;
  }
  get(index: number): T | Promise<T> {
    expectNoMore('Subset.get', arguments, 1);
    return this.dataset.get(this.indices[checkIndex('Subset', index, this.length)]!);
  }
  #whole(some: readonly number[]): number[] {
    return some.map((index) => this.indices[checkIndex('Subset', index, this.length)]!);
  }
  /** @internal */
  get [workerSource](): WorkerSource | undefined {
    const dataset = (this.dataset as { [workerSource]?: WorkerSource })[workerSource];
    return dataset && { kind: 'subset', dataset, indices: this.indices };
  }
}

/** Data sets one after another, as one. Goes to workers where all of them do. */
export class ConcatDataset<T> extends Dataset<T> {
  readonly datasets: readonly MapDataset<T>[];
  /** Number of samples up to the end of each. */
  readonly cumulativeSizes: readonly number[];

  /** @throws TorchError when there is none, or one that can only be iterated over */
  constructor(datasets: readonly (MapDataset<T> | readonly T[])[]) {
    super();
    expectNoMore(new.target.name, arguments, 1);
    expectArgument('ConcatDataset', 'datasets', datasets, Array.isArray(datasets), 'an array of data sets');
    if (datasets.length === 0)
      throw new TorchError('ConcatDataset', 'expected one data set at least, got none');
    this.datasets = datasets.map((each) => asMapDataset('ConcatDataset', each));
    let sum = 0;
    this.cumulativeSizes = this.datasets.map(({ length }) => (sum += length));
  }
  get length(): number {
    return this.cumulativeSizes.at(-1)!;
  }
  get(index: number): T | Promise<T> {
    expectNoMore('ConcatDataset.get', arguments, 1);
    checkIndex('ConcatDataset', index, this.length);
    const which = this.cumulativeSizes.findIndex((end) => index < end);
    return this.datasets[which]!.get(index - (this.cumulativeSizes[which - 1] ?? 0));
  }
  /** @internal */
  get [workerSource](): WorkerSource | undefined {
    const datasets = this.datasets.map((each) => (each as { [workerSource]?: WorkerSource })[workerSource]);
    return datasets.includes(undefined)
      ? undefined
      : { kind: 'concat', datasets: datasets as WorkerSource[] };
  }
}

/** Iterable data sets one after another, as one. */
export class ChainDataset<T> extends IterableDataset<T> {
  constructor(readonly datasets: readonly IterableSource<T>[]) {
    super();
    expectNoMore(new.target.name, arguments, 1);
    expectArgument('ChainDataset', 'datasets', datasets, Array.isArray(datasets), 'an array of data sets');
    for (const each of datasets)
      if (!isIterableStyle(each))
        throw new ArgumentTypeError(
          'ChainDataset',
          `expected data sets to iterate over, got ${describe(each)}`,
        );
    const lengths = datasets.map((each) => each.length);
    if (!lengths.includes(undefined)) this.length = lengths.reduce<number>((sum, length) => sum + length!, 0);
  }
  declare readonly length?: number;

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for (const each of this.datasets) yield* each;
  }
}

/**
 * Splits a data set into parts at random: `lengths` are numbers of samples, or fractions that sum up to 1 (floor(fraction *
 * length) each; what is left over goes to the first parts, one each). The parts are PyTorch's for the same seed.
 *
 * @param given.generator default: the default generator
 * @throws TorchError when the lengths do not sum up to the data set's
 */
export function randomSplit<T>(
  dataset: MapDataset<T> | readonly T[],
  lengths: readonly number[],
  given: { generator?: Generator } = {},
): Subset<T>[] {
  expectNoMore('randomSplit', arguments, 3);
  const where = 'randomSplit';
  const whole = asMapDataset(where, dataset);
  const { generator } = options(where, given, ['generator']);
  const areNumbers = Array.isArray(lengths) && lengths.every((length) => typeof length === 'number');
  expectArgument(where, 'lengths', lengths, areNumbers, 'an array of numbers');
  const parts = partLengths(whole.length, lengths);
  const order = permutation(whole.length, generator);
  let start = 0;
  return parts.map((length) => new Subset(whole, order.slice(start, (start += length))));
}

function partLengths(whole: number, lengths: readonly number[]): number[] {
  const sum = lengths.reduce((total, length) => total + length, 0);
  // Fractions whose sum is 1 but for rounding, as Python's math.isclose has it.
  if (sum <= 1 && Math.abs(sum - 1) <= 1e-9) {
    const parts = lengths.map((fraction, i) => {
      if (!(fraction >= 0 && fraction <= 1))
        throw new TorchError('randomSplit', `fraction ${i} is ${describe(fraction)}, expected 0 to 1`);
      return Math.floor(whole * fraction);
    });
    const left = whole - parts.reduce((total, part) => total + part, 0);
    for (let i = 0; i < left; i++) parts[i % parts.length]!++;
    return parts;
  }
  if (sum !== whole || !lengths.every((length) => Number.isInteger(length) && length >= 0))
    throw new TorchError(
      'randomSplit',
      `the lengths [${lengths.join(', ')}] sum up to ${sum}, the data set has ${whole} samples: expected whole numbers that ` +
        'sum up to that, or fractions that sum up to 1',
    );
  return [...lengths];
}
