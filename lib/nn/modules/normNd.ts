// What batch and instance normalisation have in common: parameters and running statistics for each channel.
import { expectInteger } from '../../core/checks.js';
import { expectOptions } from '../../core/options.js';
import { describe } from '../../core/describe.js';
import { ArgumentTypeError } from '../../core/errors.js';
import { noGrad } from '../../autograd/gradMode.js';
import type { Parameter, Tensor } from '../../tensor/tensor.js';
import { Module, type AnyModule, type StateDict } from '../module.js';
import { emptyParameter, filled, resetAffine, type FactoryOptions } from './initial.js';
import { awaitForward, beside, LAZY, uninitialized, withoutLazy } from './lazy.js';
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
  readonly eps: number;
  readonly momentum: number | null;
  readonly affine: boolean;
  readonly trackRunningStats: boolean;
  weight: Parameter | null = null;
  bias: Parameter | null = null;
  /** The buffers running_mean, running_var and num_batches_tracked; null without `trackRunningStats`. */
  runningMean: Tensor | null = null;
  runningVar: Tensor | null = null;
  numBatchesTracked: Tensor | null = null;
  private readonly factory: FactoryOptions;
  private readonly hasBias: boolean;
  private pending = false;

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
    } = expectOptions(where, options);
    for (const [name, value] of Object.entries({ eps, momentum }))
      if (value !== null && !Number.isFinite(value))
        throw new ArgumentTypeError(where, `${name}: expected a number, got ${describe(value)}`);
    this.numFeatures = numFeatures === LAZY ? 0 : expectInteger(where, 'numFeatures', numFeatures);
    this.eps = eps;
    this.momentum = momentum;
    this.affine = affine ?? defaults.affine;
    this.trackRunningStats = trackRunningStats ?? defaults.trackRunningStats;
    this.factory = { ...(dtype && { dtype }), ...(device && { device }) };
    this.hasBias = this.affine && bias;
    if (numFeatures === LAZY) {
      this.pending = true;
      if (this.affine) awaitForward(this, this.hasBias ? ['weight', 'bias'] : ['weight']);
    } else this.makeState(this.numFeatures, this.factory);
    this.registerLoadStateDictPreHook((module, state, prefix) => module.prepareLoad(state, prefix));
  }

  private prepareLoad(state: StateDict, prefix: string): void {
    const some = state[`${prefix}weight`] ?? state[`${prefix}running_mean`];
    if (this.pending && some !== undefined) this.makeState(some.size(0), this.factory);
    // State dicts of before PyTorch 0.4.1 do not count the batches.
    const key = `${prefix}num_batches_tracked`;
    if (this.numBatchesTracked !== null && !(key in state)) state[key] = this.numBatchesTracked;
  }

  private makeState(numFeatures: number, factory: FactoryOptions): void {
    this.numFeatures = numFeatures;
    this.pending = false;
    const size = [numFeatures];
    this.weight = this.affine ? emptyParameter(size, factory) : null;
    this.bias = this.hasBias ? emptyParameter(size, factory) : null;
    if (this.trackRunningStats) {
      this.runningMean = filled('zeros', size, factory);
      this.runningVar = filled('ones', size, factory);
      this.numBatchesTracked = filled('zeros', [], { ...factory, dtype: 'int64' });
      this.registerBuffer('running_mean', this.runningMean);
      this.registerBuffer('running_var', this.runningVar);
      this.registerBuffer('num_batches_tracked', this.numBatchesTracked);
    }
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
    this.makeState(input.size(1), beside(input, this.factory));
  }

  override ownBuffers(persistent = false): [name: string, buffer: Tensor][] {
    if (this.pending && this.trackRunningStats) throw uninitialized(this, 'buffers');
    return super.ownBuffers(persistent);
  }
  override namedChildren(): [name: string, module: AnyModule][] {
    return this.pending ? [] : super.namedChildren();
  }
  override extraRepr(): string {
    return (
      `${this.numFeatures}, eps=${number(this.eps)}, momentum=${number(this.momentum)}, affine=${bool(this.affine)}, ` +
      `bias=${bool(this.hasBias)}, track_running_stats=${bool(this.trackRunningStats)}`
    );
  }
  override toString(): string {
    return withoutLazy(super.toString(), this.pending);
  }
}
