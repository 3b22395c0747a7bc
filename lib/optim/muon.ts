// Muon: momentum whose update is made orthogonal, for the matrices of hidden layers.
import {
  expectArgument,
  expectBoolean,
  expectInteger,
  expectNumber,
  expectOneOf,
  isNumber,
} from '../core/checks.js';
import { TorchError } from '../core/errors.js';
import { scheduledFor } from '../program/recording.js';
import { operator } from '../operators/operators.js';
import type { Tensor } from '../tensor/tensor.js';
import type { OptimizerOptions, OptimizerState, ParamGroup, Params, StateLayout } from './optimizer.js';
import { expectRate } from './settings.js';
import { refuseSparse } from './stateful.js';
import { decayed, scheduledValue, UpdatingOptimizer, type Slot } from './updating.js';
import { negative, numberOf, times } from './values.js';

export interface MuonOptions extends OptimizerOptions {
  /** Decay of the parameters themselves. Default 0.1. */
  weightDecay?: number;
  /** Default 0.95. */
  momentum?: number;
  /** Default true. */
  nesterov?: boolean;
  /** The polynomial of the Newton-Schulz iteration. Default [3.4445, -4.775, 2.0315]. */
  nsCoefficients?: readonly [a: number, b: number, c: number];
  /** The least norm to divide by. Default 1e-7. */
  eps?: number;
  /** Newton-Schulz iterations, below 100. Default 5. */
  nsSteps?: number;
  /**
   * How a matrix's shape comes into its learning rate: the root of height / width, at least 1 ('original', also null, the
   * default), or as large as AdamW's updates are ('match_rms_adamw').
   */
  adjustLrFn?: 'original' | 'match_rms_adamw' | null;
}

type State = Record<'momentum_buffer', Tensor>;

/** What `stateDict()` gives. */
export type MuonState = OptimizerState<State>;

const DEFAULTS: Required<MuonOptions> = {
  lr: 1e-3,
  weightDecay: 0.1,
  momentum: 0.95,
  nesterov: true,
  nsCoefficients: [3.4445, -4.775, 2.0315],
  eps: 1e-7,
  nsSteps: 5,
  adjustLrFn: null,
};

/**
 * torch.optim.Muon: https://docs.pytorch.org/docs/stable/generated/torch.optim.Muon.html
 *
 * For parameters of two dimensions; give biases, embeddings and the like to another optimizer, such as AdamW.
 */
export class Muon extends UpdatingOptimizer<MuonOptions, State> {
  /**
   * `params`: parameters, or groups with settings of their own. Throws a TorchError for settings out of range, and for
   * parameters that are no matrices.
   */
  constructor(params: Params<MuonOptions>, options: MuonOptions = {}) {
    super(params, options, DEFAULTS);
    for (const { params } of this.paramGroups) params.forEach(expectMatrix);
  }

  /** @internal */
  protected override check(settings: Required<MuonOptions>): void {
    expectRate('Muon', settings.lr);
    for (const name of ['weightDecay', 'momentum', 'eps'] as const)
      expectNumber('Muon', name, settings[name], { least: 0 });
    expectBoolean('Muon', 'nesterov', settings.nesterov);
    expectInteger('Muon', 'nsSteps', settings.nsSteps, 0, 99);
    const three: unknown = settings.nsCoefficients;
    const isThree = Array.isArray(three) && three.length === 3 && three.every(isNumber);
    expectArgument('Muon', 'nsCoefficients', three, isThree, 'an array of three numbers');
    if (settings.adjustLrFn !== null)
      expectOneOf('Muon', 'adjustLrFn', settings.adjustLrFn, ['original', 'match_rms_adamw']);
  }

  /** @internal */
  protected override layout(): StateLayout {
    return { momentum_buffer: 'like' };
  }

  /** @internal */
  protected override readAnew(): readonly string[] {
    return ['lr', 'momentum', 'weightDecay'];
  }

  /** @internal */
  protected override expectGradients(_group: unknown, slots: readonly Slot<State>[]): void {
    if (slots.some(({ parameter }) => parameter.isComplex()))
      throw new TorchError('Muon', 'does not support complex parameters');
    refuseSparse('Muon', slots, '');
    slots.forEach(({ parameter }, i) => expectMatrix(parameter, i));
  }

  /** @internal */
  protected override single(group: ParamGroup<MuonOptions>, slot: Slot<State>): void {
    const { parameter, gradient, state } = slot;
    const buffer = state.momentum_buffer;
    buffer.lerp_(
      gradient,
      scheduledFor(group, 'fresh', () => 1 - group.momentum),
    );
    const momentum = (): number => scheduledFor(group, 'momentum', () => group.momentum);
    const update = orthogonal(group, group.nesterov ? gradient.lerp(buffer, momentum()) : buffer);
    parameter.mul_(decayed(group));
    const down = scheduledValue(() => negative(times(group.lr, ratioOf(group, parameter))));
    parameter.add_(update, { alpha: numberOf(down) });
  }

  /** @internal */
  protected override foreach(): void {
    throw new TorchError('Muon', 'has no option foreach');
  }
}

function expectMatrix({ shape }: Tensor, i: number): void {
  if (shape.length !== 2)
    throw new TorchError(
      'Muon',
      `only supports 2D parameters, whereas parameter ${i} has the shape [${shape.join(', ')}]: give it to another optimizer, such as AdamW`,
    );
}

// An approximation of the nearest orthogonal matrix, in bfloat16, by the Newton-Schulz iteration.
function orthogonal({ nsCoefficients, nsSteps, eps }: ParamGroup<MuonOptions>, matrix: Tensor): Tensor {
  const [a, b, c] = nsCoefficients;
  const isHigh = matrix.size(0) > matrix.size(1);
  const half = matrix.to('bfloat16');
  let made: Tensor = isHigh ? half.t() : half;
  made.div_((operator('aten::linalg_vector_norm').call(made) as Tensor).clamp({ min: eps }));
  for (let step = 0; step < nsSteps; step++) {
    const gram: Tensor = made.matmul(made.t());
    const change: Tensor = gram.addmm(gram, gram, { beta: b, alpha: c });
    made = made.addmm(change, made, { beta: a });
  }
  return isHigh ? made.t() : made;
}

function ratioOf({ adjustLrFn }: ParamGroup<MuonOptions>, { shape }: Tensor): number {
  const [height = 0, width = 0] = shape;
  return adjustLrFn === 'match_rms_adamw'
    ? 0.2 * Math.sqrt(Math.max(height, width))
    : Math.sqrt(Math.max(1, height / width));
}
