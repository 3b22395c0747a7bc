// Custom operators: torch.autograd.Function, with a forward and a backward written in TypeScript.
import { handleOf } from '../core/handles.js';
import { describe } from '../core/describe.js';
import { native } from '../native/binding.js';
import { noGrad } from './gradMode.js';
import { callback } from './callbacks.js';
import { named, TorchError, ArgumentTypeError } from '../core/errors.js';
import { temporaries } from '../tensor/scope.js';
import { isTensor, Tensor } from '../tensor/tensor.js';

type Maybe = Tensor | null;

/** What a Function's forward and backward share. Properties of its own may be put on it. */
class Context {
  /** For each argument of forward whether its gradient is wanted. What is not wanted need not be computed. */
  readonly needsInputGrad: readonly boolean[];
  #where: string;
  #toSave: readonly Maybe[] = [];
  #saved: Maybe[] | undefined;
  #nonDifferentiable: readonly Tensor[] = [];
  #dirty: readonly Tensor[] = [];
  #materializeGrads = true;

  constructor(where: string, needsInputGrad: readonly boolean[]) {
    this.#where = where;
    this.needsInputGrad = needsInputGrad;
  }

  /**
   * In forward: keeps inputs and outputs for backward, whatever scopes end in between; `null` keeps a place. Backward
   * throws when one of them was modified in place meanwhile. The last call counts.
   */
  saveForBackward(...tensors: Maybe[]): void {
    this.#toSave = tensors.map((tensor, i) => this.#expect('saveForBackward', tensor, i, true));
  }
  /** In backward: what was saved, in the same order. */
  get savedTensors(): Tensor[] {
    if (this.#saved === undefined)
      throw new TorchError(this.#where, 'ctx.savedTensors is there while backward runs, and only then');
    // A place that was kept with null reads as null, as in PyTorch; who writes such a backward knows.
    return this.#saved as Tensor[];
  }
  /** In forward: outputs that have no gradient, as indices have none. */
  markNonDifferentiable(...outputs: Tensor[]): void {
    this.#nonDifferentiable = outputs.map((tensor, i) =>
      this.#expect('markNonDifferentiable', tensor, i, false)!,
    );
  }
  /** In forward: inputs that it modified in place; they must be among the outputs too. */
  markDirty(...inputs: Tensor[]): void {
    this.#dirty = inputs.map((tensor, i) => this.#expect('markDirty', tensor, i, false)!);
  }
  /** In forward: whether backward gets zeros (the default) or null for an output that no gradient reached. */
  setMaterializeGrads(on: boolean): void {
    this.#materializeGrads = on;
  }

  /** @internal */
  wire(name: string, backward: Backward, inputs: readonly Tensor[], outputs: readonly unknown[]): number[] {
    const handles = (tensors: readonly Tensor[]): number[] => tensors.map((tensor) => tensor[handleOf]);
    return native.applyFunction(
      name,
      backward,
      handles(inputs),
      outputs.map((output) => (isTensor(output) ? output[handleOf] : null)),
      this.#toSave.map((tensor) => tensor?.[handleOf] ?? null),
      handles(this.#nonDifferentiable),
      handles(this.#dirty),
      this.#materializeGrads,
    );
  }
  /** The saved tensors belong to the tensors of the graph: nothing of forward's is held on to. @internal */
  forget(): void {
    this.#toSave = this.#nonDifferentiable = this.#dirty = [];
  }
  /** @internal */
  during<T>(saved: Maybe[], run: () => T): T {
    const before = this.#saved;
    this.#saved = saved;
    try {
      return run();
    } finally {
      this.#saved = before;
    }
  }

  #expect(what: string, value: unknown, i: number, nullable: boolean): Maybe {
    if (isTensor(value)) return value;
    if (nullable && (value === null || value === undefined)) return null;
    throw new ArgumentTypeError(
      this.#where,
      `ctx.${what}: argument ${i}: expected a Tensor${nullable ? ' or null' : ''}, got ${describe(value)}; ` +
        'what is no tensor may be put on ctx as a property',
    );
  }
}

/**
 * The `ctx` of a Function; `Own` are the properties that forward puts on it for backward:
 * `ctx: FunctionContext<{ mask: Tensor }>`. Tensors of forward's that are put there live as long as the graph. An output
 * goes to `saveForBackward` instead: as a property it would hold the graph that holds it, for ever.
 */
export type FunctionContext<Own extends object = object> = Context & Own;

type Backward = (gradients: number[], saved: number[]) => number[];

/** The static side of a custom operator. */
export interface FunctionClass<Args extends unknown[], Result> {
  readonly name: string;
  forward(ctx: never, ...args: Args): Result;
  backward(
    ctx: never,
    ...gradients: never[]
  ): Tensor | null | undefined | readonly (Tensor | null | undefined)[];
}

/**
 * A custom operator with its own derivative, as PyTorch's torch.autograd.Function:
 *
 *     class Exp extends torch.autograd.Function {
 *       static forward(ctx: torch.autograd.FunctionContext, x: Tensor): Tensor {
 *         const y = x.exp();
 *         ctx.saveForBackward(y);
 *         return y;
 *       }
 *       static backward(ctx: torch.autograd.FunctionContext, grad: Tensor): Tensor {
 *         return grad.mul(ctx.savedTensors[0]!);
 *       }
 *     }
 *     const y = Exp.apply(x);
 *
 * `forward` runs with recording off and gives a tensor, or an array whose tensors are the outputs. `backward` gets a
 * gradient for each output and gives one for each argument of forward: a tensor, or null where there is none (as for
 * arguments that are no tensors); one alone need not be in an array. Under `createGraph` backward is recorded, so that it
 * has derivatives in turn. Tensors inside arrays and objects among the arguments take no part in autograd.
 *
 * Backward runs on the thread that called `apply`; libtorch runs the backward passes of CUDA tensors on threads of its
 * own, where it throws.
 */
// eslint-disable-next-line @typescript-eslint/no-extraneous-class -- PyTorch's interface is one of static methods
export class AutogradFunction {
  /** Calls forward and gives its results a place in the graph. Throws what forward throws. */
  static apply<Args extends unknown[], Result>(this: FunctionClass<Args, Result>, ...args: Args): Result {
    const where = this.name || 'Function';
    for (const each of ['forward', 'backward'] as const)
      if (typeof this[each] !== 'function')
        throw new TorchError(where, `a custom operator needs a static method '${each}'`);
    const ctx = new Context(
      where,
      args.map((value) => isTensor(value) && value.requiresGrad),
    );
    const isInput = args.map(isTensor);
    const { outputs, single } = temporaries(
      () => {
        const result: unknown = noGrad(() => this.forward(ctx as never, ...args));
        const results: readonly unknown[] = Array.isArray(result) ? result : [result];
        if (!results.some(isTensor)) {
          throw new ArgumentTypeError(
            where,
            `forward: expected a Tensor, or an array with Tensors in it, got ${describe(result)}`,
          );
        }
        const handles = named(
          `${where}.apply`,
          () =>
            ctx.wire(
              `${where}Backward`,
              backwardOf(this, where, ctx, isInput),
              args.filter(isTensor),
              results,
            ),
          () => args.map((value, i) => `${i}: ${describe(value)}`),
        );
        ctx.forget();
        const raw = results.map((value, i) => (isTensor(value) ? { handle: handles[i]! } : { value }));
        return { outputs: raw, single: !Array.isArray(result) };
      },
      () => ctx,
    );
    const wrapped = outputs.map((each) => ('handle' in each ? new Tensor(each.handle) : each.value));
    return (single ? wrapped[0] : wrapped) as Result;
  }
}

// What holds on to `args` or the outputs here would keep the graph alive that this function belongs to.
function backwardOf(
  type: Pick<FunctionClass<never[], unknown>, 'backward'>,
  where: string,
  ctx: Context,
  isInput: readonly boolean[],
): Backward {
  return callback(
    (handle) => new Tensor(handle),
    (gradients, saved) =>
      ctx.during(saved, () => {
        const result = type.backward(ctx as never, ...(gradients as never[]));
        const list: readonly unknown[] = Array.isArray(result) ? result : [result];
        const given = [...list.keys()].filter((i) => list[i] !== null && list[i] !== undefined);
        const count = isInput.length;
        // As in PyTorch, more than enough of them are no matter where they are null.
        if (list.length < count || given.some((i) => i >= count)) {
          throw new TorchError(
            where,
            `backward: expected a gradient (or null) for each of the ${count} arguments of forward, got ${list.length}`,
          );
        }
        for (const i of given) {
          if (!isTensor(list[i]))
            throw new ArgumentTypeError(
              where,
              `backward: gradient ${i}: expected a Tensor or null, got ${describe(list[i])}`,
            );
          if (!isInput[i])
            throw new TorchError(
              where,
              `backward: gradient ${i}: expected null, as argument ${i} of forward is no Tensor; got ${describe(list[i])}`,
            );
        }
        return isInput.flatMap((is, i) => (is ? [(list[i] as Maybe | undefined) ?? null] : []));
      }),
  );
}
