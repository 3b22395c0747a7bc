// Module: the tree that networks are composed of, and Sequential.
import { inspect } from 'node:util';
import { native } from '../native/binding.js';
import { checkDevice } from '../tensor/devices.js';
import { isFloatingPoint, type Device, type DType } from '../tensor/dtype.js';
import { named, TorchError } from '../tensor/errors.js';
import { describe, handleOf } from '../tensor/operators.js';
import { noGrad } from '../tensor/autograd.js';
import { isParameter, isTensor, type Parameter, type Tensor } from '../tensor/tensor.js';

/** Tensors by their names in a module tree, as "0.weight". */
export type StateDict = Record<string, Tensor>;

// Classes of another realm fail instanceof; the brand does not.
const brand = Symbol.for('torch-node.nn.Module');

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
  readonly #buffers = new Map<string, Tensor>();
  /** Whether the module is in training mode: see train() and eval(). */
  training = true;

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
  /** All parameters below this module by their paths, as "0.weight"; one that is shared comes once. */
  namedParameters(): [path: string, parameter: Parameter][] {
    const seen = new Set<Parameter>();
    return this.namedModules().flatMap(([path, module]) =>
      Object.entries(module)
        .filter(
          (entry): entry is [string, Parameter] =>
            isParameter(entry[1]) && !seen.has(entry[1]) && !!seen.add(entry[1]),
        )
        .map(([name, parameter]): [string, Parameter] => [joined(path, name), parameter]),
    );
  }
  parameters(): Parameter[] {
    return this.namedParameters().map(([, parameter]) => parameter);
  }
  /** Registers a tensor that belongs to the module's state but is not trained. */
  registerBuffer(name: string, tensor: Tensor): void {
    this.#buffers.set(name, tensor.keep());
  }
  namedBuffers(): [path: string, buffer: Tensor][] {
    return this.namedModules().flatMap(([path, module]) =>
      [...module.#buffers].map(([name, buffer]): [string, Tensor] => [joined(path, name), buffer]),
    );
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
  to(target: Device | DType | { device?: Device; dtype?: DType }): this {
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
        const data = tensor.to(place);
        if (data === tensor) continue;
        named(`Module.to(${path})`, () => native.setData(tensor[handleOf], data[handleOf]));
        data.dispose();
        if (grad !== null) tensor.grad = grad.to(place);
      }
    });
    return this;
  }
  requiresGrad_(on = true): this {
    for (const parameter of this.parameters()) parameter.requiresGrad = on;
    return this;
  }
  /** Forgets the parameters' gradients. */
  zeroGrad(): void {
    for (const parameter of this.parameters()) parameter.grad = null;
  }

  // ---- state ----

  /** Parameters and buffers by their paths, under PyTorch's keys. The tensors share memory with the module's. */
  stateDict(): StateDict {
    return Object.fromEntries(
      [...this.namedParameters(), ...this.namedBuffers()].map(([path, tensor]) => [path, tensor.detach()]),
    );
  }
  /**
   * Copies values into the parameters and buffers. Throws a TorchError that lists every missing and unexpected key and
   * every shape that does not fit, and changes nothing then; with `strict: false` keys may differ, shapes may not.
   */
  loadStateDict(
    state: Readonly<StateDict>,
    options: { strict?: boolean } = {},
  ): { missing: string[]; unexpected: string[] } {
    const own = new Map<string, Tensor>([...this.namedParameters(), ...this.namedBuffers()]);
    const missing = [...own.keys()].filter((key) => !(key in state));
    const unexpected = Object.keys(state).filter((key) => !own.has(key));
    const wrong: string[] = [];
    for (const [key, value] of Object.entries(state)) {
      const target = own.get(key);
      if (target === undefined) continue;
      if (!isTensor(value)) wrong.push(`${key}: expected a Tensor, got ${describe(value)}`);
      else if (String(value.shape) !== String(target.shape)) {
        wrong.push(
          `${key}: the shape [${value.shape.join(', ')}] in the state dict does not fit the module's [${target.shape.join(', ')}]`,
        );
      }
    }
    const strict = options.strict ?? true;
    const problems = [
      ...(strict && missing.length > 0 ? [`missing keys: ${missing.join(', ')}`] : []),
      ...(strict && unexpected.length > 0 ? [`unexpected keys: ${unexpected.join(', ')}`] : []),
      ...wrong,
    ];
    if (problems.length > 0) {
      throw new TorchError(
        'Module.loadStateDict',
        `the state dict does not fit ${this.constructor.name}:\n  ${problems.join('\n  ')}`,
      );
    }
    noGrad(() => {
      for (const [key, target] of own) if (key in state) target.copy_(state[key]!);
    });
    return { missing, unexpected };
  }

  // ---- text ----

  /** What stands between the brackets in the printed summary. */
  extraRepr(): string {
    return '';
  }
  /** The tree as PyTorch prints it. */
  toString(): string {
    const name = this.constructor.name;
    const lines = this.namedChildren().map(
      ([key, child]) => `  (${key}): ${child.toString().replaceAll('\n', '\n  ')}`,
    );
    return lines.length === 0 ? `${name}(${this.extraRepr()})` : `${name}(\n${lines.join('\n')}\n)`;
  }
  [inspect.custom](): string {
    return this.toString();
  }
}

/** A module of whatever inputs and outputs. */
export type AnyModule = Module<never[], unknown>;

/** Whether a value is a Module; works across realms. */
export function isModule(value: unknown): value is AnyModule {
  return typeof value === 'object' && value !== null && brand in value;
}

function joined(prefix: string, name: string): string {
  return prefix === '' ? name : `${prefix}.${name}`;
}

/** Modules under the keys "0", "1", ...: shared by Sequential and ModuleList. */
abstract class Listed<M extends AnyModule, Inputs extends unknown[], Output>
  extends Module<Inputs, Output>
  implements Iterable<M>
{
  readonly #modules: M[] = [];

  constructor(modules: readonly M[]) {
    super();
    if (!Array.isArray(modules)) {
      throw new TorchError(this.constructor.name, `expected an array of modules, got ${describe(modules)}`, {
        code: 'ERR_INVALID_ARG_TYPE',
      });
    }
    for (const module of modules as readonly M[]) this.append(module);
  }
  append(module: M): this {
    if (!isModule(module)) {
      throw new TorchError(
        this.constructor.name,
        `part ${this.#modules.length}: expected a Module, got ${describe(module)}`,
        { code: 'ERR_INVALID_ARG_TYPE' },
      );
    }
    this.#modules.push(module);
    return this;
  }
  get length(): number {
    return this.#modules.length;
  }
  /** The module at a place; negative places count from the end. */
  at(index: number): M | undefined {
    return this.#modules.at(index);
  }
  [Symbol.iterator](): IterableIterator<M> {
    return this.#modules[Symbol.iterator]();
  }
  override namedChildren(): [name: string, module: AnyModule][] {
    return this.#modules.map((module, i) => [String(i), module]);
  }
}

/** Modules in a row: each gets what the one before it gave. */
export class Sequential extends Listed<Module, [Tensor], Tensor> {
  constructor(...modules: Module[]) {
    super(modules);
  }
  forward(input: Tensor): Tensor {
    let x = input;
    for (const module of this) x = module.forward(x);
    return x;
  }
}

/** A list of modules that belongs to the tree; how they are used is the owner's affair. */
export class ModuleList<M extends AnyModule = Module> extends Listed<M, never[], never> {
  forward(): never {
    throw new TorchError('ModuleList', 'a ModuleList has no forward: call its modules');
  }
}
