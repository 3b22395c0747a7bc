// Module: the tree that networks are composed of.
import { types } from 'node:util';
import { inspect } from 'node:util';
import { handleOf } from '../core/handles.js';
import { expectOptions } from '../core/options.js';
import { expectArgument } from '../core/checks.js';
import { describe } from '../core/describe.js';
import { native } from '../native/binding.js';
import { checkDevice } from '../tensor/devices.js';
import { isFloatingPoint, type Device, type DType, type MemoryFormat } from '../core/dtype.js';
import { named, TorchError, ArgumentTypeError } from '../core/errors.js';
import { noGrad } from '../autograd/gradMode.js';
import { isParameter, isTensor, type Parameter, type Tensor } from '../tensor/tensor.js';
import { copyProperties, copyTensor, expectCopies, type Copies } from './deepcopy.js';
import { ModuleHooks, RemovableHandle, type Gradients, type HookKind } from './hooks.js';

/** Tensors by their names in a module tree, as "0.weight". */
export type StateDict = Record<string, Tensor>;

/** Keys that a state dict lacks, and those that the module does not know. */
export interface IncompatibleKeys {
  missing: string[];
  unexpected: string[];
}

// Classes of another realm fail instanceof; the brand does not.
const brand = Symbol.for('torch-node.nn.Module');

/** What a module keeps that is not a property of its own. */
class Internals {
  readonly buffers = new Map<string, Tensor>();
  /** Names of buffers that are no part of the state dict. */
  readonly transient = new Set<string>();
  hooks: ModuleHooks | undefined;
  readonly stateHooks = {
    statePre: new Set<StatePreHook>(),
    statePost: new Set<StateHook>(),
    loadPre: new Set<StateHook>(),
    loadPost: new Set<LoadPostHook>(),
  };
}
const internals = Symbol('torch-node.nn.internals');

type StatePreHook = (module: AnyModule, prefix: string) => void;
type StateHook = (module: AnyModule, state: StateDict, prefix: string) => void;
type LoadPostHook = (module: AnyModule, keys: IncompatibleKeys) => void;

/**
 * Base of all modules. A subclass assigns its parts to properties and computes in `forward`:
 *
 *     class Block extends nn.Module {
 *       conv = new nn.Conv2d(3, 6, 5);
 *       forward(x: Tensor) { return this.conv.forward(x).relu(); }
 *     }
 *
 * Properties that hold a Module, a Parameter or (under registerBuffer) a buffer belong to the tree under their names,
 * in the order in which they were assigned. Lists of modules go into a ModuleList or a Sequential.
 */
export abstract class Module<Inputs extends unknown[] = [Tensor], Output = Tensor> {
  /** @internal */
  readonly [internals] = new Internals();
  /** Whether the module is in training mode: see train() and eval(). */
  training = true;

  /** Computes. Hooks are called with every call of this method, from wherever. */
  abstract forward(...inputs: Inputs): Output;

  /** @internal */
  get [brand](): true {
    return true;
  }

  // ---- the tree ----

