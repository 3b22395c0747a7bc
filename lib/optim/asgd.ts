// ASGD: averaged stochastic gradient descent.
import { expectNumber } from '../core/checks.js';
import { counted, recording, roundingOf, scheduled, scheduledFor, tracked } from '../program/recording.js';
import { operator } from '../operators/operators.js';
import { isTensor, type Tensor } from '../tensor/tensor.js';
import { foreach, foreach_ } from './foreach.js';
import {
  scalar,
  zerosLike,
  type CommonOptions,
  type OptimizerState,
  type ParamGroup,
  type Params,
  type StateLayout,
} from './optimizer.js';
import { expectRate } from './settings.js';
import {
  countedAll,
  descentOfParts,
  descents,
  UpdatingOptimizer,
  type Columns,
  type Slot,
} from './updating.js';
import { numberOf, over, plus, power, times } from './values.js';

export interface ASGDOptions extends CommonOptions {
  /** Decay term. Default 1e-4. */
  lambd?: number;
  /** Power by which the learning rate goes down. Default 0.75. */
  alpha?: number;
  /** At which step averaging begins. Default 1e6. */
  t0?: number;
  /** L2 penalty. Default 0. */
  weightDecay?: number;
}

type State = Record<'step' | 'eta' | 'mu' | 'ax', Tensor>;

/** What `stateDict()` gives. */
export type ASGDState = OptimizerState<State>;

const DEFAULTS: Required<ASGDOptions> = {
  lr: 1e-2,
  lambd: 1e-4,
  alpha: 0.75,
  t0: 1e6,
  weightDecay: 0,
  foreach: null,
  maximize: false,
  capturable: false,
};

/**
 * torch.optim.ASGD: https://docs.pytorch.org/docs/stable/generated/torch.optim.ASGD.html
 *
 *     p = (1 - lambd eta) p - eta g,   eta = lr / (1 + lambd lr t)^alpha
 *
 * The average of the parameters is the state's "ax": stateDict() has it.
 */
export class ASGD extends UpdatingOptimizer<ASGDOptions, State> {
  /** `params`: parameters, or groups with settings of their own. Throws a TorchError for settings out of range. */
  constructor(params: Params<ASGDOptions>, options: ASGDOptions = {}) {
    super(params, options, DEFAULTS);
  }

  /** @internal */
  protected override check(settings: Required<ASGDOptions>): void {
    expectRate('ASGD', settings.lr);
    expectNumber('ASGD', 'weightDecay', settings.weightDecay, { least: 0 });
    for (const name of ['lambd', 'alpha', 't0'] as const) expectNumber('ASGD', name, settings[name]);
  }

  /** @internal */
  protected override layout(): StateLayout {
    return { step: 'scalar', eta: 'scalar', mu: 'scalar', ax: 'like' };
  }

  /** @internal */
  protected override initialState(group: ParamGroup<ASGDOptions>, parameter: Tensor): State {
    const { device } = parameter;
    return {
      step: scalar(0, device),
      eta: scalar(numberOf(group.lr), device),
      mu: scalar(1, device),
      ax: zerosLike(parameter),
    };
  }

  /** @internal */
  protected override readAnew(): readonly string[] {
    return ['lr', 'weightDecay'];
  }

  /** @internal */
  protected override single(group: ParamGroup<ASGDOptions>, slot: Slot<State>): void {
    const { lambd, alpha, t0 } = group;
    const { parameter, state } = slot;
    const t = counted(state.step);
    const gradient = descentOfParts(group, slot);
    const nextEta = (): number =>
      numberOf(over(group.lr, power(plus(1, times(times(lambd, group.lr), t())), alpha)));
    const eta = tracked(state.eta, () => roundingOf(state.eta)(nextEta()), { late: true });
    parameter.mul_(scheduled(() => 1 - lambd * eta())).add_(gradient, { alpha: scheduled(() => -eta()) });
    average(state, parameter);
    state.eta.fill_(scheduled(nextEta));
    state.mu.fill_(scheduled(() => 1 / Math.max(1, t() - t0)));
  }

  /** @internal */
  protected override foreach(group: ParamGroup<ASGDOptions>, columns: Columns<State>): void {
    const { lambd, alpha, t0 } = group;
    const { parameters } = columns;
    const averages = columns.state('ax');
    const etas = columns.state('eta');
    const mus = columns.state('mu');
    const steps = columns.state('step');
    const counts = countedAll(steps);
    const lr = scheduledFor(group, 'lr', () => numberOf(group.lr));
    const decay = scheduledFor(group, 'decay', () => lambd * numberOf(group.lr));
    const gradients = foreach('add', descents(group, columns), parameters, { alpha: lambd });
    foreach_('addcmul', parameters, gradients, etas, -1);
    foreach_('addcmul', averages, foreach('sub', parameters, averages), mus);
    // The count is a float32 tensor in these sums, as in PyTorch's.
    steps.forEach((step, i) => {
      const rate = recording() === undefined && isTensor(group.lr) ? group.lr : undefined;
      const power = step
        .mul(rate?.mul(lambd) ?? decay)
        .add(1)
        .pow(alpha);
      etas[i]!.copy_(rate?.div(power) ?? power.reciprocal().mul(lr));
      mus[i]!.fill_(scheduled(() => 1 / Math.max(1, counts[i]!() - t0)));
    });
  }
}

// Takes a parameter into its average, which is the parameter itself until averaging begins.
function average({ ax, mu }: State, parameter: Tensor): void {
  if (recording() !== undefined) {
    const averaged = ax.add(parameter.sub(ax).mul_(mu));
    ax.copy_(operator('aten::where.self').call(mu.eq(1), parameter, averaged) as Tensor);
  } else if (mu.item() === 1) ax.copy_(parameter);
  else ax.add_(parameter.sub(ax).mul_(mu));
}
