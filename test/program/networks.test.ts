// Steps of whole networks, recorded and eager: the same losses, parameters, gradients and buffers, bit for bit.
import torch, { nn, optim, type Tensor } from 'torch-node';
import { part2 } from '../../experiments/cifar10/lib/part2.js';
import { liveTensors, withoutLeaksAfterwards } from '../support/leaks.js';
import { bits, bitsOf, stateOf, twins } from './support.js';

torch.setNumThreads(1);

const images = (count: number): Tensor => torch.randn([count, 3, 32, 32]);
const labels = (count: number, classes = 10): Tensor =>
  torch.randint(0, classes, [count], { dtype: 'int64' });

interface Case {
  net: () => nn.Module;
  inputs: () => Tensor[];
  loss?: (net: nn.Module, ...inputs: Tensor[]) => Tensor;
  optimizer?: (parameters: nn.Parameter[]) => optim.Optimizer;
  steps?: number;
}

const classify = (net: nn.Module, x: Tensor, y: Tensor): Tensor =>
  nn.functional.crossEntropy(net.forward(x), y);

/** The same steps with two networks that are the same, by turns, with the same random numbers. */
function expectSameSteps({ net, inputs, loss = classify, optimizer, steps = 5 }: Case): Promise<void> {
  return withoutLeaksAfterwards(() => {
    const [one, two] = twins(net);
    const make = optimizer ?? ((parameters) => new optim.SGD(parameters, { lr: 0.05, momentum: 0.9 }));
    const [eager, recorded] = [make(one.parameters()), make(two.parameters())];
    const step =
      (module: nn.Module, descent: optim.Optimizer) =>
      (...given: Tensor[]): { loss: Tensor } => {
        descent.zeroGrad();
        const value = loss(module, ...given);
        value.backward();
        descent.step();
        return { loss: value };
      };
    torch.manualSeed(5);
    const data = Array.from({ length: steps }, inputs);
    torch.manualSeed(6);
    const random = torch.getRngState();
    const program = torch.compileStep(step(two, recorded), data[0]!, { exact: true });
    // Recording changed nothing.
    expect(bits(torch.getRngState())).toBe(bits(random));
    expect(stateOf(two, recorded)).toEqual(stateOf(one, eager));
    const eagerStep = step(one, eager);
    for (const batch of data) {
      const before = torch.getRngState();
      const wanted = eagerStep(...batch);
      const after = torch.getRngState();
      torch.setRngState(before);
      const made = program.run(...batch);
      expect(bits(made.loss)).toBe(bits(wanted.loss));
      expect(stateOf(two, recorded)).toEqual(stateOf(one, eager));
      expect(bits(torch.getRngState())).toBe(bits(after));
    }
    program.dispose();
  });
}

it.each([...part2])('part 2: %s', (_, experiment) => {
  return expectSameSteps({
    net: experiment.network,
    inputs: () => [images(4), labels(4)],
    optimizer: experiment.optimizer,
  });
});

// ---- layers of other kinds ----

class Double extends torch.autograd.Function {
  static forward(ctx: torch.autograd.FunctionContext, x: Tensor): Tensor {
    ctx.saveForBackward(x);
    return x.mul(x);
  }
  static backward(ctx: torch.autograd.FunctionContext, grad: Tensor): Tensor {
    return grad.mul(ctx.savedTensors[0]!).mul(2);
  }
}

class Custom extends nn.Module {
  readonly a = new nn.Linear(6, 8);
  readonly b = new nn.Linear(8, 10);
  override forward(x: Tensor): Tensor {
    const hidden = Double.apply(this.a.forward(x));
    hidden.registerHook((gradient) => gradient.clamp(-0.1, { max: 0.1 }));
    return this.b.forward(hidden);
  }
}