  /** This module's own parts, by name. */
  namedChildren(): [name: string, module: AnyModule][] {
    return Object.entries(this).filter((entry): entry is [string, AnyModule] => isModule(entry[1]));
  }
  children(): AnyModule[] {
    return this.namedChildren().map(([, module]) => module);
  }
  /** This module and all below it, with their paths; a module that stands in two places comes once. */
  namedModules(prefix = '', seen = new Set<AnyModule>()): [path: string, module: AnyModule][] {
    expectArgument('Module.namedModules', 'prefix', prefix, typeof prefix === 'string', 'a string');
    expectArgument('Module.namedModules', 'seen', seen, types.isSet(seen), 'a Set of modules to leave out');
    if (seen.has(this)) return [];
    seen.add(this);
    return [
      [prefix, this],
      ...this.namedChildren().flatMap(([name, child]) => child.namedModules(joined(prefix, name), seen)),
    ];
  }
  modules(): AnyModule[] {
    return this.namedModules().map(([, module]) => module);
  }
  /** This module's own parameters, without those of its parts. @internal */
  ownParameters(): [name: string, parameter: Parameter][] {
    return Object.entries(this).filter((entry): entry is [string, Parameter] => isParameter(entry[1]));
  }
  /** This module's own buffers; `persistent` without those that are no part of the state dict. @internal */
  ownBuffers(persistent = false): [name: string, buffer: Tensor][] {
    const { buffers, transient } = this[internals];
    return [...buffers].filter(([name]) => !persistent || !transient.has(name));
  }
  /**
   * All parameters below this module by their paths, as "0.weight"; one that is shared comes once, unless
   * `removeDuplicate` is false. With `recurse: false` only this module's own.
   */
  namedParameters(
    options: { prefix?: string; recurse?: boolean; removeDuplicate?: boolean } = {},
  ): [path: string, parameter: Parameter][] {
    return gather(this, options, (module) => module.ownParameters());
  }
  parameters(options: { recurse?: boolean } = {}): Parameter[] {
    return this.namedParameters(options).map(([, parameter]) => parameter);
  }
  /** All buffers below this module by their paths, as namedParameters() gives parameters. */
  namedBuffers(
    options: { prefix?: string; recurse?: boolean; removeDuplicate?: boolean } = {},
  ): [path: string, buffer: Tensor][] {
    return gather(this, options, (module) => module.ownBuffers());
  }
  buffers(options: { recurse?: boolean } = {}): Tensor[] {
    return this.namedBuffers(options).map(([, buffer]) => buffer);
  }
  /** Makes a parameter part of the tree under a name that need not be written as a property: PyTorch's keys have any. */
  registerParameter(name: string, parameter: Parameter | null): void {
    checkName(this, 'registerParameter', name);
    if (parameter !== null && !isParameter(parameter)) {
      throw new ArgumentTypeError(
        'Module.registerParameter',
        `'${name}': expected a Parameter or null, got ${describe(parameter)}`,
      );
    }
    (this as Record<string, unknown>)[name] = parameter;
  }
  /** Makes a module part of the tree under a name. */
  registerModule(name: string, module: AnyModule | null): void {
    checkName(this, 'registerModule', name);
    if (module !== null && !isModule(module)) {
      throw new ArgumentTypeError(
        'Module.registerModule',
        `'${name}': expected a Module or null, got ${describe(module)}`,
      );
    }
    (this as Record<string, unknown>)[name] = module;
  }
  addModule(name: string, module: AnyModule | null): void {
    this.registerModule(name, module);
  }
  /**
   * Registers a tensor that belongs to the module's state but is not trained; null takes it away. With
   * `persistent: false` it moves with the module and is no part of the state dict.
   */
  registerBuffer(name: string, tensor: Tensor | null, options: { persistent?: boolean } = {}): void {
    const { persistent = true } = expectOptions('Module.registerBuffer', options);
    if (typeof name !== 'string' || name === '' || name.includes('.'))
      throw wrongName('registerBuffer', name);
    if (tensor !== null && !isTensor(tensor)) {
      throw new ArgumentTypeError(
        'Module.registerBuffer',
        `'${name}': expected a Tensor or null, got ${describe(tensor)}`,
      );
    }
    const { buffers, transient } = this[internals];
    if (tensor === null) buffers.delete(name);
    else buffers.set(name, tensor.keep());
    if (persistent) transient.delete(name);
    else transient.add(name);
  }
  /** The module at a path such as "layers.0"; this one at "". */
  getSubmodule(path: string): AnyModule {
    expectModulePath('getSubmodule', path);
    return (path === '' ? [] : path.split('.')).reduce<AnyModule>((module, part) => {
      const next = module.namedChildren().find(([name]) => name === part)?.[1];
      if (next === undefined)
        throw new TorchError('Module.getSubmodule', `${module.constructor.name} has no module '${part}'`);
      return next;
    }, this);
  }
  /** The parameter at a path such as "layers.0.weight". */
  getParameter(path: string): Parameter {
    return find(this, 'getParameter', 'parameter', path, (module) => module.ownParameters());
  }
  /** The buffer at a path such as "layers.1.running_mean". */
  getBuffer(path: string): Tensor {
    return find(this, 'getBuffer', 'buffer', path, (module) => module.ownBuffers());
  }
  /** Calls a function with each part of the tree, the innermost first and this module last: to initialise, for example. */
  apply(fn: (module: AnyModule) => unknown): this {
    expectArgument('Module.apply', 'fn', fn, typeof fn === 'function', 'a function');
    for (const child of this.children()) child.apply(fn);
    fn(this);
    return this;
  }

