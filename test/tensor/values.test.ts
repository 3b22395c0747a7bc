import torch, { type Tensor } from 'torch-node';
import { withoutLeaks } from '../support/leaks.js';

describe('reading values', () => {
  it('gives numbers, bigints beyond 2^53, and booleans', () => {
    withoutLeaks(() => {
      expect(torch.tensor(2.5).item()).toBe(2.5);
      expect(torch.tensor([[7]], { dtype: 'int64' }).item()).toBe(7);
      expect(torch.tensor(2n ** 60n).item()).toBe(2n ** 60n);
      expect(torch.tensor(true).item()).toBe(true);
      expect(() => torch.ones([2]).item()).toThrow(/item\(\) reads a tensor of one element; this one has 2/);
    });
  });

  it('reads views and transposes in row-major order', () => {
    withoutLeaks(() => {
      const t = torch.arange(6).reshape(2, 3).t();
      expect(t.isContiguous).toBe(false);
      expect(t.toArray()).toEqual([[0, 3], [1, 4], [2, 5]]); // prettier-ignore
      expect(Array.from(t.narrow(0, 1, 2).dataSync(), Number)).toEqual([1, 4, 2, 5]);
    });
  });

  it('gives the TypedArray of each dtype', () => {
    withoutLeaks(() => {
      const kind = (dtype: torch.DType): string => torch.ones([1], { dtype }).dataSync().constructor.name;
      expect((['bool', 'uint8', 'int8', 'int16', 'int32', 'int64', 'float16', 'bfloat16', 'float32', 'float64'] as const).map(kind)).toEqual([
        'Uint8Array', 'Uint8Array', 'Int8Array', 'Int16Array', 'Int32Array', 'BigInt64Array', 'Float32Array', 'Float32Array', 'Float32Array', 'Float64Array',
      ]); // prettier-ignore
    });
  });

  it('reads asynchronously', async () => {
    const t = torch.tensor([1, 2]);
    const reading = t.data();
    t.dispose(); // the reading holds the values
    expect(Array.from((await reading) as Float32Array)).toEqual([1, 2]);
    await expect(torch.zeros([1], { device: 'meta' }).data()).rejects.toThrow(/meta tensor/);
  });

  // Whatever is written between the call and the promise's value.
  const writers: Record<string, (t: Tensor) => unknown> = {
    'fill_': (t) => t.fill_(9),
    'through a view': (t) => t.at(0).fill_(9),
    'through a TypedArray': (t) => (t.dataView() as Float32Array).fill(9),
    'released': (t) => t.dispose(),
    'resized': (t) => t.resize_([100]).fill_(9),
    'moved to shared memory': (t) => t.shareMemory_().fill_(9),
    'set_ to other memory': (t) => t.set_(torch.full([2, 2], 9)),
    'several calls': (t) => { for (let i = 0; i < 100; i++) t.add_(1); },
    'a backward pass': (t) => { t.requiresGrad_(); t.mul(t).sum().backward(); torch.noGrad(() => t.sub_(t.grad!)); },
  }; // prettier-ignore
  const kinds: Record<string, () => Tensor> = {
    float32: () => torch.tensor([[1, 2], [3, 4]]),
    transposed: () => torch.tensor([[1, 3], [2, 4]]).t(),
    float16: () => torch.tensor([[1, 2], [3, 4]], { dtype: 'float16' }),
    int64: () => torch.tensor([[1, 2], [3, 4]], { dtype: 'int64' }),
    'over a buffer': () => torch.fromTypedArray(new Float32Array([1, 2, 3, 4]), { shape: [2, 2] }),
    large: () => torch.arange(1, 1_000_001).to('float32').reshape(1000, 1000),
  }; // prettier-ignore

  it.each(Object.keys(writers))('data() has the values of the moment of its call: %s', async (name) => {
    for (const [kind, make] of Object.entries(kinds)) {
      if (kind !== 'float32' && /TypedArray|gradient|backward|set_/.test(name)) continue;
      if (kind === 'over a buffer' && name === 'resized') continue;
      const t = make();
      const expected = Array.from(t.dataSync(), Number);
      const reading = t.data();
      writers[name]!(t);
      expect(Array.from(await reading, Number)).toEqual(expected);
    }
  });

  it('views the memory of contiguous tensors', () => {
    const t = torch.tensor([1, 2]);
    const view = t.dataView() as Float32Array;
    view[0] = 5;
    expect(t.toArray()).toEqual([5, 2]);
    t.dispose();
    expect(view[0]).toBe(5); // the view keeps the memory
    expect(() => torch.ones([2, 3]).t().dataView()).toThrow(/contiguous/);
  });
});

