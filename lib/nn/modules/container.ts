// Containers: modules and parameters in lists and under names of the user's choice.
import { expectNoMore } from '../../core/options.js';
import { types } from 'node:util';
import { expectArgument, isIterable } from '../../core/checks.js';
import { describe } from '../../core/describe.js';
import type { DType } from '../../core/dtype.js';
import { TorchError, ArgumentTypeError } from '../../core/errors.js';
import { isParameter, Parameter } from '../../tensor/parameter.js';
import { isTensor, type Tensor } from '../../tensor/tensor.js';
import { indented, isModule, Module, type AnyModule } from '../module.js';
import { keepModule, modulesOf, removePart } from '../tree.js';

/** Things by their names: an object, a Map, or pairs. */
export type Named<T> = Readonly<Record<string, T>> | ReadonlyMap<string, T> | Iterable<readonly [string, T]>;

function entriesOf<T>(where: string, value: Named<T>): [string, T][] {
  if (typeof value !== 'object' || (value as unknown) === null)
    throw new ArgumentTypeError(
      where,
      `expected an object, a Map or pairs of names and values, got ${describe(value)}`,
    );
  if (isIterable(value)) return [...(value as Iterable<unknown>)].map((pair) => expectPair<T>(where, pair));
  return Object.entries(value);
}

function expectPair<T>(where: string, pair: unknown): [string, T] {
  if (Array.isArray(pair) && pair.length === 2) return [(pair as [string, T])[0], (pair as [string, T])[1]];
  throw new ArgumentTypeError(
    where,
    `expected pairs of a name and a value, got ${describe(pair)} among them`,
  );
}

function expectPlace(list: object, index: unknown): void {
  expectArgument(`${list.constructor.name}.at`, 'index', index, typeof index === 'number', 'a whole number');
}

function expectEnds(where: string, start: unknown, end: unknown): void {
  for (const [name, value] of Object.entries({ start, end })) {
    const isPlace = value === undefined || typeof value === 'number';
    expectArgument(`${where}.slice`, name, value, isPlace, 'a whole number');
  }
}

function expectModule<M extends AnyModule>(where: string, name: string, value: M): M {
  if (isModule(value)) return value;
  throw new ArgumentTypeError(where, `${name}: expected a Module, got ${describe(value)}`);
}

/** The place that an index means, from 0 to below `length`; negative ones count from the end. */
function placeOf(where: string, index: number, length: number): number {
  if (!Number.isInteger(index) || index < -length || index >= length)
    throw new TorchError(where, `index ${describe(index)} is out of range for ${length} parts`);
  return index < 0 ? index + length : index;
}

function noForward(name: string, what: string): TorchError {
  return new TorchError(name, `a ${name} has no forward: ${what}`);
}

