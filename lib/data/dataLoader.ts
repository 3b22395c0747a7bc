// DataLoader: batches of a data set, in the order of a sampler, on this thread or on worker threads.
import type { ResourceLimits } from 'node:worker_threads';
import { expectBoolean, expectInteger, expectNumber } from '../core/checks.js';
import { expectNoMore, isOptions, options } from '../core/options.js';
import { describe } from '../core/describe.js';
import { map } from '../core/tree.js';
import { isAvailable } from '../tensor/devices.js';
import { TorchError, ArgumentTypeError, NoDeviceError, UnknownOptionError } from '../core/errors.js';
import { operator } from '../operators/operators.js';
import type { Generator } from '../tensor/random.js';
import { isTensor, type Tensor } from '../tensor/tensor.js';
import type { Collated } from './collate.js';
import {
  asDataset,
  isMapStyle,
  isThenable,
  type DatasetLike,
  type IterableSource,
  type MapDataset,
} from './dataset.js';
import { drawSeed } from './sampling.js';
import { createFetcher, END, type CollateFunction } from './loader/fetcher.js';
import { Iteration } from './loader/iteration.js';
import { share, workerSource, type WorkerSource } from './loader/source.js';
import { Threads } from './loader/threads.js';
import { BatchSampler, RandomSampler, SequentialSampler } from './sampler.js';
import { isWorkerDataset, type WorkerDataset } from './workerDataset.js';

type IndexSource<T> = Iterable<T> & { readonly length?: number };

export interface DataLoaderOptions<T = unknown, B = unknown> {
  /** Samples in a batch. null: no batches, each sample by itself. Default 1. */
  batchSize?: number | null;
  /** Whether samples come in random order, another one in each iteration. Default false. */
  shuffle?: boolean;
  /** The order of the samples, in place of `shuffle`. */
  sampler?: IndexSource<number>;
  /** The indices of each batch, in place of `batchSize`, `shuffle`, `sampler` and `dropLast`. */
  batchSampler?: IndexSource<readonly number[]>;
  /** Number of worker threads. Default 0: samples are made on this thread. */
  numWorkers?: number;
  /** Makes a batch of samples, in place of `defaultCollate`. With workers the data set's module exports it instead. */
  collateFn?: CollateFunction<T, B>;
  /** Whether batches are copied into page-locked memory, from where they reach a CUDA device sooner. Needs CUDA. Default false. */
  pinMemory?: boolean;
  /** Whether a last batch of fewer samples is left out. Default false. */
  dropLast?: boolean;
  /** How many seconds a worker may take for a batch that is waited for; 0: any number. Default 0. */
  timeout?: number;
  /** Draws the seeds of the workers, and the order when `shuffle` is set. Default: the default generator. */
  generator?: Generator;
  /** How many batches each worker makes ahead. Default 2; only with workers. */
  prefetchFactor?: number;
  /** Whether the workers stay after an iteration, for the next one; `close()` ends them. Default false. */
  persistentWorkers?: boolean;
  /** Ends an iteration: its next batch is rejected with the signal's reason. */
  signal?: AbortSignal;
  /** Limits of each worker's JavaScript heap, as of Node's Worker. */
  resourceLimits?: ResourceLimits;
}

// Ends the workers of loaders and iterations that were given up.
const abandoned = new FinalizationRegistry<Threads>((threads) => void threads.close(0));

/**
 * Batches of a data set: `for await (const [images, labels] of new DataLoader(dataset, { batchSize: 32, shuffle: true }))`.
 * Order, seeds and the numbers drawn from the default generator are
 * [PyTorch's](https://docs.pytorch.org/docs/stable/data.html#torch.utils.data.DataLoader). Without workers, `for (const batch of loader)` does
 * as well, unless the data set is asynchronous.
 *
 * With `numWorkers` the batches are made in worker threads and handed over without a copy, in order. The data set must be one
 * that a worker can make for itself: made by `workerDataset`, or a TensorDataset (a set of images is one), or a Subset or
 * ConcatDataset of such. A worker that throws, exits or (see `timeout`) does not answer is a TorchError of the batch that it
 * owes, with code ERR_TORCH_WORKER_FAILED, ERR_TORCH_WORKER_EXITED or ERR_TORCH_WORKER_TIMEOUT. Leaving the loop ends the
 * workers; so do errors.
 */
