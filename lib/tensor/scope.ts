// Scopes: tensors made inside one are released when it ends. The current scope follows asynchronous calls, so that
// two async functions that take turns each keep their own.
import { expectNoMore } from '../core/options.js';
import { AsyncLocalStorage } from 'node:async_hooks';
import { types } from 'node:util';
import { describe } from '../core/describe.js';
import { native } from '../native/binding.js';
import { ArgumentTypeError } from '../core/errors.js';
import { visit } from '../core/tree.js';

/** What a scope needs of a tensor; Tensor implements it. */
export interface Scoped {
  readonly disposed: boolean;
  /** Moves the tensor from one scope to another, or to the garbage collector; not when another owns it. @internal */
  [moveTo](from: Scope, to: Scope | undefined): void;
  /** Gives up the handle and says which it was; 0 when there was none, or when another scope owns it. @internal */
  [surrender](from: Scope): number;
}

export const moveTo = Symbol('torch-node.moveTo');
export const surrender = Symbol('torch-node.surrender');

const storage = new AsyncLocalStorage<Scope>();
let scratch = new Uint32Array(256);

export class Scope {
  #tensors: Scoped[] = [];
  #open = true;
  #compactAt = 4096;
  readonly #parent: Scope | undefined;

  constructor(parent: Scope | undefined) {
    this.#parent = parent;
  }

  get open(): boolean {
    return this.#open;
  }

  /** This scope, or the nearest one around it that has not ended. */
  get alive(): Scope | undefined {
    return this.#open ? this : this.#parent?.alive;
  }

  get parent(): Scope | undefined {
    return this.#parent?.alive;
  }

  /** @internal */
  track(tensor: Scoped): void {
    if (this.#tensors.push(tensor) >= this.#compactAt) this.#compact();
  }

  // A long scope in which tensors are disposed of one by one would remember all of them.
  #compact(): void {
    this.#tensors = this.#tensors.filter((tensor) => !tensor.disposed);
    this.#compactAt = Math.max(4096, 2 * this.#tensors.length);
  }

  /** Ends the scope: every tensor that is still its own is released. Ending it twice does nothing. */
  end(): void {
    if (!this.#open) return;
    this.#open = false;
    const tensors = this.#tensors;
    this.#tensors = [];
    if (scratch.length < tensors.length) scratch = new Uint32Array(2 * tensors.length);
    let count = 0;
    for (const tensor of tensors) {
      const handle = tensor[surrender](this);
      if (handle !== 0) scratch[count++] = handle;
    }
    if (count > 0) native.releaseTensors(scratch, count);
    if (storage.getStore() === this) storage.enterWith(this.#parent as Scope);
  }

  [Symbol.dispose](): void {
    this.end();
  }
}

/** The scope that a tensor made now belongs to; undefined when the garbage collector owns it. @internal */
export function currentScope(): Scope | undefined {
  const scope = storage.getStore();
  return scope === undefined || scope.open ? scope : scope.alive;
}

/**
 * Runs a function and releases the tensors that it made, but for those that it returns (alone or inside arrays, maps,
 * sets, objects and instances of classes, however deep), which go to the scope around this one or, without one, to the
 * garbage collector. What nobody but its object can see (`#private` fields, closures) is not found: `keep()` such tensors.
 *
 * An async function may be given: the scope then ends when its promise settles, and a promise is returned. Promises inside
 * what is returned (`scope(() => batches.map(async (batch) => ...))`) hold the scope open until all have settled, and what
 * they resolve to is returned as well; waiting for them counts as handling their rejection.
 */
export function scope<T>(run: () => T): T {
  expectNoMore('scope', arguments, 1);
  if (typeof run !== 'function') {
    throw new ArgumentTypeError('scope', `expected a function, got ${describe(run)}`);
  }
  const inner = new Scope(currentScope());
  let result: T;
  try {
    result = storage.run(inner, run);
  } catch (error) {
    inner.end();
    throw error;
  }
  if (isPromiseLike(result)) {
    return (result as PromiseLike<unknown>).then(
      (value) => {
        leave(value, inner);
        return value;
      },
      (error: unknown) => {
        inner.end();
        throw error;
      },
    ) as T;
  }
  leave(result, inner);
  return result;
}

/**
 * Opens a scope that ends with its block: `using s = torch.openScope();`, or with `s.end()`.
 *
 * For synchronous blocks. An async function that opens one shares it with whatever its caller does until the first
 * `await` comes back; give async functions to `scope()` instead.
 */
export function openScope(): Scope {
  expectNoMore('openScope', arguments, 0);
  const inner = new Scope(currentScope());
  storage.enterWith(inner);
  return inner;
}

/**
 * Runs a user's function that is called inside a scope of the library's own: what it makes belongs to the scope around
 * that one. @internal
 */
export function inScopeAround<T>(run: () => T): T {
  return storage.run(currentScope()?.parent as Scope, run);
}

/**
 * Runs a synchronous function and releases the tensors that it made, also those that it returns, but for those inside the
 * value of `kept`, which the garbage collector owns from then on. @internal
 */
export function temporaries<T>(run: () => T, kept: () => unknown): T {
  const inner = new Scope(undefined);
  try {
    const result = storage.run(inner, run);
    moveOut(kept(), inner);
    return result;
  } finally {
    inner.end();
  }
}

// Ends the scope, once what is still to come has come.
function leave(result: unknown, inner: Scope): void {
  const found = new Set<Promise<unknown>>();
  let pending = 1; // the search itself
  const settle = (value?: unknown): void => {
    try {
      for (const promise of moveOut(value, inner)) {
        if (found.has(promise)) continue;
        found.add(promise);
        pending++;
        void promise.then(settle, () => settle());
      }
    } finally {
      if (--pending === 0) inner.end();
    }
  };
  settle(result);
}

/** Every tensor inside a value goes to the scope around. Gives the promises that are in there too. */
function moveOut(result: unknown, from: Scope): Set<Promise<unknown>> {
  const promises = new Set<Promise<unknown>>();
  visit(result, (value) => {
    if (moveTo in value) (value as Scoped)[moveTo](from, from.parent);
    else if (types.isPromise(value)) promises.add(value);
    else return true;
    return false;
  });
  return promises;
}

function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' && value !== null && typeof (value as PromiseLike<unknown>).then === 'function'
  );
}
