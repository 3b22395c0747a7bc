// The forward-forward algorithm: each layer learns for itself that good data excite it and bad data do not.
import torch, { nn, optim, type Tensor } from 'torch-node';
import type { Compile } from './program.js';

class Layer extends nn.Linear {
  relu = new nn.ReLU();
  threshold = 1.5;
  adam = new optim.Adam(this.parameters(), { lr: 2e-2 });

  override forward(x: Tensor) {
    const direction = x.div(x.norm({ p: 2, dim: 1, keepdim: true }).add(1e-4));
    return this.relu.forward(nn.functional.linear(direction, this.weight, this.bias));
  }
  learn(positive: Tensor, negative: Tensor) {
    const good = this.forward(positive).pow(2).mean(1);
    const bad = this.forward(negative).pow(2).mean(1);
    const loss = torch
      .cat([good.neg().add(this.threshold), bad.sub(this.threshold)])
      .exp()
      .add(1)
      .log()
      .mean();
    this.adam.zeroGrad();
    loss.backward();
    this.adam.step();
    return [this.forward(positive).detach(), this.forward(negative).detach(), loss] as const;
  }
}

// The label is written into the first pixels.
function overlay(x: Tensor, labels: Tensor) {
  const marked = x.clone();
  marked.set(0, ':', torch.slice(null, 4));
  marked.set(x.max(), torch.arange(x.size(0)), labels);
  return marked;
}

export function forwardForward(compile: Compile): number[] {
  const x = torch.rand([10, 16, 20]);
  const y = torch.randint(0, 4, [10, 16]);
  const layers = [new Layer(20, 24), new Layer(24, 24)];
  const step = compile(
    (images, labels) => {
      let positive = overlay(images, labels);
      let negative = overlay(images, labels.at(torch.randperm(16)));
      let total = torch.zeros([]);
      for (const layer of layers) {
        const [good, bad, loss] = layer.learn(positive, negative);
        positive = good;
        negative = bad;
        total = total.add(loss.detach());
      }
      return total;
    },
    [x.at(0), y.at(0)],
  );
  const losses: number[] = [];
  for (let i = 0; i < 10; i++) losses.push(step(x.at(i), y.at(i)).item());
  return losses;
}