class Attention extends nn.Module {
  readonly words = new nn.Embedding(20, 8);
  readonly norm = new nn.LayerNorm(8);
  readonly attention = new nn.MultiheadAttention(8, 2, { batchFirst: true, dropout: 0.1 });
  readonly out = new nn.Linear(8, 10);
  override forward(x: Tensor): Tensor {
    const embedded = this.norm.forward(this.words.forward(x));
    const [attended] = this.attention.forward(embedded, embedded, embedded);
    return this.out.forward(attended.mean(1));
  }
}

class Recurrent extends nn.Module {
  readonly words = new nn.Embedding(20, 8);
  readonly gru = new nn.GRU(8, 6, { batchFirst: true, numLayers: 2, dropout: 0.2 });
  readonly out = new nn.Linear(6, 10);
  override forward(x: Tensor): Tensor {
    const [sequence] = this.gru.forward(this.words.forward(x));
    return this.out.forward(sequence.select(1, -1));
  }
}

class InPlace extends nn.Module {
  readonly a = new nn.Linear(6, 8);
  readonly b = new nn.Linear(8, 10);
  override forward(x: Tensor): Tensor {
    const hidden = this.a.forward(x);
    hidden.mul_(2).relu_();
    const padded = torch.zeros([x.size(0), 8]);
    padded.narrow(1, 0, 4).copy_(hidden.narrow(1, 0, 4));
    return this.b.forward(padded.add_(hidden));
  }
}

const tokens = (): Tensor[] => [torch.randint(0, 20, [3, 5], { dtype: 'int64' }), labels(3)];
const rows = (): Tensor[] => [torch.randn([4, 6]), labels(4)];

const layers: Record<string, Case> = {
  'dropout and batch norm': {
    net: () =>
      new nn.Sequential(
        new nn.Conv2d(3, 4, 3),
        new nn.BatchNorm2d(4),
        new nn.ReLU(),
        new nn.Dropout(0.3),
        new nn.AdaptiveAvgPool2d(2),
        new nn.Flatten(),
        new nn.Linear(16, 10),
      ),
    inputs: () => [images(4), labels(4)],
  },
  'embedding, LayerNorm and MultiheadAttention': { net: () => new Attention(), inputs: tokens },
  'embedding and GRU': { net: () => new Recurrent(), inputs: tokens },
  'a Function of its own, and hooks': { net: () => new Custom(), inputs: rows },
  'operators in place': { net: () => new InPlace(), inputs: rows },
  'autocast to bfloat16': {
    net: () => new nn.Sequential(new nn.Linear(6, 8), new nn.ReLU(), new nn.Linear(8, 10)),
    inputs: rows,
    loss: (net, x, y) => torch.autocast('cpu', () => classify(net, x, y)),
  },
  'a penalty on gradients, which is differentiated twice': {
    net: () => new nn.Sequential(new nn.Linear(6, 8), new nn.Tanh(), new nn.Linear(8, 10)),
    inputs: rows,
    loss: (net, x, y) => {
      const loss = classify(net, x, y);
      const gradients = torch.grad([loss], net.parameters(), { createGraph: true }) as Tensor[];
      return gradients.reduce((sum, gradient) => sum.add(gradient.pow(2).sum()), loss);
    },
  },
};

it.each(Object.entries(layers))('%s', (_, given) => expectSameSteps(given));

it('clips gradients, in a step with several outputs in a structure', () => {
  const [one, two] = twins(() => new nn.Linear(6, 10));
  const step =
    (net: nn.Linear, sgd: optim.SGD) =>
    (x: Tensor, y: Tensor): { loss: Tensor; more: [Tensor, { norm: Tensor }, null] } => {
      sgd.zeroGrad();
      const logits = net.forward(x);
      const loss = nn.functional.crossEntropy(logits, y);
      loss.backward();
      const norm = nn.utils.clipGradNorm_(net.parameters(), 0.1);
      sgd.step();
      return { loss, more: [logits.argmax(1), { norm }, null] };
    };
  return withoutLeaksAfterwards(() => {
    const [eager, recorded] = [one, two].map((net) => new optim.SGD(net.parameters(), { lr: 0.5 }));
    const [x, y] = rows() as [Tensor, Tensor];
    const program = torch.compileStep(step(two, recorded!), [x, y], { exact: true });
    for (let i = 0; i < 3; i++) expect(bitsOf(program.run(x, y))).toEqual(bitsOf(step(one, eager!)(x, y)));
    program.dispose();
  });
});

