// Programs that run in kernels of our own, against the same programs with libtorch's: values and gradients within 1e-5 of
// the largest, for each network of part 2 and each layer alone.
import torch, { data, nn, optim, type Tensor } from 'torch-node';
import { part2 } from '../../experiments/cifar10/lib/part2.js';

const threads = torch.getNumThreads();
beforeAll(() => torch.setNumThreads(1));
afterAll(() => torch.setNumThreads(threads));

const criterion = new nn.CrossEntropyLoss();

/** The largest difference, by the largest value. */
function difference(a: Tensor, b: Tensor): number {
  return torch.scope(() => Number(a.sub(b).abs().max().item()) / Number(b.abs().max().item()));
}

/** A loss without an optimizer: what is compared is what autograd gives. */
function gradientsOf(net: nn.Module, exact: boolean, inputs: [Tensor, Tensor]) {
  const program = torch.compileStep(
    (images: Tensor, labels: Tensor) => {
      net.zeroGrad();
      const logits = net.forward(images);
      const loss = criterion.forward(logits, labels);
      loss.backward();
      return { logits, loss };
    },
    inputs,
    { exact },
  );
  const { logits, loss } = program.run(...inputs);
  const gradients = net.parameters().map((parameter) => parameter.grad!.clone());
  return { program, values: [logits, loss, ...gradients] };
}

/**
 * Holds the two against each other on three draws, of which one has to agree: rounding decides now and then which of two
 * nearly equal values is a window's largest, and a gradient goes another way then.
 */
function expectSame(net: nn.Module, draw: () => [Tensor, Tensor]): void {
  const worst = [0, 1, 2].map(() =>
    torch.scope(() => {
      const inputs = draw();
      const exact = gradientsOf(net, true, inputs);
      const fused = gradientsOf(net, false, inputs);
      expect([exact.program.path, exact.program.why]).toEqual(['exact', 'exact was asked for']);
      expect([fused.program.path, fused.program.why]).toEqual(['fused', '']);
      expect(fused.values).toHaveLength(exact.values.length);
      exact.program.dispose();
      fused.program.dispose();
      return Math.max(...exact.values.map((value, i) => difference(fused.values[i]!, value)));
    }),
  );
  expect(Math.min(...worst)).toBeLessThan(1e-5);
}

const batch = (count: number, ...shape: number[]): [Tensor, Tensor] => [
  torch.randn([count, ...shape]),
  torch.randint(0, 4, [count]),
];

describe.each([...part2.keys()])('%s', (name) => {
  test.each([32, 7])('gives what the operators give, with %d images', (count) => {
    torch.manualSeed(3);
    torch.scope(() => expectSame(part2.get(name)!.network(), () => batch(count, 3, 32, 32)));
  });
});

describe('each layer alone', () => {
  const flat = (features: number): nn.Module[] => [new nn.Flatten(), new nn.Linear(features, 4)];
  const layers: Record<string, () => nn.Module> = {
    Linear: () => new nn.Sequential(new nn.Flatten(), new nn.Linear(192, 4)),
    'Linear without a bias': () =>
      new nn.Sequential(new nn.Flatten(), new nn.Linear(192, 4, { bias: false })),
    Conv2d: () => new nn.Sequential(new nn.Conv2d(3, 5, 3), ...flat(180)),
    'Conv2d with padding': () => new nn.Sequential(new nn.Conv2d(3, 5, 3, { padding: 1 }), ...flat(320)),
    'Conv2d without a bias': () => new nn.Sequential(new nn.Conv2d(3, 5, 3, { bias: false }), ...flat(180)),
    MaxPool2d: () => new nn.Sequential(new nn.Conv2d(3, 5, 1), new nn.MaxPool2d(2), ...flat(80)),
    'MaxPool2d that leaves a row out': () =>
      new nn.Sequential(new nn.Conv2d(3, 5, 2), new nn.MaxPool2d(2), ...flat(45)),
    'MaxPool2d of 3': () => new nn.Sequential(new nn.Conv2d(3, 5, 1), new nn.MaxPool2d(3), ...flat(20)),
    ReLU: () => new nn.Sequential(new nn.Conv2d(3, 5, 1), new nn.ReLU(), ...flat(320)),
    LeakyReLU: () => new nn.Sequential(new nn.Conv2d(3, 5, 1), new nn.LeakyReLU(0.2), ...flat(320)),
    Tanh: () => new nn.Sequential(new nn.Conv2d(3, 5, 1), new nn.Tanh(), ...flat(320)),
  };
  test.each(Object.keys(layers))('%s', (name) => {
    torch.manualSeed(5);
    torch.scope(() => expectSame(layers[name]!(), () => batch(9, 3, 8, 8)));
  });
});

test('two threads give what one gives, within rounding', () => {
  torch.manualSeed(1);
  torch.scope(() => {
    const net = part2.get('original')!.network();
    const inputs = batch(32, 3, 32, 32);
    const one = gradientsOf(net, false, inputs);
    torch.setNumThreads(2);
    try {
      const two = gradientsOf(net, false, inputs);
      for (const [i, value] of one.values.entries())
        expect(difference(two.values[i]!, value)).toBeLessThan(1e-5);
    } finally {
      torch.setNumThreads(1);
    }
  });
});

