// The one way to call an operator: found by its schema name, called with arguments in the schema's order.
import type { AtenOperators } from './generated/aten.js';
import * as table from './generated/table.js';
import { native, type OperatorDescription } from '../native/binding.js';
import { tagged, untagged } from './taggedValues.js';
import { asTorchError, TorchError, ArgumentTypeError, UnknownOptionError } from '../core/errors.js';
import { inOurNames } from '../core/messages.js';
import { camelCase, nearest } from '../core/names.js';
import { describe } from '../core/describe.js';
import { handleKind, handleOf, isHandled, isHandledTensor, type Handled } from '../core/handles.js';
import { expectNoMore, isOptions } from '../core/options.js';
import { isNumeric } from '../core/scalar.js';
import { packed } from './integers.js';

native.onWarning((text) => process.emitWarning(inOurNames(text), 'TorchWarning'));

// Set by tensor.ts and nativeObject.ts, which need this file for their methods: the classes that results are wrapped in.
let wrap: (handle: number) => Handled;
let wrapObject: (handle: number) => Handled;
export function wrapResultsWith(construct: (handle: number) => Handled): void {
  wrap = construct;
}
export function wrapObjectsWith(construct: (handle: number) => Handled): void {
  wrapObject = construct;
}

/** The kinds of arguments, as numbers: strings that come from the native side are slow to compare. */
const KINDS = {
  plain: 0,
  tensor: 1,
  'tensor?': 1,
  tensors: 2,
  generator: 3,
  integers: 4,
  tagged: 5,
} as const;

/** How what is called under a description is called, with arguments as the native side takes them. @internal */
export interface Invocation {
  readonly now: (encoded: readonly unknown[]) => unknown;
  readonly later: (encoded: readonly unknown[]) => Promise<unknown>;
}

/** An operator of the linked libtorch. */
export class Operator {
  /** As in "aten::add.Tensor". */
  readonly name: string;
  /** In PyTorch's words: "aten::add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor". */
  readonly schema: string;
  /** @internal */
  readonly id: number;
  readonly #description: OperatorDescription;
  /** Of each argument. */
  readonly #kinds: readonly number[];
  readonly #wrapsOne: boolean;
  /**
   * Whether a number may stand for a tensor: beside another one, as with operators between numbers and tensors. Reductions
   * of libtorch's that are given one alone read and write past its memory; Python takes none there either.
   */
  readonly #takesNumbers: boolean;
  /** How many of the first arguments are tensors that have to be there. */
  readonly #leadingTensors: number;

  readonly #invocation: Invocation | undefined;

  /** @internal */
  constructor(name: string, description: OperatorDescription, invocation?: Invocation) {
    this.name = name;
    this.#invocation = invocation;
    this.schema = description.schema;
    this.id = description.id;
    this.#description = description;
    this.#kinds = description.arguments.map(({ kind }) => KINDS[kind]);
    const tensors = description.arguments.filter(
      ({ kind, keywordOnly }) => /^tensor/.test(kind) && !keywordOnly,
    );
    this.#takesNumbers = tensors.length > 1;
    const [first] = description.results;
    const other = description.arguments.findIndex(({ kind }) => kind !== 'tensor');
    this.#leadingTensors = other < 0 ? description.arguments.length : other;
    this.#wrapsOne = description.results.length === 1 && first?.kind === 'tensor' && first.argument < 0;
  }

  /** Names of the schema's arguments, in order. */
  get argumentNames(): string[] {
    return this.#description.arguments.map((argument) => argument.name);
  }

  /** Whether a tensor is all that has to be given. @internal */
  get takesOneTensor(): boolean {
    const [first, ...others] = this.#description.arguments;
    return (
      first !== undefined && KINDS[first.kind] === KINDS.tensor && !others.some(({ required }) => required)
    );
  }

  /** How many results it gives. @internal */
  get resultCount(): number {
    return this.#description.results.length;
  }

  /**
   * Calls the operator with arguments in the schema's order; those left out or undefined take the schema's defaults.
   * In-place and out= forms give back the tensor that was passed. @internal
   */
  call(...args: unknown[]): unknown {
    return this.callList(args);
  }

  /** call() with the arguments in an array. @internal */
  callList(args: readonly unknown[]): unknown {
    const result = this.#pass(args, this.#invocation?.now);
    return this.#wrapsOne ? wrap(result as number) : this.#results(result, args);
  }

  /** callList() on a thread of libuv's pool, where the invocation has such a form. @internal */
  async callLater(args: readonly unknown[]): Promise<unknown> {
    try {
      const result = await this.#pass(args, this.#invocation!.later);
      return this.#wrapsOne ? wrap(result as number) : this.#results(result, args);
    } catch (error) {
      throw this.#fail(error, args);
    }
  }

