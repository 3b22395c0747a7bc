// Whole epochs: Program.runEpoch against a loop over the same batches.
import { once } from 'node:events';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import torch, { data, nn, optim, type Program, type StepSource, type Tensor } from 'torch-node';
import { bits, stateOf, twins } from './support.js';

torch.setNumThreads(1);

const ROWS = 46;
const BATCH = 4;
torch.manualSeed(1);
const features = torch.randn([ROWS, 6]);
const targets = torch.randint(0, 3, [ROWS], { dtype: 'int64' });
const order = torch.randperm(ROWS);

interface Training {
  net: nn.Module;
  descent: optim.Optimizer;
  total: Tensor;
  step: (x: Tensor, y: Tensor) => Tensor;
}

type Make = (parameters: nn.Parameter[]) => optim.Optimizer;
const adam: Make = (parameters) => new optim.Adam(parameters, { lr: 0.02 });

function training(net: nn.Module, make = adam): Training {
  const descent = make(net.parameters());
  const total = torch.zeros([]);
  const step = (x: Tensor, y: Tensor): Tensor => {
    descent.zeroGrad();
    const loss = nn.functional.crossEntropy(net.forward(x), y);
    loss.backward();
    descent.step();
    total.add_(loss.detach().mul(x.size(0)));
    return loss;
  };
  return { net, descent, total, step };
}

const network = (): nn.Sequential =>
  new nn.Sequential(new nn.Linear(6, 8), new nn.BatchNorm1d(8), new nn.Dropout(0.2), new nn.Linear(8, 3));

function pair(make = adam): [Training, Training] {
  const [one, two] = twins(network);
  return [training(one, make), training(two, make)];
}

function eagerly(
  { step }: Training,
  { from = 0, to = Infinity, before = (_: number): void => undefined } = {},
): void {
  for (let i = from; i < Math.min(to, Math.ceil(ROWS / BATCH)); i++) {
    before(i);
    torch.scope(() => {
      const index = order.narrow(0, i * BATCH, Math.min(BATCH, ROWS - i * BATCH));
      step(features.indexSelect(0, index), targets.indexSelect(0, index));
    });
  }
}

const compiled = ({ step }: Training): Program<readonly [Tensor, Tensor], Tensor> =>
  torch.compileStep(step, [features.narrow(0, 0, BATCH), targets.narrow(0, 0, BATCH)] as const, {
    exact: true,
  }) as never;

function expectSame(a: Training, b: Training): void {
  expect(stateOf(b.net, b.descent)).toEqual(stateOf(a.net, a.descent));
  expect(bits(b.total)).toBe(bits(a.total));
}

