// Parameters as modules make them, and their initial values.
import { operator } from '../../operators/operators.js';
import { noGrad } from '../../autograd/gradMode.js';
import type { Device, DType } from '../../core/dtype.js';
import { Parameter } from '../../tensor/parameter.js';
import type { Tensor } from '../../tensor/tensor.js';
import { kaimingUniform_, uniform_ } from '../init.js';

export interface FactoryOptions {
  /** Of parameters and buffers. Default float32. */
  dtype?: DType;
  /** Where parameters and buffers lie. Default cpu. */
  device?: Device;
}

/** A tensor of parameters whose values are still to be written. @internal */
export function emptyParameter(shape: readonly number[], options: FactoryOptions): Parameter {
  const values = filled('empty.memory_format', shape, options);
  const parameter = new Parameter(values);
  values.dispose();
  return parameter;
}

/** What belongs to a module's state and is not trained. @internal */
export function filled(
  kind: 'empty.memory_format' | 'zeros' | 'ones',
  shape: readonly number[],
  options: FactoryOptions,
): Tensor {
  const { dtype = 'float32', device } = options;
  return operator(`aten::${kind}`).call(shape, dtype, undefined, device) as Tensor;
}

/**
 * The first values of linear layers and convolutions: `weight` as init.kaimingUniform_ with a = sqrt(5) draws it, which is
 * from +-1/sqrt(fan in), then `bias` from the same. @internal
 */
export function drawUniform(weight: Tensor, bias: Tensor | null): void {
  const fanIn = weight.shape.slice(1).reduce((product, size) => product * size, 1);
  kaimingUniform_(weight, { a: Math.sqrt(5) });
  const bound = fanIn > 0 ? 1 / Math.sqrt(fanIn) : 0;
  if (bias !== null) uniform_(bias, { a: -bound, b: bound });
}

/** Ones for the weight and zeros for the bias of a normalisation. @internal */
export function resetAffine(weight: Tensor | null, bias: Tensor | null): void {
  noGrad(() => {
    weight?.fill_(1);
    bias?.zero_();
  });
}
