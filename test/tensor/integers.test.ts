// Integers at and beyond the ends of dtypes, wherever numbers enter: recorded by test/parity/recordIntegers.py, and made again
// where there is Python. Nothing wraps that Python refuses; and where Python takes what a number wraps to (in comparisons and
// divisions, and negative numbers for unsigned dtypes in torch.tensor) it is refused.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import torch, { type DType, type Scalar, type Tensor } from 'torch-node';
import { loadKept, noPython, python } from '../parity/support.js';
import { itWhen } from '../support/skip.js';
import { withoutLeaks } from '../support/leaks.js';

type Case = readonly [
  operation: string,
  dtype: DType,
  value: string,
  outcome: string | readonly string[] | null,
];
const { cases } = loadKept<{ cases: readonly Case[] }>('integers');

const RANGES: Partial<Record<DType, readonly [low: bigint, high: bigint]>> = {
  uint8: [0n, 2n ** 8n - 1n], int8: [-(2n ** 7n), 2n ** 7n - 1n], int16: [-(2n ** 15n), 2n ** 15n - 1n],
  int32: [-(2n ** 31n), 2n ** 31n - 1n], int64: [-(2n ** 63n), 2n ** 63n - 1n], uint16: [0n, 2n ** 16n - 1n],
  uint32: [0n, 2n ** 32n - 1n], uint64: [0n, 2n ** 64n - 1n],
}; // prettier-ignore

const OPERATIONS: Record<string, (t: Tensor, value: Scalar) => unknown> = {
  tensor: (t, v) => torch.tensor([v], { dtype: t.dtype }),
  full: (t, v) => torch.full([1], v, { dtype: t.dtype }),
  full_like: (t, v) => torch.fullLike(t, v),
  new_full: (t, v) => t.newFull([1], v),
  fill_: (t, v) => t.fill_(v),
  set: (t, v) => t.set(v, 0),
  masked_fill: (t, v) => t.maskedFill(torch.tensor([true, false, true]), v),
  index_fill: (t, v) => t.indexFill(0, torch.tensor([1n]), v),
  clamp: (t, v) => t.clamp({ max: v }),
  eq: (t, v) => t.eq(v),
  lt: (t, v) => t.lt(v),
  add: (t, v) => t.add(v),
  mul: (t, v) => t.mul(v),
  floor_divide: (t, v) => t.floorDivide(v),
  remainder: (t, v) => t.remainder(v),
  item: (t, v) => torch.tensor([v], { dtype: t.dtype }).item(),
};
/** Those that take a number as it is, or not at all. */
const AS_IT_IS = new Set(['tensor', 'item', 'eq', 'lt', 'floor_divide', 'remainder']);

function expected([operation, dtype, value, outcome]: Case): Case[3] {
  const range = RANGES[dtype];
  const beyond = range !== undefined && (BigInt(value) < range[0] || BigInt(value) > range[1]);
  return beyond && AS_IT_IS.has(operation) ? null : outcome;
}

/** As Python's text of a value says; floats by their values. */
function same(ours: unknown, text: string): boolean {
  if (typeof ours === 'boolean') return String(ours) === text;
  if (!/^-?\d+$/.test(text)) return Object.is(ours, Number(text.replace('inf', 'Infinity')));
  return (typeof ours === 'bigint' || Number.isInteger(ours)) && BigInt(ours as number) === BigInt(text);
}

function differs(one: Case): string | undefined {
  const [operation, dtype, value] = one;
  const wanted = expected(one);
  const shown = `${operation} ${dtype} ${value}`;
  let result: unknown;
  try {
    const t = torch.tensor([0, 1, 44]).to(dtype);
    result = OPERATIONS[operation]!(t, BigInt(value));
    if (torch.isTensor(result)) result = result.toArray();
  } catch (error) {
    if ((error as Error).name !== 'TorchError') throw error;
    return wanted === null ? undefined : `${shown}: ${(error as Error).message}`;
  }
  if (wanted === null) return `${shown}: gives ${String(result)}, Python refuses`;
  const [ours, theirs] = [[result].flat(), [wanted].flat()];
  const alike = ours.length === theirs.length && ours.every((each, i) => same(each, theirs[i]!));
  return alike ? undefined : `${shown}: gives ${String(result)}, Python ${String(wanted)}`;
}

