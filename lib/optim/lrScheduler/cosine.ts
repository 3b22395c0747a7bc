// Schedules along a cosine, from "SGDR: Stochastic Gradient Descent with Warm Restarts" (https://arxiv.org/abs/1608.03983).
import { expectInteger, expectNumber } from '../../core/checks.js';
import { expectNoMore, options } from '../../core/options.js';
import type { AnyOptimizer } from '../optimizer.js';
import { cos, log, minus, over, plus, times, type Value } from '../values.js';
import { LRScheduler, type SchedulerOptions } from './scheduler.js';

/**
 * From the initial learning rate along half a cosine to etaMin at the epoch `tMax`, and back again:
 * https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.CosineAnnealingLR.html
 */
export class CosineAnnealingLR extends LRScheduler {
  tMax: number;
  etaMin: number;

  /** etaMin: default 0. */
  constructor(optimizer: AnyOptimizer, tMax: number, given: SchedulerOptions & { etaMin?: number } = {}) {
    super(optimizer);
    const { etaMin = 0, lastEpoch } = options('CosineAnnealingLR', given, ['etaMin', 'lastEpoch']);
    this.tMax = expectNumber('CosineAnnealingLR', 'tMax', tMax, { above: 0 });
    this.etaMin = expectNumber('CosineAnnealingLR', 'etaMin', etaMin);
    this.start(lastEpoch);
  }

  protected override getLr(): Value[] {
    const { tMax, etaMin, lastEpoch } = this;
    if (this.isInitial) return this.currentLr();
    if (this.stepCount === 1 && lastEpoch > 0)
      return this.baseLrs.map((lr) => between(etaMin, lr, 1 + cos((lastEpoch * Math.PI) / tMax)));
    if ((lastEpoch - 1 - tMax) % (2 * tMax) === 0) {
      // From the lowest point up, where the quotient below would have a 0 in the denominator.
      this.expectPairs(this.baseLrs, this.optimizer.paramGroups);
      const rise = 1 - cos(Math.PI / tMax);
      return this.eachLr((lr) => lr).map((lr, g) =>
        plus(lr, over(times(minus(this.baseLrs[g]!, etaMin), rise), 2)),
      );
    }
    const factor = (1 + cos((Math.PI * lastEpoch) / tMax)) / (1 + cos((Math.PI * (lastEpoch - 1)) / tMax));
    return this.eachLr((lr) => plus(times(factor, minus(lr, etaMin)), etaMin));
  }

  protected override closedForm(): Value[] {
    const height = 1 + cos((Math.PI * this.lastEpoch) / this.tMax);
    return this.baseLrs.map((lr) => between(this.etaMin, lr, height));
  }
}

/**
 * Half a cosine from the initial learning rate to etaMin, again and again; each is tMult times as long as the one before:
 * https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.CosineAnnealingWarmRestarts.html
 */
export class CosineAnnealingWarmRestarts extends LRScheduler {
  t0: number;
  tI: number;
  tMult: number;
  etaMin: number;
  tCur: number;

  /** t0: epochs until the first restart. tMult: a whole number, default 1. etaMin: default 0. */
  constructor(
    optimizer: AnyOptimizer,
    t0: number,
    given: SchedulerOptions & { tMult?: number; etaMin?: number } = {},
  ) {
    super(optimizer);
    const where = 'CosineAnnealingWarmRestarts';
    const { tMult = 1, etaMin = 0, lastEpoch = -1 } = options(where, given, ['tMult', 'etaMin', 'lastEpoch']);
    this.t0 = expectInteger(where, 't0', t0, 1);
    this.tI = this.t0;
    this.tMult = expectInteger(where, 'tMult', tMult, 1);
    this.etaMin = expectNumber(where, 'etaMin', etaMin);
    this.tCur = lastEpoch;
    this.start(lastEpoch);
  }

  protected override getLr(): Value[] {
    const height = 1 + cos((Math.PI * this.tCur) / this.tI);
    return this.baseLrs.map((lr) => between(this.etaMin, lr, height));
  }

  /** Goes on by one epoch, or to any, which need not be whole: `step(epoch + batch / batches)`. */
  override step(epoch?: number): void {
    expectNoMore('CosineAnnealingWarmRestarts.step', arguments, 1);
    this.refuseRecording();
    let at = epoch ?? (this.lastEpoch < 0 ? 0 : undefined);
    if (at === undefined) {
      at = this.lastEpoch + 1;
      this.tCur++;
      if (this.tCur >= this.tI) {
        this.tCur %= this.tI;
        this.tI *= this.tMult;
      }
    } else {
      at = expectNumber('CosineAnnealingWarmRestarts.step', 'epoch', at, { least: 0 });
      if (at < this.t0) {
        this.tI = this.t0;
        this.tCur = at;
      } else if (this.tMult === 1) this.tCur = at % this.t0;
      else {
        const n = Math.trunc(log((at / this.t0) * (this.tMult - 1) + 1) / log(this.tMult));
        const longer = this.tMult ** n;
        this.tCur = at - (this.t0 * (longer - 1)) / (this.tMult - 1);
        this.tI = this.t0 * longer;
      }
    }
    this.lastEpoch = Math.floor(at);
    this.setLr(this.getLr());
  }
}

// least + (lr - least) height / 2, where height goes from 2 to 0.
function between(least: number, lr: Value, height: number): Value {
  return plus(least, over(times(minus(lr, least), height), 2));
}
