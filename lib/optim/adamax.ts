// Adamax: Adam with the infinity norm.
import { expectNumber } from '../core/checks.js';
import { counted, scheduled } from '../program/recording.js';
import { operator } from '../operators/operators.js';
import type { Tensor } from '../tensor/tensor.js';
import { foreach, foreach_ } from './foreach.js';
import type { CommonOptions, OptimizerState, ParamGroup, Params, StateLayout } from './optimizer.js';
import { expectBetas, expectRate } from './settings.js';
import {
  countedAll,
  descent,
  descents,
  fresh1,
  kept2,
  UpdatingOptimizer,
  type Columns,
  type Slot,
} from './updating.js';
import { negative, numberOf, over, pow } from './values.js';

export interface AdamaxOptions extends CommonOptions {
  /** Coefficients of the running average of the gradient and of its largest size. Default [0.9, 0.999]. */
  betas?: [number, number];
  /** Added to the gradient's size. Default 1e-8. */
  eps?: number;
  /** L2 penalty. Default 0. */
  weightDecay?: number;
}

type State = Record<'step' | 'exp_avg' | 'exp_inf', Tensor>;

/** What `stateDict()` gives. */
export type AdamaxState = OptimizerState<State>;

const DEFAULTS: Required<AdamaxOptions> = {
  lr: 2e-3,
  betas: [0.9, 0.999],
  eps: 1e-8,
  weightDecay: 0,
  foreach: null,
  maximize: false,
  capturable: false,
};

/**
 * torch.optim.Adamax: https://docs.pytorch.org/docs/stable/generated/torch.optim.Adamax.html
 *
 *     m = beta1 m + (1 - beta1) g,   u = max(beta2 u, |g| + eps)
 *     p = p - lr / (1 - beta1^t) m / u
 */
export class Adamax extends UpdatingOptimizer<AdamaxOptions, State> {
  /** `params`: parameters, or groups with settings of their own. Throws a TorchError for settings out of range. */
  constructor(params: Params<AdamaxOptions>, options: AdamaxOptions = {}) {
    super(params, options, DEFAULTS);
  }

  /** @internal */
  protected override check(settings: Required<AdamaxOptions>): void {
    expectRate('Adamax', settings.lr);
    expectBetas('Adamax', settings.betas);
    expectNumber('Adamax', 'eps', settings.eps, { least: 0 });
    expectNumber('Adamax', 'weightDecay', settings.weightDecay, { least: 0 });
  }

  /** @internal */
  protected override layout(): StateLayout {
    return { step: 'scalar', exp_avg: 'like', exp_inf: 'like' };
  }

  /** @internal */
  protected override readAnew(): readonly string[] {
    return ['lr', 'betas', 'weightDecay'];
  }

  /** @internal */
  protected override single(group: ParamGroup<AdamaxOptions>, slot: Slot<State>): void {
    const { exp_avg: average, exp_inf: largest } = slot.state;
    const t = counted(slot.state.step);
    const gradient = descent(group, slot);
    average.lerp_(gradient, fresh1(group));
    operator('aten::maximum.out').call(largest.mul_(kept2(group)), gradient.abs().add_(group.eps), largest);
    const value = scheduled(() => numberOf(negative(over(group.lr, 1 - pow(group.betas[0], t())))));
    slot.parameter.addcdiv_(average, largest, { value });
  }

  /** @internal */
  protected override foreach(group: ParamGroup<AdamaxOptions>, columns: Columns<State>): void {
    const averages = columns.state('exp_avg');
    const largest = columns.state('exp_inf');
    const counts = countedAll(columns.state('step'));
    const gradients = descents(group, columns);
    foreach_('lerp', averages, gradients, fresh1(group));
    foreach_('mul', largest, kept2(group));
    const sizes = foreach('abs', gradients);
    foreach_('add', sizes, group.eps);
    foreach_('maximum', largest, sizes);
    const stepSizes = counts.map((t) =>
      scheduled(() => (numberOf(group.lr) / (1 - pow(group.betas[0], t()))) * -1),
    );
    foreach_('addcdiv', columns.parameters, averages, largest, stepSizes);
  }
}
