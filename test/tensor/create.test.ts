import torch from 'torch-node';
import { withoutLeaks } from '../support/leaks.js';

describe('tensor', () => {
  it('takes nested arrays, and infers dtypes from the values', () => {
    withoutLeaks(() => {
      const a = torch.tensor([[1, 2, 3], [4, 5, 6]]); // prettier-ignore
      expect([a.shape, a.dtype, a.device, a.strides]).toEqual([[2, 3], 'float32', 'cpu', [3, 1]]);
      expect(torch.tensor([true, false]).dtype).toBe('bool');
      expect(torch.tensor([1n, 2n]).dtype).toBe('int64');
      expect(torch.tensor(7).shape).toEqual([]);
      expect(torch.tensor([]).shape).toEqual([0]);
      expect(torch.tensor([[], []]).shape).toEqual([2, 0]);
    });
  });

  const round = [
    'uint8',
    'int8',
    'int16',
    'int32',
    'int64',
    'float16',
    'bfloat16',
    'float32',
    'float64',
  ] as const;
  it.each(round)('round-trips %s', (dtype) => {
    withoutLeaks(() => {
      const t = torch.tensor([0, 1, 2, 100], { dtype });
      expect(t.dtype).toBe(dtype);
      expect(t.toArray()).toEqual([0, 1, 2, 100]);
    });
  });

  it('keeps the ends of each integer type', () => {
    withoutLeaks(() => {
      expect(torch.tensor([-128, 127], { dtype: 'int8' }).toArray()).toEqual([-128, 127]);
      expect(torch.tensor([-32768, 32767], { dtype: 'int16' }).toArray()).toEqual([-32768, 32767]);
      expect(torch.tensor([-(2 ** 31), 2 ** 31 - 1], { dtype: 'int32' }).toArray()).toEqual([
        -(2 ** 31),
        2 ** 31 - 1,
      ]);
      expect(torch.tensor([2n ** 63n - 1n, -(2n ** 63n)]).toArray()).toEqual([2n ** 63n - 1n, -(2n ** 63n)]);
      expect(torch.tensor([2 ** 53 - 1], { dtype: 'int64' }).toArray()).toEqual([2 ** 53 - 1]);
    });
  });

  it('copies TypedArrays under their dtype, offsets included', () => {
    withoutLeaks(() => {
      const source = Float64Array.from([9, 1, 2, 3]);
      const t = torch.tensor(source.subarray(1), { shape: [3, 1] });
      source.fill(0);
      expect([t.dtype, t.shape, t.toArray()]).toEqual(['float64', [3, 1], [[1], [2], [3]]]);
      expect(torch.tensor(BigInt64Array.from([5n])).toArray()).toEqual([5]);
      expect(torch.tensor(Int32Array.from([1, 2]), { dtype: 'float32' }).dtype).toBe('float32');
    });
  });

  it('views a TypedArray without copying, shared memory too', () => {
    withoutLeaks(() => {
      const source = new Float32Array([1, 2, 3, 4]);
      const t = torch.fromTypedArray(source, { shape: [2, 2] });
      source[0] = 10;
      t.mul_(2);
      expect(Array.from(source)).toEqual([20, 4, 6, 8]);
      const shared = new Uint8Array(new SharedArrayBuffer(3));
      torch.fromTypedArray(shared).fill_(7);
      expect(Array.from(shared)).toEqual([7, 7, 7]);
    });
  });

  it('refuses what does not fit, and says what would', () => {
    const bad: [() => unknown, RegExp][] = [
      [() => torch.tensor([[1], [2, 3]]), /ragged/],
      [
        () => torch.tensor([1, 'x'] as never),
        /expected a number, a bigint, a boolean or a complex .*, got 'x'/,
      ],
      [
        () => torch.tensor([256], { dtype: 'uint8' }),
        /256 does not fit dtype uint8: expected an integer from 0 to 255/,
      ],
      [() => torch.tensor([1.5], { dtype: 'int64' }), /does not fit dtype int64/],
      [() => torch.tensor([NaN], { dtype: 'int32' }), /does not fit dtype int32/],
      [() => torch.tensor([1], { dtype: 'float31' as never }), /float31|expected one of/],
      [
        () => torch.tensor(new Float32Array(3), { shape: [2, 2] }),
        /3 elements of float32, the shape \[2, 2\] needs 4/,
      ],
      [
        () => torch.tensor(new DataView(new ArrayBuffer(4)) as never),
        /no dtype has the elements of an object \(DataView\)/,
      ],
      [() => torch.zeros([-1]), /negative|0 or more/],
      [() => torch.zeros([2, NaN]), /expected an array of integers, got \[2, NaN\], where \[1\] is NaN/],
      [() => torch.zeros([2 ** 40, 2 ** 40]), /overflow|invalid|memory/i],
      [() => torch.fromTypedArray([1, 2] as never), /expected a TypedArray/],
    ];
    for (const [make, message] of bad) {
      expect(make).toThrow(message);
      expect(make).toThrow(expect.objectContaining({ name: 'TorchError' }));
    }
  });
});

