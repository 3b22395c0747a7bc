// The one walker of nested values, and all that use it, over values that a generator makes.
import { types } from 'node:util';
import vm from 'node:vm';
import torch, { data, isTensor, optim, type Tensor } from 'torch-node';
import { flatten, leaves, map, visit } from '../../lib/core/tree.js';
import { tagged, untagged } from '../../lib/operators/taggedValues.js';
import { pack, unpack } from '../../lib/data/loader/messages.js';
import { share, unshare } from '../../lib/data/loader/source.js';
import { takeApart } from '../../lib/program/structure.js';
import { handleOf } from '../../lib/core/handles.js';

type Draw = (below: number) => number;

/** Whole numbers below a bound, the same for the same seed. */
function drawsOf(seed: number): Draw {
  let x = seed;
  return (below) => {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    return (x >>> 8) % below;
  };
}

const NAMES = ['a', 'b', 'constructor', '__proto__', 'length', 'then', '0'];

/** Nested arrays, Maps, Sets and objects, of this realm and of another, with leaves that a function makes. */
function nested(draw: Draw, leaf: () => unknown, kinds = 4, depth = 0): unknown {
  const kind = depth > 3 ? kinds : draw(kinds + 2);
  const items = Array.from({ length: draw(4) }, () => (): unknown => nested(draw, leaf, kinds, depth + 1));
  const names = items.map((_, i) => NAMES[(i * 2 + draw(2)) % NAMES.length]!);
  if (kind === 0) return items.map((make) => make());
  if (kind === 1) {
    const object = draw(2) === 0 ? {} : (vm.runInNewContext('({})') as object);
    items.forEach((make, i) =>
      Object.defineProperty(object, names[i]!, {
        value: make(),
        enumerable: true,
        configurable: true,
        writable: true,
      }),
    );
    return object;
  }
  if (kind === 2 && kinds > 2)
    return new Map(items.map((make, i) => [draw(2) === 0 ? i : `key ${i}`, make()]));
  if (kind === 3 && kinds > 3) return new Set(items.map((make) => make()));
  return leaf();
}

/** A nested value in words, to compare two of them by. */
function words(value: unknown): string {
  if (isTensor(value)) return `tensor ${[...value.dataSync()].join()} of ${value.dtype}`;
  if (Array.isArray(value)) return `[${value.map(words).join()}]`;
  if (types.isMap(value))
    return `Map(${[...value].map(([key, item]) => `${words(key)}: ${words(item)}`).join()})`;
  if (types.isSet(value)) return `Set(${[...value].map(words).join()})`;
  if (typeof value === 'object' && value !== null)
    return `{${Object.entries(value)
      .map(([name, item]) => `${name}: ${words(item)}`)
      .join()}}`;
  return typeof value === 'string' ? `'${value}'` : String(value);
}

const SEEDS = Array.from({ length: 60 }, (_, i) => i + 1);
const isNumber = (value: unknown): value is number => typeof value === 'number';

describe('a walk over nested values', () => {
  it.each(SEEDS)('copies, counts, takes apart and puts together value %i', (seed) => {
    let count = 0;
    const value = nested(drawsOf(seed), () => count++);
    const text = words(value);
    const copy = map(value, (leaf) => leaf);
    expect(words(copy)).toBe(text);
    const seen: unknown[] = [];
    visit(value, (one) => {
      seen.push(one);
      return true;
    });
    const copied = new Set<unknown>();
    visit(copy, (one) => {
      copied.add(one);
      return true;
    });
    for (const one of seen) expect(copied.has(one)).toBe(false);
    expect(leaves(value, isNumber)).toHaveLength(count);
    const found: number[] = [];
    const structure = flatten(value, found, isNumber, () => null);
    expect(found).toEqual(leaves(value, isNumber));
    const left = [...found];
    expect(words(structure(() => left.shift()!))).toBe(text);
    // With as many other leaves the structure is the same, and those are where the old ones were.
    let next = 0;
    expect(
      leaves(
        structure(() => 100 + next++),
        isNumber,
      ),
    ).toEqual(found.map((_, i) => 100 + i));
  });

  it('says where a value contains itself, and stops at a depth', () => {
    const around: Record<string, unknown> = { list: [1] };
    (around['list'] as unknown[]).push(new Map([['up', around]]));
    const walks: [() => unknown, RegExp][] = [
      [
        () => map(around, (leaf) => leaf, { where: 'here' }),
        /^here: \.list\[1\]\.get\('up'\) contains itself$/,
      ],
      [() => leaves(around), /contains itself/],
      [() => flatten(around, [], isNumber, () => null), /contains itself/],
      [() => takeApart({ loss: around }, []), /compileStep: what the step gives/],
      [() => share(around), /^DataLoader: .* contains itself/],
      [() => pack(around), /^DataLoader: .* contains itself/],
      [() => tagged(around), /^arguments: .* contains itself/],
      [() => data.defaultCollate([around]), /contains itself/],
    ];
    for (const [walk, message] of walks) {
      expect(walk).toThrow(message);
      expect(walk).toThrow(expect.objectContaining({ name: 'TorchError' }));
    }
    let deep: unknown = 1;
    for (let i = 0; i < 100_000; i++) deep = [deep];
    expect(() => map(deep, (leaf) => leaf)).toThrow(/more than 500 levels deep/);
    // What is there twice, one beside the other, is no circle.
    const twice = [1];
    expect(words(map([twice, { twice }], (leaf) => leaf))).toBe('[[1],{twice: [1]}]');
    // A scope looks through any of these.
    expect(torch.scope(() => [around, deep])[0]).toBe(around);
  });

  it('takes objects of classes for leaves unless it is told to enter them', () => {
    class Point {
      constructor(
        readonly x: number,
        readonly y: number,
      ) {}
    }
    const point = new Point(1, 2);
    const date = new Date(0);
    const bytes = new Uint8Array(2);
    const value = { point, list: [date, bytes, Math] };
    const copy = map(value, (leaf) => leaf) as typeof value;
    expect(copy).not.toBe(value);
    expect(copy.point).toBe(point);
    expect(copy.list).toEqual([date, bytes, Math]);
    expect(leaves(point, isNumber)).toEqual([]);
    expect(leaves({ point, date, bytes }, isNumber, { instances: true })).toEqual([1, 2]);
  });
});

