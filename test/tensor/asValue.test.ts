// What JavaScript does with objects that it takes for values, done to tensors: each works as one would expect, or throws and
// says what to write.
import assert from 'node:assert';
import { isDeepStrictEqual } from 'node:util';
import { MessageChannel } from 'node:worker_threads';
import torch, { nn, type DType } from 'torch-node';
import { withoutLeaks } from '../support/leaks.js';

// Nothing of this compiles for tensors.
type Loose = any; // eslint-disable-line @typescript-eslint/no-explicit-any -- as a JavaScript user writes
/* eslint-disable @typescript-eslint/no-unsafe-return, @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-call -- see above */
const loose = (value: unknown): Loose => value;

describe("operators of JavaScript's", () => {
  const one = (value: number | bigint | boolean, dtype?: DType): Loose =>
    loose(torch.tensor(value as number, dtype === undefined ? {} : { dtype }));
  const works: Record<string, readonly [() => unknown, unknown]> = {
    '3 > 2': [() => one(3) > 2, true],
    '3 < 2': [() => one(3) < 2, false],
    '3 >= tensor': [() => 3 >= one(3), true],
    'two tensors': [() => one(3) > one(2), true],
    '== a number': [() => one(3) == 3, true],
    'x * x': [() => one(3) * one(3), 9],
    'x + 1': [() => one(3) + 1, 4],
    '1 - x': [() => 1 - one(3), -2],
    '-x': [() => -one(3), -3],
    'Number(x)': [() => Number(one(2.5)), 2.5],
    'Math.max': [() => Math.max(one(2.5), 1), 2.5],
    'text + x': [() => 'loss: ' + one(2.5), 'loss: 2.5'],
    'a template': [() => `${one(2.5)}`, 'tensor(2.5000)'],
    'int64': [() => one(3n) + 1, 4],
    'a bigint': [() => one(2n ** 60n) > 2, true],
    'bool': [() => one(true) > 0, true],
    'float16': [() => one(0.5, 'float16') * 2, 1],
    'one element in dimensions': [() => loose(torch.full([1, 1], 3)) > 2, true],
    'a tensor with a graph': [() => loose(torch.ones([1], { requiresGrad: true }).mul(2).sum()) < 3, true],
    'a Parameter': [() => loose(new nn.Parameter(torch.ones([1]))) + 1, 2],
    'toFixed': [() => Number(one(0.126)).toFixed(2), '0.13'],
    'sorted': [() => [one(3), one(1), one(2)].sort((a, b) => a - b).map(Number), [1, 2, 3]],
  }; // prettier-ignore

  it.each(Object.keys(works))('%s', (name) => {
    withoutLeaks(() => expect(works[name]![0]()).toEqual(works[name]![1]));
  });

  const many = (): Loose => loose(torch.ones([2]));
  const throws: Record<string, readonly [() => unknown, RegExp]> = {
    'x > 2': [() => many() > 2, /only a tensor of one element.*float32 \[2\].*x\.gt\(y\)/],
    'x * x': [() => many() * many(), /x\.mul\(y\)/],
    'x + 1': [() => many() + 1, /x\.add\(y\)/],
    "'' + x": [() => '' + many(), /String\(x\)/],
    '== of two': [() => many() == 1, /only a tensor of one element/],
    'no element': [() => loose(torch.empty([0])) > 1, /only a tensor of one element.*\[0\]/],
    'complex': [() => loose(torch.tensor({ re: 1, im: 2 })) * 2, /a complex tensor is no number/],
    'released': [() => { const x = many(); x.dispose(); return x > 1; }, /released/],
    'x[0]': [() => many()[0], /x\.at\(0\)/],
    'x[63]': [() => many()[63], /x\.at\(63\)/],
    'x[0] = 5': [() => { many()[0] = 5; }, /x\.set\(value, 0\)/],
    "x['1']": [() => many()['1'], /x\.at\(1\)/],
    'structuredClone': [() => structuredClone(many()), /a Tensor is not cloned.*torch\.send\(x\).*could not be cloned/],
    'structuredClone of what holds one': [() => structuredClone({ loss: many() }), /a Tensor is not cloned/],
    'structuredClone of a Parameter': [() => structuredClone(new nn.Parameter(many())), /a Tensor is not cloned/],
    'JSON of integers beyond 2^53': [() => JSON.stringify(torch.tensor([2n ** 60n])), /cannot be written as JSON/],
    'JSON of a released tensor': [() => { const x = many(); x.dispose(); return JSON.stringify({ x }); }, /released/],
  }; // prettier-ignore

  it.each(Object.keys(throws))('%s is refused', (name) => {
    withoutLeaks(() => expect(throws[name]![0]).toThrow(throws[name]![1]));
  });

  it('postMessage refuses tensors too', () => {
    const { port1, port2 } = new MessageChannel();
    expect(() => port1.postMessage(torch.ones([2]))).toThrow(/torch\.send\(x\)/);
    port1.close();
    port2.close();
  });
});