it.each(Object.keys(OPERATIONS))('%s', (operation) => {
  withoutLeaks(() => {
    // Python's t[0] = value reads 64 bits with a sign, for whichever dtype; fill_ does not.
    const own = cases.filter(
      ([name, , value]) => name === operation && (name !== 'set' || BigInt(value) < 2n ** 63n),
    );
    expect(own.length).toBeGreaterThan(250);
    expect(own.map(differs).filter((difference) => difference !== undefined)).toEqual([]);
  });
});

itWhen(python !== undefined, noPython)('Python says the same now', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'torch-node-integers-'));
  try {
    const script = path.join(__dirname, '../parity/recordIntegers.py');
    const ended = spawnSync(python!, [script, '--out', folder], { encoding: 'utf8' });
    expect(ended.stderr).toBe('');
    const { cases: now } = JSON.parse(readFileSync(path.join(folder, 'integers.json'), 'utf8')) as {
      cases: Case[];
    };
    expect(now).toEqual(cases);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

describe('numbers and bigints', () => {
  it('wrap nowhere', () => {
    withoutLeaks(() => {
      for (const [run, says] of [
        [() => torch.tensor([2n ** 63n]), /9223372036854775808 does not fit dtype int64: .* from -2\^63 to 2\^63 - 1/],
        [() => torch.tensor(-(2n ** 63n) - 1n), /does not fit dtype int64/],
        [() => torch.tensor([2n ** 64n], { dtype: 'uint64' }), /does not fit dtype uint64/],
        [() => torch.tensor([2 ** 53], { dtype: 'int64' }), /a bigint beyond 2\^53/],
        [() => torch.full([1], 2n ** 64n), /from -2\^63 to 2\^64 - 1/],
        [() => torch.full([1], 2n ** 63n), /overflow/],
        [() => torch.zeros([1]).add(2n ** 64n), /from -2\^63 to 2\^64 - 1/],
        [() => torch.zeros([1], { dtype: 'uint8' }).eq(256), /eq.*256 is beyond what a tensor of uint8 holds.*to\('int64'\)/],
        [() => torch.manualSeed(2n ** 64n), /from -2\^63 to 2\^64 - 1/],
        [() => torch.zeros([2n ** 64n as unknown as number]), /integer of 64 bits/],
      ] as const)
        expect(run).toThrow(says); // prettier-ignore
    });
  });

  it('of uint64 go both ways', () => {
    withoutLeaks(() => {
      const ends = [0n, 2n ** 53n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n];
      const t = torch.tensor(ends, { dtype: 'uint64' });
      expect(t.toArray()).toEqual([0, 2n ** 53n, ...ends.slice(2)]);
      ends.forEach((value, i) => {
        expect(BigInt(t.at(i).item())).toBe(value);
        expect(t.eq(value).toArray()).toEqual(ends.map((each) => each === value));
        expect(BigInt(torch.full([], value, { dtype: 'uint64' }).item())).toBe(value);
        expect(BigInt(torch.zeros([], { dtype: 'uint64' }).fill_(value).item())).toBe(value);
      });
      expect(String(t.at(-1))).toBe('tensor(18446744073709551615, dtype=uint64)');
    });
  });

  it('bigints make int64, booleans bool, numbers float32', () => {
    withoutLeaks(() => {
      expect([2n ** 60n, 1n, true, 1, 1.5].map((value) => torch.full([1], value).dtype)).toEqual(
        ['int64', 'int64', 'bool', 'float32', 'float32'], // prettier-ignore
      );
      expect(torch.full([1], 2n ** 60n).item()).toBe(2n ** 60n);
    });
  });

  it('seeds have 64 bits', () => {
    withoutLeaks(() => {
      const drawn = (seed: bigint): unknown => { torch.manualSeed(seed); return torch.rand([1]).item(); }; // prettier-ignore
      expect(drawn(2n ** 64n - 1n)).toBe(drawn(-1n));
      expect(new torch.Generator().manualSeed(2n ** 63n)).toBeDefined();
    });
  });
});

// The least integer by -1, rounded to zero: libtorch ends the process. Rounded down it wraps, as all integers do.
describe('the least integer divided by -1', () => {
  const forms: Record<string, (a: Tensor, b: Tensor) => Tensor> = {
    'div by a tensor': (a, b) => a.div(b, { roundingMode: 'trunc' }),
    'div in place': (a, b) => a.clone().div_(b, { roundingMode: 'trunc' }),
    'div with out': (a, b) => torch.div(a, b, { roundingMode: 'trunc', out: torch.empty([3], { dtype: a.dtype }) }),
    divide: (a, b) => a.divide(b, { roundingMode: 'trunc' }),
    'ops.div': (a, b) => torch.ops.aten.div.Tensor_mode(a, b, { roundingMode: 'trunc' }),
    'an expanded divisor': (a, b) => a.div(b.at(0).expand([3]), { roundingMode: 'trunc' }),
    'a divisor of 0 dimensions': (a, b) => a.div(b.at(0), { roundingMode: 'trunc' }),
    'div by a number': (a) => a.div(-1, { roundingMode: 'trunc' }),
    'div_ by a number': (a) => a.clone().div_(-1, { roundingMode: 'trunc' }),
    'ops.div by a number': (a) => torch.ops.aten.div.Scalar_mode(a, -1, { roundingMode: 'trunc' }),
    'div rounded down': (a, b) => a.div(b, { roundingMode: 'floor' }),
    floorDivide: (a, b) => a.floorDivide(b),
    'floorDivide by a number': (a) => a.floorDivide(-1),
    'a dividend of another dtype': (a, b) => a.div(b.to('int8'), { roundingMode: 'trunc' }),
    'not contiguous': (a, b) => torch.stack([a, a], 1).select(1, 0).div(b, { roundingMode: 'trunc' }),
  }; // prettier-ignore
  const remainders: Record<string, (a: Tensor, b: Tensor) => Tensor> = {
    remainder: (a, b) => a.remainder(b),
    'remainder by a number': (a) => a.remainder(-1),
    'remainder in place': (a, b) => a.clone().remainder_(b),
    fmod: (a, b) => a.fmod(b),
    'fmod by a number': (a) => a.fmod(-1),
  };
  const dtypes = { int8: 7n, int16: 15n, int32: 31n, int64: 63n } as const;

  it.each(Object.keys(dtypes) as (keyof typeof dtypes)[])('%s', (dtype) => {
    withoutLeaks(() => {
      const least = -(2n ** dtypes[dtype]);
      const a = torch.tensor([least, 7n, -7n], { dtype });
      const b = torch.tensor([-1n, -1n, -1n], { dtype });
      const plain = (t: Tensor): bigint[] => (t.toArray() as (number | bigint)[]).map(BigInt);
      for (const [name, run] of Object.entries(forms)) expect([name, plain(run(a, b))]).toEqual([name, [least, -7n, 7n]]);
      for (const [name, run] of Object.entries(remainders)) expect([name, plain(run(a, b))]).toEqual([name, [0n, 0n, 0n]]);
      const mixed = a.div(torch.tensor([-1n, 2n, 2n], { dtype }), { roundingMode: 'trunc' });
      expect([mixed.dtype, plain(mixed)]).toEqual([dtype, [least, 3n, -3n]]);
      const broadcast = a.reshape(3, 1).div(torch.tensor([-1n, 3n], { dtype }), { roundingMode: 'trunc' });
      expect(broadcast.shape).toEqual([3, 2]);
      expect(() => a.div(0, { roundingMode: 'trunc' })).toThrow(/ZeroDivision/);
      expect(() => a.at(0).clone().div_(b, { roundingMode: 'trunc' })).toThrow(/doesn't match the broadcast shape/);
    });
  }); // prettier-ignore
});
