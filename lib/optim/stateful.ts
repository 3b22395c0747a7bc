// StatefulOptimizer: the base of optimizers that keep a state for each parameter, which a recorded step goes on with.
import { outsideOfStep, recording, type Recording } from '../program/recording.js';
import { enableGrad, noGrad } from '../autograd/gradMode.js';
import { TorchError } from '../core/errors.js';
import { isSparse } from '../operators/functional.js';
import { isTensor, type Tensor } from '../tensor/tensor.js';
import {
  Optimizer,
  scalar,
  zeros,
  zerosLike,
  type OptimizerOptions,
  type ParamGroup,
  type ParameterState,
} from './optimizer.js';

/** A parameter that has a gradient, with both and its state. */
export interface Slot<S> {
  readonly parameter: Tensor;
  readonly gradient: Tensor;
  readonly state: S;
  /** Of a complex parameter that is updated as the pairs of reals that it is made of: itself. */
  readonly complex?: Slot<S>;
}

/** @hidden */
export abstract class StatefulOptimizer<
  O extends OptimizerOptions = OptimizerOptions,
  S extends ParameterState = ParameterState,
> extends Optimizer<O, S> {
  /** What gradients were multiplied by, for the fused kernels to divide by: see amp.GradScaler. @internal */
  gradScale: Tensor | null = null;
  /** 1 where a gradient was infinite or NaN, so that the fused kernels change nothing. @internal */
  foundInf: Tensor | null = null;
  // State that was made for a step while it was recorded. It becomes the parameter's own with the first step.
  readonly #prepared = new Map<Tensor, S>();
  // State that programs hold, which goes on with these very tensors.
  readonly #held = new Map<Tensor, S>();

  /** Updates all parameters that have a gradient. @internal */
  protected abstract update(): void;

  /** A parameter's state before its first step: zeros, unless a subclass says otherwise. @internal */
  protected initialState(group: ParamGroup<O>, parameter: Tensor): S {
    const layout = Object.entries(this.layout(group, parameter));
    return Object.fromEntries(
      layout.map(([name, shape]) => [
        name,
        shape === 'like'
          ? zerosLike(parameter)
          : shape === 'scalar'
            ? // Counted on the host, but for the fused kernels, which count on the device.
              scalar(0, formOf(group) === 'fused' ? parameter.device : 'cpu')
            : zeros(shape, parameter),
      ]),
    ) as S;
  }

  /** @internal */
  protected run<T>(closure?: () => T): T | undefined {
    const result = closure === undefined ? undefined : enableGrad(closure);
    this.update();
    return result;
  }

  /** A group's parameters that have a gradient. While a step is recorded the program holds their states. @internal */
  protected slots(group: ParamGroup<O>): Slot<S>[] {
    const slots: Slot<S>[] = [];
    const into = recording();
    for (const parameter of group.params) {
      const gradient = parameter.grad;
      if (gradient === null) continue;
      const state = into === undefined ? this.#stateOf(group, parameter) : this.#hold(group, parameter);
      slots.push({ parameter, gradient, state });
    }
    if (into !== undefined) this.#watch(into, group, slots);
    return slots;
  }

  // ---- state ----

  #stateOf(group: ParamGroup<O>, parameter: Tensor): S {
    return this.state.get(parameter) ?? this.begin(parameter, this.initialState(group, parameter));
  }

  /** A parameter's state from its first step on: its contents move where a program holds a state of it. @internal */
  protected begin(parameter: Tensor, state: S): S {
    const prepared = this.#prepared.get(parameter);
    this.#prepared.delete(parameter);
    const moved = prepared !== undefined && replaced(prepared, state);
    return this.setState(parameter, moved ? prepared : state);
  }

  // The state of a parameter for a step that is being recorded, which has to find it there.
  #hold(group: ParamGroup<O>, parameter: Tensor): S {
    const known = this.state.get(parameter);
    const state = known ?? outsideOfStep(() => this.#prepare(group, parameter));
    this.#held.set(parameter, state);
    return state;
  }

  #prepare(group: ParamGroup<O>, parameter: Tensor): S {
    const prepared = this.#prepared.get(parameter);
    const state = this.initialState(group, parameter);
    if (prepared !== undefined && replaced(prepared, state)) return prepared;
    this.#prepared.set(parameter, state);
    return state;
  }

  #watch(into: Recording, group: ParamGroup<O>, slots: readonly Slot<S>[]): void {
    const used = slots.map(({ parameter, state }) => ({ parameter, state }));
    into.watch({
      begin: () => {
        for (const { parameter, state } of used) {
          const now = this.state.get(parameter);
          if (now === state) continue;
          if (now !== undefined || this.#prepared.get(parameter) !== state)
            throw new TorchError(
              this.constructor.name,
              `the state of a parameter of shape [${parameter.shape.join(', ')}] was replaced after the step was recorded, by one that has other tensors: compile the step again`,
            );
          noGrad(() => replaced(state, this.initialState(group, parameter)));
        }
      },
      end: () => {
        for (const { parameter, state } of used)
          if (this.#prepared.delete(parameter)) this.setState(parameter, state);
      },
    });
  }

  // Programs go on with a state that was loaded: it is copied into the tensors that they hold.
  /** @internal */
  protected override replaceState(loaded: Map<Tensor, S>): void {
    for (const [parameter, held] of this.#held) {
      const state = loaded.get(parameter);
      if (state === undefined) this.#prepared.set(parameter, held);
      else if (replaced(held, state)) {
        loaded.set(parameter, held);
        this.#prepared.delete(parameter);
      }
    }
    super.replaceState(loaded);
  }
}