  /** Encodes the arguments and calls. */
  #pass<T>(args: readonly unknown[], invoke: ((encoded: readonly unknown[]) => T) | undefined): T {
    const encoded: unknown[] = new Array(args.length);
    let temporary = 0;
    try {
      for (let i = 0; i < args.length; i++) {
        const value = args[i];
        const kind = this.#kinds[i];
        if (kind === undefined || kind === KINDS.plain || value === undefined || value === null)
          encoded[i] = value;
        else if (kind === KINDS.integers) encoded[i] = packed(value);
        else if (kind === KINDS.tensors) encoded[i] = this.#list(i, value);
        else if (kind === KINDS.tagged) encoded[i] = tagged(value);
        else if (
          isHandled(value) &&
          handleKind(value) === (kind === KINDS.generator ? 'generator' : 'tensor')
        )
          encoded[i] = value[handleOf];
        else if (kind !== KINDS.generator && this.#takesNumbers && temporary === 0 && isNumeric(value)) {
          encoded[i] = temporary = native.wrappedNumber(value);
        } else throw this.#mismatch(i, value);
      }
      return invoke === undefined ? (callNative(this.id, encoded) as T) : invoke(encoded);
    } catch (error) {
      throw this.#fail(error, args);
    } finally {
      if (temporary !== 0) native.releaseTensor(temporary);
    }
  }

  /**
   * call() for a tensor alone, with one or two others or with a list of integers, which most calls of a training loop are: no
   * arrays are made on the way. Anything else goes to call(). @internal
   */
  callTensors(first: Handled, second?: unknown, third?: unknown): unknown {
    if (this.#wrapsOne && this.#leadingTensors > 0) {
      try {
        if (second === undefined) return wrap(native.callOperator(this.id, first[handleOf]) as number);
        if (this.#leadingTensors > 1) {
          if (isHandledTensor(second)) {
            const handle = second[handleOf];
            if (third === undefined)
              return wrap(native.callOperator(this.id, first[handleOf], handle) as number);
            if (this.#kinds[2] === KINDS.tensor && isHandledTensor(third))
              return wrap(native.callOperator(this.id, first[handleOf], handle, third[handleOf]) as number);
          }
        } else if (third === undefined && this.#kinds[1] === KINDS.integers) {
          return wrap(native.callOperator(this.id, first[handleOf], packed(second)) as number);
        }
      } catch (error) {
        throw this.#fail(error, trimmed(first, second, third));
      }
    }
    return this.callList(trimmed(first, second, third));
  }

  /** Whether callTwoTensors() may call it. @internal */
  get takesTwoTensors(): boolean {
    return this.#wrapsOne && this.#leadingTensors > 1;
  }

  /** call() for two tensors, of an operator that gives one of them. @internal */
  callTwoTensors(first: Handled, second: Handled): unknown {
    try {
      return wrap(native.callOperator(this.id, first[handleOf], second[handleOf]) as number);
    } catch (error) {
      throw this.#fail(error, [first, second]);
    }
  }

  #list(index: number, value: unknown): unknown[] {
    if (!Array.isArray(value)) throw this.#mismatch(index, value);
    return value.map((item: unknown) => {
      if (item === null || item === undefined) return null;
      if (isHandledTensor(item)) return item[handleOf];
      throw this.#mismatch(index, item);
    });
  }

  #results(result: unknown, args: readonly unknown[]): unknown {
    const kinds = this.#description.results;
    if (kinds.length === 0) return undefined;
    const one = (value: unknown, i: number): unknown => {
      const kind = kinds[i]!;
      if (kind.argument >= 0) return args[kind.argument];
      if (kind.kind === 'tensor' || kind.kind === 'tensor?')
        return value === 0 || value === null ? null : wrap(value as number);
      if (kind.kind === 'tensors')
        return (value as number[]).map((handle) => (handle === 0 ? null : wrap(handle)));
      if (kind.kind === 'tagged') return untagged(value, { tensor: wrap, object: wrapObject });
      return value;
    };
    return kinds.length === 1 ? one(result, 0) : (result as unknown[]).map(one);
  }

  #mismatch(index: number, value: unknown): TorchError {
    const argument = this.#description.arguments[index]!;
    const kind =
      argument.kind === 'tensors'
        ? 'an array of tensors'
        : argument.kind === 'generator'
          ? 'a Generator'
          : 'a Tensor';
    return new ArgumentTypeError(
      this.name,
      `argument '${argument.name}' (${argument.type}): expected ${kind}, got ${describe(value)}`,
    );
  }

  #fail(error: unknown, args: readonly unknown[]): unknown {
    const names = this.argumentNames;
    return asTorchError(
      this.name,
      error,
      () =>
        args.flatMap((value, i) =>
          value === undefined ? [] : [`${camelCase(names[i] ?? String(i))}: ${describe(value)}`],
        ),
      names,
    );
  }
}

/** Arguments without the undefined ones at the end. */
function trimmed(first: unknown, second: unknown, third: unknown): readonly unknown[] {
  return third !== undefined ? [first, second, third] : second !== undefined ? [first, second] : [first];
}

// Spreading an array costs more than all else here.
function callNative(id: number, encoded: readonly unknown[]): unknown {
  switch (encoded.length) {
    case 1:
      return native.callOperator(id, encoded[0]);
    case 2:
      return native.callOperator(id, encoded[0], encoded[1]);
    case 3:
      return native.callOperator(id, encoded[0], encoded[1], encoded[2]);
    case 4:
      return native.callOperator(id, encoded[0], encoded[1], encoded[2], encoded[3]);
    case 5:
      return native.callOperator(id, encoded[0], encoded[1], encoded[2], encoded[3], encoded[4]);
    default:
      return native.callOperator(id, ...encoded);
  }
}

