// Schedules made of others: one after the other, or all at once.
import { expectInteger } from '../../core/checks.js';
import { expectNoMore, options } from '../../core/options.js';
import { describe } from '../../core/describe.js';
import { TorchError, ArgumentTypeError } from '../../core/errors.js';
import type { AnyOptimizer } from '../optimizer.js';
import {
  bisectRight,
  copyOf,
  LRScheduler,
  setLr,
  type SchedulerOptions,
  type SchedulerState,
} from './scheduler.js';
import { ReduceLROnPlateau } from './plateau.js';

abstract class Combined extends LRScheduler {
  readonly #schedulers: readonly LRScheduler[];

  constructor(optimizer: AnyOptimizer, schedulers: readonly LRScheduler[]) {
    super(optimizer);
    schedulers.forEach((scheduler, i) => {
      if (isPlateau(scheduler)) {
        throw new TorchError(
          this.constructor.name,
          `schedule ${i} is a ReduceLROnPlateau, whose step takes a metric: step it by itself`,
        );
      }
      if (scheduler.optimizer !== optimizer)
        throw new TorchError(this.constructor.name, `schedule ${i} belongs to another optimizer`);
    });
    this.#schedulers = [...schedulers];
  }

  get schedulers(): readonly LRScheduler[] {
    return this.#schedulers;
  }

  override stateDict(): SchedulerState {
    return { ...super.stateDict(), _schedulers: this.#schedulers.map((one) => one.stateDict()) };
  }

  override loadStateDict(state: SchedulerState): void {
    const { _schedulers: states, ...own } = state;
    if (!Array.isArray(states) || states.length !== this.#schedulers.length) {
      throw new ArgumentTypeError(
        `${this.constructor.name}.loadStateDict`,
        `expected the state of ${this.#schedulers.length} schedules, got ${describe(states)}`,
      );
    }
    super.loadStateDict(own);
    this.#schedulers.forEach((one, i) => one.loadStateDict(states[i] as SchedulerState));
  }
}

/**
 * One schedule after the other; at each of the milestones the next one begins, with its own first rate:
 * https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.SequentialLR.html
 */
export class SequentialLR extends Combined {
  protected milestonesOfSchedules: number[];

  /** Throws a TorchError unless there is a milestone between each two schedules. */
  constructor(
    optimizer: AnyOptimizer,
    schedulers: readonly LRScheduler[],
    milestones: readonly number[],
    given: SchedulerOptions = {},
  ) {
    const { lastEpoch = -1 } = options('SequentialLR', given, ['lastEpoch']);
    super(optimizer, expectSchedules('SequentialLR', schedulers));
    if (!Array.isArray(milestones) || milestones.length !== schedulers.length - 1) {
      throw new ArgumentTypeError(
        'SequentialLR',
        `expected ${schedulers.length - 1} milestones between ${schedulers.length} schedules, got ${describe(milestones)}`,
      );
    }
    for (const milestone of milestones as number[]) expectInteger('SequentialLR', 'milestones', milestone);
    this.milestonesOfSchedules = [...(milestones as number[])];
    this.lastEpoch = lastEpoch + 1;
    // The schedules have all taken their first steps: back to the beginning, where only the first one's counts.
    for (const group of optimizer.paramGroups) setLr(group, group.initialLr!);
    undo(this);
    const first = schedulers[bisectRight(milestones as number[], 0)]!;
    first.initialStep();
    this.lastLr = first.getLastLr();
  }

  override step(): void {
    expectNoMore('SequentialLR.step', arguments, 0);
    this.refuseRecording();
    this.lastEpoch++;
    const at = bisectRight(this.milestonesOfSchedules, this.lastEpoch);
    const scheduler = this.schedulers[at]!;
    if (at > 0 && this.milestonesOfSchedules[at - 1] === this.lastEpoch) scheduler.updateLr(0);
    else scheduler.step();
    this.lastLr = scheduler.getLastLr();
  }

  /** @internal */
  protected override get unsaved(): readonly string[] {
    return ['baseLrs', 'stepCount'];
  }
}

/**
 * All schedules at once: each step takes one of each.
 * https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ChainedScheduler.html
 */
export class ChainedScheduler extends Combined {
  constructor(schedulers: readonly LRScheduler[], given: { optimizer?: AnyOptimizer } = {}) {
    const { optimizer } = options('ChainedScheduler', given, ['optimizer']);
    const list = expectSchedules('ChainedScheduler', schedulers);
    super(optimizer ?? list[0]!.optimizer, list);
    this.lastLr = this.optimizer.paramGroups.map((group) => copyOf(group.lr));
  }

  override step(): void {
    expectNoMore('ChainedScheduler.step', arguments, 0);
    for (const scheduler of this.schedulers) scheduler.step();
    this.lastLr = this.currentLr();
  }

  /** @internal */
  protected override get unsaved(): readonly string[] {
    return ['baseLrs', 'stepCount', 'lastEpoch'];
  }
}

function undo(scheduler: LRScheduler): void {
  if (isCombined(scheduler)) for (const one of scheduler.schedulers) undo(one);
  else scheduler.lastEpoch--;
}

function isCombined(scheduler: LRScheduler): scheduler is Combined {
  return 'schedulers' in scheduler;
}

function isPlateau(scheduler: LRScheduler): scheduler is ReduceLROnPlateau {
  return 'numBadEpochs' in scheduler;
}

function expectSchedules(where: string, schedulers: readonly LRScheduler[]): readonly LRScheduler[] {
  const list: unknown = schedulers;
  if (
    Array.isArray(list) &&
    list.length > 0 &&
    list.every((one: unknown) => typeof one === 'object' && one !== null && 'optimizer' in one)
  )
    return schedulers;
  throw new ArgumentTypeError(where, `expected an array of one schedule or more, got ${describe(list)}`);
}
