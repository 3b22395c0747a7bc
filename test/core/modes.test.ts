// Modes of a thread stay with the functions that run in them: over awaits, and step by step in generators.
import { setTimeout as sleep } from 'node:timers/promises';
import torch, { type Tensor } from 'torch-node';
import { withoutLeaks } from '../support/leaks.js';

/** Each mode, and whether it is on. */
const MODES: readonly (readonly [string, <T>(run: () => T) => T, () => boolean])[] = [
  ['noGrad', torch.noGrad, () => !torch.isGradEnabled()],
  ['inferenceMode', torch.inferenceMode, () => !torch.isGradEnabled()],
  ['enableGrad', torch.enableGrad, torch.isGradEnabled],
  [
    'autocast',
    (run) => torch.autocast('cpu', { dtype: 'bfloat16' }, run),
    () => torch.isAutocastEnabled('cpu'),
  ],
];
const x = torch.ones([2], { requiresGrad: true });

describe.each(MODES)('%s', (name, mode, isOn) => {
  // enableGrad is what holds outside of it anyway: what is asked there is that it holds inside.
  const outside = name === 'enableGrad';

  it('runs a function', () => {
    expect(mode(isOn)).toBe(true);
    expect(isOn()).toBe(outside);
    expect(() => mode(() => { throw new Error('x'); })).toThrow('x'); // prettier-ignore
    expect(isOn()).toBe(outside);
  });

  it('runs the steps of a generator, and not what is between them', () => {
    const seen: boolean[] = [];
    const steps = mode(function* (): Generator<number, string, string> {
      try {
        seen.push(isOn());
        const given = yield 1;
        seen.push(isOn());
        expect(given).toBe('given');
        yield 2;
        return 'end';
      } finally {
        seen.push(isOn());
      }
    });
    expect(isOn()).toBe(outside);
    expect(steps.next()).toEqual({ value: 1, done: false });
    expect(isOn()).toBe(outside);
    expect(steps.next('given')).toEqual({ value: 2, done: false });
    expect(steps.return('left')).toEqual({ value: 'left', done: true });
    expect(isOn()).toBe(outside);
    expect(seen).toEqual([true, true, true]);
    const made = function* (): Generator<boolean> { yield isOn(); yield isOn(); }; // prettier-ignore
    expect([...mode(made)]).toEqual([true, true]);
    expect([...mode(() => made())]).toEqual([true, true]);
    expect(() => mode(made).throw(new Error('thrown in'))).toThrow('thrown in');
    expect(isOn()).toBe(outside);
  });

  it('stays with an async function over its awaits, and with nobody else', async () => {
    const others: boolean[] = [];
    const watch = { on: true };
    const other = (async () => {
      while (watch.on && others.length < 1000) {
        others.push(isOn());
        await sleep(1);
        others.push(isOn());
        await Promise.resolve();
      }
    })();
    const inner = async (): Promise<boolean> => {
      await Promise.resolve();
      const first = isOn();
      await sleep(2);
      return first && isOn();
    };
    const seen = await mode(async () => {
      const all = [isOn()];
      await Promise.resolve();
      all.push(isOn());
      await sleep(5);
      all.push(isOn(), await inner());
      all.push(...(await Promise.all([inner(), inner()])));
      all.push(await new Promise<boolean>((resolve) => setTimeout(() => resolve(isOn()), 2)));
      await x.data();
      all.push(isOn());
      return all;
    });
    expect(isOn()).toBe(outside);
    expect(new Set(seen)).toEqual(new Set([true]));
    await sleep(3);
    watch.on = false;
    await other;
    expect(new Set(others)).toEqual(new Set([outside]));
    await expect(mode(async () => { await sleep(1); throw new Error('late'); })).rejects.toThrow('late'); // prettier-ignore
    expect(isOn()).toBe(outside);
  });

  it('runs the steps of an async generator', async () => {
    const seen: boolean[] = [];
    const steps = mode(async function* () {
      seen.push(isOn());
      yield 1;
      await sleep(1);
      seen.push(isOn());
      yield 2;
    });
    const values: number[] = [];
    for await (const value of steps) {
      values.push(value);
      seen.push(isOn() === outside);
      await sleep(1);
      seen.push(isOn() === outside);
    }
    expect(values).toEqual([1, 2]);
    expect(new Set(seen)).toEqual(new Set([true]));
  });

  it('refuses a promise of what is no async function, and what is no function', () => {
    const late = async (): Promise<boolean> => Promise.resolve(isOn());
    expect(() => mode(() => late())).toThrow(
      /whose awaits cannot be followed: write \w+\(async \(\) => await/,
    );
    expect(() => mode(5 as never)).toThrow(/expected a function, got 5/);
    expect(isOn()).toBe(outside);
  });
});

it('nests asynchronous modes', async () => {
  const seen = await torch.noGrad(async () => {
    await sleep(1);
    const inner = await torch.enableGrad(async () => {
      await sleep(1);
      return [torch.isGradEnabled(), torch.noGrad(torch.isGradEnabled)];
    });
    return [torch.isGradEnabled(), ...inner];
  });
  expect(seen).toEqual([false, true, false]);
  expect(torch.isGradEnabled()).toBe(true);
});

it('many at once do not mix', async () => {
  const recorded = async (i: number): Promise<boolean> => {
    const run = async (): Promise<boolean> => {
      for (let turn = 0; turn < 5; turn++) await sleep((i * 7 + turn) % 4);
      return torch.scope(() => x.mul(2).requiresGrad);
    };
    return i % 3 === 0 ? torch.noGrad(run) : i % 3 === 1 ? torch.enableGrad(run) : run();
  };
  const found = await Promise.all(Array.from({ length: 60 }, (_, i) => recorded(i)));
  expect(found).toEqual(found.map((_, i) => i % 3 !== 0));
});

it('keeps no tensors', () => {
  withoutLeaks(() => {
    const steps = torch.noGrad(function* (): Generator<Tensor> {
      yield x.mul(2);
    });
    expect([...steps].map((each) => each.requiresGrad)).toEqual([false]);
  });
});
