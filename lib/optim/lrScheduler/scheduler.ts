// LRScheduler: the base of learning-rate schedules, as torch.optim.lr_scheduler.LRScheduler is:
// https://docs.pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate
import { expectNoMore } from '../../core/options.js';
import { types } from 'node:util';
import { camelCase, snakeCase } from '../../core/names.js';
import { expectArgument, expectInteger, expectObject, isNumber } from '../../core/checks.js';
import { describe } from '../../core/describe.js';
import { map } from '../../core/tree.js';
import { recording } from '../../program/recording.js';
import { noGrad } from '../../autograd/gradMode.js';
import { TorchError, ArgumentTypeError } from '../../core/errors.js';
import { scope } from '../../tensor/scope.js';
import { isTensor } from '../../tensor/tensor.js';
import { isOptimizer, type AnyOptimizer, type ScheduleSettings } from '../optimizer.js';
import type { Value } from '../values.js';

/** Options of most schedules. */
export interface SchedulerOptions {
  /** The epoch to go on after; -1, the default, begins anew. Otherwise the groups have to have an `initialLr`. */
  lastEpoch?: number;
}

/** What `stateDict()` gives: a schedule's fields under PyTorch's names. */
export type SchedulerState = Record<string, unknown>;

// Fields whose names in Python are not simply theirs in snake_case.
const PYTHON: Record<string, string> = {
  stepCount: '_step_count',
  lastLr: '_last_lr',
  tMax: 'T_max',
  t0: 'T_0',
  tI: 'T_i',
  tMult: 'T_mult',
  tCur: 'T_cur',
  schedulers: '_schedulers',
  milestonesOfSchedules: '_milestones',
  schedulePhases: '_schedule_phases',
  annealFuncType: '_anneal_func_type',
  annealStrategy: '_anneal_strategy',
  useBeta1: 'use_beta1',
};
const OURS = Object.fromEntries(Object.entries(PYTHON).map(([ours, python]) => [python, ours]));

/** @internal */
export function pythonName(field: string): string {
  return PYTHON[field] ?? snakeCase(field);
}

/**
 * The base of schedules: `step()`, called after the optimizer's, sets the learning rates of its groups. A schedule of your own
 * gives `getLr()` and calls `start()` at the end of its constructor.
 */
export abstract class LRScheduler {
  readonly optimizer: AnyOptimizer;
  /** How many steps were taken, less one. */
  lastEpoch = -1;
  /** The learning rates that the groups had at the beginning. */
  baseLrs: Value[] = [];
  protected stepCount = 0;
  protected lastLr: Value[] = [];
  // While the constructor takes the first step.
  #initial = false;

  /** Throws a TorchError for what is no optimizer. */
  constructor(optimizer: AnyOptimizer) {
    if (!isOptimizer(optimizer))
      throw new ArgumentTypeError(this.constructor.name, `expected an optimizer, got ${describe(optimizer)}`);
    this.optimizer = optimizer;
  }

  /** The learning rates that the last step set, one for each group. */
  getLastLr(): Value[] {
    expectNoMore('LRScheduler.getLastLr', arguments, 0);
    return this.lastLr;
  }

  /**
   * Goes on by one epoch. With `epoch`, which PyTorch advises against, to that one; schedules then use their closed form where
   * they have one.
   */
  step(epoch?: number): void {
    expectNoMore('LRScheduler.step', arguments, 1);
    const isEpoch = epoch === undefined || typeof epoch === 'number';
    expectArgument(`${this.constructor.name}.step`, 'epoch', epoch, isEpoch, 'a number');
    this.refuseRecording();
    if (this.stepCount === 1 && this.optimizer.stepsTaken === 0) {
      process.emitWarning(
        `${this.constructor.name}.step() was called before the optimizer's step(): the first learning rate of the schedule is skipped`,
        'TorchWarning',
      );
    }
    this.stepCount++;
    this.updateLr(epoch);
  }

  /** Throws where a step is being recorded. @internal */
  protected refuseRecording(): void {
    if (recording() === undefined) return;
    throw new TorchError(
      `${this.constructor.name}.step`,
      "cannot be recorded: it would go on once, and never again. Call it after the program's run(), or in runEpoch's beforeStep",
    );
  }

  /** The schedule's state, under PyTorch's names. */
  stateDict(): SchedulerState {
    expectNoMore('LRScheduler.stateDict', arguments, 0);
    const { optimizer: _, ...fields } = this;
    return Object.fromEntries(
      Object.entries(fields)
        .filter(([name, value]) => typeof value !== 'function' && !this.unsaved.includes(name))
        .map(([name, value]) => [pythonName(name), structure(value)]),
    );
  }

  /**
   * Takes over a state that `stateDict()` gave, here or in Python; what it has more is left aside.
   *
   * @throws ArgumentTypeError for a value of another kind than the schedule's own; nothing is changed then
   */
  loadStateDict(state: SchedulerState): void {
    expectNoMore('LRScheduler.loadStateDict', arguments, 1);
    const where = `${this.constructor.name}.loadStateDict`;
    expectObject(where, 'state', state, 'a state dict');
    const entries = types.isMap(state) ? (state as Map<string, unknown>) : Object.entries(state);
    const own = new Map<string, unknown>(
      Object.entries(this).filter(([name]) => name !== 'optimizer' && !this.unsaved.includes(name)),
    );
    const loaded: Record<string, unknown> = {};
    for (const [key, value] of entries) {
      const name = OURS[key] ?? camelCase(key);
      if (own.has(name)) loaded[name] = this.loadedField(name, value, own.get(name));
    }
    Object.assign(this, loaded);
  }

