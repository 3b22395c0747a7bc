// What a recorded step can do with values, and what it cannot: a program gives eager's bits for inputs that it was not
// recorded with, or the recording is refused in words that say what to do.
import torch, { nn, optim, type Tensor } from 'torch-node';
import { bits, bitsOf } from './support.js';

const { functional: F } = nn;
const t = (values: number[], dtype: 'int64' | 'float32' = 'int64'): Tensor => torch.tensor(values, { dtype });
const range = (...shape: number[]): Tensor =>
  torch
    .arange(
      shape.reduce((a, b) => a * b, 1),
      { dtype: 'float32' },
    )
    .reshape(shape)
    .div(7)
    .sin();

interface Case {
  step: (...inputs: Tensor[]) => Tensor | Tensor[];
  /** Of the recording, and of runs. */
  inputs: readonly (() => Tensor[])[];
}

const rows = [() => [range(4, 3), t([0, 2, 1])], () => [range(4, 3).neg(), t([3, 3, 0])]];
const table = range(10, 4);
const lengths = [4, 2, 1];
torch.manualSeed(1);
const rnn = { lstm: new nn.LSTM(3, 4), gru: new nn.GRU(3, 4), rnn: new nn.RNN(3, 4) };
const encoder = new nn.TransformerEncoder(
  new nn.TransformerEncoderLayer(8, 2, { dimFeedforward: 16, dropout: 0, batchFirst: true }),
  2,
);
const sequences = [() => [range(4, 3, 3)], () => [range(4, 3, 3).cos()]];
const words = [() => [range(2, 5, 8)], () => [range(2, 5, 8).cos()]];
const packed = (x: Tensor, sorted = true): ReturnType<typeof nn.utils.rnn.packPaddedSequence> =>
  nn.utils.rnn.packPaddedSequence(x, sorted ? lengths : [2, 4, 1], { enforceSorted: sorted });

const cases: Record<string, Case> = {
  'at(tensor)': { step: (x, i) => x.at(i), inputs: rows },
  'at(tensor) of a table from outside': { step: (_, i) => table.at(i), inputs: rows },
  "at(':', tensor)": { step: (x, i) => x.t().at(':', i), inputs: rows },
  "at(':', list, ':')": { step: (x) => x.unsqueeze(0).at(':', [-1], ':'), inputs: rows },
  'at(list)': { step: (x) => x.at([0, 2, 2]), inputs: rows },
  'at(tensor, tensor)': {
    step: (x, i) => x.at(i, torch.tensor([0, 1, 2], { dtype: 'int64' })),
    inputs: rows,
  },
  'set(value, tensor)': {
    step: (x, i) => {
      const y = x.clone();
      y.set(5, i);
      return y;
    },
    inputs: rows,
  },
  'at(a mask of constants)': { step: (x) => x.at([true, false, true, true]), inputs: rows },
  indexSelect: { step: (x, i) => x.indexSelect(0, i), inputs: rows },
  'gather and its gradient': {
    step: (x, i) => {
      const w = x.detach().requiresGrad_();
      return torch.grad(w.at(i).pow(2).sum(), w) as Tensor[];
    },
    inputs: rows,
  },
  'oneHot with numClasses': { step: (_, i) => F.oneHot(i, 4), inputs: rows },
  'oneHot of constants': { step: (x) => F.oneHot(t([1, 0, 2])).add(x.sum()), inputs: rows },
  'divisions by a number': {
    step: (_, i) => [i.floorDivide(8), i.add(9).remainder(4), i.gt(1)],
    inputs: rows,
  },
  'nonzero of constants': { step: (x) => x.at(t([0, 5, 0, 7]).nonzero().squeeze(1)), inputs: rows },
  'item() of constants': { step: (x) => x.mul(torch.arange(3).sum().item()), inputs: rows },
  'toArray() of constants': {
    step: (x) => x.mul((torch.ones([2]).toArray() as number[])[0]!),
    inputs: rows,
  },
  'packPaddedSequence and LSTM': { step: (x) => rnn.lstm.forward(packed(x))[0].data, inputs: sequences },
  'packPaddedSequence, not sorted, and GRU': {
    step: (x) => {
      const [out, hidden] = rnn.gru.forward(packed(x, false));
      return [...nn.utils.rnn.padPackedSequence(out), hidden];
    },
    inputs: sequences,
  },
  'packSequence and RNN': {
    step: (x) => {
      const [a, b] = [x.select(1, 0), x.select(1, 1).narrow(0, 0, 2)];
      return rnn.rnn.forward(nn.utils.rnn.packSequence([a, b]))[1];
    },
    inputs: sequences,
  },
  'TransformerEncoder with a mask made in the step': {
    step: (x) => encoder.forward(x, { mask: nn.Transformer.generateSquareSubsequentMask(5) }),
    inputs: words,
  },
  'TransformerEncoder with a mask from outside and isCausal': {
    step: (x) => encoder.forward(x, { mask: causal, isCausal: true }),
    inputs: words,
  },
  'ctcLoss with lists of lengths': {
    step: (x, i) => F.ctcLoss(x.logSoftmax(-1), i.reshape([1, 3]).add(1).clamp(1, 2), [4], [2]),
    inputs: [() => [range(4, 1, 3), t([0, 1, 0])], () => [range(4, 1, 3).cos(), t([1, 0, 1])]],
  },
  'maxPool1d without gradients': { step: (x) => torch.noGrad(() => F.maxPool1d(x, 2)), inputs: rows },
  'tensorSplit by numbers': { step: (x) => torch.tensorSplit(x, [1, 3]), inputs: rows },
  'gaussianNllLoss, whose variance is checked': {
    step: (x) => F.gaussianNllLoss(x, x.mul(2), x.pow(2)),
    inputs: rows,
  },
  'strides other than the example’s': {
    step: (x) => x.contiguous().view(-1).narrow(0, 1, 4),
    inputs: [() => [range(4, 3)], () => [range(3, 4).t()], () => [range(4, 6).at(':', torch.slice(0, 6, 2))]],
  },
  'channels of one, laid out in two ways': {
    step: (x) =>
      F.conv2d(x, range(2, 1, 3, 3))
        .relu()
        .reshape(2, -1),
    inputs: [
      () => [range(2, 1, 5, 5)],
      () => [
        range(2, 1, 5, 5)
          .contiguous({ memoryFormat: 'channels_last' })
          .asStrided([2, 1, 5, 5], [25, 1, 5, 1]),
      ],
    ],
  },
  'an example of other strides': {
    step: (x) => x.mul(2).add(x.t().t()),
    inputs: [() => [range(3, 4).t()], () => [range(4, 3)]],
  },
  'linear layers of vectors, without a bias': {
    step: (x) => F.linear(F.linear(x, range(4, 3)), range(5, 4), range(5)),
    inputs: [() => [range(3)], () => [range(3).neg()]],
  },
  'squeeze_ beside other uses': {
    step: (x) => {
      const y = x.mul(2).unsqueeze(0);
      const z = y.detach();
      z.squeeze_(0);
      return [y.add(1), z.sum(0), y.size(0) === 1 ? y.mean(0) : y];
    },
    inputs: rows,
  },
  't_, transpose_, unsqueeze_ and swapaxes_': {
    step: (x) => {
      const y = x.add(1);
      y.t_().mul_(2);
      y.unsqueeze_(0).transpose_(0, 2);
      return [y, y.swapaxes_(0, 1).sum(0)];
    },
    inputs: rows,
  },
  'resize_ of what the step made': {
    step: (x) => {
      const y = x.mul(3);
      y.resize_([2, 3]);
      return y.add(0);
    },
    inputs: rows,
  },
};
const causal = nn.Transformer.generateSquareSubsequentMask(5);

