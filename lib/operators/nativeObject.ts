// Objects that live on the native side and that JavaScript only holds: packed parameters of quantized layers, process
// groups, storages and whatever else a schema names by a class.
import { inspect } from 'node:util';
import { describe } from '../core/describe.js';
import { native } from '../native/binding.js';
import { TorchError, ArgumentTypeError } from '../core/errors.js';
import { handleOf, objectType } from '../core/handles.js';
import { Operator, wrapObjectsWith } from './operators.js';

/**
 * An object of a class of libtorch's, or a storage: what operators give and take where a schema says
 * `__torch__.torch.classes...` or `Storage`. Made by operators, by `torch.classes` and by `tensor.untypedStorage()`.
 *
 * Belongs to its thread. Released when the garbage collector finds it, and by `dispose()` at once.
 */
export class NativeObject {
  #handle: number;
  readonly #type: string;

  /** @internal */
  constructor(handle: number) {
    this.#handle = handle;
    this.#type = native.objectType(handle);
    native.adopt(this, handle);
  }

  /** @internal */
  get [handleOf](): number {
    if (!(#handle in this))
      throw new ArgumentTypeError(
        'NativeObject',
        'expected a NativeObject, got an object that inherits from one',
      );
    if (this.#handle === 0)
      throw new TorchError(this.#type, 'this object was released: dispose() was called on it');
    return this.#handle;
  }
  /** @internal */
  get [objectType](): string {
    return this.#type;
  }

  /** As schemas call it: "__torch__.torch.classes.quantized.LinearPackedParamsBase", "Storage". */
  get type(): string {
    return this.#type;
  }

  /** Whether the object has been released. */
  get disposed(): boolean {
    return this.#handle === 0;
  }

  /** Releases the object now. Doing so twice does nothing. What libtorch itself still needs of it stays alive. */
  dispose(): void {
    if (this.#handle === 0) return;
    native.release(this.#handle);
    this.#handle = 0;
  }
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** The names of its methods; none for what is of no class. */
  methods(): string[] {
    return native.classMethods(this.#type) ?? [];
  }

  /**
   * Calls a method of the object's class: `packed.call('unpack')`. Arguments come in the schema's order.
   *
   * @throws TorchError when there is no such method, and for whatever the method refuses
   */
  call(method: string, ...args: unknown[]): unknown {
    const handle = this[handleOf]; // first, so that a released object says so
    const found = classFunction(this.#type, method);
    if (handle === 0 || found === undefined || method === '__init__') {
      const names = this.methods();
      const there = names.length === 0 ? 'it has none' : `it has ${names.join(', ')}`;
      throw new TorchError(this.#type, `there is no method ${describe(method)}: ${there}`);
    }
    return found.call(this, ...args);
  }

  toString(): string {
    return `NativeObject(${this.#type}${this.disposed ? ', released' : ''})`;
  }
  [inspect.custom](): string {
    return this.toString();
  }
}

wrapObjectsWith((handle) => new NativeObject(handle));

/** Whether a value is a NativeObject of this copy of the package; works across realms. */
export function isNativeObject(value: unknown): value is NativeObject {
  return typeof value === 'object' && value !== null && objectType in value;
}

const found = new Map<string, Operator | undefined>();

function classFunction(type: string, method: string): Operator | undefined {
  const name = `${type}.${method}`;
  if (!found.has(name)) {
    const description = native.classFunction(type, method);
    found.set(name, description === null ? undefined : new Operator(name, description));
  }
  return found.get(name);
}

/**
 * Makes an object of a class that libtorch registers, as `torch.classes` of Python does: `classes('c10d.ReduceOp')`. The
 * arguments are those of the class's constructor. `classes.names()` tells the classes.
 *
 * @throws TorchError when there is no such class, when it has no constructor (operators make its objects), and for
 *   arguments that the constructor refuses
 */
export const classes: { (name: string, ...args: unknown[]): NativeObject; names(): string[] } = Object.assign(
  (name: string, ...args: unknown[]): NativeObject => {
    const where = `classes(${describe(name)})`;
    if (typeof name !== 'string' || native.classMethods(name) === null)
      throw new TorchError(where, `there is no such class; there are ${native.classNames().join(', ')}`);
    const init = classFunction(name, '__init__');
    if (init === undefined)
      throw new TorchError(where, 'the class has no constructor: its objects are made by operators');
    return init.call(...args) as NativeObject;
  },
  { names: (): string[] => native.classNames() },
);
