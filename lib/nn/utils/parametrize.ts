// Parametrisations: a parameter that is computed from others whenever it is read. torch.nn.utils.parametrize.
import { expectArgument, expectBoolean } from '../../core/checks.js';
import { describe } from '../../core/describe.js';
import { expectNoMore, options } from '../../core/options.js';
import { noGrad } from '../../autograd/gradMode.js';
import { TorchError } from '../../core/errors.js';
import { operator } from '../../operators/operators.js';
import { isParameter, Parameter } from '../../tensor/parameter.js';
import { isTensor, type Tensor } from '../../tensor/tensor.js';
import { isModule, type AnyModule, type Module } from '../module.js';
import { removePart } from '../tree.js';
import { ModuleDict, ModuleList } from '../modules/container.js';

/**
 * A module whose forward computes the parameter: from one tensor, or from as many as `rightInverse` gives. With a
 * `rightInverse` the parameter can be assigned to; without one the original tensor begins as the parameter was.
 */
export type Parametrization = Module<never[]> & {
  rightInverse?(value: Tensor): Tensor | readonly Tensor[];
};

// What registerParametrization leaves behind.
interface Parametrized {
  parametrizations: ModuleDict<Record<string, ParametrizationList>>;
}
type Values = Record<string, unknown>;

/**
 * The parametrisations of one tensor in a row, and what they begin with: the parameter (or buffer) `original`, or
 * `original0`, `original1`, ... where the first of them takes several tensors.
 */
export class ParametrizationList extends ModuleList<Parametrization> {
  /** Whether a parametrisation may change dtype and shape. */
  unsafe: boolean;
  /** Whether there is one original, and not several. */
  readonly isTensor: boolean;
  /** How many originals there are. */
  readonly ntensors: number;

  /** @internal */
  constructor(modules: readonly Parametrization[], original: Tensor, unsafe: boolean) {
    super(modules);
    this.unsafe = unsafe;
    const { dtype, shape, device, requiresGrad } = original;
    const inverse = noGrad(() => this.inverted(original, false));
    this.isTensor = isTensor(inverse);
    this.ntensors = isTensor(inverse) ? 1 : inverse.length;
    if (isTensor(inverse)) {
      if (inverse.dtype !== dtype || inverse.device !== device)
        throw fail(
          `rightInverse: expected a tensor of ${dtype} on ${device}, got ${describe(inverse)} on ${inverse.device}`,
        );
      setValues(original, inverse);
      this.own('original', original);
    } else {
      inverse.forEach((one, i) => {
        if (!isTensor(one)) throw fail(`rightInverse: expected tensors, got ${describe(one)} in place ${i}`);
        const own = isParameter(original) ? new Parameter(one, requiresGrad) : one;
        this.own(`original${i}`, own);
      });
    }
    if (unsafe) return;
    expectAlike('the parametrised tensor', this.value(), { dtype, shape });
  }

  private own(name: string, tensor: Tensor): void {
    if (isParameter(tensor)) this.registerParameter(name, tensor);
    else this.registerBuffer(name, tensor);
  }
  /** What the parametrisations compute from. */
  get originals(): Tensor[] {
    const names = this.isTensor
      ? ['original']
      : Array.from({ length: this.ntensors }, (_, i) => `original${i}`);
    return names.map((name) => {
      const own = (this as unknown as Values)[name];
      return isTensor(own) ? own : this.getBuffer(name);
    });
  }
  /** The parameter, computed anew. */
  value(): Tensor {
    expectNoMore('ParametrizationList.value', arguments, 0);
    const [first, ...rest] = this;
    const call = (module: Parametrization, tensors: Tensor[]): Tensor =>
      module.forward(...(tensors as never[]));
    return rest.reduce((x, module) => call(module, [x]), call(first!, this.originals));
  }
  /** Gives the originals the values of which the parametrisations make this one. */
  rightInverse(value: Tensor): void {
    expectNoMore('ParametrizationList.rightInverse', arguments, 1);
    noGrad(() => {
      const inverse = this.inverted(value, true);
      const all = isTensor(inverse) ? [inverse] : inverse;
      const { originals } = this;
      if (isTensor(inverse) !== this.isTensor || all.length !== originals.length)
        throw fail(
          `rightInverse: expected ${this.isTensor ? 'a tensor' : `${originals.length} tensors`}, got ${describe(inverse)}`,
        );
      all.forEach((one, i) => {
        if (!isTensor(one) || one.dtype !== originals[i]!.dtype)
          throw fail(`rightInverse: expected tensors of ${originals[i]!.dtype}, got ${describe(one)}`);
      });
      all.forEach((one, i) => setValues(originals[i]!, one));
    });
  }
  private inverted(value: Tensor, all: boolean): Tensor | readonly Tensor[] {
    let inverse: Tensor | readonly Tensor[] = value;
    for (const module of [...this].reverse()) {
      if (module.rightInverse === undefined) {
        if (all)
          throw fail(
            `${module.constructor.name} has no rightInverse, so that the tensor cannot be assigned to`,
          );
        continue;
      }
      try {
        inverse = module.rightInverse(inverse as Tensor);
      } catch (error) {
        // As NotImplementedError in Python: there is one, but not for this.
        if (all || !isNotInvertible(error)) throw error;
      }
    }
    return inverse;
  }
}

