// Distances and norms that PyTorch composes in Python.
import { expectOptions } from '../../core/options.js';
import { expectTensor, type Tensor } from '../../tensor/tensor.js';

/** x / max(|x|_p, eps) along a dimension. `p` is 2, `dim` 1 and `eps` 1e-12 unless given. */
export function normalize(
  input: Tensor,
  options: { p?: number; dim?: number | readonly number[]; eps?: number } = {},
): Tensor {
  const { p = 2, dim = 1, eps = 1e-12 } = expectOptions('nn.functional.normalize', options);
  expectTensor('nn.functional.normalize', 'input', input);
  const norm = input.norm(p, [dim].flat(), { keepdim: true });
  return input.div(norm.clampMin(eps).expandAs(input));
}
