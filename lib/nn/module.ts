// Module: the base of what networks are composed of.
import { inspect, types } from 'node:util';
import { noGrad } from '../autograd/gradMode.js';
import { expectArgument, expectBoolean, expectInteger, expectString } from '../core/checks.js';
import { describe } from '../core/describe.js';
import type { Device, DType, MemoryFormat } from '../core/dtype.js';
import { ArgumentTypeError, TorchError } from '../core/errors.js';
import { expectNoMore, options } from '../core/options.js';
import type { Parameter } from '../tensor/parameter.js';
import type { Tensor } from '../tensor/tensor.js';
import { expectCopies, type Copies } from './deepcopy.js';
import { ModuleHooks, RemovableHandle, type Gradients, type HookKind } from './hooks.js';
import { moveModule } from './moving.js';
import { collect, load, type IncompatibleKeys, type StateDict } from './stateDict.js';
import { brand, copyModule, Internals, internals, partsOf, registerPart } from './tree.js';

export type { IncompatibleKeys, StateDict } from './stateDict.js';
export { isModule } from './tree.js';

/**
 * Base of all modules. A subclass assigns its parts to properties and computes in `forward`:
 *
 *     class Block extends nn.Module {
 *       conv = new nn.Conv2d(3, 6, 5);
 *       forward(x: Tensor) { return this.conv.forward(x).relu(); }
 *     }
 *
 * Properties that hold a Module or a Parameter belong to the tree under their names, in the order in which they were
 * assigned; registerBuffer() makes a property for a buffer. As in Python they can be replaced by their like or by null: what is
 * of another kind is a TorchError, at once or, where a class field or a new property has just been assigned, at the next look
 * at the tree. Lists of modules go into a ModuleList or a Sequential.
 */
export abstract class Module<Inputs extends unknown[] = [Tensor], Output = Tensor> {
  /** @internal */
  readonly [internals] = new Internals();
  /** Whether the module is in training mode: see train() and eval(). */
  training = true;

  /** Computes. Hooks are called with every call of this method, from wherever. */
  abstract forward(...inputs: Inputs): Output;

  constructor() {
    // A class without a constructor of its own hands all that it is given to this one.
    if (arguments.length > 0) expectNoMore(new.target.name, arguments, 0);
  }

  /** @internal */
  get [brand](): true {
    return true;
  }

  // ---- the tree ----

