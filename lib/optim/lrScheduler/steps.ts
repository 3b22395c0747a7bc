// Schedules that multiply the learning rate by simple factors. Each goes on from the rates that the groups have, so that
// several can be chained, and gives PyTorch's numbers bit for bit.
import { types } from 'node:util';
import { expectArgument, expectInteger, expectNumber, expectObject, isIterable } from '../../core/checks.js';
import { Counter } from '../../core/counter.js';
import { expectNoMore, options } from '../../core/options.js';
import type { AnyOptimizer } from '../optimizer.js';
import { pow, times, type Value } from '../values.js';
import { bisectRight, LRScheduler, type SchedulerOptions, type SchedulerState } from './scheduler.js';

/**
 * lr = lr * gamma every `stepSize` epochs:
 * https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.StepLR.html
 */
export class StepLR extends LRScheduler {
  stepSize: number;
  gamma: number;

  /** gamma: default 0.1. */
  constructor(optimizer: AnyOptimizer, stepSize: number, given: SchedulerOptions & { gamma?: number } = {}) {
    super(optimizer);
    const { gamma = 0.1, lastEpoch } = options('StepLR', given, ['gamma', 'lastEpoch']);
    this.stepSize = expectInteger('StepLR', 'stepSize', stepSize, 1);
    this.gamma = expectNumber('StepLR', 'gamma', gamma);
    this.start(lastEpoch);
  }

  protected override getLr(): Value[] {
    if (this.lastEpoch === 0 || this.lastEpoch % this.stepSize !== 0) return this.currentLr();
    return this.eachLr((lr) => times(lr, this.gamma));
  }

  protected override closedForm(): Value[] {
    return this.baseLrs.map((lr) => times(lr, pow(this.gamma, Math.floor(this.lastEpoch / this.stepSize))));
  }
}

/**
 * lr = lr * gamma at each of the milestones; one that comes twice counts twice:
 * https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.MultiStepLR.html
 */
export class MultiStepLR extends LRScheduler {
  /** How often each epoch is a milestone. */
  milestones = new Counter<number>();
  gamma: number;

  /** gamma: default 0.1. */
  constructor(
    optimizer: AnyOptimizer,
    milestones: Iterable<number>,
    given: SchedulerOptions & { gamma?: number } = {},
  ) {
    super(optimizer);
    const { gamma = 0.1, lastEpoch } = options('MultiStepLR', given, ['gamma', 'lastEpoch']);
    expectArgument('MultiStepLR', 'milestones', milestones, isIterable(milestones), 'an array of epochs');
    for (const each of milestones) {
      const milestone = expectInteger('MultiStepLR', 'milestones', each);
      this.milestones.set(milestone, (this.milestones.get(milestone) ?? 0) + 1);
    }
    this.gamma = expectNumber('MultiStepLR', 'gamma', gamma);
    this.start(lastEpoch);
  }

  protected override getLr(): Value[] {
    const count = this.milestones.get(this.lastEpoch);
    return count === undefined ? this.currentLr() : this.eachLr((lr) => times(lr, pow(this.gamma, count)));
  }

  protected override closedForm(): Value[] {
    const all = [...this.milestones]
      .sort(([a], [b]) => a - b)
      .flatMap(([epoch, count]) => Array<number>(count).fill(epoch));
    return this.baseLrs.map((lr) => times(lr, pow(this.gamma, bisectRight(all, this.lastEpoch))));
  }

  /** Its milestones are Python's Counter, which torch.save writes as one. */
  override stateDict(): SchedulerState {
    expectNoMore('MultiStepLR.stateDict', arguments, 0);
    return { ...super.stateDict(), milestones: new Counter(this.milestones) };
  }

  /** Milestones may come as an object under texts too: through JSON. @internal */
  protected override loadedField(name: string, value: unknown, own: unknown): unknown {
    return name === 'milestones'
      ? milestonesOf(`${this.constructor.name}.loadStateDict`, value)
      : super.loadedField(name, value, own);
  }
}

function milestonesOf(where: string, value: unknown): Counter<number> {
  expectObject(where, 'milestones', value, 'how often each epoch is a milestone');
  const entries: [unknown, unknown][] = types.isMap(value) ? [...value] : Object.entries(value as object);
  return new Counter(
    entries.map(([epoch, count]) => {
      const number = typeof epoch === 'string' && /^\d+$/.test(epoch) ? Number(epoch) : epoch;
      return [
        expectInteger(where, 'milestones', number),
        expectInteger(where, `milestones[${String(epoch)}]`, count),
      ];
    }),
  );
}

/**
 * lr * factor until the epoch `totalIters`, lr from then on:
 * https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ConstantLR.html
 */
export class ConstantLR extends LRScheduler {
  factor: number;
  totalIters: number;