/** Modules in a row: shared by Sequential and ModuleList. */
abstract class Listed<M extends AnyModule, Inputs extends unknown[], Output>
  extends Module<Inputs, Output>
  implements Iterable<M>
{
  /** The modules in their order. @internal */
  protected get row(): readonly M[] {
    return modulesOf(this) as readonly M[];
  }
  /** The modules with their names. @internal */
  protected get entries(): [name: string, module: M][] {
    return this.namedChildren() as [string, AnyModule][] as [string, M][];
  }

  get length(): number {
    return this.row.length;
  }
  /** The module at a place, undefined where there is none; negative places count from the end. */
  at(index: number): M | undefined {
    expectPlace(this, index);
    return this.row.at(index);
  }
  [Symbol.iterator](): IterableIterator<M> {
    return this.row[Symbol.iterator]();
  }
  /** Adds a module at the end. */
  append(module: M): this {
    const where = this.constructor.name;
    const name = String(this.length);
    this.put(name, expectModule(where, `part ${name}`, module));
    return this;
  }
  /** Adds modules at the end. */
  extend(modules: Iterable<M>): this {
    if (!isIterable(modules))
      throw new ArgumentTypeError(
        `${this.constructor.name}.extend`,
        `expected an iterable of modules, got ${describe(modules)}`,
      );
    for (const module of [...modules]) this.append(module);
    return this;
  }
  /** Adds a module before the one at a place; those behind move by one, and their keys with them. */
  insert(index: number, module: M): this {
    const where = `${this.constructor.name}.insert`;
    const length = this.length;
    if (!Number.isInteger(index) || index < -length || index > length)
      throw new TorchError(where, `index ${describe(index)} is out of range for ${length} parts`);
    const modules = [...this];
    modules.splice(index < 0 ? index + length : index, 0, expectModule(where, 'module', module));
    this.renumber(modules);
    return this;
  }
  /** Puts a module into the place of another. */
  set(index: number, module: M): this {
    const where = `${this.constructor.name}.set`;
    const place = placeOf(where, index, this.length);
    this.put(this.entries[place]![0], expectModule(where, 'module', module));
    return this;
  }
  /** Takes a module out and gives it back; those behind move by one, and their keys with them. */
  pop(index = -1): M {
    const place = placeOf(`${this.constructor.name}.pop`, index, this.length);
    const modules = [...this];
    const [taken] = modules.splice(place, 1);
    this.renumber(modules);
    return taken!;
  }
  /** @internal */
  protected put(name: string, module: M): void {
    keepModule(this, name, module);
  }
  /** @internal */
  protected renumber(modules: readonly M[]): void {
    for (const [name] of this.entries) removePart(this, name);
    for (const [i, module] of modules.entries()) this.put(String(i), module);
  }
}

/**
 * Modules in a row: each gets what the one before it gave. Their keys are "0", "1", ... or, with an object or a Map of
 * modules as the only argument, the names there. [PyTorch](https://docs.pytorch.org/docs/stable/generated/torch.nn.Sequential.html)
 */
export class Sequential extends Listed<Module, [Tensor], Tensor> {
  /** Modules that are run one after another. [PyTorch](https://docs.pytorch.org/docs/stable/generated/torch.nn.Sequential.html) */
  constructor(...modules: Module[]);
  /** The same, under names. */
  constructor(modules: Readonly<Record<string, Module>> | ReadonlyMap<string, Module>);
  constructor(...args: unknown[]) {
    super();
    const [first] = args;
    const byName =
      args.length === 1 &&
      typeof first === 'object' &&
      first !== null &&
      !isModule(first) &&
      !isTensor(first) &&
      !Array.isArray(first);
    if (!byName) {
      for (const module of args) this.append(module as Module);
      return;
    }
    for (const [name, module] of entriesOf('Sequential', first as Named<Module>)) {
      if (typeof name !== 'string' || name === '' || name.includes('.'))
        throw new TorchError('Sequential', `expected names without a dot, got ${describe(name)}`);
      this.put(name, expectModule('Sequential', `part '${name}'`, module));
    }
  }
  forward(input: Tensor): Tensor {
    let x = input;
    for (const module of this.row) x = module.forward(x);
    return x;
  }
  /** Some of the modules, as Array.slice chooses; they keep their keys. */
  slice(start?: number, end?: number): Sequential {
    expectNoMore('Sequential.slice', arguments, 2);
    expectEnds('Sequential', start, end);
    return new Sequential(new Map(this.entries.slice(start, end)));
  }
  /** The modules of this one and of another in a new one. */
  concat(other: Sequential): Sequential {
    expectNoMore('Sequential.concat', arguments, 1);
    expectArgument('Sequential.concat', 'other', other, isIterable(other), 'a Sequential');
    return new Sequential(...this, ...other);
  }
}

