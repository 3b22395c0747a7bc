// The modes in which operations are recorded or not.
import { describe } from '../core/describe.js';
import { native } from '../native/binding.js';
import { TorchError, ArgumentTypeError } from '../core/errors.js';

/**
 * Runs a function in a mode; `enter` sets it and gives what takes it back. A mode belongs to the thread: a function that goes
 * on after an await would find the mode of whoever ran in between. @internal
 */
export function synchronously<T>(where: string, enter: () => () => void, run: () => T): T {
  if (typeof run !== 'function') {
    throw new ArgumentTypeError(where, `expected a function, got ${describe(run)}`);
  }
  const leave = enter();
  let result: T;
  try {
    result = run();
  } finally {
    leave();
  }
  if (
    typeof result === 'object' &&
    result !== null &&
    typeof (result as { then?: unknown }).then === 'function'
  ) {
    throw new TorchError(
      where,
      'expected a synchronous function, got one that returns a promise: put the awaits outside',
    );
  }
  return result;
}

function gradMode(on: boolean): () => () => void {
  return () => {
    const before = native.gradEnabled();
    native.setGradEnabled(on);
    return () => native.setGradEnabled(before);
  };
}

/** Runs a synchronous function; operations inside are not recorded. */
export function noGrad<T>(run: () => T): T {
  return synchronously('noGrad', gradMode(false), run);
}

/** Runs a synchronous function; operations inside are recorded, even inside `noGrad`. */
export function enableGrad<T>(run: () => T): T {
  return synchronously('enableGrad', gradMode(true), run);
}

/** As noGrad and quicker: tensors made inside can never take part in autograd. */
export function inferenceMode<T>(run: () => T): T {
  return synchronously(
    'inferenceMode',
    () => {
      native.enterInferenceMode();
      return () => native.leaveInferenceMode();
    },
    run,
  );
}

export function isGradEnabled(): boolean {
  return native.gradEnabled();
}