// Whether two states have the same entries, with tensors that look the same.
function sameLayout(a: ParameterState, b: ParameterState): boolean {
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => {
      const [one, two] = [a[name], b[name]];
      if (!isTensor(one) || !isTensor(two)) return typeof one === typeof two;
      return one.dtype === two.dtype && one.device === two.device && String(one.shape) === String(two.shape);
    })
  );
}

// Moves a state's contents into another one's tensors and releases the rest of it; false, and nothing is done, where the
// two have not the same entries.
function replaced(state: ParameterState, by: ParameterState): boolean {
  if (!sameLayout(state, by)) return false;
  noGrad(() => {
    for (const [name, value] of Object.entries(by)) {
      const into = state[name];
      if (!isTensor(into) || !isTensor(value)) state[name] = value;
      else {
        into.copy_(value);
        value.dispose();
      }
    }
  });
  return true;
}

// ---- forms ----

interface Forms {
  foreach?: boolean | null;
  fused?: boolean | null;
  params: Tensor[];
}

/** Throws for gradients that are sparse, which most updates cannot take. @internal */
export function refuseSparse(where: string, slots: readonly Slot<unknown>[], instead: string): void {
  if (slots.some(({ gradient }) => isSparse(gradient)))
    throw new TorchError(where, `does not support sparse gradients${instead}`);
}

/** Throws for parameters that fused kernels do not know. @internal */
export function expectFusable(where: string, params: readonly Tensor[]): void {
  for (const [i, { dtype }] of params.entries())
    if (!/^b?float/.test(dtype))
      throw new TorchError(
        where,
        `fused: true requires all parameters to be floating-point tensors, and parameter ${i} is ${dtype}: leave the option out`,
      );
}

/** How a group's update is carried out, chosen as PyTorch does where neither foreach nor fused is set. @internal */
export function formOf(group: object): 'single' | 'foreach' | 'fused' {
  const { foreach, fused, params } = group as Forms;
  if (fused === true) return 'fused';
  const all = (foreach ?? null) === null && fused !== false && 'foreach' in group;
  return foreach === true || (all && params.every(({ device }) => device.startsWith('cuda')))
    ? 'foreach'
    : 'single';
}
