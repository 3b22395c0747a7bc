// Memory of a device: what is counted, and allocations that fail.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import torch, { nn, optim } from 'torch-node';
import { summaryOf } from '../../lib/accelerator/memory.js';
import { collectGarbage } from '../support/leaks.js';
import { simulated } from './simulated.js';

const MIB = 1024 * 1024;

it('counts what tensors hold, its peak, and what the allocator keeps', () => {
  const { cuda } = torch;
  cuda.synchronize();
  cuda.emptyCache();
  const [before, reserved] = [cuda.memoryAllocated(), cuda.memoryReserved()];
  cuda.resetPeakMemoryStats();
  const x = torch.zeros([MIB], { device: 'cuda' });
  const y = torch.zeros([2 * MIB], { device: 'cuda' });
  expect(cuda.memoryAllocated() - before).toBe(12 * MIB);
  y.dispose();
  expect(cuda.memoryAllocated() - before).toBe(4 * MIB);
  expect(cuda.maxMemoryAllocated() - before).toBe(12 * MIB);
  expect(cuda.memoryReserved() - reserved).toBe(12 * MIB);
  cuda.emptyCache();
  expect(cuda.memoryReserved() - reserved).toBe(4 * MIB);
  expect(cuda.maxMemoryReserved() - reserved).toBe(12 * MIB);
  cuda.resetPeakMemoryStats();
  expect(cuda.maxMemoryAllocated() - before).toBe(4 * MIB);
  x.dispose();
  const [free, total] = cuda.memGetInfo();
  expect(free).toBe(total - cuda.memoryReserved());
  expect(cuda.memoryAllocated(1)).toBe(torch.cuda.device(1, () => cuda.memoryAllocated()));
  expect(torch.accelerator.memoryAllocated()).toBe(cuda.memoryAllocated());
});

it('prints the summary as Python does', () => {
  // Where memory_stats gives 0, 4321, 2 * 4321, ... in the order of our names: abbreviated, and in full.
  const names = Object.keys(torch.cuda.memoryStats());
  const stats = Object.fromEntries(names.map((name, i) => [name, i * 4321]));
  const expected = readFileSync(path.join(__dirname, 'recorded/memorySummary.txt'), 'utf8');
  expect(summaryOf(stats, '0', true) + summaryOf(stats, '0', false)).toBe(expected);
  expect(torch.cuda.memorySummary(1, { abbreviated: true })).toMatch(/device ID 1[^]*Allocated memory/);
});

function trainer(): { step: () => void; parameters: () => number[][] } {
  torch.manualSeed(1);
  const net = new nn.Sequential(
    new nn.Conv2d(1, 2, 3),
    new nn.ReLU(),
    new nn.Flatten(),
    new nn.Linear(8, 3),
  ).to('cuda');
  const sgd = new optim.SGD(net.parameters(), { lr: 0.1, momentum: 0.9 });
  const criterion = new nn.CrossEntropyLoss();
  const x = torch.randn([5, 1, 4, 4]).to('cuda');
  const y = torch.randint(3, [5]).to('cuda');
  return {
    step: () =>
      torch.scope(() => {
        sgd.zeroGrad();
        criterion.forward(net.forward(x), y).backward();
        sgd.step();
      }),
    parameters: () => net.parameters().map((p) => [...p.detach().cpu().flatten().dataSync()].map(Number)),
  };
}

it('an allocation that fails anywhere in a step is an error, and the next step runs', async () => {
  const device = simulated();
  const { step, parameters } = trainer();
  step();
  const before = device.allocations();
  step();
  const needed = device.allocations() - before;
  expect(needed).toBeGreaterThan(10);
  for (let at = 1; at <= needed; at++) {
    device.failAllocation(at);
    try {
      expect(step).toThrow(torch.OutOfMemoryError);
    } finally {
      device.failAllocation(0);
    }
    step();
  }
  torch.cuda.synchronize();
  expect(parameters().flat().every(Number.isFinite)).toBe(true);
  await collectGarbage();
});

it('out of memory tells how much there is, and memory that was kept is given back before', () => {
  const all = torch.cuda.memGetInfo()[1];
  const count = Math.floor((all * 0.6) / 4);
  const first = torch.empty([count], { device: 'cuda' });
  expect(() => torch.empty([count], { device: 'cuda' })).toThrow(
    /CUDA out of memory\. Tried to allocate 4915 MiB\. GPU 0 has a total capacity of 8192 MiB/,
  );
  first.dispose();
  torch.empty([count + 1000], { device: 'cuda' }).dispose();
  torch.cuda.emptyCache();
});
