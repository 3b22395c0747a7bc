// Small things that Python's modules take, and parts of modules that were replaced by what cannot serve.
import torch, { nn, type Tensor } from 'torch-node';
import { answersOf } from '../support/askPython.js';

const F = nn.functional;
const x = (): Tensor => torch.arange(0, 24, { dtype: 'float32' }).div(24);
const as = (...shape: number[]): Tensor => x().reshape(shape);

// As Python writes it, and as it is written here.
const CASES: Readonly<Record<string, () => Tensor>> = {
  'nn.Softmax()(x)': () => new nn.Softmax().forward(x()),
  'nn.Softmax()(x.view(4, 6))': () => new nn.Softmax().forward(as(4, 6)),
  'nn.Softmax(None)(x.view(2, 3, 4))': () => new nn.Softmax(null).forward(as(2, 3, 4)),
  'nn.LogSoftmax()(x.view(1, 2, 3, 4))': () => new nn.LogSoftmax().forward(as(1, 2, 3, 4)),
  'nn.Softmin()(x.view(4, 6))': () => new nn.Softmin().forward(as(4, 6)),
  'F.softmax(x.view(2, 3, 4))': () => F.softmax(as(2, 3, 4)),
  'F.log_softmax(x.view(4, 6), dtype=torch.float64)': () => F.logSoftmax(as(4, 6), { dtype: 'float64' }),
  'nn.MaxPool2d([2])(x.view(1, 1, 4, 6))': () => new nn.MaxPool2d([2]).forward(as(1, 1, 4, 6)),
  'nn.AvgPool2d([2], stride=[1])(x.view(1, 1, 4, 6))': () =>
    new nn.AvgPool2d([2], { stride: [1] }).forward(as(1, 1, 4, 6)),
  'F.conv2d(x.view(1, 1, 4, 6), torch.ones(1, 1, 2, 2), stride=[2], padding=[1])': () =>
    F.conv2d(as(1, 1, 4, 6), torch.ones([1, 1, 2, 2]), { stride: [2], padding: [1] }),
};
const BEFORE =
  'from torch import nn\nfrom torch.nn import functional as F\nx = torch.arange(24).float() / 24';
// Rounded: the last bits are the CPU's.
const answers = answersOf(
  'asPython',
  Object.keys(CASES).map((python) => `torch.round((${python}) * 1e4)`),
  BEFORE,
);

it.each(Object.entries(CASES).map(([python, call], i) => ({ python, call, answer: answers[i]! })))(
  '$python',
  ({ call, answer }) => {
    torch.scope(() => {
      if (!('value' in answer)) throw new Error(answer.raises);
      expect(call().mul(1e4).round().toArray()).toEqual(answer.value);
    });
  },
);

it('what has no dimensions may have had one in an old state dict', () => {
  torch.scope(() => {
    const norm = new nn.BatchNorm1d(2);
    norm.loadStateDict({ ...norm.stateDict(), num_batches_tracked: torch.tensor([7], { dtype: 'int64' }) });
    expect(norm.numBatchesTracked!.item()).toBe(7);
  });
});

const replaced: Readonly<Record<string, () => unknown>> = {
  'LayerNorm.normalizedShape: null': () =>
    Object.assign(new nn.LayerNorm(4), { normalizedShape: null as never }).forward(as(6, 4)),
  'RMSNorm.normalizedShape: a text': () =>
    Object.assign(new nn.RMSNorm(4), { normalizedShape: 'x' as never }).forward(as(6, 4)),
  'PixelShuffle.upscaleFactor: null': () =>
    Object.assign(new nn.PixelShuffle(2), { upscaleFactor: null as never }).forward(as(1, 4, 2, 3)),
  'PixelUnshuffle.downscaleFactor: a text': () =>
    Object.assign(new nn.PixelUnshuffle(2), { downscaleFactor: 'x' as never }).forward(as(1, 1, 4, 6)),
  'loadStateDict: a promise': () => new nn.Linear(2, 2).loadStateDict(Promise.resolve({}) as never),
  'Tensor.to: a misspelt dtype': () => x().to('flaot64' as never),
  'Module.to: a misspelt dtype': () => new nn.Linear(2, 2).to('flaot64'),
};

it.each(Object.entries(replaced))('%s is refused by its name', (name, call) => {
  const hint = /^(?:\w+\.)?(\w+)/.exec(name)![1]!;
  torch.scope(() => {
    expect(call).toThrow(torch.TorchError);
    expect(call).toThrow(
      hint === 'to' ? /did you mean float64/ : hint === 'loadStateDict' ? /await/ : new RegExp(hint),
    );
  });
});

it('a parameter of a recurrent network that was taken away is named', () => {
  torch.scope(() => {
    const lstm = new nn.LSTM(4, 2);
    (lstm as unknown as Record<string, unknown>)['weight_ih_l0'] = null;
    expect(() => lstm.forward(as(6, 4))).toThrow(/LSTM: weight_ih_l0: expected a Tensor, got null/);
  });
});

it('a place that there is not has the code of one', () => {
  const code = expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }) as Error;
  torch.scope(() => expect(() => x().at(99)).toThrow(code));
  expect(() => new nn.Dropout(2)).toThrow(code);
});
