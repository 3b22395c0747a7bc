// Modules with spatial dimensions: what they say to wrong arguments and inputs, and what the parity tables cannot hold.
import torch, { nn, type Tensor } from 'torch-node';
import { withoutLeaks } from '../support/leaks.js';

const F = nn.functional;

function throws(cases: [make: () => unknown, message: RegExp][]): void {
  torch.scope(() => {
    for (const [make, message] of cases) expect(make).toThrow(message);
  });
}
const wrong = (value: unknown): never => value as never;

describe('an input that does not fit', () => {
  it('is named with the shape that does, and what to change', () => {
    const x = (...shape: number[]): Tensor => torch.ones(shape);
    throws([
      [() => new nn.Linear(5, 3).forward(x(2, 4)), /expected: \[\.\.\., 5\]; make it new nn\.Linear\(4, 3\)/],
      [() => new nn.Linear(5, 3).forward(x(2, 4, 2)), /put new nn\.Flatten\(\) before it/],
      [() => new nn.Conv2d(3, 8, 3).forward(x(1, 4, 6, 6)), /expected: \[N, 3, H, W\] or \[3, H, W\]; make it new nn\.Conv2d\(4, 8/],
      [() => new nn.Conv2d(3, 8, 3).forward(x(1, 3)), /expected: \[N, 3, H, W\]/],
      [() => new nn.Conv1d(3, 8, 3).forward(x(1, 4, 6)), /shape \[1, 4, 6\], expected is \[N, 3, L\] or \[3, L\]; make it new nn\.Conv1d\(4, 8/],
      [() => new nn.Conv1d(3, 8, 3).forward(x(3)), /expected is \[N, 3, L\] or \[3, L\]\n {2}input: float32 \[3\]\n {2}module: Conv1d\(3/],
      [() => new nn.Conv3d(3, 8, 3).forward(x(1, 3, 4, 4)), /expected is \[N, 3, D, H, W\] or \[3, D, H, W\]; make it new nn\.Conv3d\(1, 8/],
      [() => new nn.ConvTranspose2d(3, 8, 3).forward(x(1, 4, 4, 4)), /make it new nn\.ConvTranspose2d\(4, 8/],
      [() => new nn.BatchNorm1d(3).forward(x(2, 4)), /expected is \[N, 3\] or \[N, 3, L\]; make it new nn\.BatchNorm1d\(4\)/],
      [() => new nn.BatchNorm2d(3).forward(x(2, 3)), /expected is \[N, 3, H, W\]\n/],
      [() => new nn.BatchNorm3d(3).forward(x(2, 3, 4, 4)), /expected is \[N, 3, D, H, W\]/],
      [() => new nn.BatchNorm1d(3).forward(x(1, 3)), /got one value where several values per channel are needed/],
      [() => new nn.InstanceNorm1d(3, { affine: true }).forward(x(2, 4, 5)), /make it new nn\.InstanceNorm1d\(4\)/],
      [() => new nn.InstanceNorm1d(3).forward(x(2, 3, 1)), /several spatial values are needed/],
      [() => new nn.LayerNorm([4, 5]).forward(x(2, 5, 5)), /expected is \[\.\.\., 4, 5\]; make it new nn\.LayerNorm\(\[5, 5\]\)/],
      [() => new nn.LayerNorm(5).forward(x(4)), /make it new nn\.LayerNorm\(4\)/],
      [() => new nn.RMSNorm(5).forward(x(2, 4)), /make it new nn\.RMSNorm\(4\)/],
      [() => new nn.GroupNorm(2, 4).forward(x(2, 6, 3)), /expected is \[N, 4, \.\.\.\]; make it new nn\.GroupNorm\(2, 6\)/],
      [() => new nn.LocalResponseNorm(2).forward(x(2, 6)), /3 dimensions or more/],
      [() => new nn.PixelShuffle(2).forward(x(1, 6, 2, 2)), /\[\.\.\., C \* 4, H, W\]/],
      [() => new nn.PixelUnshuffle(2).forward(x(1, 6, 2, 3)), /multiples of 2/],
      [() => new nn.ChannelShuffle(4).forward(x(1, 6, 2)), /C a multiple of 4/],
      [() => new nn.ReflectionPad2d(1).forward(x(2, 3)), /\[N, C, H, W\] or \[C, H, W\]/],
      [() => new nn.CircularPad1d(1).forward(x(2, 3, 4, 5)), /\[N, C, L\] or \[C, L\]/],
      [() => new nn.Dropout1d().forward(x(2, 3, 4, 5)), /2 or 3 dimensions/],
      [() => new nn.Dropout3d().forward(x(2, 3)), /4 or 5 dimensions/],
      [() => new nn.Upsample({ size: 3, mode: 'linear' }).forward(x(1, 1, 2, 2)), /'linear' takes an input of 3 dimensions, got 4/],
      [() => new nn.Upsample({ size: 3 }).forward(x(2, 2)), /3, 4 or 5 dimensions/],
      [() => new nn.MaxPool1d(2).forward(wrong('x')), /input: expected a Tensor, got 'x'/],
      [() => new nn.ConvTranspose1d(3, 2, 3, { stride: 2 }).forward(x(1, 3, 4), { outputSize: [13] }), /from \[9\] to \[10\]/],
      [() => new nn.ConvTranspose1d(3, 2, 3).forward(x(1, 3, 4), { outputSize: [1, 2] }), /an array of 1 or 3 sizes/],
      [() => new nn.MaxUnpool1d(2).forward(x(1, 1, 3), torch.zeros([1, 1, 3], { dtype: 'int64' }), { outputSize: [9] }), /sizes from 5 to 7, got 9/],
      [() => new nn.MaxUnpool2d(2).forward(x(1, 1, 3, 3), torch.zeros([1, 1, 3, 3], { dtype: 'int64' }), { outputSize: [9] }), /an array of 2 or 4 sizes/],
    ]); // prettier-ignore
  });
});

describe('wrong arguments', () => {
  it('are refused by name, with what was expected', () => {
    throws([
      [() => new nn.Conv1d(-1, 3, 3), /Conv1d: inChannels: expected a whole number of 0 or more, got -1/],
      [() => new nn.Conv1d(3, 3, wrong([1, 2])), /kernelSize: expected a number, got \[1, 2\]/],
      [() => new nn.Conv3d(3, 3, wrong([1, 2])), /kernelSize: expected a number or an array of 3, got \[1, 2\]/],
      [() => new nn.Conv1d(3, 4, 3, { groups: 2 }), /inChannels: expected a multiple of groups, which is 2, got 3/],
      [() => new nn.Conv1d(4, 3, 3, { groups: 2 }), /outChannels: expected a multiple of groups, which is 2, got 3/],
      [() => new nn.Conv1d(3, 3, 3, { padding: 'same', stride: 2 }), /padding 'same' needs stride 1, got 2/],
      [() => new nn.Conv1d(3, 3, 3, { padding: wrong('full') }), /padding: expected 'same' or 'valid', got 'full'/],
      [() => new nn.Conv1d(3, 3, 3, { paddingMode: wrong('mirror') }), /paddingMode: expected 'zeros'/],
      [() => new nn.ConvTranspose1d(3, 3, 3, { paddingMode: wrong('reflect') }), /paddingMode: expected 'zeros', got 'reflect'/],
      [() => new nn.Conv1d(3, 3, 3, wrong(2)), /Conv1d: expected an object of options, got 2/],
      [() => new nn.MaxPool3d(wrong('2')), /MaxPool3d: kernelSize/],
      [() => new nn.AvgPool2d(0), /kernelSize: expected a whole number of 1 or more/],
      [() => new nn.LPPool1d(wrong('2'), 2).forward(torch.ones([1, 2, 3])), /normType: expected a number/],
      [() => new nn.FractionalMaxPool2d(2, {}), /expected outputSize or outputRatio, got neither/],
      [() => new nn.FractionalMaxPool2d(2, { outputSize: 2, outputRatio: 0.5 }), /got both/],
      [() => new nn.FractionalMaxPool3d(2, { outputRatio: 1.5 }), /numbers between 0 and 1, got 1\.5/],
      [() => new nn.AdaptiveAvgPool2d([1, 2, 3]), /outputSize: expected a number or an array of 2/],
      [() => new nn.AdaptiveMaxPool1d(wrong(null)), /outputSize/],
      [() => new nn.ZeroPad1d(wrong([1, 2, 3])), /padding: expected a number or an array of 2, got \[1, 2, 3\]/],
      [() => new nn.ConstantPad1d(1, wrong('0')), /value: expected a number/],
      [() => new nn.Upsample({}), /expected size or scaleFactor, got neither/],
      [() => new nn.Upsample({ size: 2, scaleFactor: 2 }), /got both/],
      [() => new nn.BatchNorm1d(-1), /numFeatures: expected a whole number of 0 or more/],
      [() => new nn.BatchNorm1d(2, { eps: NaN }), /eps: expected a number, got NaN/],
      [() => new nn.SyncBatchNorm(2), /torch\.distributed.*use nn\.BatchNorm1d/],
      [() => nn.SyncBatchNorm.convertSyncBatchnorm(), /torch\.distributed/],
      [() => new nn.GroupNorm(3, 4), /numChannels: expected a multiple of numGroups, which is 3, got 4/],
      [() => new nn.LayerNorm([]), /at least one size/],
      [() => new nn.Dropout(1.5), /Dropout: p: expected a probability, from 0 to 1, got 1\.5/],
      [() => F.dropout(torch.ones([2]), -1), /probability/],
      [() => F.pad(torch.ones([2]), [1, 1], { mode: wrong('mirror') }), /mode: expected 'constant', 'reflect'/],
      [() => F.pad(wrong([1]), [1, 1]), /input: expected a Tensor/],
      [() => F.interpolate(torch.ones([1, 1, 2]), {}), /expected size or scaleFactor, got neither/],
      [() => F.interpolate(torch.ones([1, 1, 2]), { size: 3, alignCorners: true }), /leave it out/],
      [() => F.interpolate(torch.ones([1, 1, 2]), { size: 3, recomputeScaleFactor: true }), /means nothing with a size/],
      [() => F.interpolate(torch.ones([1, 1, 2]), { size: [3, 3] }), /size: expected a number, got \[3, 3\]/],
      [() => F.interpolate(torch.ones([1, 1, 2]), { size: 3, antialias: true }), /antialias is for bilinear/],
      [() => F.interpolate(torch.ones([1, 1, 2, 2]), { size: 3, mode: 'lanczos' }), /needs antialias: true/],
      [() => F.interpolate(torch.ones([1, 1, 2, 2]), { size: 3, mode: wrong('cubic') }), /mode: expected/],
      [() => F.gridSample(torch.ones([1, 1, 2, 2]), torch.ones([1, 2, 2, 2]), { mode: wrong('x') }), /mode: expected 'bilinear'/],
      [() => F.affineGrid(torch.ones([1, 2, 3]), [1, 1, 2]), /size: expected \[N, C, H, W\]/],
      [() => F.affineGrid(torch.ones([1, 3, 3]), [1, 1, 2, 2]), /theta: expected \[N, 2, 3\]/],
      [() => F.affineGrid(torch.ones([1, 2, 3], { dtype: 'int64' }), [1, 1, 2, 2]), /floating point/],
      [() => F.batchNorm(torch.ones([2, 3]), null, null, { training: true, eps: 0 }), /eps: expected a number greater than 0/],
    ]); // prettier-ignore
  });
});

describe('state', () => {
  it('of a batch normalisation may lack the number of batches, as that of old checkpoints does', () => {
    withoutLeaks(() => {
      const norm = new nn.BatchNorm1d(2);
      const { num_batches_tracked: _, ...state } = norm.stateDict();
      expect(norm.loadStateDict(state)).toEqual({ missing: [], unexpected: [] });
      expect(Object.keys(norm.stateDict())).toEqual(['weight', 'bias', 'running_mean', 'running_var', 'num_batches_tracked']); // prettier-ignore
      expect(() => norm.loadStateDict({})).toThrow(/missing keys: weight, bias, running_mean, running_var$/);
    });
  });

  it('moves to another dtype, but for the number of batches', () => {
    withoutLeaks(() => {
      const norm = new nn.BatchNorm2d(3).to('float64');
      const input = torch.randn([2, 3, 2, 2], { dtype: 'float64' });
      expect(norm.forward(input).dtype).toBe('float64');
      expect(norm.runningMean!.dtype).toBe('float64');
      expect(norm.numBatchesTracked!.dtype).toBe('int64');
      norm.resetRunningStats();
      expect([norm.numBatchesTracked!.item(), norm.runningVar!.sum().item()]).toEqual([0, 3]);
    });
  });

  it('is drawn anew by resetParameters()', () => {
    withoutLeaks(() => {
      torch.manualSeed(1);
      const conv = new nn.Conv1d(2, 3, 2);
      const before = conv.weight.clone();
      torch.manualSeed(1);
      conv.resetParameters();
      expect(conv.weight.equal(before)).toBe(true);
    });
  });
});

describe('deep copies', () => {
  const makers: [name: string, make: () => nn.Module<[Tensor], unknown>, shape: number[]][] = [
    ['Conv1d', () => new nn.Conv1d(2, 4, 3, { padding: 1, paddingMode: 'reflect' }), [1, 2, 6]],
    ['ConvTranspose2d', () => new nn.ConvTranspose2d(2, 4, 3), [1, 2, 3, 3]],
    ['MaxPool2d', () => new nn.MaxPool2d(2, { returnIndices: true }), [1, 2, 4, 4]],
    ['MaxPool1d', () => new nn.MaxPool1d(2), [1, 2, 4]],
    ['AvgPool2d', () => new nn.AvgPool2d(2, { divisorOverride: 3 }), [1, 2, 4, 4]],
    ['LPPool1d', () => new nn.LPPool1d(2, 2), [1, 2, 4]],
    ['AdaptiveMaxPool2d', () => new nn.AdaptiveMaxPool2d([null, 2]), [1, 2, 4, 4]],
    ['AdaptiveAvgPool1d', () => new nn.AdaptiveAvgPool1d(2), [1, 2, 4]],
    ['ReplicationPad1d', () => new nn.ReplicationPad1d([1, 2]), [1, 2, 4]],
    ['ConstantPad1d', () => new nn.ConstantPad1d([1, 2], 3), [1, 2, 4]],
    ['Upsample', () => new nn.Upsample({ scaleFactor: 2 }), [1, 2, 4]],
    ['Unfold', () => new nn.Unfold(2), [1, 2, 4, 4]],
    ['BatchNorm1d', () => new nn.BatchNorm1d(2), [3, 2, 4]],
    ['InstanceNorm1d', () => new nn.InstanceNorm1d(2, { trackRunningStats: true }), [3, 2, 4]],
    ['LayerNorm', () => new nn.LayerNorm([2, 4]), [3, 2, 4]],
    ['GroupNorm', () => new nn.GroupNorm(1, 2), [3, 2, 4]],
    ['RMSNorm', () => new nn.RMSNorm(4), [3, 2, 4]],
    ['LocalResponseNorm', () => new nn.LocalResponseNorm(2), [3, 2, 4]],
    ['Dropout', () => new nn.Dropout(0.3), [3, 2, 4]],
  ];
  it.each(makers)('of %s compute the same, with state of their own', (_, make, shape) => {
    withoutLeaks(() => {
      const module = make();
      const copy = module.deepcopy();
      const input = torch.randn(shape);
      const text = (result: unknown): string => [result].flat().map(String).join();
      const run = (one: typeof module): string => {
        torch.manualSeed(0);
        return text(one.forward(input));
      };
      expect(run(copy)).toBe(run(module));
      expect(String(copy)).toBe(String(module));
      const own = new Set<unknown>([...module.parameters(), ...module.buffers()]);
      for (const state of [...copy.parameters(), ...copy.buffers()]) expect(own.has(state)).toBe(false);
    });
  });
});

describe('pooling', () => {
  it('and unpooling with its indices find the places again', () => {
    withoutLeaks(() => {
      const input = torch.randn([2, 3, 6, 8]);
      const [values, indices] = new nn.MaxPool2d(2, { returnIndices: true }).forward(input);
      const back = new nn.MaxUnpool2d(2).forward(values, indices);
      expect(back.ne(0).sum().item()).toBe(values.numel);
      expect(
        new nn.MaxPool2d(2)
          .forward(back.add(input.mul(0)))
          .ge(values)
          .all()
          .item(),
      ).toBe(true);
      expect(back.mul(input.sub(back)).abs().sum().item()).toBe(0);
    });
  });

  it('of windows at random takes the samples that it is given', () => {
    withoutLeaks(() => {
      const input = torch.randn([1, 2, 8, 8]);
      const pool = new nn.FractionalMaxPool2d(2, { outputSize: 3, randomSamples: torch.rand([1, 2, 2]) });
      const before = torch.getRngState();
      expect(pool.forward(input).equal(pool.forward(input))).toBe(true);
      expect(torch.getRngState().equal(before)).toBe(true);
      expect(Object.keys(pool.stateDict())).toEqual(['_random_samples']);
    });
  });
});

describe('dropout', () => {
  it('in place writes into the input, without a batch too', () => {
    withoutLeaks(() => {
      for (const [layer, shape] of [
        [new nn.Dropout(0.5, { inplace: true }), [50]],
        [new nn.Dropout1d(0.5, { inplace: true }), [20, 3]],
        [new nn.Dropout3d(0.5, { inplace: true }), [20, 1, 2, 1]],
      ] as const) {
        const input = torch.ones(shape);
        const output = layer.forward(input);
        expect(output.equal(input)).toBe(true);
        expect(input.eq(0).any().item()).toBe(true);
        expect(input.shape).toEqual(shape);
      }
    });
  });
});