describe('what walks over nested values', () => {
  const tensor = (count: number): Tensor => torch.tensor([count, -count]);

  it.each(SEEDS)('keeps tensors and structure of value %i', (seed) => {
    torch.scope(() => {
      let count = 0;
      const draw = drawsOf(seed);
      const value = nested(draw, () => (draw(3) === 0 ? 'text' : tensor(count++)));
      const text = words(value);
      expect(words(unpack(pack(value)))).toBe(text);
      expect(words(unshare(structuredClone(share(value))))).toBe(text);
      expect(words(torch.scope(() => map(value, (leaf) => (isTensor(leaf) ? leaf.clone() : leaf))))).toBe(
        text,
      );
      const live = torch.memory().tensors;
      torch.scope(() => {
        // What a scope gives away outlives it, wherever it lies.
        const kept = torch.scope(() => map(value, (leaf) => (isTensor(leaf) ? leaf.clone() : leaf)));
        expect(words(kept)).toBe(text);
      });
      expect(torch.memory().tensors).toBe(live);
    });
  });

  it.each(SEEDS)('compiles a step that gives value %i', (seed) => {
    torch.scope(() => {
      const x = torch.tensor([1, 2]);
      const make = (from: Tensor): unknown => nested(drawsOf(seed), () => from.mul(2).add(1), 4);
      const program = torch.compileStep((from: Tensor) => ({ all: make(from) }) as never, [x], {
        exact: true,
      });
      const other = torch.tensor([5, 7]);
      expect(words(program.run(other))).toBe(words({ all: make(other) }));
      program.dispose();
    });
  });

  it.each(SEEDS)('passes value %i to the native side and back, dictionaries as Maps', (seed) => {
    torch.scope(() => {
      let count = 0;
      const value = nested(drawsOf(seed), () => tensor(count++), 3);
      const made: Tensor[] = [];
      const handles = new Map<number, Tensor>();
      for (const one of leaves(value, isTensor)) handles.set(one[handleOf], one);
      const wrap = (handle: number): Tensor => handles.get(handle)!;
      const back = untagged(tagged(value), { tensor: wrap, object: wrap });
      expect(made).toEqual([]);
      expect(leaves(back, isTensor)).toEqual(leaves(value, isTensor));
      expect(words(back)).toBe(words(asMaps(value)));
    });
  });

  it.each(SEEDS)('collates samples like value %i', (seed) => {
    torch.scope(() => {
      const sample = (factor: number): unknown => {
        let count = 0;
        return nested(drawsOf(seed), () => tensor(factor * count++), 3);
      };
      const [one, two] = [sample(1), sample(10)];
      const batch = data.defaultCollate([one, two]);
      const rows = leaves(batch, isTensor).map((stacked) => [...stacked.dataSync()]);
      const [first, second] = [leaves(one, isTensor), leaves(two, isTensor)];
      expect(rows).toEqual(first.map((each, i) => [...each.dataSync(), ...second[i]!.dataSync()]));
      expect(words(map(batch, (leaf) => (isTensor(leaf) ? leaf.select(0, 0) : leaf)))).toBe(words(one));
    });
  });

  it('refuses a batch of what has no items to put together', () => {
    for (const sample of [new Set([1]), Promise.resolve(1), new Date(0), null, undefined])
      expect(() => data.defaultCollate([sample])).toThrow(/^defaultCollate: a batch is made of tensors/);
  });

  it('keeps nested state of an optimizer', () => {
    const p = new torch.nn.Parameter(torch.tensor([1, 2]));
    const lbfgs = new optim.LBFGS([p], { lr: 0.1, maxIter: 4 });
    lbfgs.step(() => {
      lbfgs.zeroGrad();
      const loss = p.pow(4).sum();
      loss.backward();
      return loss;
    });
    const other = new optim.LBFGS([new torch.nn.Parameter(torch.tensor([1, 2]))]);
    other.loadStateDict(lbfgs.stateDict());
    expect(words(other.stateDict().state)).toBe(words(lbfgs.stateDict().state));
  });
});

// Plain objects as the Maps that the native side gives for them.
function asMaps(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(asMaps);
  if (types.isMap(value)) return new Map([...value].map(([key, item]) => [key, asMaps(item)]));
  if (typeof value !== 'object' || value === null || isTensor(value)) return value;
  return new Map(Object.entries(value).map(([name, item]) => [name, asMaps(item)]));
}
