// Data sets by module: what a worker thread can make for itself, as functions do not go from thread to thread.
import { expectNoMore } from '../core/options.js';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { types } from 'node:util';
import { describe } from '../core/describe.js';
import { TorchError, ArgumentTypeError } from '../core/errors.js';
import { asDataset, type DatasetLike, type IterableSource, type MapDataset } from './dataset.js';
import type { CollateFunction } from './loader/fetcher.js';
import { workerSource, type WorkerSource } from './loader/source.js';

/** What a module of a data set exports. */
export interface DatasetModule<T = unknown, O = unknown> {
  /** Makes the data set, or a promise of it; called once in each worker, and once in the thread of the loader. */
  default: (options: O) => DatasetLike<T> | Promise<DatasetLike<T>>;
  /** In place of `defaultCollate`; runs in the workers. */
  collateFn?: CollateFunction<T>;
  /** Called in each worker with its number, once its data set is made. */
  workerInitFn?: (workerId: number) => void | Promise<void>;
}

/** A data set that a DataLoader's workers can make for themselves. Made by `workerDataset`. */
export class WorkerDataset<T = unknown> {
  /** The one of this thread: what the loader takes the length from, and what it reads without workers. */
  readonly dataset: MapDataset<T> | IterableSource<T>;
  /** The module's `collateFn`. */
  readonly collateFn: CollateFunction<T> | undefined;
  /** @internal */
  readonly [workerSource]: WorkerSource;

  /** @internal */
  constructor(
    dataset: MapDataset<T> | IterableSource<T>,
    collateFn: CollateFunction<T> | undefined,
    source: WorkerSource,
  ) {
    this.dataset = dataset;
    this.collateFn = collateFn;
    this[workerSource] = source;
  }
}

/** Whether a value is a WorkerDataset, in whichever realm. @internal */
export function isWorkerDataset<T>(value: unknown): value is WorkerDataset<T> {
  return (
    typeof value === 'object' &&
    value !== null &&
    (value as { [workerSource]?: WorkerSource })[workerSource]?.kind === 'module'
  );
}

/**
 * A data set for a DataLoader with workers, made by a module: `workerDataset(new URL('./pictures.js', import.meta.url),
 * options)`. The module's default export is called with the options, here and in every worker, and gives the data set (or a
 * promise of it); it may also export `collateFn` and `workerInitFn`.
 *
 * The options are copied to the workers as messages are; tensors in them are moved into shared memory, which all threads see.
 *
 * @param module a file: URL, or an absolute path, of JavaScript that Node can import
 * @throws TorchError when the module cannot be imported or gives no data set
 */
export async function workerDataset<T, O = unknown>(
  module: URL | string,
  options?: O,
): Promise<WorkerDataset<T>> {
  expectNoMore('workerDataset', arguments, 2);
  const href = hrefOf(module);
  const made = await importDataset(href, options);
  return new WorkerDataset<T>(made.dataset as MapDataset<T>, made.module.collateFn, {
    kind: 'module',
    module: href,
    options,
  });
}

function hrefOf(module: URL | string): string {
  const isUrl =
    !types.isProxy(module) && (module as { href?: unknown } | null | undefined)?.href !== undefined;
  const text = typeof module === 'string' || isUrl ? String(module) : '';
  if (text.startsWith('file:')) return text;
  if (typeof module === 'string' && /^([/\\]|[A-Za-z]:[/\\])/.test(module)) return pathToFileURL(module).href;
  throw new ArgumentTypeError(
    'workerDataset',
    `expected a file: URL or an absolute path of a module, got ${describe(text === '' ? module : text)}: ` +
      "new URL('./dataset.js', import.meta.url) is one",
  );
}

/** @internal */
export async function importDataset(
  href: string,
  options: unknown,
): Promise<{ dataset: MapDataset<unknown> | IterableSource<unknown>; module: DatasetModule }> {
  const where = `workerDataset(${fileURLToPath(href)})`;
  // On Windows a path is no module's name; elsewhere test runners that load modules themselves know only paths.
  const name = process.platform === 'win32' ? href : new URL(href).pathname;
  const module = (await import(name)) as Partial<DatasetModule>;
  if (typeof module.default !== 'function')
    throw new TorchError(
      where,
      `the default export shall be a function that makes the data set, it is ${describe(module.default)}`,
    );
  return { dataset: asDataset(where, await module.default(options)), module: module as DatasetModule };
}