it.each(Object.entries(cases))('%s: gives eager’s bits for other values', (_, { step, inputs }) => {
  torch.scope(() => {
    const made = inputs.map((make) => make());
    const wanted = made.map((given) => bitsOf(step(...given)));
    for (const exact of [true, false]) {
      const program = torch.compileStep(step as (...given: Tensor[]) => Tensor[], made[0]!, { exact });
      made.forEach((given, i) => expect(bitsOf(program.run(...given))).toEqual(wanted[i]));
      program.dispose();
    }
  });
});

const refused: Record<
  string,
  [step: (...inputs: Tensor[]) => unknown, inputs: () => Tensor[], words: RegExp]
> = {
  'item()': [
    (x) => x.mul(x.sum().item()),
    () => [range(3)],
    /reading a value on the host cannot be recorded/,
  ],
  'a mask': [(x) => x.at(x.gt(0)), () => [range(3)], /aten::index.*depends on values/],
  'oneHot without numClasses': [(x) => F.oneHot(x), () => [t([1, 2])], /how many classes.*say numClasses/],
  'lengths that are an input': [
    (x, n) => nn.utils.rnn.packPaddedSequence(x, n).data,
    () => [range(4, 3, 3), t([4, 2, 1])],
    /how many elements.*lengths as an array/,
  ],
  'lengths of ctcLoss that are inputs': [
    (x, n) => F.ctcLoss(x.logSoftmax(-1), t([1, 2]).reshape([1, 2]), n, t([2])),
    () => [range(4, 1, 3), t([4])],
    /ctc_loss, which reads the values of 'inputLengths' on the host, cannot be recorded/,
  ],
  'a mask of a TransformerEncoder’s that may change': [
    (x, mask) => encoder.forward(x, { mask: mask }),
    () => [range(2, 5, 8), causal],
    /whether a mask is the causal one.*isCausal/,
  ],
  'padding of a TransformerEncoder’s in evaluation': [
    (x) => {
      encoder.eval();
      try {
        return torch.noGrad(() => encoder.forward(x, { srcKeyPaddingMask: x.select(2, 0).gt(2) }));
      } finally {
        encoder.train();
      }
    },
    () => [range(2, 5, 8)],
    /where the padding is.*enableNestedTensor: false/,
  ],
  'squeeze_ of an input': [(x) => x.squeeze_(0), () => [range(1, 3)], /aten::squeeze_.*from outside/],
  'one tensor as two inputs': [
    (x, y) => x.add(y),
    () => {
      const x = range(3);
      return [x, x.detach()];
    },
    /inputs 0 and 1 of the example are one tensor/,
  ],
};

