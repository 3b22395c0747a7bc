// DataLoader: batches on this thread and from workers, and what happens when workers fail. The workers run the compiled package.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import torch, { type Tensor } from 'torch-node';
import { itWhen } from '../support/skip.js';
import { liveTensors } from '../support/leaks.js';

const { DataLoader, TensorDataset, workerDataset } = torch.data;
const COUNTING = pathToFileURL(path.join(__dirname, 'modules/counting.js'));
const COLLATING = path.join(__dirname, 'modules/collating.js');

function counting(options: object = {}): Promise<torch.data.WorkerDataset<number>> {
  return workerDataset<number>(COUNTING, options);
}
function numbers(batch: Tensor): number[] {
  return batch.toArray() as number[];
}
async function all<B>(loader: AsyncIterable<B>): Promise<B[]> {
  const batches: B[] = [];
  for await (const batch of loader) batches.push(batch);
  return batches;
}
async function failure(work: Promise<unknown>): Promise<Error & { code?: string }> {
  return work.then(
    () => {
      throw new Error('expected a rejection');
    },
    (error: unknown) => error as Error,
  );
}
/** Worker threads that are still there. */
function threads(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'Worker' || name === 'MessagePort')
    .length;
}

describe('without workers', () => {
  const squares = { length: 5, get: (i: number) => ({ x: torch.full([2], i), y: i * i }) };

  it('gives batches in order, by for and for await', async () => {
    const loader = new DataLoader(squares, { batchSize: 2 });
    expect(loader.length).toBe(3);
    const expected = [[0, 1], [4, 9], [16]];
    expect([...loader].map(({ y }) => numbers(y))).toEqual(expected);
    const batches = await all(loader);
    expect(batches.map(({ y }) => numbers(y))).toEqual(expected);
    expect(batches.map(({ x }) => x.shape)).toEqual([[2, 2], [2, 2], [1, 2]]); // prettier-ignore
    expect(batches[0]!.y.dtype).toBe('int64');
    expect([...new DataLoader(squares, { batchSize: 2, dropLast: true })]).toHaveLength(2);
  });

  it('takes arrays, samplers, batch samplers, collateFn and no batches', () => {
    const letters = ['a', 'b', 'c', 'd'];
    expect([...new DataLoader(letters, { batchSize: 3 })]).toEqual([['a', 'b', 'c'], ['d']]);
    expect([...new DataLoader(letters, { batchSize: null })]).toEqual(letters);
    expect([...new DataLoader(letters, { sampler: [3, 1], batchSize: 2 })]).toEqual([['d', 'b']]);
    expect([...new DataLoader(letters, { batchSampler: [[0], [2, 1]] })]).toEqual([['a'], ['c', 'b']]);
    const joined = new DataLoader(letters, { batchSize: 2, collateFn: (some) => some.join('') });
    expect([...joined]).toEqual(['ab', 'cd']);
  });

  it('asks a data set for several samples at once where it can', () => {
    const asked: number[][] = [];
    const dataset = {
      length: 3,
      get: (i: number) => i,
      getItems: (indices: readonly number[]) => {
        asked.push([...indices]);
        return indices.map((i) => 10 * i);
      },
    };
    expect([...new DataLoader(dataset, { batchSize: 2 })].map(numbers)).toEqual([[0, 10], [20]]);
    expect(asked).toEqual([[0, 1], [2]]);
  });

  it('waits for asynchronous data sets, and says so to a synchronous loop', async () => {
    const slow = { length: 3, get: async (i: number) => i };
    expect((await all(new DataLoader(slow, { batchSize: 2 }))).map(numbers)).toEqual([[0, 1], [2]]);
    expect(() => [...new DataLoader(slow)]).toThrow(/is asynchronous: use `for await`/);
  });

  it('iterates over what can only be iterated over', async () => {
    async function* stream(): AsyncGenerator<number> {
      for (let i = 0; i < 5; i++) yield i;
    }
    const chained = new torch.data.ChainDataset([{ [Symbol.asyncIterator]: stream }, [7, 8]]);
    expect((await all(new DataLoader(chained, { batchSize: 3 }))).map(numbers)).toEqual([
      [0, 1, 2],
      [3, 4, 7],
      [8],
    ]);
    const dropped = new DataLoader(chained, { batchSize: 3, dropLast: true });
    expect((await all(dropped)).map(numbers)).toEqual([[0, 1, 2], [3, 4, 7]]); // prettier-ignore
    expect(await all(new DataLoader(new Set([1, 2]), { batchSize: null }))).toEqual([1, 2]);
    expect(() => dropped.length).toThrow(/no length/);
  });

  it('lets errors of the data set through, and ends there', async () => {
    const broken = {
      length: 3,
      get: (i: number) => {
        if (i === 1) throw new Error('no sample 1');
        return i;
      },
    };
    const iterator = new DataLoader(broken)[Symbol.asyncIterator]();
    expect((await iterator.next()).done).toBe(false);
    await expect(iterator.next()).rejects.toThrow('no sample 1');
    expect((await iterator.next()).done).toBe(true);
  });

  it('refuses options that contradict each other', () => {
    const make = (options: object) => () => new DataLoader([1, 2], options);
    expect(make({ batchsize: 3 })).toThrow(/no option 'batchsize'/);
    expect(make({ batchSize: 0 })).toThrow(/batchSize: expected a whole number of 1 or more, got 0/);
    expect(make({ sampler: [0], shuffle: true })).toThrow(/leave out shuffle/);
    expect(make({ batchSampler: [[0]], batchSize: 2 })).toThrow(/leave out batchSize/);
    expect(make({ prefetchFactor: 2 })).toThrow(/prefetchFactor is for workers/);
    expect(make({ timeout: 2 })).toThrow(/timeout is for workers/);
    expect(make({ numWorkers: -1 })).toThrow(/numWorkers: expected a whole number/);
    expect(() => new DataLoader(new Set([1]), { shuffle: true })).toThrow(/leave out shuffle/);
    expect(() => new DataLoader(5 as unknown as number[])).toThrow(/expected a data set .* got 5/);
    expect(() => new DataLoader([], { shuffle: true })).toThrow(/numSamples: expected a whole number of 1/);
  });

  itWhen(!torch.cuda.isAvailable(), 'there is a CUDA device')('refuses pinned memory without CUDA', () => {
    expect(() => new DataLoader([1], { pinMemory: true })).toThrow(/pinMemory needs CUDA/);
  });
  itWhen(torch.cuda.isAvailable(), 'there is no CUDA device')('pins batches', () => {
    const [batch] = [...new DataLoader([1, 2], { batchSize: 2, pinMemory: true })];
    expect(torch.ops.call('aten::is_pinned', [batch])).toBe(true);
  });
});