  /**
   * A copy of the module with all below it, as Python's copy.deepcopy makes one: parameters and buffers of its own, hooks
   * the same functions. What is shared within the tree is shared within the copy.
   *
   * Properties are copied; a class with private fields (`#x`) has to override this method, since they cannot be.
   */
  deepcopy(copies: Copies = new Map()): this {
    expectCopies(copies);
    const before = copies.get(this);
    if (before !== undefined) return before as this;
    const copy = Object.create(Object.getPrototypeOf(this) as object) as this;
    copies.set(this, copy);
    const from = this[internals];
    const to = new Internals();
    Object.defineProperty(copy, internals, { value: to });
    copyProperties(this, copy, copies, from.hooks === undefined ? [] : ['forward']);
    for (const [name, buffer] of from.buffers)
      copy.registerBuffer(name, copyTensor(buffer, copies), { persistent: !from.transient.has(name) });
    if (from.hooks !== undefined) from.hooks.copyTo(copy, (to.hooks = new ModuleHooks()));
    for (const kind of ['statePre', 'statePost', 'loadPre', 'loadPost'] as const)
      for (const hook of from.stateHooks[kind]) to.stateHooks[kind].add(hook as never);
    return copy;
  }

  // ---- modes and places ----

  /** Puts the module and all below it into training mode, or into evaluation mode with `train(false)`. */
  train(on = true): this {
    for (const module of this.modules()) {
      module.training = on;
      module.modeChanged();
    }
    return this;
  }
  eval(): this {
    return this.train(false);
  }
  /** Told when `training` changed. @internal */
  modeChanged(): void {
    // Most modules compute the same in both modes.
  }

  /** Moves parameters and buffers in place: to a device, or floating point ones to a dtype. Optimizers go on with them. */
  to(target: Device | DType | { device?: Device; dtype?: DType; memoryFormat?: MemoryFormat }): this {
    const isTarget =
      typeof target === 'string' || (typeof target === 'object' && (target as unknown) !== null);
    expectArgument('Module.to', 'target', target, isTarget, 'a device, a dtype or an object of them');
    const wanted =
      typeof target === 'object'
        ? target
        : /^(cpu|cuda|meta)/.test(target)
          ? { device: target }
          : { dtype: target as DType };
    if (wanted.device !== undefined) checkDevice(wanted.device);
    noGrad(() => {
      for (const [path, tensor] of [...this.namedParameters(), ...this.namedBuffers()]) {
        const dtype =
          wanted.dtype !== undefined && isFloatingPoint(tensor.dtype) ? { dtype: wanted.dtype } : {};
        const place = { ...dtype, ...(wanted.device === undefined ? {} : { device: wanted.device }) };
        const { grad } = tensor;
        const moved = tensor.to(place);
        const { memoryFormat } = wanted;
        const laidOut =
          memoryFormat !== undefined && tensor.dim() === (memoryFormat === 'channels_last_3d' ? 5 : 4);
        const data = laidOut ? moved.contiguous({ memoryFormat }) : moved;
        if (data === tensor) continue;
        if (data !== moved && moved !== tensor) moved.dispose();
        named(`Module.to(${path})`, () => native.setData(tensor[handleOf], data[handleOf]));
        data.dispose();
        if (grad !== null) tensor.grad = grad.to(place);
      }
    });
    return this;
  }
  /** Casts floating point parameters and buffers to float32, in place; the others likewise. */
  float(): this {
    return this.to('float32');
  }
  double(): this {
    return this.to('float64');
  }
  half(): this {
    return this.to('float16');
  }
  bfloat16(): this {
    return this.to('bfloat16');
  }
  cpu(): this {
    return this.to('cpu');
  }
  cuda(index = 0): this {
    expectArgument('Module.cuda', 'index', index, Number.isInteger(index), 'the number of a device');
    return this.to(`cuda:${index}`);
  }
  requiresGrad_(on = true): this {
    for (const parameter of this.parameters()) parameter.requiresGrad = on;
    return this;
  }
  /** Forgets the parameters' gradients; with `setToNone: false` fills them with zeros. */
  zeroGrad(options: { setToNone?: boolean } = {}): void {
    const { setToNone = true } = expectOptions('Module.zeroGrad', options);
    for (const parameter of this.parameters())
      if (setToNone) parameter.grad = null;
      else noGrad(() => parameter.grad?.detach().zero_());
  }

