// UpdatingOptimizer: the base of optimizers whose step updates each parameter by its own gradient and state, in one of up to
// three forms: a loop over the parameters, _foreach_ operators over lists of them, a fused kernel.
import { addedOne, recording, scheduled, scheduledFor, tracked } from '../program/recording.js';
import { noGrad } from '../autograd/gradMode.js';
import { TorchError } from '../core/errors.js';
import { isSparse } from '../operators/functional.js';
import { operator } from '../operators/operators.js';
import { scope } from '../tensor/scope.js';
import { isTensor, type Tensor } from '../tensor/tensor.js';
import type { OptimizerOptions, ParamGroup, ParameterState, StateValue } from './optimizer.js';
import { foreach, foreach_ } from './foreach.js';
import { expectFusable, formOf, refuseSparse, StatefulOptimizer, type Slot } from './stateful.js';
import { minus, numberOf, times, type Value } from './values.js';

export type { Slot };

/** Slots of one device and dtype, as lists. */
export interface Columns<S> {
  readonly parameters: Tensor[];
  readonly gradients: Tensor[];
  /** The state tensors of a name. */
  state<K extends keyof S>(name: K): Tensor[];
}

/** Updates see complex tensors as pairs of reals. @hidden */
export abstract class UpdatingOptimizer<
  O extends OptimizerOptions = OptimizerOptions,
  S extends ParameterState = ParameterState,
> extends StatefulOptimizer<O, S> {
  /** Updates one parameter. @internal */
  protected abstract single(group: ParamGroup<O>, slot: Slot<S>): void;

  /** Updates parameters of one device and dtype. @internal */
  protected abstract foreach(group: ParamGroup<O>, columns: Columns<S>): void;

  /** Updates parameters of one device and dtype with a fused kernel. @internal */
  protected fused(_group: ParamGroup<O>, _columns: Columns<S>): void {
    throw new TorchError(this.constructor.name, 'there is no fused form');
  }

  /** @internal */
  protected override update(): void {
    noGrad(() =>
      scope(() => {
        for (const group of this.paramGroups) this.#update(group);
      }),
    );
  }

  /** Throws for gradients that the update cannot take. @internal */
  protected expectGradients(_group: ParamGroup<O>, slots: readonly Slot<S>[]): void {
    refuseSparse(this.constructor.name, slots, '');
  }

  #update(held: ParamGroup<O>): void {
    // A learning rate of one dimension counts as the number that it holds, as in PyTorch.
    const { lr } = held;
    const group =
      recording() === undefined && isTensor(lr) && lr.ndim > 0 ? { ...held, lr: lr.reshape([]) } : held;
    const given = this.slots(group);
    if (given.length === 0) return;
    this.expectGradients(group, given);
    const slots = given.map(asReal);
    refuseCapture(this.constructor.name, group, slots[0]!.parameter.device);
    const form = formOf(group);
    if (form === 'fused') expectFusable(this.constructor.name, group.params);
    // Only what also updates sparse gradients lets them come here, one by one.
    const single =
      form === 'single' || (form === 'foreach' && given.some(({ gradient }) => isSparse(gradient)));
    if (single) for (const slot of slots) this.single(group, slot);
    else for (const columns of columnsOf(slots)) this[form](group, columns);
  }
}

// ---- forms ----

function refuseCapture(where: string, group: object, device: string): void {
  if ((group as { capturable?: boolean }).capturable !== true) return;
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
    complex: slot,
    parameter: real(slot.parameter),
    gradient: real(slot.gradient),
    state: Object.fromEntries(
      Object.entries(slot.state).map(([name, value]: [string, StateValue]) => [name, real(value)]),
    ) as S,
  };
}

// ---- what most updates begin with ----

/**
 * The gradient to go down by: turned round to go up, and with the L2 penalty's unless decay is decoupled. Sums of complex
 * numbers have other last bits than those of their parts; most optimizers add the penalty before they look at the parts.
 * @internal
 */
export function descent(
  group: { maximize: boolean; weightDecay?: number; decoupledWeightDecay?: boolean },
  slot: Slot<unknown>,
): Tensor {
  const decays = group.weightDecay && !group.decoupledWeightDecay;
  const { parameter, gradient } = (decays && slot.complex) || slot;
  const down = group.maximize ? gradient.neg() : gradient;
  return decays ? real(down.add(parameter, { alpha: penalty(group) })) : down;
}

/** The same for optimizers that add the penalty of a complex parameter to its parts. @internal */
export function descentOfParts(
  group: { maximize: boolean; weightDecay?: number; decoupledWeightDecay?: boolean },
  { parameter, gradient, state }: Slot<unknown>,
): Tensor {
  return descent(group, { parameter, gradient, state });
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

/** How much is left of parameters whose decay is their own: 1 - lr weightDecay. @internal */
export function decayed(group: { lr: Value; weightDecay: number }): Value {
  const left = (): Value => minus(1, times(group.lr, group.weightDecay));
  return recording() === undefined ? left() : scheduledFor(group, 'decayed', () => numberOf(left()));
}