  /** This module's own parts, by name. */
  namedChildren(): [name: string, module: AnyModule][] {
    expectNoMore('Module.namedChildren', arguments, 0);
    return partsOf(this, 'module');
  }
  children(): AnyModule[] {
    expectNoMore('Module.children', arguments, 0);
    return this.namedChildren().map(([, module]) => module);
  }
  /** This module and all below it, with their paths; a module that stands in two places comes once. */
  namedModules(prefix = '', seen = new Set<AnyModule>()): [path: string, module: AnyModule][] {
    expectNoMore('Module.namedModules', arguments, 2);
    expectString('Module.namedModules', 'prefix', prefix);
    expectArgument('Module.namedModules', 'seen', seen, types.isSet(seen), 'a Set of modules to leave out');
    if (seen.has(this)) return [];
    seen.add(this);
    return [
      [prefix, this],
      ...this.namedChildren().flatMap(([name, child]) => child.namedModules(joined(prefix, name), seen)),
    ];
  }
  modules(): AnyModule[] {
    expectNoMore('Module.modules', arguments, 0);
    return this.namedModules().map(([, module]) => module);
  }
  /** This module's own parameters, without those of its parts. @internal */
  ownParameters(): [name: string, parameter: Parameter][] {
    return partsOf(this, 'parameter');
  }
  /** This module's own buffers; `persistent` without those that are no part of the state dict. @internal */
  ownBuffers(persistent = false): [name: string, buffer: Tensor][] {
    return partsOf(this, 'buffer', persistent);
  }
  /**
   * All parameters below this module by their paths, as "0.weight"; one that is shared comes once, unless
   * `removeDuplicate` is false. With `recurse: false` only this module's own.
   */
  namedParameters(given?: GatherOptions): [path: string, parameter: Parameter][] {
    expectNoMore('Module.namedParameters', arguments, 1);
    return gather('Module.namedParameters', this, given, (module) => module.ownParameters());
  }
  parameters(given?: { recurse?: boolean }): Parameter[] {
    expectNoMore('Module.parameters', arguments, 1);
    return this.namedParameters(options('Module.parameters', given, ['recurse'])).map(
      ([, parameter]) => parameter,
    );
  }
  /** All buffers below this module by their paths, as namedParameters() gives parameters. */
  namedBuffers(given?: GatherOptions): [path: string, buffer: Tensor][] {
    expectNoMore('Module.namedBuffers', arguments, 1);
    return gather('Module.namedBuffers', this, given, (module) => module.ownBuffers());
  }
  buffers(given?: { recurse?: boolean }): Tensor[] {
    expectNoMore('Module.buffers', arguments, 1);
    return this.namedBuffers(options('Module.buffers', given, ['recurse'])).map(([, buffer]) => buffer);
  }
  /**
   * Registers a parameter under a name, and makes a property of that name; null keeps the place for one.
   *
   * @throws TorchError for what is no Parameter, for a name that is empty or has a dot in it, and where the module has a
   *   property of that name already that is no parameter.
   */
  registerParameter(name: string, parameter: Parameter | null): void {
    expectNoMore('Module.registerParameter', arguments, 2);
    registerPart(this, 'parameter', name, parameter);
  }
  /** Registers a module under a name, as registerParameter() does a parameter. */
  registerModule(name: string, module: AnyModule | null): void {
    expectNoMore('Module.registerModule', arguments, 2);
    registerPart(this, 'module', name, module);
  }
  addModule(name: string, module: AnyModule | null): void {
    expectNoMore('Module.addModule', arguments, 2);
    this.registerModule(name, module);
  }
  /**
   * Registers a tensor that belongs to the module's state but is not trained, as registerParameter() does a parameter. With
   * `persistent: false` it moves with the module and is no part of the state dict. `this.name = tensor` replaces it.
   */
  registerBuffer(name: string, tensor: Tensor | null, given?: { persistent?: boolean }): void {
    expectNoMore('Module.registerBuffer', arguments, 3);
    const where = 'Module.registerBuffer';
    const { persistent = true } = options(where, given, ['persistent']);
    registerPart(this, 'buffer', name, tensor, expectBoolean(where, 'persistent', persistent));
  }
  /** The property that something registered is read from: a class may have another than the name. @internal */
  propertyOf(name: string): string {
    return name;
  }
  /** The module at a path such as "layers.0"; this one at "". */
  getSubmodule(path: string): AnyModule {
    expectNoMore('Module.getSubmodule', arguments, 1);
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
    expectNoMore('Module.getParameter', arguments, 1);
    return find(this, 'getParameter', 'parameter', path, (module) => module.ownParameters());
  }
  /** The buffer at a path such as "layers.1.running_mean". */
  getBuffer(path: string): Tensor {
    expectNoMore('Module.getBuffer', arguments, 1);
    return find(this, 'getBuffer', 'buffer', path, (module) => module.ownBuffers());
  }
  /** Calls a function with each part of the tree, the innermost first and this module last: to initialise, for example. */
  apply(fn: (module: AnyModule) => unknown): this {
    expectNoMore('Module.apply', arguments, 1);
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
    expectNoMore('Module.deepcopy', arguments, 1);
    expectCopies(copies);
    const before = copies.get(this);
    if (before !== undefined) return before as this;
    const copy = Object.create(Object.getPrototypeOf(this) as object) as this;
    copies.set(this, copy);
    copyModule(this, copy, copies);
    return copy;
  }

  // ---- modes and places ----

