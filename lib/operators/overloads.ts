// The choice of an overload. Behind a public function such as `sort` lie several operators, and what was passed decides
// between them by the rules of PyTorch's own argument parser (torch/csrc/utils/python_arg_parser.cpp). A form is one of
// these operators together with the one that out= makes of it. Which forms there are, in the order in which PyTorch tries
// them, says lib/operators/generated/table.ts; their schemas come from the linked libtorch, on first use.
import { camelCase } from '../core/names.js';
import { isOptions, tooMany, unknownOption } from '../core/options.js';
import { describe } from '../core/describe.js';
import * as table from './generated/table.js';
import { checkDevice } from '../tensor/devices.js';
import { TorchError, ArgumentTypeError } from '../core/errors.js';
import { isHandledTensor } from '../core/handles.js';
import { findOperator, lacking, type Operator } from './operators.js';
import { argumentType, type ArgumentType } from './argumentTypes.js';
import { parseSchema, takesNumbersAsTensors, type Schema } from './schema.js';

type Options = Readonly<Record<string, unknown>>;

interface Parameter extends ArgumentType {
  /** As options call it, in camelCase. */
  readonly name: string;
  readonly required: boolean;
}

interface Form {
  readonly operator: Operator;
  readonly parameters: readonly Parameter[];
  /** Where the parameter of a name is. */
  readonly places: ReadonlyMap<string, number>;
  /** How many of the parameters are the object that a method belongs to. */
  readonly selves: number;
  /** How many of the parameters, these included, may be given by position. */
  readonly positional: number;
  /** How many have to be there: all up to the last that has no default. */
  readonly required: number;
  /** Which parameters are devices. */
  readonly devices: readonly number[];
  /** Where a list of integers may be given as arguments of its own, `t.expand(2, 3)`; -1 for nowhere. */
  readonly spread: number;
  /** Whether `requiresGrad` is an option, as it is of all functions that take dtype, layout and device. */
  readonly factory: boolean;
  /** What makes the arguments of the out= operator of this form's. */
  readonly out: { readonly operator: Operator; readonly order: readonly number[] } | undefined;
  /** Gives several results their names. */
  readonly wrap: (result: unknown) => unknown;
}

/** What a method's tensor alone goes to; nothing where no form takes it alone. */
interface Alone {
  readonly operator: Operator | undefined;
  readonly wrap: (result: unknown) => unknown;
}

/** Why arguments do not fit a form: the number of the parameter, or one of these. */
type Misfit = number;
const TOO_MANY = -1;
const UNKNOWN_OPTION = -2;

/** What the short ways of calling give where they do not apply. */
const NOT_SO = Symbol('not so');
const NONE = Symbol('none');

/** A public function with all its forms. */
export class Overloads {
  /** As in "torch.linalg.norm" or "Tensor.sort". */
  readonly name: string;
  readonly #base: string;
  readonly #spec: string;
  /** 1 for a method, whose first argument is its tensor. */
  readonly #selves: 0 | 1;
  #forms: readonly Form[] | undefined;
  #alone: Alone | undefined;
  #twoTensors: Operator | typeof NONE | undefined;

  /** `spec` lists the forms of aten::`base` as the table does: "Tensor>out Scalar". */
  constructor(name: string, base: string, spec: string, method = false) {
    this.name = name;
    this.#base = base;
    this.#spec = spec;
    this.#selves = method ? 1 : 0;
  }

  /** Calls the first form that the arguments fit. Throws a TorchError that lists the forms when none does. */
  call(args: readonly unknown[]): unknown {
    const last = args[args.length - 1];
    if (isOptions(last)) return this.#choose(args, last);
    if (args.length > 3) return this.#choose(args, undefined);
    const result =
      args.length === 1
        ? this.#onlyTensor(args[0])
        : args.length === 2
          ? this.#withOne(args[0], args[1])
          : this.#withTwo(args[0], args[1], args[2]);
    return result === NOT_SO ? this.#choose(args, undefined) : result;
  }