test('a NaN stays one', () => {
  torch.manualSeed(1);
  torch.scope(() => {
    const [images, labels] = batch(8, 3, 32, 32);
    const { program } = gradientsOf(part2.get('original')!.network(), false, [images, labels]);
    images.narrow(0, 3, 1).fill_(NaN);
    expect(Number.isNaN(program.run(images, labels).loss.item())).toBe(true);
  });
});

test('an epoch reads the bytes of the set itself, and gives the bits that gathered images give', async () => {
  const set = data.synthetic({ seed: 2, train: 70, test: 10 }).train;
  const order = torch.randperm(70, { generator: new torch.Generator().manualSeed(4) });
  const make = () => {
    torch.manualSeed(7);
    const net = part2.get('conv3')!.network();
    const sgd = new optim.SGD(net.parameters(), { lr: 0.05, momentum: 0.9 });
    const step = (images: Tensor, labels: Tensor): { loss: Tensor } => {
      sgd.zeroGrad();
      const loss = criterion.forward(net.forward(images), labels);
      loss.backward();
      sgd.step();
      return { loss };
    };
    return { net, step };
  };
  const { images, labels } = set.batch(order.narrow(0, 0, 32));
  const whole = make();
  const program = torch.compileStep(whole.step, [images, labels]);
  expect(program.path).toBe('fused');
  expect(await program.runEpoch(set, order)).toBe(3);
  const single = make();
  const one = torch.compileStep(single.step, [images, labels]);
  for (const from of [0, 32]) {
    const some = set.batch(order.narrow(0, from, 32));
    one.run(some.images, some.labels);
  }
  const last = set.batch(order.narrow(0, 64, 6));
  torch.compileStep(single.step, [last.images, last.labels]).run(last.images, last.labels);
  for (const [i, parameter] of whole.net.parameters().entries())
    expect(parameter.equal(single.net.parameters()[i]!)).toBe(true);
  program.dispose();
  one.dispose();
});

test('an index beyond the set is an error, not a crash', async () => {
  const set = data.synthetic({ seed: 2, train: 40, test: 10 }).train;
  const net = part2.get('conv1')!.network();
  const { images, labels } = set.range(0, 8);
  const program = torch.compileStep(
    (x: Tensor, y: Tensor) => criterion.forward(net.forward(x), y),
    [images, labels],
  );
  expect(program.path).toBe('fused');
  await expect(
    program.runEpoch(set, torch.tensor([...Array(15).keys(), 40], { dtype: 'int64' })),
  ).rejects.toThrow(/index 40 is out of range: there are 40 images/);
});

describe('what is not fused says why, and gives PyTorch’s bits', () => {
  const cases: Record<
    string,
    { net: () => nn.Module; step?: (x: Tensor, net: nn.Module) => Tensor; why: RegExp }
  > = {
    'a stride': {
      net: () =>
        new nn.Sequential(new nn.Conv2d(3, 4, 3, { stride: 2 }), new nn.Flatten(), new nn.Linear(36, 4)),
      why: /a convolution with a stride/,
    },
    'windows that overlap': {
      net: () =>
        new nn.Sequential(
          new nn.Conv2d(3, 4, 1),
          new nn.MaxPool2d(3, { stride: 2 }),
          new nn.Flatten(),
          new nn.Linear(36, 4),
        ),
      why: /a max pool with windows/,
    },
    'no layer at all': {
      net: () => new nn.Sequential(new nn.Sigmoid(), new nn.Flatten(), new nn.Linear(192, 4)),
      why: /no float32 input on the CPU goes through a layer that is known here/,
    },
    'a value from within': {
      net: () =>
        new nn.Sequential(new nn.Flatten(), new nn.Linear(192, 8), new nn.ReLU(), new nn.Linear(8, 4)),
      step: (x, net) => {
        const [flat, first, relu, second] = net.children() as unknown as nn.Module[];
        const hidden = relu!.forward(first!.forward(flat!.forward(x)));
        return second!.forward(hidden).add(hidden.detach().sum());
      },
      why: /used elsewhere/,
    },
  };
  test.each(Object.keys(cases))('%s', (name) => {
    const { net: make, step, why } = cases[name]!;
    torch.manualSeed(9);
    torch.scope(() => {
      const net = make();
      const [images, labels] = batch(6, 3, 8, 8);
      const run = (x: Tensor, y: Tensor): Tensor => {
        net.zeroGrad();
        const loss = criterion.forward(step === undefined ? net.forward(x) : step(x, net), y);
        loss.backward();
        return loss.detach();
      };
      const program = torch.compileStep(run, [images, labels]);
      expect(program.path).toBe('exact');
      expect(program.why).toMatch(why);
      expect(program.run(images, labels).equal(run(images, labels))).toBe(true);
    });
  });
});
