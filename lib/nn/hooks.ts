// Hooks of modules: what is called before and after a forward, and when gradients come back. A module with hooks has a
// `forward` of its own that calls them; one without pays nothing.
import { expectNoMore } from '../core/options.js';
import { describe } from '../core/describe.js';
import { AutogradFunction, type FunctionContext } from '../autograd/function.js';
import { isGradEnabled } from '../autograd/gradMode.js';
import { TorchError, ArgumentTypeError } from '../core/errors.js';
import { isTensor, type Tensor } from '../tensor/tensor.js';
import type { AnyModule } from './module.js';

/** A hook on a module, to be taken off again. */
export class RemovableHandle {
  #remove: (() => void) | undefined;

  /** @internal */
  constructor(remove: () => void) {
    this.#remove = remove;
  }
  /** The hook is not called any more. Doing so twice does nothing. */
  remove(): void {
    expectNoMore('RemovableHandle.remove', arguments, 0);
    this.#remove?.();
    this.#remove = undefined;
  }
  [Symbol.dispose](): void {
    this.remove();
  }
}

type Nothing = undefined | null | void; // eslint-disable-line @typescript-eslint/no-invalid-void-type -- a hook may return nothing at all

/** For each tensor its gradient; null for what is no tensor, and where none arrived. */
export type Gradients = readonly (Tensor | null)[];

type ForwardPreHook = (module: AnyModule, inputs: unknown[]) => unknown;
type ForwardHook = (module: AnyModule, inputs: unknown[], output: unknown) => unknown;
type BackwardPreHook = (module: AnyModule, gradOutput: Gradients) => Tensor | Gradients | Nothing;
type BackwardHook = (
  module: AnyModule,
  gradInput: Gradients,
  gradOutput: Gradients,
) => Tensor | Gradients | Nothing;

/** Functions in the order in which they are called; a function may be there twice. */
class HookList<H> {
  #entries: { readonly hook: H; readonly always: boolean }[] = [];

  add(where: string, hook: H, options: { prepend?: boolean; alwaysCall?: boolean }): () => void {
    if (typeof hook !== 'function') {
      throw new ArgumentTypeError(where, `expected a function, got ${describe(hook)}`);
    }
    const entry = { hook, always: options.alwaysCall ?? false };
    this.#entries = options.prepend ? [entry, ...this.#entries] : [...this.#entries, entry];
    return () => {
      this.#entries = this.#entries.filter((other) => other !== entry);
    };
  }
  get entries(): readonly { readonly hook: H; readonly always: boolean }[] {
    return this.#entries;
  }
  get size(): number {
    return this.#entries.length;
  }
  copyFrom(other: HookList<H>): void {
    this.#entries = other.#entries;
  }
}

/** @internal */
export type HookKind = 'forwardPre' | 'forward' | 'backwardPre' | 'backward';

/** The hooks of one module. @internal */
export class ModuleHooks {
  readonly forwardPre = new HookList<ForwardPreHook>();
  readonly forward = new HookList<ForwardHook>();
  readonly backwardPre = new HookList<BackwardPreHook>();
  readonly backward = new HookList<BackwardHook>();
  // What a forward that was a property already did, before the hooks took its place.
  #replaced: PropertyDescriptor | undefined;
  #installed = false;

  register(
    module: AnyModule,
    list: HookKind,
    where: string,
    hook: unknown,
    options: { prepend?: boolean; alwaysCall?: boolean } = {},
  ): RemovableHandle {
    const remove = this[list].add(where, hook as never, options);
    this.#fit(module);
    return new RemovableHandle(() => {
      remove();
      this.#fit(module);
    });
  }

