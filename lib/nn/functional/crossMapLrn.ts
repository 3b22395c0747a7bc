// Lua Torch's local response normalisation, for CrossMapLRN2d: a running sum over the channels, as PyTorch computes it
// (torch/nn/modules/_functions.py), so that the bits are equal.
import { AutogradFunction, type FunctionContext } from '../../autograd/function.js';
import { emptyLike, zeros } from '../../operators/generated/functions.js';
import type { Tensor } from '../../tensor/tensor.js';

/** @internal */
export interface Settings {
  readonly size: number;
  readonly alpha: number;
  readonly beta: number;
  readonly k: number;
}

type Context = FunctionContext<{ settings: Settings; scale: Tensor }>;

/** @internal */
export class CrossMapLRN2dFunction extends AutogradFunction {
  static forward(ctx: Context, input: Tensor, settings: Settings): Tensor {
    const { size, alpha, beta, k } = settings;
    const squares = input.pow(2);
    const scale = emptyLike(input);
    const channels = input.size(1);
    const ahead = Math.trunc((size - 1) / 2 + 1);
    const first = scale.select(1, 0).zero_();
    for (let c = 0; c < Math.min(ahead, channels); c++) first.add_(squares.select(1, c));
    for (let c = 1; c < channels; c++) {
      const sum = scale.select(1, c).copy_(scale.select(1, c - 1));
      if (c < channels - ahead + 1) sum.add_(squares.select(1, c + ahead - 1));
      if (c > ahead) sum.sub_(squares.select(1, c - ahead));
    }
    scale.mul_(alpha / size).add_(k);
    const output = scale.pow(-beta).mul_(input);
    ctx.saveForBackward(input, output);
    ctx.settings = settings;
    ctx.scale = scale;
    return output;
  }

  static backward(ctx: Context, gradient: Tensor): [Tensor, null] {
    const [input, output] = ctx.savedTensors as [Tensor, Tensor];
    const { scale, settings } = ctx;
    const { size, alpha, beta } = settings;
    const [batch, channels, rows, columns] = input.shape as [number, number, number, number];
    const result = scale.pow(-beta).mul_(gradient);
    const options = { dtype: input.dtype, device: input.device };
    const ratios = zeros([channels + size - 1, rows, columns], options);
    const within = ratios.narrow(0, Math.trunc(size - (size - 1) / 2), channels);
    const factor = (2 * alpha * beta) / size;
    for (let n = 0; n < batch; n++) {
      within.copy_(gradient.select(0, n).mul(output.select(0, n)));
      within.div_(scale.select(0, n));
      const sum = ratios.narrow(0, 0, size - 1).sum(0);
      for (let c = 0; c < channels; c++) {
        sum.add_(ratios.select(0, c + size - 1));
        result.select(0, n).select(0, c).addcmul_(input.select(0, n).select(0, c), sum, { value: -factor });
        sum.sub_(ratios.select(0, c));
      }
    }
    return [result, null];
  }
}
