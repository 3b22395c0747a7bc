// Optimizer: the base of all optimizers, with parameter groups, state, hooks and state dicts as torch.optim.Optimizer has
// them: https://docs.pytorch.org/docs/stable/optim.html#torch.optim.Optimizer
import { types } from 'node:util';
import { handleOf } from '../core/handles.js';
import { native } from '../native/binding.js';
import { map } from '../core/tree.js';
import { camelCase, nearest, snakeCase } from '../core/names.js';
import { isIterable, expectObject } from '../core/checks.js';
import { expectNoMore, options, unknownOption } from '../core/options.js';
import { describe } from '../core/describe.js';
import { isModule } from '../nn/tree.js';
import { recording } from '../program/recording.js';
import { noGrad } from '../autograd/gradMode.js';
import { TorchError, ArgumentTypeError } from '../core/errors.js';
import { operator } from '../operators/operators.js';
import { expectTensor, isTensor, Tensor } from '../tensor/tensor.js';
import { refuseDifferentiable, settled } from './settings.js';
import type { Mistake } from '../types/pairs.js';
import type { Value } from './values.js';

/** Options that all optimizers have. */
export interface OptimizerOptions {
  /** Learning rate: a number, or a tensor of one element. */
  lr?: Value;
}

/** Options of most optimizers, beside their own. */
export interface CommonOptions extends OptimizerOptions {
  /** Climb instead of descend. Default false. */
  maximize?: boolean;
  /**
   * How the update is carried out: with _foreach_ operators over lists of tensors, or in a loop over the parameters. null
   * (the default) chooses as PyTorch does: foreach where all parameters are on CUDA. */
  foreach?: boolean | null;
  /** For CUDA graphs, whose steps may read nothing on the host. Not on the CPU, as in PyTorch; here not on CUDA either yet. */
  capturable?: boolean;
}

/** What schedules leave in a group beside its settings. */
export interface ScheduleSettings {
  initialLr?: Value;
  minLr?: number;
  maxLr?: number;
  swaLr?: number;
  baseMomentum?: number;
  maxMomentum?: number;
}

/** A group as the optimizer holds it. Settings may be changed between steps; schedules do. */
export type ParamGroup<O> = Required<O> & ScheduleSettings & { params: Tensor[]; paramNames?: string[] };

/** A parameter, alone or with its name as `module.namedParameters()` gives it. */
export type Trained = Tensor | readonly [name: string, parameter: Tensor];

/** Parameters with settings of their own; what is left out comes from the optimizer's options. */
export type GroupOf<O> = O & { params: Iterable<Trained> | Tensor };

/** What an optimizer's first argument is. */
export type Params<O> = NoModule & (Iterable<Trained> | Iterable<GroupOf<O>>);

interface NoModule {
  /** What modules have, and neither arrays nor generators; a ParameterList has one that never returns. */
  forward?: (() => never) | Mistake<'give net.parameters(), not the network'>;
}

/** What an optimizer keeps for a parameter between steps, under PyTorch's keys such as "exp_avg". */
export type ParameterState = Record<string, StateValue>;
export type StateValue = Tensor | number | null | readonly StateValue[];

/** The names of a parameter's state tensors: like the parameter, a float32 of no dimensions, or of a shape of their own. */
export type StateLayout = Record<string, 'like' | 'scalar' | readonly number[]>;

/**
 * What `stateDict()` gives: PyTorch's own structure. State by the parameters' numbers, counted through all groups, and each
 * group's settings under PyTorch's names (`weight_decay`) with the numbers of its parameters.
 */
export interface OptimizerState<S extends ParameterState = ParameterState> {
  /** By the parameter's number. */
  state: Record<number, S>;
  param_groups: ({ params: number[] } & Record<string, unknown>)[];
}

/** What `loadStateDict()` takes: a Map as well, as torch.load gives for a dictionary under numbers. */
export interface SavedOptimizerState {
  state: OptimizerState['state'] | ReadonlyMap<number, ParameterState>;
  param_groups: OptimizerState['param_groups'];
}

/** A hook on an optimizer's steps, to be taken off again. */
export interface StepHook {
  remove(): void;
}
type Hook = (optimizer: AnyOptimizer, closure: (() => unknown) | undefined) => void;

// Classes of another realm fail instanceof; the brand does not.
const brand = Symbol.for('torch-node.optim.Optimizer');

/** An optimizer as schedules and scalers see it. */
export interface AnyOptimizer {
  readonly defaults: Readonly<object>;
  readonly paramGroups: (ScheduleSettings & {
    lr: Value;
    params: Tensor[];
    momentum?: number;
    betas?: [number, number];
  })[];
  /** How many steps were taken. */
  readonly stepsTaken: number;
  step(closure?: () => unknown): unknown;
}

