// Random programs of tensors, streams, events, pinned copies and graphs: what they compute is what the CPU computes in the order
// in which they were written, and nothing stays behind. Draws are those of a seed: TORCH_NODE_TEST_PROGRAMS=1000 runs more.
import torch, { type Tensor } from 'torch-node';
import { collectGarbage } from '../support/leaks.js';
import { simulated } from './simulated.js';

// Where every kernel is late, fewer.
const LATE = Number(process.env['TORCH_NODE_SIMULATED_DELAY'] ?? 0);
const COUNT = Number(process.env['TORCH_NODE_TEST_PROGRAMS'] ?? (LATE === 0 ? 1000 : 100));
const SEED = Number(process.env['TORCH_NODE_TEST_SEED'] ?? 1);
const ROOM = 6;
const SHAPE = [16, 16];

/** mulberry32: the same draws everywhere. */
function draws(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

/** A tensor of a program: on a device, and what it has to be, on the CPU. */
interface Slot {
  device: string;
  there: Tensor;
  here: Tensor;
  /** The stream that last wrote it. */
  stream: torch.Stream;
}

const OPERATIONS: ((x: Tensor, y: Tensor) => Tensor)[] = [
  (x, y) => x.add(y),
  (x, y) => x.mul(y).tanh(),
  (x, y) => x.matmul(y).mul(0.1),
  (x, y) => torch.where(x.gt(y), x, y),
  (x) => x.cumsum(0).mul(0.1),
  (x) => x.t().contiguous(),
  (x) => x.sort(1)[0],
  (x, y) => torch.cat([x.narrow(0, 0, 8), y.narrow(0, 8, 8)]),
  (x) => x.softmax(1),
  (x) => x.indexSelect(0, torch.arange(15, -1, { step: -1, device: x.device })),
];
const IN_PLACE: ((x: Tensor, y: Tensor) => unknown)[] = [
  (x, y) => x.add_(y, { alpha: 0.5 }),
  (x) => x.mul_(0.9),
  (x, y) => x.copy_(y),
  (x, y) => x.narrow(1, 2, 5).sub_(y.narrow(1, 3, 5)),
  (x) => x.clamp_({ min: -2, max: 2 }),
];

function runProgram(seed: number): { steps: string[]; wrong: number } {
  const draw = draws(seed);
  const steps: string[] = [];
  const streams = ['cuda:0', 'cuda:1'].map((device) => [
    torch.cuda.defaultStream(device),
    new torch.cuda.Stream(device),
    new torch.cuda.Stream(device),
  ]);
  const random = (): Tensor => torch.randn(SHAPE);
  torch.manualSeed(seed);
  const slots = Array.from({ length: ROOM }, (_, i): Slot => {
    const index = i % 2;
    const here = random();
    return { device: `cuda:${index}`, here, there: here.to(`cuda:${index}`), stream: streams[index]![0]! };
  });
  const pick = (device?: string): Slot => {
    const fitting = slots.filter((slot) => device === undefined || slot.device === device);
    return fitting[draw(fitting.length)]!;
  };
  /** Runs on a stream that waits for what the tensors were written by, by an event or by the stream. */
  const on = (device: string, used: Slot[], run: () => void): torch.Stream => {
    const stream = streams[Number(device.slice(5))]![draw(3)]!;
    for (const slot of used) {
      if (draw(2) === 0) stream.waitStream(slot.stream);
      else stream.waitEvent(slot.stream.recordEvent());
      slot.there.recordStream(stream);
    }
    torch.cuda.stream(stream, run);
    // What is written on this stream is read there afterwards only by who waits.
    for (const slot of used) {
      slot.stream.waitStream(stream);
    }
    return stream;
  };

  for (let i = 0; i < 30; i++) {
    const a = pick();
    const b = pick(a.device);
    switch (draw(6)) {
      case 0:
      case 1: {
        const operation = OPERATIONS[draw(OPERATIONS.length)]!;
        let there: Tensor;
        const stream = on(a.device, [a, b], () => (there = operation(a.there, b.there)));
        slots[slots.indexOf(a)] = {
          device: a.device,
          there: there!,
          here: operation(a.here, b.here),
          stream,
        };
        steps.push(`new ${String(operation)}`);
        break;
      }
      case 2: {
        if (a === b) break;
        const operation = IN_PLACE[draw(IN_PLACE.length)]!;
        a.stream = on(a.device, [a, b], () => operation(a.there, b.there));
        operation(a.here, b.here);
        steps.push(`in place ${String(operation)}`);
        break;
      }
      case 3: {
        // To the other device.
        const target = a.device === 'cuda:0' ? 'cuda:1' : 'cuda:0';
        const source = streams[Number(a.device.slice(5))]![0]!;
        source.waitStream(a.stream);
        const there = torch.cuda.stream(source, () => a.there.to(target));
        a.there.recordStream(source);
        slots[slots.indexOf(a)] = {
          device: target,
          there,
          here: a.here,
          stream: torch.cuda.currentStream(target),
        };
        steps.push('peer');
        break;
      }
      case 4: {
        // Pinned memory that is written again once its copy is done.
        const pinned = random().pinMemory();
        const here = pinned.clone();
        const event = new torch.cuda.Event();
        const stream = on(a.device, [a], () => {
          a.there.copy_(pinned, { nonBlocking: true });
          event.record(torch.cuda.currentStream(a.device));
        });
        event.synchronize();
        pinned.fill_(7);
        Object.assign(a, { here, stream });
        steps.push('pinned');
        break;
      }
      default: {
        // A graph over two tensors, replayed twice.
        if (a === b) break;
        for (const slot of [a, b]) torch.cuda.currentStream(a.device).waitStream(slot.stream);
        torch.cuda.device(a.device, () => {
          const graph = new torch.cuda.CUDAGraph();
          torch.cuda.graph(graph, () => a.there.add_(b.there.mul(0.1).tanh()));
          graph.replay();
          graph.replay();
          torch.cuda.synchronize();
          graph.reset();
        });
        for (let k = 0; k < 2; k++) a.here.add_(b.here.mul(0.1).tanh());
        a.stream = torch.cuda.currentStream(a.device);
        steps.push('graph');
      }
    }
  }
  for (const device of [0, 1]) torch.cuda.synchronize(device);
  const wrong = slots.filter(({ there, here }) => !there.cpu().equal(here)).length;
  return { steps, wrong };
}

it(`${COUNT} programs from seed ${SEED} on give the CPU's results and leave nothing`, async () => {
  torch.setNumThreads(1);
  const live = (): number => torch.cuda.memoryAllocated(0) + torch.cuda.memoryAllocated(1);
  await collectGarbage();
  const before = live();
  const failures: string[] = [];
  const kinds = new Set<string>();
  for (let seed = SEED; seed < SEED + COUNT; seed++) {
    const { steps, wrong } = torch.scope(() => runProgram(seed));
    if (wrong > 0) failures.push(`seed ${seed}: ${wrong} of ${ROOM} differ after ${steps.join(', ')}`);
    for (const step of steps) kinds.add(step);
  }
  expect(failures).toEqual([]);
  expect(kinds.size).toBeGreaterThan(10);
  await collectGarbage();
  for (const device of [0, 1]) torch.cuda.synchronize(device);
  expect(live()).toBe(before);
}, 600_000);

it('a stream that does not wait gives other numbers, which a late kernel shows', () => {
  const device = simulated();
  device.setDelay(2000);
  try {
    const x = torch.zeros([1000], { device: 'cuda' });
    torch.cuda.synchronize();
    for (let i = 0; i < 5; i++) x.add_(0);
    x.add_(1);
    const side = new torch.cuda.Stream();
    const early = torch.cuda.stream(side, () => x.mul(1));
    torch.cuda.synchronize();
    expect(early.sum().item()).toBeLessThan(1000);
    side.waitStream(torch.cuda.currentStream());
    const late = torch.cuda.stream(side, () => x.mul(1));
    torch.cuda.synchronize();
    expect(late.sum().item()).toBe(1000);
  } finally {
    device.setDelay(LATE);
  }
});

it('without its waiting, what reads a pinned copy reads too early', () => {
  const device = simulated();
  device.setDelay(2000);
  const read = (): number => {
    const x = torch.ones([1000], { device: 'cuda' });
    torch.cuda.synchronize();
    const target = torch.zeros([1000]).pinMemory();
    target.copy_(x, { nonBlocking: true });
    torch.cuda.synchronize();
    return target.sum().item();
  };
  try {
    expect(read()).toBe(1000);
    device.skipSynchronize(1);
    expect(read()).not.toBe(1000);
  } finally {
    device.skipSynchronize(0);
    torch.cuda.synchronize();
    device.setDelay(LATE);
  }
});
