// Distances and norms that PyTorch composes in Python.
import { callable } from '../../core/callable.js';
import { expectTensor, type Tensor } from '../../tensor/tensor.js';
import { aten } from './call.js';

/** x / max(|x|_p, eps) along a dimension. `p` is 2, `dim` 1 and `eps` 1e-12 unless given; `out` takes the result. */
export const normalize = callable(
  'nn.functional.normalize',
  ['input', 'p', 'dim', 'eps', 'out'],
  (
    input: Tensor,
    p = 2,
    dim: number | readonly number[] = 1,
    eps = 1e-12,
    out: Tensor | null = null,
  ): Tensor => {
    expectTensor('nn.functional.normalize', 'input', input);
    const norm = aten('norm.ScalarOpt_dim', input, p, [dim].flat(), true).clampMin(eps).expandAs(input);
    return out === null ? input.div(norm) : aten('div.out', input, norm, out);
  },
);
