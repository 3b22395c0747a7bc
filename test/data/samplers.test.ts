// The orders of samplers, splits and loaders are PyTorch's; what data sets are made of others; collation.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import torch, { type Tensor } from 'torch-node';
import { withoutLeaks } from '../support/leaks.js';

const { data } = torch;
const recorded = JSON.parse(
  readFileSync(path.join(__dirname, '../parity/recorded/samplers.json'), 'utf8'),
) as Record<string, [number[], number]>;
const ten = [...Array(10).keys()];
const seeded = (): torch.Generator => new torch.Generator().manualSeed(8);
const ordered = (options: object): number[] =>
  [...new data.DataLoader(ten, { batchSize: 4, shuffle: true, ...options })].flatMap(
    (b) => b.toArray() as number[],
  );

const orders: Record<string, () => Iterable<number>> = {
  random: () => new data.RandomSampler(ten),
  more: () => new data.RandomSampler(ten, { numSamples: 14 }),
  replacement: () => new data.RandomSampler(ten, { replacement: true, numSamples: 40 }),
  generator: () => new data.RandomSampler(ten, { generator: seeded() }),
  subset: () => new data.SubsetRandomSampler([4, 7, 1, 0]),
  weighted: () => new data.WeightedRandomSampler([1, 2, 3], 5),
  weightedWithout: () => new data.WeightedRandomSampler([1, 2, 3], 2, { replacement: false }),
  split: () => data.randomSplit(ten, [0.55, 0.25, 0.2]).flatMap((s) => [s.length, ...s.indices]),
  loader: () => ordered({}),
  loaderGenerator: () => ordered({ generator: seeded() }),
};

it.each(Object.keys(recorded))('%s is as in PyTorch, and draws as much', (name) => {
  withoutLeaks(() => {
    torch.manualSeed(3);
    expect([[...orders[name]!()], torch.rand([1]).item()]).toEqual(recorded[name]);
  });
});

it('batch samplers know their length', () => {
  expect([...new data.BatchSampler(ten, 4, false)]).toEqual([
    [0, 1, 2, 3],
    [4, 5, 6, 7],
    [8, 9],
  ]);
  expect([new data.BatchSampler(ten, 4, false).length, new data.BatchSampler(ten, 4, true).length]).toEqual([
    3, 2,
  ]);
  expect(() => new data.BatchSampler(ten, 1.5, true)).toThrow(/batchSize/);
});

it('data sets of data sets', () => {
  const letters = ['a', 'b', 'c'];
  const all = new data.ConcatDataset([letters, new data.Subset(letters, [2, 0])]);
  expect(Array.from({ length: all.length }, (_, i) => all.get(i))).toEqual(['a', 'b', 'c', 'c', 'a']);
  expect(() => all.get(5)).toThrow(/no sample 5: expected a whole number from 0 to 4/);
  const beside = new data.StackDataset({ all, again: all });
  expect(beside.get(3)).toEqual({ all: 'c', again: 'c' });
  expect(() => new data.StackDataset([all, new data.Subset(letters, [1])])).toThrow(/one length/);
  expect(() => new data.TensorDataset(torch.zeros([2]), torch.zeros([3]))).toThrow(/one first size/);
  expect(() => data.randomSplit(letters, [1, 1])).toThrow(/sum up to 2, the data set has 3/);
});

it('collates by kind', () => {
  withoutLeaks(() => {
    const sample = (i: number) => ({
      ...{
        t: torch.full([2], i),
        n: i,
        f: i + 0.5,
        b: i > 0,
        big: BigInt(i),
        s: `s${i}`,
        typed: torch.scalar(i, 'float64'),
      },
      ...{ list: [i, [i]], map: new Map([['k', i]]), array: Float32Array.of(i, i) },
    });
    const batch = data.defaultCollate([sample(0), sample(1)]);
    const dtypes = (['t', 'n', 'f', 'b', 'big', 'typed', 'array'] as const).map(
      (key) => (batch[key] as Tensor).dtype,
    );
    expect(dtypes).toEqual(['float32', 'int64', 'float64', 'bool', 'int64', 'float64', 'float32']);
    expect(batch.s).toEqual(['s0', 's1']);
    expect((batch.list[1] as Tensor[])[0]!.toArray()).toEqual([0, 1]);
    expect(batch.map.get('k')!.toArray()).toEqual([0, 1]);
    expect(batch.t.shape).toEqual([2, 2]);
    expect(batch.array.toArray()).toEqual([[0, 0], [1, 1]]); // prettier-ignore
  });
  expect(() => data.defaultCollate([[1], [1, 2]])).toThrow(/sample 1 of the batch/);
  expect(() => data.defaultCollate([{ a: 1 }, { b: 1 }] as object[])).toThrow(
    /the first is an object with the keys a/,
  );
  expect(() => data.defaultCollate([{ a: [() => 1] }])).toThrow(/at \.a\[0\]: .*got a function/);
});
