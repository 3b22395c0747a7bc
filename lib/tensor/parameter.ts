// Parameter: a tensor that modules register and optimizers train.
import { expectArgument } from '../core/checks.js';
import { isFloatingPoint } from '../core/dtype.js';
import { TorchError } from '../core/errors.js';
import { handleOf, parameterMark } from '../core/handles.js';
import { native } from '../native/binding.js';
import { isTensor, Tensor } from './tensor.js';

/**
 * A tensor that modules register and optimizers train: it requires a gradient unless told otherwise, and no scope
 * releases it. Shares memory with the tensor that it is made from.
 */
export class Parameter extends Tensor {
  /** @internal */
  get [parameterMark](): true {
    return true;
  }

  constructor(data: Tensor | { readonly handle: number }, requiresGrad = true) {
    if (isTensor(data)) {
      const { dtype } = data;
      if (requiresGrad && !isFloatingPoint(dtype) && !dtype.startsWith('complex')) {
        throw new TorchError(
          'Parameter',
          `only floating point tensors have gradients, this one is ${dtype}: pass requiresGrad = false`,
        );
      }
      const detached = data.detach();
      super(native.alias(detached[handleOf]));
      detached.dispose();
    } else {
      const handle = (data as { readonly handle?: unknown } | null | undefined)?.handle;
      expectArgument('Parameter', 'data', data, typeof handle === 'number', 'a Tensor');
      super(handle as number);
    }
    this.keep();
    this.requiresGrad = requiresGrad;
  }
}

/** Whether a value is a Parameter of this copy of the package; works across realms. */
export function isParameter(value: unknown): value is Parameter {
  return typeof value === 'object' && value !== null && parameterMark in value;
}