export class DataLoader<T = unknown, B = Collated<T>> implements AsyncIterable<B>, Iterable<B> {
  readonly dataset: MapDataset<T> | IterableSource<T>;
  readonly numWorkers: number;
  /** What gives the order of the samples; undefined for iterable data sets. */
  readonly sampler: IndexSource<number> | undefined;
  /** What gives the indices of each batch; undefined without batches, and for iterable data sets. */
  readonly batchSampler: IndexSource<readonly number[]> | undefined;
  readonly #options: DataLoaderOptions<T, B>;
  readonly #batchSize: number | null;
  readonly #source: WorkerSource | undefined;
  readonly #collateFn: CollateFunction | undefined;
  #threads: Threads | undefined;
  #shared: unknown;

  /** @throws TorchError for options that contradict each other, and for a data set that cannot be given to workers */
  constructor(dataset: DatasetLike<T> | WorkerDataset<T>, given: DataLoaderOptions<T, B> = {}) {
    const settings = checked(given as DataLoaderOptions) as DataLoaderOptions<T, B>;
    const byModule = isWorkerDataset<T>(dataset);
    this.dataset = byModule ? dataset.dataset : asDataset('DataLoader', dataset);
    this.#options = settings;
    this.numWorkers = settings.numWorkers ?? 0;
    this.#collateFn = (settings.collateFn ?? (byModule ? dataset.collateFn : undefined)) as
      CollateFunction | undefined;
    this.#source = (dataset as { [workerSource]?: WorkerSource })[workerSource];
    if (this.numWorkers > 0) this.#checkWorkers();

    const { batchSize = 1, shuffle = false, batchSampler, generator, dropLast = false } = settings;
    this.#batchSize = batchSampler === undefined ? batchSize : null;
    if (!isMapStyle<T>(this.dataset)) {
      const wrong = (['shuffle', 'sampler', 'batchSampler'] as const).find((name) => Boolean(settings[name]));
      if (wrong !== undefined)
        throw fault(`a data set that is iterated over has an order of its own: leave out ${wrong}`);
      if (batchSize !== null) new BatchSampler([], batchSize, dropLast); // Checks the number.
      return;
    }
    this.sampler =
      settings.sampler ??
      (shuffle
        ? new RandomSampler(this.dataset, generator === undefined ? {} : { generator })
        : new SequentialSampler(this.dataset));
    this.batchSampler =
      batchSampler ?? (batchSize === null ? undefined : new BatchSampler(this.sampler, batchSize, dropLast));
  }

