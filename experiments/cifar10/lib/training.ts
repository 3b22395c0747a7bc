// How a network is trained and measured: the loop that a PyTorch user would write, in steps that can be interrupted
// and gone on with.
import { setImmediate as turn } from 'node:timers/promises';
import torch, { type data, type nn, type optim, type Program, type Tensor } from 'torch-node';
import { PartLosses, type LossesSoFar } from './partLosses.js';
import { exclusively, shared } from './rngLock.js';

/** What there is to train, and how. */
export interface Experiment {
  /** The model's name in metrics and on the command line. */
  name: string;
  network: () => nn.Module;
  criterion: () => nn.Module<[logits: Tensor, labels: Tensor]>;
  optimizer: (parameters: nn.Parameter[]) => optim.SGD;
  batchSize: number;
  epochs: number;
}

/**
 * How steps are made: `compiled` natively from a recording, in kernels of our own where they fit; `exact` natively, with
 * PyTorch's kernels and its bits; `eager` operator by operator from JavaScript, with the same bits.
 */
export type Way = 'compiled' | 'exact' | 'eager';

export interface Measure {
  /** Mean over the images. */
  loss: number;
  /** In percent. */
  accuracy: number;
  /** confusion[label][prediction]: number of images. */
  confusion: number[][];
}

/** A network in training. `step` counts the batches of the epoch that have been learnt. */
export interface Training extends LossesSoFar {
  net: nn.Module;
  criterion: nn.Module<[Tensor, Tensor]>;
  optimizer: optim.SGD;
  /** State of the random numbers at the epoch's start: its order of images follows from it. */
  rngState: Tensor;
  /** Their state where the epoch was interrupted: layers such as dropout draw too. */
  interruptedRngState?: Tensor;
  /** Their state after the epoch's last step, from which the next one draws. */
  nextRngState?: Tensor;
  epoch: number;
  step: number;
  /** Time spent on the epoch's steps so far. */
  seconds: number;
  way: Way;
  /** The recorded step, once there is one. */
  program?: TrainingProgram;
  /** What measures the network, likewise. */
  measuring?: MeasuringProgram;
  /** Why there is none, where it cannot be recorded. */
  notCompiled?: string;
}

interface TrainingProgram {
  step: Program;
  /** The losses of its steps, added up where they are computed: reading them at every step would make a GPU wait. */
  total: Tensor;
}

interface MeasuringProgram {
  step: Program;
  /** float64 []: losses times images; int64 [classes * classes]: images by label and prediction. */
  loss: Tensor;
  confusion: Tensor;
}

/** Seeds the random numbers and builds: drawing starts here, in the order in which the layers are made. */
export function begin(experiment: Experiment, seed: number, device: string, way: Way = 'compiled'): Training {
  const { net, rngState } = exclusively(() => {
    torch.manualSeed(seed);
    return { net: experiment.network().to(device), rngState: torch.getRngState() };
  });
  return {
    net,
    criterion: experiment.criterion(),
    optimizer: experiment.optimizer(net.parameters()),
    rngState,
    epoch: 1,
    step: 0,
    losses: [],
    lossSum: 0,
    seconds: 0,
    way,
  };
}

/**
 * Learns one epoch: the whole set once, in a random order, in consecutive batches (the last may be smaller). Begins
 * where `training.step` says, so that an interrupted epoch can be gone on with. Gives the loop a turn now and then;
 * an abort takes effect between two steps. A finished epoch sets `nextRngState`.
 *
 * @returns whether the epoch was finished.
 */
export async function trainEpoch(
  training: Training,
  set: data.ImageSet,
  batchSize: number,
  options: {
    signal?: AbortSignal;
    onProgress?: (step: number, runningLoss: () => number) => void;
    turnEvery?: number;
  } = {},
): Promise<boolean> {
  training.net.train();
  const program = compiled(training, set, batchSize);
  const random = new OwnRandomNumbers(training.rngState);
  const order = random.draw(() => torch.randperm(set.length).to(set.device));
  if (training.interruptedRngState) random.set(training.interruptedRngState);
  delete training.interruptedRngState;
  if (program !== undefined)
    return await runProgram(training, program, set, batchSize, order, random, options);
  const { net, criterion, optimizer } = training;
  const steps = Math.ceil(set.length / batchSize);
  // The loss is added up where it is computed: reading it at every step would make a GPU wait.
  const total = torch.zeros([], { device: set.device });
  const parts = new PartLosses(training, steps, total);
  let resumedAt = performance.now();
  try {
    while (training.step < steps) {
      if (options.signal?.aborted) {
        training.interruptedRngState = random.state();
        parts.interrupted();
        return false;
      }
      random.step(() => {
        const from = training.step * batchSize;
        const { images, labels } = set.batch(order.narrow(0, from, Math.min(batchSize, set.length - from)));
        optimizer.zeroGrad();
        const loss = criterion.forward(net.forward(images), labels);
        loss.backward();
        optimizer.step();
        total.add_(loss.detach());
      });
      training.step++;
      parts.made();
      const now = performance.now();
      if (now - resumedAt > (options.turnEvery ?? 20)) {
        training.seconds += (now - resumedAt) / 1000;
        options.onProgress?.(training.step, () => parts.running());
        await turn();
        resumedAt = performance.now();
      }
    }
    if (set.device !== 'cpu') torch.cuda.currentStream(set.device).synchronize();
    training.nextRngState = random.state();
    return true;
  } finally {
    training.seconds += (performance.now() - resumedAt) / 1000;
    order.dispose();
    total.dispose();
  }
}

