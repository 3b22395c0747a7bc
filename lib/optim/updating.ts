// UpdatingOptimizer: the base of optimizers whose step updates each parameter by its own gradient and state, in one of up to
// three forms: a loop over the parameters, _foreach_ operators over lists of them, a fused kernel.
import {
  addedOne,
  outsideOfStep,
  recording,
  scheduled,
  scheduledFor,
  tracked,
  type Recording,
} from '../program/recording.js';
import { enableGrad, noGrad } from '../autograd/gradMode.js';
import { TorchError } from '../core/errors.js';
import { operator } from '../operators/operators.js';
import { scope } from '../tensor/scope.js';
import { isTensor, type Tensor } from '../tensor/tensor.js';
import {
  Optimizer,
  scalar,
  zeros,
  zerosLike,
  type OptimizerOptions,
  type ParamGroup,
  type ParameterState,
  type StateValue,
} from './optimizer.js';
import { foreach, foreach_ } from './foreach.js';
import { minus, numberOf, times, type Value } from './values.js';

/** A parameter that has a gradient, with both and its state, as an update sees them: complex tensors as pairs of reals. */
export interface Slot<S> {
  readonly parameter: Tensor;
  readonly gradient: Tensor;
  readonly state: S;
}

/** Slots of one device and dtype, as lists. */
export interface Columns<S> {
  readonly parameters: Tensor[];
  readonly gradients: Tensor[];
  /** The state tensors of a name. */
  state<K extends keyof S>(name: K): Tensor[];
}