  /**
   * Number of batches (of samples, without batches).
   *
   * @throws TorchError when the data set or the sampler does not tell its length
   */
  get length(): number {
    if (isMapStyle(this.dataset)) {
      const { length } = this.batchSampler ?? this.sampler!;
      if (length !== undefined) return length;
    } else if (this.dataset.length !== undefined) {
      const size = this.#batchSize ?? 1;
      return Math[this.#options.dropLast === true ? 'floor' : 'ceil'](this.dataset.length / size);
    }
    throw new TorchError(
      'DataLoader.length',
      'the data set or its sampler has no length, so that it is not known',
    );
  }

  /** @throws TorchError when there are workers; and, at the first batch, when the data set or the collation is asynchronous */
  [Symbol.iterator](): Iterator<B, undefined> {
    if (this.numWorkers > 0) throw fault('with workers batches come asynchronously: use `for await`');
    const { fetch, close } = this.#fetchHere();
    const end = (): IteratorResult<B, undefined> => {
      handled(close());
      return { done: true, value: undefined };
    };
    return {
      next: () => {
        try {
          const batch = fetch();
          if (isThenable(batch)) {
            handled(batch);
            throw fault('the data set or collateFn is asynchronous: use `for await`');
          }
          return batch === END ? end() : { done: false, value: batch as B };
        } catch (error) {
          end();
          throw error;
        }
      },
      return: end,
    };
  }

  [Symbol.asyncIterator](): AsyncIterator<B, undefined> {
    return this.numWorkers > 0 ? this.#iterateWorkers() : this.#iterateHere();
  }

  /** Ends the workers that `persistentWorkers` keeps. The next iteration starts new ones. */
  async close(): Promise<void> {
    expectNoMore('DataLoader.close', arguments, 0);
    const threads = this.#threads;
    this.#threads = undefined;
    await threads?.close();
  }

  #indices(): Iterator<unknown> {
    if (this.batchSampler !== undefined) return this.batchSampler[Symbol.iterator]();
    if (this.sampler !== undefined) return this.sampler[Symbol.iterator]();
    return endless(this.#batchSize);
  }

  // The next batch each time it is called, made on this thread; END when there is no more. To be closed at the end: a data set
  // or a sampler that is a generator holds what it has open.
  #fetchHere(): { fetch: () => unknown; close: () => unknown } {
    const indices = this.#indices();
    drawSeed(this.#options.generator); // The workers' base seed in PyTorch, which draws it without workers too.
    const fetcher = createFetcher(this.dataset, {
      autoCollation: this.#autoCollation,
      collateFn: this.#collateFn,
      dropLast: this.#options.dropLast ?? false,
      finish: (batch) => this.#pinned(batch),
    });
    let ended = false;
    return {
      fetch: () => {
        const next = ended ? { done: true as const } : indices.next();
        ended ||= next.done === true;
        return next.done === true ? END : fetcher.fetch(next.value);
      },
      close: () => {
        if (!ended) indices.return?.();
        ended = true;
        return fetcher.close();
      },
    };
  }

  #iterateHere(): AsyncIterator<B, undefined> {
    const { fetch, close } = this.#fetchHere();
    const { signal } = this.#options;
    let turn: Promise<unknown> = Promise.resolve();
    const end = async (): Promise<IteratorResult<B, undefined>> => {
      await close();
      return { done: true, value: undefined };
    };
    const next = async (): Promise<IteratorResult<B, undefined>> => {
      try {
        signal?.throwIfAborted();
        const batch = await fetch();
        return batch === END ? await end() : { done: false, value: batch as B };
      } catch (error) {
        await end();
        throw error;
      }
    };
    // One after another, as the steps of a generator.
    const inTurn = (run: typeof next): Promise<IteratorResult<B, undefined>> => {
      const result = turn.then(run);
      turn = result.catch(() => {});
      return result;
    };
    return { next: () => inTurn(next), return: () => inTurn(end) };
  }

  #iterateWorkers(): AsyncIterator<B, undefined> {
    const { timeout = 0, prefetchFactor = 2, persistentWorkers = false, signal } = this.#options;
    const indices = this.#indices();
    const baseSeed = drawSeed(this.#options.generator);
    const threads = this.#threads?.usable === true ? this.#threads : this.#start(baseSeed);
    if (persistentWorkers && threads !== this.#threads) {
      this.#threads = threads;
      abandoned.register(this, threads);
    }
    const { numWorkers } = this;
    const { pinMemory = false } = this.#options;
    const arrive = (batch: unknown): unknown => (pinMemory ? pin(batch) : batch);
    const keep = persistentWorkers;
    const iteration = new Iteration(threads, {
      indices,
      numWorkers,
      prefetchFactor,
      timeout,
      signal,
      keep,
      arrive,
    });
    const iterator: AsyncIterator<B, undefined> = {
      next: () => iteration.next() as Promise<IteratorResult<B, undefined>>,
      return: () => iteration.return() as Promise<IteratorResult<B, undefined>>,
    };
    if (!keep) abandoned.register(iterator, threads);
    return iterator;
  }

  #start(baseSeed: bigint): Threads {
    this.#shared ??= share(this.#source);
    const {
      numWorkers,
      resourceLimits,
      dropLast = false,
    } = { ...this.#options, numWorkers: this.numWorkers };
    return new Threads({
      numWorkers,
      ...(resourceLimits && { resourceLimits }),
      orders: (id) => ({
        source: this.#shared,
        id,
        numWorkers,
        seed: BigInt.asUintN(64, baseSeed + BigInt(id)),
        dropLast,
        autoCollation: this.#autoCollation,
      }),
    });
  }