it('has a training and an evaluation program of one network', () => {
  const [one, two] = twins(
    () => new nn.Sequential(new nn.Linear(6, 8), new nn.BatchNorm1d(8), new nn.Linear(8, 10)),
  );
  return withoutLeaksAfterwards(() => {
    const make = (net: nn.Module): optim.SGD => new optim.SGD(net.parameters(), { lr: 0.1, momentum: 0.9 });
    const sgd = [make(one), make(two)] as const;
    const train = (i: 0 | 1, x: Tensor, y: Tensor): void => {
      sgd[i].zeroGrad();
      classify(i === 0 ? one : two, x, y).backward();
      sgd[i].step();
    };
    const correct = torch.zeros([], { dtype: 'int64' });
    const evaluate = (net: nn.Module, x: Tensor, y: Tensor): void =>
      torch.inferenceMode(() => {
        correct.add_(net.forward(x).argmax(1).eq(y).sum());
      });
    const [x, y] = rows() as [Tensor, Tensor];
    const training = torch.compileStep((a: Tensor, b: Tensor) => train(1, a, b), [x, y], { exact: true });
    two.eval();
    const evaluation = torch.compileStep((a: Tensor, b: Tensor) => evaluate(two, a, b), [x, y], {
      exact: true,
    });
    expect(Number(correct.item())).toBe(0);
    for (let i = 0; i < 4; i++) {
      one.train();
      train(0, x, y);
      training.run(x, y);
      one.eval();
      const before = Number(correct.item());
      evaluate(one, x, y);
      const counted = Number(correct.item()) - before;
      evaluation.run(x, y);
      expect(Number(correct.item()) - before).toBe(2 * counted);
      expect(stateOf(two, sgd[1])).toEqual(stateOf(one, sgd[0]));
    }
    training.dispose();
    evaluation.dispose();
  });
});

it('gives inputs their gradients', () => {
  return withoutLeaksAfterwards(() => {
    const weight = torch.randn([3], { requiresGrad: true });
    const step = (x: Tensor): Tensor => {
      weight.grad = null;
      x.grad = null;
      const y = x.mul(weight).sum();
      y.backward();
      return y;
    };
    const example = torch.ones([3], { requiresGrad: true });
    const program = torch.compileStep(step, [example], { exact: true });
    const x = torch.tensor([1, 2, 3], { requiresGrad: true });
    const y = program.run(x);
    expect(y.requiresGrad).toBe(false);
    expect(bits(x.grad!)).toBe(bits(weight));
    expect(bits(weight.grad!)).toBe(bits(x));
    expect(example.grad).toBeNull();
    program.dispose();
  });
});

it('lets go of everything when it is disposed of, or collected', () => {
  const net = new nn.Linear(6, 10);
  const sgd = new optim.SGD(net.parameters(), { lr: 0.1 });
  const once = (dispose: boolean): void =>
    torch.scope(() => {
      const [x, y] = rows() as [Tensor, Tensor];
      const program = torch.compileStep(
        (a: Tensor, b: Tensor) => {
          sgd.zeroGrad();
          const loss = classify(net, a, b);
          loss.backward();
          sgd.step();
          return loss;
        },
        [x, y],
        { exact: true },
      );
      for (let i = 0; i < 3; i++) program.run(x, y);
      if (dispose) program.dispose();
    });
  once(true);
  const before = liveTensors();
  once(true);
  expect(liveTensors()).toBe(before);
});
