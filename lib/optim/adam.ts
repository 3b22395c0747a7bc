// Adam and AdamW.
import { expectNumber } from '../core/checks.js';
import { options } from '../core/options.js';
import { counted, scheduled, scheduledFor } from '../program/recording.js';
import { TorchError } from '../core/errors.js';
import { operator } from '../operators/operators.js';
import { isTensor, type Tensor } from '../tensor/tensor.js';
import { foreach, foreach_ } from './foreach.js';
import type { CommonOptions, OptimizerState, ParamGroup, Params, StateLayout } from './optimizer.js';
import { expectBetas, expectRate, refuseDifferentiable, settled } from './settings.js';
import { refuseSparse } from './stateful.js';
import {
  countedAll,
  averageAllIn,
  averageIn,
  decayed,
  descent,
  descents,
  UpdatingOptimizer,
  type Columns,
  type Slot,
} from './updating.js';
import { negative, numberOf, over, pow } from './values.js';

export interface AdamOptions extends CommonOptions {
  /** Coefficients of the running averages of the gradient and of its square. Default [0.9, 0.999]. */
  betas?: [number, number];
  /** Added to the denominator. Default 1e-8. */
  eps?: number;
  /** L2 penalty, or with decoupledWeightDecay AdamW's decay. Default 0; AdamW's is 0.01. */
  weightDecay?: number;
  /** Divide by the largest average of squares so far. Default false. */
  amsgrad?: boolean;
  /** One fused kernel (_fused_adam_). Default null, which is no. */
  fused?: boolean | null;
  /** Decay the parameters themselves, not their gradients: AdamW. Default false. */
  decoupledWeightDecay?: boolean;
}

type State = Record<'step' | 'exp_avg' | 'exp_avg_sq', Tensor> & { max_exp_avg_sq: Tensor };

/** What `stateDict()` gives. */
export type AdamState = OptimizerState<State>;

const DEFAULTS: Required<AdamOptions> = {
  lr: 1e-3,
  betas: [0.9, 0.999],
  eps: 1e-8,
  weightDecay: 0,
  amsgrad: false,
  maximize: false,
  foreach: null,
  capturable: false,
  fused: null,
  decoupledWeightDecay: false,
};

/**
 * torch.optim.Adam: https://docs.pytorch.org/docs/stable/generated/torch.optim.Adam.html
 *
 *     m = beta1 m + (1 - beta1) g,   v = beta2 v + (1 - beta2) g^2
 *     p = p - lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)
 */
export class Adam extends UpdatingOptimizer<AdamOptions, State> {
  /** `params`: parameters, or groups with settings of their own. Throws a TorchError for settings out of range. */
  constructor(params: Params<AdamOptions>, options: AdamOptions = {}) {
    super(params, options, DEFAULTS);
  }

  /** @internal */
  protected override check(settings: Required<AdamOptions>): void {
    const where = this.constructor.name;
    expectRate(where, settings.lr);
    expectBetas(where, settings.betas);
    expectNumber(where, 'eps', settings.eps, { least: 0 });
    expectNumber(where, 'weightDecay', settings.weightDecay, { least: 0 });
    if (settings.fused && settings.foreach)
      throw new TorchError(where, 'fused and foreach cannot both be true');
    if (settings.foreach && isTensor(settings.lr))
      throw new TorchError(where, 'lr: a tensor does not go with foreach; pass a number');
  }

  /** @internal */
  protected override layout(group: ParamGroup<AdamOptions>): StateLayout {
    return {
      step: 'scalar',
      exp_avg: 'like',
      exp_avg_sq: 'like',
      ...(group.amsgrad ? { max_exp_avg_sq: 'like' } : {}),
    };
  }

  /** @internal */
  protected override readAnew(): readonly string[] {
    return ['lr', 'betas', 'weightDecay'];
  }

  /** @internal */
  protected override expectGradients(_group: ParamGroup<AdamOptions>, slots: readonly Slot<State>[]): void {
    refuseSparse(this.constructor.name, slots, ', please consider SparseAdam instead');
  }