/** A list of modules that belongs to the tree; how they are used is the owner's affair. Keys are "0", "1", ... */
export class ModuleList<M extends AnyModule = Module> extends Listed<M, never[], never> {
  constructor(modules: Iterable<M> = []) {
    super();
    expectNoMore(new.target.name, arguments, 1);
    if (!isIterable(modules)) {
      throw new ArgumentTypeError('ModuleList', `expected an array of modules, got ${describe(modules)}`);
    }
    this.extend(modules);
  }
  forward(): never {
    throw noForward('ModuleList', 'call its modules');
  }
  /** Some of the modules, as Array.slice chooses, in a new list with keys from "0" on. */
  slice(start?: number, end?: number): ModuleList<M> {
    expectNoMore('ModuleList.slice', arguments, 2);
    expectEnds('ModuleList', start, end);
    return new ModuleList([...this].slice(start, end));
  }
  /** The modules of this list and of another in a new one. */
  concat<N extends AnyModule>(other: Iterable<N>): ModuleList<M | N> {
    expectNoMore('ModuleList.concat', arguments, 1);
    expectArgument('ModuleList.concat', 'other', other, isIterable(other), 'modules to go over');
    return new ModuleList<M | N>([...this, ...other]);
  }
  /** As PyTorch prints it: equal neighbours once, with their number. */
  override toString(): string {
    const blocks: { first: number; last: number; text: string }[] = [];
    for (const [i, module] of [...this].entries()) {
      const text = String(module);
      const before = blocks.at(-1);
      if (before?.text === text) before.last = i;
      else blocks.push({ first: i, last: i, text });
    }
    if (blocks.length === 0) return `${this.constructor.name}()`;
    const lines = blocks.map(({ first, last, text }) =>
      indented(first === last ? `(${first}): ${text}` : `(${first}-${last}): ${last - first + 1} x ${text}`),
    );
    return `${this.constructor.name}(\n  ${lines.join('\n  ')}\n)`;
  }
}

/**
 * Modules by name that belong to the tree under these names; how they are used is the owner's affair.
 *
 *     const heads = new nn.ModuleDict({ age: new nn.Linear(8, 1), sex: new nn.Linear(8, 2) });
 *     heads.get('sex').forward(x);
 */
export class ModuleDict<
  const P extends Readonly<Record<string, AnyModule>> = Readonly<Record<string, Module>>,
> extends Module<never[], never> {
  constructor(modules?: P | ReadonlyMap<string, P[string]> | Iterable<readonly [string, P[string]]>);
  constructor(modules: Named<P[string]> = {}) {
    super();
    expectNoMore(new.target.name, arguments, 1);
    this.update(modules);
  }
  forward(): never {
    throw noForward('ModuleDict', 'call its modules');
  }
  private get parts(): ReadonlyMap<string, P[string]> {
    return new Map(this.namedChildren() as [string, AnyModule][] as [string, P[string]][]);
  }
  get size(): number {
    return this.parts.size;
  }
  /** The module of that name, undefined where there is none. Names that the object held which it was made of are known. */
  get<K extends string>(
    name: K,
  ): string extends keyof P ? P[string] | undefined : K extends keyof P ? P[K] : P[keyof P] | undefined;
  get(name: string): AnyModule | undefined {
    expectNoMore('ModuleDict.get', arguments, 1);
    return this.parts.get(name);
  }
  has(name: string): boolean {
    expectNoMore('ModuleDict.has', arguments, 1);
    return this.parts.has(name);
  }
  /** Adds a module, or puts it into the place of the one of that name. */
  set(name: string, module: P[string]): this {
    expectNoMore('ModuleDict.set', arguments, 2);
    if (typeof name !== 'string' || name === '' || name.includes('.'))
      throw new ArgumentTypeError('ModuleDict', `expected a name without a dot, got ${describe(name)}`);
    keepModule(this, name, expectModule('ModuleDict', `'${name}'`, module));
    return this;
  }
  delete(name: string): boolean {
    expectNoMore('ModuleDict.delete', arguments, 1);
    const { size } = this;
    if (this.has(name)) removePart(this, name);
    return this.size < size;
  }
  /** Takes a module out and gives it back. */
  pop(name: string): P[string] {
    expectNoMore('ModuleDict.pop', arguments, 1);
    const module: P[string] | undefined = this.parts.get(name);
    if (module === undefined) throw new TorchError('ModuleDict.pop', `there is no module ${describe(name)}`);
    removePart(this, name);
    return module;
  }
  clear(): void {
    expectNoMore('ModuleDict.clear', arguments, 0);
    for (const name of this.keys()) removePart(this, name);
  }
  /** Adds modules, in the order given. */
  update(modules: Named<P[string]>): this {
    expectNoMore('ModuleDict.update', arguments, 1);
    for (const [name, module] of entriesOf('ModuleDict', modules)) this.set(name, module);
    return this;
  }
  keys(): IterableIterator<string> {
    expectNoMore('ModuleDict.keys', arguments, 0);
    return this.parts.keys();
  }
  values(): IterableIterator<P[string]> {
    expectNoMore('ModuleDict.values', arguments, 0);
    return this.parts.values();
  }
  entries(): IterableIterator<[string, P[string]]> {
    expectNoMore('ModuleDict.entries', arguments, 0);
    return this.parts.entries();
  }
  [Symbol.iterator](): IterableIterator<[string, P[string]]> {
    return this.entries();
  }
}

