// Whichever way a loop over a DataLoader ends, what its data set and its sampler hold open is closed, once.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import torch from 'torch-node';

const { DataLoader, workerDataset } = torch.data;
const COUNTING = pathToFileURL(path.join(__dirname, 'modules/counting.js'));

/** Says what was opened and closed. */
class Log {
  readonly events: string[] = [];

  *numbers(count = 6): Generator<number> {
    this.events.push('open');
    try {
      for (let i = 0; i < count; i++) yield i;
    } finally {
      this.events.push('closed');
    }
  }
  async *later(count = 6): AsyncGenerator<number> {
    this.events.push('open');
    try {
      for (let i = 0; i < count; i++) yield await sleep(1, i);
    } finally {
      await sleep(1);
      this.events.push('closed');
    }
  }
}

const SOURCES = {
  'an iterable data set': (log: Log) => ({ dataset: { [Symbol.iterator]: () => log.numbers() } }),
  'an async iterable data set': (log: Log) => ({ dataset: { [Symbol.asyncIterator]: () => log.later() } }),
  'a sampler': (log: Log) => ({
    dataset: Array.from({ length: 6 }, (_, i) => i),
    options: { sampler: { [Symbol.iterator]: () => log.numbers() } },
  }),
  'a batch sampler': (log: Log) => ({
    dataset: Array.from({ length: 6 }, (_, i) => i),
    options: {
      batchSampler: {
        *[Symbol.iterator]() {
          for (const i of log.numbers(3)) yield [i, i + 1];
        },
      },
    },
  }),
} as const;

type Loop = (loader: torch.data.DataLoader, ends: string) => Promise<void>;
const body = (ends: string, batch: unknown): 'break' | undefined => {
  expect(batch).toBeDefined();
  if (ends === 'throw') throw new Error('thrown in the loop');
  return ends === 'break' ? 'break' : undefined;
};
const LOOPS: Record<string, Loop> = {
  for: async (loader, ends) => {
    for (const batch of loader) if (body(ends, batch) === 'break') break;
    await Promise.resolve();
  },
  'for await': async (loader, ends) => {
    for await (const batch of loader) if (body(ends, batch) === 'break') break;
  },
};

describe.each(Object.keys(SOURCES) as (keyof typeof SOURCES)[])('%s', (name) => {
  const kinds = Object.keys(LOOPS).filter((loop) => !(name.includes('async') && loop === 'for'));
  const ways = ['end', 'break', 'throw', 'broken collateFn'];
  it.each(kinds.flatMap((loop) => ways.map((way) => [loop, way] as const)))('%s, %s', async (loop, way) => {
    const log = new Log();
    const made: { dataset: unknown; options?: object } = SOURCES[name](log);
    const collateFn = (): number => {
      throw new Error('thrown in collateFn');
    };
    const loader = new DataLoader(made.dataset as number[], {
      ...(name === 'a batch sampler' ? {} : { batchSize: 2 }),
      ...made.options,
      ...(way === 'broken collateFn' ? { collateFn: collateFn as never } : {}),
    });
    const looped = LOOPS[loop]!(loader as torch.data.DataLoader, way);
    if (way === 'throw' || way === 'broken collateFn') await expect(looped).rejects.toThrow('thrown in');
    else await looped;
    expect(log.events).toEqual(['open', 'closed']);
  });
});

it('waits for the closing, and lets its error through', async () => {
  const fail = (): void => {
    throw new Error('cannot close');
  };
  const dataset = {
    async *[Symbol.asyncIterator]() {
      try {
        yield 1;
        yield 2;
      } finally {
        await sleep(1);
        fail();
      }
    },
  };
  const leave = async (): Promise<void> => {
    for await (const batch of new DataLoader(dataset)) if (body('break', batch)) break;
  };
  await expect(leave()).rejects.toThrow('cannot close');
});

it('an iterator by hand: return() ends it, and closes once', async () => {
  const log = new Log();
  const loader = new DataLoader({ [Symbol.iterator]: () => log.numbers() });
  const here = loader[Symbol.iterator]();
  here.next();
  expect(here.return!()).toEqual({ done: true, value: undefined });
  here.return!();
  expect(here.next()).toEqual({ done: true, value: undefined });
  const later = loader[Symbol.asyncIterator]();
  await later.next();
  expect(await Promise.all([later.next(), later.return!(), later.return!()])).toEqual([
    { done: false, value: expect.anything() as unknown },
    { done: true, value: undefined },
    { done: true, value: undefined },
  ]);
  expect(await later.next()).toEqual({ done: true, value: undefined });
  expect(log.events).toEqual(['open', 'closed', 'open', 'closed']);
});

it('an iterator that was never asked is not closed', () => {
  const log = new Log();
  new DataLoader({ [Symbol.iterator]: () => log.numbers() })[Symbol.iterator]().return!();
  expect(log.events).toEqual([]);
});

it('an abort closes too', async () => {
  const log = new Log();
  const controller = new AbortController();
  const loader = new DataLoader({ [Symbol.iterator]: () => log.numbers() }, { signal: controller.signal });
  const run = async (): Promise<void> => {
    for await (const batch of loader) {
      expect(batch).toBeDefined();
      controller.abort(new Error('enough'));
    }
  };
  await expect(run()).rejects.toThrow('enough');
  expect(log.events).toEqual(['open', 'closed']);
});

describe('in workers', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'torch-node-leaving-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  async function closedAfter(file: string, count: number): Promise<number> {
    const closed = (): number => {
      try {
        return readFileSync(file, 'utf8').split('\n').length - 1;
      } catch {
        return 0;
      }
    };
    for (let i = 0; i < 200 && closed() < count; i++) await sleep(10);
    return closed();
  }

  it.each([false, true])(
    'leaving closes the data set of each worker (persistentWorkers: %s)',
    async (persistentWorkers) => {
      const closed = path.join(folder, String(persistentWorkers));
      const dataset = await workerDataset<number>(COUNTING, { iterable: true, length: 1000, closed });
      const loader = new DataLoader(dataset, { batchSize: 2, numWorkers: 2, persistentWorkers });
      for (const round of [1, 2]) {
        let seen = 0;
        for await (const batch of loader) if (++seen === 4 && body('break', batch)) break;
        expect(await closedAfter(closed, 2 * round)).toBe(2 * round);
      }
      await loader.close();
    },
  );
});
