// What the main thread and the threads of the jobs say to each other.
import type { data } from 'torch-node';
import type { EpochMetrics, RunMetrics } from '../metrics.js';
import type { Standing } from '../run.js';
import type { Way } from '../training.js';

/** One model, one seed. */
export interface Job {
  model: string;
  seed: number;
}

/** A job's name, and that of its folder. */
export const jobName = ({ model, seed }: Job): string => `${model}-seed${seed}`;

/** What a thread needs to do a job. */
export interface JobOrder extends Job {
  /** The file of an own model; one of part 2's networks has none. */
  file?: string;
  epochs: number;
  device: string;
  way: Way;
  data: 'cifar10' | 'synthetic';
  /** In shared memory. */
  train: data.ImageRecords;
  test: data.ImageRecords;
  folder: string;
  /** See takeTurns(). */
  turns: SharedArrayBuffer;
}

/** A finished job, as it stands in its folder's result.json. */
export interface JobResult {
  run: RunMetrics;
  /** How many numbers the network learns. */
  parameters: number;
  /** See flopsPerStep(). */
  flopsPerStep: number;
  /** confusion[label][prediction]: pictures of the test set. */
  confusion: number[][];
}

export const RESULT = 'result.json';

/** To a thread. It does one job at a time. */
export type ThreadOrder = { kind: 'do'; order: JobOrder } | { kind: 'stop' } | { kind: 'leave' };

/** From a thread, of the job that it does. */
export type JobMessage =
  | { kind: 'step'; standing: Standing }
  | { kind: 'epoch'; metrics: EpochMetrics }
  | { kind: 'done'; result: JobResult }
  | { kind: 'stopped' }
  | { kind: 'failed'; reason: string };
