// Lazy modules: parameters at the first forward, the same as those of the plain module under the same seed.
import torch, { nn, optim, type Tensor } from 'torch-node';
import { withoutLeaks } from '../support/leaks.js';

type Layer = nn.Module & { resetParameters?: () => void };

const SIZES = { 1: [7], 2: [5, 6], 3: [3, 4, 5] } as const;

function kinds(): [name: string, lazy: () => Layer, plain: () => Layer, shape: number[]][] {
  const made: [string, () => Layer, () => Layer, number[]][] = [
    ['Linear', () => new nn.LazyLinear(4), () => new nn.Linear(6, 4), [3, 6]],
    ['Linear', () => new nn.LazyLinear(4, { bias: false }), () => new nn.Linear(6, 4, { bias: false }), [6]],
  ];
  for (const dims of [1, 2, 3] as const) {
    const shape = [2, 4, ...SIZES[dims]];
    const of = (name: string, args: unknown[], lazyArgs: unknown[]): void => {
      const make = (kind: string, given: unknown[]) => (): Layer =>
        new (nn as unknown as Record<string, new (...args: unknown[]) => Layer>)[kind]!(...given);
      made.push([name, make(`Lazy${name}`, lazyArgs), make(name, args), shape]);
    };
    const convolution = { stride: 2, padding: 1, groups: 2 };
    of(`Conv${dims}d`, [4, 6, 3, convolution], [6, 3, convolution]);
    of(`ConvTranspose${dims}d`, [4, 6, 3, convolution], [6, 3, convolution]);
    of(`BatchNorm${dims}d`, [4], []);
    of(`BatchNorm${dims}d`, [4, { affine: false }], [{ affine: false }]);
    of(`InstanceNorm${dims}d`, [4, { affine: true, trackRunningStats: true }], []);
    of(`InstanceNorm${dims}d`, [4], [{ affine: false, trackRunningStats: false }]);
  }
  return made;
}

function bytes(values: Record<string, Tensor>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, `${value.shape}: ${value.dataSync().join()}`]),
  );
}

