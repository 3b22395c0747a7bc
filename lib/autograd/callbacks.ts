// JavaScript functions that the autograd engine calls: what they get and give are handles, and what they throw comes out of
// the backward pass as it is.
import { expectFunction } from '../core/checks.js';
import { handleOf, type Handled } from '../core/handles.js';
import { describe } from '../core/describe.js';
import { native } from '../native/binding.js';
import { passOn, ArgumentTypeError } from '../core/errors.js';
import { scope } from '../tensor/scope.js';
import { isTensor, Tensor } from '../tensor/tensor.js';

/**
 * A function for the engine to call, made of one that takes and gives tensors. What it makes is released when it ends, but
 * for what it returns. `construct` makes tensors of handles; 0 stands for no tensor. @internal
 */
export function callback<T extends Handled>(
  construct: (handle: number) => T,
  run: (...lists: (T | null)[][]) => readonly (Handled | null)[],
): (...lists: (readonly number[])[]) => number[] {
  return (...lists) => {
    try {
      return scope(() => {
        const tensors = lists.map((list) => list.map((handle) => (handle === 0 ? null : construct(handle))));
        const handles = run(...tensors).map((tensor) => (tensor === null ? 0 : tensor[handleOf]));
        // Handles of their own, which the engine releases.
        return handles.map((handle) => (handle === 0 ? 0 : native.alias(handle)));
      });
    } catch (error) {
      throw passOn(error);
    }
  };
}

/** A hook on a tensor, to be taken off again. */
export class HookHandle {
  readonly #hook: number;

  /** @internal */
  constructor(hook: number) {
    this.#hook = hook;
    native.adopt(this, hook);
  }
  /** The hook is not called any more, and let go of. Doing so twice does nothing. */
  remove(): void {
    native.removeHook(this.#hook);
  }
  [Symbol.dispose](): void {
    this.remove();
  }
}

/**
 * A hook of a user's for the engine to call. The graph holds what this function's closure holds, which must not be the tensor
 * that the hook is on. @internal
 */
export function gradientHook(
  // eslint-disable-next-line @typescript-eslint/no-invalid-void-type -- a hook may return nothing at all
  hook: (gradient: Tensor) => Tensor | null | undefined | void,
): (...lists: (readonly number[])[]) => number[] {
  expectFunction('Tensor.registerHook', 'hook', hook);
  return callback(
    (handle) => new Tensor(handle),
    ([gradient]: (Tensor | null)[] = []) => [replacement(hook(gradient!))],
  );
}

/** Checks what a hook returned: nothing, or a tensor in place of the gradient. */
function replacement(value: unknown): Tensor | null {
  if (value === undefined || value === null) return null;
  if (isTensor(value)) return value;
  throw new ArgumentTypeError(
    'Tensor.registerHook',
    `a hook returns nothing, or a Tensor in place of the gradient; got ${describe(value)}`,
  );
}