describe('tensors whose memory does not hold their values', () => {
  it('all zero: autograd makes them without memory', async () => {
    const x = torch.ones([2, 2], { requiresGrad: true });
    x.sgn().sum().backward();
    const zeros = x.grad!;
    expect(Array.from(zeros.dataSync(), Number)).toEqual([0, 0, 0, 0]);
    expect(Array.from(await zeros.data(), Number)).toEqual([0, 0, 0, 0]);
    expect(String(zeros)).toBe('tensor([[0., 0.],\n        [0., 0.]])');
    expect(zeros.at(0, 0).item()).toBe(0);
    expect(() => zeros.dataView()).toThrow(/does not hold its values.*clone\(\)/);
    expect(Array.from(zeros.clone().dataView(), Number)).toEqual([0, 0, 0, 0]);
  });

  it('negated and conjugate views', () => {
    withoutLeaks(() => {
      const negated = torch.ops.aten._neg_view(torch.ones([2]));
      expect(Array.from(negated.dataSync(), Number)).toEqual([-1, -1]);
      expect(() => negated.dataView()).toThrow(/does not hold its values/);
      const conjugate = torch.zeros([1], { dtype: 'complex64' }).conj();
      expect(() => conjugate.dataView()).toThrow(/does not hold its values/);
    });
  });
});

