import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import torch, { data } from 'torch-node';
import type { Metrics } from '../lib/metrics.js';
import { part1 } from '../lib/part1.js';
import { run, type RunOptions } from '../lib/run.js';
import { CHECKPOINT } from '../lib/runFiles.js';
import { lastUnfinishedRun, newRunFolder, RunFolder } from '../lib/runFolder.js';

const parent = mkdtempSync(path.join(tmpdir(), 'torch-node-run-'));
const sets = data.synthetic({ seed: 1, train: 1300, test: 300 });
const threads = torch.getNumThreads();
afterAll(() => {
  torch.setNumThreads(threads);
  rmSync(parent, { recursive: true });
});

let folders = 0;
const fresh = (): string => path.join(parent, `run${folders++}`);

// Runs in a folder; `stopAt` aborts when so many steps were reported.
async function go(place: string, options: Partial<RunOptions> & { stopAfter?: number } = {}) {
  const folder = await RunFolder.take(place);
  const controller = new AbortController();
  let seen = 0;
  try {
    return await run({
      experiment: part1,
      sets,
      seeds: [3],
      epochs: 2,
      device: 'cpu',
      threads: 1,
      data: 'synthetic',
      folder,
      resume: false,
      signal: controller.signal,
      ...options,
      watcher: {
        onMeasuring: () => {
          if (options.stopAfter === seen++) controller.abort();
        },
        ...options.watcher,
      },
    });
  } finally {
    await folder.leave();
  }
}

const metrics = (place: string): Metrics =>
  JSON.parse(readFileSync(path.join(place, 'metrics.json'), 'utf8')) as Metrics;
const withoutTimes = (m: Metrics): unknown =>
  JSON.parse(JSON.stringify(m, (key, value: unknown) => (key === 'seconds' ? 0 : value)));

describe('run', () => {
  let undisturbed: Metrics;
  beforeAll(async () => {
    const place = fresh();
    await go(place, { seeds: [3, 4] });
    undisturbed = metrics(place);
  });

  it('writes metrics in the documented form', () => {
    expect(undisturbed.runs.map((one) => one.seed)).toEqual([3, 4]);
    const [first] = undisturbed.runs;
    expect(first).toMatchObject({
      model: 'original',
      device: 'cpu',
      threads: 1,
      torch: torch.version,
      data: 'synthetic',
    });
    expect(first!.parametersSha256).toMatch(/^[0-9a-f]{64}$/);
    expect(first!.epochs.map((epoch) => epoch.epoch)).toEqual([1, 2]);
    const { trainLoss, trainAccuracy, testLoss, testAccuracy } = first!.epochs[1]!;
    expect(first!.final).toEqual({ trainLoss, trainAccuracy, testLoss, testAccuracy });
    expect(trainLoss).toBeGreaterThan(2);
    expect(testAccuracy).toBeGreaterThan(0);
  });

  it('ends with the same bits when it is stopped while measuring, and again, and gone on with', async () => {
    const place = fresh();
    expect(await go(place, { seeds: [3, 4], stopAfter: 0 })).toBeUndefined();
    expect(existsSync(path.join(place, CHECKPOINT))).toBe(true);
    expect(await go(place, { seeds: [3, 4], resume: true, stopAfter: 2 })).toBeUndefined();
    await go(place, { seeds: [3, 4], resume: true });
    expect(withoutTimes(metrics(place))).toEqual(withoutTimes(undisturbed));
  });

  it('ends with the same bits when it is stopped between two steps', async () => {
    const place = fresh();
    const folder = await RunFolder.take(place);
    // An abort that comes at the first turn of the loop, in the middle of the first epoch.
    const controller = new AbortController();
    let stop: NodeJS.Immediate | undefined;
    const options = {
      experiment: part1,
      sets,
      seeds: [3, 4],
      epochs: 2,
      device: 'cpu',
      threads: 1,
      data: 'synthetic' as const,
      folder,
      watcher: { onBegin: () => (stop = setImmediate(() => controller.abort())) },
    };
    const stopped = await run({ ...options, resume: false, signal: controller.signal });
    clearImmediate(stop);
    expect(stopped).toBeUndefined();
    const { restore } = await folder.readCheckpoint();
    const at = { net: part1.network() } as Parameters<typeof restore>[0];
    at.optimizer = part1.optimizer(at.net.parameters());
    restore(at);
    expect([at.epoch, at.step > 0 && at.step < 41]).toEqual([1, true]);
    await folder.leave();
    await go(place, { seeds: [3, 4], resume: true });
    expect(withoutTimes(metrics(place))).toEqual(withoutTimes(undisturbed));
  });

  it('loses at most the epoch it was in when it is killed', async () => {
    const place = fresh();
    const copy = fresh();
    await go(place, {
      seeds: [3, 4],
      watcher: {
        onEpoch: (seed, epoch) => seed === 3 && epoch.epoch === 1 && cpSync(place, copy, { recursive: true }),
      },
    });
    rmSync(path.join(copy, '.lock'), { recursive: true, force: true });
    await go(copy, { seeds: [3, 4], resume: true });
    expect(withoutTimes(metrics(copy))).toEqual(withoutTimes(undisturbed));
  });

  it('refuses to go on under other settings, from nothing, or from a broken checkpoint', async () => {
    const place = fresh();
    await go(place, { stopAfter: 0 });
    await expect(go(place, { resume: true, threads: 2, epochs: 3 })).rejects.toThrow(
      /other settings:\n {2}epochs: it has 2, asked for is 3\n {2}threads: it has 1/,
    );
    await expect(go(fresh(), { resume: true })).rejects.toThrow(/holds no unfinished run/);
    const other = data.synthetic({ seed: 2, train: 1300, test: 300 });
    await expect(go(place, { resume: true, sets: other })).rejects.toThrow(/dataSha256/);
  });

  it('keeps a folder for one process at a time', async () => {
    const place = fresh();
    const first = await RunFolder.take(place);
    await expect(RunFolder.take(place)).rejects.toThrow(/in use by another run/);
    await first.leave();
    await (await RunFolder.take(place)).leave();
  });

  it('makes new folders and finds unfinished ones', async () => {
    const runs = path.join(parent, 'runs');
    const [a, b] = [await newRunFolder(runs), await newRunFolder(runs)];
    expect(a).not.toBe(b);
    await expect(lastUnfinishedRun(runs)).rejects.toThrow(/no unfinished run below/);
    await go(a, { stopAfter: 0 });
    expect(await lastUnfinishedRun(runs)).toBe(a);
  });

  it('leaves no tensors behind but what it gives back to the collector', async () => {
    const { liveTensors } = await import('../../../test/support/leaks.js');
    await go(fresh(), { epochs: 1 });
    const before = liveTensors();
    await go(fresh(), { epochs: 1 });
    expect(liveTensors()).toBeLessThanOrEqual(before);
  });
});