  // ---- hooks ----

  /**
   * Calls a function before each forward, with this module and the inputs. An array that it returns takes the inputs'
   * place, any other value that of the only input. `prepend` puts it before the hooks that are there.
   */
  registerForwardPreHook<M extends AnyModule>(
    this: M,
    hook: (module: M, inputs: InputsOf<M>) => unknown,
    options: { prepend?: boolean } = {},
  ): RemovableHandle {
    return register(this, 'forwardPre', 'Module.registerForwardPreHook', hook, options);
  }
  /**
   * Calls a function after each forward, with this module, the inputs and the output. What it returns, unless nothing,
   * takes the output's place. With `alwaysCall` also when forward throws; there is no output then.
   */
  registerForwardHook<M extends AnyModule>(
    this: M,
    hook: (module: M, inputs: InputsOf<M>, output: ReturnType<M['forward']>) => unknown,
    options: { prepend?: boolean; alwaysCall?: boolean } = {},
  ): RemovableHandle {
    return register(this, 'forward', 'Module.registerForwardHook', hook, options);
  }
  /**
   * Calls a function when the gradients of the outputs have been computed, with this module and these gradients; an array
   * (or a tensor, where there is one output) that it returns takes their place.
   *
   * Gradients are released when the pass ends: `keep()` what is to stay.
   */
  registerFullBackwardPreHook<M extends AnyModule>(
    this: M,
    hook: (module: M, gradOutput: Gradients) => Tensor | Gradients | null | undefined | void, // eslint-disable-line @typescript-eslint/no-invalid-void-type -- a hook may return nothing
    options: { prepend?: boolean } = {},
  ): RemovableHandle {
    return register(this, 'backwardPre', 'Module.registerFullBackwardPreHook', hook, options);
  }
  /**
   * Calls a function when the gradients of the inputs have been computed, with this module, these gradients (null for what
   * is no tensor or needs none) and those of the outputs. An array (or a tensor, where there is one input) that it returns
   * takes the inputs' gradients' place. Where no input requires a gradient it is called as soon as those of the outputs
   * are there.
   *
   * The tensors among the inputs and outputs, also those in an array of outputs, take part; none may be changed in place
   * within forward. Gradients are released when the pass ends: `keep()` what is to stay. As custom autograd functions these
   * hooks work on the CPU only.
   */
  registerFullBackwardHook<M extends AnyModule>(
    this: M,
    hook: (
      module: M,
      gradInput: Gradients,
      gradOutput: Gradients,
    ) => Tensor | Gradients | null | undefined | void, // eslint-disable-line @typescript-eslint/no-invalid-void-type -- a hook may return nothing
    options: { prepend?: boolean } = {},
  ): RemovableHandle {
    return register(this, 'backward', 'Module.registerFullBackwardHook', hook, options);
  }
  /** Calls a function before this module gives its part of a state dict. `prefix` is its path with a dot behind. */
  registerStateDictPreHook<M extends AnyModule>(
    this: M,
    hook: (module: M, prefix: string) => void,
  ): RemovableHandle {
    return registerState(this, 'statePre', 'registerStateDictPreHook', hook);
  }
  /** Calls a function after this module and all below it have given their part of a state dict, which it may change. */
  registerStateDictPostHook<M extends AnyModule>(
    this: M,
    hook: (module: M, state: StateDict, prefix: string) => void,
  ): RemovableHandle {
    return registerState(this, 'statePost', 'registerStateDictPostHook', hook);
  }
  /** Calls a function before loadStateDict() looks at this module's part of a state dict: a copy, which it may change. */
  registerLoadStateDictPreHook<M extends AnyModule>(
    this: M,
    hook: (module: M, state: StateDict, prefix: string) => void,
  ): RemovableHandle {
    return registerState(this, 'loadPre', 'registerLoadStateDictPreHook', hook);
  }
  /** Calls a function after loadStateDict() has seen this module, with the keys of the whole tree; it may change the lists. */
  registerLoadStateDictPostHook<M extends AnyModule>(
    this: M,
    hook: (module: M, keys: IncompatibleKeys) => void,
  ): RemovableHandle {
    return registerState(this, 'loadPost', 'registerLoadStateDictPostHook', hook);
  }
  // ---- state ----

