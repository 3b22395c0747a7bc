// Super-resolution by sub-pixel convolution.
import torch, { nn, optim, type Tensor } from 'torch-node';
import type { Compile } from './program.js';

class Net extends nn.Module {
  conv1 = new nn.Conv2d(1, 16, 5, { padding: 2 });
  conv2 = new nn.Conv2d(16, 16, 3, { padding: 1 });
  conv3 = new nn.Conv2d(16, 8, 3, { padding: 'same' });
  conv4 = new nn.Conv2d(8, 4, [3, 3], { stride: [1, 1], padding: [1, 1] });
  pixelShuffle = new nn.PixelShuffle(2);

  constructor() {
    super();
    for (const conv of [this.conv1, this.conv2, this.conv3])
      nn.init.orthogonal_(conv.weight, nn.init.calculateGain('relu'));
    nn.init.orthogonal_(this.conv4.weight);
  }
  forward(input: Tensor) {
    let x = nn.functional.relu(this.conv1.forward(input));
    x = nn.functional.relu(this.conv2.forward(x));
    x = nn.functional.relu(this.conv3.forward(x));
    return this.pixelShuffle.forward(this.conv4.forward(x));
  }
}

export function superResolution(compile: Compile): number[] {
  const large = torch.rand([5, 4, 1, 16, 16]);
  const small = nn.functional
    .interpolate(large.flatten(0, 1), { scaleFactor: 0.5, mode: 'bilinear' })
    .view(5, 4, 1, 8, 8);
  const model = new Net();
  const criterion = new nn.MSELoss();
  const adam = new optim.Adam(model.parameters(), { lr: 1e-2 });
  const step = compile(
    (input, target) => {
      adam.zeroGrad();
      const loss = criterion.forward(model.forward(input), target);
      loss.backward();
      adam.step();
      return loss;
    },
    [small.at(0), large.at(0)],
  );
  const losses: number[] = [];
  for (let i = 0; i < 10; i++) losses.push(step(small.at(i % 5), large.at(i % 5)).item());
  return losses;
}