describe('runEpoch', () => {
  it('makes the steps of a loop, the smaller last batch included, and again', async () => {
    const [eager, recorded] = pair();
    const program = compiled(recorded);
    for (let epoch = 0; epoch < 2; epoch++) {
      torch.manualSeed(epoch);
      eagerly(eager);
      const random = bits(torch.getRngState());
      torch.manualSeed(epoch);
      expect(await program.runEpoch([features, targets], order)).toBe(12);
      expect(bits(torch.getRngState())).toBe(random);
      expectSame(eager, recorded);
    }
    expect(recorded.descent.stepsTaken).toBe(24);
    program.dispose();
  });

  it.each<[string, Make]>([
    ['SGD', (p) => new optim.SGD(p, { lr: 0.1, momentum: 0.9, dampening: 0.3 })],
    ['NAdam', (p) => new optim.NAdam(p, { lr: 0.02, foreach: true })],
    ['RAdam', (p) => new optim.RAdam(p, { lr: 0.02 })],
    ['ASGD', (p) => new optim.ASGD(p, { lr: 0.1, lambd: 0.1, t0: 4 })],
    ['Adagrad', (p) => new optim.Adagrad(p, { lr: 0.1, lrDecay: 0.1, fused: true })],
    ['Adafactor', (p) => new optim.Adafactor(p, { lr: 0.1 })],
  ])('counts the steps of %s', async (_, make) => {
    const [eager, recorded] = pair(make);
    const program = compiled(recorded);
    for (let epoch = 0; epoch < 2; epoch++) {
      torch.manualSeed(epoch);
      eagerly(eager);
      torch.manualSeed(epoch);
      await program.runEpoch([features, targets], order);
      expectSame(eager, recorded);
    }
    program.dispose();
  });

  it('takes batches of another size, and fewer rows than one batch', async () => {
    const [eager, recorded] = pair();
    const program = compiled(recorded);
    await expect(program.runEpoch([features, targets], order, { batchSize: 5 })).rejects.toThrow(
      /input 0 is float32 \[5, 6\].*recorded with float32 \[4, 6\]/s,
    );
    torch.manualSeed(0);
    const few = order.narrow(0, 0, 3);
    eager.step(features.indexSelect(0, few), targets.indexSelect(0, few));
    torch.manualSeed(0);
    expect(await program.runEpoch([features, targets], few)).toBe(1);
    expectSame(eager, recorded);
    expect(await program.runEpoch([features, targets], order.narrow(0, 0, 0))).toBe(0);
    expectSame(eager, recorded);
    program.dispose();
  });

  it('reads a schedule before each step', async () => {
    const [eager, recorded] = pair();
    const program = compiled(recorded);
    const before =
      ({ descent }: Training) =>
      (step: number): void =>
        void (descent.paramGroups[0]!.lr = 0.05 / (1 + step));
    torch.manualSeed(0);
    eagerly(eager, { before: before(eager) });
    torch.manualSeed(0);
    const steps: number[] = [];
    await program.runEpoch([features, targets], order, {
      beforeStep: (step) => {
        steps.push(step);
        before(recorded)(step);
      },
    });
    expect(steps).toEqual(Array.from({ length: 12 }, (_, i) => i));
    expectSame(eager, recorded);
    program.dispose();
  });

  it('ends between two steps when it is told to, and goes on from there', async () => {
    const [eager, recorded] = pair();
    const program = compiled(recorded);
    const abort = new AbortController();
    const told: number[] = [];
    torch.manualSeed(0);
    const made = await program.runEpoch([features, targets], order, {
      signal: abort.signal,
      onProgress: (steps) => {
        told.push(steps);
        abort.abort();
      },
    });
    expect(told).toEqual([made]);
    expect(made).toBeLessThan(12);
    torch.manualSeed(0);
    eagerly(eager, { to: made });
    expectSame(eager, recorded);
    const random = torch.getRngState();
    eagerly(eager, { from: made });
    torch.setRngState(random);
    expect(
      await program.runEpoch([features, targets], order, {
        from: made,
        onProgress: (steps) => void told.push(steps),
      }),
    ).toBe(12);
    expect(told.at(-1)).toBe(12);
    expect(told).toEqual([...told].sort((a, b) => a - b));
    expectSame(eager, recorded);
    expect(await program.runEpoch([features, targets], order, { signal: AbortSignal.abort() })).toBe(0);
    expectSame(eager, recorded);
    program.dispose();
  });

  it('takes an ImageSet', async () => {
    const count = 22;
    const bytes = Uint8Array.from({ length: count * 3 * 32 * 32 }, (_, i) => (i * 7919) % 251);
    const set = data.ImageSet.from({
      images: bytes,
      labels: Uint8Array.from({ length: count }, (_, i) => i % 10),
      count,
      classes: '0123456789'.split(''),
    });
    const [eager, recorded] = twins(
      () =>
        new nn.Sequential(
          new nn.Conv2d(3, 4, 5),
          new nn.ReLU(),
          new nn.MaxPool2d(4),
          new nn.Flatten(),
          new nn.Linear(196, 10),
        ),
    ).map((net) => training(net)) as [Training, Training];
    const permutation = torch.randperm(count);
    const batches = Array.from({ length: 5 }, (_, i) =>
      set.batch(permutation.narrow(0, i * 5, Math.min(5, count - i * 5))),
    );
    const [{ images, labels }] = batches as [{ images: Tensor; labels: Tensor }];
    const program = torch.compileStep(recorded.step, [images, labels], { exact: true });
    for (const batch of batches) eager.step(batch.images, batch.labels);
    expect(await program.runEpoch(set, permutation)).toBe(5);
    expectSame(eager, recorded);
    program.dispose();
  });

  it('refuses what does not fit', async () => {
    const [, recorded] = pair();
    const program = compiled(recorded);
    const rejects = async (
      source: StepSource,
      permutation: Tensor,
      options: object,
      message: RegExp,
    ): Promise<void> => expect(program.runEpoch(source, permutation, options)).rejects.toThrow(message);
    await rejects(
      [features, targets],
      torch.zeros([3]),
      {},
      /permutation: expected int64 \[N\], got float32 \[3\]/,
    );
    await rejects(
      [features, targets],
      order,
      { batchSize: 0 },
      /batchSize: expected a whole number of 1 or more/,
    );
    await rejects([features], order, {}, /takes 2 inputs, the set has 1/);
    await rejects([features, targets], order.add(1), {}, /index/);
    await rejects([features, targets], order, { from: -1 }, /from: expected a whole number/);
    const before = (): void => {
      throw new RangeError('from the schedule');
    };
    await rejects([features, targets], order, { beforeStep: before }, /from the schedule/);
    program.dispose();
  });
});

