// Transfer: the trunk of a network that was trained on one task serves another; only its new head learns.
import torch, { nn, optim, type Tensor } from 'torch-node';
import type { Compile } from './program.js';

class ConvNet extends nn.Module {
  features = new nn.Sequential(
    new nn.Conv2d(3, 8, 3, { padding: 1 }),
    new nn.BatchNorm2d(8),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Conv2d(8, 16, 3, { padding: 1, groups: 2 }),
    new nn.ReLU(),
    new nn.AdaptiveAvgPool2d(1),
  );
  fc: nn.Module = new nn.Linear(16, 10);

  forward(x: Tensor) {
    return this.fc.forward(torch.flatten(this.features.forward(x), 1));
  }
}

export function transfer(compile: Compile): number[] {
  const images = torch.rand([5, 8, 3, 8, 8]);
  const labels = torch.randint(0, 2, [5, 8]);
  const pretrained = new ConvNet();
  const model = new ConvNet();
  model.loadStateDict(pretrained.stateDict());
  for (const parameter of model.parameters()) parameter.requiresGrad = false;
  model.fc = new nn.Sequential(new nn.Dropout(0.2), new nn.Linear(16, 2));
  const sgd = new optim.SGD(model.fc.parameters(), { lr: 0.1, momentum: 0.9 });
  const scheduler = new optim.lrScheduler.ExponentialLR(sgd, 0.9);
  const criterion = new nn.CrossEntropyLoss({ labelSmoothing: 0.1 });
  model.train();
  model.features.eval();
  const step = compile(
    (x, y) => {
      sgd.zeroGrad();
      const loss = criterion.forward(model.forward(x), y);
      loss.backward();
      sgd.step();
      return loss;
    },
    [images.at(0), labels.at(0)],
  );
  const losses: number[] = [];
  for (let i = 0; i < 10; i++) {
    losses.push(step(images.at(i % 5), labels.at(i % 5)).item());
    scheduler.step();
  }
  return losses;
}
