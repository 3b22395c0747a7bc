// CIFAR-10 in a few seconds' worth of a GPU: the whole step, augmentation, schedules and optimizer included, is one program of
// torch.compileStep, which an accelerator captures as a graph. In the spirit of Keller Jordan's airbench94, whose settings
// these are; train.ts beside this file runs it from the command line.
import torch, { nn, type Tensor } from 'torch-node';
import { cropper, MARGIN, normaliser, withMargin } from './augment.js';
import { Network, type Widths } from './network.js';
import { Lookahead, NesterovSgd, Schedule, triangle } from './training.js';

export interface Settings {
  epochs: number;
  batch: number;
  /** Channels of the three groups. */
  widths: Widths;
  /** For a batch's summed loss, per 1,024 images. */
  lr: number;
  seed: number;
  device: string;
  /** What the products are computed in. */
  dtype: 'float32' | 'bfloat16';
  log: (line: string) => void;
}

export const DEFAULTS: Settings = {
  ...{ epochs: 9.9, batch: 1024, widths: [64, 256, 256], lr: 11.5, seed: 0 },
  ...{ device: 'cpu', dtype: 'float32', log: (line) => console.log(line) },
};

const [MOMENTUM, WEIGHT_DECAY, BIAS_FACTOR, SMOOTHING, WHITEN_BIAS_EPOCHS] = [0.85, 0.0153, 64, 0.2, 3];

/** Images [N, 3, 32, 32] uint8 and labels [N] int64. */
export interface Set {
  images: Tensor;
  labels: Tensor;
}

export interface Outcome {
  steps: number;
  /** Of training alone: neither the preparation nor the test. */
  seconds: number;
  /** Mean losses an image, of each epoch. */
  losses: number[];
  /** In percent, with views of the test images mirrored and moved. */
  accuracy: number;
  /** How the steps were made: see Program.path and Program.why. */
  path: string;
  why: string;
}

export async function train(
  sets: { train: Set; test: Set },
  given: Partial<Settings> = {},
): Promise<Outcome> {
  const settings = { ...DEFAULTS, ...given };
  const { epochs, batch, device, log } = settings;
  torch.manualSeed(settings.seed);
  const count = sets.train.images.size(0);
  const stepsPerEpoch = Math.floor(count / batch);
  if (stepsPerEpoch < 1)
    throw new RangeError(`a batch of ${batch} is more than the ${count} training images`);
  const steps = Math.max(1, Math.ceil(epochs * stepsPerEpoch));

  const net = new Network(settings.widths).to({ device, memoryFormat: 'channels_last' });
  const normalise = normaliser(device);
  const source = torch.scope(() => [
    withMargin(sets.train.images.to(device)),
    sets.train.labels.to(device),
    // Every other epoch shows an image mirrored; which it is in the first is drawn.
    torch.randint(0, 2, [count], { device }),
  ]) as [Tensor, Tensor, Tensor];
  torch.scope(() =>
    net.whitenFor(normalise(sets.train.images.narrow(0, 0, Math.min(5000, count)).to(device))),
  );

  const { program, total, ahead } = compile(net, source, settings, steps, stepsPerEpoch);
  log(`${steps} steps of ${batch} images, ${program.length} operators each, on ${device}`);
  net.train();
  const losses: number[] = [];
  const began = performance.now();
  for (let done = 0; done < steps;) {
    const now = Math.min(stepsPerEpoch, steps - done);
    const order = torch.randperm(count, { device }).narrow(0, 0, now * batch);
    await program.runEpoch(source, order);
    done += now;
    losses.push(total.item() / (now * batch));
    total.zero_();
    log(`epoch ${losses.length}: loss ${losses.at(-1)!.toFixed(4)}`);
  }
  ahead.end();
  if (device !== 'cpu') torch.cuda.synchronize(device);
  const seconds = (performance.now() - began) / 1000;
  const accuracy = test(net, sets.test, settings);
  const { path, why } = program;
  program.dispose();
  return { steps, seconds, losses, accuracy, path, why };
}

