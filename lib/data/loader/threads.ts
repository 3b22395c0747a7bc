// The worker threads of a DataLoader: started, heard, and ended whatever happens.
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker, type ResourceLimits } from 'node:worker_threads';
import { packageRoot } from '../../native/addons.js';
import {
  errorWords,
  discard,
  type Answer,
  type ErrorWords,
  type Order,
  type WorkerOrders,
} from './messages.js';

/** How long a worker may take to end by itself, in milliseconds. */
const GRACE = 1000;
/** How long to wait for a thread that was terminated: native code that does not return cannot be stopped. */
const LAST_WAIT = 5000;

interface Thread {
  worker: Worker;
  exited: Promise<void>;
  /** What ended it, once it has ended. */
  ended?: ErrorWords;
}

export interface ThreadOptions {
  numWorkers: number;
  resourceLimits?: ResourceLimits;
  orders: (id: number) => Omit<WorkerOrders, 'state'>;
}

/** The worker as it is compiled, also where the package runs from its sources or as CommonJS. */
const workerFile = (): string => path.join(packageRoot(), 'dist', 'data', 'loader', 'worker.js');

export class Threads {
  readonly #threads: Thread[];
  readonly #state = new Int32Array(new SharedArrayBuffer(4));
  #closing: Promise<void> | undefined;
  /** Told whatever a worker says of the iteration under way, and (without an answer) that one has ended. */
  listener: ((answer: Answer | undefined) => void) | undefined;

  constructor({ numWorkers, resourceLimits, orders }: ThreadOptions) {
    const file = workerFile();
    this.#threads = Array.from({ length: numWorkers }, (_, id) => {
      const worker = new Worker(file, {
        workerData: { ...orders(id), state: this.#state } satisfies WorkerOrders,
        // Flags of this process, such as those of a test runner's loader, are not for the workers.
        execArgv: [],
        name: `DataLoader ${id}`,
        ...(resourceLimits && { resourceLimits }),
      });
      let reason: ErrorWords | undefined;
      const exited = new Promise<void>((resolve) => {
        worker.on('error', (error) => (reason = errorWords(error)));
        worker.on('message', (answer: Answer) => this.#hear(answer));
        worker.on('exit', (code) => {
          thread.ended = reason ?? { name: 'Error', message: `it exited with code ${code}`, stack: '' };
          resolve();
          this.listener?.(undefined);
        });
      });
      // Only now: to listen for messages has a worker keep the process alive again.
      worker.unref();
      const thread: Thread = { worker, exited };
      return thread;
    });
  }

  /** The iteration that is under way; answers to earlier ones are thrown away. */
  get iteration(): number {
    return Atomics.load(this.#state, 0);
  }
  beginIteration(): number {
    this.listener = undefined;
    return Atomics.add(this.#state, 0, 1) + 1;
  }
  /** Ends the iteration that is under way; the workers stay for the next. */
  endIteration(): void {
    this.beginIteration();
    this.#wake();
  }
  #wake(): void {
    for (const { worker } of this.#threads) worker.postMessage({ kind: 'wake' } satisfies Order);
  }

  get usable(): boolean {
    return this.#closing === undefined && this.#threads.every(({ ended }) => ended === undefined);
  }
  /** What ended a worker; undefined while it lives. */
  ended(id: number): ErrorWords | undefined {
    return this.#threads[id]!.ended;
  }
  say(id: number, order: Order): void {
    this.#threads[id]!.worker.postMessage(order);
  }

  #hear(answer: Answer): void {
    if (this.listener !== undefined && answer.iteration === this.iteration) this.listener(answer);
    else if (answer.kind === 'batch') discard(answer.value);
  }

  /** Ends the workers; those that are not done within the time given (milliseconds) are terminated. */
  close(grace = GRACE): Promise<void> {
    return (this.#closing ??= this.#close(grace));
  }
  async #close(grace: number): Promise<void> {
    this.listener = undefined;
    Atomics.store(this.#state, 0, -1);
    this.#wake();
    const gone = Promise.all(this.#threads.map(({ exited }) => exited));
    await within(gone, grace);
    const stuck = this.#threads.filter(({ ended }) => ended === undefined);
    if (stuck.length === 0) return;
    for (const { worker } of stuck) void worker.terminate();
    await within(gone, LAST_WAIT);
  }
}

async function within(work: Promise<unknown>, milliseconds: number): Promise<void> {
  const timer = new AbortController();
  const late = sleep(milliseconds, undefined, { signal: timer.signal }).catch(() => {});
  await Promise.race([work, late]);
  timer.abort();
}
