// Adadelta.
import { operator } from '../operators/operators.js';
import { expectNumber } from '../core/checks.js';
import { scheduledFor } from '../program/recording.js';
import type { Tensor } from '../tensor/tensor.js';
import { foreach, foreach_ } from './foreach.js';
import type { CommonOptions, OptimizerState, ParamGroup, Params, StateLayout } from './optimizer.js';
import { expectRate } from './settings.js';
import { descent, descents, UpdatingOptimizer, type Columns, type Slot } from './updating.js';
import { negative, numberOf } from './values.js';

export interface AdadeltaOptions extends CommonOptions {
  /** Coefficient of the running averages of squares, from 0 to 1. Default 0.9. */
  rho?: number;
  /** Added under the roots. Default 1e-6. */
  eps?: number;
  /** L2 penalty. Default 0. */
  weightDecay?: number;
}

type State = Record<'step' | 'square_avg' | 'acc_delta', Tensor>;

/** What `stateDict()` gives. */
export type AdadeltaState = OptimizerState<State>;

const DEFAULTS: Required<AdadeltaOptions> = {
  lr: 1,
  rho: 0.9,
  eps: 1e-6,
  weightDecay: 0,
  maximize: false,
  capturable: false,
  foreach: null,
};

/**
 * torch.optim.Adadelta: https://docs.pytorch.org/docs/stable/generated/torch.optim.Adadelta.html
 *
 *     v = rho v + (1 - rho) g^2,   d = g sqrt(u + eps) / sqrt(v + eps),   u = rho u + (1 - rho) d^2
 *     p = p - lr d
 */
export class Adadelta extends UpdatingOptimizer<AdadeltaOptions, State> {
  /** `params`: parameters, or groups with settings of their own. Throws a TorchError for settings out of range. */
  constructor(params: Params<AdadeltaOptions>, options: AdadeltaOptions = {}) {
    super(params, options, DEFAULTS);
  }

  /** @internal */
  protected override check(settings: Required<AdadeltaOptions>): void {
    expectRate('Adadelta', settings.lr);
    expectNumber('Adadelta', 'rho', settings.rho, { least: 0, most: 1 });
    expectNumber('Adadelta', 'eps', settings.eps, { least: 0 });
    expectNumber('Adadelta', 'weightDecay', settings.weightDecay, { least: 0 });
  }

  /** @internal */
  protected override layout(): StateLayout {
    return { step: 'scalar', square_avg: 'like', acc_delta: 'like' };
  }

  /** @internal */
  protected override readAnew(): readonly string[] {
    return ['lr', 'weightDecay'];
  }

  /** @internal */
  protected override single(group: ParamGroup<AdadeltaOptions>, slot: Slot<State>): void {
    const { rho, eps } = group;
    const { square_avg: squares, acc_delta: deltas, step } = slot.state;
    step.add_(1);
    const gradient = descent(group, slot);
    squares.mul_(rho).addcmul_(gradient, gradient, { value: 1 - rho });
    const root = squares.add(eps).sqrt_();
    const delta = deltas.add(eps).sqrt_().div_(root).mul_(gradient);
    deltas.mul_(rho).addcmul_(delta, delta, { value: 1 - rho });
    const alpha = downOf(group);
    // Python adds complex numbers, whose last bits are others than those of their parts.
    if (slot.complex === undefined) slot.parameter.add_(delta, { alpha });
    else slot.complex.parameter.add_(operator('aten::view_as_complex').call(delta) as Tensor, { alpha });
  }

  /** @internal */
  protected override foreach(group: ParamGroup<AdadeltaOptions>, columns: Columns<State>): void {
    const { rho, eps } = group;
    const squares = columns.state('square_avg');
    const accumulated = columns.state('acc_delta');
    foreach_('add', columns.state('step'), 1);
    const gradients = descents(group, columns);
    foreach_('mul', squares, rho);
    foreach_('addcmul', squares, gradients, gradients, 1 - rho);
    const roots = foreach('add', squares, eps);
    foreach_('sqrt', roots);
    const deltas = foreach('add', accumulated, eps);
    foreach_('sqrt', deltas);
    foreach_('div', deltas, roots);
    foreach_('mul', deltas, gradients);
    foreach_('mul', accumulated, rho);
    foreach_('addcmul', accumulated, deltas, deltas, 1 - rho);
    foreach_('add', columns.parameters, deltas, { alpha: downOf(group) });
  }
}

const downOf = (group: ParamGroup<AdadeltaOptions>): number =>
  scheduledFor(group, 'down', () => numberOf(negative(group.lr)));
