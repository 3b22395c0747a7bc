// Teaches a small network to tell the two arms of a spiral apart, and says how well it does.
import torch, { nn, optim } from 'torch-node';

const POINTS = 500; // on each arm

/** Points on two arms that wind around each other, and for each the number of its arm. */
function spirals() {
  const turn = torch
    .rand([2 * POINTS])
    .sqrt()
    .mul(9.5);
  const labels = torch.arange(2 * POINTS).remainder(2);
  const angle = turn.add(labels.mul(Math.PI));
  const radius = turn.div(9.5);
  const points = torch.stack([angle.cos().mul(radius), angle.sin().mul(radius)], 1);
  return { points: points.add(torch.randn([2 * POINTS, 2]).mul(0.015)), labels };
}

torch.manualSeed(0);
const train = spirals();
const test = spirals();

const net = new nn.Sequential(
  new nn.Linear(2, 64),
  new nn.ReLU(),
  new nn.Linear(64, 64),
  new nn.ReLU(),
  new nn.Linear(64, 2),
);
const criterion = new nn.CrossEntropyLoss();
const adam = new optim.Adam(net.parameters(), { lr: 0.01 });

for (let step = 1; step <= 1000; step++) {
  // Tensors made in here are released at its end.
  torch.scope(() => {
    adam.zeroGrad();
    const loss = criterion.forward(net.forward(train.points), train.labels);
    loss.backward();
    adam.step();
    if (step % 100 === 0) console.log(`step ${step}: loss ${loss.item().toFixed(4)}`);
  });
}

const accuracy = torch.noGrad(() =>
  net.forward(test.points).argmax(1).eq(test.labels).mean({ dtype: 'float32' }),
);
console.log(`accuracy on new points: ${(100 * accuracy.item()).toFixed(1)} %`);
