// RAdam: Adam whose first steps, of which the variance is not yet known, go without it.
import type { Tensor } from '../tensor/tensor.js';
import { foreach, foreach_ } from './foreach.js';
import type { CommonOptions, OptimizerState, ParamGroup, Params, StateLayout } from './optimizer.js';
import { expectBetas, expectNumber, expectRate } from './settings.js';
import { counted, descent, descents, UpdatingOptimizer, type Columns, type Slot } from './updating.js';
import { minus, numberOf, over, pow, times } from './values.js';

export interface RAdamOptions extends CommonOptions {
  /** Coefficients of the running averages of the gradient and of its square. Default [0.9, 0.999]. */
  betas?: [number, number];
  /** Added to the denominator. Default 1e-8. */
  eps?: number;
  /** L2 penalty, or with decoupledWeightDecay the decay. Default 0. */
  weightDecay?: number;
  /** Decay the parameters themselves, not their gradients. Default false. */
  decoupledWeightDecay?: boolean;
}

type State = Record<'step' | 'exp_avg' | 'exp_avg_sq', Tensor>;

/** What `stateDict()` gives. */
export type RAdamState = OptimizerState<State>;

const DEFAULTS: Required<RAdamOptions> = {
  lr: 1e-3,
  betas: [0.9, 0.999],
  eps: 1e-8,
  weightDecay: 0,
  maximize: false,
  foreach: null,
  capturable: false,
  decoupledWeightDecay: false,
};

/**
 * torch.optim.RAdam: https://docs.pytorch.org/docs/stable/generated/torch.optim.RAdam.html
 *
 * Adam's step times a rectification once the average of squares has a length above 5 (with the default betas from the sixth
 * step on), and a step by the average of gradients alone before.
 */
export class RAdam extends UpdatingOptimizer<RAdamOptions, State> {
  /** `params`: parameters, or groups with settings of their own. Throws a TorchError for settings out of range. */
  constructor(params: Params<RAdamOptions>, options: RAdamOptions = {}) {
    super(params, options, DEFAULTS);
  }

  /** @internal */
  protected override check(settings: Required<RAdamOptions>): void {
    expectRate('RAdam', settings.lr);
    expectBetas('RAdam', settings.betas);
    expectNumber('RAdam', 'eps', settings.eps, { least: 0 });
    expectNumber('RAdam', 'weightDecay', settings.weightDecay, { least: 0 });
  }

  /** @internal */
  protected override layout(): StateLayout {
    return { step: 'scalar', exp_avg: 'like', exp_avg_sq: 'like' };
  }

  /** @internal */
  protected override single(group: ParamGroup<RAdamOptions>, slot: Slot<State>): void {
    const { lr, eps, weightDecay, decoupledWeightDecay, maximize } = group;
    const [beta1, beta2] = group.betas;
    const { parameter, state } = slot;
    const { exp_avg: average, exp_avg_sq: squares } = state;
    const t = state.step.add_(1).item();
    if (weightDecay !== 0 && decoupledWeightDecay) parameter.mul_(minus(1, times(lr, weightDecay)));
    const gradient = descent({ maximize, weightDecay: decoupledWeightDecay ? 0 : weightDecay }, slot);
    average.lerp_(gradient, 1 - beta1);
    squares.mul_(beta2).addcmul_(gradient, gradient, { value: 1 - beta2 });
    const correction2 = 1 - pow(beta2, t);
    const corrected = times(average.div(1 - pow(beta1, t)), lr) as Tensor;
    const rectification = rectify(beta2, t);
    if (rectification === undefined) {
      parameter.add_(corrected, { alpha: -1 });
      return;
    }
    const adaptive = over(pow(correction2, 0.5), squares.sqrt().add_(eps)) as Tensor;
    parameter.add_(corrected.mul(adaptive).mul(rectification), { alpha: -1 });
  }

  /** @internal */
  protected override foreach(group: ParamGroup<RAdamOptions>, columns: Columns<State>): void {
    const { eps, weightDecay, decoupledWeightDecay, maximize } = group;
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
    const rectifications = counts.map((t) => rectify(beta2, t) ?? 0);
    const corrections = counts.map((t) => 1 - pow(beta1, t));
    const unrectified = rectifications.map((one, i) => ((lr * (one > 0 ? 0 : 1)) / corrections[i]!) * -1);
    const rectified = counts.map(
      (t, i) => pow(1 - pow(beta2, t), 0.5) * ((lr * rectifications[i]!) / corrections[i]!) * -1,
    );
    const buffers = foreach('sqrt', squares);
    foreach_('add', buffers, eps);
    foreach_('div', buffers, rectified);
    foreach_('reciprocal', buffers);
    foreach_('add', buffers, unrectified);
    foreach_('addcmul', parameters, averages, buffers);
  }
}

// The rectification at step t, or undefined as long as the average of squares is too short to tell the variance.
function rectify(beta2: number, t: number): number | undefined {
  const limit = 2 / (1 - beta2) - 1;
  const length = limit - (2 * t * pow(beta2, t)) / (1 - pow(beta2, t));
  if (!(length > 5)) return undefined;
  return pow(((length - 4) * (length - 2) * limit) / ((limit - 4) * (limit - 2) * length), 0.5);
}
