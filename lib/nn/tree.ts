// What is registered in a module, and under which names: the rules of Python's nn.Module.__setattr__ and register_*().
//
// What register*() is given becomes an accessor at once, so that assignments are checked. A data property (a class field, an
// assignment to a new name) cannot be seen when it is made: the next look at the tree registers it, in the order of the
// properties.
import { describe } from '../core/describe.js';
import { ArgumentTypeError, TorchError } from '../core/errors.js';
import { isParameter, type Parameter } from '../tensor/parameter.js';
import { isTensor, type Tensor } from '../tensor/tensor.js';
import { accessorOf, internals, isAccessor, slotOf } from './accessors.js';
import { copied, copyProperty, type Copies } from './deepcopy.js';
import { ModuleHooks } from './hooks.js';
import type { AnyModule } from './module.js';
import type { LoadPostHook, StateHook, StatePreHook } from './stateDict.js';

export { internals } from './accessors.js';

/** Marks modules: classes of another realm fail instanceof. @internal */
export const brand = Symbol.for('torch-node.nn.Module');

/** Whether a value is a Module; works across realms. */
export function isModule(value: unknown): value is AnyModule {
  return typeof value === 'object' && value !== null && brand in value;
}

interface Values {
  parameter: Parameter;
  buffer: Tensor;
  module: AnyModule;
}
type Kind = keyof Values;

interface Part {
  readonly name: string;
  readonly kind: Kind;
  value: Values[Kind] | null;
  /** Whether it is part of the state dict. */
  persistent: boolean;
  /** The property that it is read from; undefined where there is none. */
  readonly property: string | undefined;
}

/** What a module keeps that is not a property of its own. @internal */
export class Internals {
  /** All that is registered, each kind in the order of its registration. */
  readonly parts = new Map<string, Part>();
  /** How many of them are read from a property. */
  shown = 0;
  /** The modules in their order, until a part changes. */
  row: readonly AnyModule[] | undefined;
  hooks: ModuleHooks | undefined;
  readonly stateHooks = {
    statePre: new Set<StatePreHook>(),
    statePost: new Set<StateHook>(),
    loadPre: new Set<StateHook>(),
    loadPost: new Set<LoadPostHook>(),
  };
  /** The part that a property shows, by slotOf() of the property. */
  [slot: symbol]: Part | undefined;
}

const KINDS: Readonly<
  Record<Kind, { is: (value: unknown) => boolean; called: string; expected: string; where: string }>
> = {
  parameter: { is: isParameter, called: 'parameter', expected: 'Parameter', where: 'registerParameter' },
  buffer: { is: isTensor, called: 'buffer', expected: 'Tensor', where: 'registerBuffer' },
  module: { is: isModule, called: 'child module', expected: 'Module', where: 'registerModule' },
};

/** The parts of one kind but those that are null; of buffers perhaps only those of the state dict. @internal */
export function partsOf<K extends Kind>(
  module: AnyModule,
  kind: K,
  persistent = false,
): [name: string, value: Values[K]][] {
  const found: [string, Values[K]][] = [];
  for (const part of settled(module).parts.values())
    if (part.kind === kind && part.value !== null && (part.persistent || !persistent))
      found.push([part.name, part.value as Values[K]]);
  return found;
}

/** The modules of a container, in their order. @internal */
export function modulesOf(module: AnyModule): readonly AnyModule[] {
  const own = settled(module);
  return (own.row ??= partsOf(module, 'module').map(([, child]) => child));
}

/** The internals of a module, after all its properties have been looked at. @internal */
export function settled(module: AnyModule): Internals {
  const own = module[internals];
  const values = module as unknown as Readonly<Record<string, unknown>>;
  let found = false;
  let shown = 0;
  for (const key of Object.keys(values)) {
    if (key === 'training') continue;
    if (own[slotOf(key)] === undefined) {
      const value = values[key];
      found ||= isModule(value) || isParameter(value) || own.parts.has(key);
    } else if (isAccessor(Object.getOwnPropertyDescriptor(values, key))) shown++;
  }
  if (found || shown !== own.shown) settle(module, own);
  return own;
}

