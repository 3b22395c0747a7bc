// Derivatives held against finite differences, as PyTorch's gradcheck and gradgradcheck do it (their slow mode).
// https://docs.pytorch.org/docs/stable/generated/torch.autograd.gradcheck.gradcheck.html
import { expectNoMore, options } from '../core/options.js';
import { expectFunction } from '../core/checks.js';
import { describe } from '../core/describe.js';
import { rand, stack, zerosLike } from '../operators/generated/functions.js';
import { grad } from './passes.js';
import { isFloatingPoint } from '../core/dtype.js';
import { TorchError, ArgumentTypeError } from '../core/errors.js';
import { operator } from '../operators/operators.js';
import { scope } from '../tensor/scope.js';
import { isTensor, type Tensor } from '../tensor/tensor.js';
import { AutogradFunction } from './function.js';

export interface GradcheckOptions {
  /** By how much an element is moved either way. Default 1e-6. */
  eps?: number;
  /** Absolute difference allowed. Default 1e-5. */
  atol?: number;
  /** Relative difference allowed. Default 1e-3. */
  rtol?: number;
  /** Whether to throw when the derivatives differ, rather than to return false. Default true. */
  raiseException?: boolean;
  /** Difference allowed between two backward passes through the same graph. Default 0. */
  nondetTol?: number;
  /** Whether to check that outputs may have no gradient at all. Default true. */
  checkUndefinedGrad?: boolean;
}

type Fn = (...inputs: never[]) => Tensor | readonly Tensor[];

const OPTIONS = ['eps', 'atol', 'rtol', 'raiseException', 'nondetTol', 'checkUndefinedGrad'] as const;

const FAILED = 'ERR_TORCH_GRADCHECK';
const failure = (message: string): TorchError => new TorchError('gradcheck', message, { code: FAILED });

/**
 * Holds the gradients of `fn(...inputs)` by the inputs that require one against finite differences: true where all agree.
 * Inputs that are no tensors are passed on. The inputs should be float64: with less precision the differences mean
 * nothing, and the check warns. Complex tensors are not supported.
 *
 * @throws TorchError with the numerical and the analytical Jacobian, a row for each element of the input, where they differ
 * (unless `raiseException` is false); and when no input requires a gradient.
 */
export function gradcheck(fn: Fn, inputs: unknown, given: GradcheckOptions = {}): boolean {
  expectNoMore('gradcheck', arguments, 3);
  const list: readonly unknown[] = Array.isArray(inputs) ? inputs : [inputs];
  const { raiseException } = options('gradcheck', given, OPTIONS);
  try {
    scope(() => check(fn as Callable, list, given));
    return true;
  } catch (error) {
    if (raiseException === false && (error as { code?: string } | undefined)?.code === FAILED) return false;
    throw error;
  }
}

/**
 * The same for second derivatives: holds the derivatives of the gradients against finite differences. `gradOutputs` are the
 * gradients of the outputs to begin with, random ones by default.
 */
export function gradgradcheck(
  fn: Fn,
  inputs: unknown,
  given: GradcheckOptions & { gradOutputs?: readonly Tensor[] } = {},
): boolean {
  expectNoMore('gradgradcheck', arguments, 3);
  const list: readonly unknown[] = Array.isArray(inputs) ? inputs : [inputs];
  const { gradOutputs, ...rest } = options('gradgradcheck', given, [...OPTIONS, 'gradOutputs']);
  expectFunction('gradgradcheck', 'fn', fn);
  return scope(() => {
    const outputs = differentiable(run(fn as Callable, list));
    const seeds = gradOutputs ?? outputs.map(randomGradient);
    if (seeds.length !== outputs.length) {
      throw new TorchError(
        'gradgradcheck',
        `gradOutputs: expected one for each of the ${outputs.length} outputs that have a gradient, got ${seeds.length}`,
      );
    }
    const wanted = [...list.keys()].filter((i) => isDifferentiable(list[i]));
    const gradients = (...given: unknown[]): Tensor[] =>
      grad(
        differentiable(run(fn as Callable, given.slice(0, list.length))),
        wanted.map((i) => given[i] as Tensor),
        { gradOutputs: given.slice(list.length) as Tensor[], createGraph: true, allowUnused: true },
      ).filter((each) => each !== null);
    return gradcheck(gradients, [...list, ...seeds], rest);
  });
}

