// What the rest of the library knows of a step that is being recorded: numbers that change from step to step, and the
// counts that they follow from.
import { handleOf } from '../core/handles.js';
import { native } from '../native/binding.js';
import { TorchError } from '../core/errors.js';
import { operator } from '../operators/operators.js';
import type { Tensor } from '../tensor/tensor.js';

/** What code that takes part in a step does when its program runs. */
export interface Events {
  /** Before the numbers of the steps to come are worked out. What it throws is why the program does not run. */
  begin?: () => void;
  /** Before the numbers of each step, when its settings are as they will be. */
  settings?: () => void;
  /** After the numbers of each step. */
  step?: () => void;
  /** When steps have been made. */
  end?: (steps: number) => void;
}

/** A number that the step keeps in a tensor. */
interface Kept {
  readonly tensor: Tensor;
  value: number;
}
/** A change that the step makes of such a number. */
interface Change {
  readonly kept: Kept;
  readonly next: (value: number) => number;
  readonly late: boolean;
  /** What the step works with: the number after the change, or before where it is late. */
  told: number;
}

/** How a program learns what is different in each step. */
export class Recording {
  /** Of each placeholder, what the number is in the step that comes next. */
  readonly placeholders: (() => number)[] = [];
  readonly #kept = new Map<Tensor, Kept>();
  readonly #changes: Change[] = [];
  readonly #events: Events[] = [];
  readonly #undo: (() => void)[] = [];
  readonly #met = new WeakSet<object>();
  readonly #byOwner = new Map<object, Map<string, number>>();