describe('with workers', () => {
  it('gives the batches in order, though some take longer', async () => {
    const loader = new DataLoader(await counting({ slow: 20 }), { batchSize: 1, numWorkers: 3 });
    expect((await all(loader)).flatMap(numbers)).toEqual([...Array(12).keys()]);
  });

  it('shuffles as without, shares a data set of tensors, and leaves none behind', async () => {
    const before = liveTensors();
    await torch.scope(async () => {
      const x = torch.arange(40, { dtype: 'float32' }).reshape(20, 2);
      const whole = new TensorDataset(x, torch.arange(20));
      const dataset = new torch.data.ConcatDataset([new torch.data.Subset(whole, [3, 1, 4]), whole]);
      const order = async (numWorkers: number): Promise<unknown> => {
        torch.manualSeed(5);
        const batches = await all(new DataLoader(dataset, { batchSize: 4, shuffle: true, numWorkers }));
        return batches.map((batch) => batch.map((one) => one.toArray()));
      };
      expect(await order(2)).toEqual(await order(0));
    });
    expect(liveTensors()).toBeLessThanOrEqual(before);
  });

  it('seeds the workers with the base seed + their number', async () => {
    const generator = new torch.Generator().manualSeed(11);
    const base = torch.empty([], { dtype: 'int64' }).random_({ generator }).item<bigint>();
    generator.manualSeed(11);
    const loader = new DataLoader(await counting({ who: true }), {
      batchSize: null,
      numWorkers: 2,
      generator,
    });
    const seen = (await all(loader)) as unknown as { i: number; worker: number; seed: bigint }[];
    expect(seen.map(({ worker }) => worker)).toEqual(seen.map(({ i }) => i % 2));
    for (const { worker, seed } of seen) expect(seed).toBe(base + BigInt(worker));
    const drawn = async (): Promise<number[]> => {
      generator.manualSeed(11);
      return (await all(new DataLoader(await counting({ draw: true }), { numWorkers: 2, generator }))).flatMap((b) => b.toArray() as number[]); // prettier-ignore
    };
    const first = await drawn();
    expect(new Set(first.flat()).size).toBe(12);
    expect(await drawn()).toEqual(first);
  });

  it('shares out an iterable data set', async () => {
    const loader = new DataLoader(await counting({ iterable: true, length: 7 }), {
      batchSize: 2,
      numWorkers: 2,
    });
    expect((await all(loader)).map(numbers)).toEqual([[0, 2], [1, 3], [4, 6], [5]]);
  });

  it('runs the collateFn and workerInitFn of the module', async () => {
    const dataset = await workerDataset(COLLATING);
    const run = async (numWorkers: number): Promise<unknown[]> =>
      (await all(new DataLoader(dataset, { batchSize: 3, numWorkers }))).map((batch) => {
        const { sums, text, started } = batch as unknown as { sums: Tensor; text: string; started: number };
        return [sums.item(), text, started];
      });
    expect(await run(2)).toEqual([[3, '0+1+2', 0], [12, '3+4+5', 1]]); // prettier-ignore
    expect(await run(0)).toEqual([[3, '0+1+2', -1], [12, '3+4+5', -1]]); // prettier-ignore
  });

  it('keeps the workers for the next iteration where it is asked to', async () => {
    const generator = new torch.Generator().manualSeed(1);
    const loader = new DataLoader(await counting({ who: true }), {
      ...{ batchSize: null, numWorkers: 2, persistentWorkers: true, generator },
    });
    const seeds = async (): Promise<unknown> =>
      ((await all(loader)) as unknown as { seed: bigint }[]).map(({ seed }) => seed);
    const first = await seeds();
    expect(await seeds()).toEqual(first);
    const broken = loader[Symbol.asyncIterator]();
    await broken.next();
    await broken.return!();
    expect(await seeds()).toEqual(first);
    await loader.close();
    expect(await seeds()).not.toEqual(first);
    await loader.close();
  });

  it('refuses data sets and functions that cannot go there', async () => {
    const plain = { length: 2, get: (i: number) => i };
    expect(() => new DataLoader(plain, { numWorkers: 1 })).toThrow(/lives in this thread.*workerDataset/s);
    const collateFn = (): number => 1;
    const dataset = await counting();
    expect(() => new DataLoader(dataset, { numWorkers: 1, collateFn })).toThrow(/export it as `collateFn`/);
    expect(() => [...new DataLoader(dataset, { numWorkers: 1 })]).toThrow(/use `for await`/);
    await expect(workerDataset('./here.js')).rejects.toThrow(/absolute path/);
  });
});