type Callable = (...inputs: unknown[]) => Tensor | readonly Tensor[];

function run(fn: Callable, inputs: readonly unknown[]): Tensor[] {
  const result: unknown = fn(...inputs);
  const list: readonly unknown[] = Array.isArray(result) ? result : [result];
  if (!list.every(isTensor)) {
    throw new ArgumentTypeError(
      'gradcheck',
      `the function must return a Tensor or an array of Tensors, got ${describe(result)}`,
    );
  }
  return [...list];
}

const isDifferentiable = (value: unknown): boolean => isTensor(value) && value.requiresGrad;
const differentiable = (outputs: Tensor[]): Tensor[] => outputs.filter(isDifferentiable);

function randomGradient({ shape, dtype, device }: Tensor): Tensor {
  return rand([...shape], { dtype, device })
    .mul(2)
    .sub(1)
    .requiresGrad_();
}

function check(fn: Callable, inputs: readonly unknown[], options: GradcheckOptions): void {
  const { eps = 1e-6, atol = 1e-5, rtol = 1e-3, nondetTol = 0, checkUndefinedGrad = true } = options;
  const places = [...inputs.keys()].filter((i) => isDifferentiable(inputs[i]));
  if (places.length === 0)
    throw new TorchError(
      'gradcheck',
      'expected at least one input that requires a gradient, but none does: set requiresGrad',
    );
  const wanted = places.map((i) => inputs[i] as Tensor);
  wanted.forEach((input, i) => checkInput(input, places[i]!));
  const outputs = run(fn, inputs);
  if (outputs.some(({ dtype }) => dtype.startsWith('complex')))
    throw new TorchError('gradcheck', 'complex outputs are not supported');
  const recorded = outputs.some(isDifferentiable);
  // Without a gradient anywhere, all that are numbers must stand still.
  const looked = [...outputs.keys()].filter((o) =>
    recorded ? outputs[o]!.requiresGrad : isFloatingPoint(outputs[o]!),
  );
  for (const [w, input] of wanted.entries()) {
    for (const [o, expected] of numericalJacobians(fn, inputs, input, outputs, looked, eps)) {
      if (!recorded) {
        if (!isZero(expected))
          throw failure(
            `output ${o} requires no gradient, yet it changes with input ${places[w]!}:\nnumerical: ${String(expected)}`,
          );
        continue;
      }
      const [first, second] = [0, 1].map(() => analyticalJacobian(outputs[o]!, input));
      if (first!.sub(second!).abs().gt(nondetTol).any().item())
        throw failure(
          `two backward passes from output ${o} to input ${places[w]!} differ by more than nondetTol, ${nondetTol}:\n` +
            `first: ${String(first)}\nsecond: ${String(second)}`,
        );
      if (!first!.allclose(expected, { rtol, atol }))
        throw failure(
          `Jacobian mismatch for output ${o} with respect to input ${places[w]!},\n` +
            `numerical: ${String(expected)}\nanalytical: ${String(first)}`,
        );
    }
  }
  if (!recorded) return;
  const ends = differentiable(outputs);
  const still = grad(ends, wanted, {
    gradOutputs: ends.map((output) => zerosLike(output)),
    allowUnused: true,
    retainGraph: true,
  });
  if (!still.every(isZero))
    throw failure('backward is not multiplied by the gradient of the output: it is not 0 where that is 0');
  if (checkUndefinedGrad) checkUndefined(fn, inputs, wanted, ends.length);
}