// The step, as a program.
function compile(
  net: Network,
  source: [Tensor, Tensor, Tensor],
  settings: Settings,
  steps: number,
  stepsPerEpoch: number,
) {
  const { batch, device, dtype } = settings;
  // A rate for summed losses, which momentum multiplies; biases learn faster.
  const scale = 1024 * (1 + 1 / (1 - MOMENTUM));
  const [lr, decay] = [settings.lr / scale, (WEIGHT_DECAY * batch) / scale];
  const trained = net.namedParameters().filter(([, parameter]) => parameter.requiresGrad);
  const isBias = (name: string): boolean => name.endsWith('bias');
  const pick = (wanted: (name: string) => boolean): Tensor[] =>
    trained.filter(([name]) => wanted(name)).map(([, parameter]) => parameter);
  const sgd = new NesterovSgd(
    [
      { parameters: pick((name) => !isBias(name)), lr, decay },
      { parameters: pick((name) => isBias(name) && !name.startsWith('whiten')), lr: lr * BIAS_FACTOR, decay },
      {
        ...{ parameters: [net.whiten.bias!], lr, decay },
        only: new Schedule(steps, (step) => (step < WHITEN_BIAS_EPOCHS * stepsPerEpoch ? 1 : 0), device),
      },
    ],
    MOMENTUM,
  );
  const rate = new Schedule(steps, triangle(steps, 0.2, 0.23, 0.07), device);
  const averages = net.buffers().filter(({ dtype }) => torch.isFloatingPoint(dtype));
  const ahead = new Lookahead([...sgd.parameters, ...averages], steps, device);
  const criterion = new nn.CrossEntropyLoss({ labelSmoothing: SMOOTHING, reduction: 'sum' });
  const [crop, normalise] = [cropper(device), normaliser(device)];
  const step = torch.zeros([1], { dtype: 'int64', device });
  const total = torch.zeros([], { device });
  const kind = device.startsWith('cuda') ? 'cuda' : 'cpu';
  const inDtype = <T>(run: () => T): T =>
    dtype === 'float32' ? run() : torch.autocast(kind, { dtype }, run);

  const program = torch.compileStep(
    (images: Tensor, labels: Tensor, firstFlips: Tensor) => {
      const epoch = step.floorDivide(stepsPerEpoch);
      const x = normalise(crop(images, firstFlips.add(epoch).remainder(2)));
      const loss = inDtype(() => criterion.forward(net.forward(x), labels));
      const gradients = torch.grad(loss, sgd.parameters) as Tensor[];
      sgd.step(gradients, rate.now(step), step);
      ahead.step(step);
      total.add_(loss.detach());
      step.add_(1);
    },
    source.map((rows) => rows.narrow(0, 0, batch)) as [Tensor, Tensor, Tensor],
  );
  return { program, total, ahead };
}

// Percent that are right: the mean over an image, its mirror, and both moved by a pixel to two sides.
function test(net: Network, set: Set, { device, batch, dtype }: Settings): number {
  net.eval();
  const normalise = normaliser(device);
  const kind = device.startsWith('cuda') ? 'cuda' : 'cpu';
  const count = set.images.size(0);
  const right = torch.scope(() =>
    torch.noGrad(() => {
      const logits = (images: Tensor): Tensor => {
        const both = (): Tensor =>
          net
            .forward(images)
            .add(net.forward(images.flip([3]).contiguous({ memoryFormat: 'channels_last' })));
        return dtype === 'float32' ? both() : torch.autocast(kind, { dtype }, both);
      };
      const hits = torch.zeros([], { dtype: 'int64', device });
      for (let from = 0; from < count; from += batch) {
        torch.scope(() => {
          const rows = Math.min(batch, count - from);
          const padded = withMargin(set.images.narrow(0, from, rows).to(device));
          const at = (y: number, x: number): Tensor =>
            logits(normalise(padded.narrow(2, MARGIN + y, 32).narrow(3, MARGIN + x, 32)));
          const scores = at(0, 0).mul(2).add(at(-1, -1)).add(at(1, 1));
          hits.add_(
            scores
              .argmax(1)
              .eq(set.labels.narrow(0, from, rows).to(device))
              .sum(),
          );
        });
      }
      return Number(hits.item());
    }),
  );
  return (100 * right) / count;
}
