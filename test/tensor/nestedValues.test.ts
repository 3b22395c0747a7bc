// torch.tensor of nested values: arrays, TypedArrays, tensors of one element, and whatever is none of these.
import torch, { type Tensor } from 'torch-node';
import { answersOf } from '../support/askPython.js';
import { withoutLeaks } from '../support/leaks.js';

type Make = () => Tensor;
const loose: (data: unknown, options?: object) => Tensor = (...given) => torch.tensor(...(given as [number]));
const one = (value: number | bigint, dtype: torch.DType, shape: number[] = []): Tensor =>
  torch.full(shape, value, { dtype });
const nested = (depth: number): unknown => (depth === 0 ? 1 : [nested(depth - 1)]);

/** What we write, and Python's answer: dtype, shape and values, or none where it raises. Its lists of integers are int64. */
const SAME: Record<string, readonly [Make, string]> = {
  'numbers': [() => loose([[1.5, 2], [3, 4]]), 'torch.tensor([[1.5, 2.], [3., 4.]])'],
  'booleans': [() => loose([[true], [false]]), 'torch.tensor([[True], [False]])'],
  'bigints': [() => loose([1n, -5n]), 'torch.tensor([1, -5])'],
  'complex numbers': [() => loose([{ re: 1, im: 2 }, 3]), 'torch.tensor([1+2j, 3])'],
  'a number': [() => loose(2.5), 'torch.tensor(2.5)'],
  'nothing': [() => loose([]), 'torch.tensor([])'],
  'empty rows': [() => loose([[], []]), 'torch.tensor([[], []])'],
  'booleans and numbers': [() => loose([true, 2.5]), 'torch.tensor([True, 2.5])'],
  'booleans and bigints': [() => loose([true, 2n]), 'torch.tensor([True, 2])'],
  'NaN and zeros as bool': [() => loose([NaN, 0, -0, 2, Infinity], { dtype: 'bool' }), "torch.tensor([float('nan'), 0., -0., 2., float('inf')], dtype=torch.bool)"],
  'bigints as bool': [() => loose([0n, 5n], { dtype: 'bool' }), 'torch.tensor([0, 5], dtype=torch.bool)'],
  'complex numbers as bool': [() => loose([{ re: 0, im: 0 }, { re: 0, im: 1 }], { dtype: 'bool' }), 'torch.tensor([0j, 1j], dtype=torch.bool)'],
  'tensors of one element': [() => loose([one(1.5, 'float32'), 2.5]), 'torch.tensor([torch.tensor(1.5), 2.5])'],
  'integer tensors': [() => loose([one(1n, 'int64'), one(2n, 'int64')]), 'torch.tensor([torch.tensor(1), torch.tensor(2)])'],
  'integer tensors and numbers': [() => loose([one(1n, 'int64'), 2.5]), 'torch.tensor([torch.tensor(1), 2.5])'],
  'tensors of two dtypes': [() => loose([one(1, 'float64'), one(2n, 'uint8')]), 'torch.tensor([torch.tensor(1, dtype=torch.float64), torch.tensor(2, dtype=torch.uint8)])'],
  'tensors of one element and of dimensions': [() => loose([one(1, 'float32', [1]), one(2, 'float32', [1, 1])]), 'torch.tensor([torch.ones(1), 2 * torch.ones(1)])'],
  'nested tensors': [() => loose([[one(1, 'float32')], [one(2, 'float32')]]), 'torch.tensor([[torch.tensor(1.)], [torch.tensor(2.)]])'],
  'tensors that require gradients': [() => loose([torch.tensor(1.5, { requiresGrad: true })]), 'torch.tensor([torch.tensor(1.5, requires_grad=True)])'],
  'tensors as another dtype': [() => loose([one(3, 'float32')], { dtype: 'int16' }), 'torch.tensor([torch.tensor(3)], dtype=torch.int16)'],
  'several tensors of several elements': [() => loose([torch.ones([3]), torch.ones([3])]), 'torch.tensor([torch.ones(3), torch.ones(3)])'],
  'Float32Arrays': [() => loose([new Float32Array([1, 2]), new Float32Array([3, 4])]), 'torch.tensor([np.array([1, 2], np.float32), np.array([3, 4], np.float32)])'],
  'Float64Arrays': [() => loose([[new Float64Array([1, 2])], [new Float64Array([3, 4])]]), 'torch.tensor([[np.array([1., 2.])], [np.array([3., 4.])]])'],
  'Int16Arrays and numbers': [() => loose([new Int16Array([1, 2]), [1.5, 2]]), 'torch.tensor([np.array([1, 2], np.int16), [1.5, 2]])'],
  'arrays of two dtypes': [() => loose([new Float32Array([1, 2]), new Float64Array([3, 4])]), 'torch.tensor([np.array([1, 2], np.float32), np.array([3., 4.])])'],
  'BigInt64Arrays': [() => loose([new BigInt64Array([1n, -(2n ** 63n)])]), 'torch.tensor([np.array([1, -2**63])])'],
  'Uint16Arrays': [() => loose([new Uint16Array([1, 65535])]), 'torch.tensor([np.array([1, 65535], np.uint16)])'],
  'a Uint16Array': [() => loose(new Uint16Array([1, 65535])), 'torch.tensor(np.array([1, 65535], np.uint16))'],
  'a Uint32Array': [() => loose(new Uint32Array([1, 2 ** 32 - 1])), 'torch.tensor(np.array([1, 2**32-1], np.uint32))'],
  'a BigUint64Array': [() => loose(new BigUint64Array([1n, 2n ** 64n - 1n])), 'torch.tensor(np.array([1, 2**64-1], np.uint64))'],
  'a Uint16Array as float32': [() => loose(new Uint16Array([1, 65535]), { dtype: 'float32' }), 'torch.tensor(np.array([1, 65535], np.uint16), dtype=torch.float32)'],
  'a Uint8ClampedArray': [() => loose(new Uint8ClampedArray([1, 300])), 'torch.tensor(np.array([1, 255], np.uint8))'],
  'typed arrays that are too short': [() => loose([new Float32Array(2), new Float32Array(1)]), 'torch.tensor([np.ones(2), np.ones(1)])'],
  'ragged arrays': [() => loose([[1], [1, 2]]), 'torch.tensor([[1], [1, 2]])'],
  'a number beside an array': [() => loose([1, [2]]), 'torch.tensor([1, [2]])'],
  'an array beside a number': [() => loose([[1], 2]), 'torch.tensor([[1], 2])'],
  'null': [() => loose([null]), 'torch.tensor([None])'],
  'text': [() => loose(['1']), "torch.tensor(['1'])"],
  'an array that contains itself': [() => { const a: unknown[] = []; a.push(a); return loose(a); }, 'a.append(a); torch.tensor(a)'],
  'an array that contains itself beside numbers': [() => { const a: unknown[] = [1]; a.push(a); return loose(a); }, 'a.extend([1, a]); torch.tensor(a)'],
  'two arrays that contain each other': [() => { const a: unknown[] = []; a.push([[a]]); return loose(a); }, 'a.append([[a]]); torch.tensor(a)'],
  'sixty-four dimensions': [() => loose(nested(64)), 'torch.tensor(eval("[" * 64 + "1." + "]" * 64))'],
  'two hundred dimensions': [() => loose(nested(200)), 'torch.tensor(eval("[" * 150 + "1." + "]" * 150))'],
  'integers that do not fit': [() => loose([[1, 300]], { dtype: 'uint8' }), 'torch.tensor([[1, 300]], dtype=torch.uint8)'],
  'a complex number as float': [() => loose([{ re: 1, im: 1 }], { dtype: 'float32' }), 'torch.tensor([1j], dtype=torch.float32)'],
}; // prettier-ignore

