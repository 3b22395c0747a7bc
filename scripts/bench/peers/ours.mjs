// What the benchmark measures on our side, each workload in a process of its own:
// node ours.mjs <workload> '<options as JSON>' prints one line of JSON, its peak memory in it. peer.py holds the same workloads
// for Python.
//
// All imports are light but torch-node itself: `firstStep` is timed from the process's start.
import { availableParallelism } from 'node:os';
import torch, { checkpoints, data, nn, optim } from 'torch-node';
import { originalNetwork, part1 } from '../../../experiments/cifar10/dist/part1.js';
import { begin, trainEpoch } from '../../../experiments/cifar10/dist/training.js';
import { peakMb } from './settings.mjs';

const workloads = {
  /** Versions, libtorch's folder, and the threads that Part 1 takes when none are asked for. */
  async about() {
    const { DEFAULT_THREADS: threads } = await import('../../../experiments/cifar10/dist/cli/part1.js');
    const { findLibtorch } = await import('../../../dist/install/locate.js');
    const { folder } = findLibtorch({ minor: torch.version.split('.').slice(0, 2).join('.') }).found ?? {};
    return {
      ...{ libtorch: torch.version, folder, threads, cores: availableParallelism() },
      ...{ compiles: torch.compileStep !== undefined, cuda: torch.cuda.isAvailable() },
    };
  },

  /** Writes the synthetic set as CIFAR-10's six files, so that both sides read the same. */
  async writeSynthetic({ folder }) {
    const { writeFile } = await import('node:fs/promises');
    const { train, test } = data.synthetic({ seed: 0 });
    const write = async (name, set, start, end) => {
      const labels = set.labels.dataSync().subarray(start, end);
      const images = set.images.dataSync().subarray(3072 * start, 3072 * end);
      const records = Buffer.alloc(3073 * labels.length);
      for (let i = 0; i < labels.length; i++) {
        records[3073 * i] = Number(labels[i]);
        records.set(images.subarray(3072 * i, 3072 * (i + 1)), 3073 * i + 1);
      }
      await writeFile(`${folder}/${name}`, records);
    };
    for (let n = 1; n <= 5; n++) await write(`data_batch_${n}.bin`, train, 10_000 * (n - 1), 10_000 * n);
    await write('test_batch.bin', test, 0, 10_000);
  },

  /** The common beginning of the contest: a network's weights and the images' order, in files that any language reads. */
  async writeStart({ folder }) {
    const { writeFile } = await import('node:fs/promises');
    torch.manualSeed(0);
    const weights = originalNetwork()
      .parameters()
      .map((parameter) => Buffer.from(parameter.detach().contiguous().dataSync().slice().buffer));
    await writeFile(`${folder}/weights.f32`, Buffer.concat(weights));
    await writeFile(`${folder}/order.i64`, Buffer.from(torch.randperm(50_000).dataSync().slice().buffer));
  },

  /** The first losses of Part 1 with seed 0. */
  async losses({ folder, threads, steps }) {
    torch.setNumThreads(threads);
    const { train } = await data.cifar10(folder);
    const stop = new AbortController();
    const losses = [];
    await trainEpoch(begin(part1, 0, 'cpu', 'eager'), train, part1.batchSize, {
      signal: stop.signal,
      turnEvery: -1, // reports after every step, and the running mean is then the step's own loss
      onProgress: (step, runningLoss) => {
        losses.push(runningLoss());
        if (step === steps) stop.abort();
      },
    });
    return { losses };
  },

  /** Microseconds of one training step: Part 1's own loop, timed by the progress that it reports every 20 ms. */
  async step({ folder, threads, warmup, steps }) {
    torch.setNumThreads(threads);
    const { train } = await data.cifar10(folder);
    const stop = new AbortController();
    let first, last;
    await trainEpoch(begin(part1, 0, 'cpu', 'eager'), train, part1.batchSize, {
      signal: stop.signal,
      onProgress: (step) => {
        if (step < warmup) return;
        last = { step, time: performance.now() };
        first ??= last;
        if (last.step >= first.step + steps) stop.abort();
      },
    });
    return { us: (1000 * (last.time - first.time)) / (last.step - first.step) };
  },

  /** Nanoseconds of a.add(b) on 8 floats, in scopes of 1000. */
  add({ count }) {
    torch.setNumThreads(1);
    const [a, b] = [torch.rand([8]), torch.rand([8])];
    const run = (times) => {
      for (let done = 0; done < times; done += 1000) {
        torch.scope(() => {
          for (let i = 0; i < 1000; i++) a.add(b);
        });
      }
    };
    run(count / 10);
    const start = performance.now();
    run(count);
    return { ns: (1e6 * (performance.now() - start)) / count };
  },

  /** Nanoseconds of single operators, without and with a gradient to record, in scopes of 100: the median of 21 slices. */
  operators({ count }) {
    torch.setNumThreads(1);
    const ns = {};
    const time = (name, times, call) => {
      const slice = Math.ceil(times / 21 / 100);
      const slices = [];
      for (let s = 0; s < 24; s++) {
        const start = performance.now();
        for (let done = 0; done < slice; done++) {
          torch.scope(() => {
            for (let i = 0; i < 100; i++) call();
          });
        }
        if (s >= 3) slices.push((1e6 * (performance.now() - start)) / slice / 100);
      }
      ns[name] = slices.sort((x, y) => x - y)[10];
    };
    for (const requiresGrad of [false, true]) {
      const leaf = (shape) => torch.rand(shape, { requiresGrad });
      const [a, b, m, n] = [leaf([8]), leaf([8]), leaf([32, 84]), leaf([84, 10])];
      const [x, w, c] = [leaf([1, 3, 8, 8]), leaf([4, 3, 3, 3]), leaf([4])];
      const suffix = requiresGrad ? ' grad' : '';
      time(`add${suffix}`, count, () => a.add(b));
      time(`mul${suffix}`, count, () => a.mul(b));
      time(`matmul${suffix}`, count / 2, () => m.matmul(n));
      time(`view${suffix}`, count, () => m.view([84, 32]));
      time(`sum${suffix}`, count, () => a.sum());
      time(`conv2d${suffix}`, count / 2, () => nn.functional.conv2d(x, w, c));
    }
    return { ns };
  },

  /** a.add(b) in one synchronous loop outside any scope: how far resident memory grows beyond what it was before. */
  loop({ count }) {
    torch.setNumThreads(1);
    const [a, b] = [torch.rand([8]), torch.rand([8])];
    const before = process.memoryUsage.rss();
    let peak = before;
    const start = performance.now();
    for (let i = 1; i <= count; i++) {
      a.add(b);
      if (i % 100_000 === 0) peak = Math.max(peak, process.memoryUsage.rss());
    }
    return { ns: (1e6 * (performance.now() - start)) / count, mb: (peak - before) / 2 ** 20 };
  },

  /** Writes 500 MB in 25 tensors. */
  async writeSafetensors({ file }) {
    const tensors = Array.from({ length: 25 }, (_, i) => [`layer${i}.weight`, torch.randn([1024, 5120])]);
    await checkpoints.saveSafetensors(file, Object.fromEntries(tensors));
  },

  /** Seconds to load such a file, and to load it and read every value once. */
  async readSafetensors({ file }) {
    torch.setNumThreads(1);
    const start = performance.now();
    const { tensors } = await checkpoints.loadSafetensors(file);
    const loaded = performance.now();
    for (const tensor of Object.values(tensors)) tensor.sum().item();
    return { load: (loaded - start) / 1000, read: (performance.now() - start) / 1000 };
  },

  /** Loads the package alone. */
  nothing() {
    return {};
  },

  /** One training step of the course's network on random images; the harness holds the clock. */
  firstStep({ compiled }) {
    const net = originalNetwork();
    const sgd = new optim.SGD(net.parameters(), { lr: 0.001, momentum: 0.9 });
    const criterion = new nn.CrossEntropyLoss();
    const [images, labels] = [torch.randn([32, 3, 32, 32]), torch.randint(0, 10, [32])];
    const step = (x, y) => {
      sgd.zeroGrad();
      const loss = criterion.forward(net.forward(x), y);
      loss.backward();
      sgd.step();
      return { loss };
    };
    const program = compiled ? torch.compileStep(step, [images, labels], { exact: false }) : undefined;
    const { loss } = program ? program.run(images, labels) : step(images, labels);
    return { loss: loss.item(), path: program?.path };
  },
};

const [workload, options = '{}'] = process.argv.slice(2);
const measured = await workloads[workload](JSON.parse(options));
console.log(JSON.stringify({ ...measured, memoryMb: peakMb() }));