describe('factories', () => {
  it('make what they say', () => {
    withoutLeaks(() => {
      expect(torch.ones([2]).toArray()).toEqual([1, 1]);
      expect(torch.full([2], 1.5).toArray()).toEqual([1.5, 1.5]);
      expect([torch.full([1], 1).dtype, torch.arange(3).dtype, torch.arange(0, 1, 0.5).dtype]).toEqual([
        'float32',
        'int64',
        'float32',
      ]);
      expect(torch.arange(2, 8, 3).toArray()).toEqual([2, 5]);
      expect(torch.arange(3, { dtype: 'float64' }).toArray()).toEqual([0, 1, 2]);
      expect(torch.arange(1, 3, { dtype: 'float64' }).dtype).toBe('float64');
      expect(torch.linspace(0, 1, 3).toArray()).toEqual([0, 0.5, 1]);
      expect(torch.eye(2).toArray()).toEqual([[1, 0], [0, 1]]); // prettier-ignore
      expect(torch.cat([torch.ones([1]), torch.zeros([1])]).toArray()).toEqual([1, 0]);
      expect(torch.stack([torch.ones([1]), torch.zeros([1])]).shape).toEqual([2, 1]);
      expect(torch.zeros([1], { requiresGrad: true }).requiresGrad).toBe(true);
    });
  });

  it('put meta tensors nowhere', () => {
    withoutLeaks(() => {
      const t = torch.zeros([1000, 1000, 1000], { device: 'meta' });
      expect([t.device, t.shape]).toEqual(['meta', [1000, 1000, 1000]]);
      expect(() => t.dataSync()).toThrow(/meta tensor has no values/);
    });
  });

  it('refuse devices that are not there, and say what was found', () => {
    if (torch.cuda.isAvailable()) {
      expect(torch.zeros([1], { device: 'cuda' }).device).toBe('cuda:0');
    } else {
      expect(() => torch.zeros([1], { device: 'cuda' })).toThrow(
        /'cuda' was asked for, but .*(CPU build|no NVIDIA driver)/,
      );
      expect(() => torch.ones([1]).cuda()).toThrow(expect.objectContaining({ code: 'ERR_TORCH_NO_DEVICE' }));
    }
    expect(() => torch.zeros([1], { device: 'gpu' })).toThrow(
      /unknown device 'gpu': expected cpu, cuda, cuda:N or meta/,
    );
    expect(() => torch.zeros([1], { device: `cuda:${torch.cuda.deviceCount()}` })).toThrow(/was asked for/);
  });
});

describe('random numbers', () => {
  it('follow the seed, the state and the generator', () => {
    withoutLeaks(() => {
      torch.manualSeed(3);
      const state = torch.getRngState();
      const first = torch.randn([4]).toArray();
      torch.setRngState(state);
      expect(torch.randn([4]).toArray()).toEqual(first);
      const own = new torch.Generator().manualSeed(3);
      expect(torch.randn([4], { generator: own }).toArray()).toEqual(first);
      expect(torch.randn([4], { generator: own }).toArray()).not.toEqual(first);
    });
    expect(() => torch.manualSeed(1.5)).toThrow(/expected an integer seed, got 1.5/);
    expect(() => torch.manualSeed(Object.create(null) as number)).toThrow(/got an object \(Object\)/);
    expect(() => torch.setRngState(torch.zeros([3]))).toThrow(/RNG state|ByteTensor/);
  });
});

// V8 ends the process when it is told of more memory than a machine can have.
it('a tensor of nothing but zeros takes no memory, whatever its size', () => {
  torch.scope(() => {
    const before = torch.memory().bytes;
    const sizes = [12, Number.MAX_SAFE_INTEGER, 4, 3];
    const zeros = torch.ops.call('aten::_efficientzerotensor', [sizes]) as torch.Tensor;
    expect(zeros.shape).toEqual(sizes);
    expect(torch.memory().bytes).toBe(before);
  });
});
