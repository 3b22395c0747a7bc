// torch.autograd.functional: products with Jacobians, Jacobians and Hessians of functions of tensors. The definitions are
// PyTorch's: https://docs.pytorch.org/docs/stable/autograd.html#functional-higher-level-api
import { expectNoMore, options } from '../core/options.js';
import { expectFunction } from '../core/checks.js';
import { describe } from '../core/describe.js';
import { stack, zerosLike } from '../operators/generated/functions.js';
import { enableGrad, isGradEnabled, noGrad } from './gradMode.js';
import { grad } from './passes.js';
import { TorchError, ArgumentTypeError } from '../core/errors.js';
import { scope } from '../tensor/scope.js';
import { isTensor, type Tensor } from '../tensor/tensor.js';

/** One tensor, or several. */
export type Tensors = Tensor | readonly Tensor[];
/** One tensor for one, an array for several. */
export type Alike<T extends Tensors> = T extends Tensor ? Tensor : Tensor[];
/** By output, then by input; without the level where there was one tensor and no array. */
export type JacobianOf<O extends Tensors, I extends Tensors> = O extends Tensor ? Alike<I> : Alike<I>[];

export interface FunctionalOptions {
  /** Whether the results can be differentiated in turn. Default false. */
  createGraph?: boolean;
  /** Whether it is an error, rather than a gradient of zeros, where an output does not depend on an input. Default false. */
  strict?: boolean;
}

type Fn<O> = (...inputs: Tensor[]) => O;

function checked(where: string, fn: unknown, given: FunctionalOptions): FunctionalOptions {
  expectFunction(where, 'fn', fn);
  return options(where, given, ['createGraph', 'strict']);
}

/**
 * What `fn(...inputs)` gives, and the product of `v` with its Jacobian: the gradients of the inputs where `v` are those of
 * the outputs. `v` has the outputs' shapes, and may be left out where the output is one tensor of one element.
 */
export function vjp<I extends Tensors, O extends Tensors>(
  fn: Fn<O>,
  inputs: I,
  v?: Tensors,
  given: FunctionalOptions = {},
): [outputs: Alike<O>, vjp: Alike<I>] {
  expectNoMore('vjp', arguments, 4);
  const { createGraph = false, strict = false } = checked('vjp', fn, given);
  return scope(() => {
    const given = prepare('vjp', inputs, createGraph);
    const result = enableGrad(() => fn(...given));
    const outputs = tensors('vjp', 'what the function returned', result);
    if (strict) expectGraph('vjp', outputs);
    const seeds = vector('vjp', v, outputs, 'output of the function');
    const recorded = createGraph || isGradEnabled();
    const run = (): Tensor[] =>
      filled('vjp', gradients(outputs, given, seeds, createGraph), given, strict, 'the output', 'input');
    const products = recorded ? enableGrad(run) : noGrad(run);
    return [
      alike(result, released(outputs, createGraph)) as Alike<O>,
      alike(inputs, released(products, createGraph)) as Alike<I>,
    ];
  });
}

/**
 * What `fn(...inputs)` gives, and the product of its Jacobian with `v`: the outputs' derivative in the direction `v`, which
 * has the inputs' shapes and may be left out where the input is one tensor of one element. Computed with two backward
 * passes, so that the function has to be differentiable twice.
 */
export function jvp<I extends Tensors, O extends Tensors>(
  fn: Fn<O>,
  inputs: I,
  v?: Tensors,
  given: FunctionalOptions = {},
): [outputs: Alike<O>, jvp: Alike<O>] {
  expectNoMore('jvp', arguments, 4);
  const { createGraph = false, strict = false } = checked('jvp', fn, given);
  return scope(() => {
    const given = prepare('jvp', inputs, createGraph);
    const direction = vector('jvp', v, given, 'input');
    const result = enableGrad(() => fn(...given));
    const outputs = tensors('jvp', 'what the function returned', result);
    if (strict) expectGraph('jvp', outputs);
    // The gradients of the inputs are linear in those of the outputs: the derivative of the one by the other is the
    // Jacobian, transposed, whatever the values.
    const seeds = outputs.map((output) => zerosLike(output).requiresGrad_());
    const back = enableGrad(() => gradients(outputs, given, seeds, true));
    const reached = [...back.keys()].filter((i) => back[i] !== null);
    if (strict && reached.length < back.length)
      throw independent('jvp', 'the output', 'input', back.indexOf(null));
    const run = (): (Tensor | null)[] =>
      gradients(
        reached.map((i) => back[i]!),
        seeds,
        reached.map((i) => direction?.[i] ?? zerosLike(given[i]!).fill_(1)),
        createGraph,
      );
    const products = filled(
      'jvp',
      createGraph ? enableGrad(run) : run(),
      outputs,
      strict,
      'the input',
      'output',
    );
    return [
      alike(result, released(outputs, createGraph)) as Alike<O>,
      alike(result, released(products, createGraph)) as Alike<O>,
    ];
  });
}

/**
 * The derivatives of each element of what `fn(...inputs)` gives by each element of the inputs: tensors with the shape of the
 * output followed by that of the input. Takes one backward pass for each element of the outputs.
 */
