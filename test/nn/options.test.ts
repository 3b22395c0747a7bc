// Options of modules: every one that a constructor takes computes what Python's does, given to the constructor or set later
// (table/options.py); one that there is not is refused. And layers have the bits of the operators that Python's call.
import torch, { nn, type DType } from 'torch-node';
import { runModule, type ModuleCase } from '../parity/table/runner.js';
import { loadTable, testTable } from '../parity/table/tables.js';

testTable('options', runModule);

const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

describe('the table', () => {
  const { cases } = loadTable<ModuleCase>('options');
  // Where parameters lie has a test of its own below; the others take modules or samples, and have theirs elsewhere.
  const elsewhere =
    /^(device|dtype|custom_encoder|custom_decoder|_weight|_freeze|random_samples|output_ratio|sparse|include_last_offset)$/;

  it('has every option of every module', () => {
    let count = 0;
    const missing: string[] = [];
    for (const name of new Set(cases.map((one) => one.class.replace('nn.', '')))) {
      const own = cases.filter((one) => one.class === `nn.${name}`);
      const tried = new Set(own.flatMap((one) => Object.keys({ ...one.options, ...one.change })));
      for (const option of optionsOf(name, own[0]!.args as unknown[]).map(snake)) {
        if (elsewhere.test(option) || (/Transpose/.test(name) && option === 'padding_mode')) continue;
        count++;
        if (!tried.has(option)) missing.push(`${name}: ${option}`);
      }
    }
    const changed = cases.filter((one) => one.change !== undefined).length;
    process.stdout.write(
      `options of modules: ${cases.length} cases, of which ${changed} set one later; ${count} options of constructors\n`,
    );
    expect(missing).toEqual([]);
  });

  it('has every module with options', () => {
    const there = new Set(cases.map((one) => one.class.replace('nn.', '')));
    const missing = Object.entries(nn)
      .filter(([name, value]) => isModuleClass(value) && /^[A-Z]/.test(name) && !there.has(name))
      .map(([name]) => name);
    // Containers, stacks of layers, and modules without options; lazy modules share the code of the others.
    const without =
      /^(Module|Sequential|ModuleList|ModuleDict|ParameterList|ParameterDict|Identity|Lazy\w+|SyncBatchNorm|Transformer(En|De)coder|Sigmoid|LogSigmoid|Tanh|Tanhshrink|Softsign|Softmax2d)$/;
    expect(missing.filter((name) => !without.test(name))).toEqual([]);
  });
});

type AnyClass = new (...args: unknown[]) => nn.Module<unknown[], unknown>;

function isModuleClass(value: unknown): boolean {
  return typeof value === 'function' && Object.prototype.isPrototypeOf.call(nn.Module, value);
}

/** The options that a class knows: what it says when it is given another. */
function optionsOf(name: string, args: readonly unknown[]): string[] {
  const make = (nn as unknown as Record<string, AnyClass>)[name]!;
  let message = '';
  torch.scope(() => {
    try {
      new make(...args, { noSuchOption: 1 });
    } catch (error) {
      message = (error as Error).message;
    }
  });
  const list = /the options are (.*)$/.exec(message);
  return list === null ? [] : list[1]!.split(', ');
}