// Takes the data properties into the tree, and out of it what was deleted or covered by an accessor of the user's.
function settle(module: AnyModule, own: Internals): void {
  const data = new Map<string, unknown>();
  for (const key of Object.keys(module)) {
    const property = Object.getOwnPropertyDescriptor(module, key)!;
    if ('value' in property) data.set(key, property.value);
  }
  for (const part of own.parts.values()) {
    if (part.property === undefined || data.has(part.property)) continue;
    if (!isAccessor(Object.getOwnPropertyDescriptor(module, part.property))) forget(own, part);
  }
  const show: string[] = [];
  const problems: unknown[] = [];
  for (const [key, value] of data) {
    const part = own[slotOf(key)] ?? own.parts.get(key);
    if (part === undefined && !isModule(value) && !isParameter(value)) continue;
    try {
      // A field that was declared and not assigned holds undefined.
      if (part === undefined || (value !== undefined && value !== part.value))
        put(module, own, part?.name ?? key, value, part === undefined ? key : part.property);
    } catch (error) {
      problems.push(error);
    }
    if (part === undefined || part.property === key) show.push(key);
    else delete (module as unknown as Record<string, unknown>)[key];
  }
  showParts(module, show);
  for (const problem of problems) throw problem;
}

// Python's rule of what may take whose place.
function put(
  module: AnyModule,
  own: Internals,
  name: string,
  given: unknown,
  property: string | undefined,
): void {
  const before = own.parts.get(name)?.kind;
  const value = given ?? null;
  const kind =
    isParameter(value) ? 'parameter'
    : before === 'parameter' ? 'parameter'
    : isModule(value) ? 'module'
    : (before ?? 'buffer'); // prettier-ignore
  const { is, called, expected } = KINDS[kind];
  if (value !== null && !is(value))
    throw new ArgumentTypeError(
      `${module.constructor.name}.${property ?? name}`,
      `cannot assign ${describe(value)} as ${called} '${name}' (${expected} or null expected)`,
    );
  setPart(own, kind, name, value as Values[Kind] | null, property);
}

function setPart(
  own: Internals,
  kind: Kind,
  name: string,
  value: Values[Kind] | null,
  property: string | undefined,
  persistent?: boolean,
): void {
  own.row = undefined;
  // The tensors of a module belong to no scope.
  if (isTensor(value)) value.keep();
  const before = own.parts.get(name);
  if (before?.kind === kind) {
    before.value = value;
    before.persistent = persistent ?? before.persistent;
    return;
  }
  const part: Part = { name, kind, value, persistent: persistent ?? true, property };
  if (before !== undefined) forget(own, before);
  own.parts.set(name, part);
  if (property === undefined) return;
  own.shown++;
  own[slotOf(property)] = part;
}

function forget(own: Internals, part: Part): void {
  own.row = undefined;
  own.parts.delete(part.name);
  if (part.property === undefined) return;
  own.shown--;
  own[slotOf(part.property)] = undefined;
}

function assign(holder: object, property: string, value: unknown): void {
  const module = holder as AnyModule;
  const own = module[internals];
  put(module, own, own[slotOf(property)]?.name ?? property, value, property);
}

// Makes properties accessors. One that takes a data property's place would turn the object into a dictionary, whose properties
// are slow to read: it does not when the properties behind it are taken off, the last one first, and put on again.
function showParts(module: AnyModule, properties: readonly string[]): void {
  const keys = Object.keys(module);
  const first = keys.findIndex((key) => properties.includes(key));
  const behind = first === -1 ? [] : keys.slice(first);
  const before = behind.map((key) => Object.getOwnPropertyDescriptor(module, key)!);
  // Of a module that is sealed or frozen the properties stay as they are.
  if (!Object.isExtensible(module) || before.some(({ configurable }) => !configurable)) return;
  for (const key of behind.toReversed()) delete (module as unknown as Record<string, unknown>)[key];
  behind.forEach((key, i) => {
    const property = properties.includes(key) ? accessorOf(module, key, assign) : before[i]!;
    Object.defineProperty(module, key, property);
  });
  for (const key of properties)
    if (!Object.hasOwn(module, key)) Object.defineProperty(module, key, accessorOf(module, key, assign));
}

