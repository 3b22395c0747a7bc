import torch, { nn, type Tensor } from 'torch-node';
import { withoutLeaks } from '../support/leaks.js';

const { clipGradNorm_, clipGradValue_, getTotalNorm, parametersToVector, vectorToParameters } = nn.utils;

function withGradient(values: number[]): Tensor {
  const parameter = torch.zeros([values.length]).requiresGrad_();
  parameter.grad = torch.tensor(values);
  return parameter;
}

describe('clipping', () => {
  it('scales all gradients by their common norm, and takes an iterable that can be walked once', () => {
    const parameters = [withGradient([3]), torch.zeros([1]).requiresGrad_(), withGradient([4])];
    const norm = clipGradNorm_(parameters.values(), 1);
    expect(norm.item()).toBe(5);
    expect(parameters[0]!.grad!.item()).toBeCloseTo(0.6, 5);
    expect(parameters[2]!.grad!.item()).toBeCloseTo(0.8, 5);
  });

  it('leaves small gradients, and those that it refuses, as they are', () => {
    const small = withGradient([0.5]);
    clipGradNorm_(small, 1);
    expect(small.grad!.item()).toBe(0.5);
    const wild = withGradient([Infinity, 1]);
    expect(() => clipGradNorm_(wild, 1, { errorIfNonfinite: true })).toThrow(
      /the norm of the gradients is Infinity/,
    );
    expect(wild.grad!.toArray()).toEqual([Infinity, 1]);
  });

  it('clips values', () => {
    const parameter = withGradient([-3, 0.5, 3]);
    clipGradValue_([parameter], 1);
    expect(parameter.grad!.toArray()).toEqual([-1, 0.5, 1]);
  });

  it('leaves nothing behind', () => {
    const net = new nn.Linear(3, 2);
    withoutLeaks(() => {
      net
        .forward(torch.ones([1, 3]))
        .sum()
        .backward();
      clipGradNorm_(net.parameters(), 0.1);
      clipGradValue_(net.parameters(), 0.1);
      net.zeroGrad();
    });
  });

  it('refuses what is no tensor and no number', () => {
    expect(() => getTotalNorm([3 as unknown as Tensor])).toThrow(/expected tensors, got 3/);
    expect(() => clipGradNorm_(7 as unknown as Tensor, 1)).toThrow(/expected tensors, got 7/);
    expect(() => clipGradNorm_([], 'much' as unknown as number)).toThrow(
      /maxNorm: expected a number, got 'much'/,
    );
    expect(() => clipGradValue_([], NaN)).toThrow(/clipValue: expected a number, got NaN/);
  });
});

describe('parameters as a vector', () => {
  it('there and back, sharing memory', () => {
    const net = new nn.Linear(2, 2);
    const vector = parametersToVector(net.parameters());
    expect(vector.shape).toEqual([6]);
    expect(vector.requiresGrad).toBe(true);
    const other = torch.arange(6).to('float32');
    vectorToParameters(other, net.parameters());
    expect(net.weight.toArray()).toEqual([[0, 1], [2, 3]]); // prettier-ignore
    expect(net.forward(torch.ones([1, 2])).toArray()).toEqual([[5, 10]]);
    other.fill_(1);
    expect(net.bias!.toArray()).toEqual([1, 1]);
    expect(net.weight.requiresGrad).toBe(true);
  });

  it('refuses a vector of another size', () => {
    const { parameters } = { parameters: new nn.Linear(2, 2).parameters() };
    expect(() => vectorToParameters(torch.ones([5]), parameters)).toThrow(
      /expected the shape \[6\], got \[5\]/,
    );
    expect(() => vectorToParameters([1] as never, parameters)).toThrow(/vector: expected a Tensor/);
  });
});
