// A data set for the tests of the loader's workers: sample i is the number i, but where the options say otherwise.
import { appendFileSync } from 'node:fs';
import torch from 'torch-node';

export default function make({ length = 12, iterable = false, broken, ...faults } = {}) {
  if (broken) throw new Error('the data set cannot be made');
  if (iterable) {
    return {
      *[Symbol.iterator]() {
        const { id, numWorkers } = torch.data.getWorkerInfo() ?? { id: 0, numWorkers: 1 };
        try {
          for (let i = id; i < length; i += numWorkers) yield i;
        } finally {
          if (faults.closed !== undefined) appendFileSync(faults.closed, 'closed\n');
        }
      },
    };
  }
  return {
    length,
    get(i) {
      if (i === faults.throwAt) throw new RangeError(`sample ${i} is broken`);
      if (i === faults.exitAt) process.exit(7);
      if (i === faults.hangAt) for (;;);
      if (i === faults.uncaughtAt) {
        setImmediate(() => {
          throw new Error('nobody catches this');
        });
        return new Promise(() => {});
      }
      if (i === faults.fillAt) {
        const held = [];
        for (;;) held.push(new Array(100_000).fill(i));
      }
      if (i === faults.functionAt) return () => i;
      if (faults.draw) return torch.rand([1], { generator: torch.data.getWorkerInfo().generator });
      if (faults.who)
        return { i, worker: torch.data.getWorkerInfo()?.id ?? -1, seed: torch.data.getWorkerInfo()?.seed };
      if (faults.slow) return new Promise((resolve) => setTimeout(resolve, i % 2 ? 0 : faults.slow, i));
      return i;
    },
  };
}
