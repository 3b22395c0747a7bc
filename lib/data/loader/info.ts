// What a worker thread knows of itself.
import { expectNoMore } from '../../core/options.js';
import type { Generator } from '../../tensor/random.js';

/** A worker, as it sees itself. */
export interface WorkerInfo {
  /** From 0 on. */
  readonly id: number;
  readonly numWorkers: number;
  /** The loader's base seed + id, as in PyTorch. */
  readonly seed: bigint;
  /** A generator under that seed. The default generator is the whole process's: draw from this one. */
  readonly generator: Generator;
  /** This worker's data set; undefined as long as it is being made. */
  readonly dataset: unknown;
}

let info: WorkerInfo | undefined;

/** In a DataLoader's worker thread, which one it is; undefined elsewhere. As torch.utils.data.get_worker_info(). */
export function getWorkerInfo(): WorkerInfo | undefined {
  expectNoMore('getWorkerInfo', arguments, 0);
  return info;
}

/** @internal */
export function setWorkerInfo(own: WorkerInfo): void {
  info = own;
}
