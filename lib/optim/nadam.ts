// NAdam: Adam with Nesterov's momentum.
import { expectNumber } from '../core/checks.js';
import { counted, roundingOf, scheduled, tracked } from '../program/recording.js';
import type { Tensor } from '../tensor/tensor.js';
import { foreach, foreach_ } from './foreach.js';
import type { CommonOptions, OptimizerState, ParamGroup, Params, StateLayout } from './optimizer.js';
import { expectBetas, expectRate } from './settings.js';
import {
  averageAllIn,
  averageIn,
  countedAll,
  decayed,
  descentOfParts,
  descents,
  UpdatingOptimizer,
  type Columns,
  type Slot,
} from './updating.js';
import { negative, numberOf, over, pow, times } from './values.js';

export interface NAdamOptions extends CommonOptions {
  /** Coefficients of the running averages of the gradient and of its square. Default [0.9, 0.999]. */
  betas?: [number, number];
  /** Added to the denominator. Default 1e-8. */
  eps?: number;
  /** L2 penalty, or with decoupledWeightDecay the decay. Default 0. */
  weightDecay?: number;
  /** How quickly the momentum grows towards its limit. Default 0.004. */
  momentumDecay?: number;
  /** Decay the parameters themselves, not their gradients. Default false. */
  decoupledWeightDecay?: boolean;
}

type State = Record<'step' | 'mu_product' | 'exp_avg' | 'exp_avg_sq', Tensor>;

/** What `stateDict()` gives. */
export type NAdamState = OptimizerState<State>;

const DEFAULTS: Required<NAdamOptions> = {
  lr: 2e-3,
  betas: [0.9, 0.999],
  eps: 1e-8,
  weightDecay: 0,
  momentumDecay: 4e-3,
  decoupledWeightDecay: false,
  maximize: false,
  foreach: null,
  capturable: false,
};

/**
 * torch.optim.NAdam: https://docs.pytorch.org/docs/stable/generated/torch.optim.NAdam.html
 *
 * Adam whose step goes by the gradient and the next step's momentum, each with its own correction.
 */
export class NAdam extends UpdatingOptimizer<NAdamOptions, State> {
  /** `params`: parameters, or groups with settings of their own. Throws a TorchError for settings out of range. */
  constructor(params: Params<NAdamOptions>, options: NAdamOptions = {}) {
    super(params, options, DEFAULTS);
  }

  /** @internal */
  protected override check(settings: Required<NAdamOptions>): void {
    expectRate('NAdam', settings.lr);
    expectBetas('NAdam', settings.betas);
    for (const name of ['eps', 'weightDecay', 'momentumDecay'] as const)
      expectNumber('NAdam', name, settings[name], { least: 0 });
  }

  /** @internal */
  protected override layout(): StateLayout {
    return { step: 'scalar', mu_product: 'scalar', exp_avg: 'like', exp_avg_sq: 'like' };
  }

  /** @internal */
  protected override initialState(group: ParamGroup<NAdamOptions>, parameter: Tensor): State {
    const state = super.initialState(group, parameter);
    state.mu_product.fill_(1);
    return state;
  }

  /** @internal */
  protected override readAnew(): readonly string[] {
    return ['lr', 'betas', 'weightDecay', 'momentumDecay'];
  }

  /** @internal */
  protected override single(group: ParamGroup<NAdamOptions>, slot: Slot<State>): void {
    const { parameter, state } = slot;
    const { exp_avg: average, exp_avg_sq: squares } = state;
    const t = counted(state.step);
    if (group.weightDecay !== 0 && group.decoupledWeightDecay) parameter.mul_(decayed(group));
    const gradient = descentOfParts(group, slot);
    const { mu, next } = momenta(group, t);
    state.mu_product.mul_(scheduled(mu));
    const product = productOf(state.mu_product, mu);
    averageIn(group, average, squares, gradient);
    const denominator = squares
      .div(scheduled(() => 1 - pow(group.betas[1], t())))
      .sqrt()
      .add_(group.eps);
    parameter.addcdiv_(gradient, denominator, {
      value: scheduled(() => numberOf(over(times(negative(group.lr), 1 - mu()), 1 - product()))),
    });
    parameter.addcdiv_(average, denominator, {
      value: scheduled(() => numberOf(over(times(negative(group.lr), next()), 1 - product() * next()))),
    });
  }

  /** @internal */
  protected override foreach(group: ParamGroup<NAdamOptions>, columns: Columns<State>): void {
    const { parameters } = columns;
    const averages = columns.state('exp_avg');
    const squares = columns.state('exp_avg_sq');
    const products = columns.state('mu_product');
    const counts = countedAll(columns.state('step'));
    if (group.weightDecay !== 0 && group.decoupledWeightDecay) foreach_('mul', parameters, decayed(group));
    const gradients = descents(group, columns);
    averageAllIn(group, averages, squares, gradients);
    const denominators = foreach('sqrt', squares);
    const terms = counts.map((t) => momenta(group, t));
    foreach_(
      'mul',
      products,
      terms.map(({ mu }) => scheduled(mu)),
    );
    foreach_(
      'div',
      denominators,
      counts.map((t) => scheduled(() => pow(1 - pow(group.betas[1], t()), 0.5))),
    );
    foreach_('add', denominators, group.eps);
    const made = products.map((product, i) => productOf(product, terms[i]!.mu));
    const lr = (): number => numberOf(group.lr);
    const forGradients = made.map((product, i) =>
      scheduled(() => ((lr() * (1 - terms[i]!.mu())) / (1 - product())) * -1),
    );
    const forAverages = made.map((product, i) => {
      const { next } = terms[i]!;
      return scheduled(() => ((lr() * next()) / (1 - product() * next())) * -1);
    });
    foreach_('addcdiv', parameters, gradients, denominators, forGradients);
    foreach_('addcdiv', parameters, averages, denominators, forAverages);
  }
}

// The momenta at a step and at the next one.
function momenta(group: ParamGroup<NAdamOptions>, t: () => number): { mu: () => number; next: () => number } {
  return {
    mu: () => momentum(group.betas[0], t(), group.momentumDecay),
    next: () => momentum(group.betas[0], t() + 1, group.momentumDecay),
  };
}

// The product of all momenta so far, which was just multiplied by the last. The kernel multiplies numbers of the tensor's
// dtype.
function productOf(product: Tensor, mu: () => number): () => number {
  return tracked(product, (value) => {
    const round = roundingOf(product);
    return round(value * round(mu()));
  });
}

// The momentum at step t: grows from half of beta1 towards beta1.
function momentum(beta1: number, t: number, decay: number): number {
  return beta1 * (1 - 0.5 * pow(0.96, t * decay));
}