  /** The same hooks for a copy of the module. */
  copyTo(module: AnyModule, copy: ModuleHooks): void {
    for (const list of ['forwardPre', 'forward', 'backwardPre', 'backward'] as const)
      copy[list].copyFrom(this[list] as HookList<never>);
    copy.#replaced = this.#replaced;
    if (this.#replaced !== undefined) Object.defineProperty(module, 'forward', this.#replaced);
    copy.#fit(module);
  }

  // The module has a forward of its own as long as there are hooks.
  #fit(module: AnyModule): void {
    const needed = this.forwardPre.size + this.forward.size + this.backwardPre.size + this.backward.size > 0;
    if (needed === this.#installed) return;
    this.#installed = needed;
    if (!needed) {
      Reflect.deleteProperty(module, 'forward');
      if (this.#replaced !== undefined) Object.defineProperty(module, 'forward', this.#replaced);
      this.#replaced = undefined;
      return;
    }
    this.#replaced = Object.getOwnPropertyDescriptor(module, 'forward');
    const own = this.#replaced?.value as ((...inputs: unknown[]) => unknown) | undefined;
    const value = (...inputs: unknown[]): unknown => {
      const prototype = Object.getPrototypeOf(module) as { forward: (...inputs: unknown[]) => unknown };
      return this.#call(module, own ?? prototype.forward, inputs);
    };
    Object.defineProperty(module, 'forward', {
      value,
      configurable: true,
      writable: true,
      enumerable: false,
    });
  }

  #call(module: AnyModule, forward: (...inputs: unknown[]) => unknown, inputs: unknown[]): unknown {
    let given = inputs;
    const called = new Set<unknown>();
    try {
      for (const { hook } of this.forwardPre.entries) {
        const changed = hook(module, given);
        if (changed !== undefined && changed !== null)
          given = Array.isArray(changed) ? (changed as unknown[]) : [changed];
      }
      const wanted = this.backward.size + this.backwardPre.size > 0 && isGradEnabled();
      const pass = wanted ? new BackwardPass(module, this) : undefined;
      if (pass !== undefined) given = pass.inputs(given);
      let output = forward.apply(module, given);
      for (const entry of this.forward.entries) {
        called.add(entry);
        const changed = entry.hook(module, given, output);
        if (changed !== undefined && changed !== null) output = changed;
      }
      return pass === undefined ? output : pass.outputs(output);
    } catch (error) {
      for (const entry of this.forward.entries) {
        if (!entry.always || called.has(entry)) continue;
        try {
          entry.hook(module, given, undefined);
        } catch {
          // What forward threw matters more.
        }
      }
      throw error;
    }
  }
}

/** One forward of a module with backward hooks: what its two ends in the graph share. */
class BackwardPass {
  /** What arrived at the outputs and waits for the inputs' end. */
  gradOutput: Gradients | undefined;
  /** Places of the tensors among the inputs; undefined where none of them requires a gradient. */
  inputPlaces: readonly number[] | undefined;
  inputCount = 0;

  constructor(
    readonly module: AnyModule,
    readonly hooks: ModuleHooks,
  ) {}