it('an option that there is not is refused, with the one that was meant', () => {
  const bad: [() => unknown, RegExp][] = [
    [
      () => new nn.LSTM(4, 2, { batch_first: true } as never),
      /LSTM: .*'batch_first' \(did you mean batchFirst/,
    ],
    [() => new nn.CrossEntropyLoss({ label_smoothing: 0.1 } as never), /did you mean labelSmoothing/],
    [() => new nn.Conv2d(2, 3, 3, { strides: 2 } as never), /did you mean stride\?/],
    [() => new nn.Conv1d(2, 3, 3, { outputPadding: 1 } as never), /there is no option 'outputPadding'/],
    [() => new nn.Linear(2, 3, { dtpye: 'float64' } as never), /did you mean dtype/],
    [() => new nn.Transformer({ d_model: 4 } as never), /did you mean dModel/],
    [() => new nn.ReLU({ inPlace: true } as never), /did you mean inplace/],
    [() => new nn.LazyBatchNorm1d({ epsilon: 1 } as never), /there is no option 'epsilon'/],
  ];
  for (const [make, message] of bad)
    expect(make).toThrow(
      expect.objectContaining({ code: 'ERR_TORCH_UNKNOWN_OPTION', message: expect.stringMatching(message) }),
    );
});

it('sizes out of range are ERR_OUT_OF_RANGE, other values ERR_INVALID_ARG_TYPE', () => {
  const conv = new nn.Conv2d(2, 2, 3);
  const outside: (() => unknown)[] = [
    () => new nn.Linear(-1, 2),
    () => new nn.MaxPool2d(0),
    () => (conv.stride = [0, 1]),
    () => new nn.CrossEntropyLoss({ labelSmoothing: 2 }),
  ];
  for (const make of outside) expect(make).toThrow(expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }));
  expect(() => (conv.padding = 'all' as never)).toThrow(
    expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }),
  );
  expect(conv.stride).toEqual([1, 1]);
});

describe('Conv2d, Linear and MaxPool2d', () => {
  it("have the attributes of Python's", () => {
    const conv = new nn.Conv2d(2, 4, [3, 5], { padding: 'same', groups: 2 });
    expect({
      ...shown(conv, 'inChannels', 'outChannels', 'kernelSize', 'stride', 'padding', 'dilation'),
    }).toEqual({
      inChannels: 2,
      outChannels: 4,
      kernelSize: [3, 5],
      stride: [1, 1],
      padding: 'same',
      dilation: [1, 1],
    });
    expect([conv.groups, conv.paddingMode]).toEqual([2, 'zeros']);
    const pool = new nn.MaxPool2d(2);
    expect([pool.kernelSize, pool.stride, pool.padding, pool.ceilMode]).toEqual([2, 2, 0, false]);
    pool.stride = [1, 2];
    expect(String(pool)).toMatch(/kernel_size=2, stride=\(1, 2\)/);
    expect(pool.deepcopy().stride).toEqual([1, 2]);
  });
  it('make their parameters where and as they are told', () => {
    torch.manualSeed(3);
    const before = torch.getRngState();
    for (const made of [
      new nn.Linear(2, 2, { device: 'meta' }),
      new nn.Conv2d(2, 2, 2, { device: 'meta' }),
    ]) {
      expect([made.weight.device, made.bias!.device]).toEqual(['meta', 'meta']);
      expect(made.weight.requiresGrad).toBe(true);
    }
    expect(torch.getRngState().equal(before)).toBe(true);
    expect(new nn.MultiheadAttention(4, 2, { device: 'meta' }).out_proj.weight.device).toBe('meta');
  });
  it('a copy has options and parameters of its own', () => {
    const conv = new nn.Conv2d(1, 1, 3);
    const copy = conv.deepcopy();
    copy.padding = [1, 1];
    const x = torch.randn([1, 1, 5, 5]);
    expect([conv.forward(x).shape, copy.forward(x).shape]).toEqual([
      [1, 1, 3, 3],
      [1, 1, 5, 5],
    ]);
    expect(copy.forward(x).narrow(2, 1, 3).narrow(3, 1, 3).allclose(conv.forward(x))).toBe(true);
  });
  it('computes with the parameters that its properties hold', () => {
    const [a, b] = [new nn.Linear(3, 2), new nn.Linear(3, 2)];
    const x = torch.randn([4, 3]);
    b.weight = a.weight;
    b.bias = null;
    expect(b.forward(x).equal(nn.functional.linear(x, a.weight))).toBe(true);
  });
  it.each<DType>(['float32', 'bfloat16', 'float16'])('Linear has the bits of linear in %s', (dtype) => {
    torch.scope(() => {
      torch.manualSeed(0);
      const x = torch.randn([16, 64, 256], { dtype });
      const layer = new nn.Linear(256, 256, { dtype });
      expect(layer.forward(x).equal(nn.functional.linear(x, layer.weight, layer.bias))).toBe(true);
    });
  });
});

function shown<T extends object>(module: T, ...names: (keyof T)[]): Partial<T> {
  return Object.fromEntries(names.map((name) => [name, module[name]])) as Partial<T>;
}