describe('a worker that fails is an error of its batch:', () => {
  // Batches 0 and 1 are there, batch 2 fails.
  async function run(
    faults: object,
    options: object = {},
  ): Promise<{ seen: number[]; error: Error & { code?: string } }> {
    const seen: number[] = [];
    const loader = new DataLoader(await counting({ length: 40, ...faults }), {
      batchSize: 2,
      numWorkers: 2,
      ...options,
    });
    const error = await failure(
      (async () => {
        for await (const batch of loader) seen.push(...numbers(batch));
      })(),
    );
    return { seen, error };
  }
  const before = [0, 1, 2, 3];

  it('that throws, with its stack', async () => {
    const { seen, error } = await run({ throwAt: 5 });
    expect(seen).toEqual(before);
    expect(error).toMatchObject({ name: 'TorchError', code: 'ERR_TORCH_WORKER_FAILED' });
    expect(error.message).toMatch(
      /worker 0 failed: sample 5 is broken\nin the worker: RangeError.*counting\.js/s,
    );
    expect(error.cause).toMatchObject({ name: 'RangeError', message: 'sample 5 is broken' });
  });
  it('that exits', async () => {
    const { seen, error } = await run({ exitAt: 4 });
    expect(seen).toEqual(before);
    expect(error.message).toMatch(/worker 0 ended before its batch was there: it exited with code 7/);
    expect(error.code).toBe('ERR_TORCH_WORKER_EXITED');
  });
  it('that dies of an uncaught exception', async () => {
    const { error } = await run({ uncaughtAt: 4 });
    expect(error.message).toMatch(/worker 0 ended .*: nobody catches this/);
  });
  it('that runs out of memory', async () => {
    const { error } = await run({ fillAt: 4 }, { resourceLimits: { maxOldGenerationSizeMb: 40 } });
    expect(error.message).toMatch(/worker 0 ended .* memory limit/);
  });
  it('that does not answer in time', async () => {
    const { seen, error } = await run({ hangAt: 4 }, { timeout: 1.5 });
    expect(seen).toEqual(before);
    expect(error.message).toMatch(/worker 0 did not give batch 2 within 1.5 s/);
    expect(error.code).toBe('ERR_TORCH_WORKER_TIMEOUT');
  });
  it('whose sample cannot be sent', async () => {
    const loader = new DataLoader(await counting({ functionAt: 4 }), { batchSize: null, numWorkers: 2 });
    const error = await failure(all(loader));
    expect(error.message).toMatch(/worker 0 failed: .*could not be cloned/);
  });
  it('that cannot make its data set', async () => {
    const dataset = await counting();
    Object.assign(dataset[Symbol.for('torch-node.workerSource') as never], { options: { broken: true } });
    const error = await failure(all(new DataLoader(dataset, { numWorkers: 2 })));
    expect(error.message).toMatch(/worker 0 failed: the data set cannot be made/);
  });
});

