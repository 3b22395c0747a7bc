// ResNet-18 on CIFAR-10 with augmentation, bfloat16 autocast, label smoothing and a one-cycle schedule.
//
//     npm run example:resnet18 -- --data FOLDER --steps 200
//     node examples/resnet18-cifar10/train.mjs [--data FOLDER] [--steps 200] [--batch 128] [--width 64] [--lr 0.1] [--seed 0]
//         [--device cpu|cuda] [--threads N] [--synthetic] [--out FILE]
//
// FOLDER holds CIFAR-10's binary files; without it the set is looked for in the cache, and downloaded. --synthetic takes drawn
// pictures instead. train.py beside this file is the same program in Python; scripts/check/resnet.mjs holds their losses
// against each other.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import torch, { nn, optim } from 'torch-node';

const { values: options } = parseArgs({
  options: {
    data: { type: 'string' },
    steps: { type: 'string', default: '200' },
    batch: { type: 'string', default: '128' },
    width: { type: 'string', default: '64' },
    lr: { type: 'string', default: '0.1' },
    seed: { type: 'string', default: '0' },
    device: { type: 'string', default: 'cpu' },
    threads: { type: 'string' },
    synthetic: { type: 'boolean', default: false },
    out: { type: 'string' },
  },
});
const [steps, batchSize, width, seed] = ['steps', 'batch', 'width', 'seed'].map((name) =>
  Number(options[name]),
);
const { device } = options;

class Block extends nn.Module {
  constructor(inputs, outputs, stride) {
    super();
    this.conv1 = new nn.Conv2d(inputs, outputs, 3, { stride, padding: 1, bias: false });
    this.bn1 = new nn.BatchNorm2d(outputs);
    this.conv2 = new nn.Conv2d(outputs, outputs, 3, { padding: 1, bias: false });
    this.bn2 = new nn.BatchNorm2d(outputs);
    this.shortcut =
      stride === 1 && inputs === outputs
        ? new nn.Sequential()
        : new nn.Sequential(
            new nn.Conv2d(inputs, outputs, 1, { stride, bias: false }),
            new nn.BatchNorm2d(outputs),
          );
  }
  forward(x) {
    const inner = torch.relu(this.bn1.forward(this.conv1.forward(x)));
    return torch.relu(this.bn2.forward(this.conv2.forward(inner)).add(this.shortcut.forward(x)));
  }
}

/** ResNet-18 for pictures of 32 x 32: a first convolution of 3 x 3 and no pooling after it. */
class ResNet18 extends nn.Module {
  constructor(width) {
    super();
    this.stem = new nn.Sequential(
      new nn.Conv2d(3, width, 3, { padding: 1, bias: false }),
      new nn.BatchNorm2d(width),
      new nn.ReLU(),
    );
    const stages = [];
    for (let stage = 0, inputs = width; stage < 4; stage++) {
      const outputs = width * 2 ** stage;
      stages.push(new Block(inputs, outputs, stage === 0 ? 1 : 2), new Block(outputs, outputs, 1));
      inputs = outputs;
    }
    this.stages = new nn.Sequential(...stages);
    this.head = new nn.Linear(8 * width, 10);
  }
  forward(x) {
    return this.head.forward(this.stages.forward(this.stem.forward(x)).mean([2, 3]));
  }
}

if (options.threads !== undefined) torch.setNumThreads(Number(options.threads));
const { train } = options.synthetic
  ? torch.data.synthetic({ train: 4 * batchSize, test: 10, seed: 0 })
  : await torch.data.cifar10(options.data);

torch.manualSeed(seed);
const net = new ResNet18(width).to(device);
const criterion = new nn.CrossEntropyLoss({ labelSmoothing: 0.1 });
const lr = Number(options.lr);
const sgd = new optim.SGD(net.parameters(), { lr, momentum: 0.9, weightDecay: 5e-4, nesterov: true });
const schedule = new optim.lrScheduler.OneCycleLR(sgd, lr, { totalSteps: steps });
const augment = new torch.transforms.Compose([
  new torch.transforms.RandomCrop(32, { padding: 4 }),
  new torch.transforms.RandomHorizontalFlip(),
  new torch.transforms.ToDtype('float32', { scale: true }),
  new torch.transforms.Normalize([0.4914, 0.4822, 0.4465], [0.247, 0.2435, 0.2616]),
]);
const dataset = new torch.data.TensorDataset(train.images, train.labels);
const loader = new torch.data.DataLoader(dataset, { batchSize, shuffle: true, dropLast: true });

const losses = [];
const began = performance.now();
while (losses.length < steps) {
  for (const [images, labels] of loader) {
    torch.scope(() => {
      const x = augment.forward(images).to(device);
      const y = labels.to(device);
      sgd.zeroGrad();
      const loss = torch.autocast(device, { dtype: 'bfloat16' }, () => criterion.forward(net.forward(x), y));
      loss.backward();
      sgd.step();
      schedule.step();
      losses.push(loss.item());
    });
    for (const each of [images, labels]) each.dispose();
    if (losses.length % 10 === 0 || losses.length === 1) {
      const each = (performance.now() - began) / 1000 / losses.length;
      console.log(`step ${losses.length}: loss ${losses.at(-1).toFixed(4)}, ${each.toFixed(2)} s a step`);
    }
    if (losses.length === steps) break;
  }
}
if (options.out !== undefined) writeFileSync(options.out, JSON.stringify(losses));