  /** Puts the module and all below it into training mode, or into evaluation mode with `train(false)`. */
  train(on = true): this {
    expectNoMore('Module.train', arguments, 1);
    expectBoolean('Module.train', 'on', on);
    for (const module of this.modules()) {
      module.training = on;
      module.modeChanged();
    }
    return this;
  }
  eval(): this {
    expectNoMore('Module.eval', arguments, 0);
    return this.train(false);
  }
  /** Told when `training` changed. @internal */
  modeChanged(): void {
    // Most modules compute the same in both modes.
  }

  /**
   * Moves parameters and buffers in place: to a device, or floating point ones to a dtype. Optimizers go on with them. Those of
   * a lazy module are made there and of that dtype.
   */
  to(target: Device | DType | { device?: Device; dtype?: DType; memoryFormat?: MemoryFormat }): this {
    expectNoMore('Module.to', arguments, 1);
    moveModule(this, target);
    return this;
  }
  /** Casts floating point parameters and buffers to float32, in place; the others likewise. */
  float(): this {
    expectNoMore('Module.float', arguments, 0);
    return this.to('float32');
  }
  double(): this {
    expectNoMore('Module.double', arguments, 0);
    return this.to('float64');
  }
  half(): this {
    expectNoMore('Module.half', arguments, 0);
    return this.to('float16');
  }
  bfloat16(): this {
    expectNoMore('Module.bfloat16', arguments, 0);
    return this.to('bfloat16');
  }
  cpu(): this {
    expectNoMore('Module.cpu', arguments, 0);
    return this.to('cpu');
  }
  cuda(index = 0): this {
    expectNoMore('Module.cuda', arguments, 1);
    expectInteger('Module.cuda', 'index', index);
    return this.to(`cuda:${index}`);
  }
  requiresGrad_(on = true): this {
    expectNoMore('Module.requiresGrad_', arguments, 1);
    expectBoolean('Module.requiresGrad_', 'on', on);
    for (const parameter of this.parameters()) parameter.requiresGrad = on;
    return this;
  }
  /** Forgets the parameters' gradients; with `setToNone: false` fills them with zeros. */
  zeroGrad(given?: { setToNone?: boolean }): void {
    expectNoMore('Module.zeroGrad', arguments, 1);
    const { setToNone = true } = options('Module.zeroGrad', given, ['setToNone']);
    expectBoolean('Module.zeroGrad', 'setToNone', setToNone);
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
    given?: { prepend?: boolean },
  ): RemovableHandle {
    expectNoMore('Module.registerForwardPreHook', arguments, 2);
    return register(
      this,
      'forwardPre',
      'Module.registerForwardPreHook',
      hook,
      options('Module.registerForwardPreHook', given, ['prepend']),
    );
  }
  /**
   * Calls a function after each forward, with this module, the inputs and the output. What it returns, unless nothing,
   * takes the output's place. With `alwaysCall` also when forward throws; there is no output then.
   */
  registerForwardHook<M extends AnyModule>(
    this: M,
    hook: (module: M, inputs: InputsOf<M>, output: ReturnType<M['forward']>) => unknown,
    given?: { prepend?: boolean; alwaysCall?: boolean },
  ): RemovableHandle {
    expectNoMore('Module.registerForwardHook', arguments, 2);
    return register(
      this,
      'forward',
      'Module.registerForwardHook',
      hook,
      options('Module.registerForwardHook', given, ['prepend', 'alwaysCall']),
    );
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
    given?: { prepend?: boolean },
  ): RemovableHandle {
    expectNoMore('Module.registerFullBackwardPreHook', arguments, 2);
    return register(
      this,
      'backwardPre',
      'Module.registerFullBackwardPreHook',
      hook,
      options('Module.registerFullBackwardPreHook', given, ['prepend']),
    );
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
    given?: { prepend?: boolean },
  ): RemovableHandle {
    expectNoMore('Module.registerFullBackwardHook', arguments, 2);
    return register(
      this,
      'backward',
      'Module.registerFullBackwardHook',
      hook,
      options('Module.registerFullBackwardHook', given, ['prepend']),
    );
  }
  /** Calls a function before this module gives its part of a state dict. `prefix` is its path with a dot behind. */
  registerStateDictPreHook<M extends AnyModule>(
    this: M,
    hook: (module: M, prefix: string) => void,
  ): RemovableHandle {
    expectNoMore('Module.registerStateDictPreHook', arguments, 1);
    return registerState(this, 'statePre', 'registerStateDictPreHook', hook);
  }
  /** Calls a function after this module and all below it have given their part of a state dict, which it may change. */
  registerStateDictPostHook<M extends AnyModule>(
    this: M,
    hook: (module: M, state: StateDict, prefix: string) => void,
  ): RemovableHandle {
    expectNoMore('Module.registerStateDictPostHook', arguments, 1);
    return registerState(this, 'statePost', 'registerStateDictPostHook', hook);
  }
  /** Calls a function before loadStateDict() looks at this module's part of a state dict: a copy, which it may change. */
  registerLoadStateDictPreHook<M extends AnyModule>(
    this: M,
    hook: (module: M, state: StateDict, prefix: string) => void,
  ): RemovableHandle {
    expectNoMore('Module.registerLoadStateDictPreHook', arguments, 1);
    return registerState(this, 'loadPre', 'registerLoadStateDictPreHook', hook);
  }
  /** Calls a function after loadStateDict() has seen this module, with the keys of the whole tree; it may change the lists. */
  registerLoadStateDictPostHook<M extends AnyModule>(
    this: M,
    hook: (module: M, keys: IncompatibleKeys) => void,
  ): RemovableHandle {
    expectNoMore('Module.registerLoadStateDictPostHook', arguments, 1);
    return registerState(this, 'loadPost', 'registerLoadStateDictPostHook', hook);
  }
  // ---- state ----