/** Whether a value is an optimizer; works across realms. */
export function isOptimizer(value: unknown): value is AnyOptimizer {
  return typeof value === 'object' && value !== null && brand in value;
}

/**
 * The base of optimizers. A subclass checks its settings (`check`), says which state a parameter has (`layout`) and takes a
 * step (`run`).
 */
export abstract class Optimizer<
  O extends OptimizerOptions = OptimizerOptions,
  S extends ParameterState = ParameterState,
> {
  readonly paramGroups: ParamGroup<O>[] = [];
  /** The settings of groups that do not set them otherwise. */
  readonly defaults: Required<O>;
  #state = new Map<Tensor, S>();
  #stepsTaken = 0;
  readonly #before = new Set<Hook>();
  readonly #after = new Set<Hook>();

  /**
   * `params`: parameters, named parameters, or groups with settings of their own.
   *
   * @throws TorchError for settings out of range, an empty list, what is no tensor or no leaf, and a parameter given twice.
   */
  constructor(params: Params<O>, given: O, defaults: Required<O>) {
    const where = this.constructor.name;
    refuseDifferentiable(where, given);
    // `O` is the subclass's: the defaults, which are complete, say which options it has.
    this.defaults = settled(
      defaults,
      options<object, never[]>(where, given, Object.keys(defaults) as never[]),
    );
    this.check(this.defaults);
    if (isTensor(params) || !isIterable(params)) throw noParameters(where, params);
    const list = [...params] as (Trained | GroupOf<O>)[];
    if (list.length === 0) throw this.#wrong('got an empty list of parameters');
    if (isModule(list[0])) throw noParameters(where, isModule(params) ? params : list[0]);
    if (isGroup(list[0])) for (const group of list) this.addParamGroup(group as GroupOf<O>);
    else this.addParamGroup({ params: list as Trained[] } as unknown as GroupOf<O>);
  }

  /** @internal */
  get [brand](): true {
    return true;
  }

  /** Each parameter's state. */
  get state(): ReadonlyMap<Tensor, S> {
    return this.#state;
  }

  /** How many steps were taken. */
  get stepsTaken(): number {
    return this.#stepsTaken;
  }

  /** Adds a group of parameters, which none of the others may have. */
  addParamGroup(group: GroupOf<O>): void {
    expectNoMore('Optimizer.addParamGroup', arguments, 1);
    const where = this.constructor.name;
    if (!isGroup(group))
      throw new ArgumentTypeError(where, `expected a group, { params: [...] }, got ${describe(group)}`);
    const { params, ...settings } = group;
    this.#checkNames(settings);
    if (!isTensor(params) && !isIterable(params)) throw noParameters(where, params);
    const given: Trained[] = isTensor(params) ? [params] : [...params];
    if (given.some(isModule)) throw noParameters(where, isModule(params) ? params : given.find(isModule));
    const names = given.flatMap((one) => (Array.isArray(one) ? [String(one[0])] : []));
    const tensors = given.map((one): unknown => (Array.isArray(one) ? (one as unknown[])[1] : one));
    if (names.length > 0 && names.length < given.length)
      throw this.#wrong('some parameters have names and some have none: give all of them names, or none');
    if (this.paramGroups.some(({ paramNames }) => (paramNames !== undefined) !== names.length > 0))
      throw this.#wrong(
        `all groups of parameters have to be with names, or all without: a group ${names.length > 0 ? 'with' : 'without'} names cannot be added`,
      );
    const full = {
      ...settled(this.defaults, settings),
      params: tensors as Tensor[],
      ...(names.length > 0 ? { paramNames: names } : {}),
    } as ParamGroup<O>;
    this.check(full);
    const known = new Set(this.paramGroups.flatMap((other) => other.params));
    for (const [i, value] of tensors.entries()) {
      const parameter = expectTensor(this.constructor.name, `parameter ${i}`, value);
      if (!parameter.isLeaf && !parameter.retainsGrad)
        throw this.#wrong(`parameter ${i} is not a leaf: only leaves of the graph can be optimized`);
      if (known.has(parameter)) throw this.#wrong(`parameter ${i} is there twice`);
      known.add(parameter);
    }
    this.paramGroups.push(full);
  }

  /**
   * Updates every parameter that has a gradient. A closure, if given, computes the loss again first, with gradients on; what
   * it returns is returned.
   */
  step(): void;
  step<T>(closure: () => T): T;
  step<T>(closure?: () => T): T | void {
    expectNoMore('Optimizer.step', arguments, 1);
    for (const hook of this.#before) hook(this as unknown as AnyOptimizer, closure);
    this.#watchSettings();
    const result = this.run(closure);
    if (recording() === undefined) this.#stepsTaken++;
    for (const hook of this.#after) hook(this as unknown as AnyOptimizer, closure);
    return result;
  }

  /** Forgets the gradients; with `setToNone: false` fills them with zeros instead. */
  zeroGrad(given?: { setToNone?: boolean }): void {
    expectNoMore('Optimizer.zeroGrad', arguments, 1);
    const { setToNone = true } =
      given === undefined ? {} : options(`${this.constructor.name}.zeroGrad`, given, ['setToNone']);
    const handles: number[] = [];
    for (const { params } of this.paramGroups)
      for (const parameter of params) handles.push(parameter[handleOf]);
    native.zeroGrad(handles, setToNone);
  }

  /** Calls a function before every step, with the optimizer and the step's closure. */
  registerStepPreHook(hook: Hook): StepHook {
    expectNoMore('Optimizer.registerStepPreHook', arguments, 1);
    return added(this.#before, hook);
  }
  /** Calls a function after every step, with the optimizer and the step's closure. */
  registerStepPostHook(hook: Hook): StepHook {
    expectNoMore('Optimizer.registerStepPostHook', arguments, 1);
    return added(this.#after, hook);
  }

  // ---- steps that are recorded ----

  /** The settings that a recorded step reads anew; the others have to stay as they were. @internal */
  protected readAnew(): readonly string[] {
    return ['lr'];
  }

  // Counts the steps of a program, and has it stop where settings were changed that it goes by.
  #watchSettings(): void {
    const into = recording();
    if (into === undefined) return;
    const groups = this.paramGroups.map((group) => ({ group, params: [...group.params] }));
    const anew = this.readAnew();
    const settings = groups.map(({ group }) => settingsOf(group, anew));
    const expect = (same: boolean, what: string): void => {
      if (!same)
        throw this.#wrong(`${what} since the step was recorded, which goes by it: compile the step again`);
    };
    into.watch({
      begin: () => {
        expect(this.paramGroups.length === groups.length, 'groups of parameters were added');
        for (const { group, params } of groups)
          expect(
            group.params.length === params.length && params.every((one, i) => one === group.params[i]),
            'the parameters of a group were replaced',
          );
      },
      settings: () => {
        for (const [g, { group }] of groups.entries())
          for (const [name, before] of settings[g]!) {
            const now = fixed(name, group[name as keyof typeof group], anew);
            expect(now === before, `${name} was changed from ${before} to ${now}`);
          }
      },
      end: (steps) => (this.#stepsTaken += steps),
    });
  }

  // ---- state dicts ----

  /**
   * The state and the groups' settings, as PyTorch's `state_dict()` has them. Tensors share memory with the optimizer's own.
   */
  stateDict(): OptimizerState<S> {
    expectNoMore('Optimizer.stateDict', arguments, 0);
    const numbers = new Map<Tensor, number>();
    const groups = this.paramGroups.map(({ params, ...settings }) => ({
      ...Object.fromEntries(
        Object.entries(settings).map(([name, value]) => [snakeCase(name), copied(value as StateValue)]),
      ),
      params: params.map((parameter) => {
        numbers.set(parameter, numbers.size);
        return numbers.size - 1;
      }),
    }));
    const state: Record<number, S> = {};
    for (const [parameter, entry] of this.state) {
      const number = numbers.get(parameter);
      if (number !== undefined)
        state[number] = Object.fromEntries(
          Object.entries(entry).map(([name, value]) => [name, copied(value)]),
        ) as S;
    }
    return { state, param_groups: groups };
  }

  /**
   * Takes over a state, copying its tensors: one that `stateDict()` gave here or, translated as it stands, in Python. Names of
   * settings may also be those of here, in camelCase.
   *
   * @throws TorchError when groups or their sizes differ, settings are out of range, or state is missing or of another
   * shape; nothing is changed then.
   */
  loadStateDict(saved: SavedOptimizerState): void {
    expectNoMore('Optimizer.loadStateDict', arguments, 1);
    const where = `${this.constructor.name}.loadStateDict`;
    if (!isStateDict(saved))
      throw new ArgumentTypeError(
        where,
        `expected a state dict, { state, param_groups }, got ${describe(saved)}`,
      );
    const sizes = saved.param_groups.map((group) => group.params.length).join(', ');
    const own = this.paramGroups.map((group) => group.params.length).join(', ');
    if (sizes !== own) {
      throw new TorchError(where, `the state has groups of ${sizes} parameters, this optimizer of ${own}`);
    }
    const groups = this.paramGroups.map((group, g) => {
      const { params: _, ...settings } = saved.param_groups[g]!;
      const loaded = Object.fromEntries(
        Object.entries(settings).map(([name, value]) => [camelCase(name), owned(value as StateValue)]),
      );
      return this.loadedGroup({ ...group, ...loaded });
    });
    for (const group of groups) this.check(group);
    const entries = saved.state;
    const entryOf = (number: number): ParameterState | undefined =>
      types.isMap(entries) ? entries.get(number) : entries[number];
    const state = new Map<Tensor, S>();
    noGrad(() => {
      groups.forEach((group, g) =>
        saved.param_groups[g]!.params.forEach((number, i) => {
          const entry = entryOf(number);
          if (entry === undefined) return;
          expectObject(where, `the state of parameter ${number}`, entry, 'an object of its parts');
          if (Object.keys(entry).length === 0) return;
          const parameter = group.params[i]!;
          for (const [name, kind] of Object.entries(this.layout(group, parameter)))
            expectState(where, number, entry, name, kind, parameter);
          state.set(parameter, this.#cast(group, parameter, entry));
        }),
      );
    });
    groups.forEach((group, g) => Object.assign(this.paramGroups[g]!, group));
    this.replaceState(state);
  }

  // As PyTorch casts it: step counts stay where and what they are unless a fused kernel reads them, all other tensors get
  // the parameter's dtype and device.
  #cast(group: ParamGroup<O>, parameter: Tensor, entry: ParameterState): S {
    const { device, dtype } = parameter;
    const layout = this.layout(group, parameter);
    const floating = dtype.startsWith('float') || dtype === 'bfloat16';
    const cast = (value: unknown, name?: string): unknown => {
      // Older states have numbers for some tensors.
      if (!isTensor(value))
        return typeof value === 'number' && layout[name ?? ''] === 'scalar' ? scalar(value) : value;
      const target =
        name !== 'step'
          ? { device, ...(floating ? { dtype } : {}) }
          : 'fused' in group && group.fused === true
            ? { device, dtype: 'float32' as const }
            : { dtype: value.dtype };
      return value.detach().to(target, { copy: true }).keep();
    };
    return Object.fromEntries(
      Object.entries(entry).map(([name, value]) => [name, map(value, (leaf) => cast(leaf, name))]),
    ) as S;
  }

  toString(): string {
    const groups = this.paramGroups.map(({ params: _, ...settings }, g) => {
      const lines = Object.entries(settings)
        .map(([name, value]): [string, unknown] => [snakeCase(name), value])
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, value]) => `    ${name}: ${pythonic(value)}\n`);
      return `\nParameter Group ${g}\n${lines.join('')}`;
    });
    return `${this.constructor.name} (${groups.join('')})`;
  }

  // ---- what subclasses give ----

  /** Throws a TorchError for settings out of range. @internal */
  protected abstract check(settings: Required<O>): void;

  /** What tensors a parameter's state has. @internal */
  protected abstract layout(group: ParamGroup<O>, parameter: Tensor): StateLayout;

  /** Groups of a loaded state, for subclasses that insist on a setting. @internal */
  protected loadedGroup(group: ParamGroup<O>): ParamGroup<O> {
    return group;
  }

  /** @internal */
  protected replaceState(state: Map<Tensor, S>): void {
    this.#state = state;
  }

  /** @internal */
  protected setState(parameter: Tensor, state: S): S {
    this.#state.set(parameter, state);
    return state;
  }

  /** One step: the closure, then all groups. @internal */
  protected abstract run<T>(closure?: () => T): T | undefined;

  // As in PyTorch a group may hold more than settings; what looks like a misspelt setting is none of that.
  #checkNames(group: object): void {
    const known = [...Object.keys(this.defaults), ...Object.keys(SCHEDULES), 'params', 'paramNames'];
    for (const name of Object.keys(group))
      if (!known.includes(name) && nearest(name, known, 0) !== undefined)
        throw unknownOption(this.constructor.name, name, known);
  }

  #wrong(message: string): TorchError {
    return new TorchError(this.constructor.name, message);
  }
}

