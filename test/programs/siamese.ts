// A siamese network: are two images of one kind?
import torch, { nn, optim, type Tensor } from 'torch-node';
import type { Compile } from './program.js';

class SiameseNetwork extends nn.Module<[Tensor, Tensor]> {
  trunk = new nn.Sequential(
    new nn.Conv2d(1, 8, 3),
    new nn.BatchNorm2d(8),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Flatten(),
  );
  fc = new nn.Sequential(
    new nn.Linear(2 * 8 * 3 * 3, 16),
    new nn.ReLU({ inplace: true }),
    new nn.Linear(16, 1),
  );
  sigmoid = new nn.Sigmoid();

  constructor() {
    super();
    this.fc.apply((module) => {
      if (!(module instanceof nn.Linear)) return;
      nn.init.xavierUniform_(module.weight);
      if (module.bias) nn.init.constant_(module.bias, 0.01);
    });
  }
  forward(first: Tensor, second: Tensor) {
    const output = torch.cat([this.trunk.forward(first), this.trunk.forward(second)], 1);
    return this.sigmoid.forward(this.fc.forward(output));
  }
}

export function siamese(compile: Compile): number[] {
  const images = torch.rand([5, 8, 1, 8, 8]);
  const others = torch.rand([5, 8, 1, 8, 8]);
  const same = torch.randint(0, 2, [5, 8]).float();
  const model = new SiameseNetwork();
  const criterion = new nn.BCELoss();
  const adadelta = new optim.Adadelta(model.parameters(), { lr: 1 });
  const scheduler = new optim.lrScheduler.StepLR(adadelta, 5, { gamma: 0.7 });
  const step = compile(
    (first, second, target) => {
      adadelta.zeroGrad();
      const loss = criterion.forward(model.forward(first, second).squeeze(), target);
      loss.backward();
      adadelta.step();
      return loss;
    },
    [images.at(0), others.at(0), same.at(0)],
  );
  const losses: number[] = [];
  for (let i = 0; i < 10; i++) {
    losses.push(step(images.at(i % 5), others.at(i % 5), same.at(i % 5)).item());
    scheduler.step();
  }
  return losses;
}
