// Functions that take their arguments by position, as in Python, or by name in an object at the end.
import { ArgumentTypeError } from './errors.js';
import { expectNoMore, isOptions, unknownOption } from './options.js';

type Names = readonly string[];
type Values = readonly unknown[];
type Run = (...args: never[]) => unknown;

// One object type instead of several, for what editors and the compiler show.
type Flat<T> = T extends infer O ? { [K in keyof O]: O[K] } : never;

/** Arguments by their names; `V` holds their types, and behind those the object of the arguments that go by name only. */
type ByName<N extends Names, V extends Values> = N extends readonly [
  infer Name extends string,
  ...infer Rest extends Names,
]
  ? V extends readonly [infer Value, ...infer Others]
    ? { [K in Name]: Value } & ByName<Rest, Others>
    : V extends readonly [(infer Value)?, ...infer Others]
      ? { [K in Name]?: Value | undefined } & ByName<Rest, Others>
      : unknown
  : V extends readonly []
    ? unknown
    : NonNullable<V[0]>;

/** The calls with some of the arguments by position and the others by name. */
export type CallsByName<N extends Names, V extends Values, Head extends Values = []> = N extends readonly [
  string,
  ...infer Rest extends Names,
]
  ? | [...Head, options: Flat<ByName<N, V>>]
    | (V extends readonly [infer Value, ...infer Others]
        ? CallsByName<Rest, Others, [...Head, Value]>
        : V extends readonly [(infer Value)?, ...infer Others]
          ? CallsByName<Rest, Others, [...Head, Value | undefined]>
          : never)
  : never;

/** A function that may be called as `F` is, and with arguments by the names of `N`. */
export type Callable<N extends Names, F extends Run> = F &
  ((...args: CallsByName<N, Parameters<F>>) => ReturnType<F>);

/**
 * A function whose arguments have these names, in this order. `run` takes them by position; those that have a default there
 * may be left out. What goes by name only is told at the end, and comes in an object behind the others.
 *
 *     const leakyRelu = callable('nn.functional.leakyRelu', ['input', 'negativeSlope'], (input: Tensor, negativeSlope = 0.01) => ...);
 *     leakyRelu(x, 0.1); leakyRelu(x, { negativeSlope: 0.1 }); leakyRelu({ input: x });
 *
 * Throws a TorchError for a name that there is not, for arguments that are missing, too many, or given twice. @internal
 */
export function callable<const N extends Names, F extends Run>(
  where: string,
  names: N,
  run: F,
  nameOnly: Names = [],
): Callable<N, F> {
  return named(where, names, run, nameOnly) as Callable<N, F>;
}

/** callable(), as a function of any type. @internal */
export function named(where: string, names: Names, run: Run, nameOnly: Names = []): unknown {
  const call = run as unknown as (...args: unknown[]) => unknown;
  const required = run.length;
  const called = (...args: unknown[]): unknown => {
    const values = byPosition(where, names, nameOnly, required, args);
    // Spreading an array takes longer than all else here.
    switch (values.length) {
      case 1:
        return call(values[0]);
      case 2:
        return call(values[0], values[1]);
      case 3:
        return call(values[0], values[1], values[2]);
      default:
        return call(...values);
    }
  };
  Object.defineProperty(called, 'name', { value: where.slice(where.lastIndexOf('.') + 1) });
  return called;
}

/**
 * A method whose arguments have these names; what calls it hands over the object and the arguments. `run` takes the object
 * before them. @internal
 */
export function method<T>(
  where: string,
  names: Names,
  run: (self: T, ...args: never[]) => unknown,
  nameOnly: Names = [],
): (self: T, args: Values) => unknown {
  const call = run as unknown as (self: T, ...args: unknown[]) => unknown;
  const required = run.length - 1;
  return (self, args) => call(self, ...byPosition(where, names, nameOnly, required, args));
}

/**
 * A function that takes any number of values of a kind, one by one or as a list, as Python's `f(*tensors)`: `run` gets the
 * list, and the object of those arguments that go by name only. The list has a name too.
 *
 * Throws a TorchError for a name that there is not, and for what stands beside the list. @internal
 */
export function variadic<F extends Run>(
  where: string,
  name: string,
  nameOnly: Names,
  run: (values: never, options: never) => unknown,
): F {
  const call = run as unknown as (values: unknown, options: Readonly<Record<string, unknown>>) => unknown;
  const called = (...args: unknown[]): unknown => {
    const last = args.at(-1);
    const options = isOptions(last) ? last : {};
    for (const given of Object.keys(options))
      if (given !== name && !nameOnly.includes(given)) throw unknownOption(where, given, [name, ...nameOnly]);
    const values = isOptions(last) ? args.slice(0, -1) : args;
    const { [name]: listed, ...others } = options;
    if (listed !== undefined && values.length > 0)
      throw new ArgumentTypeError(where, `'${name}' was given by position and among the options`);
    if (values.length > 1 && Array.isArray(values[0]))
      throw new ArgumentTypeError(
        where,
        `it takes one list, or its ${name} one by one; ${values.length} arguments were given`,
      );
    return call(listed ?? (values.length === 1 && Array.isArray(values[0]) ? values[0] : values), others);
  };
  Object.defineProperty(called, 'name', { value: where.slice(where.lastIndexOf('.') + 1) });
  return called as unknown as F;
}

/** All arguments by position, of which the first `required` have to be there. */
function byPosition(where: string, names: Names, nameOnly: Names, required: number, args: Values): Values {
  const options = args.at(-1);
  const values = isOptions(options) ? placed(where, names, nameOnly, args, options) : args;
  if (values === args && args.length > names.length) expectNoMore(where, args, names.length, nameOnly);
  for (let i = 0; i < required; i++)
    if (values[i] === undefined) throw new ArgumentTypeError(where, `'${names[i]!}' is missing`);
  return values;
}

/** All arguments in their order; behind them the object of those that go by name only, where there are such. */
function placed(
  where: string,
  names: Names,
  nameOnly: Names,
  args: readonly unknown[],
  options: Readonly<Record<string, unknown>>,
): unknown[] {
  const values = args.slice(0, -1);
  expectNoMore(where, values, names.length, nameOnly);
  const byName: Record<string, unknown> = {};
  for (const name of Object.keys(options)) {
    const value = options[name];
    const place = names.indexOf(name);
    if (place < 0 && !nameOnly.includes(name)) throw unknownOption(where, name, [...names, ...nameOnly]);
    if (value === undefined) continue;
    if (place < 0) byName[name] = value;
    else if (values[place] !== undefined)
      throw new ArgumentTypeError(where, `'${name}' was given by position and among the options`);
    else values[place] = value;
  }
  if (nameOnly.length > 0) values[names.length] = byName;
  return values;
}
