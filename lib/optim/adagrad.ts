// Adagrad.
import { expectNumber } from '../core/checks.js';
import { counted, scheduled, scheduledFor } from '../program/recording.js';
import { TorchError } from '../core/errors.js';
import { isSparse } from '../operators/functional.js';
import { operator } from '../operators/operators.js';
import type { Tensor } from '../tensor/tensor.js';
import { foreach, foreach_ } from './foreach.js';
import type { CommonOptions, OptimizerState, ParamGroup, Params, StateLayout } from './optimizer.js';
import { expectRate } from './settings.js';
import { sparseParts } from './sparse.js';
import { formOf, refuseSparse } from './stateful.js';
import {
  countedAll,
  descent,
  descents,
  real,
  scheduledValue,
  UpdatingOptimizer,
  type Columns,
  type Slot,
} from './updating.js';
import { negative, numberOf, over, type Value } from './values.js';

export interface AdagradOptions extends Omit<CommonOptions, 'capturable'> {
  /** The learning rate at step t is lr / (1 + (t - 1) lrDecay). Default 0. */
  lrDecay?: number;
  /** L2 penalty. Default 0. */
  weightDecay?: number;
  /** What the sums of squares begin with. Default 0. */
  initialAccumulatorValue?: number;
  /** Added to the denominator. Default 1e-10. */
  eps?: number;
  /** One fused kernel (_fused_adagrad_), on the CPU only. Default null, which is no. */
  fused?: boolean | null;
}

type State = Record<'step' | 'sum', Tensor>;

/** What `stateDict()` gives. */
export type AdagradState = OptimizerState<State>;

const DEFAULTS: Required<AdagradOptions> = {
  lr: 1e-2,
  lrDecay: 0,
  eps: 1e-10,
  weightDecay: 0,
  initialAccumulatorValue: 0,
  foreach: null,
  maximize: false,
  fused: null,
};

/**
 * torch.optim.Adagrad: https://docs.pytorch.org/docs/stable/generated/torch.optim.Adagrad.html
 *
 *     s = s + g^2
 *     p = p - lr / (1 + (t - 1) lrDecay) g / (sqrt(s) + eps)
 *
 * As in PyTorch, parameters have a state from the beginning, not from their first step on.
 */
export class Adagrad extends UpdatingOptimizer<AdagradOptions, State> {
  /** `params`: parameters, or groups with settings of their own. Throws a TorchError for settings out of range. */
  constructor(params: Params<AdagradOptions>, options: AdagradOptions = {}) {
    super(params, options, DEFAULTS);
    for (const group of this.paramGroups)
      for (const parameter of group.params) this.setState(parameter, this.initialState(group, parameter));
  }

  /** @internal */
  protected override check(settings: Required<AdagradOptions>): void {
    expectRate('Adagrad', settings.lr);
    for (const name of ['lrDecay', 'weightDecay', 'initialAccumulatorValue', 'eps'] as const)
      expectNumber('Adagrad', name, settings[name], { least: 0 });
    if (settings.fused && settings.foreach)
      throw new TorchError('Adagrad', 'fused and foreach cannot both be true');
  }

  /** @internal */
  protected override layout(): StateLayout {
    return { step: 'scalar', sum: 'like' };
  }

  /** @internal */
  protected override initialState(group: ParamGroup<AdagradOptions>, parameter: Tensor): State {
    const state = super.initialState(group, parameter);
    real(state.sum).fill_(this.defaults.initialAccumulatorValue);
    return state;
  }

  /** @internal */
  protected override readAnew(): readonly string[] {
    return ['lr', 'lrDecay', 'weightDecay'];
  }

  /** @internal */
  protected override expectGradients(group: ParamGroup<AdagradOptions>, slots: readonly Slot<State>[]): void {
    if (formOf(group) === 'fused') refuseSparse('Adagrad', slots, ' where fused is true');
    if (group.weightDecay !== 0)
      refuseSparse('Adagrad', slots, ' with weightDecay: the option is not compatible with them');
  }

  /** @internal */
  protected override single(group: ParamGroup<AdagradOptions>, slot: Slot<State>): void {
    const { sum, step } = slot.state;
    const t = counted(step);
    const rate = (): Value => over(group.lr, 1 + (t() - 1) * group.lrDecay);
    if (isSparse(slot.gradient)) {
      const { values, spread, masked } = sparseParts(group.maximize ? slot.gradient.neg() : slot.gradient);
      sum.add_(spread(values.pow(2)));
      const roots = masked(sum).sqrt_().add_(group.eps);
      slot.parameter.add_(spread(values.div(roots)), {
        alpha: scheduled(() => numberOf(negative(rate()))),
      });
      return;
    }
    const gradient = descent(group, slot);
    sum.addcmul_(gradient, gradient, { value: 1 });
    slot.parameter.addcdiv_(gradient, sum.sqrt().add_(group.eps), {
      value: scheduled(() => numberOf(negative(rate()))),
    });
  }

  /** @internal */
  protected override foreach(group: ParamGroup<AdagradOptions>, columns: Columns<State>): void {
    const sums = columns.state('sum');
    const counts = countedAll(columns.state('step'));
    const gradients = descents(group, columns);
    foreach_('addcmul', sums, gradients, gradients, 1);
    const roots = foreach('sqrt', sums);
    foreach_('add', roots, group.eps);
    // All numbers, or all tensors where the learning rate is one.
    const rates = counts.map((t) =>
      scheduledValue(() => over(negative(group.lr), 1 + (t() - 1) * group.lrDecay)),
    ) as number[] | Tensor[];
    // Gradients that are its own PyTorch multiplies in place, which in low precision rounds the rates.
    const own = group.weightDecay !== 0 || group.maximize;
    const steps = own ? gradients : foreach('mul', gradients, rates);
    if (own) foreach_('mul', gradients, rates);
    foreach_('addcdiv', columns.parameters, steps, roots);
  }

  /** @internal */
  protected override fused(group: ParamGroup<AdagradOptions>, columns: Columns<State>): void {
    const steps = columns.state('step');
    foreach_('add', steps, 1);
    operator('aten::_fused_adagrad_').call(
      columns.parameters,
      columns.gradients,
      columns.state('sum'),
      steps,
      scheduledFor(group, 'lr', () => numberOf(group.lr)),
      scheduledFor(group, 'lrDecay', () => group.lrDecay),
      scheduledFor(group, 'weightDecay', () => group.weightDecay),
      group.eps,
      group.maximize,
      this.gradScale,
      this.foundInf,
    );
    if (this.foundInf !== null) foreach_('sub', steps, Array<Tensor>(steps.length).fill(this.foundInf));
  }
}