  /** A field's value out of a saved state. @internal */
  protected loadedField(name: string, value: unknown, own: unknown): unknown {
    const expected = kindOf(own);
    if (kindOf(value) !== expected && expected !== 'null')
      throw new ArgumentTypeError(
        `${this.constructor.name}.loadStateDict`,
        `${pythonName(name)}: expected ${expected}, got ${describe(value)}`,
      );
    return structure(value);
  }

  // ---- for subclasses ----

  /** The learning rates of the epoch `lastEpoch`, one for each group. */
  protected getLr(): Value[] {
    throw new TorchError(this.constructor.name, 'does not say what the learning rates are: give getLr()');
  }

  /** The same, worked out from the epoch's number alone; for schedules that can. */
  protected closedForm?(): Value[];

  /** Fields that are not part of the state. @internal */
  protected get unsaved(): readonly string[] {
    return [];
  }

  protected get isInitial(): boolean {
    return this.#initial;
  }

  /** Remembers the initial learning rates, and sets those of the first epoch. */
  protected start(lastEpoch = -1): void {
    expectInteger(this.constructor.name, 'lastEpoch', lastEpoch, -1);
    this.optimizer.paramGroups.forEach((group, g) => {
      if (lastEpoch === -1) group.initialLr ??= copyOf(group.lr);
      else if (group.initialLr === undefined) {
        throw new TorchError(
          this.constructor.name,
          `group ${g} has no initialLr, which going on from an epoch needs: load the optimizer's state before`,
        );
      }
    });
    this.baseLrs = this.optimizer.paramGroups.map((group) => copyOf(group.initialLr!));
    this.lastEpoch = lastEpoch;
    this.initialStep();
  }

  /** @internal */
  initialStep(): void {
    this.stepCount = 0;
    this.#initial = true;
    try {
      this.step();
    } finally {
      this.#initial = false;
    }
  }

  /** @internal */
  updateLr(epoch?: number): void {
    noGrad(() =>
      scope(() => {
        let rates: Value[];
        if (epoch === undefined) {
          this.lastEpoch++;
          rates = this.getLr();
        } else {
          this.lastEpoch = epoch;
          rates = this.closedForm?.() ?? this.getLr();
        }
        this.setLr(rates);
      }),
    );
  }

  protected setLr(rates: readonly Value[]): void {
    this.expectPairs(this.optimizer.paramGroups, rates);
    this.optimizer.paramGroups.forEach((group, g) => setLr(group, rates[g]!));
    this.lastLr = this.currentLr();
  }

  /** Throws where two lists are to be gone over together, as Python's zip() does: groups may have been added. @internal */
  protected expectPairs(first: readonly unknown[], second: readonly unknown[]): void {
    if (first.length === second.length) return;
    const groups = this.optimizer.paramGroups.length;
    throw new TorchError(
      `${this.constructor.name}.step`,
      `the optimizer has ${groups} groups of parameters now, the schedule was made for ` +
        `${first.length === groups ? second.length : first.length} (zip() argument 2 is ` +
        `${second.length < first.length ? 'shorter' : 'longer'} than argument 1): add groups before the schedule is ` +
        'made, or make a new one',
    );
  }

  /** What a schedule set in a group when it was made; throws for a group that came later. @internal */
  protected settingOf<K extends keyof ScheduleSettings>(
    g: number,
    name: K,
  ): NonNullable<ScheduleSettings[K]> {
    const value = this.optimizer.paramGroups[g]![name];
    if (value === undefined)
      throw new TorchError(
        `${this.constructor.name}.step`,
        `group ${g} has no ${name} (KeyError: '${pythonName(name)}'): it was added after the schedule was made. Add ` +
          'groups before, or make a new schedule',
      );
    return value;
  }

  /** The groups' learning rates as they are: copies. */
  protected currentLr(): Value[] {
    return this.optimizer.paramGroups.map((group) => copyOf(group.lr));
  }

  /** A learning rate for each group, made of the group's own. */
  protected eachLr(make: (lr: Value) => Value): Value[] {
    return this.optimizer.paramGroups.map((group) => make(group.lr));
  }
}

/** A number as it is; a tensor's copy, which no scope releases. @internal */
export function copyOf(value: Value): Value {
  return isTensor(value) ? value.detach().clone().keep() : value;
}

/** Sets a group's learning rate; a tensor stays the same one. @internal */
export function setLr(group: { lr: Value }, rate: Value): void {
  if (isTensor(group.lr)) group.lr.fill_(isTensor(rate) ? rate.item() : rate);
  else group.lr = rate;
}

/** A number for each group: one for all, or a list with one for each. @internal */
export function perGroup(
  where: string,
  name: string,
  optimizer: AnyOptimizer,
  value: number | readonly number[],
): number[] {
  const groups = optimizer.paramGroups.length;
  const list = typeof value === 'number' ? Array<number>(groups).fill(value) : value;
  if (!Array.isArray(list) || list.length !== groups || list.some((one) => typeof one !== 'number'))
    throw new ArgumentTypeError(
      where,
      `${name}: expected a number, or one for each of the ${groups} groups, got ${describe(value)}`,
    );
  return [...(list as number[])];
}

/** How many of ascending numbers are no more than x. @internal */
export function bisectRight(numbers: readonly number[], x: number): number {
  let [low, high] = [0, numbers.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (x < numbers[middle]!) high = middle;
    else low = middle + 1;
  }
  return low;
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (isNumber(value) || isTensor(value)) return 'a number';
  if (Array.isArray(value)) return 'an array';
  return { boolean: 'true or false', string: 'a string' }[typeof value as string] ?? 'an object';
}

function structure(value: unknown): unknown {
  return map(value, (leaf) => (isTensor(leaf) ? copyOf(leaf) : leaf));
}
