// Training the course's network with this package, in each of its ways: the settings and lines of train.py.
//
//     node train.mjs way=eager|exact|fused folder=DIR start=DIR threads=1 warmup=50 steps=400 [device=cuda] [feed=batch] [count=1]
//
// feed=batch trains on one batch again and again, so that no gathering of images is in the step. Prints
// { "unavailable": why } where this build has no such way.
import torch, { data, nn, optim } from 'torch-node';
import { originalNetwork } from '../../../experiments/cifar10/dist/part1.js';
import { BATCH, FIRST, order, peakMb, say, settings, weights } from './settings.mjs';

const { way, device = 'cpu', threads, feed } = settings;

function network() {
  const net = originalNetwork();
  const values = weights();
  let at = 0;
  torch.scope(() =>
    torch.noGrad(() => {
      for (const parameter of net.parameters()) {
        const part = values.slice(at, (at += parameter.numel));
        parameter.copy_(torch.fromTypedArray(part, { shape: parameter.shape }));
      }
    }),
  );
  return net.to(device);
}

/** The usual loop: TypeScript calls every operator. */
class Eager {
  constructor(set, indices) {
    Object.assign(this, { set, indices, at: 0, net: network(), criterion: new nn.CrossEntropyLoss() });
    this.optimizer = new optim.SGD(this.net.parameters(), { lr: 0.001, momentum: 0.9 });
    if (feed === 'batch') this.one = set.batch(indices.narrow(0, 0, BATCH));
  }

  next() {
    if (this.one) return this.one;
    if (this.at + BATCH > this.set.length) this.at = 0;
    this.at += BATCH;
    return this.set.batch(this.indices.narrow(0, this.at - BATCH, BATCH));
  }

  learn(images, labels) {
    this.optimizer.zeroGrad();
    const loss = this.criterion.forward(this.net.forward(images), labels);
    loss.backward();
    this.optimizer.step();
    return loss;
  }

  /** A step's loss. */
  loss() {
    return torch.scope(() => {
      const { images, labels } = this.next();
      return this.learn(images, labels).item();
    });
  }

  async steps(count) {
    for (let i = 0; i < count; i++) {
      torch.scope(() => {
        const { images, labels } = this.next();
        this.learn(images, labels);
      });
    }
  }
}

/** A program: the step, recorded once, then run without TypeScript in between. */
class Compiled extends Eager {
  constructor(set, indices, exact) {
    super(set, indices);
    const example = set.batch(indices.narrow(0, 0, BATCH));
    this.program = torch.compileStep(
      (images, labels) => ({ loss: this.learn(images, labels) }),
      [example.images, example.labels],
      { exact },
    );
  }

  loss() {
    return torch.scope(() => {
      const { images, labels } = this.next();
      return this.program.run(images, labels).loss.item();
    });
  }

  async steps(count) {
    if (this.one) {
      for (let i = 0; i < count; i++) torch.scope(() => this.program.run(this.one.images, this.one.labels));
      return;
    }
    for (let left = count; left > 0;) {
      if (this.at + BATCH > this.set.length) this.at = 0;
      const now = Math.min(left, Math.floor((this.set.length - this.at) / BATCH));
      await this.program.runEpoch(this.set, this.indices.narrow(0, this.at, now * BATCH), {
        batchSize: BATCH,
      });
      this.at += now * BATCH;
      left -= now;
    }
  }
}

/** Eager steps call what the recorded step lists. */
function record(training) {
  const { images, labels } = training.next();
  return torch.compileStep?.((x, y) => ({ loss: training.learn(x, y) }), [images, labels], { exact: true });
}

async function train() {
  if (way !== 'eager' && torch.compileStep === undefined)
    return say({ unavailable: 'not available in this build: it has no torch.compileStep' });
  if (threads) torch.setNumThreads(Number(threads));
  const synchronize = () => device !== 'cpu' && torch.cuda.currentStream(device).synchronize();
  const { train: images } = await data.cifar10(settings.folder);
  const set = images.to(device);
  const indices = torch.fromTypedArray(order()).to(device);
  const began = performance.now();
  const training = way === 'eager' ? new Eager(set, indices) : new Compiled(set, indices, way === 'exact');
  const path = training.program?.path;
  if (device === 'cpu' && path !== undefined && path !== way)
    return say({ unavailable: `the program took the ${path} path for this step: ${training.program.why}` });
  const losses = [training.loss()];
  say({ firstStepSeconds: (performance.now() - began) / 1000, path });
  while (losses.length < FIRST) losses.push(training.loss());
  say({ losses });
  if (settings.count) return say({ kernels: (training.program ?? record(training))?.length });
  await training.steps(Number(settings.warmup));
  synchronize();
  const steps = Number(settings.steps);
  const start = performance.now();
  await training.steps(steps);
  synchronize();
  say({ us: (1000 * (performance.now() - start)) / steps, steps, memoryMb: peakMb() });
}

await train();