type TrainOptions = NonNullable<Parameters<typeof trainEpoch>[3]>;

/** The training's step as a program; undefined where it is made eagerly. */
function compiled(training: Training, set: data.ImageSet, batchSize: number): TrainingProgram | undefined {
  if (training.way === 'eager' || training.notCompiled !== undefined) return undefined;
  if (training.program === undefined) {
    const { net, criterion, optimizer } = training;
    const total = torch.zeros([], { device: set.device }).keep();
    const learn = (images: Tensor, labels: Tensor): void => {
      optimizer.zeroGrad();
      const loss = criterion.forward(net.forward(images), labels);
      loss.backward();
      optimizer.step();
      total.add_(loss.detach());
    };
    try {
      training.program = torch.scope(() => {
        const { images, labels } = set.range(0, batchSize);
        const options = { exact: training.way === 'exact' };
        // A step that draws draws while it is recorded, and puts the random numbers' state back afterwards.
        return {
          step: exclusively(() => torch.compileStep(learn, [images, labels], options) as Program),
          total,
        };
      });
    } catch (error) {
      // A network of the user's own may do what cannot be recorded.
      if ((error as Error).name !== 'TorchError') throw error;
      training.notCompiled = (error as Error).message;
      return undefined;
    }
  }
  // Jobs side by side take turns to draw, step by step; a program would draw between them.
  if (training.program.step.draws && shared()) {
    training.notCompiled = 'its steps draw random numbers, beside other jobs';
    return undefined;
  }
  return training.program;
}

async function runProgram(
  training: Training,
  { step, total }: TrainingProgram,
  set: data.ImageSet,
  batchSize: number,
  order: Tensor,
  random: OwnRandomNumbers,
  { signal, onProgress }: TrainOptions,
): Promise<boolean> {
  const steps = Math.ceil(set.length / batchSize);
  let resumedAt = performance.now();
  const clock = (): void => {
    const now = performance.now();
    training.seconds += (now - resumedAt) / 1000;
    resumedAt = now;
  };
  const parts = new PartLosses(training, steps, total);
  try {
    while (training.step < steps && signal?.aborted !== true) {
      const { end } = parts;
      using rows = order.narrow(0, 0, Math.min(end * batchSize, set.length));
      await step.runEpoch(set, rows, {
        batchSize,
        from: training.step,
        ...(signal && { signal }),
        onProgress: (done) => {
          training.step = done;
          clock();
          if (done < end) onProgress?.(done, () => parts.running());
        },
      });
      if (training.step < end) break;
      parts.made();
      onProgress?.(end, () => parts.running());
    }
    if (set.device !== 'cpu') torch.cuda.currentStream(set.device).synchronize();
    if (training.step < steps) {
      training.interruptedRngState = random.state();
      parts.interrupted();
      return false;
    }
    training.nextRngState = random.state();
    return true;
  } finally {
    clock();
    order.dispose();
  }
}

/** The random numbers of one training: those of the process where it is alone, a state of its own beside others. */
class OwnRandomNumbers {
  #state: Tensor;
  #drawnInSteps: boolean | undefined;

  constructor(state: Tensor) {
    this.#state = state;
    if (!shared()) torch.setRngState(state);
  }

  set(state: Tensor): void {
    this.#state = state;
    if (!shared()) torch.setRngState(state);
  }
  state(): Tensor {
    return shared() ? this.#state : torch.getRngState();
  }