// What to write instead of what stands where parameters are expected.
function noParameters(where: string, value: unknown): ArgumentTypeError {
  const hint = isModule(value)
    ? ': pass its parameters, as net.parameters()'
    : typeof value === 'function'
      ? value.name.endsWith('arameters')
        ? `: call it, as net.${value.name.replace(/^bound /, '')}()`
        : ': pass the parameters of a module, as net.parameters()'
      : isTensor(value)
        ? ': pass an array, [parameter]'
        : isGroup(value)
          ? ': pass an array of groups, [{ params: net.parameters() }]'
          : '';
  return new ArgumentTypeError(
    where,
    `expected an array of parameters or of groups, got ${describe(value)}${hint}`,
  );
}

function isGroup(value: unknown): value is { params: unknown } {
  return typeof value === 'object' && value !== null && !isTensor(value) && 'params' in value;
}

function added(hooks: Set<Hook>, hook: Hook): StepHook {
  // A function of its own, so that one may be there twice.
  const called: Hook = (...args) => hook(...args);
  hooks.add(called);
  return { remove: () => void hooks.delete(called) };
}

// ---- what a recorded step goes by ----

// Numbers whose being 0 decides what operators a step has.
const DECIDING = ['weightDecay', 'momentum', 'dampening'];

function settingsOf(group: object, anew: readonly string[]): [name: string, value: string][] {
  return Object.entries(group)
    .filter(([name]) => name !== 'params' && name !== 'paramNames' && !(name in SCHEDULES))
    .map(([name, value]) => [name, fixed(name, value, anew)]);
}

