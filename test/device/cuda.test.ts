// torch.cuda and torch.accelerator: devices, streams, events and random numbers.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import torch from 'torch-node';

const { cuda } = torch;

describe('devices', () => {
  it('there are two, and one is current', () => {
    expect([cuda.deviceCount(), cuda.isAvailable(), cuda.isBuilt()]).toEqual([2, true, true]);
    expect([cuda.currentDevice(), torch.ones([1], { device: 'cuda' }).device]).toEqual([0, 'cuda:0']);
    expect(torch.accelerator.currentAccelerator()).toBe('cuda');
  });
  it('a scope makes another current, over awaits too', async () => {
    const inside = (): string => torch.ones([1], { device: 'cuda' }).device;
    expect(cuda.device(1, inside)).toBe('cuda:1');
    expect(inside()).toBe('cuda:0');
    const later = cuda.device('cuda:1', async () => {
      await Promise.resolve();
      return inside();
    });
    expect(inside()).toBe('cuda:0');
    expect(await later).toBe('cuda:1');
    expect(() =>
      cuda.device(1, () => {
        throw new Error('mine');
      }),
    ).toThrow('mine');
    expect(inside()).toBe('cuda:0');
  });
  it('setDevice holds for the thread', () => {
    cuda.setDevice(1);
    try {
      expect([cuda.currentDevice(), cuda.currentStream().device]).toEqual([1, 'cuda:1']);
      expect(new cuda.Stream().device).toBe('cuda:1');
    } finally {
      cuda.setDevice(0);
    }
  });
  it.each([2, -1, 1.5, 'cuda:2', 'cpu', 'gpu', 'cuda:x', null])('%p is refused', (device) => {
    expect(() => cuda.setDevice(device as never)).toThrow(torch.TorchError);
    expect(() => cuda.setDevice(undefined as never)).toThrow(/expected a string as 'cuda:0', or an index/);
    expect(() => cuda.memoryAllocated(device as never)).toThrow(torch.TorchError);
    expect(() => cuda.synchronize(device as never)).toThrow(torch.TorchError);
  });
  it('what only the driver knows says that there is none', () => {
    for (const ask of [cuda.getDeviceName, cuda.getDeviceCapability, cuda.getDeviceProperties])
      expect(() => ask()).toThrow(
        /only the NVIDIA driver knows this of cuda:0, and its library \(libcuda\.so\.1\)/,
      );
    expect(() => cuda.isBf16Supported()).toThrow(/NVIDIA driver/);
  });
  it('a module moves, and mixed devices are an error that names them', () => {
    const net = new torch.nn.Linear(2, 2).to('cuda:1');
    expect(net.weight.device).toBe('cuda:1');
    expect(() => net.forward(torch.ones([1, 2], { device: 'cuda:0' }))).toThrow(
      /cuda:0.*cuda:1|cuda:1.*cuda:0/s,
    );
    expect(() => net.forward(torch.ones([1, 2]))).toThrow(/cpu/);
  });
  it('what has failed on the device comes out of what waits for it', () => {
    const x = torch.ones([2], { device: 'cuda' });
    const index = torch.tensor([5], { dtype: 'int64' }).to('cuda');
    expect(() => {
      x.indexSelect(0, index);
      cuda.synchronize();
    }).toThrow(/device-side assert triggered: index out of range/);
    expect(x.sum().item()).toBe(2);
  });
});

