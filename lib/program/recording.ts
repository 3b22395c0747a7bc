// What the rest of the library knows of a step that is being recorded: numbers that change from step to step, and the
// counts that they follow from.
import { native } from '../native/binding.js';
import { handleOf } from '../tensor/operators.js';
import type { Tensor } from '../tensor/tensor.js';

/** How a program learns what is different in each step. */
export class Recording {
  /** Of each column, what the number is in the step that comes next. */
  readonly columns: (() => number)[] = [];
  readonly #counts: { tensor: Tensor; count: number }[] = [];
  readonly #begins: (() => void)[] = [];
  readonly #steps: (() => void)[] = [];
  readonly #ends: ((steps: number) => void)[] = [];

  /** See counted(). @internal */
  count(tensor: Tensor): () => number {
    const counter = { tensor: tensor.detach().keep(), count: 1 };
    this.#counts.push(counter);
    return () => counter.count;
  }
  /** @internal */
  watch(events: { begin?: () => void; step?: () => void; end?: (steps: number) => void }): void {
    if (events.begin) this.#begins.push(events.begin);
    if (events.step) this.#steps.push(events.step);
    if (events.end) this.#ends.push(events.end);
  }

  /**
   * The numbers of the next `steps` steps, a row for each. `before` is called before each is worked out: a schedule may
   * change settings there.
   */
  rows(steps: number, before?: (step: number) => void): number[] {
    if (this.columns.length === 0 && before === undefined) return [];
    for (const counter of this.#counts) counter.count = Number(counter.tensor.item());
    for (const begin of this.#begins) begin();
    const rows: number[] = [];
    for (let step = 0; step < steps; step++) {
      before?.(step);
      for (const counter of this.#counts) counter.count++;
      for (const column of this.columns) rows.push(column());
      for (const each of this.#steps) each();
    }
    return rows;
  }
  /** Told when steps have been made. */
  ended(steps: number): void {
    for (const end of this.#ends) end(steps);
  }
  dispose(): void {
    for (const { tensor } of this.#counts) tensor.dispose();
  }
}

let current: Recording | undefined;

/** The recording that is going on, if one is. @internal */
export function recording(): Recording | undefined {
  return current;
}

/** @internal */
export function whileRecording<T>(into: Recording, run: () => T): T {
  current = into;
  try {
    return run();
  } finally {
    current = undefined;
  }
}

/**
 * A number for an operator that is worked out anew for each step: a learning rate, a bias correction. While a step is
 * recorded it is a stand-in with a value that nothing else has, by which the program knows its places; it must go to
 * operators as it is, or negated, and nothing may be decided by it. @internal
 */
export function scheduled(compute: () => number): number {
  if (current === undefined) return compute();
  current.columns.push(compute);
  const like = compute();
  const standIn = (Number.isFinite(like) && like !== 0 ? like : 1e-3) * (1 + (1 + Math.random()) * 2 ** -10);
  native.scheduleColumn(standIn);
  return standIn;
}

/**
 * Adds one to a count of steps that is kept in a tensor of one element, and gives a function that tells it: now, or, of a
 * recorded step, in each step that `scheduled` numbers are worked out for. @internal
 */
export function counted(tensor: Tensor): () => number {
  tensor.add_(1);
  if (current !== undefined) return current.count(tensor);
  const count = Number(tensor.item());
  return () => count;
}

/** Runs what is no part of the step that is being recorded, such as the making of an optimizer's state. @internal */
export function outsideOfStep<T>(run: () => T): T {
  if (current === undefined) return run();
  let result!: T;
  native.unrecorded(() => {
    result = run();
    return [];
  });
  return result;
}

/** The handle of a tensor, for a native call that releases it. @internal */
export function lend(tensor: Tensor): number {
  return native.alias(tensor[handleOf]);
}
