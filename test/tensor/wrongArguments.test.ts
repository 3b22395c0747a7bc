// Wrong arguments that scripts/fuzz/operators.mjs found to give other errors than a TorchError.
import torch, { nn } from 'torch-node';

describe('wrong arguments give a TorchError', () => {
  const wrong = (value: unknown): never => value as never;
  it.each<[string, () => unknown]>([
    ['a scope of no function', () => torch.scope(wrong(3))],
    ['noGrad of no function', () => torch.noGrad(wrong([]))],
    ['grad of no tensors', () => torch.grad(wrong(1), wrong(null))],
    ['options that are null', () => torch.tensor([1], wrong(null))],
    ['a module list of numbers', () => new nn.ModuleList(wrong(2))],
    ['a layer with null for options', () => new nn.MaxPool2d(2, wrong(null))],
    ['a loss with null for weights', () => new nn.CrossEntropyLoss({ weight: wrong(null) })],
    ['a symbol for a device', () => torch.zeros([1]).cuda(wrong(Symbol('x')))],
    ['a Proxy of a tensor', () => torch.sqrt(new Proxy(torch.zeros([1]), {}))],
    ['an heir of a tensor', () => torch.tensor(wrong(Object.create(torch.zeros([1]))))],
  ])('%s', (_, call) => {
    const tried = (): unknown => torch.scope(call);
    expect(tried).toThrow(expect.objectContaining({ name: 'TorchError' }));
  });
});
