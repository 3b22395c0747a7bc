// Fetching: from a batch's indices to the batch, on whichever thread.
import { scope } from '../../tensor/scope.js';
import { defaultCollate, defaultConvert } from '../collate.js';
import { isMapStyle, isThenable, type IterableSource, type MapDataset } from '../dataset.js';

/** What `collateFn` may be. */
export type CollateFunction<T = unknown, B = unknown> = (samples: readonly T[]) => B | Promise<B>;

export interface FetchOptions {
  /** Whether samples are put into batches. */
  autoCollation: boolean;
  /** Default: PyTorch's. */
  collateFn: CollateFunction | undefined;
  dropLast: boolean;
  /** What is made of a batch, before what collation made beside it is released. */
  finish: (batch: unknown) => unknown;
}

/** Given in place of a batch when an iterable data set has ended. */
export const END: unique symbol = Symbol('end');

/** Makes batches, and lets go of its source. */
export interface Fetcher {
  readonly fetch: (indices: unknown) => unknown;
  /** Closes the iterator of an iterable data set that has not ended; no more batches come. A promise where that takes time. */
  readonly close: () => unknown;
}

/**
 * A function from what the index sampler gave (indices, or one index without collation) to the batch; a promise of it where
 * the data set or the collation is asynchronous.
 *
 * What collation makes is released with it. What the data set makes is left to the garbage collector, as a data set may keep
 * tensors from one sample to the next.
 */
export function createFetcher(
  dataset: MapDataset<unknown> | IterableSource<unknown>,
  options: FetchOptions,
): Fetcher {
  const { autoCollation, collateFn, finish } = options;
  const collate = autoCollation ? (collateFn ?? defaultCollate) : (collateFn ?? defaultConvert);
  const finished = (sampled: unknown): unknown =>
    scope(() => after((collate as (sampled: unknown) => unknown)(sampled), finish));
  if (!isMapStyle<unknown>(dataset)) return iterableFetcher(dataset, options, finished);
  const close = (): void => {};
  if (!autoCollation) return { fetch: (index) => after(dataset.get(index as number), finished), close };
  if (collateFn === undefined && dataset.getCollated !== undefined)
    return {
      fetch: (indices) => scope(() => after(dataset.getCollated!(indices as number[]), finish)),
      close,
    };
  const fetch = (indices: unknown): unknown => {
    const samples =
      dataset.getItems === undefined
        ? (indices as number[]).map((index) => dataset.get(index))
        : dataset.getItems(indices as number[]);
    const pending = Array.isArray(samples) && samples.some(isThenable) ? Promise.all(samples) : samples;
    return after(pending, finished);
  };
  return { fetch, close };
}

function iterableFetcher(
  dataset: IterableSource<unknown>,
  { autoCollation, dropLast }: FetchOptions,
  finished: (sampled: unknown) => unknown,
): Fetcher {
  const iterator =
    Symbol.asyncIterator in dataset ? dataset[Symbol.asyncIterator]() : dataset[Symbol.iterator]();
  let ended = false;
  // One that has thrown has ended.
  const failed = (error: unknown): never => {
    ended = true;
    throw error;
  };
  const next = (): IteratorResult<unknown> | Promise<IteratorResult<unknown>> => {
    try {
      const result = iterator.next();
      return isThenable(result) ? result.then(undefined, failed) : result;
    } catch (error) {
      return failed(error);
    }
  };
  const taken = ({ done, value }: IteratorResult<unknown>): unknown => {
    ended ||= done === true;
    return done === true ? END : value;
  };
  const batch = (samples: unknown[], wanted: number): unknown =>
    samples.length === 0 || (dropLast && samples.length < wanted) ? END : finished(samples);

  const fetch = (indices: unknown): unknown => {
    if (ended) return END;
    if (!autoCollation)
      return after(after(next(), taken), (value) => (value === END ? END : finished(value)));
    const wanted = (indices as unknown[]).length;
    const samples: unknown[] = [];
    const more = (): unknown => {
      while (samples.length < wanted) {
        const result = next();
        if (isThenable(result)) return result.then((value) => (add(value) ? more() : batch(samples, wanted)));
        if (!add(result)) break;
      }
      return batch(samples, wanted);
    };
    const add = (result: IteratorResult<unknown>): boolean => {
      const value = taken(result);
      if (value !== END) samples.push(value);
      return value !== END;
    };
    return more();
  };
  const close = (): unknown => {
    if (ended) return undefined;
    ended = true;
    return iterator.return?.();
  };
  return { fetch, close };
}

// At once where the value is there, later where it is a promise.
function after<T, R>(value: T | PromiseLike<T>, then: (value: T) => R): R | PromiseLike<Awaited<R>> {
  return isThenable(value) ? (value.then(then) as PromiseLike<Awaited<R>>) : then(value);
}