  get #autoCollation(): boolean {
    return this.batchSampler !== undefined || this.#batchSize !== null;
  }

  #pinned(batch: unknown): unknown {
    return this.#options.pinMemory === true ? pin(batch) : batch;
  }

  #checkWorkers(): void {
    if (this.#options.collateFn !== undefined)
      throw fault(
        'collateFn runs in the workers, and a function cannot be sent there: export it as `collateFn` from the module that ' +
          'makes the data set (torch.data.workerDataset), or use numWorkers: 0',
      );
    if (this.#source === undefined)
      throw fault(
        `this data set (${describe(this.dataset)}) lives in this thread, and worker threads cannot call it. Put it into a module whose default export makes it, and ` +
          "give `await torch.data.workerDataset(new URL('./dataset.js', import.meta.url), options)`; a TensorDataset, and a " +
          'Subset or ConcatDataset of those, can be given as it is. Or use numWorkers: 0',
      );
  }
}

// Nobody waits for it.
function handled(value: unknown): void {
  if (isThenable(value)) void value.then(undefined, () => {});
}

function* endless(batchSize: number | null): globalThis.Generator<unknown, void, undefined> {
  const batch = Array.from({ length: batchSize ?? 0 }, () => null);
  for (;;) yield batchSize === null ? null : batch;
}

function pin(batch: unknown): unknown {
  const pinned = (one: unknown): unknown => {
    if (!isTensor(one)) return one;
    const made = operator('aten::pin_memory').call(one) as Tensor;
    if (made !== one) one.dispose();
    return made;
  };
  return map(batch, pinned, { where: 'DataLoader' });
}

function fault(text: string): TorchError {
  return new ArgumentTypeError('DataLoader', text);
}

function checked(given: DataLoaderOptions): DataLoaderOptions {
  const where = 'DataLoader';
  if (isOptions(given) && 'workerInitFn' in given)
    throw new UnknownOptionError(
      where,
      "there is no option 'workerInitFn': a function cannot be sent to the workers; export workerInitFn from the module " +
        'that makes the data set',
    );
  const settings = options(where, given, [
    ...(['batchSize', 'shuffle', 'sampler', 'batchSampler', 'numWorkers', 'collateFn', 'pinMemory'] as const),
    ...(['dropLast', 'timeout', 'generator', 'prefetchFactor', 'persistentWorkers', 'signal'] as const),
    'resourceLimits',
  ]);
  const { batchSize, shuffle, sampler, batchSampler, numWorkers = 0, dropLast, timeout = 0 } = settings;
  const { prefetchFactor, persistentWorkers, pinMemory } = settings;
  for (const name of ['shuffle', 'pinMemory', 'dropLast', 'persistentWorkers'] as const)
    if (settings[name] !== undefined) expectBoolean(where, name, settings[name]);
  expectInteger(where, 'numWorkers', numWorkers);
  expectNumber(where, 'timeout', timeout, { least: 0, below: Infinity });
  if (numWorkers === 0) {
    const idle =
      ([['prefetchFactor', prefetchFactor !== undefined], ['persistentWorkers', persistentWorkers], ['timeout', timeout > 0]] as const) // prettier-ignore
        .find(([, given]) => given);
    if (idle !== undefined) throw fault(`${idle[0]} is for workers: set numWorkers, or leave it out`);
  }
  if (prefetchFactor !== undefined) expectInteger(where, 'prefetchFactor', prefetchFactor, 1);
  if (sampler !== undefined && shuffle === true)
    throw fault('sampler says the order already: leave out shuffle');
  if (batchSampler !== undefined) {
    const wrong =
      ([['batchSize', batchSize !== undefined && batchSize !== 1], ['shuffle', shuffle], ['sampler', sampler], ['dropLast', dropLast]] as const) // prettier-ignore
        .find(([, given]) => Boolean(given));
    if (wrong !== undefined) throw fault(`batchSampler says what the batches are: leave out ${wrong[0]}`);
  }
  if (batchSize === null && dropLast === true)
    throw fault('without batches (batchSize: null) there is no last one: leave out dropLast');
  if (pinMemory === true && !isAvailable())
    throw new NoDeviceError(
      'DataLoader',
      'pinMemory needs CUDA, and there is no CUDA device: leave it out, or give `pinMemory: torch.isAvailable()`',
    );
  return settings;
}