  /** @internal */
  protected override single(group: ParamGroup<AdamOptions>, slot: Slot<State>): void {
    const { eps, amsgrad } = group;
    const { parameter, state } = slot;
    const { exp_avg: average, exp_avg_sq: squares } = state;
    const t = counted(state.step);
    if (group.weightDecay !== 0 && group.decoupledWeightDecay) parameter.mul_(decayed(group));
    const gradient = descent(group, slot);
    averageIn(group, average, squares, gradient);
    const stepSize = scheduled(() => numberOf(negative(over(group.lr, 1 - pow(group.betas[0], t())))));
    const correction = scheduled(() => pow(1 - pow(group.betas[1], t()), 0.5));
    if (amsgrad) operator('aten::maximum.out').call(state.max_exp_avg_sq, squares, state.max_exp_avg_sq);
    const denominator = (amsgrad ? state.max_exp_avg_sq : squares).sqrt().div(correction).add_(eps);
    parameter.addcdiv_(average, denominator, { value: stepSize });
  }

  /** @internal */
  protected override foreach(group: ParamGroup<AdamOptions>, columns: Columns<State>): void {
    const { eps, amsgrad } = group;
    const { parameters } = columns;
    const averages = columns.state('exp_avg');
    const squares = columns.state('exp_avg_sq');
    const counts = countedAll(columns.state('step'));
    if (group.weightDecay !== 0 && group.decoupledWeightDecay) foreach_('mul', parameters, decayed(group));
    const gradients = descents(group, columns);
    averageAllIn(group, averages, squares, gradients);
    const stepSizes = counts.map((t) =>
      scheduled(() => (numberOf(group.lr) / (1 - pow(group.betas[0], t()))) * -1),
    );
    const corrections = counts.map((t) => scheduled(() => pow(1 - pow(group.betas[1], t()), 0.5)));
    if (amsgrad) foreach_('maximum', columns.state('max_exp_avg_sq'), squares);
    const denominators = foreach('sqrt', amsgrad ? columns.state('max_exp_avg_sq') : squares);
    foreach_('div', denominators, corrections);
    foreach_('add', denominators, eps);
    foreach_('addcdiv', parameters, averages, denominators, stepSizes);
  }

  /** @internal */
  protected override fused(group: ParamGroup<AdamOptions>, columns: Columns<State>): void {
    const steps = columns.state('step');
    foreach_('add', steps, 1);
    operator(group.decoupledWeightDecay ? 'aten::_fused_adamw_' : 'aten::_fused_adam_').call(
      columns.parameters,
      columns.gradients,
      columns.state('exp_avg'),
      columns.state('exp_avg_sq'),
      group.amsgrad ? columns.state('max_exp_avg_sq') : [],
      steps,
      scheduledFor(group, 'lr', () => numberOf(group.lr)),
      scheduledFor(group, 'beta1', () => group.betas[0]),
      scheduledFor(group, 'beta2', () => group.betas[1]),
      scheduledFor(group, 'weightDecay', () => group.weightDecay),
      group.eps,
      group.amsgrad,
      group.maximize,
      this.gradScale,
      this.foundInf,
    );
    if (this.foundInf !== null) foreach_('sub', steps, Array<Tensor>(steps.length).fill(this.foundInf));
  }
}

/** Options of AdamW: Adam's, whose weight decay is always decoupled. */
export type AdamWOptions = Omit<AdamOptions, 'decoupledWeightDecay'>;

/**
 * torch.optim.AdamW: https://docs.pytorch.org/docs/stable/generated/torch.optim.AdamW.html
 *
 * Adam with `p = p - lr weightDecay p` in place of the L2 penalty. weightDecay is 0.01 by default.
 */
export class AdamW extends Adam {
  /** `params`: parameters, or groups with settings of their own. Throws a TorchError for settings out of range. */
  constructor(params: Params<AdamWOptions>, given: AdamWOptions = {}) {
    refuseDifferentiable('AdamW', given);
    super(params, {
      ...settled(
        { weightDecay: 1e-2 },
        options('AdamW', given, [
          ...(['lr', 'betas', 'eps', 'weightDecay', 'amsgrad'] as const),
          ...(['maximize', 'foreach', 'capturable', 'fused'] as const),
        ]),
      ),
      decoupledWeightDecay: true,
    });
  }

  /** @internal */
  protected override loadedGroup(group: ParamGroup<AdamOptions>): ParamGroup<AdamOptions> {
    return { ...group, decoupledWeightDecay: true };
  }
}