export function jacobian<I extends Tensors, O extends Tensors>(
  fn: Fn<O>,
  inputs: I,
  given: FunctionalOptions = {},
): JacobianOf<O, I> {
  expectNoMore('jacobian', arguments, 3);
  const { createGraph = false, strict = false } = checked('jacobian', fn, given);
  return scope(() => {
    const given = prepare('jacobian', inputs, createGraph);
    const result = enableGrad(() => fn(...given));
    const outputs = tensors('jacobian', 'what the function returned', result);
    if (strict) expectGraph('jacobian', outputs);
    const blocks = outputs.map((output, o) => {
      const rows = enableGrad(() => {
        const flat = output.reshape(-1);
        return Array.from({ length: output.numel }, (_, i) => {
          const row = gradients([flat.select(0, i)], given, undefined, createGraph, true);
          return filled('jacobian', row, given, strict, `output ${o}`, 'input');
        });
      });
      const block = given.map((input, i) => {
        const shape = [...output.shape, ...input.shape];
        if (rows.length === 0) return input.newZeros(shape);
        return enableGrad(() => stack(rows.map((row) => row[i]!)).reshape(shape));
      });
      return alike(inputs, released(block, createGraph));
    });
    return (isTensor(result) ? blocks[0] : blocks) as JacobianOf<O, I>;
  });
}

/**
 * The second derivatives of a function whose result is one tensor of one element: for inputs of shapes s and t a tensor of
 * shape s followed by t. For several inputs an array of arrays.
 */
export function hessian<I extends Tensors>(
  fn: Fn<Tensor>,
  inputs: I,
  given: FunctionalOptions = {},
): JacobianOf<I, I> {
  expectNoMore('hessian', arguments, 3);
  checked('hessian', fn, given);
  const single = (...given: Tensor[]): Tensor => {
    const output: unknown = fn(...given);
    if (!isTensor(output) || output.numel !== 1) {
      throw new TorchError(
        'hessian',
        `the function must return one Tensor of one element, got ${describe(output)}`,
      );
    }
    return output.reshape([]);
  };
  const gradient = (...given: Tensor[]): I =>
    jacobian(single, isTensor(inputs) ? given[0]! : given, { createGraph: true }) as I;
  return jacobian(gradient, inputs, given);
}

function tensors(where: string, what: string, value: unknown): Tensor[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  const wrong = list.findIndex((each) => !isTensor(each));
  if (wrong >= 0 || list.length === 0) {
    throw new ArgumentTypeError(
      where,
      `${what}: expected a Tensor or an array of Tensors, got ${describe(value)}`,
    );
  }
  return list as Tensor[];
}

function alike(given: unknown, list: Tensor[]): Tensor | Tensor[] {
  return isTensor(given) ? list[0]! : list;
}

// The inputs as the function gets them: under createGraph with the caller's graph behind them where they have one.
function prepare(where: string, inputs: Tensors, createGraph: boolean): Tensor[] {
  return tensors(where, 'inputs', inputs).map((input) =>
    createGraph && input.requiresGrad
      ? enableGrad(() => input.viewAs(input))
      : input.detach().requiresGrad_(),
  );
}

function vector(
  where: string,
  v: Tensors | undefined,
  like: readonly Tensor[],
  what: string,
): Tensor[] | undefined {
  if (v === undefined) {
    if (like.length === 1 && like[0]!.numel === 1) return undefined;
    throw new TorchError(where, `v may be left out only where the ${what} is one Tensor of one element`);
  }
  const list = tensors(where, 'v', v);
  const same = (i: number): boolean => String(list[i]?.shape) === String(like[i]?.shape);
  if (list.length !== like.length || !like.every((_, i) => same(i))) {
    throw new TorchError(
      where,
      `v: expected a Tensor of the same shape for each ${what}, ${describe(like)}; got ${describe(list)}`,
    );
  }
  return list;
}

// Gradients where anything was recorded; null elsewhere.
function gradients(
  outputs: readonly Tensor[],
  inputs: readonly Tensor[],
  seeds: readonly Tensor[] | undefined,
  createGraph: boolean,
  retainGraph = createGraph,
): (Tensor | null)[] {
  const recorded = [...outputs.keys()].filter((i) => outputs[i]!.requiresGrad);
  if (recorded.length === 0) return inputs.map(() => null);
  return grad(
    recorded.map((i) => outputs[i]!),
    inputs,
    {
      ...(seeds === undefined ? {} : { gradOutputs: recorded.map((i) => seeds[i]!) }),
      createGraph,
      retainGraph,
      allowUnused: true,
    },
  );
}

function filled(
  where: string,
  list: (Tensor | null)[],
  like: readonly Tensor[],
  strict: boolean,
  what: string,
  of: string,
): Tensor[] {
  return list.map((each, i) => {
    if (each !== null) return each;
    if (strict) throw independent(where, what, of, i);
    return zerosLike(like[i]!);
  });
}

function independent(where: string, what: string, of: string, i: number): TorchError {
  return new TorchError(where, `${what} is independent of ${of} ${i}, which 'strict' does not allow`);
}

function expectGraph(where: string, outputs: readonly Tensor[]): void {
  const wrong = outputs.findIndex((output) => !output.requiresGrad);
  if (wrong >= 0)
    throw new TorchError(
      where,
      `output ${wrong} depends on no input in a way that autograd sees, which 'strict' does not allow`,
    );
}

function released(list: Tensor[], createGraph: boolean): Tensor[] {
  return createGraph ? list : list.map((each) => each.detach());
}
