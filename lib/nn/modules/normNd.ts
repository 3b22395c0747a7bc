// What batch and instance normalisation have in common: parameters and running statistics for each channel.
import { TorchError } from '../../tensor/errors.js';
import { noGrad } from '../../tensor/autograd.js';
import { describe, expectOptions } from '../../tensor/operators.js';
import type { Parameter, Tensor } from '../../tensor/tensor.js';
import { Module, type AnyModule } from '../module.js';
import { emptyParameter, filled, resetAffine, type FactoryOptions } from './initial.js';
import { awaitForward, LAZY, withoutLazy } from './lazy.js';
import { bool, number } from './repr.js';
import { expectWhole } from './sizes.js';

export interface NormOptions extends FactoryOptions {
  /** Added to the variance. Default 1e-5. */
  eps?: number;
  /** The share of each batch in the running statistics; null: all batches count the same. Default 0.1. */
  momentum?: number | null;
  /** Whether there are a weight and a bias for each channel. Default true for batches, false for instances. */
  affine?: boolean;
  /** Whether running statistics are kept, and used in evaluation mode. Default true for batches, false for instances. */
  trackRunningStats?: boolean;
  /** Whether there is a bias where there is a weight. Default true. */
  bias?: boolean;
}

/** @internal */
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
  readonly #factory: FactoryOptions;
  readonly #hasBias: boolean;
  #pending = false;

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
        throw new TorchError(where, `${name}: expected a number, got ${describe(value)}`, {
          code: 'ERR_INVALID_ARG_TYPE',
        });
    this.numFeatures = numFeatures === LAZY ? 0 : expectWhole(where, 'numFeatures', numFeatures, 0);
    this.eps = eps;
    this.momentum = momentum;
    this.affine = affine ?? defaults.affine;
    this.trackRunningStats = trackRunningStats ?? defaults.trackRunningStats;
    this.#factory = { ...(dtype && { dtype }), ...(device && { device }) };
    this.#hasBias = this.affine && bias;
    if (numFeatures === LAZY) {
      this.#pending = this.affine || this.trackRunningStats;
      // The first one throws for buffers too, if there are no parameters.
      if (this.#pending) awaitForward(this, this.#hasBias ? ['weight', 'bias'] : ['weight']);
    } else this.#makeState(this.#factory);
  }

  #makeState(factory: FactoryOptions): void {
    const size = [this.numFeatures];
    this.weight = this.affine ? emptyParameter(size, factory) : null;
    this.bias = this.#hasBias ? emptyParameter(size, factory) : null;
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
    if (!this.#pending) return;
    this.numFeatures = input.size(1);
    this.#makeState({ device: input.device, ...this.#factory });
    this.#pending = false;
  }

  override namedChildren(): [name: string, module: AnyModule][] {
    return this.#pending ? [] : super.namedChildren();
  }
  override extraRepr(): string {
    return (
      `${this.numFeatures}, eps=${number(this.eps)}, momentum=${number(this.momentum)}, affine=${bool(this.affine)}, ` +
      `bias=${bool(this.#hasBias)}, track_running_stats=${bool(this.trackRunningStats)}`
    );
  }
  override toString(): string {
    return withoutLazy(super.toString(), this.#pending);
  }
}
