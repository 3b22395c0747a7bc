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

  it.each(['tanh', 'relu'] as const)('the gradients of the last, a middle and the first layer: %s', (kind) =>
    torch.scope(() => {
      const [examples, widths] = [6, [5, 7, 6, 4]];
      const labels = labelsOf(examples, 4);
      const x = random([examples, 5], 11);
      const weights = [0, 1, 2].map((l) => random([widths[l + 1]!, widths[l]!], 20 + l).requiresGrad_());
      const biases = [0, 1, 2].map((l) => random([widths[l + 1]!], 30 + l).requiresGrad_());
      const activation = (z: torch.Tensor): torch.Tensor => (kind === 'tanh' ? z.tanh() : z.relu());
      const slope = (z: torch.Tensor): torch.Tensor =>
        kind === 'tanh' ? z.tanh().pow(2).mul(-1).add(1) : z.gt(0).to('float64');
      const forward = (): { z: torch.Tensor[]; a: torch.Tensor[]; loss: torch.Tensor } => {
        const [z, a]: [torch.Tensor[], torch.Tensor[]] = [[], [x]];
        for (const [l, weight] of weights.entries()) {
          z.push(a[l]!.matmul(weight.t()).add(biases[l]!));
          a.push(l < 2 ? activation(z[l]!) : z[l]!);
        }
        return { z, a, loss: new nn.CrossEntropyLoss().forward(z[2]!, labels) };
      };
      const run = forward();
      run.loss.backward();
      torch.noGrad(() => {
        // Finite differences of ReLU hold only away from its kink.
        for (const z of run.z.slice(0, 2)) expect(z.abs().min().item()).toBeGreaterThan(1e-4);
        let delta = run.z[2]!.softmax(1).sub(oneHot(labels, 4)).div(examples);
        for (const l of [2, 1, 0]) {
          const byHand: [torch.Tensor, torch.Tensor][] = [
            [weights[l]!, delta.t().matmul(run.a[l]!)],
            [biases[l]!, delta.sum(0)],
          ];
          for (const [parameter, gradient] of byHand) {
            expect(parameter.grad!.allclose(gradient, NEAR)).toBe(true);
            expect(gradient.abs().max().item()).toBeGreaterThan(1e-3);
            // Along a direction: the gradient's product with it is how fast the loss changes.
            const direction = random([...parameter.shape], 40 + l);
            const step = 1e-6;
            parameter.add_(direction.mul(step));
            const above = forward().loss.item();
            parameter.sub_(direction.mul(2 * step));
            const below = forward().loss.item();
            parameter.add_(direction.mul(step));
            expect((above - below) / (2 * step)).toBeCloseTo(gradient.mul(direction).sum().item(), 7);
          }
          if (l > 0) delta = delta.matmul(weights[l]!).mul(slope(run.z[l - 1]!));
        }
      });
    }),
  );

  it.each([
    { size: 32, kernelSize: 5, stride: 1, padding: 0, dilation: 1 },
    { size: 14, kernelSize: 3, stride: 2, padding: 1, dilation: 1 },
    { size: 17, kernelSize: 3, stride: 3, padding: 2, dilation: 2 },
    { size: 9, kernelSize: 4, stride: 4, padding: 1, dilation: 1 },
  ])('the size of what a convolution gives: %j', ({ size, kernelSize, ...options }) =>
    torch.scope(() => {
      const { stride, padding, dilation } = options;
      const expected = Math.floor((size + 2 * padding - dilation * (kernelSize - 1) - 1) / stride + 1);
      const output = new nn.Conv2d(2, 3, kernelSize, options).forward(torch.zeros([1, 2, size, size]));
      expect(output.shape).toEqual([1, 3, expected, expected]);
    }),
  );

  it('pooling and the activations by their definitions, with their derivatives', () =>
    torch.scope(() => {
      const values = (t: torch.Tensor): number[] => Array.from(t.detach().dataSync(), Number);
      const x = random([1, 1, 6, 6], 50).mul(2).requiresGrad_();
      const pooled = new nn.MaxPool2d(2).forward(x);
      pooled.sum().backward();
      const pixels = values(x);
      const windows = [0, 2, 4].flatMap((row) =>
        [0, 2, 4].map((column) => [0, 1, 6, 7].map((offset) => 6 * row + column + offset)),
      );
      const best = windows.map((places) => places.reduce((a, b) => (pixels[b]! > pixels[a]! ? b : a)));
      expect(values(pooled)).toEqual(best.map((place) => pixels[place]));
      // The gradient goes to the place of the largest value, and nowhere else.
      expect(values(x.grad!)).toEqual(pixels.map((_, place) => (best.includes(place) ? 1 : 0)));

      const definitions: [nn.Module, (v: number) => number, (v: number) => number][] = [
        [new nn.ReLU(), (v) => Math.max(v, 0), (v) => (v > 0 ? 1 : 0)],
        [new nn.LeakyReLU(0.01), (v) => (v > 0 ? v : 0.01 * v), (v) => (v > 0 ? 1 : 0.01)],
        [new nn.Tanh(), Math.tanh, (v) => 1 - Math.tanh(v) ** 2],
      ];
      for (const [module, f, slope] of definitions) {
        const input = random([40], 60).mul(3).requiresGrad_();
        const output = module.forward(input);
        output.sum().backward();
        const given = values(input);
        for (const [i, value] of values(output).entries()) expect(value).toBeCloseTo(f(given[i]!), 12);
        for (const [i, value] of values(input.grad!).entries()) {
          expect(value).toBeCloseTo(slope(given[i]!), 12);
          expect(value).toBeCloseTo((f(given[i]! + 1e-6) - f(given[i]! - 1e-6)) / 2e-6, 7);
        }
      }
    }));
});