const found = new Map<string, Operator>();

/** The operator with a schema name such as "aten::relu" or "aten::add.Tensor". Throws a TorchError when there is none. */
export function operator(name: string): Operator {
  const result = findOperator(name);
  if (result === undefined) throw new TorchError(name, unknownOperator(name));
  return result;
}

/** The operator with a schema name, or undefined where the linked libtorch has none. */
export function findOperator(name: string): Operator | undefined {
  let result = found.get(name);
  if (result === undefined) {
    const point = name.lastIndexOf('.');
    const [base, overload] = point < 0 ? [name, ''] : [name.slice(0, point), name.slice(point + 1)];
    const description = base.includes('::') ? native.findOperator(base, overload) : null;
    if (description === null) return undefined;
    result = new Operator(name, description);
    found.set(name, result);
  }
  return result;
}

function unknownOperator(name: string): string {
  if (!name.includes('::')) return `an operator's name has a namespace, as "aten::${name}"`;
  if (isTabled(name)) return lacking();
  const version = native.libtorchVersion();
  const base = name.split('.')[0]!;
  const near = native.operatorNames().filter((other) => other === base || other.startsWith(`${base}.`));
  return near.length > 0
    ? `libtorch ${version} has no such overload; it has ${near.join(', ')}`
    : `libtorch ${version} has no such operator`;
}

/** For operators of the version that lib/operators/generated was made from which the linked libtorch lacks. */
export function lacking(): string {
  const version = native.libtorchVersion();
  const older = version.localeCompare(table.generatedFrom, undefined, { numeric: true }) < 0;
  return older
    ? `needs libtorch ${table.generatedFrom} or later; this is ${version}`
    : `libtorch ${table.generatedFrom} has it; ${version}, the one in use, does not`;
}

function isTabled(name: string): boolean {
  const [, base, overload = 'default'] = /^aten::(\w+)(?:\.(\w+))?$/.exec(name) ?? [];
  if (base === undefined) return false;
  const line = new RegExp(`^${base} (.*)$`, 'm').exec(table.operators)?.[1];
  return line?.split(' ').includes(overload) ?? false;
}

/**
 * Every operator that the linked libtorch has, by its schema name. Arguments come in the schema's order; the
 * keyword-only ones may also be given in an object at the end: `ops.aten.add.Tensor(a, b, { alpha: 2 })`.
 */
export const ops: {
  readonly aten: AtenOperators;
  /** `ops.call('aten::add.Tensor', [a, b])` */
  call(name: string, args: readonly unknown[], options?: Readonly<Record<string, unknown>>): unknown;
  /** The schema, in PyTorch's words. */
  schema(name: string): string;
  /** The names of all operators. */
  names(): string[];
} = {
  // The types are those of the version that lib/operators/generated was made from.
  aten: namespace('aten') as AtenOperators,
  call(name, args, options) {
    expectNoMore('ops.call', arguments, 3);
    return callByName(operator(name), args, options);
  },
  schema(name) {
    expectNoMore('ops.schema', arguments, 1);
    return operator(name).schema;
  },
  names() {
    expectNoMore('ops.names', arguments, 0);
    return native.operatorNames();
  },
};

function namespace(space: string): unknown {
  return lookUp((base) => {
    const form =
      (overload: string) =>
      (...args: unknown[]) => {
        const last = args.at(-1);
        const options = isOptions(last) ? last : undefined;
        return callByName(
          operator(`${space}::${base}${overload === 'default' ? '' : `.${overload}`}`),
          options ? args.slice(0, -1) : args,
          options,
        );
      };
    return lookUp(form, form('default'));
  });
}

// An object (or function) whose string properties are made when they are asked for.
function lookUp<T>(make: (name: string) => T, target: object = {}): Readonly<Record<string, T>> {
  return new Proxy(target, {
    get: (object, name) =>
      typeof name === 'string' && !(name in object) ? make(name) : (Reflect.get(object, name) as unknown),
  }) as Readonly<Record<string, T>>;
}

function callByName(
  op: Operator,
  args: readonly unknown[],
  options?: Readonly<Record<string, unknown>>,
): unknown {
  if (options === undefined) return op.call(...args);
  const names = op.argumentNames;
  const all = [...args];
  for (const [name, value] of Object.entries(options)) {
    // Some of the schemas' own names have capitals, as linalg_vander's N.
    const inSchema = names.includes(name)
      ? name
      : name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    const index = names.indexOf(inSchema);
    if (index < 0) {
      const meant = nearest(name, names.map(camelCase));
      const hint = meant === undefined ? '' : ` (did you mean ${meant}?)`;
      throw new UnknownOptionError(
        op.name,
        `there is no argument '${name}'${hint}; the schema is ${op.schema}`,
      );
    }
    if (index < args.length) throw new TorchError(op.name, `argument '${name}' is given twice`);
    all[index] = value;
  }
  return op.call(...all);
}