it('JSON has nested arrays', () => {
  withoutLeaks(() => {
    const rows = torch.tensor([[1, 2.5], [NaN, -1]]); // prettier-ignore
    expect(JSON.stringify({ loss: torch.tensor(0.5), rows, on: torch.tensor([true, false]) })).toBe(
      '{"loss":0.5,"rows":[[1,2.5],[null,-1]],"on":[true,false]}',
    );
    expect(JSON.stringify([torch.tensor([3n]), torch.tensor({ re: 1, im: 2 })])).toBe(
      '[[3],{"re":1,"im":2}]',
    );
    expect(JSON.stringify(torch.ones([1], { requiresGrad: true }))).toBe('[1]');
  });
});

it('T reverses the dimensions, and back', () => {
  withoutLeaks(() => {
    const x = torch.tensor([[1, 2, 3], [4, 5, 6]], { requiresGrad: true }); // prettier-ignore
    expect(x.T.toArray()).toEqual([[1, 4], [2, 5], [3, 6]]); // prettier-ignore
    expect([torch.ones([2, 3, 4]).T.shape, torch.ones([2]).T.shape, torch.tensor(1).T.shape]).toEqual([
      [4, 3, 2],
      [2],
      [],
    ]);
    expect(x.T.T).toBe(x);
    x.T.at(0).sum().backward();
    expect(x.grad!.toArray()).toEqual([[1, 0, 0], [1, 0, 0]]); // prettier-ignore
    const t = torch.scope(() => torch.ones([2, 3]).T);
    expect(t.T.shape).toEqual([2, 3]);
  });
});

describe('deep comparison is by dtype, device, shape and values', () => {
  const pairs: Record<string, readonly [() => unknown, () => unknown, boolean]> = {
    'equal ones': [() => torch.ones([2]), () => torch.ones([2]), true],
    'other values': [() => torch.ones([2]), () => torch.zeros([2]), false],
    'equal numbers': [() => torch.tensor(1), () => torch.tensor(1), true],
    'other numbers': [() => torch.tensor(1), () => torch.tensor(2), false],
    'one value of many': [() => torch.zeros([20, 20]), () => torch.zeros([20, 20]).set(1, 19, 19), false],
    'another dtype': [() => torch.ones([2]), () => torch.ones([2], { dtype: 'float64' }), false],
    'another shape': [() => torch.ones([2]), () => torch.ones([3]), false],
    'more dimensions': [() => torch.ones([2]), () => torch.ones([2, 1]), false],
    'a view': [() => torch.ones([2, 3]).t(), () => torch.ones([3, 2]), true],
    'NaN': [() => torch.tensor([NaN]), () => torch.tensor([NaN]), true],
    'Parameters': [() => new nn.Parameter(torch.ones([2])), () => new nn.Parameter(torch.ones([2])), true],
    'other Parameters': [() => new nn.Parameter(torch.ones([2])), () => new nn.Parameter(torch.zeros([2])), false],
    'objects': [() => ({ loss: torch.ones([2]) }), () => ({ loss: torch.ones([2]) }), true],
    'other objects': [() => ({ loss: torch.ones([2]) }), () => ({ loss: torch.zeros([2]) }), false],
    'arrays': [() => [torch.ones([2]), 1], () => [torch.zeros([2]), 1], false],
    'Maps': [() => new Map([['x', torch.ones([2])]]), () => new Map([['x', torch.zeros([2])]]), false],
    'Sets': [() => new Set([torch.ones([2])]), () => new Set([torch.zeros([2])]), false],
    'meta tensors': [() => torch.ones([2], { device: 'meta' }), () => torch.ones([3], { device: 'meta' }), false],
    'a released tensor': [() => { const x = torch.ones([2]); x.dispose(); return x; }, () => torch.ones([2]), false],
    'no tensor': [() => torch.ones([2]), () => ({}), false],
  }; // prettier-ignore

  it.each(Object.keys(pairs))('%s', (name) => {
    const [first, second, equal] = pairs[name]!;
    const [a, b] = [first(), second()];
    const outcome = (run: () => void): boolean => {
      try {
        run();
        return true;
      } catch {
        return false;
      }
    };
    expect({
      toEqual: outcome(() => expect(a).toEqual(b)),
      toStrictEqual: outcome(() => expect(a).toStrictEqual(b)),
      nested: outcome(() => expect({ x: [a] }).toEqual({ x: [b] })),
      toContainEqual: outcome(() => expect([a]).toContainEqual(b)),
      deepStrictEqual: outcome(() => assert.deepStrictEqual(a, b)),
      isDeepStrictEqual: isDeepStrictEqual(a, b),
    }).toEqual({
      toEqual: equal,
      toStrictEqual: equal,
      nested: equal,
      toContainEqual: equal,
      deepStrictEqual: equal,
      isDeepStrictEqual: equal,
    });
    for (const same of [a, b]) {
      expect(same).toEqual(same);
      assert.deepStrictEqual(same, same);
    }
  });
});