function outcome(make: Make): unknown {
  const result = make();
  return [
    result.dtype,
    result.shape,
    JSON.parse(
      JSON.stringify(result.toArray(), (_, each: unknown) =>
        typeof each === 'bigint' || (typeof each === 'number' && !Number.isFinite(each))
          ? String(each)
          : each,
      ),
    ),
  ];
}

it('is what Python makes of lists, of tensors in lists and of numpy arrays in lists', () => {
  withoutLeaks(() => {
    const names = Object.keys(SAME);
    const expressions = names.map((name) => {
      const [first, last] = SAME[name]![1].split('; ') as [string, string?];
      return `${last === undefined ? '' : `${first}; `}t = ${last ?? first}; [t.dtype, list(t.shape), t]`;
    });
    const answers = answersOf('nested', expressions, 'import numpy as np\na = []');
    const differing = names.flatMap((name, i) => {
      let ours: unknown;
      try {
        ours = outcome(SAME[name]![0]);
      } catch (error) {
        expect((error as Error).name).toBe('TorchError');
        ours = null;
      }
      const answer = answers[i]!;
      const theirs = 'value' in answer ? answer.value : null;
      return JSON.stringify(ours) === JSON.stringify(theirs) ? [] : [[name, ours, theirs]];
    });
    expect(differing).toEqual([]);
  });
});