  /** Parameters and buffers by their paths, under PyTorch's keys. The tensors share memory with the module's. */
  stateDict(options: { prefix?: string } = {}): StateDict {
    const state: StateDict = {};
    collect(this, state, expectOptions('Module.stateDict', options).prefix ?? '');
    return state;
  }
  /**
   * Copies values into the parameters and buffers. Throws a TorchError that lists every missing and unexpected key and
   * every shape that does not fit, and changes nothing then; with `strict: false` keys may differ, shapes may not.
   */
  loadStateDict(state: Readonly<StateDict>, options: { strict?: boolean } = {}): IncompatibleKeys {
    const { strict = true } = expectOptions('Module.loadStateDict', options);
    const given = { ...state };
    // A module that stands in two places has its keys in both.
    const places: [prefix: string, module: AnyModule][] = [];
    const visit = (module: AnyModule, prefix: string): void => {
      places.push([prefix, module]);
      for (const hook of module[internals].stateHooks.loadPre) hook(module, given, prefix);
      for (const [name, child] of module.namedChildren()) visit(child, `${prefix}${name}.`);
    };
    visit(this, '');
    const own = new Map(
      places.flatMap(([prefix, module]) =>
        ownState(module).map(([name, tensor]): [string, Tensor] => [prefix + name, tensor]),
      ),
    );
    const keys: IncompatibleKeys = {
      missing: [...own.keys()].filter((key) => !(key in given)),
      unexpected: Object.keys(given).filter((key) => !own.has(key)),
    };
    for (const [, module] of places.toReversed())
      for (const hook of module[internals].stateHooks.loadPost) hook(module, keys);
    const wrong: string[] = [];
    for (const [key, value] of Object.entries(given)) {
      const target = own.get(key);
      if (target === undefined) continue;
      if (!isTensor(value)) wrong.push(`${key}: expected a Tensor, got ${describe(value)}`);
      else if (String(value.shape) !== String(target.shape)) {
        wrong.push(
          `${key}: the shape [${value.shape.join(', ')}] in the state dict does not fit the module's [${target.shape.join(', ')}]`,
        );
      }
    }
    const problems = [
      ...(strict && keys.missing.length > 0 ? [`missing keys: ${keys.missing.join(', ')}`] : []),
      ...(strict && keys.unexpected.length > 0 ? [`unexpected keys: ${keys.unexpected.join(', ')}`] : []),
      ...wrong,
    ];
    if (problems.length > 0) {
      throw new TorchError(
        'Module.loadStateDict',
        `the state dict does not fit ${this.constructor.name}:\n  ${problems.join('\n  ')}`,
      );
    }
    noGrad(() => {
      for (const [key, target] of own) if (key in given) target.copy_(given[key]!);
    });
    return keys;
  }

  // ---- text ----

  /** What stands between the brackets in the printed summary. */
  extraRepr(): string {
    return '';
  }
  /** The tree as PyTorch prints it. */
  toString(): string {
    const name = this.constructor.name;
    const extra = this.extraRepr();
    const children = this.namedChildren().map(([key, child]) => `(${key}): ${indented(String(child))}`);
    if (children.length === 0 && !extra.includes('\n')) return `${name}(${extra})`;
    const lines = [...(extra === '' ? [] : extra.split('\n')), ...children];
    return `${name}(\n  ${lines.join('\n  ')}\n)`;
  }
  [inspect.custom](): string {
    return this.toString();
  }
}

/** A module of whatever inputs and outputs. */
export type AnyModule = Module<never[], unknown>;

/** What a module's forward takes. */
export type InputsOf<M extends AnyModule> = M extends { forward(...inputs: infer Inputs): unknown }
  ? Inputs
  : never;