describe('events', () => {
  it('tell what is done, and how long it took', () => {
    const [start, end] = [new cuda.Event({ enableTiming: true }), new torch.Event({ enableTiming: true })];
    expect([start.query(), end.query()]).toEqual([true, true]);
    start.record();
    const x = torch.ones([64, 64], { device: 'cuda' });
    for (let i = 0; i < 5; i++) x.matmul(x);
    end.record();
    end.synchronize();
    expect(end.query()).toBe(true);
    expect(start.elapsedTime(end)).toBeGreaterThan(0);
  });
  it('refuse what they cannot tell', () => {
    const [timed, plain] = [new cuda.Event({ enableTiming: true }), new cuda.Event()];
    expect(() => timed.elapsedTime(plain)).toThrow(/enableTiming/);
    expect(() => timed.elapsedTime(new cuda.Event({ enableTiming: true }))).toThrow(/have to be recorded/);
    expect(() => timed.elapsedTime(5 as never)).toThrow(/an Event/);
    expect(() => new cuda.Event({ enable_timing: true } as never)).toThrow(/enableTiming/);
    expect(() => cuda.currentStream().waitEvent({} as never)).toThrow(/an Event/);
    expect(() => cuda.currentStream().waitStream(1 as never)).toThrow(/a Stream/);
  });
  it('streams are equal where they are the same', () => {
    const stream = new cuda.Stream(0, { priority: -1 });
    expect(cuda.stream(stream, () => cuda.currentStream().equals(stream))).toBe(true);
    expect(cuda.currentStream().equals(stream)).toBe(false);
    expect(cuda.defaultStream().equals(cuda.currentStream())).toBe(true);
    expect(cuda.defaultStream(1).equals(cuda.defaultStream(0))).toBe(false);
    expect(stream.equals({})).toBe(false);
    expect(() => new cuda.Stream(0, { priority: 'high' as never })).toThrow(/priority/);
  });
});

describe('random numbers', () => {
  const draw = (device: string): number[] => [...torch.rand([3], { device }).cpu().dataSync()].map(Number);
  it('of a device are seeded with all, alone, and by a state', () => {
    torch.manualSeed(5);
    const [first, second] = [draw('cuda:0'), draw('cuda:1')];
    torch.manualSeed(5);
    expect(draw('cuda:0')).toEqual(first);
    cuda.manualSeed(5);
    expect([draw('cuda:0'), draw('cuda:1')]).toEqual([first, second]);
    cuda.manualSeedAll(5);
    expect([draw('cuda:0'), draw('cuda:1')]).toEqual([first, second]);
    const state = cuda.getRngState(1);
    const next = draw('cuda:1');
    cuda.setRngState(state, 1);
    expect(draw('cuda:1')).toEqual(next);
    expect([state.dtype, state.device]).toEqual(['uint8', 'cpu']);
  });
  it('seeds that are none are refused', () => {
    expect(() => cuda.manualSeed(1.5)).toThrow(/an integer seed/);
    expect(() => cuda.manualSeedAll('a' as never)).toThrow(/an integer seed/);
    expect(() => cuda.setRngState(5 as never)).toThrow(/state/);
  });
  it('of a generator on a device are its own', () => {
    const [a, b] = [1, 2].map(() => new torch.Generator('cuda').manualSeed(3));
    const numbers = (generator: torch.Generator): number[] =>
      [...torch.rand([3], { device: 'cuda', generator }).cpu().dataSync()].map(Number);
    expect(numbers(a!)).toEqual(numbers(b!));
  });
});

it('a tensor that was saved on a device loads there, or where it is told', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'torch-node-device-'));
  const file = path.join(folder, 'saved.pt');
  await torch.save({ a: torch.ones([2], { device: 'cuda:1' }), b: torch.ones([2]) }, file);
  const loaded = (await torch.load(file)) as Record<'a' | 'b', torch.Tensor>;
  expect([loaded.a.device, loaded.b.device]).toEqual(['cuda:1', 'cpu']);
  const moved = (await torch.load(file, { mapLocation: 'cpu' })) as Record<'a', torch.Tensor>;
  expect(moved.a.device).toBe('cpu');
  const other = (await torch.load(file, { mapLocation: { 'cuda:1': 'cuda:0' } })) as Record<
    'a',
    torch.Tensor
  >;
  expect(other.a.device).toBe('cuda:0');
  rmSync(folder, { recursive: true });
});
