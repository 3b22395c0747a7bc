// How much a training step computes.
import torch, { type nn } from 'torch-node';
import { watchLayers } from './layers.js';

/**
 * Floating point operations of one training step: two for each multiplication with a weight forward, and as many for
 * the weights' gradients and for the inputs' (not for those of the first layer: images need none). Counted are
 * convolutions and linear layers, without their biases. The network is run once, on one image and as for evaluation:
 * it draws no random numbers and keeps its statistics.
 */
export function flopsPerStep(net: nn.Module, batchSize: number): number {
  const forward: number[] = [];
  const [first] = net.parameters();
  const { training } = net;
  net.eval();
  try {
    torch.scope(() =>
      torch.noGrad(() => {
        watchLayers(
          net,
          ({ module }, _input, compute) => {
            const output = compute();
            const { weight } = module as unknown as Partial<nn.Linear>;
            if (weight && /^(Conv\d?d|Linear)$/.test(module.constructor.name))
              forward.push((2 * output.numel * weight.numel) / weight.size(0));
            return output;
          },
          () => void net.forward(torch.zeros([1, 3, 32, 32], { device: first?.device ?? 'cpu' })),
        );
      }),
    );
  } finally {
    net.train(training);
  }
  const all = forward.reduce((sum, flops) => sum + flops, 0);
  return batchSize * (3 * all - (forward[0] ?? 0));
}
