// Schedules by a function of the epoch.
import { describe } from '../../core/describe.js';
import { ArgumentTypeError } from '../../core/errors.js';
import { options } from '../../core/options.js';
import type { AnyOptimizer } from '../optimizer.js';
import { times, type Value } from '../values.js';
import { LRScheduler, type SchedulerOptions, type SchedulerState } from './scheduler.js';

/** The factor of an epoch. */
export type LrLambda = (epoch: number) => number;

abstract class ByFunction extends LRScheduler {
  readonly #lambdas: readonly LrLambda[];

  constructor(optimizer: AnyOptimizer, lrLambda: LrLambda | readonly LrLambda[], given: SchedulerOptions) {
    super(optimizer);
    const { lastEpoch } = options(this.constructor.name, given, ['lastEpoch']);
    const groups = optimizer.paramGroups.length;
    const list = typeof lrLambda === 'function' ? Array<LrLambda>(groups).fill(lrLambda) : lrLambda;
    if (!Array.isArray(list) || list.length !== groups || list.some((one) => typeof one !== 'function')) {
      throw new ArgumentTypeError(
        this.constructor.name,
        `lrLambda: expected a function, or one for each of the ${groups} groups, got ${describe(lrLambda)}`,
      );
    }
    this.#lambdas = list as LrLambda[];
    this.start(lastEpoch);
  }

  /** As in PyTorch functions are not saved: a null stands for each. */
  override stateDict(): SchedulerState {
    return { ...super.stateDict(), lr_lambdas: this.#lambdas.map(() => null) };
  }

  /** Each learning rate times the factor of its group. @internal */
  protected multiplied(rates: readonly Value[]): Value[] {
    this.expectPairs(this.#lambdas, rates);
    return rates.map((lr, g) => times(lr, this.#lambdas[g]!(this.lastEpoch)));
  }
}

/**
 * lr = initialLr * lrLambda(epoch): https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.LambdaLR.html
 */
export class LambdaLR extends ByFunction {
  constructor(
    optimizer: AnyOptimizer,
    lrLambda: LrLambda | readonly LrLambda[],
    given: SchedulerOptions = {},
  ) {
    super(optimizer, lrLambda, given);
  }

  protected override getLr(): Value[] {
    return this.multiplied(this.baseLrs);
  }
}

/**
 * lr = lr * lrLambda(epoch), from the second epoch on:
 * https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.MultiplicativeLR.html
 */
export class MultiplicativeLR extends ByFunction {
  constructor(
    optimizer: AnyOptimizer,
    lrLambda: LrLambda | readonly LrLambda[],
    given: SchedulerOptions = {},
  ) {
    super(optimizer, lrLambda, given);
  }

  protected override getLr(): Value[] {
    return this.isInitial ? this.currentLr() : this.multiplied(this.currentLr());
  }
}
