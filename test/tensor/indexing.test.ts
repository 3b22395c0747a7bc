// at() and set() against what Python's t[...] gave (test/parity/recordIndexing.py), and what a table cannot show: views,
// words of errors, iteration, leaks.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import torch, { slice, type DType, type Tensor, type TensorIndex } from 'torch-node';
import { loadKept, noPython, python } from '../parity/support.js';
import { liveTensors } from '../support/leaks.js';
import { itWhen } from '../support/skip.js';

/** As withoutLeaks, without the garbage collections: what is at stake here is made in the scope or is a bare handle. */
function inScope(run: () => void): void {
  const before = torch.memory().tensors;
  torch.scope(run);
  expect(torch.memory().tensors).toBeLessThanOrEqual(before);
}

/** A tensor as recordIndexing.py writes it. */
interface Values {
  dtype: DType;
  shape: number[];
  values: (number | boolean)[];
}

type Index = Exclude<TensorIndex, object | bigint> | IndexList | Values | { slice: (number | null)[] };
type IndexList = (number | boolean | IndexList)[];

interface Case {
  shape: number[];
  dtype: DType;
  indices: Index[];
  value?: number | boolean | Values;
  result?: Values;
  strides?: number[];
  view?: boolean;
  grad?: Values;
  valueGrad?: Values | null;
  error?: string;
}

function fromValues({ dtype, shape, values }: Values): Tensor {
  // By way of float64, which holds all that is recorded, and a shape with zeros in it.
  return torch.tensor(Float64Array.from(values, Number), { shape }).to(dtype);
}

function toValues(t: Tensor): Values {
  const values = Array.from(t.dataSync(), Number);
  return { dtype: t.dtype, shape: [...t.shape], values: t.dtype === 'bool' ? values.map(Boolean) : values };
}

function counting(shape: number[], dtype: DType): Tensor {
  const n = shape.reduce((product, size) => product * size, 1);
  const values = Array.from({ length: n }, (_, i) => (dtype === 'bool' ? Number(i % 3 === 0) : i));
  return fromValues({ dtype, shape, values });
}

function toIndex(index: Index): TensorIndex {
  if (typeof index !== 'object' || index === null || Array.isArray(index)) return index;
  return 'slice' in index ? slice(...index.slice) : fromValues(index);
}

function weighted(t: Tensor): Tensor {
  return t.mul(torch.arange(1, t.numel + 1, 1, { dtype: t.dtype }).reshape([...t.shape])).sum();
}

/** What recordIndexing.py's `run` does, here. */
function run({ shape, dtype, indices: recorded, value }: Case): Partial<Case> {
  const indices = recorded.map(toIndex);
  const learns = dtype.startsWith('float');
  const t = counting(shape, dtype);
  const leaf = counting(shape, dtype);
  if (learns) leaf.requiresGrad_();
  const out: Partial<Case> = {};
  if (value === undefined) {
    const result = t.at(...indices);
    out.result = toValues(result);
    out.strides = [...result.strides];
    const before = t.clone();
    if (dtype === 'bool') torch.ops.aten['logical_not_'](result);
    else result.fill_(100);
    out.view = !before.equal(t);
    if (learns) weighted(leaf.at(...indices)).backward();
  } else {
    const source = typeof value === 'object' ? fromValues(value) : value;
    out.result = toValues(t.set(source, ...indices));
    if (learns) {
      const sourceLearns = torch.isTensor(source) && torch.isFloatingPoint(source.dtype);
      if (sourceLearns) source.requiresGrad_();
      weighted(leaf.mul(1).set(source, ...indices)).backward();
      if (sourceLearns) out.valueGrad = source.grad === null ? null : toValues(source.grad);
    }
  }
  if (learns) out.grad = toValues(leaf.grad!);
  return out;
}

/** What differs between a recorded case and this package, in words; undefined where nothing does. */
function difference(recorded: Case): string | undefined {
  const { result, strides, view, grad, valueGrad, error } = recorded;
  const expected = error === undefined ? { result, strides, view, grad, valueGrad } : 'an error';
  let got: unknown;
  try {
    got = run(recorded);
  } catch (thrown) {
    if ((thrown as Error).name !== 'TorchError') throw thrown;
    if (error !== undefined) return undefined;
    got = (thrown as Error).message;
  }
  return isEqual(got, expected) ? undefined : `${JSON.stringify(recorded)}\n  gave ${JSON.stringify(got)}`;
}

// -0 is another number than 0, here as in the rest of this file's comparisons.
function isEqual(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return Object.is(a, b);
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...keys].every((key) =>
    isEqual((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]),
  );
}

function differences(cases: readonly Case[]): string[] {
  return cases.flatMap((one) => torch.scope(() => difference(one)) ?? []);
}

