// A worker thread of a DataLoader: makes its data set, then batches as it is told to.
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { Generator } from '../../tensor/random.js';
import { ConcatDataset, Subset, TensorDataset, type IterableSource, type MapDataset } from '../dataset.js';
import { importDataset, type DatasetModule } from '../workerDataset.js';
import { createFetcher, END, type Fetcher } from './fetcher.js';
import { getWorkerInfo, setWorkerInfo } from './info.js';
import { discard, errorWords, pack, type Answer, type Order, type WorkerOrders } from './messages.js';
import { unshare, type WorkerSource } from './source.js';

interface Made {
  dataset: MapDataset<unknown> | IterableSource<unknown>;
  module?: DatasetModule;
}

async function make(source: WorkerSource): Promise<Made> {
  const mapStyle = async (inner: WorkerSource): Promise<MapDataset<unknown>> =>
    (await make(inner)).dataset as MapDataset<unknown>;
  switch (source.kind) {
    case 'module':
      return importDataset(source.module, source.options);
    case 'tensors':
      return { dataset: new TensorDataset(...source.tensors) };
    case 'subset':
      return { dataset: new Subset(await mapStyle(source.dataset), source.indices) };
    case 'concat':
      return { dataset: new ConcatDataset(await Promise.all(source.datasets.map(mapStyle))) };
  }
}

function work(orders: WorkerOrders, port: NonNullable<typeof parentPort>): void {
  const { id, numWorkers, seed, state } = orders;
  const generator = new Generator().manualSeed(seed);
  setWorkerInfo({ id, numWorkers, seed, generator, dataset: undefined });

  const prepared = (async () => {
    const made = await make(unshare(orders.source) as WorkerSource);
    setWorkerInfo({ ...getWorkerInfo()!, dataset: made.dataset });
    await made.module?.workerInitFn?.(id);
    return made;
  })();
  prepared.catch(() => {}); // Reported with the first batch.

  let iteration = -1;
  let fetcher: Fetcher | undefined;
  // An iteration that was left holds what its data set has open.
  const close = async (): Promise<void> => {
    const left = fetcher;
    fetcher = undefined;
    await left?.close();
  };
  const answer = async (order: Order & { kind: 'fetch' }): Promise<Answer> => {
    const about = { iteration: order.iteration, task: order.task };
    try {
      const { dataset, module } = await prepared;
      if (iteration !== order.iteration) {
        iteration = order.iteration;
        const { autoCollation, dropLast } = orders;
        fetcher = createFetcher(dataset, {
          autoCollation,
          dropLast,
          collateFn: module?.collateFn,
          finish: pack,
        });
      }
      const value = await fetcher!.fetch(order.indices);
      return value === END ? { kind: 'end', ...about } : { kind: 'batch', value, ...about };
    } catch (error) {
      return { kind: 'failed', error: errorWords(error), ...about };
    }
  };
  const say = (message: Answer): void => {
    try {
      port.postMessage(message);
    } catch (error) {
      // Something in the batch cannot be sent to another thread.
      if (message.kind === 'batch') discard(message.value);
      const { task } = message;
      port.postMessage({
        kind: 'failed',
        iteration: message.iteration,
        task,
        error: errorWords(error),
      } satisfies Answer);
    }
  };

  // One after another, so that the random numbers come in one order.
  let turn = Promise.resolve();
  port.on('message', (order: Order) => {
    turn = turn.then(async () => {
      const wanted = Atomics.load(state, 0);
      if (iteration !== wanted) await close().catch(() => {}); // Nobody is left to be told.
      if (wanted === -1) process.exit(0);
      if (order.kind === 'fetch' && order.iteration === wanted) say(await answer(order));
    });
  });
}

if (!isMainThread && parentPort !== null) work(workerData as WorkerOrders, parentPort);