// What may not change of a setting.
function fixed(name: string, value: unknown, anew: readonly string[]): string {
  if (!anew.includes(name)) return isTensor(value) ? describe(value) : String(value);
  if (!DECIDING.includes(name)) return 'a number';
  return value === 0 ? '0' : 'a number above 0';
}

const SCHEDULES: Record<keyof ScheduleSettings, true> = {
  initialLr: true,
  minLr: true,
  maxLr: true,
  swaLr: true,
  baseMomentum: true,
  maxMomentum: true,
};

// ---- state ----

/** Zeros of a tensor's shape, dtype, device and memory format, which no scope releases. @internal */
export function zerosLike(tensor: Tensor): Tensor {
  const zeros = operator('aten::zeros_like').call(
    tensor,
    undefined,
    undefined,
    undefined,
    undefined,
    'preserve',
  ) as Tensor;
  return zeros.keep();
}

/** A float32 of no dimensions, which no scope releases. @internal */
export function scalar(value: number, device = 'cpu'): Tensor {
  return (operator('aten::scalar_tensor').call(value, 'float32', undefined, device) as Tensor).keep();
}

/** Zeros of a shape, with a tensor's dtype and device, which no scope releases. @internal */
export function zeros(shape: readonly number[], like: Tensor): Tensor {
  return (operator('aten::new_zeros').call(like, shape) as Tensor).keep();
}

