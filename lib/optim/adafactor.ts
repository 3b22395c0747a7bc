// Adafactor: a second moment that is kept as the product of a column and a row.
import { expectArgument, expectNumber } from '../core/checks.js';
import { counted, recording, scheduled } from '../program/recording.js';
import { operator } from '../operators/operators.js';
import type { DType } from '../core/dtype.js';
import { isTensor, type Tensor } from '../tensor/tensor.js';
import { foreach_ } from './foreach.js';
import type { CommonOptions, OptimizerState, ParamGroup, Params, StateLayout } from './optimizer.js';
import { expectRate } from './settings.js';
import { refuseSparse } from './stateful.js';
import { TorchError } from '../core/errors.js';
import {
  countedAll,
  decayed,
  descent,
  descents,
  UpdatingOptimizer,
  type Columns,
  type Slot,
} from './updating.js';
import { negative, numberOf, over, pow, smaller, times, type Value } from './values.js';

export interface AdafactorOptions extends Omit<CommonOptions, 'capturable'> {
  /** The power of the step by which the average of squares lengthens, 0 or less. Default -0.8. */
  beta2Decay?: number;
  /** The smallest square, and the smallest size of a parameter. Default [null, 0.001]; null is the dtype's epsilon. */
  eps?: [number | null, number];
  /** Updates whose root mean square is larger are scaled down to it; 1 or more. Default 1. */
  d?: number;
  /** Decay of the parameters themselves. Default 0. */
  weightDecay?: number;
}

type State = Record<'step' | 'row_var' | 'col_var' | 'variance', Tensor>;

/** What `stateDict()` gives. */
export type AdafactorState = OptimizerState<State>;

const DEFAULTS: Required<AdafactorOptions> = {
  lr: 1e-2,
  beta2Decay: -0.8,
  eps: [null, 1e-3],
  d: 1,
  weightDecay: 0,
  foreach: null,
  maximize: false,
};

const EPSILON: Partial<Record<DType, number>> = {
  float16: 2 ** -10,
  bfloat16: 2 ** -7,
  float32: 2 ** -23,
  float64: 2 ** -52,
};

/**
 * torch.optim.Adafactor: https://docs.pytorch.org/docs/stable/generated/torch.optim.Adafactor.html
 *
 * Of a matrix's squared gradient only the averages over rows and over columns are kept. Learning rates are relative to the
 * root mean square of the parameter.
 */
export class Adafactor extends UpdatingOptimizer<AdafactorOptions, State> {
  /** `params`: parameters, or groups with settings of their own. Throws a TorchError for settings out of range. */
  constructor(params: Params<AdafactorOptions>, options: AdafactorOptions = {}) {
    super(params, options, DEFAULTS);
  }

  /** @internal */
  protected override check(settings: Required<AdafactorOptions>): void {
    expectRate('Adafactor', settings.lr);
    expectNumber('Adafactor', 'beta2Decay', settings.beta2Decay, { most: 0 });
    const eps: unknown = settings.eps;
    expectArgument(
      'Adafactor',
      'eps',
      eps,
      Array.isArray(eps) && eps.length === 2,
      'an array of two numbers',
    );
    if (settings.eps[0] !== null) expectNumber('Adafactor', 'eps[0]', settings.eps[0], { least: 0 });
    expectNumber('Adafactor', 'eps[1]', settings.eps[1], { least: 0 });
    expectNumber('Adafactor', 'd', settings.d, { least: 1 });
    expectNumber('Adafactor', 'weightDecay', settings.weightDecay, { least: 0 });
  }

  /** @internal */
  protected override layout(_group: unknown, parameter: Tensor): StateLayout {
    const { shape } = parameter;
    if (shape.length < 2) return { step: 'scalar', variance: 'like' };
    return {
      step: 'scalar',
      row_var: shape.with(-1, 1),
      col_var: shape.with(-2, 1),
    };
  }

  /** @internal */
  protected override readAnew(): readonly string[] {
    return ['lr', 'beta2Decay', 'weightDecay'];
  }

  /** @internal */
  protected override expectGradients(_group: unknown, slots: readonly Slot<State>[]): void {
    if (slots.some(({ parameter }) => parameter.isComplex()))
      throw new TorchError('Adafactor', 'does not support complex parameters');
    refuseSparse('Adafactor', slots, '');
  }