/** What a rightInverse throws that cannot be. @internal */
export class NotInvertible extends TorchError {
  readonly notInvertible = true;
}
function isNotInvertible(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'notInvertible' in error;
}

/**
 * Has a parameter or buffer of a module computed by a parametrisation from now on, whenever it is read. What it is computed
 * from is `parametrizations.NAME.original` in the state dict. A second parametrisation takes what the first one gives.
 *
 * @param given.unsafe lets a parametrisation change dtype and shape, and checks nothing. Default false.
 * @throws TorchError when the module has no such tensor, or when dtype or shape would change.
 */
export function registerParametrization<M extends AnyModule>(
  module: M,
  name: string,
  parametrization: Parametrization,
  given?: { unsafe?: boolean },
): M {
  expectNoMore('registerParametrization', arguments, 4);
  const where = 'registerParametrization';
  const { unsafe = false } = options(where, given, ['unsafe']);
  expectBoolean(where, 'unsafe', unsafe);
  for (const one of [module, parametrization] as unknown[])
    if (!isModule(one)) throw fail(`expected a Module, got ${describe(one)}`);
  parametrization.train(module.training);
  if (isParametrized(module, name)) {
    const value = (module as unknown as Values)[module.propertyOf(name)];
    if (!unsafe) checkAnother(value as Tensor, name, parametrization);
    const list = listOf(module, name)!;
    list.append(parametrization);
    list.unsafe ||= unsafe;
    return module;
  }
  const own = [...module.ownParameters(), ...module.ownBuffers()].find(([other]) => other === name);
  if (own === undefined) throw fail(`${module.constructor.name} has no parameter or buffer '${name}'`);
  const list = new ParametrizationList([parametrization], own[1], unsafe);
  removePart(module, name);
  if (!isParametrized(module)) {
    const called = `Parametrized${module.constructor.name}`;
    // Named as Python names it.
    const constructor = Object.defineProperty(() => undefined, 'name', { value: called });
    const prototype = Object.getPrototypeOf(module) as object;
    Object.setPrototypeOf(
      module,
      Object.create(prototype, { constructor: { value: constructor } }) as object,
    );
    module.registerModule('parametrizations', new ModuleDict());
  }
  (module as unknown as Parametrized).parametrizations.set(name, list);
  inject(module, name);
  return module;
}

/** Whether a module has parametrisations: any, or of this parameter or buffer. */
export function isParametrized(module: AnyModule, name?: string): boolean {
  expectNoMore('isParametrized', arguments, 2);
  const dict = (module as Partial<Parametrized> | null | undefined)?.parametrizations;
  if (!isModule(dict) || typeof (dict as { has?: unknown }).has !== 'function') return false;
  return name === undefined ? dict.size > 0 : dict.has(name);
}

/**
 * Takes the parametrisations of a parameter or buffer away. It stays as they compute it, or with
 * `leaveParametrized: false` becomes what they compute it from, which has to be one tensor then.
 */
