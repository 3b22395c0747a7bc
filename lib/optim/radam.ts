// RAdam: Adam whose first steps, of which the variance is not yet known, go without it.
import { expectNumber } from '../core/checks.js';
import { counted, recording, scheduled } from '../program/recording.js';
import { operator } from '../operators/operators.js';
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
  scheduledValue,
  UpdatingOptimizer,
  type Columns,
  type Slot,
} from './updating.js';
import { over, pow, times, type Value } from './values.js';

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
  protected override readAnew(): readonly string[] {
    return ['lr', 'betas', 'weightDecay'];
  }

  /** @internal */
  protected override single(group: ParamGroup<RAdamOptions>, slot: Slot<State>): void {
    const { parameter, state } = slot;
    const { exp_avg: average, exp_avg_sq: squares } = state;
    const t = counted(state.step);
    if (group.weightDecay !== 0 && group.decoupledWeightDecay) parameter.mul_(decayed(group));
    const gradient = descentOfParts(group, slot);
    averageIn(group, average, squares, gradient);
    const corrected = times(
      average.div(scheduled(() => 1 - pow(group.betas[0], t()))),
      scheduledValue(() => group.lr),
    ) as Tensor;
    const rectification = (): number | undefined => rectify(group.betas[1], t());
    if (recording() === undefined && rectification() === undefined) {
      parameter.add_(corrected, { alpha: -1 });
      return;
    }
    const correction = scheduled(() => pow(1 - pow(group.betas[1], t()), 0.5));
    const adaptive = over(correction, squares.sqrt().add_(group.eps) as Value) as Tensor;
    const rectified = corrected.mul(adaptive).mul(scheduled(() => rectification() ?? 1));
    if (recording() === undefined) parameter.add_(rectified, { alpha: -1 });
    else {
      // Both are worked out, and the one is taken that this step's count asks for.
      const known = state.step.ge(scheduled(() => (rectification() === undefined ? Infinity : 0)));
      parameter.add_(operator('aten::where.self').call(known, rectified, corrected) as Tensor, { alpha: -1 });
    }
  }

  /** @internal */
  protected override foreach(group: ParamGroup<RAdamOptions>, columns: Columns<State>): void {
    const { parameters } = columns;
    const averages = columns.state('exp_avg');
    const squares = columns.state('exp_avg_sq');
    const counts = countedAll(columns.state('step'));
    if (group.weightDecay !== 0 && group.decoupledWeightDecay) foreach_('mul', parameters, decayed(group));
    const gradients = descents(group, columns);
    averageAllIn(group, averages, squares, gradients);
    const rectification = (t: number): number => rectify(group.betas[1], t) ?? 0;
    const correction = (t: number): number => 1 - pow(group.betas[0], t);
    // All numbers, or all tensors where the learning rate is one.
    const part = (t: () => number, of: number): Value => over(times(group.lr, of), correction(t()));
    const unrectified = counts.map((t) =>
      scheduledValue(() => times(part(t, rectification(t()) > 0 ? 0 : 1), -1)),
    ) as number[] | Tensor[];
    const rectified = counts.map((t) =>
      scheduledValue(() =>
        times(times(pow(1 - pow(group.betas[1], t()), 0.5), part(t, rectification(t()))), -1),
      ),
    ) as number[] | Tensor[];
    const buffers = foreach('sqrt', squares);
    foreach_('add', buffers, group.eps);
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