function checkInput(input: Tensor, place: number): void {
  if (input.dtype.startsWith('complex'))
    throw new TorchError('gradcheck', `input ${place} is complex, which is not supported`);
  if (input.dtype !== 'float64')
    process.emitWarning(
      `gradcheck: input ${place} is ${input.dtype}: with less than float64 the check will likely fail`,
    );
  const { shape, strides } = input;
  if (shape.some((size, dim) => size > 1 && strides[dim] === 0))
    throw new TorchError(
      'gradcheck',
      `input ${place} has a dimension of stride 0, so that elements cannot be moved one by one: call contiguous() on it`,
    );
}

const isZero = (gradient: Tensor | null): boolean => gradient === null || !gradient.ne(0).any().item();

/** For each output that is looked at the derivatives by central differences: [elements of the input, elements of the output]. */
function numericalJacobians(
  fn: Callable,
  inputs: readonly unknown[],
  input: Tensor,
  outputs: readonly Tensor[],
  looked: readonly number[],
  eps: number,
): (readonly [output: number, jacobian: Tensor])[] {
  // The same memory with a version of its own: the graph must not notice that values move.
  const data = operator('aten::data').call(input) as Tensor;
  const { shape } = input;
  const columns = Array.from({ length: input.numel }, (_, flat) =>
    scope(() => {
      let rest = flat;
      const index = shape.map((size, dim) => {
        const step = shape.slice(dim + 1).reduce((product, each) => product * each, 1);
        const at = Math.floor(rest / step);
        rest %= step;
        return at % size;
      });
      const element = index.reduce((view, at) => view.select(0, at), data);
      const value = element.item();
      const moved = (to: number): Tensor[] => {
        element.fill_(to);
        const moving = run(fn, inputs);
        return looked.map((o) => moving[o]!.detach().clone());
      };
      try {
        const below = moved(value - eps);
        return moved(value + eps).map((above, i) =>
          above
            .sub(below[i]!)
            .div(2 * eps)
            .reshape(-1),
        );
      } finally {
        element.fill_(value);
      }
    }),
  );
  return looked.map((o, i) => [
    o,
    columns.length === 0
      ? outputs[o]!.newZeros([0, outputs[o]!.numel])
      : stack(columns.map((column) => column[i]!)),
  ]);
}

function analyticalJacobian(output: Tensor, input: Tensor): Tensor {
  const end = output.clone();
  const rows = Array.from({ length: output.numel }, (_, i) => {
    const seed = zerosLike(output).contiguous();
    seed.view(-1).select(0, i).fill_(1);
    const [row] = grad(end, input, { gradOutputs: [seed], retainGraph: true, allowUnused: true });
    return (row ?? zerosLike(input)).detach().reshape(-1);
  });
  return rows.length === 0 ? input.newZeros([input.numel, 0]) : stack(rows, { dim: 1 });
}

class UndefinedGrad extends AutogradFunction {
  static forward(_ctx: unknown, x: Tensor): Tensor {
    return x.viewAs(x);
  }
  static backward(): null {
    return null;
  }
}

// All gradients of outputs missing, and each one of them alone.
function checkUndefined(
  fn: Callable,
  inputs: readonly unknown[],
  wanted: readonly Tensor[],
  count: number,
): void {
  const cases = count > 1 ? [undefined, ...Array(count).keys()] : [undefined];
  for (const missing of cases) {
    const outputs = differentiable(run(fn, inputs)).map((output, o) =>
      missing === undefined || missing === o ? UndefinedGrad.apply(output) : output,
    );
    const gradOutputs = outputs.map((output) => zerosLike(output));
    if (!grad(outputs, wanted, { gradOutputs, allowUnused: true }).every(isZero))
      throw failure(
        'backward gives a gradient that is not 0 where the gradient of an output is missing: null stands for 0',
      );
  }
}