describe('operators', () => {
  it('compute', () => {
    withoutLeaks(() => {
      const a = torch.tensor([1, 2, 3]);
      expect(a.add(1).toArray()).toEqual([2, 3, 4]);
      expect(a.add(a, { alpha: 10 }).toArray()).toEqual([11, 22, 33]);
      expect(a.sub(1).mul(2).div(4).toArray()).toEqual([0, 0.5, 1]);
      expect(a.matmul(a).item()).toBe(14);
      expect(a.sum().item()).toBe(6);
      expect(a.reshape(3, 1).sum(0).toArray()).toEqual([6]);
      expect(a.argmax().item()).toBe(2);
      expect(a.eq(2).toArray()).toEqual([false, true, false]);
      expect(a.softmax(0).sum().item()).toBeCloseTo(1);
      expect(a.size(-1)).toBe(3);
      expect(() => a.size(1)).toThrow(/dimension 1 is out of range/);
    });
  });

  it('promote numbers as PyTorch does', () => {
    withoutLeaks(() => {
      const i = torch.arange(2);
      expect([i.add(1).dtype, i.add(1.5).dtype, i.div(2).dtype]).toEqual(['int64', 'float32', 'float32']);
      expect(torch.ones([1], { dtype: 'float16' }).mul(2.5).dtype).toBe('float16');
      expect(torch.ones([1]).mul(1n).dtype).toBe('float32');
      expect(torch.tensor([-0]).add(-0).toArray()).toEqual([-0]);
    });
  });

  it('work in place and give back the same tensor', () => {
    withoutLeaks(() => {
      const a = torch.ones([2]);
      expect(a.add_(1)).toBe(a);
      expect(torch.ops.aten.relu_(a)).toBe(a);
      const out = torch.empty([2]);
      expect(torch.ops.aten.add.out(a, a, { out })).toBe(out);
      expect(out.toArray()).toEqual([4, 4]);
    });
  });

  it('are found by schema name, with every kind of argument and result', () => {
    withoutLeaks(() => {
      const { ops } = torch;
      const a = torch.tensor([[3, 1, 2]]);
      expect(ops.schema('aten::add.Tensor')).toBe(
        'aten::add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor',
      );
      expect((ops.call('aten::add.Tensor', [a, a], { alpha: 2 }) as torch.Tensor).toArray()).toEqual([
        [9, 3, 6],
      ]);
      // An argument's name as it stands in the schema, and in camelCase.
      const powers = ops.call('aten::linalg_vander', [torch.tensor([2, 3])], { N: 3 }) as torch.Tensor;
      expect(powers.toArray()).toEqual([
        [1, 2, 4],
        [1, 3, 9],
      ]);
      expect(ops.call('aten::div.Tensor_mode', [a, a], { roundingMode: 'floor' })).toHaveProperty(
        'shape',
        [1, 3],
      );
      const [values, indices] = ops.aten.sort(a, 1, true);
      expect([values.toArray(), indices.toArray()]).toEqual([[[3, 2, 1]], [[0, 2, 1]]]);
      const parts = ops.aten.split.Tensor(a, 2, 1);
      expect(parts.map((part) => part.shape)).toEqual([[1, 2], [1, 1]]); // prettier-ignore
      const index = torch.tensor([0n]);
      expect(ops.aten.index.Tensor(a, [null, index]).toArray()).toEqual([[3]]);
      expect(ops.aten.equal(a, a)).toBe(true);
      expect(
        (
          ops.call('aten::empty.memory_format', [
            [2, 3],
            'float64',
            'strided',
            'cpu',
            false,
            'contiguous',
          ]) as torch.Tensor
        ).dtype,
      ).toBe('float64');
      expect(ops.aten.div.Tensor_mode(a, a, { roundingMode: 'floor' }).toArray()).toEqual([[1, 1, 1]]);
      expect(ops.aten.conv2d(torch.ones([1, 1, 3, 3]), torch.ones([1, 1, 2, 2]), null, 1).shape).toEqual([
        1, 1, 2, 2,
      ]);
      expect(ops.aten.linspace(0, 1, 5, { dtype: 'float16' }).dtype).toBe('float16');
      expect(ops.names().length).toBeGreaterThan(2500);
    });
  });

  it('fail with what was called, the arguments and no C++ backtrace', () => {
    withoutLeaks(() => {
      let caught: torch.TorchError | undefined;
      try {
        torch.zeros([2, 3]).add(torch.zeros([4], { dtype: 'int64' }));
      } catch (error) {
        caught = error as torch.TorchError;
      }
      expect(caught).toMatchObject({ name: 'TorchError', operator: 'aten::add.Tensor', code: 'ERR_TORCH' });
      expect(caught!.arguments).toEqual(['self: float32 [2, 3]', 'other: int64 [4]']);
      expect(caught!.message).toMatch(/^aten::add.Tensor: The size of tensor a \(3\) must match/);
      expect(caught!.message).not.toMatch(/C\+\+|frame #|Exception raised/);
      expect(caught!.stack).toContain('values.test.ts');
    });
  });

  it('refuse wrong kinds, counts and handles', () => {
    const a = torch.ones([2, 2]);
    const bad: [() => unknown, RegExp][] = [
      [() => a.add('1' as never), /'other': expected a Tensor or a number, got '1'/],
      [() => a.add({} as never), /'other' is missing: a Tensor or a number/],
      [() => a.select(0, NaN), /'index': expected an integer, got NaN/],
      [() => a.select(0, 1.5), /expected an integer, got 1.5/],
      [() => a.select(0, 9), /out of range/],
      [() => torch.ops.call('aten::relu', [a, a]), /expected at most 1 arguments, got 2/],
      [() => torch.ops.call('aten::relu', []), /argument 'self'/],
      [() => torch.ops.call('aten::add.Tensor', [a, a], { beta: 1 }), /there is no argument 'beta'/],
      [() => torch.ops.call('aten::add', [a, a]), /no such overload; it has aten::add\.(Scalar|Tensor)/],
      [() => torch.ops.call('aten::nothing', [a]), /libtorch 2\.\d+\.\d+ has no such operator/],
      [() => torch.ops.call('relu', [a]), /namespace, as "aten::relu"/],
      [
        () => torch.cat([a, 1 as never]),
        /'tensors': expected an array of Tensors, got \[float32 \[2, 2\], 1\]/,
      ],
      [() => a.to('floof'), /unknown device 'floof'/],
      [() => a.matmul(torch.ones([3])), /size mismatch|mat/],
    ];
    for (const [call, message] of bad) expect(call).toThrow(message);
    a.dispose();
    expect(() => a.relu()).toThrow(/this tensor was released/);
    expect(() => torch.ones([2, 2]).add(a)).toThrow(/this tensor was released/);
    expect(() => a.shape).toThrow(/released/);
  });
});

it('views shapes of no and of one dimension by turns, wherever their sizes lie on the way', () => {
  const one = torch.ones([1]);
  // The room for lists of integers (lib/operators/integers.ts) is filled to its last place, time and again.
  for (let i = 0; i < 3000; i++) {
    torch.scope(() => {
      expect(one.view([]).shape).toEqual([]);
      expect(one.view([1]).shape).toEqual([1]);
    });
  }
});
