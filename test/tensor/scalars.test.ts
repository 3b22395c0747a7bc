// Scalars of all types: complex ones, and those that say their type; result dtypes against what Python gave
// (test/parity/recordScalars.py).
import { runInNewContext } from 'node:vm';
import torch, { type Complex, type DType, type Scalar, type Tensor } from 'torch-node';
import { loadKept } from '../parity/support.js';
import { withoutLeaks } from '../support/leaks.js';

interface Case {
  op: string;
  tensor: DType | null;
  scalar: [type: 'float' | 'int' | 'bool' | 'complex', re: string, im: string];
  raises?: true;
  dtype?: string;
  values?: [re: string, im: string][];
}

const { scalars } = loadKept<{ scalars: Case[] }>('scalars');
const TYPES = { float: 'float64', int: 'int64', bool: 'bool', complex: 'complex128' } as const;

const number = (text: string): number => Number(text.replace('inf', 'Infinity').replace('nan', 'NaN'));

function scalarOf([type, re, im]: Case['scalar']): Scalar {
  const value = type === 'complex' ? { re: number(re), im: number(im) } : number(re);
  return torch.scalar(value, TYPES[type]);
}

function run({ op, tensor, scalar }: Case): Tensor {
  const s = scalarOf(scalar);
  if (tensor === null) {
    if (op === 'full') return torch.full([2], s);
    if (op === 'tensor') return torch.tensor([s, s]);
    if (op === 'scalar_tensor') return torch.ops.aten.scalar_tensor(s, {});
    return op === 'arange' ? torch.arange(s) : torch.linspace(0, s, 3);
  }
  const t = torch.tensor([1, 2, 3], { dtype: tensor });
  const values = tensor === 'bool' ? torch.tensor([true, false, true]) : t;
  switch (op) {
    case 'add':
    case 'sub':
    case 'mul':
    case 'div':
    case 'pow':
    case 'remainder':
    case 'eq':
      return (values as unknown as Record<typeof op, (other: Scalar) => Tensor>)[op](s);
    case 'rpow':
      return torch.pow(s, values);
    case 'where':
      return torch.where(values.ne(2), values, s);
    case 'clamp':
      return values.clamp({ min: s });
    case 'fill_':
      return values.fill_(s);
    case 'masked_fill':
      return values.maskedFill(values.eq(1), s);
    case 'set':
      return values.set(s, 0);
    case 'full_like':
      return torch.fullLike(values, s);
    default:
      throw new Error(`no operator ${op}`);
  }
}

function outcome(one: Case): Pick<Case, 'raises' | 'dtype' | 'values'> {
  let result: Tensor;
  try {
    result = run(one);
  } catch (error) {
    if ((error as Error).name !== 'TorchError') throw error;
    return { raises: true };
  }
  const wide = result.to('complex128').dataSync() as Float64Array;
  const values = Array.from({ length: wide.length / 2 }, (_, i) => [wide[2 * i]!, wide[2 * i + 1]!]);
  return { dtype: result.dtype, values: values as never };
}

const operators = [...new Set(scalars.map(({ op }) => op))];

it.each(operators)('%s takes scalars of every type as Python does', (op) => {
  const cases = scalars.filter((one) => one.op === op);
  expect(cases.length).toBeGreaterThan(4);
  withoutLeaks(() => {
    for (const one of cases) {
      const { raises, dtype, values } = one;
      const expected = raises ? { raises } : { dtype, values: values!.map((parts) => parts.map(number)) };
      expect({ one: `${one.tensor} ${one.scalar}`, ...outcome(one) }).toEqual({
        one: `${one.tensor} ${one.scalar}`,
        ...expected,
      });
    }
  });
});