describe('a lazy module', () => {
  it.each(kinds())('%s becomes the plain one', (name, makeLazy, makePlain, shape) => {
    withoutLeaks(() => {
      const input = torch.randn(shape);
      const lazy = makeLazy();
      expect(String(lazy)).toMatch(new RegExp(`^Lazy${name}\\(.*\\b0\\b`));
      torch.manualSeed(3);
      const output = lazy.forward(input);
      torch.manualSeed(3);
      const plain = makePlain();
      expect(String(lazy)).toBe(String(plain));
      expect(output.equal(plain.forward(input))).toBe(true);
      expect(bytes(lazy.stateDict())).toEqual(bytes(plain.stateDict()));
    });
  });

  it('has parameters without values until then, which whoever reads them is told', () => {
    withoutLeaks(() => {
      const net = new nn.Sequential(new nn.LazyConv2d(4, 3), new nn.LazyBatchNorm2d(), new nn.LazyLinear(2));
      const weight = (net.at(2) as nn.LazyLinear).weight;
      const asks: (() => unknown)[] = [
        () => weight.shape,
        () => weight.add(1),
        () => torch.ones([1]).mul(weight),
        () => weight.toArray(),
        () => nn.init.zeros_(weight),
        () => (net.at(2) as nn.LazyLinear).resetParameters(),
        () => new optim.SGD(net.parameters(), { lr: 0.1 }),
        () => (net.at(1) as nn.LazyBatchNorm2d).runningMean!.size(0),
        () => weight.dataSync(),
      ];
      for (const ask of asks) expect(ask).toThrow(/has no parameters yet.*run one batch through the network/);
      expect(net.parameters()).toHaveLength(6);
      expect(String(weight)).toBe('<UninitializedParameter>');
      expect(String((net.at(1) as nn.LazyBatchNorm2d).runningVar)).toBe('<UninitializedBuffer>');
      expect([weight.requiresGrad, weight.grad, weight.isLeaf]).toEqual([true, null, true]);
      net.zeroGrad();
      expect(String(net.train(false).train())).toContain(
        'LazyLinear(in_features=0, out_features=2, bias=True)',
      );
      net.forward(torch.randn([2, 3, 6, 6]));
      expect((net.at(2) as nn.LazyLinear).weight).toBe(weight);
      expect(net.parameters()).toHaveLength(6);
      expect(new optim.SGD(net.parameters(), { lr: 0.1 }).paramGroups).toHaveLength(1);
    });
  });

  it('stands in a state dict, which another lazy module takes and no other', () => {
    withoutLeaks(() => {
      const lazy = new nn.LazyLinear(2);
      const state = lazy.stateDict();
      expect(Object.keys(state)).toEqual(['weight', 'bias']);
      expect(state['weight']).toBe(lazy.weight);
      expect(Object.keys(new nn.LazyBatchNorm1d({ affine: false }).stateDict())).toEqual([
        'running_mean', 'running_var', 'num_batches_tracked',
      ]); // prettier-ignore
      expect(new nn.LazyLinear(2).loadStateDict(state)).toEqual({ missing: [], unexpected: [] });
      expect(() => new nn.Linear(2, 2).loadStateDict(state)).toThrow(
        /weight: the state dict is that of a lazy module before its first batch/,
      );
    });
  });

  it('can be moved and cast before', () => {
    withoutLeaks(() => {
      const casts = ['float64', 'float16', 'bfloat16'] as const;
      for (const dtype of casts) {
        for (const [name, makeLazy, , shape] of kinds()) {
          const lazy = makeLazy().to(dtype);
          // Half a convolution is not on every CPU.
          if (dtype === 'float64') lazy.forward(torch.randn(shape, { dtype }));
          for (const [path, tensor] of [...lazy.namedParameters(), ...lazy.namedBuffers()])
            expect(`${name} ${path} ${tensor.dtype}`).toBe(
              `${name} ${path} ${path === 'num_batches_tracked' ? 'int64' : dtype}`,
            );
        }
      }
      const moved = new nn.LazyLinear(2).to('meta');
      expect([moved.weight.device, moved.bias!.device]).toEqual(['meta', 'meta']);
      moved.forward(torch.ones([2, 3], { device: 'meta' }));
      expect([moved.weight.device, moved.weight.shape]).toEqual(['meta', [2, 3]]);
      const back = new nn.LazyLinear(2, { device: 'meta' }).to({ device: 'cpu', dtype: 'float64' });
      back.forward(torch.ones([2, 3], { dtype: 'float64' }));
      expect([back.weight.device, back.weight.dtype]).toEqual(['cpu', 'float64']);
      const still = new nn.LazyLinear(2).requiresGrad_(false);
      still.forward(torch.ones([2, 3]));
      expect(still.weight.requiresGrad).toBe(false);
    });
  });

  it('takes its parameters from a state dict', () => {
    withoutLeaks(() => {
      const parts = (lazy: boolean): nn.Module[] =>
        lazy
          ? [new nn.LazyConv1d(4, 3, { groups: 2 }), new nn.LazyBatchNorm1d(), new nn.LazyConvTranspose1d(2, 2), new nn.LazyLinear(3)]
          : [new nn.Conv1d(6, 4, 3, { groups: 2 }), new nn.BatchNorm1d(4), new nn.ConvTranspose1d(4, 2, 2), new nn.Linear(6, 3)]; // prettier-ignore
      const plain = new nn.Sequential(...parts(false));
      const lazy = new nn.Sequential(...parts(true));
      const before = torch.getRngState();
      lazy.loadStateDict(plain.stateDict());
      expect(torch.getRngState().equal(before)).toBe(true);
      expect(String(lazy)).toBe(String(plain));
      const input = torch.randn([2, 6, 7]);
      expect(lazy.forward(input).equal(plain.forward(input))).toBe(true);
    });
  });

  it('makes a copy that learns by itself', () => {
    withoutLeaks(() => {
      const lazy = new nn.LazyConv1d(2, 3);
      const copy = lazy.deepcopy();
      copy.forward(torch.randn([1, 5, 7]));
      expect(copy.weight.shape).toEqual([2, 5, 3]);
      expect(() => lazy.weight.shape).toThrow(/no parameters yet/);
      lazy.forward(torch.randn([1, 3, 7]));
      expect(lazy.weight.shape).toEqual([2, 3, 3]);
    });
  });

  it('keeps its number of channels, and refuses an input that it cannot learn from', () => {
    torch.scope(() => {
      const lazy = new nn.LazyConv2d(4, 3);
      expect(() => lazy.forward(torch.ones([2, 3]))).toThrow(/\[2, 3\].*\[N, C, H, W\] or \[C, H, W\]/);
      expect(() => new nn.LazyConv1d(4, 3, { groups: 4 }).forward(torch.ones([1, 6, 5]))).toThrow(
        /inChannels: expected a multiple of groups, which is 4, got 6/,
      );
      lazy.forward(torch.ones([1, 3, 5, 5]));
      expect(() => lazy.forward(torch.ones([1, 2, 5, 5]))).toThrow(/\[N, 3, H, W\]/);
    });
  });

  it('makes parameters of the dtype that it was told', () => {
    torch.scope(() => {
      const lazy = new nn.LazyLinear(2, { dtype: 'float64' });
      expect(lazy.forward(torch.ones([1, 3], { dtype: 'float64' })).dtype).toBe('float64');
    });
  });
});