  /** call() with nothing but a method's tensor, for which always the same form is chosen. */
  callAlone(self: unknown): unknown {
    const result = this.#onlyTensor(self);
    return result === NOT_SO ? this.#choose([self], undefined) : result;
  }

  /** call() with a method's tensor and one argument. */
  callWithOne(self: unknown, value: unknown): unknown {
    // Two tensors always go to the same form.
    if (isHandledTensor(value) && isHandledTensor(self)) {
      const operator = (this.#twoTensors ??= this.#findTwoTensors(self, value));
      if (operator !== NONE) return operator.callTwoTensors(self, value);
    }
    if (isOptions(value)) return this.#choose([self, value], value);
    const result = this.#withOne(self, value);
    return result === NOT_SO ? this.#choose([self, value], undefined) : result;
  }

  /** call() with a method's tensor and two arguments. */
  callWithTwo(self: unknown, second: unknown, third: unknown): unknown {
    if (isOptions(third)) return this.#choose([self, second, third], third);
    const result = this.#withTwo(self, second, third);
    return result === NOT_SO ? this.#choose([self, second, third], undefined) : result;
  }

  // ---- a tensor and a few arguments, which most calls are: nothing is made on the way; NOT_SO for all else ----

  #onlyTensor(self: unknown): unknown {
    if (!isHandledTensor(self)) return NOT_SO;
    const { operator, wrap } = (this.#alone ??= this.#findAlone());
    return operator === undefined ? NOT_SO : wrap(operator.callTensors(self));
  }

  #withOne(self: unknown, value: unknown): unknown {
    if (!isHandledTensor(self) || !isGiven(value)) return NOT_SO;
    const forms = (this.#forms ??= this.#load());
    for (let i = 0; i < forms.length; i++) {
      const form = forms[i]!;
      if (form.devices.length > 0) break; // to be checked
      if (form.spread === 1 && isInteger(value)) return form.wrap(form.operator.callTensors(self, [value]));
      if (fits(form, 2) && form.parameters[0]!.accepts(self) && form.parameters[1]!.accepts(value))
        return form.wrap(form.operator.callTensors(self, value));
    }
    return NOT_SO;
  }

  #withTwo(self: unknown, second: unknown, third: unknown): unknown {
    if (!isHandledTensor(self) || !isGiven(second) || !isGiven(third)) return NOT_SO;
    const forms = (this.#forms ??= this.#load());
    for (let i = 0; i < forms.length; i++) {
      const form = forms[i]!;
      const { operator, parameters, spread, devices, wrap } = form;
      if ((spread === 1 && isInteger(second)) || devices.length > 0) break;
      if (
        fits(form, 3) &&
        parameters[0]!.accepts(self) &&
        parameters[1]!.accepts(second) &&
        parameters[2]!.accepts(third)
      )
        return wrap(operator.callTensors(self, second, third));
    }
    return NOT_SO;
  }

  #choose(args: readonly unknown[], options: Options | undefined): unknown {
    const forms = (this.#forms ??= this.#load());
    let count = options === undefined ? args.length : args.length - 1;
    while (count > this.#selves && args[count - 1] === undefined) count--;
    for (let i = 0; i < forms.length; i++) {
      const form = forms[i]!;
      const values = fit(form, args, count, options);
      if (typeof values !== 'number') return run(form, values, options);
    }
    throw this.#misfit(forms, args.slice(0, count), options);
  }

  // The choice takes no schema: reading those of all forms would be most of a first call.
  #findAlone(): Alone {
    for (const form of this.#spec.split(' ')) {
      const operator = findOperator(fullName(this.#base, form.split('>')[0]!));
      if (operator?.takesOneTensor !== true) continue;
      if (operator.resultCount < 2) return { operator, wrap: (result) => result };
      return (this.#forms ??= this.#load()).find((each) => each.operator === operator)!;
    }
    return { operator: undefined, wrap: (result) => result };
  }

  // The operator of the first form that two tensors fit, where it gives one tensor of them.
  #findTwoTensors(self: unknown, other: unknown): Operator | typeof NONE {
    const found = (this.#forms ??= this.#load()).find(
      (form) => fits(form, 2) && form.parameters[0]!.accepts(self) && form.parameters[1]!.accepts(other),
    );
    return found?.devices.length === 0 && found.operator.takesTwoTensors ? found.operator : NONE;
  }

  #load(): Form[] {
    const forms = this.#spec.split(' ').flatMap((form) => {
      const [name, out] = form.split('>').map((overload) => fullName(this.#base, overload));
      const found = findOperator(name!);
      return found === undefined ? [] : [makeForm(found, out, this.#base, this.#selves)];
    });
    if (forms.length === 0) throw new TorchError(this.name, lacking());
    return forms;
  }

  #misfit(forms: readonly Form[], given: readonly unknown[], options: Options | undefined): TorchError {
    const unknown = Object.keys(options ?? {}).find(
      (name) => options![name] !== undefined && !forms.some((form) => knows(form, name, options![name])),
    );
    if (unknown !== undefined) return unknownOption(this.name, unknown, namesOf(forms));
    const why = (form: Form): string =>
      explain(form, fit(form, given, given.length, options) as Misfit, given, options);
    const words = given.map((value, i) => (i < this.#selves ? 'self: ' : '') + describe(value));
    for (const [name, value] of Object.entries(options ?? {})) words.push(`${name}: ${describe(value)}`);
    const message =
      forms.length === 1
        ? `${why(forms[0]!)}; its form is ${forms[0]!.operator.schema}`
        : `none of its forms takes what was given:` +
          forms.map((form) => `\n  ${form.operator.schema}\n    ${why(form)}`).join('');
    return new ArgumentTypeError(this.name, message, { arguments: words });
  }
}

function fullName(base: string, overload: string): string {
  return `aten::${base}${overload === 'default' ? '' : `.${overload}`}`;
}

function makeForm(found: Operator, outName: string | undefined, base: string, selves: number): Form {
  const schema = parseSchema(found.schema);
  const numbers = takesNumbersAsTensors(base);
  const parameters = schema.arguments.map((argument) => ({
    ...argumentType(argument.type, numbers),
    // As in PyTorch, whose functions call `self` input.
    name: selves === 0 && argument.name === 'self' ? 'input' : camelCase(argument.name),
    required: argument.fallback === undefined,
  }));
  const keywordOnly = schema.arguments.findIndex((argument) => argument.keywordOnly);
  const positional = keywordOnly < 0 ? parameters.length : keywordOnly;
  const names = new Set(schema.arguments.map(({ name }) => name));
  const out = outName === undefined ? undefined : findOperator(outName);
  return {
    operator: found,
    parameters,
    places: new Map([...parameters.entries()].slice(selves).map(([i, { name }]) => [name, i])),
    selves,
    positional,
    required: parameters.findLastIndex(({ required }) => required) + 1,
    devices: [...parameters.keys()].filter((i) => parameters[i]!.device),
    spread: positional === selves + 1 && parameters[selves]!.integers ? selves : -1,
    factory: ['dtype', 'layout', 'device', 'pin_memory'].every((name) => names.has(name)),
    out: out && { operator: out, order: outOrder(schema, parseSchema(out.schema)) },
    wrap: namedResults(base, schema),
  };
}

/** For each argument of an out= operator the place of its value: in the other form's arguments, or (from -1 down) in out. */
function outOrder(schema: Schema, out: Schema): number[] {
  let next = 0;
  return out.arguments.map(({ name, type, keywordOnly }) =>
    type.written && keywordOnly ? --next : schema.arguments.findIndex((other) => other.name === name),
  );
}

/** The first `count` arguments and the options in the schema's order, or why they do not fit. */
function fit(
  form: Form,
  args: readonly unknown[],
  count: number,
  options: Options | undefined,
): readonly unknown[] | Misfit {
  const { parameters, positional, required, spread } = form;
  let placed = args;
  let length = count;
  if (spread >= 0 && count > spread && isInteger(args[spread])) {
    placed = [...args.slice(0, spread), args.slice(spread, count)];
    length = placed.length;
  }
  if (length > positional) return TOO_MANY;
  for (let i = 0; i < length; i++) {
    const value = placed[i];
    if (value !== undefined && !takes(parameters[i]!, value)) return i;
  }
  if (options !== undefined) {
    const withThem = placeOptions(form, placed, length, options);
    if (typeof withThem === 'number') return withThem;
    placed = withThem;
  } else if (length < placed.length) placed = placed.slice(0, length);
  for (let i = 0; i < required; i++) if (placed[i] === undefined && parameters[i]!.required) return i;
  return placed;
}

function placeOptions(
  form: Form,
  placed: readonly unknown[],
  length: number,
  options: Options,
): unknown[] | Misfit {
  const values: unknown[] = [];
  for (let i = 0; i < length; i++) values.push(placed[i]);
  for (const name in options) {
    const value = options[name];
    if (value === undefined) continue;
    const place = form.places.get(name);
    if (place === undefined) {
      if (isOfNoSchema(form, name, value)) continue;
      return UNKNOWN_OPTION;
    }
    if (values[place] !== undefined) return UNKNOWN_OPTION;
    if (!takes(form.parameters[place]!, value)) return place;
    while (values.length < place) values.push(undefined);
    values[place] = value;
  }
  return values;
}

const takes = (parameter: Parameter, value: unknown): boolean =>
  value === null ? parameter.nullable : parameter.accepts(value);

/** Whether an option is one that a form has beside its schema's. */
function isOfNoSchema(form: Form, name: string, value: unknown): boolean {
  return (
    (name === 'out' && (form.out !== undefined || (value === null && form.selves === 0))) ||
    (name === 'requiresGrad' && form.factory)
  );
}

/** Whether a form has an option, by its schema or beside it. */
function knows(form: Form, name: string, value: unknown): boolean {
  return form.places.has(name) || isOfNoSchema(form, name, value);
}

/** The names of all options that the forms have. */
function namesOf(forms: readonly Form[]): string[] {
  const names = forms.flatMap((form) => [
    ...form.places.keys(),
    ...(form.out === undefined ? [] : ['out']),
    ...(form.factory ? ['requiresGrad'] : []),
  ]);
  return [...new Set(names)];
}

function explain(
  form: Form,
  misfit: Misfit,
  given: readonly unknown[],
  options: Options | undefined,
): string {
  const { parameters, positional, selves } = form;
  if (misfit === TOO_MANY) {
    const named = parameters.slice(positional).map(({ name }) => name);
    return tooMany(positional - selves, given.length - selves, named);
  }
  if (misfit === UNKNOWN_OPTION) {
    const names = parameters.map(({ name }) => name);
    const passed = Object.keys(options!).filter(
      (name) => options![name] !== undefined && !isOfNoSchema(form, name, options![name]),
    );
    const twice = passed.find((name) => names.includes(name));
    const unknown = passed.find((name) => !names.includes(name));
    return unknown === undefined
      ? `'${twice!}' was given by position and among the options`
      : `there is no option '${unknown}'`;
  }
  const { name, expected, nullable, element } = parameters[misfit]!;
  const value = (misfit < given.length ? given[misfit] : undefined) ?? options?.[name];
  const wanted = `${expected}${nullable ? ' or null' : ''}`;
  if (value === undefined) return `'${name}' is missing: ${wanted}`;
  const wrong = Array.isArray(value) && element ? value.findIndex((item) => !element(item)) : -1;
  const at = wrong < 0 ? '' : `, where [${wrong}] is ${describe((value as unknown[])[wrong])}`;
  return `'${name}': expected ${wanted}, got ${describe(value)}${at}`;
}

function run(form: Form, values: readonly unknown[], options: Options | undefined): unknown {
  if (form.devices.length > 0)
    for (const i of form.devices) if (typeof values[i] === 'string') checkDevice(values[i]);
  if (options === undefined || (form.out === undefined && !form.factory))
    return form.wrap(form.operator.callList(values));
  const { out } = options;
  if (form.out !== undefined && out !== undefined && out !== null) {
    const outs: unknown[] = Array.isArray(out) ? out : [out];
    return form.wrap(
      form.out.operator.callList(form.out.order.map((i) => (i < 0 ? outs[-i - 1] : values[i]))),
    );
  }
  const result = form.wrap(form.operator.callList(values));
  if (form.factory && options['requiresGrad'] === true)
    (result as { requiresGrad: boolean }).requiresGrad = true;
  return result;
}

/** Whether as many arguments by position may be all. */
function fits({ positional, required }: Form, count: number): boolean {
  return required <= count && count <= positional;
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function isInteger(value: unknown): boolean {
  return typeof value === 'bigint' || Number.isInteger(value);
}

/**
 * Several results come as an array; where the schema names them all, its elements have these names too, as the named
 * tuples of torch.return_types have: `const { values, indices } = t.sort()`.
 */
function namedResults(base: string, { results }: Schema): (result: unknown) => unknown {
  if (results.length < 2 || results.some(({ name }) => name === undefined)) return (result) => result;
  const tuple = class extends Array<unknown> {
    // What map() and its like make has no names.
    static override get [Symbol.species](): ArrayConstructor {
      return Array;
    }
  };
  Object.defineProperty(tuple, 'name', { value: base });
  results.forEach(({ name }, i) =>
    Object.defineProperty(tuple.prototype, camelCase(name!), {
      get(this: unknown[]) {
        return this[i];
      },
    }),
  );
  return (result) => tuple.from(result as unknown[]);
}

// ---- from the table to functions ----

/** Calls a function of one of the table's namespaces by PyTorch's name for it. */
export type Caller = (name: string, args: readonly unknown[]) => unknown;

/** What calls the functions of a namespace; `prefix` is what an operator's name begins with there, as "linalg_". */
export function caller(title: string, lines: string, prefix = ''): Caller {
  const find = finder(title, lazily(() => tableOf(lines)), prefix); // prettier-ignore
  return (name, args) => find(name).call(args);
}

function finder(
  title: string,
  specs: () => Specs,
  prefix: string,
  method = false,
): (name: string) => Overloads {
  const made = new Map<string, Overloads>();
  return (name) => {
    let overloads = made.get(name);
    if (overloads === undefined) {
      // "logsigmoid log_sigmoid: default>out" says that the operator has another name.
      const line = specs().get(name)!;
      const colon = line.indexOf(': ');
      const [base, spec] = colon < 0 ? [name, line] : [line.slice(0, colon), line.slice(colon + 2)];
      const shown = `${title}.${camelCase(name.slice(prefix.length))}`;
      overloads = new Overloads(shown, base, spec, method);
      made.set(name, overloads);
    }
    return overloads;
  };
}

/** What a namespace's lines of the table say of each function. */
type Specs = ReadonlyMap<string, string>;

function lazily<T extends object>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}

function tableOf(lines: string): Specs {
  return new Map(
    lines
      .trim()
      .split('\n')
      .map((line) => {
        const space = line.indexOf(' ');
        return [line.slice(0, space), line.slice(space + 1)];
      }),
  );
}

const methods = lazily(() => tableOf(table.methods));
const findMethod = finder('Tensor', methods, '', true);

/** Calls a method of Tensor by PyTorch's name for it, for the methods that are written by hand for some forms only. */
export const callMethod: Caller = (name, args) => findMethod(name).call(args);

/** Gives a class's prototype the methods of the table that it does not have. */
export function installMethods(prototype: object): void {
  for (const name of methods().keys()) {
    const shown = camelCase(name);
    if (shown in prototype) continue;
    let overloads: Overloads | undefined;
    const method = {
      // Most calls have few arguments, and making an array of them takes as long as all of the choice.
      [shown](this: unknown, first: unknown, second: unknown, ...rest: unknown[]): unknown {
        overloads ??= findMethod(name);
        switch (arguments.length) {
          case 0:
            return overloads.callAlone(this);
          case 1:
            return overloads.callWithOne(this, first);
          case 2:
            return overloads.callWithTwo(this, first, second);
          default:
            return overloads.call([this, first, second, ...rest]);
        }
      },
    }[shown];
    Object.defineProperty(prototype, shown, { value: method, writable: true, configurable: true });
  }
}
