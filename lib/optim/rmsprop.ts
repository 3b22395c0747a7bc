// RMSprop.
import { expectNumber } from '../core/checks.js';
import { scheduledFor } from '../program/recording.js';
import type { Tensor } from '../tensor/tensor.js';
import { foreach, foreach_ } from './foreach.js';
import type { CommonOptions, OptimizerState, ParamGroup, Params, StateLayout } from './optimizer.js';
import { expectRate } from './settings.js';
import { descent, descents, UpdatingOptimizer, type Columns, type Slot } from './updating.js';
import { negative, numberOf } from './values.js';

export interface RMSpropOptions extends CommonOptions {
  /** Smoothing of the average of squares. Default 0.99. */
  alpha?: number;
  /** Added to the denominator. Default 1e-8. */
  eps?: number;
  /** L2 penalty. Default 0. */
  weightDecay?: number;
  /** Default 0. */
  momentum?: number;
  /** Divide by an estimate of the variance: the average of squares less the square of the average. Default false. */
  centered?: boolean;
}

type State = Record<'step' | 'square_avg' | 'momentum_buffer' | 'grad_avg', Tensor>;

/** What `stateDict()` gives. */
export type RMSpropState = OptimizerState<State>;

const DEFAULTS: Required<RMSpropOptions> = {
  lr: 1e-2,
  momentum: 0,
  alpha: 0.99,
  eps: 1e-8,
  centered: false,
  weightDecay: 0,
  capturable: false,
  foreach: null,
  maximize: false,
};

/**
 * torch.optim.RMSprop: https://docs.pytorch.org/docs/stable/generated/torch.optim.RMSprop.html
 *
 *     v = alpha v + (1 - alpha) g^2
 *     p = p - lr g / (sqrt(v) + eps)
 */
export class RMSprop extends UpdatingOptimizer<RMSpropOptions, State> {
  /** `params`: parameters, or groups with settings of their own. Throws a TorchError for settings out of range. */
  constructor(params: Params<RMSpropOptions>, options: RMSpropOptions = {}) {
    super(params, options, DEFAULTS);
  }

  /** @internal */
  protected override check(settings: Required<RMSpropOptions>): void {
    expectRate('RMSprop', settings.lr);
    for (const name of ['eps', 'momentum', 'weightDecay', 'alpha'] as const)
      expectNumber('RMSprop', name, settings[name], { least: 0 });
  }

  /** @internal */
  protected override layout(group: ParamGroup<RMSpropOptions>): StateLayout {
    return {
      step: 'scalar',
      square_avg: 'like',
      ...(group.momentum > 0 ? { momentum_buffer: 'like' } : {}),
      ...(group.centered ? { grad_avg: 'like' } : {}),
    };
  }

  /** @internal */
  protected override readAnew(): readonly string[] {
    return ['lr', 'momentum', 'weightDecay'];
  }

  /** @internal */
  protected override single(group: ParamGroup<RMSpropOptions>, slot: Slot<State>): void {
    const { alpha, eps, momentum, centered } = group;
    const { parameter, state } = slot;
    const { square_avg: squares } = state;
    state.step.add_(1);
    const gradient = descent(group, slot);
    squares.mul_(alpha).addcmul_(gradient, gradient, { value: 1 - alpha });
    let root: Tensor;
    if (centered) {
      state.grad_avg.lerp_(gradient, 1 - alpha);
      root = squares.addcmul(state.grad_avg, state.grad_avg, { value: -1 }).sqrt_();
    } else root = squares.sqrt();
    root.add_(eps);
    const down = scheduledFor(group, 'down', () => numberOf(negative(group.lr)));
    if (momentum > 0) {
      state.momentum_buffer.mul_(keptOf(group)).addcdiv_(gradient, root);
      parameter.add_(state.momentum_buffer, { alpha: down });
    } else parameter.addcdiv_(gradient, root, { value: down });
  }

  /** @internal */
  protected override foreach(group: ParamGroup<RMSpropOptions>, columns: Columns<State>): void {
    const { alpha, eps, momentum, centered } = group;
    const { parameters } = columns;
    const squares = columns.state('square_avg');
    foreach_('add', columns.state('step'), 1);
    const gradients = descents(group, columns);
    foreach_('mul', squares, alpha);
    foreach_('addcmul', squares, gradients, gradients, 1 - alpha);
    let roots: Tensor[];
    if (centered) {
      const averages = columns.state('grad_avg');
      foreach_('lerp', averages, gradients, 1 - alpha);
      roots = foreach('addcmul', squares, averages, averages, -1);
      foreach_('sqrt', roots);
    } else roots = foreach('sqrt', squares);
    foreach_('add', roots, eps);
    const down = scheduledFor(group, 'down', () => numberOf(negative(group.lr)));
    if (momentum > 0) {
      const buffers = columns.state('momentum_buffer');
      foreach_('mul', buffers, keptOf(group));
      foreach_('addcdiv', buffers, gradients, roots);
      foreach_('add', parameters, buffers, { alpha: down });
    } else foreach_('addcdiv', parameters, gradients, roots, down);
  }
}

const keptOf = (group: ParamGroup<RMSpropOptions>): number =>
  scheduledFor(group, 'momentum', () => group.momentum);