function copied(value: StateValue): StateValue {
  return map(value, (leaf) => (isTensor(leaf) ? leaf.detach() : leaf)) as StateValue;
}

// A copy that no scope releases.
function owned(value: StateValue): StateValue {
  return map(value, (leaf) => (isTensor(leaf) ? leaf.detach().clone().keep() : leaf)) as StateValue;
}

function isStateDict(value: unknown): value is SavedOptimizerState {
  const { state, param_groups: groups } = (value ?? {}) as Partial<SavedOptimizerState>;
  return (
    typeof state === 'object' &&
    (state as object | null) !== null &&
    Array.isArray(groups) &&
    groups.every((group: unknown) => isGroup(group) && Array.isArray(group.params))
  );
}

function expectState(
  where: string,
  number: number,
  entry: ParameterState,
  name: string,
  kind: StateLayout[string],
  parameter: Tensor,
): void {
  const value = entry[name];
  if (value === undefined) throw new TorchError(where, `the state of parameter ${number} has no ${name}`);
  if (value === null || (kind === 'scalar' && typeof value === 'number')) return;
  if (!isTensor(value)) {
    throw new ArgumentTypeError(
      where,
      `${name} of parameter ${number}: expected a Tensor, got ${describe(value)}`,
    );
  }
  const shape = kind === 'like' ? parameter.shape : kind === 'scalar' ? [] : kind;
  if (String(value.shape) !== String(shape)) {
    throw new TorchError(
      where,
      `${name} of parameter ${number}: the shape [${value.shape.join(', ')}] does not fit, expected [${shape.join(', ')}]`,
    );
  }
}

function pythonic(value: unknown): string {
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (Array.isArray(value)) return `(${value.map(pythonic).join(', ')})`;
  return typeof value === 'number' || typeof value === 'string' ? String(value) : describe(value);
}