const title = ({ shape, dtype, indices, value }: Case): string =>
  `${dtype} [${shape.join(', ')}] at ${JSON.stringify(indices)}${value === undefined ? '' : ` = ${JSON.stringify(value)}`}`;

describe('as Python indexes', () => {
  const { cases } = loadKept<{ cases: Case[] }>('indexing');

  it.each(cases.map((one) => [title(one), one] as const))('%s', (_, one) => {
    inScope(() => expect(difference(one)).toBeUndefined());
  });

  itWhen(python !== undefined, `no Python with PyTorch: ${noPython}`)(
    'random cases, against Python now',
    async () => {
      await Promise.resolve();
      const folder = mkdtempSync(path.join(tmpdir(), 'torch-node-indexing-'));
      try {
        const [script, out] = [
          path.join(__dirname, '../parity/recordIndexing.py'),
          path.join(folder, 'random.json'),
        ];
        const seed = process.env['TORCH_NODE_TEST_SEED'] ?? '1';
        execFileSync(python!, [script, '--random', '2000', '--seed', seed, '--out', out]);
        const { cases: random } = JSON.parse(readFileSync(out, 'utf8')) as { cases: Case[] };
        expect(random).toHaveLength(2000);
        expect(differences(random)).toEqual([]);
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
  );
});

describe('views', () => {
  it('share memory where the indices are integers, slices and new axes', () => {
    inScope(() => {
      const t = torch.zeros([3, 4]);
      t.at(slice(1), slice(null, null, 2)).fill_(1);
      t.at(null, 0, '...').fill_(2);
      t.at(-1, -1).fill_(3);
      expect(t.toArray()).toEqual([[2, 2, 2, 2], [1, 0, 1, 0], [1, 0, 1, 3]]); // prettier-ignore
      t.at().fill_(4);
      t.at(':').at(1).fill_(5);
      expect(t.toArray()).toEqual([[4, 4, 4, 4], [5, 5, 5, 5], [4, 4, 4, 4]]); // prettier-ignore
    });
  });

  it('are other tensors than the one they are of, and outlive it', () => {
    const t = torch.arange(3);
    for (const view of [t.at(), t.at('...'), t.at(':'), t.at(slice())]) {
      expect(view).not.toBe(t);
      view.dispose();
    }
    expect(t.toArray()).toEqual([0, 1, 2]);
    const last = t.at(-1);
    t.dispose();
    expect(last.item()).toBe(2);
    last.dispose();
  });

  it('copies where there are masks, index tensors or arrays', () => {
    inScope(() => {
      const t = torch.zeros([3, 4]);
      t.at([0, 1]).fill_(1);
      t.at(t.eq(0)).fill_(1);
      t.at(0, torch.tensor([1n])).fill_(1);
      expect(t.sum().item()).toBe(0);
    });
  });

  it('writes through views of views, and gives the tensor back', () => {
    inScope(() => {
      const t = torch.zeros([2, 3]);
      expect(t.set(1, 0)).toBe(t);
      t.at(1).set(2n, slice(1));
      t.t().set(torch.tensor([7, 8]), 0);
      t.set(true, 1, [2]);
      expect(t.toArray()).toEqual([[7, 1, 1], [8, 2, 1]]); // prettier-ignore
      t.set(t.at(0), 1);
      expect(t.at(1).toArray()).toEqual([7, 1, 1]);
    });
  });

  it('works on parameters and in half precision, and takes bigints', () => {
    inScope(() => {
      const { weight, bias } = new torch.nn.Linear(3, 2);
      expect(weight.at(1n, -1n).item()).toBe(weight.select(0, 1).select(0, 2).item());
      weight.dispose();
      bias!.dispose();
      expect(torch.arange(4).to('bfloat16').at([3, 1n]).toArray()).toEqual([3, 1]);
    });
  });
});

describe('autograd', () => {
  it('reaches what was taken', () => {
    inScope(() => {
      const t = torch.ones([2, 3], { requiresGrad: true });
      t.at(0, slice(1))
        .mul(2)
        .sum()
        .add(t.at([1, 1], [0, 0]).sum())
        .backward();
      expect(t.grad!.toArray()).toEqual([[0, 2, 2], [2, 0, 0]]); // prettier-ignore
    });
  });

  it('refuses to write to a leaf that requires a gradient, in the words of PyTorch', () => {
    inScope(() => {
      const t = torch.ones([2, 3], { requiresGrad: true });
      const view = /a view of a leaf tensor that requires grad is being used in an in-place operation/;
      expect(() => t.set(0, 0)).toThrow(view);
      expect(() => t.set(0, slice(1), 0)).toThrow(view);
      expect(() => t.set(torch.ones([3]), 0)).toThrow(view);
      expect(() => t.set(0, '...')).toThrow(/a leaf tensor that requires grad is being used in an in-place/);
      expect(() => t.set(0, [0])).toThrow(/a leaf tensor that requires grad is being used in an in-place/);
      torch.noGrad(() => t.set(0, 0));
      expect(t.detach().toArray()).toEqual([[0, 0, 0], [1, 1, 1]]); // prettier-ignore
    });
  });
});

describe('errors', () => {
  const t = torch.zeros([2, 3]);
  afterAll(() => t.dispose());

  // prettier-ignore
  it.each<[string, () => unknown, RegExp]>([
    ['an integer out of range', () => t.at(2), /Tensor\.at: index 2 is out of range for dimension 0 of size 2: expected -2 to 1\n {2}self: float32 \[2, 3\]\n {2}indices: 2$/],
    ['the second out of range', () => t.at(1, -4), /index -4 is out of range for dimension 1 of size 3: expected -3 to 2/],
    ['after an ellipsis', () => t.at('...', 3), /index 3 is out of range for dimension 1 of size 3[^]*indices: '\.\.\.', 3/],
    ['after a new axis', () => t.at(null, 0, null, 3), /index 3 is out of range for dimension 1 of size 3/],
    ['of an empty dimension', () => torch.zeros([0]).at(0), /index 0 is out of range for dimension 0 of size 0: it has no positions/],
    ['in an array', () => t.at(':', [0, 3]), /index 3 is out of range for dimension 1 of size 3: expected -3 to 2/],
    ['in an index tensor', () => t.at(0, torch.tensor([-4n])), /index -4 is out of range for dimension 1 of size 3/],
    ['in an index tensor of set', () => t.set(1, ':', torch.tensor([[5n]])), /Tensor\.set: index 5 is out of range for dimension 1 of size 3/],
    ['an integer of set out of range', () => t.set(1, 0, 3), /Tensor\.set: index 3 is out of range for dimension 1 of size 3/],
    ['too many indices', () => t.at(0, 0, 0), /too many indices: they are for 3 dimensions, the tensor has 2/],
    ['too many with a mask', () => t.at(t.eq(0), 0), /too many indices: they are for 3 dimensions, the tensor has 2/],
    ['an index of a number', () => torch.tensor(1).at(0), /too many indices: they are for 1 dimension, the tensor has 0; item\(\) reads/],
    ['two ellipses', () => t.at('...', '...'), /'\.\.\.' stands twice/],
    ['a mask of a wrong size', () => t.at(':', [true, false]), /a mask of shape \[2\] does not fit: its dimension 0 has size 2, dimension 1 of the tensor has 3/],
    ['a mask of a wrong shape', () => t.at(torch.ones([2, 2], { dtype: 'bool' })), /a mask of shape \[2, 2\] does not fit: its dimension 1 has size 2, dimension 1 of the tensor has 3/],
    ['index tensors of other shapes', () => t.at([0, 1], [0, 1, 2]), /could not be broadcast together/],
    ['an index of float32', () => t.at(torch.tensor([0, 1])), /an index tensor of dtype float32: expected int64, int32 or bool; .*\{ dtype: 'int64' \}/],
    ['an index of int16', () => t.at(torch.tensor([0, 1], { dtype: 'int16' })), /an index tensor of dtype int16: expected int64, int32 or bool/],
    ['a fraction', () => t.at(0.5), /0\.5 is no index: expected an integer/],
    ['a fraction in an array', () => t.at([0, 0.5]), /0\.5 is no index: expected an integer/],
    ['NaN', () => t.at(NaN, 0), /NaN is no index/],
    ['a large bigint', () => t.at(2n ** 60n), /1152921504606846976n is no index/],
    ['a ragged array', () => t.at([[0, 1], [0]]), /an array of indices is ragged: expected 2 items in each array at depth 1/],
    ['a deeper array', () => t.at([0, [0]]), /an array of indices is ragged/],
    ['a tensor in an array', () => t.at([torch.tensor(1n)] as unknown as TensorIndex), /int64 \[\] inside an array of indices: expected integers or booleans \(put tensors together with torch\.stack\)/],
    ['a string', () => t.at('1:2' as TensorIndex), /'1:2' is no index: expected an integer, slice\(\.\.\.\), ':', '\.\.\.', null/],
    ['undefined', () => t.at(undefined as unknown as TensorIndex), /undefined is no index: .* \(a new dimension is null\)/],
    ['an object', () => t.at({ start: 1 } as unknown as TensorIndex), /an object \(Object\) is no index/],
    ['a typed array', () => t.at(Int32Array.of(1) as unknown as TensorIndex), /an object \(Int32Array\) is no index: .* \(make it a tensor/],
    ['an array for a value', () => t.set([1] as unknown as number, 0), /value: expected a Tensor, a number, a bigint, a boolean or a complex .*, got \[1\]; .* torch\.tensor/],
    ['a value that does not broadcast', () => t.set(torch.ones([2]), 0), /the value's shape \[2\] does not broadcast to \[3\], the shape of what the indices take/],
    ['a value of another dtype', () => t.set(torch.tensor([1n]), [0]), /Tensor\.set: .*dtypes? match/],
    ['a zero step', () => slice(0, 5, 0), /^TorchError: slice: the step is 0: expected 1 or more/],
    ['a negative step', () => t.at(slice(null, null, -1)), /slice: the step is -1, and no view of a tensor runs backwards: .*step 1 and flip .*t\.flip/],
    ['a slice of fractions', () => slice(0.5), /slice: start: expected an integer or null, got 0\.5/],
    ['a slice to infinity', () => slice(0, Infinity), /slice: stop: expected an integer or null, got Infinity \(an open end is null\)/],
  ])('%s', (_, call, words) => {
    inScope(() => {
      let message = 'nothing was thrown';
      try {
        call();
      } catch (error) {
        message = String(error);
      }
      expect(message).toMatch(words);
    });
  });

  it('of released tensors', () => {
    const gone = torch.ones([1], { dtype: 'int64' });
    gone.dispose();
    expect(() => gone.at(0)).toThrow(/this tensor was released/);
    expect(() => t.at(gone)).toThrow(/this tensor was released/);
    expect(() => t.set(gone, 0)).toThrow(/this tensor was released/);
  });
});

describe('iteration', () => {
  it('goes over the first dimension, as views', () => {
    inScope(() => {
      const t = torch.arange(6).reshape(3, 2);
      const sums: number[] = [];
      for (const row of t) sums.push(row.sum().item());
      expect(sums).toEqual([1, 5, 9]);
      for (const row of t) row.set(9, 0);
      expect(t.at(':', 0).toArray()).toEqual([9, 9, 9]);
      expect([...torch.zeros([0, 2])]).toEqual([]);
      const [first, second] = torch.tensor([4, 5]);
      expect([first!.item(), second!.item()]).toEqual([4, 5]);
      expect(t.unbind(1).map((column) => column.shape)).toEqual([[3], [3]]);
      expect(t.unbind(-1)).toHaveLength(2);
    });
  });

  it('lets gradients through', () => {
    inScope(() => {
      const t = torch.ones([2, 2], { requiresGrad: true });
      for (const row of t) row.mul(3).sum().backward();
      expect(t.grad!.toArray()).toEqual([[3, 3], [3, 3]]); // prettier-ignore
    });
  });

  it('refuses tensors without dimensions', () => {
    inScope(() => {
      expect(() => [...torch.tensor(1)]).toThrow(
        /a tensor of 0 dimensions has no rows: read it with item\(\)/,
      );
      expect(() => torch.zeros([2]).unbind(1)).toThrow(/Dimension out of range/);
    });
  });

  it('releases the rows that it does not reach', () => {
    const t = torch.zeros([100, 2]);
    const before = torch.memory().tensors;
    for (const row of t) {
      row.dispose();
      break;
    }
    expect(torch.memory().tensors).toBe(before);
    t.dispose();
  });
});

it('leaves no tensor but the result, outside of scopes too', () => {
  const t = torch.zeros([4, 5, 6]);
  const mask = torch.ones([4], { dtype: 'bool' });
  const live = liveTensors();
  const results = [
    t.at(1, 2, 3),
    t.at(1, slice(1, 3), null, 2),
    t.at(mask, null, slice(0, 5), [0, 0, 0, 0]),
    t.at([[0], [1]], true, 0),
    t.at(false),
    t.at('...'),
  ];
  t.set(1, 1, 2, 3).set(2, 1, slice(1, 3), null, 2).set(3, mask, null, 0).set(4, [0], [1], [2]).set(5);
  const value = torch.ones([1, 1, 1, 1]);
  t.set(value, 0, 0, 0).set(value, [0, 1], 0).set(value, slice(1), 0);
  for (const wrong of [
    () => t.at(0, 0, 9),
    () => t.at(null, slice(1), 5, 9),
    () => t.at([0], [9]),
    () => t.set(value, mask, [1, 2]),
  ])
    expect(wrong).toThrow();
  value.dispose();
  // Without a collection: nothing was left to the garbage collector.
  expect(torch.memory().tensors).toBe(live + results.length);
  for (const tensor of [...results, t, mask]) tensor.dispose();
});
