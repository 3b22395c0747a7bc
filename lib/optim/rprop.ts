// Rprop: resilient backpropagation.
import { expectNumber, expectPair } from '../core/checks.js';
import type { Tensor } from '../tensor/tensor.js';
import { foreach, foreach_ } from './foreach.js';
import type { CommonOptions, OptimizerState, ParamGroup, Params, StateLayout } from './optimizer.js';
import { expectRate } from './settings.js';
import { descent, descents, real, UpdatingOptimizer, type Columns, type Slot } from './updating.js';
import { numberOf } from './values.js';

export interface RpropOptions extends CommonOptions {
  /** By what step sizes shrink where a gradient's sign changed, and grow where it stayed. Default [0.5, 1.2]. */
  etas?: [number, number];
  /** The smallest and the largest step size. Default [1e-6, 50]. */
  stepSizes?: [number, number];
}

type State = Record<'step' | 'prev' | 'step_size', Tensor>;

/** What `stateDict()` gives. */
export type RpropState = OptimizerState<State>;

const DEFAULTS: Required<RpropOptions> = {
  lr: 1e-2,
  etas: [0.5, 1.2],
  stepSizes: [1e-6, 50],
  foreach: null,
  maximize: false,
  capturable: false,
};

/**
 * torch.optim.Rprop: https://docs.pytorch.org/docs/stable/generated/torch.optim.Rprop.html
 *
 * Every number of a parameter has a step size of its own, lr at first; only the gradient's sign counts.
 */
export class Rprop extends UpdatingOptimizer<RpropOptions, State> {
  /** `params`: parameters, or groups with settings of their own. Throws a TorchError for settings out of range. */
  constructor(params: Params<RpropOptions>, options: RpropOptions = {}) {
    super(params, options, DEFAULTS);
  }

  /** @internal */
  protected override check(settings: Required<RpropOptions>): void {
    expectRate('Rprop', settings.lr);
    expectPair('Rprop', 'etas', settings.etas);
    expectNumber('Rprop', 'etas[0]', settings.etas[0], { above: 0, below: 1 });
    expectNumber('Rprop', 'etas[1]', settings.etas[1], { above: 1 });
    expectPair('Rprop', 'stepSizes', settings.stepSizes);
  }

  /** @internal */
  protected override layout(): StateLayout {
    return { step: 'scalar', prev: 'like', step_size: 'like' };
  }

  /** @internal */
  protected override initialState(group: ParamGroup<RpropOptions>, parameter: Tensor): State {
    const state = super.initialState(group, parameter);
    // Real and imaginary parts have step sizes of their own.
    real(state.step_size).fill_(numberOf(group.lr));
    return state;
  }

  /** @internal */
  protected override single(group: ParamGroup<RpropOptions>, slot: Slot<State>): void {
    const { prev: previous, step_size: sizes, step } = slot.state;
    step.add_(1);
    const gradient = descent(group, slot).clone();
    const factors = factorsOf(gradient.mul(previous).sign(), group.etas);
    sizes.mul_(factors).clamp_(group.stepSizes[0], { max: group.stepSizes[1] });
    gradient.maskedFill_(factors.eq(group.etas[0]), 0);
    slot.parameter.addcmul_(gradient.sign(), sizes, { value: -1 });
    previous.copy_(gradient);
  }

  /** @internal */
  protected override foreach(group: ParamGroup<RpropOptions>, columns: Columns<State>): void {
    const previous = columns.state('prev');
    const sizes = columns.state('step_size');
    foreach_('add', columns.state('step'), 1);
    const gradients = descents(group, columns);
    const signs = foreach('mul', gradients, previous);
    foreach_('copy', previous, gradients);
    foreach_('sign', signs);
    const factors = signs.map((sign) => factorsOf(sign, group.etas));
    foreach_('mul', sizes, factors);
    for (const size of sizes) size.clamp_(group.stepSizes[0], { max: group.stepSizes[1] });
    previous.forEach((gradient, i) => gradient.maskedFill_(factors[i]!.eq(group.etas[0]), 0));
    foreach_('addcmul', columns.parameters, foreach('sign', previous), sizes, -1);
  }
}

// By what a step size changes where the product of two gradients has a sign.
function factorsOf(sign: Tensor, [shrink, grow]: [number, number]): Tensor {
  sign.maskedFill_(sign.gt(0), grow);
  sign.maskedFill_(sign.lt(0), shrink);
  return sign.maskedFill_(sign.eq(0), 1);
}
