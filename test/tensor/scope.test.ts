import { setTimeout as sleep } from 'node:timers/promises';
import torch, { type Tensor } from 'torch-node';
import { liveTensors as live } from '../support/leaks.js';

// What test files before this one left behind in the process is collected only once the event loop has turned.
beforeEach(async () => {
  for (let i = 0; i < 5; i++) {
    live();
    await sleep(10);
  }
});

describe('scope', () => {
  it('releases what was made inside, and returns what is returned', () => {
    const before = live();
    let inside: Tensor | undefined;
    const result = torch.scope(() => {
      inside = torch.ones([2]);
      return inside.add(1);
    });
    expect(inside!.disposed).toBe(true);
    expect(result.toArray()).toEqual([2, 2]);
    expect(live()).toBe(before + 1);
    result.dispose();
    expect(live()).toBe(before);
  });

  it('returns nested structures whole', () => {
    const before = live();
    class Pair {
      constructor(public a: Tensor) {}
    }
    const result = torch.scope(() => ({
      list: [torch.ones([1]), { deep: torch.ones([1]) }],
      map: new Map([['x', torch.ones([1])]]),
      set: new Set([torch.ones([1])]),
      object: new Pair(torch.ones([1])),
      plain: 7,
    }));
    expect(live()).toBe(before + 5);
    const all = [
      result.list[0],
      (result.list[1] as { deep: Tensor }).deep,
      result.map.get('x'),
      [...result.set][0],
      result.object.a,
    ] as Tensor[];
    for (const tensor of all) expect(tensor.item()).toBe(1);
    for (const tensor of all) tensor.dispose();
    expect(live()).toBe(before);
  });

  it('finds tensors however deep and however often, and not behind views or in private', () => {
    const before = live();
    interface Node {
      tensor: Tensor;
      next: Node | undefined;
    }
    const first = torch.scope(() => {
      let list: Node | undefined;
      for (let i = 0; i < 20_000; i++)
        list = { tensor: i % 1000 === 0 ? torch.full([1], i) : list!.tensor, next: list };
      const ring = { list: list!, self: undefined as unknown, numbers: new Float32Array(1_000_000) };
      ring.self = ring;
      return ring;
    });
    expect(live()).toBe(before + 20);
    for (let node: Node | undefined = first.list; node !== undefined; node = node.next) node.tensor.dispose();
    class Sealed {
      readonly #inner = torch.ones([1]);
      readonly #kept = torch.ones([1]).keep();
      get both(): Tensor[] {
        return [this.#inner, this.#kept];
      }
    }
    const sealed = torch.scope(() => new Sealed());
    expect(sealed.both.map((each) => each.disposed)).toEqual([true, false]);
    sealed.both[1]!.dispose();
    class Named extends Map<Tensor, Tensor> {
      constructor(readonly extra: Tensor) {
        super();
      }
    }
    const map = torch.scope(() => {
      const out = new Named(torch.ones([1]));
      return out.set(torch.ones([1]), torch.ones([1]));
    });
    const all = [map.extra, ...[...map].flat()];
    expect(all.map((each) => each.disposed)).toEqual([false, false, false]);
    for (const each of all) each.dispose();
    expect(live()).toBe(before);
  });

  it('stays open for promises inside what it returns', async () => {
    const before = live();
    const work = async (ms: number): Promise<{ sum: Tensor }> => {
      const a = torch.full([2], ms);
      await sleep(ms);
      const b = a.add(1); // a belongs to the scope, which has returned long ago
      await sleep(ms);
      return { sum: b.add(a).sum() };
    };
    const [slow, quick, never] = torch.scope(() => [
      work(20),
      work(1),
      work(2).then(() => Promise.reject(new Error('no'))),
    ]);
    const { sum } = await quick;
    expect([sum.item(), sum.disposed]).toEqual([6, false]);
    await expect(never).rejects.toThrow('no');
    expect(live()).toBeGreaterThan(before + 1); // what the others have made so far
    const other = (await slow).sum;
    expect([other.item(), sum.item()]).toEqual([82, 6]);
    for (const each of [sum, other]) each.dispose();
    await sleep(1);
    expect(live()).toBe(before);

    // Inside an async function's result, and in a ring.
    interface Ring {
      tensor: Tensor;
      next: Promise<Ring>;
    }
    const ring = await torch.scope(async () => {
      const a = torch.ones([1]);
      await sleep(1);
      const one: Promise<Ring> = sleep(5).then(() => ({ tensor: a.add(1), next: two }));
      const two: Promise<Ring> = sleep(1).then(() => ({ tensor: a.add(2), next: one }));
      return one;
    });
    const second = await ring.next;
    expect([ring.tensor.item(), second.tensor.item(), (await second.next) === ring]).toEqual([2, 3, true]);
    for (const each of [ring, second]) each.tensor.dispose();
    await sleep(1);
    expect(live()).toBe(before);
  });

  it('hands what comes late to the scope around, or to the collector where that has ended', async () => {
    const before = live();
    let late: Promise<Tensor> | undefined;
    const kept = await torch.scope(async () => {
      const inner = torch.scope(() => ({ promise: sleep(2).then(() => torch.full([1], 4)) }));
      const first = await inner.promise;
      torch.scope(() => {
        const inside = torch.scope(() => [(late = sleep(5).then(() => torch.full([1], 5)))]);
        expect(inside).toHaveLength(1);
      });
      return first.add(1);
    });
    expect(kept.item()).toBe(5);
    const tensor = await late!;
    expect(tensor.item()).toBe(5);
    for (const each of [kept, tensor]) each.dispose();
    expect(live()).toBe(before);
  });

  it('ends when something inside what it returns throws', () => {
    const before = live();
    const bad = {
      get broken(): never {
        throw new Error('getter');
      },
    };
    expect(() =>
      torch.scope(() => {
        torch.ones([1]);
        return bad;
      }),
    ).toThrow('getter');
    expect(live()).toBe(before);
  });

  it('hands results to the scope around', () => {
    const before = live();
    torch.scope(() => {
      const outer = torch.scope(() => torch.scope(() => torch.ones([1])));
      expect(outer.item()).toBe(1);
      expect(live()).toBe(before + 1);
    });
    expect(live()).toBe(before);
  });

  it('leaves alone what it does not own', () => {
    const outside = torch.ones([1]);
    torch.scope(() => {
      torch.scope(() => outside);
      expect(outside.disposed).toBe(false);
    });
    expect(outside.item()).toBe(1);
    outside.dispose();
  });

  it('lets go of kept tensors, and ends when its function throws', () => {
    const before = live();
    let kept: Tensor | undefined;
    expect(() =>
      torch.scope(() => {
        kept = torch.ones([1]).keep();
        torch.ones([1]);
        throw new Error('out');
      }),
    ).toThrow('out');
    expect(live()).toBe(before + 1);
    expect(kept!.item()).toBe(1);
    kept!.dispose();
  });

  it('disposes once, and by using', () => {
    const before = live();
    const t = torch.ones([1]);
    t.dispose();
    t.dispose();
    {
      using s = torch.openScope();
      torch.ones([1]);
      expect(s.open).toBe(true);
    }
    {
      using one = torch.ones([1]);
      expect(one.item()).toBe(1);
    }
    expect(live()).toBe(before);
  });

  it('keeps async functions that take turns apart', async () => {
    const before = live();
    const work = (ms: number): Promise<Tensor> =>
      torch.scope(async () => {
        const a = torch.full([1], ms);
        await sleep(ms);
        const b = a.add(1); // would fail if another scope had released `a`
        await sleep(ms);
        return b.add(a);
      });
    const results = await Promise.all([work(12), work(5), work(1)]);
    expect(results.map((t) => t.item())).toEqual([25, 11, 3]);
    expect(live()).toBe(before + 3);
    for (const t of results) t.dispose();
    await expect(
      torch.scope(async () => {
        torch.ones([1]);
        await sleep(1);
        throw new Error('late');
      }),
    ).rejects.toThrow('late');
    expect(live()).toBe(before);
  });

  it('survives what is made after its end', async () => {
    const before = live();
    let late: Promise<Tensor> | undefined;
    torch.scope(() => {
      late = sleep(1).then(() => torch.ones([1]));
    });
    const tensor = await late!;
    expect(tensor.item()).toBe(1); // belongs to the collector, its scope being over
    tensor.dispose();
    expect(live()).toBe(before);
  });

  it('does not remember what was disposed of', () => {
    torch.scope(() => {
      for (let i = 0; i < 20_000; i++) torch.ones([1]).dispose();
      expect(torch.memory().tensors).toBeLessThan(20_000);
    });
  });
});

describe('garbage collection', () => {
  it('releases tensors within a synchronous loop', () => {
    const before = live();
    const a = torch.ones([8]);
    let most = 0;
    for (let i = 0; i < 400_000; i++) {
      a.add(a);
      if (i % 1000 === 0) most = Math.max(most, torch.memory().tensors);
    }
    expect(most - before).toBeLessThan(200_000);
  });

  it('counts a storage once', () => {
    torch.scope(() => {
      const { bytes } = torch.memory();
      const a = torch.ones([1000]);
      a.view(10, 100);
      a.detach();
      expect(torch.memory().bytes - bytes).toBe(4000);
    });
  });
});
