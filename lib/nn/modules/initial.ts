// Initial values of parameters and buffers, as the modules' reset_parameters() of PyTorch give them.
import { noGrad } from '../../tensor/autograd.js';
import type { Tensor } from '../../tensor/tensor.js';
import { kaimingUniform_, uniform_ } from '../init.js';

export { emptyParameter, type Place as FactoryOptions } from './parameter.js';

/**
 * The first values of linear layers and convolutions: `weight` uniformly from +-1/sqrt(fan in), as
 * init.kaimingUniform_ with a = sqrt(5) draws it, then `bias` from the same. @internal
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