  inputs(values: unknown[]): unknown[] {
    const marked = through(InputsEnd, this, values);
    this.inputCount = values.length;
    this.inputPlaces = marked?.places;
    return marked?.values ?? values;
  }
  outputs(value: unknown): unknown {
    const list: unknown[] = Array.isArray(value) ? value : [value];
    const marked = through(OutputsEnd, this, list)?.values;
    if (marked === undefined) return value;
    return Array.isArray(value) ? marked : marked[0];
  }
}

interface PassContext {
  pass: BackwardPass;
  places: readonly number[];
  count: number;
}

// Puts the tensors of a list through one of the ends; undefined where none of them requires a gradient.
function through(
  end: typeof InputsEnd | typeof OutputsEnd,
  pass: BackwardPass,
  values: unknown[],
): { values: unknown[]; places: number[] } | undefined {
  const places = [...values.keys()].filter((i) => isTensor(values[i]));
  const tensors = places.map((i) => values[i] as Tensor);
  if (!tensors.some((tensor) => tensor.requiresGrad)) return undefined;
  const marked = end.apply<[PassContext, ...Tensor[]], Tensor[]>(
    { pass, places, count: values.length },
    ...tensors,
  );
  const result = [...values];
  places.forEach((place, i) => (result[place] = marked[i]));
  return { values: result, places };
}

function identity(ctx: FunctionContext<PassContext>, shared: PassContext, tensors: Tensor[]): Tensor[] {
  Object.assign(ctx, shared);
  ctx.setMaterializeGrads(false);
  ctx.markNonDifferentiable(...tensors.filter((_, i) => !ctx.needsInputGrad[i + 1]));
  return tensors;
}

/** The graph's end at the outputs: gradients arrive here first. */
class OutputsEnd extends AutogradFunction {
  static forward(ctx: FunctionContext<PassContext>, shared: PassContext, ...tensors: Tensor[]): Tensor[] {
    return identity(ctx, shared, tensors);
  }
  static backward(ctx: FunctionContext<PassContext>, ...gradients: (Tensor | null)[]): Gradients {
    const { pass, places, count } = ctx;
    let arrived = spread(gradients, places, count);
    for (const { hook } of pass.hooks.backwardPre.entries)
      arrived = replaced('registerFullBackwardPreHook', 'gradOutput', hook(pass.module, arrived), arrived);
    if (pass.inputPlaces === undefined) {
      // No backward pass reaches the inputs: the hooks are called here.
      const none = Array.from({ length: pass.inputCount }, () => null);
      for (const { hook } of pass.hooks.backward.entries)
        if (asList(hook(pass.module, none, arrived))?.some((gradient) => gradient !== null))
          throw new TorchError(
            'Module.registerFullBackwardHook',
            'no input of the module requires a gradient: the hook can return nothing but null for them',
          );
    } else {
      // They live until the inputs' end has seen them.
      pass.gradOutput = arrived.map((gradient) => gradient?.viewAs(gradient).keep() ?? null);
    }
    return [null, ...places.map((place) => arrived[place] ?? null)];
  }
}

/** The graph's end at the inputs. */
class InputsEnd extends AutogradFunction {
  static forward(ctx: FunctionContext<PassContext>, shared: PassContext, ...tensors: Tensor[]): Tensor[] {
    return identity(ctx, shared, tensors);
  }
  static backward(ctx: FunctionContext<PassContext>, ...gradients: (Tensor | null)[]): Gradients {
    const { pass, places, count } = ctx;
    const held = pass.gradOutput;
    // A gradient that came by another way than through the outputs, as in a second derivative.
    if (held === undefined) return [null, ...gradients];
    pass.gradOutput = undefined;
    // Of this pass's scope, for the hooks to keep.
    const gradOutput = held.map((gradient) => gradient?.viewAs(gradient) ?? null);
    for (const gradient of held) gradient?.dispose();
    let arrived = spread(gradients, places, count);
    for (const { hook } of pass.hooks.backward.entries)
      arrived = replaced(
        'registerFullBackwardHook',
        'gradInput',
        hook(pass.module, arrived, gradOutput),
        arrived,
      );
    return [null, ...places.map((place) => arrived[place] ?? null)];
  }
}

function spread(gradients: Gradients, places: readonly number[], count: number): Gradients {
  const all: (Tensor | null)[] = Array.from({ length: count }, () => null);
  places.forEach((place, i) => (all[place] = gradients[i] ?? null));
  return all;
}

function asList(value: Tensor | Gradients | Nothing): Gradients | undefined {
  if (value === undefined || value === null) return undefined;
  return isTensor(value) ? [value] : value;
}

function replaced(
  where: string,
  what: string,
  value: Tensor | Gradients | Nothing,
  before: Gradients,
): Gradients {
  const list = asList(value);
  if (list === undefined) return before;
  const isList = (given: unknown): given is unknown[] => Array.isArray(given);
  if (
    !isList(list) ||
    list.length !== before.length ||
    list.some((gradient) => gradient !== null && !isTensor(gradient))
  )
    throw new ArgumentTypeError(
      `Module.${where}`,
      `a hook returns nothing, or an array with a Tensor or null in place of each of the ${before.length} of ${what}; got ${describe(value)}`,
    );
  return list;
}
