// Steps made by programs beside the same steps made eagerly: what they have to agree in, bit for bit.
import torch, { type nn, type optim, type Tensor } from 'torch-node';

/** A tensor's values as hexadecimal bytes, with its dtype and shape. */
export function bits(tensor: Tensor): string {
  return torch.scope(() => {
    const dense = tensor.detach().toDense();
    const wide = dense.dtype === 'bfloat16' || dense.dtype === 'float16' ? dense.to('float32') : dense;
    const values = wide.contiguous().dataSync() as Float32Array;
    const bytes = Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('hex');
    return `${tensor.dtype} [${tensor.shape.join(', ')}] ${bytes}`;
  });
}

/** All tensors of a nested structure as their bits, and everything else as it is. */
export function bitsOf(value: unknown): unknown {
  if (torch.isTensor(value)) return bits(value);
  if (Array.isArray(value)) return value.map(bitsOf);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, bitsOf(item)]));
}

/** Parameters, their gradients, buffers and an optimizer's state as bits. */
export function stateOf(net: nn.Module, optimizer?: optim.Optimizer): unknown {
  return torch.scope(() => ({
    state: bitsOf(net.stateDict()),
    gradients: [...net.namedParameters()].map(([name, { grad }]) => [name, grad && bits(grad)]),
    optimizer: optimizer && bitsOf(optimizer.stateDict()),
    steps: optimizer?.stepsTaken,
  }));
}

/** Two networks with the same parameters. */
export function twins<N extends nn.Module>(make: () => N): [N, N] {
  torch.manualSeed(3);
  const one = make();
  torch.manualSeed(3);
  return [one, make()];
}
