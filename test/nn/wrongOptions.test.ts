// What activations, losses and nn.init refuse, and in which words.
import torch, { nn } from 'torch-node';

const F = nn.functional;
const t = (...shape: number[]) => torch.ones(shape);

it('activations, layers and losses say what does not fit', () => {
  const bad: [() => unknown, RegExp][] = [
    [() => new nn.ELU(3 as never), /ELU: expected an object of options, got 3/],
    [() => new nn.SiLU(null as never), /SiLU: expected an object of options, got null/],
    [() => new nn.Hardtanh({ minVal: 2 }), /expected minVal < maxVal, got 2 and 1/],
    [() => F.hardtanh(t(1), { minVal: 2 }), /minVal, 2, is greater than maxVal, 1/],
    [() => new nn.Softmax2d().forward(t(2, 2)), /input: expected 3 or 4 dimensions, got 2/],
    [() => new nn.Mish().forward(3 as never), /mish: input: expected a Tensor, got 3/],
    [() => new nn.Softsign().forward(3 as never), /input: expected a Tensor, got 3/],
    [() => new nn.GLU().forward(t(3)), /must be even/],
    [() => new nn.Unflatten(1, 3 as never), /unflattenedSize: expected an array of integers, got 3/],
    [() => new nn.Unflatten(1, [1.5]), /an array of integers, got \[1.5\]/],
    [() => new nn.Bilinear(0, 1, 1), /in1Features: expected a whole number of 1 or more, got 0/],
    [() => new nn.AdaptiveLogSoftmaxWithLoss(8, 20, []), /cutoffs: expected rising integers from 1 to 19/],
    [() => new nn.AdaptiveLogSoftmaxWithLoss(8, 20, [5, 5]), /rising integers/],
    [() => new nn.AdaptiveLogSoftmaxWithLoss(8, 20, [5, 20]), /rising integers/],
    [
      () => new nn.AdaptiveLogSoftmaxWithLoss(8, 20, [5]).forward(t(3, 8), torch.tensor([1n, 2n, 20n])),
      /target: expected classes from 0 to 19, got 1 to 20/,
    ],
    [
      () => new nn.AdaptiveLogSoftmaxWithLoss(8, 20, [5]).forward(t(3, 8), torch.tensor([1n])),
      /expected an input \[N, inFeatures\][\s\S]*target: int64 \[1\]/,
    ],
    [
      () => new nn.L1Loss({ reduction: 'max' as never }),
      /L1Loss: reduction: expected mean, sum or none, got 'max'/,
    ],
    [() => new nn.L1Loss({ reduction: 'batchmean' as never }), /got 'batchmean'/],
    [() => new nn.HuberLoss({ delta: '1' as never }), /delta: expected a number, got '1'/],
    [() => new nn.NLLLoss({ weight: 3 as never }), /NLLLoss: weight: expected a Tensor, got 3/],
    [() => new nn.MultiMarginLoss({ p: 3 as never }), /p: expected 1 or 2, got 3/],
    [
      () => new nn.MultiMarginLoss({ weight: t(1, 2) }),
      /weight: expected one dimension, got float32 \[1, 2\]/,
    ],
    [() => new nn.TripletMarginLoss({ margin: 0 }), /margin: expected a number above 0, got 0/],
    [
      () => F.tripletMarginWithDistanceLoss(t(1, 2), t(2), t(1, 2)),
      /as many dimensions[\s\S]*positive: float32 \[2\]/,
    ],
    [() => new nn.BCELoss().forward(t(2), t(3)), /target: expected the input's shape \[2\], got \[3\]/],
    [() => F.mseLoss(t(2), t(2), { weight: t(3) }), /weight: expected the input's shape \[2\], got \[3\]/],
    [() => F.marginRankingLoss(t(2), t(2), t(1, 2)), /as many dimensions[\s\S]*target: float32 \[1, 2\]/],
    [() => F.gaussianNllLoss(t(2), t(2), -1), /no negative values/],
    [() => F.gaussianNllLoss(t(2), t(2), t(2).neg()), /no negative values/],
    [
      () => F.gaussianNllLoss(t(4, 2), t(4, 2), t(3)),
      /variance: the shape \[3\] does not fit the input's \[4, 2\]/,
    ],
    [() => F.ctcLoss(t(2, 3), t(1), [2], t(1)), /expected two tensors or two arrays/],
    [
      () => F.linearCrossEntropy(t(2, 3), t(4, 2), torch.tensor([0n, 1n])),
      /last dimensions of input and linearWeight differ/,
    ],
    [() => new nn.LinearCrossEntropyLoss(2, 3, { weight: t(2) }), /weight: expected the shape \[3\]/],
  ];
  for (const [run, message] of bad) expect(() => torch.scope(run)).toThrow(message);
});

it('losses warn where shapes are broadcast', () => {
  const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
  expect(new nn.MSELoss().forward(t(2, 2), t(2)).item()).toBe(0);
  expect(warn).toHaveBeenCalledWith(
    expect.stringMatching(/mseLoss: the target's shape \[2\] is not the input's \[2, 2\]/),
    expect.objectContaining({ code: 'TORCH_NODE_BROADCAST' }),
  );
  warn.mockRestore();
});

it('what is of another kind altogether is named, never compared, spread or printed', () => {
  const symbol = Symbol('s') as never;
  const imitation = Object.create(t(2)) as torch.Tensor;
  const bad: [() => unknown, RegExp][] = [
    [
      () => new nn.FractionalMaxPool2d(2, undefined as never),
      /FractionalMaxPool2d: expected outputSize or outputRatio, got neither/,
    ],
    [() => new nn.FractionalMaxPool3d(2, null as never), /FractionalMaxPool3d: expected an object of opt/],
    [
      () => F.fractionalMaxPool2d(t(1, 4, 4), 2, null as never),
      /fractionalMaxPool2d: expected outputSize or outputRatio, got neither/,
    ],
    [
      () => new nn.Linear(2, 3).forward(undefined as never),
      /Linear: input: expected a Tensor, got undefined/,
    ],
    [() => withoutInput(new nn.Linear(2, 3)), /input: expected a Tensor/],
    [() => withoutInput(new nn.Conv2d(1, 1, 1)), /input: expected a Tensor/],
    [() => new nn.Conv2d(1, 1, 1).forward(3 as never), /Conv2d: input: expected a Tensor, got 3/],
    [() => t(2).expectShape(null as never, symbol), /shape \[null, Symbol\(s\)\] \(-1 stands/],
    [() => t(2).expectShape(imitation as never), /expected a tensor of shape/],
    [() => t(2).expectDtype(symbol), /expected a tensor of Symbol\(s\), got float32 \[2\]/],
    [() => t(2).expectDtype(Object.create(null) as never), /expected a tensor of an object/],
    [() => t(2).expectDevice(symbol), /expected a tensor on Symbol\(s\)/],
    [() => t(2).to({ device: symbol }), /unknown device Symbol\(s\)/],
    [() => F.softsign(imitation), /an object that inherits from a Tensor/],
    [() => String(imitation), /an object that inherits from a Tensor/],
    [() => new nn.ParameterDict([undefined] as never), /ParameterDict: expected pairs .* got undefined/],
    [() => new nn.ModuleDict([-1] as never), /ModuleDict: expected pairs of a name and a value, got -1/],
    [() => new nn.ModuleDict(['ab'] as never), /expected pairs of a name and a value, got 'ab'/],
    [() => new nn.Sequential(new BigInt64Array(2) as never), /Sequential: expected pairs .* got 0n/],
    [
      () => new nn.Bilinear(symbol, 1, 1),
      /in1Features: expected a whole number of 1 or more, got Symbol\(s\)/,
    ],
    [() => new nn.AdaptiveLogSoftmaxWithLoss(6, symbol, [1]), /nClasses: expected a whole number/],
    [() => new nn.AdaptiveLogSoftmaxWithLoss(6, 4, [1], { divValue: symbol }), /divValue: expected a number/],
    [() => new nn.Hardtanh({ minVal: symbol }), /minVal: expected a number, got Symbol\(s\)/],
    [() => F.hardtanh(t(1), { maxVal: symbol }), /maxVal: expected a number, got Symbol\(s\)/],
    [
      () => new nn.TripletMarginLoss({ margin: symbol }),
      /margin: expected a number above 0, got Symbol\(s\)/,
    ],
    [
      () => new nn.CrossEntropyLoss({ labelSmoothing: symbol }),
      /labelSmoothing: expected a number from 0 to 1/,
    ],
    [() => new nn.LinearCrossEntropyLoss(2, symbol), /numClasses: expected a whole number of 1 or more/],
    [
      () => new nn.LinearCrossEntropyLoss(2, 2, { outFeatures: 3 as never }),
      /outFeatures: expected an array/,
    ],
    [() => F.maxUnpool1d(t(1, 2), t(1, 2), 2, { outputSize: [symbol] }), /outputSize: expected a number/],
    [() => new nn.Threshold(symbol, 2).forward(t(2)), /Symbol\(s\)/],
  ];
  for (const [run, message] of bad) expect(() => torch.scope(run)).toThrow(message);
  for (const [run] of bad) expect(nameOf(run)).toBe('TorchError');
});

it('modules print what they were given, whatever it is', () => {
  const symbol = Symbol('s') as never;
  expect(String(new nn.Threshold(symbol, 2))).toBe('Threshold(threshold=Symbol(s), value=2.0)');
  const [softmin, logSoftmax] = [new nn.Softmin(1), new nn.LogSoftmax(1)];
  softmin.dim = symbol;
  logSoftmax.dim = Object.create(null) as never;
  expect(String(softmin)).toBe('Softmin(dim=Symbol(s))');
  expect(String(logSoftmax)).toBe('LogSoftmax(dim=an object (Object))');
  expect(String(new nn.Unfold(1, { dilation: new Date(0) as never }))).toMatch(/dilation=an object \(Date\)/);
});

it('a bigint passes for an integer in sizes', () => {
  const n = (value: bigint) => value as unknown as number;
  torch.scope(() => {
    expect(new nn.LazyConv2d(n(4n), 3, { groups: 2 }).forward(t(1, 2, 5, 5)).shape).toEqual([1, 4, 3, 3]);
    expect(new nn.Conv1d(n(2n), n(4n), n(1n), { groups: n(2n) }).forward(t(1, 2, 5)).shape).toEqual([
      1, 4, 5,
    ]);
    expect(new nn.GroupNorm(n(3n), n(3n)).forward(t(2, 3)).shape).toEqual([2, 3]);
    expect(new nn.PixelShuffle(n(2n)).forward(t(4, 1, 1)).shape).toEqual([1, 2, 2]);
    expect(new nn.PixelUnshuffle(n(2n)).forward(t(1, 2, 2)).shape).toEqual([4, 1, 1]);
    expect(new nn.ChannelShuffle(n(2n)).forward(t(1, 4, 1)).shape).toEqual([1, 4, 1]);
    expect(new nn.LocalResponseNorm(n(2n)).forward(t(1, 4, 3)).shape).toEqual([1, 4, 3]);
    expect(new nn.MaxPool1d(n(2n)).forward(t(1, 4)).shape).toEqual([1, 2]);
    expect(new nn.MultiheadAttention(n(4n), n(2n)).headDim).toBe(2);
    expect(new nn.Embedding(n(4n), n(2n), { paddingIdx: n(-1n) }).paddingIdx).toBe(3);
    expect(new nn.Linear(n(4n), n(2n)).inFeatures).toBe(4);
    expect(new nn.Conv2d(n(1n), n(2n), 1).outChannels).toBe(2);
    expect(String(new nn.Bilinear(n(1n), n(2n), n(3n)))).toMatch(/in1_features=1, in2_features=2/);
    expect(String(new nn.AvgPool1d(n(2n)))).toMatch(/kernel_size=\(2,\)/);
  });
});

it('nn and nn.functional offer nothing but what is documented', () => {
  const helpers = ['checkMargin', 'checkMultiMargin', 'reductionNumber', 'isBatchNorm', 'expectNumber'];
  for (const name of helpers) expect([name in F, name in nn, name in torch]).toEqual([false, false, false]);
});

const withoutInput = (module: unknown) => (module as { forward(): unknown }).forward();

function nameOf(run: () => unknown): unknown {
  try {
    torch.scope(run);
    return undefined;
  } catch (error) {
    return (error as Error).name;
  }
}

describe('nn.init', () => {
  const { init } = nn;
  it('gives back the tensor, outside autograd', () => {
    const parameter = new nn.Parameter(t(2, 3));
    expect(init.kaimingUniform_(parameter)).toBe(parameter);
    expect([parameter.requiresGrad, parameter.isLeaf]).toEqual([true, true]);
    const q = init.orthogonal_(new nn.Parameter(t(3, 3)), { gain: 2 });
    const product = q.matmul(q.t()).div(4);
    expect(product.allclose(torch.eye(3), { atol: 1e-6 })).toBe(true);
    const generator = new torch.Generator().manualSeed(3);
    const first = init.normal_(t(4), { generator });
    expect(init.normal_(t(4), { generator: generator.manualSeed(3) }).equal(first)).toBe(true);
  });
  it('knows the gains', () => {
    expect(init.calculateGain('linear')).toBe(1);
    expect(init.calculateGain('conv_transpose2d')).toBe(1);
    expect(init.calculateGain('tanh')).toBe(5 / 3);
    expect(init.calculateGain('relu')).toBe(Math.SQRT2);
    expect(init.calculateGain('leaky_relu', 1)).toBe(1);
    expect(init.calculateGain('selu')).toBe(0.75);
  });
  it('refuses what it cannot fill', () => {
    const bad: [() => unknown, RegExp][] = [
      [() => init.calculateGain('gelu' as never), /nonlinearity: expected linear, .*got 'gelu'/],
      [() => init.calculateGain('leaky_relu', 'x' as never), /param: expected a number, got 'x'/],
      [
        () => init.xavierUniform_(t(3)),
        /xavierUniform_: expected a tensor of 2 dimensions or more, got float32 \[3\]/,
      ],
      [
        () => init.kaimingNormal_(t(3, 3), { mode: 'both' as never }),
        /mode: expected fan_in or fan_out, got 'both'/,
      ],
      [() => init.eye_(t(3)), /eye_: expected a tensor of 2 dimensions, got float32 \[3\]/],
      [() => init.dirac_(t(3)), /expected a tensor of 3 or 4 or 5 dimensions/],
      [() => init.dirac_(t(3, 3, 3), { groups: 2 }), /3, is no multiple of groups, 2/],
      [() => init.orthogonal_(t(3)), /2 dimensions or more/],
      [() => init.sparse_(t(3, 3), 2), /sparsity: expected a number from 0 to 1, got 2/],
      [() => init.ones_(3 as never), /nn.init.ones_: tensor: expected a Tensor, got 3/],
    ];
    for (const [run, message] of bad) expect(() => torch.scope(run)).toThrow(message);
  });
});
