// What PyTorch refuses by its own databases, as scripts/check/databases/errors.py writes it down: called here, where it has to end
// with a TorchError. For databases.test.ts, and for scripts/check/databases, which makes docs/databases.md.
import torch, { nn, optim, type Tensor } from 'torch-node';
import { construct, decode, firstLine, named, optionsOf, type Tensors, type Value } from './operatorCases.js';
import { ours } from './table/trajectory.js';

type Params = { parameter: number } | { group: Record<string, Params> } | Params[] | Value;

interface OperatorError {
  /** What Python raises. */
  python: string;
  /** A function of torch with its arguments, and the overload that was called, where there are such. */
  function?: string;
  args?: Value[];
  kwargs?: Record<string, Value>;
  call?: [name: string, args: Value[], kwargs: Record<string, Value>];
}

interface ModuleError {
  python: string;
  class: string;
  args: Value[];
  options: Record<string, Value>;
  inputs?: Value[];
  call?: Record<string, Value>;
}

interface OptimizerError {
  python: string;
  optimizer: string;
  params: Params;
  options: Record<string, Params>;
  tensors: { values: Value; sparse: boolean; trained: boolean; gradient: Value | null }[];
}

export type ErrorCase = OperatorError | ModuleError | OptimizerError;

/** It raises a TorchError; it cannot be said here, and why; or in words what comes of it instead. */
export type ErrorVerdict = 'raises' | { leftOut: string } | { differs: string };

const WITHOUT_COUNTERPART: readonly (readonly [name: RegExp, reason: string])[] = [
  [
    /^__r/,
    "a method of Python's operators with the number first: JavaScript's operators do not call methods",
  ],
  [/^jiterator/, 'compiles CUDA code that Python is given as a text'],
];

// JavaScript has one kind of numbers: 3.0 is 3.
const JS_HAS_ONE_KIND = /^TypeError/;
const ONE_KIND = { leftOut: 'a float that is a whole number: JavaScript has one kind of numbers' };
const isWholeFloat = (value: Value): boolean =>
  typeof value === 'object' && value !== null && 'f' in value && Number.isInteger(Number(value.f));

/** Runs a case. The tensors that it makes belong to the caller's scope. */
export function checkError(one: ErrorCase, tensors: Tensors): ErrorVerdict {
  if ('class' in one) {
    if (JS_HAS_ONE_KIND.test(one.python) && [...one.args, ...Object.values(one.options)].some(isWholeFloat))
      return ONE_KIND;
    return raises(() => runModule(one, tensors));
  }
  if ('optimizer' in one) return raises(() => runOptimizer(one, tensors));
  if (JS_HAS_ONE_KIND.test(one.python) && (one.args ?? []).some(isWholeFloat)) return ONE_KIND;
  const storages = new Map<string, Tensor>();
  const make = (value: Value): unknown => decode(value, tensors, { storages });
  const typed = (value: Value): unknown => decode(value, tensors, { typed: true });
  const reason = WITHOUT_COUNTERPART.find(([name]) => name.test(one.function ?? ''))?.[1];
  if (reason !== undefined) return { leftOut: reason };
  let known: unknown;
  try {
    known = one.function === undefined ? undefined : functionOf(one.function);
  } catch {
    known = undefined;
  }
  const verdicts: ErrorVerdict[] = [];
  if (typeof known === 'function') {
    const run = known as (...args: unknown[]) => unknown;
    verdicts.push(
      raises(() => run(...one.args!.map(make), ...optionsOf(one.kwargs!, tensors, { storages }))),
    );
  }
  if (one.call !== undefined) {
    const [name, args, kwargs] = one.call;
    const options = Object.fromEntries(Object.entries(kwargs).map(([key, value]) => [key, typed(value)]));
    verdicts.push(
      raises(() =>
        torch.ops.call(name, args.map(typed), Object.keys(options).length > 0 ? options : undefined),
      ),
    );
  }
  const [first = { leftOut: `there is no function ${one.function}` }, second] = verdicts;
  // Whoever calls the function is told; what it calls may take more than it does.
  return typeof first === 'object' && second !== undefined && known === undefined ? second : first;
}

/** A function of torch, or a method of tensors as a function of its first argument. */
function functionOf(name: string): unknown {
  try {
    return named(name);
  } catch {
    const method = (torch.Tensor.prototype as unknown as Record<string, unknown>)[ours(name)];
    if (typeof method !== 'function') return undefined;
    return (self: unknown, ...args: unknown[]): unknown =>
      (self as Record<string, (...args: unknown[]) => unknown>)[ours(name)]!(...args);
  }
}

function raises(run: () => unknown): ErrorVerdict {
  try {
    run();
  } catch (error) {
    return (error as Error).name === 'TorchError'
      ? 'raises'
      : { differs: `${(error as Error).name}: ${firstLine(error)}` };
  }
  return { differs: 'works' };
}

function runModule(one: ModuleError, tensors: Tensors): void {
  const module = construct(one.class, one.args, one.options, tensors);
  if (one.inputs !== undefined)
    module.forward(
      ...one.inputs.map((value) => decode(value, tensors)),
      ...optionsOf(one.call ?? {}, tensors),
    );
}

function runOptimizer(one: OptimizerError, tensors: Tensors): void {
  const made = one.tensors.map(({ values, sparse, trained, gradient }) => {
    const dense = decode(values, tensors) as Tensor;
    const value = sparse ? dense.toSparse() : dense;
    const parameter: Tensor = trained ? new nn.Parameter(value) : value;
    // A step needs a gradient.
    if (!sparse)
      parameter.grad = gradient === null ? torch.onesLike(dense) : (decode(gradient, tensors) as Tensor);
    return parameter;
  });
  const build = (value: Params): unknown => {
    if (Array.isArray(value)) return value.map(build);
    if (typeof value === 'object' && value !== null) {
      if ('parameter' in value) return made[value.parameter];
      if ('group' in value)
        return Object.fromEntries(
          Object.entries(value.group).map(([name, item]) => [ours(name), build(item)]),
        );
    }
    return decode(value, tensors);
  };
  const Class = optim[one.optimizer as 'Adam'] as unknown as new (
    params: unknown,
    options: unknown,
  ) => optim.Optimizer;
  const options = Object.entries(one.options);
  const optimizer = new Class(
    build(one.params),
    Object.fromEntries(options.map(([name, value]) => [ours(name), build(value)])),
  );
  optimizer.step(() => torch.tensor(1));
}