/** @hidden */
export abstract class UpdatingOptimizer<
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

  /** Updates one parameter. @internal */
  protected abstract single(group: ParamGroup<O>, slot: Slot<S>): void;

  /** Updates parameters of one device and dtype. @internal */
  protected abstract foreach(group: ParamGroup<O>, columns: Columns<S>): void;

  /** Updates parameters of one device and dtype with a fused kernel. @internal */
  protected fused(_group: ParamGroup<O>, _columns: Columns<S>): void {
    throw new TorchError(this.constructor.name, 'there is no fused form');
  }

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
              scalar(0, isFused(group) ? parameter.device : 'cpu')
            : zeros(shape, parameter),
      ]),
    ) as S;
  }

  /** @internal */
  protected run<T>(closure?: () => T): T | undefined {
    const result = closure === undefined ? undefined : enableGrad(closure);
    noGrad(() =>
      scope(() => {
        for (const group of this.paramGroups) this.#update(group);
      }),
    );
    return result;
  }

  #update(group: ParamGroup<O>): void {
    const slots: Slot<S>[] = [];
    const used: [Tensor, S][] = [];
    const into = recording();
    for (const parameter of group.params) {
      const gradient = parameter.grad;
      if (gradient === null) continue;
      const state = into === undefined ? this.#stateOf(group, parameter) : this.#hold(group, parameter);
      used.push([parameter, state]);
      slots.push(asReal({ parameter, gradient, state }));
    }
    if (slots.length === 0) return;
    if (into !== undefined) this.#watch(into, group, used);
    refuseCapture(this.constructor.name, group, slots[0]!.parameter.device);
    if (isFused(group)) for (const columns of columnsOf(slots)) this.fused(group, columns);
    else if (isForeach(group)) for (const columns of columnsOf(slots)) this.foreach(group, columns);
    else for (const slot of slots) this.single(group, slot);
  }

  // ---- state ----

  #stateOf(group: ParamGroup<O>, parameter: Tensor): S {
    return (
      this.state.get(parameter) ??
      this.#adopt(group, parameter) ??
      this.setState(parameter, this.initialState(group, parameter))
    );
  }

  // A parameter's first step, where a program holds the state that was made for it.
  #adopt(group: ParamGroup<O>, parameter: Tensor): S | undefined {
    const state = this.#prepared.get(parameter);
    if (state === undefined) return undefined;
    this.#prepared.delete(parameter);
    return this.#begin(group, parameter, state) ? this.setState(parameter, state) : undefined;
  }

  // Gives a state the contents of a new one, unless the group's settings have it hold other tensors by now.
  #begin(group: ParamGroup<O>, parameter: Tensor, state: S): boolean {
    return noGrad(() => {
      const fresh = this.initialState(group, parameter);
      const fits = sameLayout(state, fresh);
      if (fits) moveInto(state, fresh);
      disposeOf(fresh);
      return fits;
    });
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
    if (prepared !== undefined && this.#begin(group, parameter, prepared)) return prepared;
    const state = this.initialState(group, parameter);
    this.#prepared.set(parameter, state);
    return state;
  }

  #watch(into: Recording, group: ParamGroup<O>, used: readonly [Tensor, S][]): void {
    into.watch({
      begin: () => {
        for (const [parameter, state] of used) {
          const now = this.state.get(parameter);
          if (now === state) continue;
          if (now !== undefined || this.#prepared.get(parameter) !== state)
            throw new TorchError(
              this.constructor.name,
              `the state of a parameter of shape [${parameter.shape.join(', ')}] was replaced after the step was recorded, by one that has other tensors: compile the step again`,
            );
          this.#begin(group, parameter, state);
        }
      },
      end: () => {
        for (const [parameter, state] of used)
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
      else if (sameLayout(held, state)) {
        noGrad(() => moveInto(held, state));
        disposeOf(state);
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

function moveInto(state: ParameterState, from: ParameterState): void {
  for (const [name, value] of Object.entries(from)) {
    const into = state[name];
    if (isTensor(into) && isTensor(value)) into.copy_(value);
    else state[name] = value;
  }
}

function disposeOf(state: ParameterState): void {
  for (const value of Object.values(state)) if (isTensor(value)) value.dispose();
}

// ---- forms ----

interface Forms {
  foreach?: boolean | null;
  fused?: boolean | null;
  capturable?: boolean;
  params: Tensor[];
}

function isFused(group: object): boolean {
  return (group as Forms).fused === true;
}

function isForeach(group: object): boolean {
  const { foreach, fused, params } = group as Forms;
  if (foreach !== null && foreach !== undefined) return foreach;
  return fused !== false && 'foreach' in group && params.every(({ device }) => device.startsWith('cuda'));
}

function refuseCapture(where: string, group: object, device: string): void {
  if ((group as Forms).capturable !== true) return;
  throw new TorchError(
    where,
    device === 'cpu'
      ? 'capturable: the parameters are on the CPU, and only steps on CUDA can be captured in a graph: leave the option out'
      : 'capturable: steps here read their count on the host, so that they cannot be captured in a graph yet',
  );
}

function columnsOf<S>(slots: readonly Slot<S>[]): Columns<S>[] {
  const kinds = new Map<string, Slot<S>[]>();
  for (const slot of slots) {
    const kind = `${slot.parameter.device} ${slot.parameter.dtype}`;
    const known = kinds.get(kind);
    if (known === undefined) kinds.set(kind, [slot]);
    else known.push(slot);
  }
  return [...kinds.values()].map((some) => ({
    parameters: some.map((slot) => slot.parameter),
    gradients: some.map((slot) => slot.gradient),
    state: (name) => some.map((slot) => slot.state[name] as Tensor),
  }));
}

/** A complex tensor as pairs of reals, of the same memory; anything else as it is. @internal */
export function real<T>(value: T): T {
  return isTensor(value) && value.dtype.startsWith('complex')
    ? (operator('aten::view_as_real').call(value) as T)
    : value;
}

// A complex tensor is updated as the pairs of reals that it is made of.
function asReal<S extends ParameterState>(slot: Slot<S>): Slot<S> {
  if (!slot.parameter.dtype.startsWith('complex')) return slot;
  return {
    parameter: real(slot.parameter),
    gradient: real(slot.gradient),
    state: Object.fromEntries(
      Object.entries(slot.state).map(([name, value]: [string, StateValue]) => [name, real(value)]),
    ) as S,
  };
}

// ---- what most updates begin with ----

/** The gradient to go down by: turned round to go up, and with the L2 penalty's unless decay is decoupled. @internal */
export function descent(
  group: { maximize: boolean; weightDecay?: number; decoupledWeightDecay?: boolean },
  { parameter, gradient }: Slot<unknown>,
): Tensor {
  const down = group.maximize ? gradient.neg() : gradient;
  return group.weightDecay && !group.decoupledWeightDecay
    ? down.add(parameter, { alpha: penalty(group) })
    : down;
}

/** The same of lists. @internal */
export function descents(
  group: { maximize: boolean; weightDecay?: number; decoupledWeightDecay?: boolean },
  { parameters, gradients }: Columns<never>,
): Tensor[] {
  const down = group.maximize ? foreach('neg', gradients) : gradients;
  return group.weightDecay && !group.decoupledWeightDecay
    ? foreach('add', down, parameters, { alpha: penalty(group) })
    : down;
}

/** Counts the steps of lists of parameters; gives functions that tell the counts, as those of one do. @internal */
export function countedAll(steps: readonly Tensor[]): (() => number)[] {
  foreach_('add', steps, 1);
  return steps.map((step) => tracked(step, addedOne(step)));
}

// The penalty's weight, read anew in each step of a program.
const penalty = (group: { weightDecay?: number }): number =>
  scheduledFor(group, 'weightDecay', () => group.weightDecay!);

/** A setting that is worked out of a learning rate: as it is, and a number that is read anew in a program. @internal */
export function scheduledValue(compute: () => number): number;
export function scheduledValue(compute: () => Value): Value;
export function scheduledValue(compute: () => Value): Value {
  return recording() === undefined ? compute() : scheduled(() => numberOf(compute()));
}

/** Takes a gradient into the averages that Adam and its like keep of gradients and of their squares. @internal */
export function averageIn(group: Betas, average: Tensor, squares: Tensor, gradient: Tensor): void {
  average.lerp_(gradient, fresh1(group));
  squares.mul_(kept2(group)).addcmul_(gradient, gradient, { value: fresh2(group) });
}

/** The same of lists. @internal */
export function averageAllIn(
  group: Betas,
  averages: readonly Tensor[],
  squares: readonly Tensor[],
  gradients: readonly Tensor[],
): void {
  foreach_('lerp', averages, gradients, fresh1(group));
  foreach_('mul', squares, kept2(group));
  foreach_('addcmul', squares, gradients, gradients, fresh2(group));
}

interface Betas {
  betas: [number, number];
}
/** By how much a gradient goes into its average: 1 - beta1. @internal */
export const fresh1 = (group: Betas): number => scheduledFor(group, 'fresh1', () => 1 - group.betas[0]);
/** How much stays of what is averaged by beta2. @internal */
export const kept2 = (group: Betas): number => scheduledFor(group, 'kept2', () => group.betas[1]);
const fresh2 = (group: Betas): number => scheduledFor(group, 'fresh2', () => 1 - group.betas[1]);

/** The number to multiply lists of parameters by, whose decay is their own. @internal */
export const decayedNumber = (group: { lr: Value; weightDecay: number }): number =>
  scheduledFor(group, 'decayedNumber', () => 1 - numberOf(group.lr) * group.weightDecay);

/** How much is left of parameters whose decay is their own: 1 - lr weightDecay. @internal */
export function decayed(group: { lr: Value; weightDecay: number }): Value {
  const left = (): Value => minus(1, times(group.lr, group.weightDecay));
  return recording() === undefined ? left() : scheduledFor(group, 'decayed', () => numberOf(left()));
}
