// ScriptModule: a module of a TorchScript archive, with its parts, run by libtorch's interpreter.
import { expectObject } from '../core/checks.js';
import { expectNoMore, options } from '../core/options.js';
import { describe } from '../core/describe.js';
import { native, type LoadedScript } from '../native/binding.js';
import { writeAtomically } from '../files/atomic.js';
import { withBytesSync } from '../files/randomAccess.js';
import { Module, type AnyModule } from '../nn/module.js';
import { tagged, untagged } from '../operators/taggedValues.js';
import { checkDevice } from '../tensor/devices.js';
import type { Device, DType } from '../core/dtype.js';
import { named, TorchError, ArgumentTypeError } from '../core/errors.js';
import { NativeObject } from '../operators/nativeObject.js';
import { type Operator } from '../operators/operators.js';
import { currentScope, moveTo, surrender, type Scope, type Scoped } from '../tensor/scope.js';
import { Parameter } from '../tensor/parameter.js';
import { Tensor } from '../tensor/tensor.js';
import { checkArchive } from './checkArchive.js';
import { scriptMethod } from './method.js';

export interface LoadOptions {
  /** Where the tensors go, whatever device they were saved from. Default: where they were. */
  device?: Device;
  /** Names of files that lie in the archive beside the module; those that are there come in `extraFiles`. */
  extraFiles?: readonly string[];
}

/** What all modules of one archive share. */
class Shared {
  /** Calls that are under way on other threads. */
  running = 0;
  /** Parts that have been given out, by what they are: one part is one object, wherever it stands in the tree. */
  readonly modules = new Map<number, ScriptModule>();
  readonly tensors = new Map<number, Tensor>();
}

/**
 * A module that `torch.jit.script` or `torch.jit.trace` of Python made and `torch.jit.save` wrote. An nn.Module with
 * parameters, buffers, modes and a state dict like any other; the tensors share memory with the script's, so that
 * optimizers train it. Its parts are those of the archive: none can be registered.
 *
 * Arguments and results are converted by the method's schema: lists and tuples are arrays, dictionaries come as Maps and
 * may be given as Maps or plain objects, None is null. Arguments that are left out take the script's defaults.
 *
 * Belongs to its thread, and to the scope in which it was loaded; outside of scopes to the garbage collector.
 */
export class ScriptModule extends Module<unknown[], unknown> implements Scoped {
  /** What lay in the archive beside the module, of the names that were asked for. */
  readonly extraFiles: ReadonlyMap<string, Buffer>;
  /** The name of the class in Python. */
  readonly originalName: string;
  #handle: number;
  #scope: Scope | undefined;
  /** Whether it is what was loaded, and not a part of that. */
  readonly #whole: boolean;
  readonly #shared: Shared;
  readonly #methods = new Map<string, Operator>();
  /** Tensors that were given out, by name; libtorch's number of each. */
  readonly #given = new Map<string, number>();

