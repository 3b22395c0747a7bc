// Runs jobs side by side, each on a thread that does nothing else meanwhile; all read one copy of the data.
import { once, setMaxListeners } from 'node:events';
import { readFile } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import type { EpochMetrics } from '../metrics.js';
import type { Standing } from '../run.js';
import { RunError } from '../runError.js';
import type { RunFolder } from '../runFolder.js';
import { jobName, RESULT } from './job.js';
import type { Job, JobMessage, JobOrder, JobResult, ThreadOrder } from './job.js';

export interface JobsWatcher {
  onStart?(job: Job): void;
  onStep?(job: Job, standing: Standing): void;
  onEpoch?(job: Job, metrics: EpochMetrics): void;
  onDone?(job: Job, result: JobResult): void;
  onFailed?(job: Job, reason: string): void;
}

export interface JobsOptions extends Omit<JobOrder, keyof Job | 'file' | 'folder' | 'turns'> {
  jobs: readonly Job[];
  /** Own models' files, by the models' names. */
  files: ReadonlyMap<string, string>;
  /** Of a training step of a model: what computes more takes longer, by and large. */
  flops: (model: string) => number;
  /** How many run at once. */
  atOnce: number;
  folder: RunFolder;
  signal: AbortSignal;
  watcher: JobsWatcher;
}

export interface JobsOutcome {
  /** By jobName(), in the order of the jobs. */
  results: Map<string, JobResult>;
  failed: Map<string, string>;
  stopped: boolean;
}

/**
 * Does the jobs that have no result in the folder yet; one that was interrupted goes on from its checkpoint. A job that
 * fails is reported and the others go on. When the signal stops it, what is finished stays, and what runs leaves checkpoints.
 */
export async function runJobs(options: JobsOptions): Promise<JobsOutcome> {
  const { jobs, folder, signal, watcher } = options;
  const finished = new Map<string, JobResult>();
  const failed = new Map<string, string>();
  for (const job of jobs) {
    const result = await readResult(folder, job);
    if (result) finished.set(jobName(job), result);
  }
  const turns = new SharedArrayBuffer(4);
  setMaxListeners(options.atOnce + 10, signal);
  // Seed by seed; within a seed the longest jobs begin first, so that little is left for one core alone at the end.
  const seeds = [...new Set(jobs.map(({ seed }) => seed))];
  const waiting = jobs
    .filter((job) => !finished.has(jobName(job)))
    .sort(
      (a, b) =>
        seeds.indexOf(a.seed) - seeds.indexOf(b.seed) || options.flops(b.model) - options.flops(a.model),
    );
  const doJobs = async (): Promise<void> => {
    const thread = new JobThread(turns, options);
    for (let job = waiting.shift(); job && !signal.aborted; job = waiting.shift()) {
      watcher.onStart?.(job);
      const end = await thread.do(job);
      if (end.kind === 'done') {
        finished.set(jobName(job), end.result);
        watcher.onDone?.(job, end.result);
      } else if (end.kind === 'failed') {
        failed.set(jobName(job), end.reason);
        watcher.onFailed?.(job, end.reason);
      }
    }
    await thread.leave();
  };
  await Promise.all(Array.from({ length: options.atOnce }, doJobs));
  const results = new Map<string, JobResult>();
  for (const name of jobs.map(jobName)) {
    const result = finished.get(name);
    if (result) results.set(name, result);
  }
  return { results, failed, stopped: results.size + failed.size < jobs.length };
}

const folderOf = (folder: RunFolder, job: Job): string => folder.file(`jobs/${jobName(job)}`);

async function readResult(folder: RunFolder, job: Job): Promise<JobResult | undefined> {
  const file = `${folderOf(folder, job)}/${RESULT}`;
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as JobResult;
  } catch {
    throw new RunError(`${file} is not what a finished job leaves: delete it, and the job is done again`);
  }
}

type End = Extract<JobMessage, { kind: 'done' | 'stopped' | 'failed' }>;

/** A thread that does one job after another. One that a job brings down is replaced for the next. */
class JobThread {
  readonly #turns: SharedArrayBuffer;
  readonly #options: JobsOptions;
  #worker: Worker | undefined;
  /** Takes the messages of the job that is being done. */
  #hear: (message: JobMessage) => void = () => undefined;

  constructor(turns: SharedArrayBuffer, options: JobsOptions) {
    this.#turns = turns;
    this.#options = options;
  }

  async do(job: Job): Promise<End> {
    const { epochs, device, way, data, train, test, signal, watcher, files } = this.#options;
    const file = files.get(job.model);
    const order: JobOrder = {
      ...{ ...job, epochs, device, way, data, train, test, turns: this.#turns },
      folder: folderOf(this.#options.folder, job),
      ...(file !== undefined && { file }),
    };
    const stop = (): void => this.#say({ kind: 'stop' });
    try {
      return await new Promise<End>((resolve) => {
        this.#hear = (message) => {
          if (message.kind === 'step') watcher.onStep?.(job, message.standing);
          else if (message.kind === 'epoch') watcher.onEpoch?.(job, message.metrics);
          else resolve(message);
        };
        this.#worker ??= this.#start();
        this.#say({ kind: 'do', order });
        signal.addEventListener('abort', stop);
        if (signal.aborted) stop();
      });
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  /** Lets the thread end, and waits for it. */
  async leave(): Promise<void> {
    if (this.#worker === undefined) return;
    const gone = once(this.#worker, 'exit');
    this.#say({ kind: 'leave' });
    await gone;
  }

  #start(): Worker {
    let reason = 'its thread ended without a word';
    return new Worker(new URL('./worker.js', import.meta.url))
      .on('message', (message: JobMessage) => this.#hear(message))
      .on('error', (error) => (reason = error.message))
      .on('exit', () => {
        this.#worker = undefined;
        this.#hear({ kind: 'failed', reason });
      });
  }

  #say(order: ThreadOrder): void {
    this.#worker?.postMessage(order);
  }
}
