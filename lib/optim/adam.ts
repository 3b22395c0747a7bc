// Adam and AdamW.
import { TorchError } from '../tensor/errors.js';
import { expectOptions, operator } from '../tensor/operators.js';
import { isTensor, type Tensor } from '../tensor/tensor.js';
import { foreach, foreach_ } from './foreach.js';
import type { CommonOptions, OptimizerState, ParamGroup, Params, StateLayout } from './optimizer.js';
import { expectBetas, expectNumber, expectRate, settled } from './settings.js';
import { counted, descent, descents, UpdatingOptimizer, type Columns, type Slot } from './updating.js';
import { minus, negative, numberOf, over, pow, times } from './values.js';

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
  protected override single(group: ParamGroup<AdamOptions>, slot: Slot<State>): void {
    const { lr, eps, weightDecay, decoupledWeightDecay, amsgrad, maximize } = group;
    const [beta1, beta2] = group.betas;
    const { parameter, state } = slot;
    const { exp_avg: average, exp_avg_sq: squares } = state;
    const t = state.step.add_(1).item();
    if (weightDecay !== 0 && decoupledWeightDecay) parameter.mul_(minus(1, times(lr, weightDecay)));
    const gradient = descent({ maximize, weightDecay: decoupledWeightDecay ? 0 : weightDecay }, slot);
    average.lerp_(gradient, 1 - beta1);
    squares.mul_(beta2).addcmul_(gradient, gradient, { value: 1 - beta2 });
    const stepSize = over(lr, 1 - pow(beta1, t));
    const correction = pow(1 - pow(beta2, t), 0.5);
    if (amsgrad) operator('aten::maximum.out').call(state.max_exp_avg_sq, squares, state.max_exp_avg_sq);
    const denominator = (amsgrad ? state.max_exp_avg_sq : squares).sqrt().div(correction).add_(eps);
    parameter.addcdiv_(average, denominator, { value: numberOf(negative(stepSize)) });
  }

  /** @internal */
  protected override foreach(group: ParamGroup<AdamOptions>, columns: Columns<State>): void {
    const { eps, weightDecay, decoupledWeightDecay, amsgrad, maximize } = group;
    const lr = numberOf(group.lr);
    const [beta1, beta2] = group.betas;
    const { parameters } = columns;
    const averages = columns.state('exp_avg');
    const squares = columns.state('exp_avg_sq');
    const counts = counted(columns.state('step'));
    if (weightDecay !== 0 && decoupledWeightDecay) foreach_('mul', parameters, 1 - lr * weightDecay);
    const gradients = descents({ maximize, weightDecay: decoupledWeightDecay ? 0 : weightDecay }, columns);
    foreach_('lerp', averages, gradients, 1 - beta1);
    foreach_('mul', squares, beta2);
    foreach_('addcmul', squares, gradients, gradients, 1 - beta2);
    const stepSizes = counts.map((t) => (lr / (1 - pow(beta1, t))) * -1);
    const corrections = counts.map((t) => pow(1 - pow(beta2, t), 0.5));
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
      numberOf(group.lr),
      ...group.betas,
      group.weightDecay,
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
  constructor(params: Params<AdamWOptions>, options: AdamWOptions = {}) {
    super(params, {
      ...settled({ weightDecay: 1e-2 }, expectOptions('AdamW', options)),
      decoupledWeightDecay: true,
    });
  }

  /** @internal */
  protected override loadedGroup(group: ParamGroup<AdamOptions>): ParamGroup<AdamOptions> {
    return { ...group, decoupledWeightDecay: true };
  }
}