  /** @internal */
  constructor({ handle, extraFiles }: LoadedScript, shared?: Shared) {
    super();
    this.#handle = handle;
    this.#whole = shared === undefined;
    this.#shared = shared ?? new Shared();
    this.#scope = this.#whole ? currentScope() : undefined;
    if (this.#scope === undefined) native.adopt(this, handle);
    else this.#scope.track(this);
    this.extraFiles = new Map(extraFiles.map(([name, bytes]) => [name, Buffer.from(bytes)]));
    this.originalName = native.scriptName(handle);
    this.training = native.scriptTraining(handle);
  }

  // ---- life ----

  #live(): number {
    if (this.#handle === 0)
      throw new TorchError(
        'ScriptModule',
        'this module was released: dispose() was called on it, or the scope that it was loaded in has ended',
      );
    return this.#handle;
  }
  get disposed(): boolean {
    return this.#handle === 0;
  }
  /** Releases the module now, and its parts where it is what was loaded. Calls that are under way go on to their ends, tensors that are held stay. */
  dispose(): void {
    if (this.#handle === 0) return;
    native.release(this.#handle);
    this.#handle = 0;
    this.#scope = undefined;
    if (!this.#whole) return;
    const parts = [...this.#shared.modules.values()];
    this.#shared.modules.clear();
    this.#shared.tensors.clear();
    for (const part of parts) part.dispose();
  }
  [Symbol.dispose](): void {
    this.dispose();
  }
  /** Takes the module out of its scope: from now on the garbage collector owns it. */
  keep(): this {
    if (this.#scope !== undefined) this[moveTo](this.#scope, undefined);
    return this;
  }
  /** @internal */
  [moveTo](from: Scope, to: Scope | undefined): void {
    if (this.#scope !== from || this.#handle === 0) return;
    this.#scope = to;
    if (to === undefined) native.adopt(this, this.#handle);
    else to.track(this);
  }
  /** @internal */
  [surrender](from: Scope): number {
    if (this.#scope === from) this.dispose();
    return 0; // the handle is none of a tensor
  }

  // ---- calling ----

  /** @throws TorchError with the script's own words and where in it they were said, when the script raises an exception */
  forward(...inputs: unknown[]): unknown {
    return this.call('forward', ...inputs);
  }
  /**
   * forward() on a thread of libuv's pool: several run at once (four, unless UV_THREADPOOL_SIZE says otherwise). Autograd's
   * modes are those of the call. Hooks are not called. Until the promise settles the module cannot be moved or changed,
   * and writing to the inputs changes what is being read.
   */
  async forwardAsync(...inputs: unknown[]): Promise<unknown> {
    return this.callAsync('forward', ...inputs);
  }
  /** Calls any method of the module, such as one that Python marked with `@torch.jit.export`. */
  call(method: string, ...args: unknown[]): unknown {
    return this.#method(method).callList(args);
  }
  /** call() on another thread, as forwardAsync(). */
  async callAsync(method: string, ...args: unknown[]): Promise<unknown> {
    const found = this.#method(method);
    this.#shared.running++;
    try {
      return await found.callLater(args);
    } finally {
      this.#shared.running--;
    }
  }
  /** The names of its methods. */
  methods(): string[] {
    return native.scriptMethods(this.#live());
  }
  /** The schema of a method, in PyTorch's words. */
  schema(method = 'forward'): string {
    return this.#method(method).schema;
  }
  /** A method in TorchScript. */
  code(method = 'forward'): string {
    return this.#text(method, 'code');
  }
  /** A method in the interpreter's intermediate form. */
  graph(method = 'forward'): string {
    return this.#text(method, 'graph');
  }

  #text(method: string, what: 'code' | 'graph'): string {
    this.#method(method);
    return native.scriptText(this.#live(), method, what);
  }

  #method(name: string): Operator {
    const handle = this.#live(); // first, so that a released module says so
    let found = this.#methods.get(name);
    if (found === undefined) {
      const description = typeof name === 'string' ? native.scriptMethod(handle, name) : null;
      if (description === null)
        throw new TorchError(
          `ScriptModule(${this.originalName})`,
          `there is no method ${describe(name)}: it has ${this.methods().join(', ') || 'none'}`,
        );
      found = scriptMethod(`${this.originalName}.${name}`, () => this.#live(), description);
      this.#methods.set(name, found);
    }
    return found;
  }

  // ---- attributes ----

  /** The names of the module's own attributes: parameters, buffers and whatever else Python's object had. */
  attributes(): string[] {
    return native.scriptAttributes(this.#live());
  }
  /** The value of an attribute; a tensor shares memory with the module's. */
  attribute(name: string): unknown {
    this.#checkAttribute('attribute', name);
    return untagged(native.getScriptAttribute(this.#live(), name), {
      tensor: (handle) => new Tensor(handle),
      object: (handle) => new NativeObject(handle),
    });
  }
  /** Gives an attribute a value, which must be of the type that it has in the script. */
  setAttribute(name: string, value: unknown): void {
    this.#checkAttribute('setAttribute', name);
    this.#still('setAttribute');
    named(`ScriptModule.setAttribute`, () => native.setScriptAttribute(this.#live(), name, tagged(value)));
    if (name === 'training') this.training = native.scriptTraining(this.#live());
  }
  #checkAttribute(where: string, name: string): void {
    const names = this.attributes();
    if (!names.includes(name))
      throw new TorchError(
        `ScriptModule.${where}`,
        `${this.originalName} has no attribute ${describe(name)}: it has ${names.join(', ') || 'none'}`,
      );
  }

  // ---- what nn.Module asks for ----

  override namedChildren(): [name: string, module: ScriptModule][] {
    const { modules } = this.#shared;
    return native.scriptChildren(this.#live()).map(([name, handle, part]) => {
      let child = modules.get(part);
      if (child === undefined || child.disposed)
        modules.set(part, (child = new ScriptModule({ handle, extraFiles: [] }, this.#shared)));
      else native.release(handle);
      return [name, child];
    });
  }
  override children(): ScriptModule[] {
    return this.namedChildren().map(([, child]) => child);
  }
  override getSubmodule(path: string): ScriptModule {
    const found: unknown = super.getSubmodule(path); // one of children()
    return found as ScriptModule;
  }
  override ownParameters(): [name: string, parameter: Parameter][] {
    return this.#tensors(true) as [string, Parameter][];
  }
  override ownBuffers(): [name: string, buffer: Tensor][] {
    return this.#tensors(false);
  }
  // A tensor that was given out before is given again: optimizers and users know it by its identity.
  #tensors(parameters: boolean): [name: string, tensor: Tensor][] {
    const { tensors } = this.#shared;
    return native.scriptTensors(this.#live(), parameters).map(([name, handle, part]) => {
      const before = this.#given.get(name);
      if (before !== undefined && before !== part) tensors.delete(before); // the script has put another in its place
      this.#given.set(name, part);
      let tensor = tensors.get(part);
      if (tensor === undefined || tensor.disposed) {
        tensor = parameters
          ? new Parameter({ handle }, native.requiresGrad(handle))
          : new Tensor(handle).keep();
        tensors.set(part, tensor);
      } else native.releaseTensor(handle);
      return [name, tensor];
    });
  }
  override modeChanged(): void {
    this.#still('train');
    native.setScriptTraining(this.#live(), this.training);
  }
  override to(target: Device | DType | { device?: Device; dtype?: DType }): this {
    this.#still('to');
    return super.to(target);
  }
  /** A module of its own with the same code and the same values. */
  override deepcopy(copies = new Map<object, unknown>()): this {
    const before = copies.get(this);
    if (before !== undefined) return before as this;
    const bytes = new Uint8Array(native.scriptBytes(this.#live(), []));
    copies.set(this, new ScriptModule(native.loadScript(bytes, null, [])).keep());
    return copies.get(this) as this;
  }
  override registerParameter(name: string): never {
    throw this.#fixed('registerParameter', name);
  }
  override registerModule(name: string): never {
    throw this.#fixed('registerModule', name);
  }
  override registerBuffer(name: string): never {
    throw this.#fixed('registerBuffer', name);
  }
  #fixed(where: string, name: string): TorchError {
    return new TorchError(
      `ScriptModule.${where}`,
      `${describe(name)}: the parts of a TorchScript module are those of its archive; make it a part of a module of your own`,
    );
  }
  // A call on another thread reads shapes and attributes all the while.
  #still(where: string): void {
    if (this.#shared.running > 0)
      throw new TorchError(
        `ScriptModule.${where}`,
        `${this.#shared.running} calls of the module are under way on other threads: await them first`,
      );
  }
  override extraRepr(): string {
    return `original_name=${this.originalName}${this.disposed ? ', released' : ''}`;
  }
  override toString(): string {
    return this.disposed ? `ScriptModule(${this.extraRepr()})` : super.toString();
  }

  // ---- writing ----

  /** The archive as bytes, with whatever files are to lie beside the module in it. */
  toBytes(extraFiles: Readonly<Record<string, string | Uint8Array>> = {}): Uint8Array {
    this.#still('save');
    expectObject('ScriptModule.save', 'extraFiles', extraFiles, 'an object of files by name');
    const files = Object.entries(extraFiles).map(([name, content]): [string, Uint8Array] => [
      name,
      typeof content === 'string' ? Buffer.from(content) : content,
    ]);
    return new Uint8Array(named('ScriptModule.save', () => native.scriptBytes(this.#live(), files)));
  }
  /** Writes the archive, which Python's torch.jit.load reads too. The file is there whole or not at all. */
  async save(file: string, extraFiles: Readonly<Record<string, string | Uint8Array>> = {}): Promise<void> {
    const bytes = this.toBytes(extraFiles);
    try {
      await writeAtomically(file, [bytes]);
    } catch (error) {
      throw new TorchError('ScriptModule.save', `${file}: ${(error as Error).message}`, { cause: error });
    }
  }
}

/** Whether a module is a ScriptModule; works across realms. */
export function isScriptModule(module: AnyModule): module is ScriptModule & AnyModule {
  const given = module as Partial<ScriptModule> | null | undefined;
  return typeof given?.forwardAsync === 'function' && 'originalName' in given;
}

/**
 * Loads a TorchScript archive: a file, or its bytes. An archive is a program: loading it runs nothing of Python's, but
 * calling it can do whatever operators can, so load what you trust.
 *
 * @throws TorchError for a file that is not there, is damaged, or is no TorchScript archive
 */
export function load(source: string | Uint8Array, given: LoadOptions = {}): ScriptModule {
  expectNoMore('jit.load', arguments, 2);
  return new ScriptModule(open(source, given, (...args) => native.loadScript(...args)));
}

/** load() on another thread. */
export async function loadAsync(source: string | Uint8Array, given: LoadOptions = {}): Promise<ScriptModule> {
  expectNoMore('jit.loadAsync', arguments, 2);
  const pending = open(source, given, (...args) => native.loadScriptAsync(...args));
  try {
    return new ScriptModule(await pending);
  } catch (error) {
    throw unreadable(source, error);
  }
}

function open<T>(
  source: string | Uint8Array,
  given: LoadOptions,
  read: (source: string | Uint8Array, device: string | null, extraFiles: readonly string[]) => T,
): T {
  const { device, extraFiles = [] } = options('jit.load', given, ['device', 'extraFiles']);
  if (typeof source !== 'string' && !ArrayBuffer.isView(source))
    throw new ArgumentTypeError('jit.load', `expected a file's name or its bytes, got ${describe(source)}`);
  if (device !== undefined) checkDevice(device);
  try {
    withBytesSync(source, checkArchive);
    return read(source, device ?? null, extraFiles);
  } catch (error) {
    throw unreadable(source, error);
  }
}

function unreadable(source: string | Uint8Array, error: unknown): TorchError {
  const what = typeof source === 'string' ? source : `${source.length} bytes`;
  return new TorchError('jit.load', `${what}: ${(error as Error).message}`, { cause: error });
}
