// What takes no options, or none at that place, says so: JavaScript would drop an argument too many without a word.
import torch, { data, nn, transforms, type Tensor } from 'torch-node';

const wrong = { zzTop: 1 };
type Any = new (...args: unknown[]) => unknown;

// Python takes anything there, or the arguments are the parts.
const TAKES_ALL = new Set(['Identity', 'Sequential', 'SyncBatchNorm']); // the last is refused altogether
/** What makes one of a class, for those that need something. */
const ARGUMENTS: Readonly<Record<string, unknown[]>> = {
  AlphaDropout: [0.5], Dropout: [0.5], Dropout1d: [0.5], Dropout2d: [0.5], Dropout3d: [0.5], FeatureAlphaDropout: [0.5], LeakyReLU: [0.1],
  FractionalMaxPool2d: [2], FractionalMaxPool3d: [2],
  AdaptiveLogSoftmaxWithLoss: [4, 6, [2]], Bilinear: [2, 2, 2], BatchNorm1d: [2], BatchNorm2d: [2], BatchNorm3d: [2],
  ChannelShuffle: [2], ConstantPad1d: [1, 0], ConstantPad2d: [1, 0], ConstantPad3d: [1, 0], Unflatten: [1, [1, 2]], Threshold: [1, 2],
  Flatten: [1, -1], Fold: [4, 2], GroupNorm: [1, 2], Softmax: [1], Softmin: [1], LogSoftmax: [1], Embedding: [2, 2], EmbeddingBag: [2, 2],
  MultiheadAttention: [4, 2], RNN: [2, 2], LSTM: [2, 2], GRU: [2, 2], RNNCell: [2, 2], LSTMCell: [2, 2], GRUCell: [2, 2], Linear: [2, 2],
  TransformerEncoderLayer: [4, 2], TransformerDecoderLayer: [4, 2], LinearCrossEntropyLoss: [2, 2], CrossMapLRN2d: [1],
  UpsamplingNearest2d: [], UpsamplingBilinear2d: [], Upsample: [], ParameterList: [[]], ParameterDict: [{}], ModuleList: [[]], ModuleDict: [{}],
}; // prettier-ignore

function refusal(make: () => unknown): string {
  try {
    make();
  } catch (error) {
    const { name, message } = error as Error;
    return name === 'TorchError' || 'operator' in (error as object) ? message : `${name}: ${message}`;
  }
  return 'accepted';
}

it('every module refuses an option that there is not', () => {
  const accepted: string[] = [];
  let tried = 0;
  for (const [name, value] of Object.entries(nn)) {
    if (typeof value !== 'function' || !/^[A-Z]/.test(name) || TAKES_ALL.has(name)) continue;
    if (!Object.prototype.isPrototypeOf.call(nn.Module.prototype, value.prototype as object)) continue;
    const known = ARGUMENTS[name] ?? [2, 2, 2].slice(0, value.length);
    torch.scope(() => {
      tried++;
      const said = refusal(() => new (value as unknown as Any)(...known, wrong));
      if (!said.includes('zzTop')) accepted.push(`${name}: ${said}`);
    });
  }
  console.log(`tried ${tried} modules`);
  expect(accepted).toEqual([]);
  expect(tried).toBeGreaterThan(120);
});

const x = (): Tensor => torch.ones([2, 3]);
const places: Record<string, () => unknown> = {
  SequentialSampler: () => new (data.SequentialSampler as unknown as Any)([1], wrong),
  BatchSampler: () => new (data.BatchSampler as unknown as Any)([1], 1, false, wrong),
  StackDataset: () => new (data.StackDataset as unknown as Any)([[1]], wrong),
  ConcatDataset: () => new (data.ConcatDataset as unknown as Any)([[1]], wrong),
  ChainDataset: () => new (data.ChainDataset as unknown as Any)([], wrong),
  Subset: () => new (data.Subset as unknown as Any)([1], [0], wrong),
  CenterCrop: () => new (transforms.CenterCrop as unknown as Any)(2, wrong),
  ConvertImageDtype: () => new (transforms.ConvertImageDtype as unknown as Any)('float32', wrong),
  Compose: () => new (transforms.Compose as unknown as Any)([], wrong),
  Lambda: () => new (transforms.Lambda as unknown as Any)((y: Tensor) => y, wrong),
  'a class without a constructor': () =>
    new (class Mine extends nn.Module {
      forward(y: Tensor): Tensor {
        return y;
      }
    } as unknown as Any)(wrong),
  ...Object.fromEntries(
    (
      ['float', 'double', 'half', 'bfloat16', 'bool', 'byte', 'char', 'short', 'int', 'long', 'cpu', 'toArray', 'dataSync', 'dataView'] as const
    ).map((name) => [`Tensor.${name}`, () => (x()[name] as (...args: unknown[]) => unknown)(wrong)]),
  ),
}; // prettier-ignore

it.each(Object.entries(places))('%s refuses an option that there is not', (_, make) => {
  torch.scope(() => expect(refusal(make)).toMatch(/there is no option 'zzTop'/));
});

it('an argument too many that is no object of options is named too', () => {
  expect(() => new (nn.PixelShuffle as unknown as Any)(2, 3)).toThrow(
    /PixelShuffle: it takes at most 1 arguments by position, 2 were given/,
  );
});

it.each([
  ['a promise', Promise.resolve({ lr: 9 })],
  ['a Set', new Set([1])],
  ['a Date', new Date()],
  ['an Error', new Error('options')],
  ['a RegExp', /options/],
  ['a URL', new URL('file:///options')],
  ['a WeakMap', new WeakMap()],
])('%s is no object of options', (_, given) => {
  torch.scope(() => {
    const any = given as never;
    expect(() => new nn.Linear(2, 2, any)).toThrow(/Linear: expected an object of options, got /);
    expect(() => new torch.optim.Adam([torch.ones([1], { requiresGrad: true })], any)).toThrow(
      /expected an object/,
    );
    expect(() => torch.zeros([2], any)).toThrow(torch.TorchError);
    expect(() => nn.functional.dropout(x(), any)).toThrow(torch.TorchError);
    expect(() => x().sum(any)).toThrow(torch.TorchError);
  });
});

it('inherited names are options like others', () => {
  torch.scope(() => {
    expect(new nn.Linear(2, 2, Object.create({ bias: false }) as { bias: boolean }).bias).toBeNull();
    expect(() => new nn.Linear(2, 2, Object.create({ bais: false }) as object)).toThrow(
      /'bais' \(did you mean bias\?\)/,
    );
  });
});