/** Whether a value is a Module; works across realms. */
export function isModule(value: unknown): value is AnyModule {
  return typeof value === 'object' && value !== null && brand in value;
}

/** Lines of a part's text, as they stand within its owner's. @internal */
export function indented(text: string): string {
  return text.replaceAll('\n', '\n  ');
}

// Functions, not private methods: a deep copy has no private parts.

function gather<T extends Tensor>(
  root: AnyModule,
  options: { prefix?: string; recurse?: boolean; removeDuplicate?: boolean },
  own: (module: AnyModule) => [string, T][],
): [path: string, tensor: T][] {
  const { prefix = '', recurse = true, removeDuplicate = true } = expectOptions('Module', options);
  const seen = new Set<T>();
  const modules: [string, AnyModule][] = recurse ? root.namedModules(prefix) : [[prefix, root]];
  return modules.flatMap(([path, module]) =>
    own(module)
      .filter(([, tensor]) => !removeDuplicate || (!seen.has(tensor) && !!seen.add(tensor)))
      .map(([name, tensor]): [string, T] => [joined(path, name), tensor]),
  );
}

function find<T extends Tensor>(
  root: AnyModule,
  where: string,
  kind: string,
  path: string,
  own: (module: AnyModule) => [string, T][],
): T {
  expectModulePath(where, path);
  const dot = path.lastIndexOf('.');
  const module = root.getSubmodule(path.slice(0, Math.max(dot, 0)));
  const name = path.slice(dot + 1);
  const found = own(module).find(([other]) => other === name)?.[1];
  if (found === undefined)
    throw new TorchError(`Module.${where}`, `${module.constructor.name} has no ${kind} '${name}'`);
  return found;
}

function expectModulePath(where: string, path: string): void {
  expectArgument(`Module.${where}`, 'path', path, typeof path === 'string', 'a path as "layers.0"');
}

// What is to become a part may take the place of a part, not of anything else.
function checkName(module: AnyModule, where: string, name: string): void {
  if (typeof name !== 'string' || name === '' || name.includes('.')) throw wrongName(where, name);
  const before = (module as unknown as Record<string, unknown>)[name] ?? null;
  if (before !== null && !isModule(before) && !isParameter(before))
    throw new TorchError(`Module.${where}`, `the module has a property '${name}' already`);
}

function register(
  module: AnyModule,
  list: HookKind,
  where: string,
  hook: unknown,
  options: { prepend?: boolean; alwaysCall?: boolean },
): RemovableHandle {
  const own = module[internals];
  own.hooks ??= new ModuleHooks();
  return own.hooks.register(module, list, where, hook, expectOptions(where, options));
}

function registerState(
  module: AnyModule,
  kind: keyof Internals['stateHooks'],
  where: string,
  hook: unknown,
): RemovableHandle {
  if (typeof hook !== 'function')
    throw new ArgumentTypeError(`Module.${where}`, `expected a function, got ${describe(hook)}`);
  // A function of its own, so that one hook may be registered twice.
  const called = (...args: unknown[]): void => {
    (hook as (...args: unknown[]) => void)(...args);
  };
  const hooks = module[internals].stateHooks[kind] as Set<unknown>;
  hooks.add(called);
  return new RemovableHandle(() => hooks.delete(called));
}

function ownState(module: AnyModule): [name: string, tensor: Tensor][] {
  return [...module.ownParameters(), ...module.ownBuffers(true)];
}

function collect(module: AnyModule, state: StateDict, prefix: string): void {
  const { stateHooks } = module[internals];
  for (const hook of stateHooks.statePre) hook(module, prefix);
  for (const [name, tensor] of ownState(module)) state[prefix + name] = tensor.detach();
  for (const [name, child] of module.namedChildren()) collect(child, state, `${prefix}${name}.`);
  for (const hook of stateHooks.statePost) hook(module, state, prefix);
}

function joined(prefix: string, name: string): string {
  return prefix === '' ? name : `${prefix}.${name}`;
}

function wrongName(where: string, name: unknown): TorchError {
  return new ArgumentTypeError(
    `Module.${where}`,
    `expected a name that is not empty and has no dot in it, got ${describe(name)}`,
  );
}
