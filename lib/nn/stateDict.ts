// State dicts of module trees: what they hold, and how they are loaded.
import { types } from 'node:util';
import { noGrad } from '../autograd/gradMode.js';
import { describe } from '../core/describe.js';
import { ArgumentTypeError, TorchError } from '../core/errors.js';
import { isOptions } from '../core/options.js';
import { isTensor, type Tensor } from '../tensor/tensor.js';
import type { AnyModule } from './module.js';
import { internals } from './tree.js';
import { isUninitialized } from './uninitialized.js';

/** Tensors by their names in a module tree, as "0.weight". */
export type StateDict = Record<string, Tensor>;

/** Keys that a state dict lacks, and those that the module does not know. */
export interface IncompatibleKeys {
  missing: string[];
  unexpected: string[];
}

/** @internal */
export type StatePreHook = (module: AnyModule, prefix: string) => void;
/** @internal */
export type StateHook = (module: AnyModule, state: StateDict, prefix: string) => void;
/** @internal */
export type LoadPostHook = (module: AnyModule, keys: IncompatibleKeys) => void;

/** Adds what a module and all below it hold. @internal */
export function collect(module: AnyModule, state: StateDict, prefix: string): void {
  const { stateHooks } = module[internals];
  for (const hook of stateHooks.statePre) hook(module, prefix);
  for (const [name, tensor] of ownState(module))
    setKey(state, prefix + name, isUninitialized(tensor) ? tensor : tensor.detach());
  for (const [name, child] of module.namedChildren()) collect(child, state, `${prefix}${name}.`);
  for (const hook of stateHooks.statePost) hook(module, state, prefix);
}

/** @internal */
export function load(root: AnyModule, state: unknown, strict: boolean): IncompatibleKeys {
  const given = copyOf(state);
  // A module that stands in two places has its keys in both.
  const places: [prefix: string, module: AnyModule][] = [];
  const visit = (module: AnyModule, prefix: string): void => {
    places.push([prefix, module]);
    for (const hook of module[internals].stateHooks.loadPre) hook(module, given, prefix);
    for (const [name, child] of module.namedChildren()) visit(child, `${prefix}${name}.`);
  };
  visit(root, '');
  const own = new Map(
    places.flatMap(([prefix, module]) =>
      ownState(module).map(([name, tensor]): [string, Tensor] => [prefix + name, tensor]),
    ),
  );
  const keys: IncompatibleKeys = {
    missing: [...own.keys()].filter((key) => !Object.hasOwn(given, key)),
    unexpected: Object.keys(given).filter((key) => !own.has(key)),
  };
  for (const [, module] of places.toReversed())
    for (const hook of module[internals].stateHooks.loadPost) hook(module, keys);
  const loaded = Object.entries(given).flatMap(([key, value]): [string, unknown, Tensor][] => {
    const target = own.get(key);
    return target === undefined ? [] : [[key, value, target]];
  });
  const problems = [
    ...(strict && keys.missing.length > 0 ? [`missing keys: ${keys.missing.join(', ')}`] : []),
    ...(strict && keys.unexpected.length > 0 ? [`unexpected keys: ${keys.unexpected.join(', ')}`] : []),
    ...loaded.flatMap(([key, value, target]) => misfit(key, value, target) ?? []),
  ];
  if (problems.length > 0) {
    throw new TorchError(
      'Module.loadStateDict',
      `the state dict does not fit ${root.constructor.name}:\n  ${problems.join('\n  ')}`,
    );
  }
  noGrad(() => {
    // What fits and is not initialised belongs to two lazy modules, which have nothing to give yet.
    for (const [, value, target] of loaded)
      if (!isUninitialized(value as Tensor))
        target.copy_(isOldScalar(value as Tensor, target) ? (value as Tensor).at(0) : (value as Tensor));
  });
  return keys;
}

function ownState(module: AnyModule): [name: string, tensor: Tensor][] {
  return [...module.ownParameters(), ...module.ownBuffers(true)];
}

// '__proto__' is a name as any other.
function setKey(state: StateDict, key: string, value: Tensor): void {
  if (key === '__proto__')
    Object.defineProperty(state, key, { value, configurable: true, enumerable: true, writable: true });
  else state[key] = value;
}

// The hooks may change it.
function copyOf(state: unknown): StateDict {
  if (!types.isMap(state)) {
    if (isOptions(state)) return { ...state } as StateDict;
    throw new ArgumentTypeError(
      'Module.loadStateDict',
      `state: expected an object or a Map of tensors by their names, got ${describe(state)}${types.isPromise(state) ? ': await it first' : ''}`,
    );
  }
  const copy: StateDict = {};
  for (const [key, value] of state) {
    if (typeof key !== 'string')
      throw new ArgumentTypeError(
        'Module.loadStateDict',
        `state: expected names as the keys of the Map, got ${describe(key)} among them`,
      );
    setKey(copy, key, value as Tensor);
  }
  return copy;
}

// Before PyTorch 0.4 what has no dimensions was saved in one.
function isOldScalar(value: Tensor, target: Tensor): boolean {
  return target.ndim === 0 && value.ndim === 1 && value.numel > 0;
}

function misfit(key: string, value: unknown, target: Tensor): string | undefined {
  if (!isTensor(value)) return `${key}: expected a Tensor, got ${describe(value)}`;
  if (isUninitialized(value))
    return isUninitialized(target)
      ? undefined
      : `${key}: the state dict is that of a lazy module before its first batch, which has no values yet`;
  if (String(value.shape) === String(target.shape) || isOldScalar(value, target)) return undefined;
  return `${key}: the shape [${value.shape.join(', ')}] in the state dict does not fit the module's [${target.shape.join(', ')}]`;
}