  /** factor: from 0 to 1, default a third. totalIters: default 5. */
  constructor(
    optimizer: AnyOptimizer,
    given: SchedulerOptions & { factor?: number; totalIters?: number } = {},
  ) {
    super(optimizer);
    const {
      factor = 1 / 3,
      totalIters = 5,
      lastEpoch,
    } = options('ConstantLR', given, ['factor', 'totalIters', 'lastEpoch']);
    this.factor = expectNumber('ConstantLR', 'factor', factor, { least: 0, most: 1 });
    this.totalIters = expectInteger('ConstantLR', 'totalIters', totalIters);
    this.start(lastEpoch);
  }

  protected override getLr(): Value[] {
    if (this.lastEpoch === 0) return this.eachLr((lr) => times(lr, this.factor));
    if (this.lastEpoch !== this.totalIters) return this.currentLr();
    return this.eachLr((lr) => times(lr, 1 / this.factor));
  }

  protected override closedForm(): Value[] {
    const ended = this.lastEpoch >= this.totalIters ? 1 : 0;
    return this.baseLrs.map((lr) => times(lr, this.factor + ended * (1 - this.factor)));
  }
}

/**
 * From lr * startFactor in a line to lr * endFactor at the epoch `totalIters`:
 * https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.LinearLR.html
 */
export class LinearLR extends LRScheduler {
  startFactor: number;
  endFactor: number;
  totalIters: number;

  /** startFactor: above 0, up to 1, default a third. endFactor: from 0 to 1, default 1. totalIters: default 5. */
  constructor(
    optimizer: AnyOptimizer,
    given: SchedulerOptions & { startFactor?: number; endFactor?: number; totalIters?: number } = {},
  ) {
    super(optimizer);
    const where = 'LinearLR';
    const {
      startFactor = 1 / 3,
      endFactor = 1,
      totalIters = 5,
      lastEpoch,
    } = options(where, given, ['startFactor', 'endFactor', 'totalIters', 'lastEpoch']);
    this.startFactor = expectNumber(where, 'startFactor', startFactor, { above: 0, most: 1 });
    this.endFactor = expectNumber(where, 'endFactor', endFactor, { least: 0, most: 1 });
    this.totalIters = expectInteger(where, 'totalIters', totalIters);
    this.start(lastEpoch);
  }

  protected override getLr(): Value[] {
    const { startFactor, endFactor, totalIters, lastEpoch } = this;
    if (lastEpoch === 0) return this.eachLr((lr) => times(lr, startFactor));
    if (this.isInitial || lastEpoch > totalIters) return this.currentLr();
    const span = endFactor - startFactor;
    const factor = 1 + span / (totalIters * startFactor + (lastEpoch - 1) * span);
    return this.eachLr((lr) => times(lr, factor));
  }

  protected override closedForm(): Value[] {
    const { startFactor, endFactor, totalIters, lastEpoch } = this;
    const factor = startFactor + ((endFactor - startFactor) * Math.min(totalIters, lastEpoch)) / totalIters;
    return this.baseLrs.map((lr) => times(lr, factor));
  }
}

/**
 * lr = lr * gamma every epoch:
 * https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ExponentialLR.html
 */
export class ExponentialLR extends LRScheduler {
  gamma: number;

  constructor(optimizer: AnyOptimizer, gamma: number, given: SchedulerOptions = {}) {
    super(optimizer);
    const { lastEpoch } = options('ExponentialLR', given, ['lastEpoch']);
    this.gamma = expectNumber('ExponentialLR', 'gamma', gamma);
    this.start(lastEpoch);
  }

  protected override getLr(): Value[] {
    return this.isInitial ? this.currentLr() : this.eachLr((lr) => times(lr, this.gamma));
  }

  protected override closedForm(): Value[] {
    return this.baseLrs.map((lr) => times(lr, pow(this.gamma, this.lastEpoch)));
  }
}

/**
 * lr (1 - epoch / totalIters)^power:
 * https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.PolynomialLR.html
 */
export class PolynomialLR extends LRScheduler {
  totalIters: number;
  power: number;

  /** totalIters: default 5. power: default 1. */
  constructor(
    optimizer: AnyOptimizer,
    given: SchedulerOptions & { totalIters?: number; power?: number } = {},
  ) {
    super(optimizer);
    const {
      totalIters = 5,
      power = 1,
      lastEpoch,
    } = options('PolynomialLR', given, ['totalIters', 'power', 'lastEpoch']);
    this.totalIters = expectInteger('PolynomialLR', 'totalIters', totalIters, 1);
    this.power = expectNumber('PolynomialLR', 'power', power);
    this.start(lastEpoch);
  }

  protected override getLr(): Value[] {
    const { totalIters, lastEpoch } = this;
    if (this.isInitial || lastEpoch > totalIters) return this.currentLr();
    const factor = pow((1 - lastEpoch / totalIters) / (1 - (lastEpoch - 1) / totalIters), this.power);
    return this.eachLr((lr) => times(lr, factor));
  }

  protected override closedForm(): Value[] {
    const { totalIters, lastEpoch } = this;
    const factor = pow(1 - Math.min(totalIters, lastEpoch) / totalIters, this.power);
    return this.baseLrs.map((lr) => times(lr, factor));
  }
}
