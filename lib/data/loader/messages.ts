// What a loader and its workers say to each other, and batches on their way between threads.
import { describe } from '../../core/describe.js';
import { leaves, map } from '../../core/tree.js';
import { isTensor } from '../../tensor/tensor.js';
import { receive, send, type TensorParcel } from '../../tensor/transfer.js';

/** What a worker is started with. */
export interface WorkerOrders {
  /** A WorkerSource whose tensors are shared. */
  source: unknown;
  id: number;
  numWorkers: number;
  seed: bigint;
  dropLast: boolean;
  autoCollation: boolean;
  /** Its first element is the iteration that is under way, -1 when the worker shall end. */
  state: Int32Array;
}

/** To a worker. */
export type Order =
  | { kind: 'fetch'; iteration: number; task: number; indices: unknown }
  /** So that it notices a change of `state`. */
  | { kind: 'wake' };

/** From a worker. */
export type Answer =
  | { kind: 'batch'; iteration: number; task: number; value: unknown }
  /** Its iterable data set has ended. */
  | { kind: 'end'; iteration: number; task: number }
  | { kind: 'failed'; iteration: number; task: number; error: ErrorWords };

export interface ErrorWords {
  name: string;
  message: string;
  stack: string;
  code?: string;
}

/** What was thrown, in words. */
export function errorWords(thrown: unknown): ErrorWords {
  // By its properties: Node gives what ended a thread as an object that is no error by birth.
  if (typeof (thrown as Partial<Error> | null)?.message !== 'string') {
    const message = `${describe(thrown)} was thrown`;
    return { name: 'Error', message, stack: message };
  }
  const {
    name = 'Error',
    message,
    stack = message,
    code,
  } = thrown as Partial<Error> & { message: string; code?: unknown };
  return { name, message, stack, ...(typeof code === 'string' && { code }) };
}

interface Parcelled {
  torchNodeParcel: TensorParcel;
}

function isParcelled(value: unknown): value is Parcelled {
  return typeof value === 'object' && value !== null && 'torchNodeParcel' in value;
}

/** A batch as a message: its tensors' memory goes along without a copy; the tensors given stay what they are. */
export function pack(value: unknown): unknown {
  const parcelled = (one: unknown): unknown =>
    isTensor(one) ? ({ torchNodeParcel: send(one.detach()) } satisfies Parcelled) : one;
  return map(value, parcelled, { where: 'DataLoader' });
}

/** The batch of a message; may be asked for once. */
export function unpack(message: unknown): unknown {
  const received = (one: unknown): unknown => (isParcelled(one) ? receive(one.torchNodeParcel) : one);
  return map(message, received, { where: 'DataLoader', isLeaf: isParcelled });
}

/** Releases the tensors of a message that nobody wants any more: unreceived ones would keep their memory. */
export function discard(message: unknown): void {
  for (const { torchNodeParcel } of leaves(message, isParcelled, { isLeaf: isParcelled }))
    receive(torchNodeParcel).dispose();
}