// A tensor becomes a Parameter, as in PyTorch.
function asParameter(value: unknown): unknown {
  return isTensor(value) && !isParameter(value) ? new Parameter(value) : value;
}

function parametersAmong(entries: Iterable<[string, unknown]>): [name: string, parameter: Parameter][] {
  return [...entries].filter((entry): entry is [string, Parameter] => isParameter(entry[1]));
}

function lineOf(name: string, value: unknown, tensorName: (tensor: Tensor) => string): string {
  if (!isTensor(value)) {
    const type = types.isProxy(value)
      ? 'Proxy'
      : ((value as { constructor?: { name?: string } } | null | undefined)?.constructor?.name ??
        typeof value);
    return `  (${name}): Object of type: ${type}`;
  }
  const place = value.device.startsWith('cuda') ? ` (${value.device})` : '';
  const kind = isParameter(value) ? 'Parameter' : 'Tensor';
  return `  (${name}): ${kind} containing: [${tensorName(value)} of size ${value.shape.join('x')}${place}]`;
}

/** A list of parameters that belongs to the tree under "0", "1", ... Tensors become parameters; other values are kept. */
export class ParameterList<T = Parameter> extends Module<never[], never> implements Iterable<T> {
  /** @internal */
  protected readonly parts: T[] = [];

  constructor(values: Iterable<T | Tensor> = []) {
    super();
    expectNoMore(new.target.name, arguments, 1);
    this.extend(values);
  }
  forward(): never {
    throw noForward('ParameterList', 'use its parameters');
  }
  override ownParameters(): [name: string, parameter: Parameter][] {
    expectNoMore('ParameterList.ownParameters', arguments, 0);
    const own = this.parts.map((value, i): [string, T] => [String(i), value]);
    return [...super.ownParameters(), ...parametersAmong(own)];
  }
  get length(): number {
    return this.parts.length;
  }
  /** The value at a place, undefined where there is none; negative places count from the end. */
  at(index: number): T | undefined {
    expectNoMore('ParameterList.at', arguments, 1);
    expectPlace(this, index);
    return this.parts.at(index);
  }
  set(index: number, value: T | Tensor): this {
    expectNoMore('ParameterList.set', arguments, 2);
    this.parts[placeOf('ParameterList.set', index, this.length)] = asParameter(value) as T;
    return this;
  }
  append(value: T | Tensor): this {
    expectNoMore('ParameterList.append', arguments, 1);
    this.parts.push(asParameter(value) as T);
    return this;
  }
  extend(values: Iterable<T | Tensor>): this {
    expectNoMore('ParameterList.extend', arguments, 1);
    if (!isIterable(values) || isTensor(values))
      throw new ArgumentTypeError(
        'ParameterList',
        `expected an array of parameters, got ${describe(values)}`,
      );
    for (const value of [...values]) this.append(value);
    return this;
  }
  slice(start?: number, end?: number): ParameterList<T> {
    expectNoMore('ParameterList.slice', arguments, 2);
    expectEnds('ParameterList', start, end);
    return new ParameterList<T>(this.parts.slice(start, end));
  }
  [Symbol.iterator](): IterableIterator<T> {
    return this.parts[Symbol.iterator]();
  }
  override extraRepr(): string {
    return this.parts.map((value, i) => lineOf(String(i), value, ({ dtype }) => `torch.${dtype}`)).join('\n');
  }
}

