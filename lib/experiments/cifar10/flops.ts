// How much a training step computes.
import torch, { type nn, type Tensor } from 'torch-node';

interface Weighted {
  weight: nn.Parameter;
  forward(input: Tensor): Tensor;
}

/**
 * Floating point operations of one training step: two for each multiplication with a weight forward, and as many for
 * the weights' gradients and for the inputs' (not for those of the first layer: images need none). What has no weights
 * is not counted; nor are biases. The network is run once, on one image.
 */
export function flopsPerStep(net: nn.Module, batchSize: number): number {
  const layers = net.modules().filter((module) => /^(Conv\d?d|Linear)$/.test(module.constructor.name));
  const forward: number[] = [];
  for (const layer of layers as unknown as Weighted[]) {
    const compute = layer.forward.bind(layer);
    // An instance's own method hides that of its class until it is deleted.
    layer.forward = (input) => {
      const output = compute(input);
      forward.push((2 * output.numel * layer.weight.numel) / layer.weight.size(0));
      return output;
    };
  }
  const [first] = net.parameters();
  try {
    torch.scope(() =>
      torch.noGrad(() => void net.forward(torch.zeros([1, 3, 32, 32], { device: first?.device ?? 'cpu' }))),
    );
  } finally {
    for (const layer of layers) Reflect.deleteProperty(layer, 'forward');
  }
  const all = forward.reduce((sum, flops) => sum + flops, 0);
  return batchSize * (3 * all - (forward[0] ?? 0));
}