  /** Parameters and buffers by their paths, under PyTorch's keys. The tensors share memory with the module's. */
  stateDict(given?: { prefix?: string }): StateDict {
    expectNoMore('Module.stateDict', arguments, 1);
    const { prefix = '' } = options('Module.stateDict', given, ['prefix']);
    const state: StateDict = {};
    collect(this, state, expectString('Module.stateDict', 'prefix', prefix));
    return state;
  }
  /**
   * Copies values into the parameters and buffers, from an object or a Map. Throws a TorchError that lists every missing and
   * unexpected key and every shape that does not fit, and changes nothing then; with `strict: false` keys may differ, shapes
   * may not.
   */
  loadStateDict(
    state: Readonly<StateDict> | ReadonlyMap<string, Tensor>,
    given?: { strict?: boolean },
  ): IncompatibleKeys {
    expectNoMore('Module.loadStateDict', arguments, 2);
    const { strict = true } = options('Module.loadStateDict', given, ['strict']);
    return load(this, state, expectBoolean('Module.loadStateDict', 'strict', strict));
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

/** Lines of a part's text, as they stand within its owner's. @internal */
export function indented(text: string): string {
  return text.replaceAll('\n', '\n  ');
}

// Functions, not private methods: a deep copy has no private parts.

interface GatherOptions {
  prefix?: string;
  recurse?: boolean;
  removeDuplicate?: boolean;
}

function gather<T extends Tensor>(
  where: string,
  root: AnyModule,
  given: GatherOptions | undefined,
  own: (module: AnyModule) => [string, T][],
): [path: string, tensor: T][] {
  const known = options(where, given, ['prefix', 'recurse', 'removeDuplicate']);
  const { prefix = '', recurse = true, removeDuplicate = true } = known;
  expectString(where, 'prefix', prefix);
  for (const [name, value] of Object.entries({ recurse, removeDuplicate })) expectBoolean(where, name, value);
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

function register(
  module: AnyModule,
  list: HookKind,
  where: string,
  hook: unknown,
  given: { prepend?: boolean; alwaysCall?: boolean },
): RemovableHandle {
  for (const name of ['prepend', 'alwaysCall'] as const) expectBoolean(where, name, given[name] ?? false);
  const own = module[internals];
  own.hooks ??= new ModuleHooks();
  return own.hooks.register(module, list, where, hook, given);
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

function joined(prefix: string, name: string): string {
  return prefix === '' ? name : `${prefix}.${name}`;
}