/** Parameters by name that belong to the tree under these names. Tensors become parameters; other values are kept. */
export class ParameterDict<T = Parameter> extends Module<never[], never> {
  /** @internal */
  protected readonly parts = new Map<string, T>();

  constructor(values: Named<T | Tensor> = {}) {
    super();
    expectNoMore(new.target.name, arguments, 1);
    this.update(values);
  }
  forward(): never {
    throw noForward('ParameterDict', 'use its parameters');
  }
  override ownParameters(): [name: string, parameter: Parameter][] {
    expectNoMore('ParameterDict.ownParameters', arguments, 0);
    return [...super.ownParameters(), ...parametersAmong(this.parts)];
  }
  get size(): number {
    return this.parts.size;
  }
  get(name: string): T | undefined {
    expectNoMore('ParameterDict.get', arguments, 1);
    return this.parts.get(name);
  }
  has(name: string): boolean {
    expectNoMore('ParameterDict.has', arguments, 1);
    return this.parts.has(name);
  }
  set(name: string, value: T | Tensor): this {
    expectNoMore('ParameterDict.set', arguments, 2);
    if (typeof name !== 'string' || name === '' || name.includes('.'))
      throw new ArgumentTypeError('ParameterDict', `expected a name without a dot, got ${describe(name)}`);
    this.parts.set(name, asParameter(value) as T);
    return this;
  }
  delete(name: string): boolean {
    expectNoMore('ParameterDict.delete', arguments, 1);
    return this.parts.delete(name);
  }
  /** Takes a value out and gives it back. */
  pop(name: string): T {
    expectNoMore('ParameterDict.pop', arguments, 1);
    const value = this.parts.get(name);
    if (value === undefined)
      throw new TorchError('ParameterDict.pop', `there is no parameter ${describe(name)}`);
    this.parts.delete(name);
    return value;
  }
  clear(): void {
    expectNoMore('ParameterDict.clear', arguments, 0);
    this.parts.clear();
  }
  /** Adds values: those of an object in the order of their names, as PyTorch does with a dict; others in their own order. */
  update(values: Named<T | Tensor>): this {
    expectNoMore('ParameterDict.update', arguments, 1);
    const entries = entriesOf('ParameterDict', values);
    if (!(Symbol.iterator in values)) entries.sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [name, value] of entries) this.set(name, value);
    return this;
  }
  keys(): IterableIterator<string> {
    expectNoMore('ParameterDict.keys', arguments, 0);
    return this.parts.keys();
  }
  values(): IterableIterator<T> {
    expectNoMore('ParameterDict.values', arguments, 0);
    return this.parts.values();
  }
  entries(): IterableIterator<[string, T]> {
    expectNoMore('ParameterDict.entries', arguments, 0);
    return this.parts.entries();
  }
  [Symbol.iterator](): IterableIterator<[string, T]> {
    return this.entries();
  }
  override extraRepr(): string {
    return [...this.parts].map(([name, value]) => lineOf(name, value, typeName)).join('\n');
  }
}

// The others have no tensor type of their own in Python.
const TYPES: Readonly<Partial<Record<DType, string>>> = {
  float32: 'Float', float64: 'Double', float16: 'Half', bfloat16: 'BFloat16', uint8: 'Byte', int8: 'Char', int16: 'Short', int32: 'Int',
  int64: 'Long', bool: 'Bool', complex64: 'ComplexFloat', complex128: 'ComplexDouble',
}; // prettier-ignore

// What Tensor.type() gives in Python.
function typeName(tensor: Tensor): string {
  return `torch.${tensor.device.startsWith('cuda') ? 'cuda.' : ''}${TYPES[tensor.dtype] ?? ''}Tensor`;
}
