// SparseAdam: Adam for sparse gradients, which updates only what they hold.
import { expectNumber } from '../core/checks.js';
import { recording } from '../program/recording.js';
import { TorchError } from '../core/errors.js';
import { isSparse } from '../operators/functional.js';
import type { Tensor } from '../tensor/tensor.js';
import {
  type OptimizerOptions,
  type OptimizerState,
  type ParamGroup,
  type Params,
  type StateLayout,
  zerosLike,
} from './optimizer.js';
import { expectBetas, expectRate } from './settings.js';
import { sparseParts } from './sparse.js';
import { scheduledValue, UpdatingOptimizer, type Slot } from './updating.js';
import { negative, over, pow, times, type Value } from './values.js';

export interface SparseAdamOptions extends OptimizerOptions {
  /** Coefficients of the running averages of the gradient and of its square. Default [0.9, 0.999]. */
  betas?: [number, number];
  /** Added to the denominator. Default 1e-8. */
  eps?: number;
  /** Climb instead of descend. Default false. */
  maximize?: boolean;
}

type State = { step: number } & Record<'exp_avg' | 'exp_avg_sq', Tensor>;

/** What `stateDict()` gives. */
export type SparseAdamState = OptimizerState<State>;

const DEFAULTS: Required<SparseAdamOptions> = {
  lr: 1e-3,
  betas: [0.9, 0.999],
  eps: 1e-8,
  maximize: false,
};

/**
 * torch.optim.SparseAdam: https://docs.pytorch.org/docs/stable/generated/torch.optim.SparseAdam.html
 *
 * For parameters whose gradients are sparse, as those of an embedding with `sparse: true` are; dense ones are refused.
 */
export class SparseAdam extends UpdatingOptimizer<SparseAdamOptions, State> {
  /** `params`: parameters, or groups with settings of their own. Throws a TorchError for settings out of range. */
  constructor(params: Params<SparseAdamOptions>, options: SparseAdamOptions = {}) {
    super(params, options, DEFAULTS);
    for (const [g, group] of this.paramGroups.entries())
      for (const [i, parameter] of group.params.entries()) {
        if (isSparse(parameter))
          throw wrong(`requires dense parameter tensors: parameter ${i} of group ${g} is sparse`);
        if (parameter.isComplex())
          throw wrong(
            `does not support complex parameters: parameter ${i} of group ${g} is ${parameter.dtype}`,
          );
      }
  }

  /** @internal */
  protected override expectGradients(_group: unknown, slots: readonly Slot<State>[]): void {
    if (!slots.every(({ gradient }) => isSparse(gradient)))
      throw wrong('does not support dense gradients, please consider Adam instead');
  }

  /** @internal */
  protected override check(settings: Required<SparseAdamOptions>): void {
    expectRate('SparseAdam', settings.lr);
    expectBetas('SparseAdam', settings.betas);
    expectNumber('SparseAdam', 'eps', settings.eps, { above: 0 });
  }

  /** @internal */
  protected override layout(): StateLayout {
    return { exp_avg: 'like', exp_avg_sq: 'like' };
  }

  /** @internal */
  protected override initialState(_group: unknown, parameter: Tensor): State {
    return { step: 0, exp_avg: zerosLike(parameter), exp_avg_sq: zerosLike(parameter) };
  }

  /** @internal */
  protected override single(group: ParamGroup<SparseAdamOptions>, slot: Slot<State>): void {
    const { eps, maximize } = group;
    const [beta1, beta2] = group.betas;
    const { parameter, state } = slot;
    const { exp_avg: average, exp_avg_sq: squares } = state;
    const t = counted(state);
    const { values, spread, masked } = sparseParts(maximize ? slot.gradient.neg() : slot.gradient);
    if (values.numel === 0) return;

    const oldAverage = masked(average);
    const averageChange = values.sub(oldAverage).mul_(1 - beta1);
    average.add_(spread(averageChange));
    const oldSquares = masked(squares);
    const squaresChange = values
      .pow(2)
      .sub_(oldSquares)
      .mul_(1 - beta2);
    squares.add_(spread(squaresChange));
    const numerator = averageChange.add_(oldAverage);
    const denominator = squaresChange.add_(oldSquares).sqrt_().add_(eps);
    const down = scheduledValue(() =>
      negative(over(times(group.lr, Math.sqrt(1 - pow(beta2, t()))), 1 - pow(beta1, t()))),
    );
    parameter.add_(spread(times(down, numerator.div_(denominator) as Value) as Tensor));
  }

  /** @internal */
  protected override foreach(): void {
    throw new TorchError('SparseAdam', 'has no option foreach');
  }
}

const wrong = (message: string): TorchError => new TorchError('SparseAdam', message);

// Counts a step of a parameter.
function counted(state: State): () => number {
  const into = recording();
  if (into === undefined) {
    const count = ++state.step;
    return () => count;
  }
  if (into.again(state))
    throw new TorchError('SparseAdam.step', 'only one step of it can be part of a recorded step');
  let count = state.step + 1;
  into.watch({
    begin: () => (count = state.step),
    settings: () => count++,
    end: (steps) => (state.step += steps),
  });
  return () => count;
}