  draw<T>(run: () => T): T {
    if (!shared()) return run();
    return exclusively(() => {
      torch.setRngState(this.#state);
      const result = run();
      this.#state = torch.getRngState();
      return result;
    });
  }

  /** A step in a scope. Steps that draw (dropout does) take turns with other threads; the first one shows whether. */
  step(run: () => void): void {
    if (!shared() || this.#drawnInSteps === false) return torch.scope(run);
    const before = this.#state;
    this.draw(() => torch.scope(run));
    this.#drawnInSteps ??= !this.#state.equal(before);
  }
}

/** Images whose logits are computed at once on the CPU: what their layers give then stays in its caches. */
const AT_ONCE = 100;

/**
 * Measures a network on a whole set; undefined when aborted. Unless PyTorch's bits are asked for it does so natively, off the
 * main thread.
 */
export async function evaluate(
  training: Pick<Training, 'net' | 'criterion'> & Partial<Training>,
  set: data.ImageSet,
  signal?: AbortSignal,
): Promise<Measure | undefined> {
  training.net.eval();
  const program = training.way === 'compiled' ? measuring(training, set) : undefined;
  const measured = await (program === undefined
    ? evaluateEagerly(training, set, signal)
    : runMeasuring(program, set, signal));
  if (measured === undefined) return undefined;
  const { loss, confusion } = measured;
  const right = confusion.reduce((sum, row, label) => sum + row[label]!, 0);
  return { loss: loss / set.length, accuracy: (100 * right) / set.length, confusion };
}

type Sums = Pick<Measure, 'loss' | 'confusion'>;

const atOnce = (set: data.ImageSet): number => Math.min(set.device === 'cpu' ? AT_ONCE : 1000, set.length);

function measuring(
  training: Pick<Training, 'net' | 'criterion'> & Partial<Training>,
  set: data.ImageSet,
): MeasuringProgram | undefined {
  if (training.notCompiled !== undefined) return undefined;
  if (training.measuring !== undefined) return training.measuring;
  const { net, criterion } = training;
  const classes = set.classes.length;
  const loss = torch.zeros([], { dtype: 'float64', device: set.device }).keep();
  const confusion = torch.zeros([classes * classes], { dtype: 'int64', device: set.device }).keep();
  const measure = (images: Tensor, labels: Tensor): void =>
    torch.noGrad(() => {
      const logits = net.forward(images);
      loss.add_(criterion.forward(logits, labels).mul(labels.size(0)));
      const places = labels.mul(classes).add(logits.argmax(1));
      confusion.scatterAdd_(0, places, torch.onesLike(places));
    });
  try {
    return (training.measuring = torch.scope(() => {
      const { images, labels } = set.range(0, atOnce(set));
      return { step: torch.compileStep(measure, [images, labels]) as Program, loss, confusion };
    }));
  } catch (error) {
    if ((error as Error).name !== 'TorchError') throw error;
    return undefined;
  }
}

async function runMeasuring(
  { step, loss, confusion }: MeasuringProgram,
  set: data.ImageSet,
  signal?: AbortSignal,
): Promise<Sums | undefined> {
  loss.zero_();
  confusion.zero_();
  using order = torch.arange(0, set.length, 1, { device: set.device });
  const batchSize = atOnce(set);
  const steps = await step.runEpoch(set, order, { batchSize, ...(signal && { signal }) });
  if (steps < Math.ceil(set.length / batchSize)) return undefined;
  const classes = set.classes.length;
  const counts = Array.from(confusion.dataSync(), Number);
  return {
    loss: Number(loss.item()),
    confusion: set.classes.map((_, label) => counts.slice(label * classes, (label + 1) * classes)),
  };
}

/** In batches of 1000, whose loss and answers do not depend on how many images a forward pass takes at once. */
async function evaluateEagerly(
  { net, criterion }: Pick<Training, 'net' | 'criterion'>,
  set: data.ImageSet,
  signal?: AbortSignal,
): Promise<Sums | undefined> {
  const confusion = set.classes.map(() => set.classes.map(() => 0));
  let loss = 0;
  for (let from = 0; from < set.length; from += 1000) {
    const to = Math.min(from + 1000, set.length);
    const part = atOnce(set);
    torch.scope(() =>
      torch.noGrad(() => {
        const parts: Tensor[] = [];
        for (let i = from; i < to; i += part)
          parts.push(torch.scope(() => net.forward(set.range(i, Math.min(i + part, to)).images)));
        const logits = torch.cat(parts);
        const labels = set.labels.narrow(0, from, to - from);
        loss += criterion.forward(logits, labels).item() * labels.size(0);
        const predictions = logits.argmax(1).dataSync();
        labels.dataSync().forEach((label, i) => confusion[Number(label)]![Number(predictions[i])]!++);
      }),
    );
    await turn();
    if (signal?.aborted) return undefined;
  }
  return { loss, confusion };
}