describe('an iteration that is not finished', () => {
  it('does not keep the process alive', () => {
    const main = pathToFileURL(path.resolve(__dirname, '../../dist/index.js')).href;
    const script = `
      import torch from ${JSON.stringify(main)};
      const dataset = await torch.data.workerDataset(${JSON.stringify(COUNTING.href)}, { length: 1000 });
      // Held, so that no garbage collection ends the workers.
      globalThis.iterator = new torch.data.DataLoader(dataset, { numWorkers: 2 })[Symbol.asyncIterator]();
      console.log(String((await iterator.next()).value));`;
    const ended = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      ...{ encoding: 'utf8', timeout: 30_000, cwd: path.resolve(__dirname, '../..') },
    });
    expect(ended.stderr).toBe('');
    expect(ended).toMatchObject({ status: 0, stdout: 'tensor([0])\n' });
  });

  it('ends its workers and releases what they made', async () => {
    const before = liveTensors();
    const running = threads();
    await torch.scope(async () => {
      for await (const batch of new DataLoader(await counting({ length: 100 }), {
        numWorkers: 2,
        prefetchFactor: 4,
      }))
        if (numbers(batch)[0] === 3) break;
    });
    expect(liveTensors()).toBeLessThanOrEqual(before);
    expect(threads()).toBeLessThanOrEqual(running);
  });

  it('ends on an abort, also while a batch is waited for', async () => {
    const abort = new AbortController();
    const { signal } = abort;
    const loader = new DataLoader(await counting({ hangAt: 2 }), { numWorkers: 1, signal });
    setTimeout(() => abort.abort(new Error('enough')), 1500);
    await expect(all(loader)).rejects.toThrow('enough');
  });

  it('leaves other loaders alone', async () => {
    const [one, two] = [await counting(), await counting({ length: 5 })].map((dataset) =>
      new DataLoader(dataset, { batchSize: 2, numWorkers: 2 })[Symbol.asyncIterator](),
    );
    expect(numbers((await one!.next()).value!)).toEqual([0, 1]);
    expect(numbers((await two!.next()).value!)).toEqual([0, 1]);
    await one!.return!();
    expect(numbers((await two!.next()).value!)).toEqual([2, 3]);
    expect(numbers((await two!.next()).value!)).toEqual([4]);
    expect((await two!.next()).done).toBe(true);
    expect((await one!.next()).done).toBe(true);
  });

  it('asks for no more than is to be made ahead', async () => {
    const taken: number[] = [];
    const sampler = {
      length: 100,
      *[Symbol.iterator]() {
        for (let i = 0; i < 100; i++) {
          taken.push(i);
          yield i;
        }
      },
    };
    const loader = new DataLoader(await counting({ length: 100 }), {
      sampler,
      numWorkers: 2,
      prefetchFactor: 3,
    });
    const iterator = loader[Symbol.asyncIterator]();
    await iterator.next();
    await new Promise((resolve) => setTimeout(resolve, 200));
    await iterator.next();
    // Those made ahead and those handed out; outstanding ones may have come back before more were asked for.
    expect(taken.length).toBeLessThanOrEqual(2 * 3 + 2);
    await iterator.return!();
  });
});