const WORKER = `
const { parentPort } = require('node:worker_threads');
import(${JSON.stringify(path.resolve(__dirname, '../../dist/index.js'))}).then(async ({ default: torch, nn, optim }) => {
  torch.setNumThreads(1);
  const run = async (compile) => {
    torch.manualSeed(4);
    const net = new nn.Sequential(new nn.Linear(6, 8), new nn.Dropout(0.2), new nn.Linear(8, 3));
    const x = torch.randn([22, 6]);
    const y = torch.randint(0, 3, [22], { dtype: 'int64' });
    const sgd = new optim.SGD(net.parameters(), { lr: 0.1, momentum: 0.9 });
    const step = (a, b) => {
      sgd.zeroGrad();
      const loss = nn.functional.crossEntropy(net.forward(a), b);
      loss.backward();
      sgd.step();
      return loss;
    };
    const order = torch.randperm(22);
    if (compile) {
      const program = torch.compileStep(step, [x.narrow(0, 0, 5), y.narrow(0, 0, 5)], { exact: true });
      const steps = await program.runEpoch([x, y], order);
      if (steps !== 5) throw new Error(String(steps));
    } else
      for (let i = 0; i < 22; i += 5) {
        const index = order.narrow(0, i, Math.min(5, 22 - i));
        step(x.indexSelect(0, index), y.indexSelect(0, index));
      }
    return net.parameters().map((p) => Array.from(p.dataSync()));
  };
  parentPort.postMessage([await run(false), await run(true)]);
});`;

it('makes the same steps in a worker thread', async () => {
  const worker = new Worker(WORKER, { eval: true });
  const [[eager, recorded]] = (await once(worker, 'message')) as [[number[][], number[][]]];
  await worker.terminate();
  expect(recorded).toEqual(eager);
  expect(eager.flat().some((value) => value !== 0)).toBe(true);
});

const DRAWER = `import(${JSON.stringify(path.resolve(__dirname, '../../dist/index.js'))}).then(({ default: torch }) => {
  const { parentPort, workerData } = require('node:worker_threads');
  parentPort.on('message', () => {
    torch.rand([3]);
    Atomics.store(workerData, 0, 1);
    Atomics.notify(workerData, 0);
  });
  parentPort.postMessage('ready');
});`;

it('recording a step that draws nothing leaves what another thread draws meanwhile drawn', async () => {
  const drawn = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(DRAWER, { eval: true, workerData: drawn });
  await once(worker, 'message');
  try {
    torch.manualSeed(3);
    torch.rand([3]);
    const expected = [...torch.rand([3]).dataSync()];
    torch.manualSeed(3);
    torch.compileStep(
      (x: Tensor) => {
        worker.postMessage('draw');
        expect(Atomics.wait(drawn, 0, 0, 30_000)).not.toBe('timed-out');
        return x.add(1);
      },
      [torch.zeros([2])],
    );
    expect([...torch.rand([3]).dataSync()]).toEqual(expected);
  } finally {
    await worker.terminate();
  }
});