  /** @internal */
  protected override single(group: ParamGroup<AdafactorOptions>, slot: Slot<State>): void {
    const { eps, d } = group;
    const { parameter, state } = slot;
    const t = counted(state.step);
    const gradient = descent({ maximize: group.maximize }, slot);
    const weight = scheduled(() => pow(t(), group.beta2Decay));
    const size = sizeOf(group, parameter);
    const least = eps[0] ?? epsilonOf(parameter);
    if (group.weightDecay !== 0) parameter.mul_(decayed(group));
    let estimate: Tensor;
    if (gradient.ndim > 1) {
      state.row_var.lerp_(meanSquare(gradient, -1), weight);
      state.col_var.lerp_(meanSquare(gradient, -2), weight);
      estimate = state.row_var.matmul(state.col_var).div_(rowMean(state.row_var).clampMin_(least));
    } else {
      state.variance.lerp_(gradient.mul(gradient), weight);
      estimate = state.variance.clone();
    }
    const update = estimate
      .clampMin_(least * least)
      .rsqrt_()
      .mul_(gradient);
    if (typeof size === 'number') {
      const alpha = times(size, relative(group, t()));
      parameter.add_(update, { alpha: numberOf(over(negative(alpha), clip(update, d))) });
    } else
      operator('torch_node::add_scaled_').call(parameter, update, recordedFactor(group, size, t, update));
  }

  /** @internal */
  protected override foreach(group: ParamGroup<AdafactorOptions>, columns: Columns<State>): void {
    const { eps, d } = group;
    const { parameters } = columns;
    const counts = countedAll(columns.state('step'));
    const gradients = descents({ maximize: group.maximize }, columns);
    const sizes = parameters.map((parameter) => sizeOf(group, parameter));
    const least = eps[0] ?? epsilonOf(parameters[0]!);
    if (group.weightDecay !== 0) foreach_('mul', parameters, decayed(group));
    const weights = counts.map((t) => scheduled(() => pow(t(), group.beta2Decay)));
    const estimates = gradients.map((gradient, i) => {
      if (gradient.ndim > 1) {
        const [row, column] = [columns.state('row_var')[i]!, columns.state('col_var')[i]!];
        row.lerp_(meanSquare(gradient, -1), weights[i]!);
        column.lerp_(meanSquare(gradient, -2), weights[i]!);
        return row.matmul(column).div_(rowMean(row).clampMin_(least));
      }
      const variance = columns.state('variance')[i]!;
      variance.lerp_(gradient.mul(gradient), weights[i]!);
      return variance.clone();
    });
    foreach_('clamp_min', estimates, least * least);
    foreach_('rsqrt', estimates);
    foreach_('mul', estimates, gradients);
    const factors = sizes.flatMap((size, i) =>
      typeof size === 'number'
        ? [over(negative(times(size, relative(group, counts[i]!()))), clip(estimates[i]!, d))]
        : [],
    );
    // Of some the rate may be the learning rate, a tensor, and of others a number that is smaller.
    if (factors.some(isTensor)) factors.forEach((factor, i) => estimates[i]!.mul_(factor));
    else if (factors.length > 0) foreach_('mul', estimates, factors as number[]);
    else
      sizes.forEach((size, i) => {
        const [estimate, t] = [estimates[i]!, counts[i]!];
        operator('torch_node::scale_').call(estimate, recordedFactor(group, size as Tensor, t, estimate));
      });
    foreach_('add', parameters, estimates);
  }
}

function norm(tensor: Tensor, dim: number[] | null = null): Tensor {
  return operator('aten::linalg_vector_norm').call(tensor, 2, dim, dim !== null) as Tensor;
}

// The mean of squares along a dimension, by way of the norm, so that no square of the whole is made.
function meanSquare(gradient: Tensor, dim: number): Tensor {
  return norm(gradient, [dim]).square_().div_(gradient.size(dim));
}

function rowMean(row: Tensor): Tensor {
  return operator('aten::mean.dim').call(row, [-2], true) as Tensor;
}

function epsilonOf(parameter: Tensor): number {
  return EPSILON[parameter.dtype] ?? 2 ** -23;
}

// The size of a parameter, which its learning rate is relative to: a number, or, in a step that is recorded, a float64 that
// is worked out where the step runs.
function sizeOf(group: ParamGroup<AdafactorOptions>, parameter: Tensor): number | Tensor {
  const count = pow(parameter.numel, 0.5);
  if (recording() === undefined) return Math.max(group.eps[1], norm(parameter).item() / count);
  if (isTensor(group.lr))
    throw new TorchError('Adafactor.step', 'lr: a tensor cannot be part of a recorded step; use a number');
  return norm(parameter).to('float64').div(count).clampMin(group.eps[1]);
}

// The learning rate at step t, before the parameter's size comes in.
function relative(group: ParamGroup<AdafactorOptions>, t: number): Value {
  return smaller(group.lr, 1 / pow(t, 0.5));
}

function clip(update: Tensor, d: number): number {
  return Math.max(1, norm(update).item() / (pow(update.numel, 0.5) * d));
}

// What an update is multiplied by, in a step that is recorded.
function recordedFactor(
  group: ParamGroup<AdafactorOptions>,
  size: Tensor,
  t: () => number,
  update: Tensor,
): Tensor {
  const clipped = norm(update)
    .to('float64')
    .div(pow(update.numel, 0.5) * group.d)
    .clampMin(1);
  return size
    .mul(scheduled(() => numberOf(relative(group, t()))))
    .neg()
    .div(clipped);
}
