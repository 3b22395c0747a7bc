// A schedule that waits for a metric to stop getting better.
import { describe } from '../../core/describe.js';
import { expectInteger, expectNumber, expectOneOf } from '../../core/checks.js';
import { TorchError, ArgumentTypeError } from '../../core/errors.js';
import { expectNoMore, options } from '../../core/options.js';
import { isTensor, type Tensor } from '../../tensor/tensor.js';
import type { AnyOptimizer } from '../optimizer.js';
import { numberOf } from '../values.js';
import { LRScheduler, perGroup, setLr, type SchedulerState } from './scheduler.js';

export interface ReduceLROnPlateauOptions {
  /** Whether smaller or larger metrics are better. Default 'min'. */
  mode?: 'min' | 'max';
  /** What learning rates are multiplied by, below 1. Default 0.1. */
  factor?: number;
  /** How many epochs may be no better before rates go down. Default 10. */
  patience?: number;
  /** By how much a metric has to be better to count. Default 0.0001. */
  threshold?: number;
  /** Whether the threshold is a part of the best metric, or a difference to it. Default 'rel'. */
  thresholdMode?: 'rel' | 'abs';
  /** Epochs to wait after rates went down. Default 0. */
  cooldown?: number;
  /** No rate goes below, for all groups or for each. Default 0. */
  minLr?: number | readonly number[];
  /** Smaller changes of a rate are not made. Default 1e-8. */
  eps?: number;
}

/** https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.ReduceLROnPlateau.html */
export class ReduceLROnPlateau extends LRScheduler {
  factor: number;
  defaultMinLr: number | null;
  minLrs: number[];
  patience: number;
  cooldown: number;
  eps: number;
  mode: 'min' | 'max';
  threshold: number;
  thresholdMode: 'rel' | 'abs';
  best: number;
  modeWorse: number;
  cooldownCounter = 0;
  numBadEpochs = 0;

  constructor(optimizer: AnyOptimizer, given: ReduceLROnPlateauOptions = {}) {
    super(optimizer);
    const where = 'ReduceLROnPlateau';
    const {
      mode = 'min',
      factor = 0.1,
      patience = 10,
      threshold = 1e-4,
      thresholdMode = 'rel',
      cooldown = 0,
      minLr = 0,
      eps = 1e-8,
    } = options(where, given, [
      ...(['mode', 'factor', 'patience', 'threshold', 'thresholdMode', 'cooldown'] as const),
      ...(['minLr', 'eps'] as const),
    ]);
    this.factor = expectNumber(where, 'factor', factor, { below: 1 });
    this.patience = expectInteger(where, 'patience', patience);
    this.cooldown = expectInteger(where, 'cooldown', cooldown);
    this.threshold = expectNumber(where, 'threshold', threshold);
    this.eps = expectNumber(where, 'eps', eps);
    this.mode = expectOneOf(where, 'mode', mode, ['min', 'max']);
    this.thresholdMode = expectOneOf(where, 'thresholdMode', thresholdMode, ['rel', 'abs']);
    this.minLrs = perGroup(where, 'minLr', optimizer, minLr);
    this.defaultMinLr = typeof minLr === 'number' ? minLr : null;
    this.modeWorse = this.mode === 'min' ? Infinity : -Infinity;
    this.best = this.modeWorse;
    this.lastEpoch = 0;
    this.lastLr = this.currentLr();
  }

  /** Whether the schedule waits after rates went down. */
  get inCooldown(): boolean {
    return this.cooldownCounter > 0;
  }

  /** Takes the epoch's metric: a number, or a tensor of one element. */
  override step(metric?: number | Tensor): void {
    expectNoMore('ReduceLROnPlateau.step', arguments, 1);
    this.refuseRecording();
    if (typeof metric !== 'number' && !isTensor(metric)) {
      throw new ArgumentTypeError(
        'ReduceLROnPlateau.step',
        `expected the epoch's metric, a number or a tensor of one element, got ${describe(metric)}`,
      );
    }
    const current = numberOf(metric);
    this.lastEpoch++;
    if (this.#isBetter(current)) {
      this.best = current;
      this.numBadEpochs = 0;
    } else this.numBadEpochs++;
    if (this.inCooldown) {
      this.cooldownCounter--;
      this.numBadEpochs = 0;
    }
    if (this.numBadEpochs > this.patience) {
      this.#reduce();
      this.cooldownCounter = this.cooldown;
      this.numBadEpochs = 0;
    }
    this.lastLr = this.currentLr();
  }

  /** @internal */
  protected override get unsaved(): readonly string[] {
    return ['baseLrs', 'stepCount'];
  }

  /** @internal */
  protected override loadedField(name: string, value: unknown, own: unknown): unknown {
    return name === 'defaultMinLr' && value === null ? null : super.loadedField(name, value, own);
  }

  override loadStateDict(state: SchedulerState): void {
    expectNoMore('ReduceLROnPlateau.loadStateDict', arguments, 1);
    super.loadStateDict(state);
    this.modeWorse = this.mode === 'min' ? Infinity : -Infinity;
  }

  #reduce(): void {
    const { paramGroups } = this.optimizer;
    if (this.minLrs.length !== paramGroups.length) {
      if (this.defaultMinLr === null) {
        throw new TorchError(
          'ReduceLROnPlateau.step',
          `the optimizer's groups of parameters are ${paramGroups.length} now, and minLr was given for ` +
            `${this.minLrs.length}: set the schedule's minLrs to one for each group`,
        );
      }
      this.minLrs = Array<number>(paramGroups.length).fill(this.defaultMinLr);
    }
    paramGroups.forEach((group, g) => {
      const before = numberOf(group.lr);
      const after = Math.max(before * this.factor, this.minLrs[g]!);
      if (before - after > this.eps) setLr(group, after);
    });
  }

  #isBetter(metric: number): boolean {
    const { best, threshold } = this;
    const relative = this.thresholdMode === 'rel';
    if (this.mode === 'min') return metric < (relative ? best * (1 - threshold) : best - threshold);
    return metric > (relative ? best * (threshold + 1) : best + threshold);
  }
}