describe('complex numbers', () => {
  it('are { re, im }, passed and given back', () => {
    withoutLeaks(() => {
      const i = { re: 0, im: 1 };
      const t = torch.tensor([{ re: 1, im: 2 }, 3]);
      expect([t.dtype, t.toArray()]).toEqual(['complex64', [{ re: 1, im: 2 }, { re: 3, im: 0 }]]); // prettier-ignore
      expect(t.mul(i).toArray()).toEqual([{ re: -2, im: 1 }, { re: 0, im: 3 }]); // prettier-ignore
      expect(torch.mul(t, t.at(0).item<Complex>()).at(1).item<Complex>()).toEqual({ re: 3, im: 6 });
      expect(torch.ones([1]).mul(i).dtype).toBe('complex64');
      expect(torch.ones([1], { dtype: 'float64' }).mul(i).dtype).toBe('complex128');
      expect(torch.full([1], i).dtype).toBe('complex64');
      expect(torch.full([1], i, { dtype: 'complex128' }).item<Complex>()).toEqual(i);
      expect(torch.tensor(i, { dtype: 'complex128' }).dtype).toBe('complex128');
      expect(t.set({ re: 7, im: 8 }, [1]).at(1).item<Complex>()).toEqual({ re: 7, im: 8 });
      expect(t.add(1, { alpha: i }).at(0).item<Complex>()).toEqual({ re: 1, im: 3 });
      expect(torch.where(torch.tensor([true, false]), t, i).toArray()).toEqual([{ re: 1, im: 2 }, i]);
      expect(torch.ops.aten.fill.Scalar(t, i).toArray()).toEqual([i, i]);
    });
  });

  it('have gradients', () => {
    withoutLeaks(() => {
      const x = torch.tensor([2], { requiresGrad: true });
      torch
        .viewAsReal(x.mul({ re: 3, im: 4 }))
        .sum()
        .backward();
      expect(x.grad!.item()).toBe(7);
    });
  });

  it('do not pass where only real numbers do', () => {
    withoutLeaks(() => {
      const one = { re: 1, im: 1 };
      expect(() => torch.tensor([one], { dtype: 'float32' })).toThrow(
        /\{ re: 1, im: 1 \} does not fit dtype float32/,
      );
      expect(() => torch.ones([2]).fill_(one)).toThrow(/Aten|complex|Complex|overflow/i);
      expect(() => torch.ones([2]).sum(one as never)).toThrow(/'dim': expected .* got \{ re: 1, im: 1 \}/);
      expect(() => torch.ops.call('aten::dropout', [torch.ones([2]), one, true])).toThrow(
        /expected a number/,
      );
      expect(() => torch.ones([2]).add({ re: 1 } as never)).toThrow(/there is no option 're'/);
      expect(() => torch.ones([2]).set({ re: 1 } as never, 0)).toThrow(
        /a complex \{ re, im \}, got an object/,
      );
    });
  });
});

describe('torch.scalar', () => {
  it('tells a float from an integer', () => {
    withoutLeaks(() => {
      const two = torch.scalar(2, 'float64');
      expect(torch.full([2], two).dtype).toBe('float32');
      expect(torch.full([2], torch.scalar(2, 'int64')).dtype).toBe('int64');
      const whole = torch.arange(3);
      expect([whole.add(2).dtype, whole.add(two).dtype]).toEqual(['int64', 'float32']);
      expect(torch.ops.aten.scalar_tensor(torch.scalar(true, 'bool'), {}).dtype).toBe('float32');
      const none = torch.scalar(0, 'float64'); // where a float is wanted, too
      expect(torch.ops.aten.dropout(torch.ones([2]), none as never, true).toArray()).toEqual([1, 1]);
    });
  });

  it('keeps what int64 and float64 hold', () => {
    withoutLeaks(() => {
      const large = torch.scalar(2n ** 62n + 1n, 'int64');
      expect(torch.tensor(0n).add(large).item<bigint>()).toBe(2n ** 62n + 1n);
      expect(torch.tensor([large]).dtype).toBe('int64');
      expect(torch.zeros([1], { dtype: 'float64' }).add(torch.scalar(-0, 'float64')).item()).toBe(0);
      expect(torch.scalar(torch.scalar(2, 'int64'), 'float64').value).toBe(2);
      expect(Object.isFrozen(large)).toBe(true);
    });
  });

  it('works across realms', () => {
    withoutLeaks(() => {
      const mark = "Symbol.for('torch-node.scalar')";
      const foreign = runInNewContext(`({ dtype: 'float64', value: 2, [${mark}]: true })`) as Scalar;
      expect(torch.arange(2).mul(foreign).dtype).toBe('float32');
      expect(torch.ones([1]).mul(runInNewContext('({ re: 0, im: 1 })') as Scalar).dtype).toBe('complex64');
    });
  });

  it.each([
    [1.5, 'int64', /expected an integer/],
    [2n ** 64n, 'int64', /an integer of 64 bits/],
    [{ re: 1, im: 1 }, 'float64', /a number that float64 holds/],
    [1, 'float32', /one of float64, int64, bool, complex128/],
    ['1', 'int64', /a complex \{ re, im \}, got '1'/],
  ])('refuses %p as %s', (value, dtype, message) => {
    expect(() => torch.scalar(value as Scalar, dtype as 'int64')).toThrow(message);
    expect(() => torch.scalar(value as Scalar, dtype as 'int64')).toThrow(torch.TorchError);
  });

  it('is no integer where it is a float', () => {
    withoutLeaks(() => {
      const half = torch.scalar(1, 'float64');
      expect(() => torch.ones([2]).sum(half as never)).toThrow(/got scalar\(1, 'float64'\)/);
      expect(torch.ones([2, 2]).select(torch.scalar(0, 'int64') as never, 0).shape).toEqual([2]);
    });
  });
});
