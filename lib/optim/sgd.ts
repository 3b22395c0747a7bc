// Stochastic gradient descent. The update is one native call over all parameters.
import { expectNumber } from '../core/checks.js';
import { handleOf } from '../core/handles.js';
import { native } from '../native/binding.js';
import { outsideOfStep, recording, scheduled, scheduledFor, type Recording } from '../program/recording.js';
import { noGrad } from '../autograd/gradMode.js';
import { named, TorchError } from '../core/errors.js';
import { isSparse } from '../operators/functional.js';
import { operator } from '../operators/operators.js';
import { scope } from '../tensor/scope.js';
import { Tensor } from '../tensor/tensor.js';
import type { OptimizerState, ParamGroup, Params, StateLayout } from './optimizer.js';
import { expectRate } from './settings.js';
import { expectFusable, formOf, StatefulOptimizer } from './stateful.js';
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
   * How the update is carried out; null (the default) chooses as PyTorch does: foreach on CUDA, a loop on the CPU. On the
   * CPU both give equal bits in float32 and float64; in bfloat16 and float16 foreach rounds momentum. */
  foreach?: boolean | null;
  /**
   * One fused kernel (_fused_sgd_): quicker, and different in the last bits. Not for bfloat16 and float16 on the CPU, where
   * libtorch's kernel is wrong. Default null, which is no. */
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
export class SGD extends StatefulOptimizer<SGDOptions, Momentum> {
  readonly #handle: number;

  /** `params`: parameters, or groups with settings of their own. Throws a TorchError for settings out of range. */
  constructor(params: Params<SGDOptions>, options: SGDOptions = {}) {
    super(params, options, DEFAULTS);
    this.#handle = native.createSgd();
    native.adopt(this, this.#handle);
  }

  /** @internal */
  protected override update(): void {
    const into = recording();
    const options: number[] = [];
    const stepped: Tensor[] = [];
    const buffers: number[] = [];
    for (const group of this.paramGroups) {
      if (formOf(group) === 'fused') {
        expectFusable('SGD', group.params);
        if (group.params.some(({ grad }) => grad !== null && isSparse(grad)))
          throw new TorchError('SGD', 'does not support sparse gradients where fused is true');
      }
      const slots: readonly Part[] =
        into === undefined ? this.#parts(group) : scope(() => this.#recordedParts(group));
      options.push(slots.length, ...this.#options(group, slots, into));
      for (const { parameter, buffer } of slots) {
        stepped.push(parameter);
        buffers.push(buffer === null ? 0 : buffer[handleOf]);
      }
    }
    const made = named('SGD.step', () =>
      native.stepSgd(
        this.#handle,
        options,
        stepped.map((parameter) => parameter[handleOf]),
        buffers,
        this.gradScale === null ? null : this.gradScale[handleOf],
        this.foundInf === null ? null : this.foundInf[handleOf],
      ),
    );
    for (const [i, handle] of made.entries())
      if (handle !== 0) this.begin(stepped[i]!, { momentum_buffer: new Tensor(handle).keep() });
  }

  #parts(group: SGDParamGroup): Part[] {
    return group.params.map((parameter) => ({
      parameter,
      buffer: (group.momentum !== 0 && this.state.get(parameter)?.momentum_buffer) || null,
    }));
  }

  // What a recorded step has to find: the parameters that have a gradient, each with a buffer.
  #recordedParts(group: SGDParamGroup): Part[] {
    if (group.momentum === 0) return this.#parts(group).filter(({ parameter }) => parameter.grad !== null);
    return this.slots(group).map(({ parameter, state }) => ({ parameter, buffer: state.momentum_buffer }));
  }

  // As the native side takes them. Numbers are read anew before each step of a program.
  #options(group: SGDParamGroup, parts: readonly Part[], into: Recording | undefined): number[] {
    const form = formOf(group);
    const rest = [Number(group.nesterov), Number(group.maximize), FORMS.indexOf(form)];
    // The fused kernel takes the dampening itself.
    const keep = (dampening: number): number => (form === 'fused' ? dampening : 1 - dampening);
    if (into === undefined || parts.length === 0)
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
        begin: () => (first = this.#isFirst(parts)),
        step: () => (first = false),
      });
    const kept = scheduled(() => keep(first ? 0 : group.dampening));
    return [lr, momentum, kept, weightDecay, ...rest];
  }

  // Whether no parameter has made a step with momentum yet.
  #isFirst(parts: readonly Part[]): boolean {
    const old = parts.filter(({ parameter }) => this.state.has(parameter)).length;
    if (old > 0 && old < parts.length)
      throw new TorchError(
        'SGD',
        'some parameters of a group have momentum and some have none yet, which dampening makes a difference of: make ' +
          'one step without the program first',
      );
    return old === 0;
  }

  /** @internal */
  protected override readAnew(): readonly string[] {
    return ['lr', 'momentum', 'weightDecay', 'dampening'];
  }

  // Adding to it changes not even the sign of a zero, so that a first step leaves the gradient.
  /** @internal */
  protected override initialState(_group: SGDParamGroup, parameter: Tensor): Momentum {
    return scope(() => {
      const like = parameter.grad ?? parameter;
      const buffer = outsideOfStep(() => noGrad(() => operator('aten::full_like').call(like, -0) as Tensor));
      return { momentum_buffer: buffer.keep() };
    });
  }

  /** @internal */
  protected override replaceState(state: Map<Tensor, Momentum>): void {
    // Older versions of PyTorch write null for what has made no step.
    for (const [parameter, { momentum_buffer: buffer }] of state)
      if (buffer === null) state.delete(parameter);
    super.replaceState(state);
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
}

/** A parameter, with its momentum buffer if it has one. */
interface Part {
  readonly parameter: Tensor;
  readonly buffer: Tensor | null;
}

// In the native side's order.
const FORMS = ['single', 'foreach', 'fused'];
