// Runs jobs side by side, each on a thread of its own; all read one copy of the data.
import { mkdir, readFile } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import type { EpochMetrics } from '../metrics.js';
import type { Standing } from '../run.js';
import { RunError, type RunFolder } from '../runFolder.js';
import { jobName, RESULT, type Job, type JobMessage, type JobOrder, type JobResult } from './job.js';

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
  const waiting = jobs.filter((job) => !finished.has(jobName(job)));
  const worker = async (): Promise<void> => {
    for (let job = waiting.shift(); job && !signal.aborted; job = waiting.shift()) {
      watcher.onStart?.(job);
      const end = await runJob(job, turns, options);
      if (end.kind === 'done') {
        finished.set(jobName(job), end.result);
        watcher.onDone?.(job, end.result);
      } else if (end.kind === 'failed') {
        failed.set(jobName(job), end.reason);
        watcher.onFailed?.(job, end.reason);
      }
    }
  };
  await Promise.all(Array.from({ length: options.atOnce }, worker));
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

async function runJob(job: Job, turns: SharedArrayBuffer, options: JobsOptions): Promise<End> {
  const { epochs, device, data, train, test, signal, watcher } = options;
  const folder = folderOf(options.folder, job);
  await mkdir(folder, { recursive: true });
  const file = options.files.get(job.model);
  const order: JobOrder = {
    ...job,
    ...(file !== undefined && { file }),
    epochs,
    device,
    data,
    train,
    test,
    folder,
    turns,
  };
  return new Promise((resolve) => {
    const thread = new Worker(new URL('./worker.js', import.meta.url), { workerData: order });
    let end: End = { kind: 'failed', reason: 'its thread ended without a word' };
    const stop = (): void => thread.postMessage('stop');
    signal.addEventListener('abort', stop);
    thread.on('message', (message: JobMessage) => {
      if (message.kind === 'step') watcher.onStep?.(job, message.standing);
      else if (message.kind === 'epoch') watcher.onEpoch?.(job, message.metrics);
      else end = message;
    });
    thread.on('error', (error) => (end = { kind: 'failed', reason: error.message }));
    thread.on('exit', () => {
      signal.removeEventListener('abort', stop);
      resolve(end);
    });
  });
}