  /** See tracked(). @internal */
  track(tensor: Tensor, next: (value: number) => number, late: boolean): () => number {
    let kept = this.#kept.get(tensor);
    if (kept === undefined) {
      kept = { tensor: outsideOfStep(() => tensor.detach().keep()), value: 0 };
      this.#kept.set(tensor, kept);
    }
    const { tensor: held } = kept;
    const change = { kept, next, late, told: outsideOfStep(() => Number(held.item())) };
    this.#changes.push(change);
    return () => change.told;
  }
  /** @internal */
  watch(events: Events): void {
    this.#events.push(events);
  }
  /** Called when the recording has ended, well or not: what JavaScript's objects remember of the step is put back. @internal */
  afterwards(undo: () => void): void {
    this.#undo.push(undo);
  }
  /** @internal */
  placeholderOf(owner: object, name: string, make: () => number): number {
    let known = this.#byOwner.get(owner);
    if (known === undefined) this.#byOwner.set(owner, (known = new Map<string, number>()));
    const placeholder = known.get(name) ?? make();
    known.set(name, placeholder);
    return placeholder;
  }
  /** Whether this was asked of an object before, in this recording. @internal */
  again(owner: object): boolean {
    if (this.#met.has(owner)) return true;
    this.#met.add(owner);
    return false;
  }
  /** @internal */
  undo(): void {
    for (const undo of this.#undo.reverse()) undo();
    this.#undo.length = 0;
    this.#byOwner.clear();
  }

  /**
   * The numbers of the next `steps` steps, a row for each. `before` is called before each is worked out: a schedule may
   * change settings there.
   */
  rows(steps: number, before?: (step: number) => void): number[] {
    for (const { begin } of this.#events) begin?.();
    for (const kept of this.#kept.values()) kept.value = Number(kept.tensor.item());
    const rows: number[] = [];
    for (let step = 0; step < steps; step++) {
      before?.(step);
      for (const { settings } of this.#events) settings?.();
      for (const change of this.#changes) {
        const before = change.kept.value;
        change.kept.value = change.next(before);
        change.told = change.late ? before : change.kept.value;
      }
      for (const placeholder of this.placeholders) rows.push(placeholder());
      for (const each of this.#events) each.step?.();
    }
    return rows;
  }
  /** Told when steps have been made. */
  ended(steps: number): void {
    for (const { end } of this.#events) end?.(steps);
  }
  dispose(): void {
    for (const { tensor } of this.#kept.values()) tensor.dispose();
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
    into.undo();
  }
}

/**
 * A number for an operator that is worked out anew for each step: a learning rate, a bias correction. While a step is
 * recorded it is a placeholder with a value that nothing else has, by which the program knows its places; it must go to
 * operators as it is, or negated, and nothing may be decided by it. @internal
 */
export function scheduled(compute: () => number): number {
  if (current === undefined) return compute();
  current.placeholders.push(compute);
  const like = outsideOfStep(compute);
  const placeholder =
    (Number.isFinite(like) && like !== 0 ? like : 1e-3) * (1 + (1 + Math.random()) * 2 ** -10);
  native.schedulePlaceholder(placeholder);
  return placeholder;
}

/** A number that is the same for all that belongs to a group of an optimizer's: one placeholder for it. @internal */
export function scheduledFor(owner: object, name: string, compute: () => number): number {
  if (current === undefined) return compute();
  return current.placeholderOf(owner, name, () => scheduled(compute));
}

/**
 * A number that the step keeps in a tensor of one element: a function that tells it, as it stands, or, of a recorded step,
 * as it will stand in each step that `scheduled` numbers are worked out for. `next` gives the number that the step makes of
 * one. `late` is for a number that the step uses and changes afterwards, others are changed before. @internal
 */
export function tracked(
  tensor: Tensor,
  next: (value: number) => number,
  { late = false }: { late?: boolean } = {},
): () => number {
  if (current === undefined) {
    const value = Number(tensor.item());
    return () => value;
  }
  return current.track(tensor, next, late);
}

/**
 * Adds one to a count of steps that is kept in a tensor of one element, and gives a function that tells it: now, or, of a
 * recorded step, in each step that `scheduled` numbers are worked out for. @internal
 */
export function counted(tensor: Tensor): () => number {
  tensor.add_(1);
  return tracked(tensor, addedOne(tensor));
}

/** One more, as a tensor's dtype has it. @internal */
export function addedOne(tensor: Tensor): (count: number) => number {
  const round = current === undefined ? Number : roundingOf(tensor);
  return (count) => round(count + 1);
}

/** How numbers are rounded that are kept in a tensor. @internal */
export function roundingOf({ dtype }: Tensor): (value: number) => number {
  if (dtype === 'float32') return Math.fround;
  if (dtype === 'float64' || dtype.startsWith('int')) return Number;
  throw new TorchError(
    'compileStep',
    `the optimizer's state has numbers of ${dtype}, which cannot be foretold: keep parameters in float32 or float64`,
  );
}

/** Runs what is no part of the step that is being recorded, such as the making of an optimizer's state. @internal */
export function outsideOfStep<T>(run: () => T): T {
  if (current === undefined) return run();
  const outer = current;
  let result!: T;
  native.unrecorded(() => {
    current = undefined;
    try {
      result = run();
    } finally {
      current = outer;
    }
    return [];
  });
  return result;
}

/**
 * Throws a TorchError where a step is being recorded and a tensor's values are not the same in every run: what is read on
 * the host decides once and for all. It says what to do instead. @internal
 */
export function expectKnown(tensor: Tensor, what: string, instead: string): void {
  if (current === undefined || native.isKnownInStep(tensor[handleOf])) return;
  throw new TorchError(
    'compileStep',
    `${what} cannot be recorded, as it follows from values that may be others in the next run: ${instead}`,
  );
}

/** An assertion of a tensor of one element: at once, or in every run of a step that is being recorded. @internal */
export function asserted(where: string, holds: Tensor, otherwise: () => string): void {
  if (current !== undefined) operator('aten::_assert_async.msg').call(holds, `${where}: ${otherwise()}`);
  else if (!holds.item()) throw new TorchError(where, otherwise());
}

/** The handle of a tensor, for a native call that releases it. @internal */
export function lend(tensor: Tensor): number {
  return native.alias(tensor[handleOf]);
}
