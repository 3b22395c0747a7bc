// Accessors of what is registered in a module: assignments are checked at once, and reading costs what a property costs.
import { Script } from 'node:vm';

/** Where a module keeps what is registered. @hidden */
export const internals = Symbol('torch-node.nn.internals');

/** Assigns to a property of a module that something is registered under. @internal */
export type Assign = (module: object, property: string, value: unknown) => void;

// What the script makes.
interface Accessor {
  readonly get: (this: object) => unknown;
  readonly set: (this: object, value: unknown) => void;
  readonly enumerable: true;
  readonly configurable: true;
}
type Make = (kept: symbol, slot: symbol, property: string, assign: Assign) => Accessor;

// V8 learns of the objects that a function meets, and what one place in a source makes shares that: a getter for the modules
// of all classes reads in 7 ns, a data property in 1. The script is run for each class and name, so that each has functions
// of its own, which V8 inlines.
const script = new Script(
  `'use strict';
(kept, slot, property, assign) => ({
  get() { return this[kept][slot]?.value; },
  set(value) { assign(this, property, value); },
  enumerable: true,
  configurable: true,
});`,
  { filename: 'torch-node/nn/accessors' },
);

const slots = new Map<string, symbol>();
const known = new WeakMap<object, Map<string, PropertyDescriptor>>();
const getters = new WeakSet<object>();

/** The key of a property's registered part among a module's internals. @internal */
export function slotOf(property: string): symbol {
  let slot = slots.get(property);
  if (slot === undefined) slots.set(property, (slot = Symbol(property)));
  return slot;
}

/** The accessor of a property, one for each class. @internal */
export function accessorOf(module: object, property: string, assign: Assign): PropertyDescriptor {
  const prototype = Object.getPrototypeOf(module) as object;
  let ofClass = known.get(prototype);
  if (ofClass === undefined) known.set(prototype, (ofClass = new Map<string, PropertyDescriptor>()));
  let accessor = ofClass.get(property);
  if (accessor === undefined) {
    const make = script.runInThisContext() as Make;
    const made = make(internals, slotOf(property), property, assign);
    getters.add(made.get);
    ofClass.set(property, (accessor = made));
  }
  return accessor;
}

/** Whether a property is one of these accessors. @internal */
export function isAccessor(property: PropertyDescriptor | undefined): boolean {
  const getter: object | undefined = property && Reflect.get(property, 'get');
  return getter !== undefined && getters.has(getter);
}
