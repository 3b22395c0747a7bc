// NAdam: Adam with Nesterov's momentum.
import type { Tensor } from '../tensor/tensor.js';
import { foreach, foreach_ } from './foreach.js';
import type { CommonOptions, OptimizerState, ParamGroup, Params, StateLayout } from './optimizer.js';
import { expectBetas, expectNumber, expectRate } from './settings.js';
import { counted, descent, descents, UpdatingOptimizer, type Columns, type Slot } from './updating.js';
import { minus, negative, numberOf, over, pow, times } from './values.js';

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
  protected override single(group: ParamGroup<NAdamOptions>, slot: Slot<State>): void {
    const { lr, eps, weightDecay, decoupledWeightDecay, momentumDecay, maximize } = group;
    const [beta1, beta2] = group.betas;
    const { parameter, state } = slot;
    const { exp_avg: average, exp_avg_sq: squares } = state;
    const t = state.step.add_(1).item();
    if (weightDecay !== 0 && decoupledWeightDecay) parameter.mul_(minus(1, times(lr, weightDecay)));
    const gradient = descent({ maximize, weightDecay: decoupledWeightDecay ? 0 : weightDecay }, slot);
    const mu = momentum(beta1, t, momentumDecay);
    const next = momentum(beta1, t + 1, momentumDecay);
    const product = state.mu_product.mul_(mu).item();
    average.lerp_(gradient, 1 - beta1);
    squares.mul_(beta2).addcmul_(gradient, gradient, { value: 1 - beta2 });
    const denominator = squares
      .div(1 - pow(beta2, t))
      .sqrt()
      .add_(eps);
    const down = negative(lr);
    parameter.addcdiv_(gradient, denominator, {
      value: numberOf(over(times(down, 1 - mu), 1 - product)),
    });
    parameter.addcdiv_(average, denominator, {
      value: numberOf(over(times(down, next), 1 - product * next)),
    });
  }

  /** @internal */
  protected override foreach(group: ParamGroup<NAdamOptions>, columns: Columns<State>): void {
    const { eps, weightDecay, decoupledWeightDecay, momentumDecay, maximize } = group;
    const lr = numberOf(group.lr);
    const [beta1, beta2] = group.betas;
    const { parameters } = columns;
    const averages = columns.state('exp_avg');
    const squares = columns.state('exp_avg_sq');
    const products = columns.state('mu_product');
    const counts = counted(columns.state('step'));
    if (weightDecay !== 0 && decoupledWeightDecay) foreach_('mul', parameters, 1 - lr * weightDecay);
    const gradients = descents({ maximize, weightDecay: decoupledWeightDecay ? 0 : weightDecay }, columns);
    foreach_('lerp', averages, gradients, 1 - beta1);
    foreach_('mul', squares, beta2);
    foreach_('addcmul', squares, gradients, gradients, 1 - beta2);
    const denominators = foreach('sqrt', squares);
    const mus = counts.map((t) => momentum(beta1, t, momentumDecay));
    const nexts = counts.map((t) => momentum(beta1, t + 1, momentumDecay));
    foreach_('mul', products, mus);
    foreach_(
      'div',
      denominators,
      counts.map((t) => pow(1 - pow(beta2, t), 0.5)),
    );
    foreach_('add', denominators, eps);
    const made = products.map((product) => product.item());
    const forGradients = made.map((product, i) => ((lr * (1 - mus[i]!)) / (1 - product)) * -1);
    const forAverages = made.map((product, i) => ((lr * nexts[i]!) / (1 - product * nexts[i]!)) * -1);
    foreach_('addcdiv', parameters, gradients, denominators, forGradients);
    foreach_('addcdiv', parameters, averages, denominators, forAverages);
  }
}

// The momentum at step t: grows from half of beta1 towards beta1.
function momentum(beta1: number, t: number, decay: number): number {
  return beta1 * (1 - 0.5 * pow(0.96, t * decay));
}
