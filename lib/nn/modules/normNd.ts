// What batch and instance normalisation have in common: parameters and running statistics for each channel.
import { expectArgument, expectInteger } from '../../core/checks.js';
import { options as optionsOf } from '../../core/options.js';
import type { Device } from '../../core/dtype.js';
import { camelCase } from '../../core/names.js';
import { noGrad } from '../../autograd/gradMode.js';
import type { Parameter } from '../../tensor/parameter.js';
import type { Tensor } from '../../tensor/tensor.js';
import { Module, type StateDict } from '../module.js';
import { isUninitialized } from '../uninitialized.js';
import { filled, resetAffine, type FactoryOptions } from './initial.js';
import { initialize, LAZY, lazyBuffer, lazyParameter, withoutLazy } from './lazy.js';
import { bool, number } from './repr.js';

export interface NormOptions extends FactoryOptions {
  /** Added to the variance. Default 1e-5. */
  eps?: number;
  /** The share of each batch in the running statistics; null: all batches count the same. Default 0.1. */
  momentum?: number | null;
  /** Whether there are a weight and a bias for each channel. Default true for batches and lazy modules, false for instances. */
  affine?: boolean;
  /** Whether running statistics are kept, and used in evaluation mode. Default true for batches and lazy modules, false for instances. */
  trackRunningStats?: boolean;
  /** Whether there is a bias where there is a weight. Default true. */
  bias?: boolean;
}

/** @hidden */
export abstract class NormNd extends Module {
  /** 0 until the first forward of a lazy one. */
  numFeatures: number;
  eps: number;
  momentum: number | null;
  affine: boolean;
  trackRunningStats: boolean;
  declare weight: Parameter | null;
  declare bias: Parameter | null;
  /** The buffers running_mean, running_var and num_batches_tracked; null without `trackRunningStats`. */
  declare runningMean: Tensor | null;
  declare runningVar: Tensor | null;
  declare numBatchesTracked: Tensor | null;
  private pending: boolean;

  constructor(
    numFeatures: number | typeof LAZY,
    options: NormOptions,
    defaults: { affine: boolean; trackRunningStats: boolean },
  ) {
    super();
    const where = new.target.name;
    const {
      eps = 1e-5,
      momentum = 0.1,
      affine,
      trackRunningStats,
      bias = true,
      dtype,
      device,
    } = optionsOf(where, options, [
      'eps',
      'momentum',
      'affine',
      'trackRunningStats',
      'bias',
      'device',
      'dtype',
    ]);
    this.numFeatures = numFeatures === LAZY ? 0 : expectInteger(where, 'numFeatures', numFeatures);
    for (const [name, value] of Object.entries({ eps, momentum }))
      expectArgument(where, name, value, value === null || Number.isFinite(value), 'a number');
    this.eps = eps;
    this.momentum = momentum;
    this.affine = affine ?? defaults.affine;
    this.trackRunningStats = trackRunningStats ?? defaults.trackRunningStats;
    const factory = { ...(dtype && { dtype }), ...(device && { device }) };
    this.pending = numFeatures === LAZY;
    const shape = numFeatures === LAZY ? undefined : [this.numFeatures];
    const tracked = this.trackRunningStats;
    this.registerParameter('weight', this.affine ? lazyParameter(shape, factory) : null);
    this.registerParameter('bias', this.affine && bias ? lazyParameter(shape, factory) : null);
    this.registerBuffer('running_mean', tracked ? lazyBuffer('zeros', shape, factory) : null);
    this.registerBuffer('running_var', tracked ? lazyBuffer('ones', shape, factory) : null);
    const count = { ...factory, dtype: 'int64' } as const;
    this.registerBuffer('num_batches_tracked', tracked ? filled('zeros', [], count) : null);
    if (shape !== undefined) this.resetParameters();
    this.registerLoadStateDictPreHook((module, state, prefix) => module.prepareLoad(state, prefix));
  }

  /** @internal */
  override propertyOf(name: string): string {
    return camelCase(name);
  }

  private prepareLoad(state: StateDict, prefix: string): void {
    const some = state[`${prefix}weight`] ?? state[`${prefix}running_mean`];
    if (this.pending && some !== undefined && !isUninitialized(some)) this.learn(some.size(0));
    // State dicts of before PyTorch 0.4.1 do not count the batches.
    const key = `${prefix}num_batches_tracked`;
    if (this.numBatchesTracked !== null && !(key in state)) state[key] = this.numBatchesTracked;
  }

  private learn(numFeatures: number, device?: Device): void {
    this.numFeatures = numFeatures;
    this.pending = false;
    initialize(
      [this.weight, this.bias, this.runningMean, this.runningVar].map((tensor) => [tensor, [numFeatures]]),
      device,
    );
    this.resetParameters();
  }

  /** Forgets the running statistics: mean 0, variance 1. */
  resetRunningStats(): void {
    noGrad(() => {
      this.runningMean?.zero_();
      this.runningVar?.fill_(1);
      this.numBatchesTracked?.zero_();
    });
  }
  /** Ones for the weight, zeros for the bias, no running statistics. */
  resetParameters(): void {
    this.resetRunningStats();
    resetAffine(this.weight, this.bias);
  }

  /** Makes the state of a lazy module, which needs an input that was found to fit. */
  protected initialize(input: Tensor): void {
    if (!this.pending) return;
    this.learn(input.size(1), input.device);
  }

  override extraRepr(): string {
    return (
      `${this.numFeatures}, eps=${number(this.eps)}, momentum=${number(this.momentum)}, affine=${bool(this.affine)}, ` +
      `bias=${bool(this.bias !== null)}, track_running_stats=${bool(this.trackRunningStats)}`
    );
  }
  override toString(): string {
    return withoutLazy(super.toString(), this.pending);
  }
}
