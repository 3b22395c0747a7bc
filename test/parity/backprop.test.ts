// Backpropagation by hand, in plain tensor operations in float64, against autograd.
import torch, { nn } from 'torch-node';
import { numbers } from './support.js';

const NEAR = { rtol: 1e-12, atol: 1e-14 };
const random = (shape: number[], seed: number): torch.Tensor => numbers({ shape, seed, dtype: 'float64' });
const labelsOf = (count: number, classes: number): torch.Tensor =>
  numbers({ shape: [count], seed: 9, kind: 'classes', classes });

/** float64 [labels, classes]: 1 at each label's place. */
function oneHot(labels: torch.Tensor, classes: number): torch.Tensor {
  return labels.unsqueeze(1).eq(torch.arange(classes).unsqueeze(0)).to('float64');
}

describe('backpropagation by hand equals autograd', () => {
  it('the error of softmax with cross-entropy is softmax minus one-hot', () =>
    torch.scope(() => {
      const logits = random([6, 4], 1).mul(3).requiresGrad_();
      const labels = labelsOf(6, 4);
      new nn.CrossEntropyLoss({ reduction: 'sum' }).forward(logits, labels).backward();
      const error = logits.detach().softmax(1).sub(oneHot(labels, 4));
      expect(logits.grad!.allclose(error, NEAR)).toBe(true);
      // The errors of one example cancel, and only its own class has a negative one.
      expect(error.sum(1).abs().max().item()).toBeLessThan(1e-15);
      expect(error.lt(0).to('float64').equal(oneHot(labels, 4))).toBe(true);
    }));

  it('the gradients of a two-layer tanh net', () =>
    torch.scope(() => {
      const [examples, inputs, hidden, classes] = [8, 5, 7, 3];
      const x = random([examples, inputs], 2);
      const labels = labelsOf(examples, classes);
      const first = new nn.Linear(inputs, hidden, { dtype: 'float64' });
      const second = new nn.Linear(hidden, classes, { dtype: 'float64' });
      torch.noGrad(() => {
        first.weight.copy_(random([hidden, inputs], 3));
        first.bias!.copy_(random([hidden], 4));
        second.weight.copy_(random([classes, hidden], 5));
        second.bias!.copy_(random([classes], 6));
      });
      const net = new nn.Sequential(first, new nn.Tanh(), second);
      const loss = new nn.CrossEntropyLoss().forward(net.forward(x), labels);
      loss.backward();

      torch.noGrad(() => {
        // Forward: z1 = x W1^T + b1, h = tanh(z1), z2 = h W2^T + b2; the loss is the mean over the examples.
        const h = x.matmul(first.weight.t()).add(first.bias!).tanh();
        const probabilities = h.matmul(second.weight.t()).add(second.bias!).softmax(1);
        const truth = oneHot(labels, classes);
        expect(loss.item()).toBeCloseTo(-probabilities.log().mul(truth).sum().item() / examples, 12);
        // Backward: the error at the logits, then through W2 and tanh' = 1 - tanh^2 to the hidden layer.
        const delta2 = probabilities.sub(truth).div(examples);
        const delta1 = delta2.matmul(second.weight).mul(torch.ones([1], { dtype: 'float64' }).sub(h.mul(h)));
        const byHand: [nn.Parameter, torch.Tensor][] = [
          [first.weight, delta1.t().matmul(x)],
          [first.bias!, delta1.sum(0)],
          [second.weight, delta2.t().matmul(h)],
          [second.bias!, delta2.sum(0)],
        ];
        for (const [parameter, gradient] of byHand) {
          expect(gradient.shape).toEqual(parameter.shape);
          expect(parameter.grad!.allclose(gradient, NEAR)).toBe(true);
          expect(gradient.abs().max().item()).toBeGreaterThan(1e-3);
        }
      });
    }));
});
