// One pass over a data set with workers: batches in order, some of them made ahead, and an error for whatever goes wrong.
import { TorchError } from '../../core/errors.js';
import { discard, unpack, type Answer, type ErrorWords } from './messages.js';
import type { Threads } from './threads.js';

export interface IterationOptions {
  indices: Iterator<unknown>;
  numWorkers: number;
  prefetchFactor: number;
  /** In seconds; 0 for none. */
  timeout: number;
  signal: AbortSignal | undefined;
  /** Whether the workers stay for the next iteration. */
  keep: boolean;
  /** What is done to a batch when it is here. */
  arrive: (batch: unknown) => unknown;
}

interface Task {
  worker: number;
  answer?: Answer;
}

export class Iteration implements AsyncIterator<unknown, undefined, undefined> {
  readonly #threads: Threads;
  readonly #options: IterationOptions;
  readonly #number: number;
  readonly #tasks = new Map<number, Task>();
  /** Workers whose data set has not ended. */
  readonly #active: boolean[];
  #sent = 0;
  #received = 0;
  #outstanding = 0;
  #nextWorker = 0;
  #done = false;
  #wake: (() => void) | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(threads: Threads, options: IterationOptions) {
    this.#threads = threads;
    this.#options = options;
    this.#active = Array.from({ length: options.numWorkers }, () => true);
    this.#number = threads.beginIteration();
    threads.listener = (answer) => {
      if (answer !== undefined) this.#hear(answer);
      this.#wake?.();
    };
    for (let i = 0; i < options.prefetchFactor * options.numWorkers; i++) this.#order();
  }

  /** Calls that come before an earlier one is answered wait for it. */
  next(): Promise<IteratorResult<unknown, undefined>> {
    const result = this.#turn.then(() => this.#next());
    this.#turn = result.catch(() => {});
    return result;
  }

  async return(): Promise<IteratorResult<unknown, undefined>> {
    await this.#end();
    return { done: true, value: undefined };
  }

  async #next(): Promise<IteratorResult<unknown, undefined>> {
    for (;;) {
      if (this.#done) return { done: true, value: undefined };
      const { signal } = this.#options;
      if (signal?.aborted === true) {
        await this.#end(0);
        throw signal.reason;
      }
      if (this.#threads.iteration !== this.#number)
        throw new TorchError(
          'DataLoader',
          'this iteration was ended by another one: with persistentWorkers a loader has one iteration at a time',
        );
      const task = this.#due();
      if (task === undefined) return this.return();
      const { answer, worker } = task;
      if (answer === undefined) {
        const ended = this.#threads.ended(worker);
        if (ended !== undefined) throw await this.#failed(worker, ended, 'ERR_TORCH_WORKER_EXITED');
        await this.#wait(worker);
        continue;
      }
      this.#tasks.delete(this.#received++);
      this.#order();
      if (answer.kind === 'failed') throw await this.#failed(worker, answer.error, 'ERR_TORCH_WORKER_FAILED');
      if (answer.kind === 'batch') return { done: false, value: this.#options.arrive(unpack(answer.value)) };
    }
  }

  // The batch that comes next; undefined when there is none. Passes over what workers were asked for after their end.
  #due(): Task | undefined {
    while (this.#received < this.#sent) {
      const task = this.#tasks.get(this.#received)!;
      if (task.answer !== undefined || this.#active[task.worker]!) return task;
      this.#tasks.delete(this.#received++);
    }
    return undefined;
  }

  // Asks the next worker in turn for the next batch.
  #order(): void {
    const { numWorkers, prefetchFactor, indices } = this.#options;
    if (this.#outstanding >= prefetchFactor * numWorkers) return;
    let worker: number | undefined;
    for (let i = 0; i < numWorkers && worker === undefined; i++) {
      if (this.#active[this.#nextWorker]!) worker = this.#nextWorker;
      this.#nextWorker = (this.#nextWorker + 1) % numWorkers;
    }
    if (worker === undefined) return;
    const next = indices.next();
    if (next.done === true) return;
    const task = this.#sent++;
    this.#tasks.set(task, { worker });
    this.#outstanding++;
    this.#threads.say(worker, { kind: 'fetch', iteration: this.#number, task, indices: next.value });
  }

  #hear(answer: Answer): void {
    const task = this.#tasks.get(answer.task);
    if (task === undefined) return;
    this.#outstanding--;
    if (answer.kind !== 'end') {
      task.answer = answer;
      return;
    }
    this.#active[task.worker] = false;
    this.#order();
  }

  // Until something has happened. Keeps the process alive meanwhile, which the workers themselves do not.
  async #wait(worker: number): Promise<void> {
    const { timeout, signal } = this.#options;
    const late = await new Promise<boolean>((resolve) => {
      const timer = setTimeout(() => wake(timeout > 0), timeout > 0 ? timeout * 1000 : 2 ** 31 - 1);
      const wake = (tooLate: boolean): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', stirred);
        this.#wake = undefined;
        resolve(tooLate);
      };
      const stirred = (): void => wake(false);
      signal?.addEventListener('abort', stirred);
      this.#wake = stirred;
    });
    if (!late || this.#tasks.get(this.#received)?.answer !== undefined) return;
    const batch = this.#received;
    await this.#end(0);
    throw new TorchError(
      'DataLoader',
      `worker ${worker} did not give batch ${batch} within ${timeout} s (timeout)`,
      {
        code: 'ERR_TORCH_WORKER_TIMEOUT',
      },
    );
  }

  async #failed(worker: number, words: ErrorWords, code: string): Promise<TorchError> {
    await this.#end();
    const cause = Object.assign(new Error(words.message), { name: words.name, stack: words.stack });
    if (words.code !== undefined) Object.assign(cause, { code: words.code });
    const exited = code === 'ERR_TORCH_WORKER_EXITED';
    const what = exited ? `worker ${worker} ended before its batch was there` : `worker ${worker} failed`;
    const stack = words.stack === '' ? '' : `\nin the worker: ${words.stack}`;
    return new TorchError('DataLoader', `${what}: ${words.message}${stack}`, { code, cause });
  }

  async #end(grace?: number): Promise<void> {
    if (this.#done) return;
    this.#done = true;
    const { indices, keep } = this.#options;
    // Batches that are here and were not asked for.
    for (const { answer } of this.#tasks.values()) if (answer?.kind === 'batch') discard(answer.value);
    this.#tasks.clear();
    this.#wake?.();
    indices.return?.();
    if (this.#threads.iteration !== this.#number) return; // The workers are another iteration's by now.
    if (keep && grace === undefined && this.#threads.usable) this.#threads.endIteration();
    else await this.#threads.close(grace);
  }
}
