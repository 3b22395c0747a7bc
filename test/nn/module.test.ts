import torch, { nn, type Tensor } from 'torch-node';
import { originalNetwork } from '../../experiments/cifar10/lib/part1.js';

describe('Module', () => {
  it('prints as PyTorch prints', () => {
    expect(String(originalNetwork())).toBe(
      `Sequential(
  (0): Conv2d(3, 6, kernel_size=(5, 5), stride=(1, 1))
  (1): ReLU()
  (2): MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)
  (3): Conv2d(6, 16, kernel_size=(5, 5), stride=(1, 1))
  (4): ReLU()
  (5): MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)
  (6): Flatten(start_dim=1, end_dim=-1)
  (7): Linear(in_features=400, out_features=120, bias=True)
  (8): ReLU()
  (9): Linear(in_features=120, out_features=84, bias=True)
  (10): ReLU()
  (11): Linear(in_features=84, out_features=10, bias=True)
)`,
    );
    expect(String(new nn.LeakyReLU(0.2))).toBe('LeakyReLU(negative_slope=0.2)');
    expect(String(new nn.Softmax(1))).toBe('Softmax(dim=1)');
    expect(String(new nn.Conv2d(4, 4, [3, 1], { padding: 'same', groups: 2, bias: false }))).toBe(
      'Conv2d(4, 4, kernel_size=(3, 1), stride=(1, 1), padding=same, groups=2, bias=False)',
    );
  });

  class Block extends nn.Module {
    readonly conv = new nn.Conv2d(1, 2, 3);
    readonly rest = new nn.ModuleList([new nn.ReLU(), new nn.Linear(4, 3)]);
    readonly scale = new nn.Parameter(torch.ones([1]));
    constructor() {
      super();
      this.registerBuffer('count', torch.zeros([1]));
    }
    forward(x: Tensor): Tensor {
      return this.conv.forward(x).mul(this.scale);
    }
  }

  it('walks custom trees under PyTorch keys', () => {
    const block = new Block();
    expect(block.namedParameters().map(([name]) => name)).toEqual([
      'scale',
      'conv.weight',
      'conv.bias',
      'rest.1.weight',
      'rest.1.bias',
    ]);
    expect(Object.keys(block.stateDict())).toContain('count');
    expect(block.forward(torch.ones([1, 1, 5, 5])).shape).toEqual([1, 2, 3, 3]);
    expect(block.eval().rest.at(0)!.training).toBe(false);
    expect(
      block
        .train()
        .modules()
        .every((module) => module.training),
    ).toBe(true);
    const shared = new nn.ReLU();
    expect(new nn.Sequential(shared, shared).modules().length).toBe(2);
  });

  it('saves and loads state, or says all that does not fit and changes nothing', () => {
    const a = originalNetwork();
    const b = originalNetwork();
    const before = b.parameters()[0]!.toArray();
    const state = a.stateDict();
    expect(Object.keys(state)[0]).toBe('0.weight');
    const broken = { ...state, '0.weight': torch.zeros([1]), extra: torch.zeros([1]) };
    delete (broken as Record<string, Tensor>)['11.bias'];
    expect(() => b.loadStateDict(broken)).toThrow(
      /missing keys: 11.bias[\s\S]*unexpected keys: extra[\s\S]*0.weight: the shape \[1\]/,
    );
    expect(b.parameters()[0]!.toArray()).toEqual(before);
    b.loadStateDict(state);
    for (const [i, parameter] of b.parameters().entries())
      expect(parameter.equal(a.parameters()[i]!)).toBe(true);
    const { missing } = b.loadStateDict({ '0.bias': state['0.bias']! }, { strict: false });
    expect(missing.length).toBe(9);
  });

  it('moves to other dtypes in place', () => {
    const linear = new nn.Linear(2, 2);
    const { weight } = linear;
    linear
      .forward(torch.ones([1, 2]))
      .sum()
      .backward();
    linear.to('float64');
    expect([weight.dtype, weight.grad!.dtype]).toEqual(['float64', 'float64']);
    expect(linear.forward(torch.ones([1, 2], { dtype: 'float64' })).dtype).toBe('float64');
    linear.zeroGrad();
    expect(weight.grad).toBeNull();
  });

  it('keeps parameters through scopes and collections', () => {
    const linear = torch.scope(() => new nn.Linear(2, 2));
    torch.scope(() => linear.weight.add(1));
    expect(linear.weight.shape).toEqual([2, 2]);
    const before = torch.memory().tensors;
    for (let i = 0; i < 20_000; i++) new nn.Linear(1, 1);
    expect(torch.memory().tensors - before).toBeLessThan(40_000);
  });

  it('refuses what does not fit', () => {
    const bad: [() => unknown, RegExp][] = [
      [
        () => new nn.Conv2d(3, 6, [1, 2, 3] as never),
        /Conv2d: kernelSize: expected a number or an array of 2, got \[1, 2, 3\]/,
      ],
      [() => new nn.Conv2d(3, NaN, 5), /Conv2d: outChannels: expected a whole number of 0 or more, got NaN/],
      [
        () => new nn.Conv2d(3, 6, 5, { groups: 2 }),
        /inChannels: expected a multiple of groups, which is 2, got 3/,
      ],
      [
        () => new nn.Conv2d(3, 6, 5, { padding: 'all' as never }),
        /padding: expected 'same' or 'valid', got 'all'/,
      ],
      [() => new nn.Linear(-1, 2), /inFeatures: expected a whole number of 0 or more, got -1/],
      [
        () => new nn.Linear(2, 2).forward(torch.ones([1, 3])),
        /Linear: [\s\S]*input: float32 \[1, 3\][\s\S]*in_features=2/,
      ],
      [() => new nn.Linear(2, 2).forward([1, 2] as never), /Linear: input: expected a Tensor/],
      [() => new nn.CrossEntropyLoss({ reduction: 'max' as never }), /expected mean, sum or none, got 'max'/],
      [
        () => new nn.CrossEntropyLoss({ labelSmoothing: 2 }),
        /labelSmoothing: expected a number from 0 to 1, got 2/,
      ],
      [() => new nn.CrossEntropyLoss().forward(torch.ones([1, 2]), torch.tensor([2n])), /out of bounds/],
      [() => new nn.Sequential(new nn.ReLU(), 3 as never), /part 1: expected a Module, got 3/],
      [() => new nn.Parameter(torch.ones([1], { dtype: 'int64' })), /only floating point tensors/],
    ];
    for (const [make, message] of bad) expect(make).toThrow(message);
  });

  it('moves to another memory format, and back', () => {
    torch.scope(() => {
      torch.manualSeed(0);
      const net = new nn.Sequential(new nn.Conv2d(3, 4, 2), new nn.Flatten(), new nn.Linear(4, 2));
      const [weight, x] = [net.parameters()[0]!, torch.randn([2, 3, 2, 2])];
      const [values, expected] = [weight.detach().clone(), net.forward(x)];
      expect(net.to({ memoryFormat: 'channels_last' })).toBe(net);
      expect(weight.strides).toEqual([12, 1, 6, 3]);
      expect(weight.equal(values)).toBe(true);
      expect(net.forward(x).allclose(expected, { atol: 1e-6 })).toBe(true);
      net.to({ memoryFormat: 'contiguous' });
      expect(weight.strides).toEqual([12, 4, 2, 1]);
      expect(net.parameters()[0]).toBe(weight);
    });
  });
});