it('takes any number of dimensions that Python takes, and says what is wrong with the others', () => {
  withoutLeaks(() => {
    const itself: unknown[] = [];
    itself.push(itself);
    for (const [run, says] of [
      [() => loose(itself), /nested more than 128 levels deep, or contain themselves/],
      [() => loose(nested(129)), /nested more than 128 levels deep/],
      [() => loose([torch.ones([2]), torch.ones([2])]), /only tensors of one element.*got float32 \[2\]: torch\.stack/],
      [() => loose([new Float32Array(2), new Float32Array(1)]), /ragged: an element at depth 1 is an array of 1 where others are arrays of 2/],
      [() => loose([[1, 2], 3]), /ragged: an element at depth 1 is 3/],
      [() => loose([1, undefined]), /expected a number.*got undefined/],
      [() => loose(new Array(3)), /expected a number.*got undefined/],
      [() => loose([new DataView(new ArrayBuffer(8))]), /expected a number.*got an object \(DataView\)/],
      [() => loose([new Map()]), /expected a number.*got an object \(Map\)/],
      [() => loose([new torch.Generator()]), /expected a number/],
    ] as const)
      expect(run).toThrow(says); // prettier-ignore
    const released = torch.ones([1]);
    released.dispose();
    expect(() => loose([released])).toThrow(/released/);
    expect(loose(nested(64)).ndim).toBe(64);
  });
});

it('reads rows that are shared by many, as large as memory allows', () => {
  withoutLeaks(() => {
    const row = Array.from({ length: 10622 }, (_, i) => i % 200);
    const t = loose(new Array(10622).fill(row), { dtype: 'uint8' });
    expect([t.shape, t.at(-1, 199).item(), t.at(10_000, -1).item()]).toEqual([
      [10622, 10622],
      199,
      10621 % 200,
    ]);
    let shared: unknown = [1, 2];
    for (let i = 0; i < 100; i++) shared = [shared, shared];
    expect(() => loose(shared)).toThrow(expect.objectContaining({ code: 'ERR_TORCH_OUT_OF_MEMORY' }));
  });
});

it('takes arrays that change while they are read for what they are then', () => {
  withoutLeaks(() => {
    const shrinking = new Proxy([[1, 2], [3, 4]], {
      get: (target, name) => (name === '1' ? [3, 4].slice(0, Math.random() < 2 ? 1 : 2) : (Reflect.get(target, name) as unknown)),
    }); // prettier-ignore
    expect(() => loose(shrinking)).toThrow(/ragged/);
  });
});

it('has float16 from a Float16Array, where Node has them', () => {
  withoutLeaks(() => {
    const Float16Array = (globalThis as { Float16Array?: new (values: number[]) => unknown }).Float16Array;
    const given = Float16Array === undefined ? undefined : new Float16Array([1.5, -2]);
    if (given === undefined) process.stderr.write('skipped: a Float16Array: this Node has none\n');
    else {
      const t = loose(given);
      expect([t.dtype, t.toArray()]).toEqual(['float16', [1.5, -2]]);
      expect(loose([given]).toArray()).toEqual([[1.5, -2]]);
    }
  });
});

// Python takes 50 to 250 ns for each value; some of it is left for a busy machine.
it('is quick', () => {
  withoutLeaks(() => {
    const rows = Array.from({ length: 1000 }, () => Array.from({ length: 1000 }, (_, i) => i * 0.5));
    loose(rows);
    const took = Array.from({ length: 5 }, () => {
      const start = performance.now();
      torch.scope(() => loose(rows));
      return performance.now() - start;
    });
    expect(Math.min(...took)).toBeLessThan(60);
  });
});