it.each(Object.entries(refused))('%s: is refused, and says what to do', (_, [step, inputs, message]) => {
  torch.scope(() => {
    const given = inputs();
    const record = (): unknown =>
      torch.compileStep(step as (...x: Tensor[]) => Tensor[], given, { exact: true });
    expect(record).toThrow(message);
    expect(record).toThrow(expect.objectContaining({ name: expect.stringMatching(/^TorchError/) as string }));
  });
});

it('an input that is changed in place has to be laid out like the example', () => {
  torch.scope(() => {
    const program = torch.compileStep((x: Tensor) => x.add_(1), [range(2, 3)], { exact: true });
    const [x, other] = [range(2, 3), range(3, 2).t()];
    program.run(x);
    expect(bits(x)).toBe(bits(range(2, 3).add(1)));
    expect(() => program.run(other)).toThrow(/changes input 0 in place.*strides/);
    program.dispose();
  });
});

it('what is asserted in a recorded step is asserted in each run', () => {
  torch.scope(() => {
    const program = torch.compileStep(
      (x: Tensor) => F.gaussianNllLoss(x, x.mul(2), x),
      [range(4).abs()],
      { exact: true },
    ); // prettier-ignore
    expect(() => program.run(range(4).abs().neg())).toThrow(
      /gaussianNllLoss: variance: expected no negative values/,
    );
    program.dispose();
    const weight = torch.ones([2], { requiresGrad: true });
    const clip = torch.compileStep(
      (x: Tensor) => {
        weight.grad = null;
        weight.mul(x).sum().backward();
        return nn.utils.clipGradNorm_([weight], 1, { errorIfNonfinite: true });
      },
      [torch.ones([2])],
      { exact: true },
    );
    expect(clip.run(torch.ones([2])).item()).toBeCloseTo(Math.SQRT2);
    expect(() => clip.run(torch.tensor([Infinity, 1]))).toThrow(/norm of the gradients is not finite/);
    clip.dispose();
  });
});

describe('averages and counts of batches, from the first run on', () => {
  const averages: Record<string, (net: nn.Linear) => optim.swaUtils.AveragedModel> = {
    'the mean': (net) => new optim.swaUtils.AveragedModel(net),
    'an exponential average': (net) =>
      new optim.swaUtils.AveragedModel(net, { avgFn: optim.swaUtils.getEmaAvgFn(0.9) }),
    'the mean in lists': (net) =>
      new optim.swaUtils.AveragedModel(net, { multiAvgFn: optim.swaUtils.getSwaMultiAvgFn() }),
    'an exponential average in lists': (net) =>
      new optim.swaUtils.AveragedModel(net, {
        multiAvgFn: optim.swaUtils.getEmaMultiAvgFn(0.9),
        useBuffers: true,
      }),
  };
  const dtypes = ['float32', 'float64', 'bfloat16', 'float16'] as const;
  const each = Object.entries(averages).flatMap(([name, average]) =>
    dtypes.map((dtype) => [name, dtype, average] as const),
  );
  it.each(each)('%s of %s', (_, dtype, average) => {
    torch.scope(() => {
      const run = (recorded: boolean): unknown[] => {
        torch.manualSeed(2);
        const net = new nn.Linear(3, 2, { dtype });
        const averaged = average(net);
        const step = (x: Tensor): Tensor => {
          torch.noGrad(() => net.weight.add_(x));
          averaged.updateParameters(net);
          return net.weight.clone();
        };
        const xs = [1, 2, 3, 4].map((i) => range(2, 3).mul(i).to(dtype));
        const program = recorded ? torch.compileStep(step, [xs[0]!], { exact: true }) : undefined;
        return xs.map((x) => {
          (program?.run(x) ?? step(x)).dispose();
          return bitsOf(averaged.stateDict());
        });
      };
      expect(run(true)).toEqual(run(false));
    });
  });

  it('batch norm without a momentum', () => {
    torch.scope(() => {
      const run = (recorded: boolean): unknown[] => {
        const norm = new nn.BatchNorm1d(3, { momentum: null });
        const step = (x: Tensor): Tensor => norm.forward(x).add(norm.forward(x.mul(2)));
        const xs = [1, 2, 3].map((i) => range(4, 3).mul(i));
        const program = recorded ? torch.compileStep(step, [xs[0]!], { exact: true }) : undefined;
        return xs.map((x) => [bits(program?.run(x) ?? step(x)), bitsOf(norm.stateDict())]);
      };
      expect(run(true)).toEqual(run(false));
    });
  });
});
