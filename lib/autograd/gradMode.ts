// The modes in which operations are recorded or not.
import { expectNoMore } from '../core/options.js';
import { inMode } from '../core/modes.js';
import { native } from '../native/binding.js';

function gradMode(on: boolean): () => () => void {
  return () => {
    const before = native.gradEnabled();
    native.setGradEnabled(on);
    return () => native.setGradEnabled(before);
  };
}

/**
 * Runs a function; operations inside are not recorded. An async function is followed over its awaits, a generator step by
 * step: `for (const batch of torch.noGrad(function* () { ... }))`.
 *
 * @throws TorchError for a function that is not async and gives a promise
 */
export function noGrad<T>(run: () => T): T {
  expectNoMore('noGrad', arguments, 1);
  return inMode('noGrad', gradMode(false), run);
}

/** Runs a function as `noGrad` does; operations inside are recorded, even inside `noGrad`. */
export function enableGrad<T>(run: () => T): T {
  expectNoMore('enableGrad', arguments, 1);
  return inMode('enableGrad', gradMode(true), run);
}

/** As `noGrad` and quicker: tensors made inside can never take part in autograd. */
export function inferenceMode<T>(run: () => T): T {
  expectNoMore('inferenceMode', arguments, 1);
  return inMode(
    'inferenceMode',
    () => {
      native.enterInferenceMode();
      return () => native.leaveInferenceMode();
    },
    run,
  );
}

export function isGradEnabled(): boolean {
  expectNoMore('isGradEnabled', arguments, 0);
  return native.gradEnabled();
}
