// Autograd: gradients of chosen tensors, and the modes in which operations are not recorded.
import { options } from '../core/options.js';
import { describeTensor, handleOf } from '../core/handles.js';
import { describe } from '../core/describe.js';
import { native } from '../native/binding.js';
import { backwardPass } from './anomaly.js';
import { TorchError, ArgumentTypeError } from '../core/errors.js';
import { expectTensor, Tensor } from '../tensor/tensor.js';

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

/**
 * Gradients of the outputs' sum with respect to the inputs, without touching anyone's `grad`.
 *
 * `gradOutputs` has one tensor (or null) for each output of more than one element. An input that the outputs do not
 * depend on is an error, or null under `allowUnused`.
 */
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: Tensor | readonly Tensor[],
  given: {
    gradOutputs?: readonly (Tensor | null)[];
    retainGraph?: boolean;
    createGraph?: boolean;
    allowUnused?: boolean;
  } = {},
): (Tensor | null)[] {
  const {
    gradOutputs,
    createGraph = false,
    retainGraph = createGraph,
    allowUnused = false,
  } = options('grad', given, ['gradOutputs', 'retainGraph', 'createGraph', 'allowUnused']);
  const out: Tensor[] = [outputs].flat();
  const wanted: Tensor[] = [inputs].flat();
  const seeds = gradOutputs ?? out.map(() => null);
  const handles = backwardPass(
    'grad',
    () =>
      native.grad(
        out.map((tensor) => tensor[handleOf]),
        wanted.map((tensor) => tensor[handleOf]),
        seeds.map((seed) => (seed === null ? null : seed[handleOf])),
        retainGraph,
        createGraph,
        allowUnused,
      ),
    () => [...out.map((t) => `output: ${describe(t)}`), ...wanted.map((t) => `input: ${describe(t)}`)],
  );
  return handles.map((handle) => (handle === 0 ? null : new Tensor(handle)));
}

/**
 * Computes the gradients of several tensors with respect to the leaves of their graph and adds them to their `grad`, as
 * `Tensor.backward` does for one. `gradTensors` has one tensor (or null) for each tensor of more than one element.
 */
export function backward(
  tensors: Tensor | readonly Tensor[],
  given: {
    gradTensors?: readonly (Tensor | null)[];
    retainGraph?: boolean;
    createGraph?: boolean;
    inputs?: readonly Tensor[];
  } = {},
): void {
  const {
    gradTensors,
    createGraph = false,
    retainGraph = createGraph,
    inputs = [],
  } = options('backward', given, ['gradTensors', 'retainGraph', 'createGraph', 'inputs']);
  const from: Tensor[] = [tensors].flat();
  for (const [i, each] of from.entries()) expectTensor('backward', `tensor ${i}`, each);
  const seeds = gradTensors ?? from.map(() => null);
  backwardPass(
    'backward',
    () =>
      native.backward(
        from.map((tensor) => tensor[handleOf]),
        seeds.map((seed) => (seed === null ? null : seed[handleOf])),
        retainGraph,
        createGraph,
        inputs.map((input) => input[handleOf]),
      ),
    () => from.map((tensor, i) => `tensor ${i}: ${tensor[describeTensor]()}`),
  );
}
