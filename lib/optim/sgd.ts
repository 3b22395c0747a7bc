// Stochastic gradient descent. The update is one native call over all parameters.
import { expectNumber } from '../core/checks.js';
import { handleOf } from '../core/handles.js';
import { options } from '../core/options.js';
import { native } from '../native/binding.js';
import { recording, scheduled, scheduledFor } from '../program/recording.js';
import { enableGrad } from '../autograd/gradMode.js';
import { named, TorchError } from '../core/errors.js';
import { scope } from '../tensor/scope.js';
import { Tensor } from '../tensor/tensor.js';
import {
  Optimizer,
  type OptimizerState,
  type ParamGroup,
  type Params,
  type StateLayout,
} from './optimizer.js';
import { expectRate } from './settings.js';
import { numberOf, type Value } from './values.js';

export interface SGDOptions {
  /** Learning rate. Default 0.001, as in PyTorch. */
  lr?: Value;
  /** Default 0. */
  momentum?: number;
  /** Default 0. */
  dampening?: number;
  /** L2 penalty. Default 0. */
  weightDecay?: number;
  /** Nesterov momentum; needs momentum > 0 and dampening = 0. Default false. */
  nesterov?: boolean;
  /** Climb instead of descend. Default false. */
  maximize?: boolean;
  /**
   * How the update is carried out; null (the default) chooses as PyTorch does: foreach on CUDA, a loop on the CPU. Both
   * give equal bits. */
  foreach?: boolean | null;
  /** One fused kernel (_fused_sgd_): quicker, and different in the last bits. Default null, which is no. */
  fused?: boolean | null;
}

/** Parameters with settings of their own; what is left out comes from the optimizer's options. */
export interface SGDGroup extends SGDOptions {
  params: readonly Tensor[];
}

/** A group as the optimizer holds it. Settings may be changed between steps; schedules do. */
export type SGDParamGroup = ParamGroup<SGDOptions>;

type Momentum = Record<'momentum_buffer', Tensor | null>;

/** What `stateDict()` gives: momentum buffers by the parameter's number, and each group's settings, under PyTorch's keys. */
export type SGDState = OptimizerState<Momentum>;

const DEFAULTS = {
  lr: 1e-3,
  momentum: 0,
  dampening: 0,
  weightDecay: 0,
  nesterov: false,
  maximize: false,
  foreach: null,
  fused: null,
} as const satisfies Required<SGDOptions>;

/** torch.optim.SGD: https://docs.pytorch.org/docs/stable/generated/torch.optim.SGD.html, equal to it in bits on the CPU. */
export class SGD extends Optimizer<SGDOptions, Momentum> {
  readonly #handle: number;
  // How many of the groups the native side knows.
  #known = 0;

  /** `params`: parameters, or groups with settings of their own. Throws a TorchError for settings out of range. */
  constructor(params: Params<SGDOptions>, options: SGDOptions = {}) {
    super(params, options, DEFAULTS);
    this.#handle = native.createSgd();
    native.adopt(this, this.#handle);
  }

  override get state(): ReadonlyMap<Tensor, Momentum> {
    const native_ = this.#native();
    return new Map(
      this.paramGroups.flatMap(({ params }, g) => {
        const buffers = native.momentumBuffers(native_, g);
        return params.flatMap((parameter, i): [Tensor, Momentum][] =>
          buffers[i] === 0 ? [] : [[parameter, { momentum_buffer: new Tensor(buffers[i]!) }]],
        );
      }),
    );
  }

  override zeroGrad(given: { setToNone?: boolean } = {}): void {
    const { setToNone = true } = options('SGD.zeroGrad', given, ['setToNone']);
    native.zeroSgdGrad(this.#native(), setToNone);
  }

  /** @internal */
  protected override run<T>(closure?: () => T): T | undefined {
    const result = closure === undefined ? undefined : enableGrad(closure);
    const handle = this.#native();
    const settings = this.paramGroups.flatMap((group, g) => this.#settings(handle, group, g));
    named('SGD.step', () => native.stepSgd(handle, settings));
    recording()?.watch({ end: () => native.sgdStepped(handle) });
    return result;
  }

  // As the native side takes them. Numbers are read anew before each step of a program.
  #settings(handle: number, group: SGDParamGroup, g: number): number[] {
    const how = form(group);
    const rest = [Number(group.nesterov), Number(group.maximize), how];
    // The fused kernel takes the dampening itself.
    const keep = (dampening: number): number => (how === FUSED ? dampening : 1 - dampening);
    const into = recording();
    if (into === undefined || !hasGradient(group))
      return [numberOf(group.lr), group.momentum, keep(group.dampening), group.weightDecay, ...rest];
    const unless0 = (name: 'momentum' | 'weightDecay'): number =>
      group[name] === 0 ? 0 : scheduledFor(group, name, () => group[name]);
    const lr = scheduledFor(group, 'lr', () => numberOf(group.lr));
    const [momentum, weightDecay] = [unless0('momentum'), unless0('weightDecay')];
    if (group.dampening === 0 || group.momentum === 0) return [lr, momentum, keep(0), weightDecay, ...rest];
    // The first step's momentum is the gradient, not dampened.
    let first = false;
    if (!into.again(group))
      into.watch({
        begin: () => (first = native.sgdUnused(handle, g)),
        step: () => (first = false),
      });
    const kept = scheduled(() => keep(first ? 0 : group.dampening));
    return [lr, momentum, kept, weightDecay, ...rest];
  }

  /** @internal */
  protected override readAnew(): readonly string[] {
    return ['lr', 'momentum', 'weightDecay', 'dampening'];
  }

  /** @internal */
  protected override replaceState(state: Map<Tensor, Momentum>): void {
    const handle = this.#native();
    this.paramGroups.forEach(({ params }, g) =>
      native.setMomentumBuffers(
        handle,
        g,
        params.map((parameter) => state.get(parameter)?.momentum_buffer?.[handleOf] ?? null),
      ),
    );
    for (const entry of state.values()) entry.momentum_buffer?.dispose();
  }

  /** @internal */
  protected override layout(): StateLayout {
    return { momentum_buffer: 'like' };
  }

  /** @internal */
  protected override check(settings: Required<SGDOptions>): void {
    expectRate('SGD', settings.lr);
    expectNumber('SGD', 'momentum', settings.momentum, { least: 0 });
    expectNumber('SGD', 'weightDecay', settings.weightDecay, { least: 0 });
    expectNumber('SGD', 'dampening', settings.dampening);
    if (settings.nesterov && (settings.momentum <= 0 || settings.dampening !== 0)) {
      throw new TorchError('SGD', 'nesterov needs a momentum above 0 and a dampening of 0');
    }
    if (settings.fused && settings.foreach)
      throw new TorchError('SGD', 'fused and foreach cannot both be true');
  }

  // Groups are made known when they are first needed: the base class's constructor adds some before there is a handle.
  #native(): number {
    for (; this.#known < this.paramGroups.length; this.#known++) {
      native.addSgdGroup(
        this.#handle,
        this.paramGroups[this.#known]!.params.map((parameter) => parameter[handleOf]),
      );
    }
    return this.#handle;
  }
}

function hasGradient(group: SGDParamGroup): boolean {
  return scope(() => group.params.some((parameter) => parameter.grad !== null));
}

const FUSED = 2;

// Numbers as the native side knows the forms: single, foreach, fused.
function form(group: SGDParamGroup): 0 | 1 | 2 {
  if (group.fused) return FUSED;
  return (group.foreach ?? group.params.every((parameter) => parameter.device.startsWith('cuda'))) ? 1 : 0;
}