/** Registers a parameter, a buffer or a module, as Python's register_*() do. @internal */
export function registerPart(
  module: AnyModule,
  kind: Kind,
  name: string,
  given: unknown,
  persistent?: boolean,
): void {
  const { is, expected, where } = KINDS[kind];
  if (typeof name !== 'string' || name === '' || name.includes('.'))
    throw new ArgumentTypeError(
      `Module.${where}`,
      `expected a name that is not empty and has no dot in it, got ${describe(name)}`,
    );
  const value = given ?? null;
  if (value !== null && !is(value))
    throw new ArgumentTypeError(
      `Module.${where}`,
      `'${name}': expected a ${expected} or null, got ${describe(value)}`,
    );
  const own = settled(module);
  const before = own.parts.get(name);
  // What all objects have, as `constructor`, is read in other ways.
  const shown = name in Object.prototype ? undefined : module.propertyOf(name);
  const property = before === undefined ? shown : before.property;
  const taken = before === undefined ? property !== undefined && isTaken(module, property, value) : before.kind !== kind; // prettier-ignore
  if (taken) throw new TorchError(`Module.${where}`, `the module has a property '${name}' already`);
  setPart(own, kind, name, value as Values[Kind] | null, property, persistent);
  if (property !== undefined && before === undefined) showParts(module, [property]);
}

// A field that holds nothing yet is free, and one that holds the tensor itself stands for it.
function isTaken(module: AnyModule, property: string, value: unknown): boolean {
  const own = Object.getOwnPropertyDescriptor(module, property);
  if (own === undefined) return property in module;
  return !('value' in own && (own.value === undefined || own.value === null || own.value === value));
}

/** Registers a module under a name that no property shows: those of containers. @internal */
export function keepModule(container: AnyModule, name: string, module: AnyModule): void {
  setPart(settled(container), 'module', name, module, undefined);
}

/** Puts another tensor into the place of one. @internal */
export function replacePart(module: AnyModule, name: string, value: Tensor): void {
  const own = settled(module);
  const part = own.parts.get(name);
  // Modules that keep their tensors elsewhere have none of the name here.
  if (part === undefined)
    throw new TorchError(`${module.constructor.name}.to`, `'${name}' cannot be moved to or from meta`);
  setPart(own, part.kind, name, value, part.property);
}

/** Takes a part out, and gives it back. @internal */
export function removePart(module: AnyModule, name: string): Parameter | Tensor | AnyModule | null {
  const own = settled(module);
  const part = own.parts.get(name);
  if (part === undefined) return null;
  forget(own, part);
  if (part.property !== undefined) delete (module as unknown as Record<string, unknown>)[part.property];
  return part.value;
}

/** Gives a new object the properties, parts and hooks of a module. @internal */
export function copyModule(from: AnyModule, to: AnyModule, copies: Copies): void {
  const own = settled(from);
  const copy = new Internals();
  Object.defineProperty(to, internals, { value: copy, configurable: true, enumerable: true, writable: true });
  for (const { name, kind, value, property, persistent } of own.parts.values())
    setPart(copy, kind, name, copied(value, copies) as typeof value, property, persistent);
  for (const key of Reflect.ownKeys(from)) {
    if (Object.hasOwn(to, key) || (key === 'forward' && own.hooks !== undefined)) continue;
    const property = Object.getOwnPropertyDescriptor(from, key)!;
    if (isAccessor(property)) Object.defineProperty(to, key, accessorOf(to, key as string, assign));
    else copyProperty(to, key, property, copies);
  }
  if (own.hooks !== undefined) own.hooks.copyTo(to, (copy.hooks = new ModuleHooks()));
  for (const kind of ['statePre', 'statePost', 'loadPre', 'loadPost'] as const)
    for (const hook of own.stateHooks[kind]) copy.stateHooks[kind].add(hook as never);
}