export function removeParametrizations<M extends AnyModule>(
  module: M,
  name: string,
  given?: { leaveParametrized?: boolean },
): M {
  expectNoMore('removeParametrizations', arguments, 3);
  const where = 'removeParametrizations';
  const { leaveParametrized = true } = options(where, given, ['leaveParametrized']);
  expectBoolean(where, 'leaveParametrized', leaveParametrized);
  expectArgument(where, 'module', module, isModule(module), 'a Module');
  const list = listOf(module, name);
  if (list === undefined)
    throw fail(`${module.constructor.name} has no parametrisation of ${describe(name)}`);
  if (!list.isTensor && !leaveParametrized)
    throw fail('leaveParametrized: a tensor that is computed from several cannot become one of them');
  let [tensor] = list.originals as [Tensor];
  if (leaveParametrized) {
    const value = noGrad(() => list.value());
    const { requiresGrad } = tensor;
    if (list.isTensor) noGrad(() => setValues(tensor, value));
    else tensor = list.originals.some(isParameter) ? new Parameter(value, requiresGrad) : value;
  }
  const { parametrizations } = module as unknown as Parametrized;
  parametrizations.delete(name);
  // A copy of the module may have the same prototype: it keeps it.
  const injected = Object.getPrototypeOf(module) as object;
  const base = Object.getPrototypeOf(injected) as object;
  if (parametrizations.size === 0) {
    Object.setPrototypeOf(module, base);
    removePart(module, 'parametrizations');
  } else {
    const rest: PropertyDescriptorMap = Object.getOwnPropertyDescriptors(injected);
    delete rest[module.propertyOf(name)];
    Object.setPrototypeOf(module, Object.create(base, rest) as object);
  }
  if (isParameter(tensor)) module.registerParameter(name, tensor);
  else module.registerBuffer(name, tensor);
  return module;
}

/** The class of a module, or the one it had before it was parametrised. */
export function typeBeforeParametrizations(module: AnyModule): unknown {
  expectNoMore('typeBeforeParametrizations', arguments, 1);
  expectArgument('typeBeforeParametrizations', 'module', module, isModule(module), 'a Module');
  const prototype = Object.getPrototypeOf(module) as object;
  return (isParametrized(module) ? (Object.getPrototypeOf(prototype) as object) : prototype).constructor;
}

/**
 * Runs a function in which each parametrised tensor is computed once, when it is first read, and not whenever it is read.
 * For synchronous functions that do not change the parameters.
 */
export function cached<T>(run: () => T): T {
  expectNoMore('cached', arguments, 1);
  expectArgument('cached', 'run', run, typeof run === 'function', 'a function');
  depth++;
  try {
    return run();
  } finally {
    if (--depth === 0) cache = new Map();
  }
}
let depth = 0;
let cache = new Map<AnyModule, Map<string, Tensor>>();

// ---- the property ----

function inject(module: AnyModule, name: string): void {
  Object.defineProperty(Object.getPrototypeOf(module) as object, module.propertyOf(name), {
    configurable: true,
    get(this: AnyModule) {
      // The prototype itself has no parametrisations.
      const list = listOf(this, name);
      if (list === undefined || depth === 0) return list?.value();
      const known = cache.get(this) ?? new Map<string, Tensor>();
      cache.set(this, known);
      let value = known.get(name);
      // Kept: a scope inside the function may end before it.
      if (value === undefined || value.disposed) known.set(name, (value = list.value().keep()));
      return value;
    },
    set(this: AnyModule, value: Tensor) {
      listOf(this, name)!.rightInverse(value);
    },
  });
}

function listOf(module: AnyModule, name: string): ParametrizationList | undefined {
  return isParametrized(module, name)
    ? (module as unknown as Parametrized).parametrizations.get(name)
    : undefined;
}

// ---- checks ----

function checkAnother(before: Tensor, name: string, parametrization: Parametrization): void {
  const after = parametrization.forward(...([before] as never[]));
  expectAlike(`what the parametrisation makes of '${name}'`, after, before);
  if (parametrization.rightInverse === undefined) return;
  try {
    expectAlike('what rightInverse gives', parametrization.rightInverse(after), before);
  } catch (error) {
    if (!isNotInvertible(error)) throw error;
  }
}

function expectAlike(what: string, value: unknown, { dtype, shape }: Pick<Tensor, 'dtype' | 'shape'>): void {
  if (isTensor(value) && value.dtype === dtype && String(value.shape) === String(shape)) return;
  throw fail(
    `${what}: expected ${dtype} [${shape.join(', ')}] as before, got ${describe(value)}; unsafe = true lets it change`,
  );
}

/** Gives a tensor the memory of another, as Python does: they then share it. */
function setValues(tensor: Tensor, source: Tensor): void {
  noGrad(() => operator('aten::set_.source_Tensor').call(tensor, source));
}

function fail(message: string): TorchError {
  return new TorchError('nn.utils.parametrize', message);
}
