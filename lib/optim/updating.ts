// UpdatingOptimizer: the base of optimizers whose step updates each parameter by its own gradient and state, in one of up to
// three forms: a loop over the parameters, _foreach_ operators over lists of them, a fused kernel.
import { enableGrad, noGrad } from '../tensor/autograd.js';
import { TorchError } from '../tensor/errors.js';
import { operator } from '../tensor/operators.js';
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

/** @internal */
export abstract class UpdatingOptimizer<
  O extends OptimizerOptions = OptimizerOptions,
  S extends ParameterState = ParameterState,
> extends Optimizer<O, S> {
  /** What gradients were multiplied by, for the fused kernels to divide by: see amp.GradScaler. @internal */
  gradScale: Tensor | null = null;
  /** 1 where a gradient was infinite or NaN, so that the fused kernels change nothing. @internal */
  foundInf: Tensor | null = null;

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
    for (const parameter of group.params) {
      const gradient = parameter.grad;
      if (gradient === null) continue;
      const state =
        this.state.get(parameter) ?? this.setState(parameter, this.initialState(group, parameter));
      slots.push(asReal({ parameter, gradient, state }));
    }
    if (slots.length === 0) return;
    refuseCapture(this.constructor.name, group, slots[0]!.parameter.device);
    if (isFused(group)) for (const columns of columnsOf(slots)) this.fused(group, columns);
    else if (isForeach(group)) for (const columns of columnsOf(slots)) this.foreach(group, columns);
    else for (const slot of slots) this.single(group, slot);
  }
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

/** The gradient to go down by: turned round to go up, and with the L2 penalty's. @internal */
export function descent(
  group: { maximize: boolean; weightDecay?: number },
  { parameter, gradient }: Slot<unknown>,
): Tensor {
  const down = group.maximize ? gradient.neg() : gradient;
  return group.weightDecay ? down.add(parameter, { alpha: group.weightDecay }) : down;
}

/** The same of lists. @internal */
export function descents(
  group: { maximize: boolean; weightDecay?: number },
  { parameters, gradients }: Columns<never>,
): Tensor[] {
  const down = group.maximize ? foreach('neg', gradients) : gradients;
  return group.weightDecay ? foreach('add', down, parameters, { alpha: group.weightDecay }) : down;
}

/** Counts the steps of lists of parameters; gives the counts. @internal */
export function counted(steps: readonly Tensor[]): number[] {
  foreach_('add', steps, 1);
  return steps.map((step) => step.item());
}
