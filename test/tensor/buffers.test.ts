// Tensors over JavaScript's buffers, and JavaScript's arrays over tensors.
import { once } from 'node:events';
import path from 'node:path';
import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads';
import torch, { type BufferOptions, type Tensor, type TypedArray } from 'torch-node';
import { collectGarbage, liveTensors, withoutLeaks } from '../support/leaks.js';

const MAIN = JSON.stringify(path.resolve(__dirname, '../../dist/index.js'));

describe('fromBuffer', () => {
  it('shares memory with every kind of buffer', () => {
    withoutLeaks(() => {
      const plain = new ArrayBuffer(8);
      const shared = new SharedArrayBuffer(8);
      const buffers = [
        plain,
        shared,
        new DataView(plain),
        new Uint8Array(shared),
        Buffer.alloc(8),
        Buffer.from('12345678'),
      ];
      for (const buffer of buffers) {
        const bytes = ArrayBuffer.isView(buffer)
          ? new Uint8Array(buffer.buffer, buffer.byteOffset, 8)
          : new Uint8Array(buffer);
        const t = torch.fromBuffer(buffer);
        expect([t.dtype, t.shape]).toEqual(['uint8', [8]]);
        bytes[3] = 77;
        expect(t.at(3).item()).toBe(77);
        t.fill_(5);
        expect([...bytes]).toEqual([5, 5, 5, 5, 5, 5, 5, 5]);
      }
    });
  });

  it('takes the dtype of an array, or another, an offset, a count and a shape', () => {
    withoutLeaks(() => {
      const source = Float32Array.of(1, 2, 3, 4, 5, 6);
      const of = (options: BufferOptions): Tensor => torch.fromBuffer(source, options);
      expect(of({}).dtype).toBe('float32');
      expect(of({ offset: 8 }).toArray()).toEqual([3, 4, 5, 6]);
      expect(of({ offset: 4, count: 2 }).toArray()).toEqual([2, 3]);
      expect(of({ offset: 24 }).toArray()).toEqual([]);
      expect(of({ count: 0 }).shape).toEqual([0]);
      expect(of({ shape: [2, 3] }).toArray()).toEqual([[1, 2, 3], [4, 5, 6]]); // prettier-ignore
      expect(of({ shape: [2], offset: 16 }).toArray()).toEqual([5, 6]);
      expect(of({ shape: [], offset: 16 }).item()).toBe(5);
      expect(of({ dtype: 'complex64' }).shape).toEqual([3]);
      expect(of({ dtype: 'int32' }).at(0).item()).toBe(0x3f800000);
      expect(of({ requiresGrad: true }).requiresGrad).toBe(true);
      // The middle of a buffer: offsets count from the beginning of the array.
      const middle = source.subarray(2, 5);
      expect(torch.fromBuffer(middle).toArray()).toEqual([3, 4, 5]);
      expect(torch.fromBuffer(middle, { offset: 4, count: 1 }).toArray()).toEqual([4]);
      const halves = new Uint16Array([0x3f80, 0x4000]);
      expect(torch.fromBuffer(halves, { dtype: 'bfloat16' }).toArray()).toEqual([1, 2]);
      expect(torch.fromBuffer(new SharedArrayBuffer(16), { dtype: 'int64' }).shape).toEqual([2]);
    });
  });

  it('refuses what does not fit, and says what would', () => {
    const bytes = new Uint8Array(10);
    const bad: [() => unknown, RegExp][] = [
      [() => torch.fromBuffer([1, 2] as never), /expected an ArrayBuffer, a SharedArrayBuffer, a TypedArray/],
      [() => torch.fromBuffer(null as never), /expected an ArrayBuffer/],
      [() => torch.fromBuffer(bytes, { dtype: 'float31' as never }), /unknown dtype 'float31': expected one of uint8/],
      [() => torch.fromBuffer(bytes, { dtype: 'toString' as never }), /unknown dtype/],
      [() => torch.fromBuffer(bytes, { dtype: 'float32' }), /10 bytes from offset 0 on are no whole number of float32/],
      [() => torch.fromBuffer(bytes, { dtype: 'int16', offset: 1, count: 1 }), /not aligned for int16/],
      [() => torch.fromBuffer(bytes, { offset: 11 }), /offset 11 lies beyond the 10 bytes/],
      [() => torch.fromBuffer(bytes, { offset: -1 }), /offset: expected a whole number of 0 or more, got -1/],
      [() => torch.fromBuffer(bytes, { offset: 0.5 }), /offset: expected a whole number/],
      [() => torch.fromBuffer(bytes, { count: -1 }), /count: expected a whole number/],
      [() => torch.fromBuffer(bytes, { count: 3, dtype: 'float32' }), /3 elements of float32 need 12 bytes, the buffer has 10/],
      [() => torch.fromBuffer(bytes, { shape: [11] }), /11 elements of uint8 need 11 bytes/],
      [() => torch.fromBuffer(bytes, { shape: [-2, -2] }), /numbers of 0 or more, got -2/],
      [() => torch.fromBuffer(bytes, { shape: [-2] }), /numbers of 0 or more, got -2/],
      [() => torch.fromBuffer(bytes, { shape: [NaN] }), /NaN|integer/],
      [() => torch.fromBuffer(bytes, { shape: [2], count: 2 }), /a count or a shape, not both/],
      [() => torch.fromBuffer(bytes, { requiresGrad: true }), /floating point/],
      [() => torch.fromTypedArray(new DataView(new ArrayBuffer(2)) as never), /expected a TypedArray that a dtype fits/],
    ]; // prettier-ignore
    for (const [make, message] of bad) {
      expect(make).toThrow(message);
      expect(make).toThrow(expect.objectContaining({ name: 'TorchError' }));
    }
  });

  it('refuses buffers that shrink or are gone, and takes those that only grow', () => {
    const options = { maxByteLength: 16 } as never;
    const resizable = new (ArrayBuffer as new (size: number, options: never) => ArrayBuffer)(8, options);
    expect(() => torch.fromBuffer(resizable)).toThrow(/a resizable ArrayBuffer.*copy it with torch\.tensor/);
    expect(() => torch.fromTypedArray(new Uint8Array(resizable))).toThrow(/a resizable ArrayBuffer/);
    const gone = new Uint8Array(8);
    structuredClone(gone.buffer, { transfer: [gone.buffer] });
    expect(() => torch.fromBuffer(gone)).toThrow(/detached/);
    expect(() => torch.fromBuffer(gone.buffer)).toThrow(/detached/);
    expect(() => torch.tensor(gone)).toThrow(/detached/);
    withoutLeaks(() => {
      const growable = new (
        SharedArrayBuffer as unknown as new (
          size: number,
          options: never,
        ) => SharedArrayBuffer & { grow(size: number): void }
      )(8, options);
      const t = torch.fromBuffer(growable);
      growable.grow(16);
      new Uint8Array(growable).fill(3);
      expect([t.shape, t.sum().item()]).toEqual([[8], 24]);
    });
  });

  it('keeps the buffer where it is: no transfer takes it away', () => {
    withoutLeaks(() => {
      const source = Float32Array.of(1, 2);
      const t = torch.fromBuffer(source);
      const buffer = source.buffer as ArrayBuffer & { transfer?(): ArrayBuffer };
      const { port1, port2 } = new MessageChannel();
      const attempts: (() => unknown)[] = [
        () => structuredClone(buffer, { transfer: [buffer] }),
        () => structuredClone(source, { transfer: [buffer] }),
        () => port1.postMessage(buffer, [buffer]),
        () => buffer.transfer?.(),
      ];
      for (const attempt of attempts) {
        try {
          attempt(); // Node 20 copies what is not to be transferred, later ones throw
        } catch (error) {
          expect((error as Error).message).toMatch(/transfer|a tensor lies in this buffer/);
        }
        expect(buffer.byteLength).toBe(8);
      }
      const message = receiveMessageOnPort(port2) as { message: ArrayBuffer } | undefined;
      if (message !== undefined) new Float32Array(message.message).fill(9);
      port1.close();
      source[0] = 5;
      expect(t.toArray()).toEqual([5, 2]);
    });
  });
});

describe('the life of a buffer', () => {
  const made = (size = 1000): { t: Tensor; gone: WeakRef<ArrayBufferLike> } => {
    const source = new Float32Array(size).fill(2);
    return { t: torch.fromBuffer(source), gone: new WeakRef(source.buffer) };
  };
  // The reference waits for the next tensor that is made or released on its thread.
  const collect = async (): Promise<void> => {
    await collectGarbage();
    torch.ones([1]).dispose();
    await collectGarbage();
  };

  it('is as long as the tensor needs it, and no longer', async () => {
    const { t, gone } = made();
    await collect();
    expect(t.sum().item()).toBe(2000);
    expect(gone.deref()).toBeDefined();
    t.dispose();
    await collect();
    expect(gone.deref()).toBeUndefined();
  });

  it('is that of a view, after the tensor was disposed of', async () => {
    const { t, gone } = made();
    const view = t.narrow(0, 5, 2).detach();
    t.dispose();
    await collect();
    expect([view.toArray(), gone.deref() !== undefined]).toEqual([[2, 2], true]);
    view.dispose();
    await collect();
    expect(gone.deref()).toBeUndefined();
  });

  it("is that of autograd's graph, and backward() reads it", async () => {
    const { t, gone } = made();
    const weight = torch.full([1000], 3, { requiresGrad: true });
    const loss = weight.mul(t).sum();
    t.dispose();
    await collect();
    expect(gone.deref()).toBeDefined();
    loss.backward();
    const grad = weight.grad!;
    expect([loss.item(), grad.at(7).item(), grad.sum().item()]).toEqual([6000, 2, 2000]);
    for (const each of [grad, loss, weight]) each.dispose();
    await collect();
    expect(gone.deref()).toBeUndefined();
  });

  it('is that of a tensor that the collector finds', async () => {
    const gone = (() => made().gone)();
    await collect();
    await collect();
    expect(gone.deref()).toBeUndefined();
  });

  it('takes gradients into a leaf over a buffer', () => {
    withoutLeaks(() => {
      const source = Float32Array.of(1, 2, 3);
      const leaf = torch.fromBuffer(source, { requiresGrad: true });
      leaf.mul(leaf).sum().backward();
      expect(leaf.grad!.toArray()).toEqual([2, 4, 6]);
      torch.noGrad(() => leaf.sub_(leaf.grad!));
      expect([...source]).toEqual([-1, -2, -3]);
    });
  });

  it('ends safely with its thread', async () => {
    const before = liveTensors();
    for (const stays of [true, false, true]) {
      const worker = new Worker(
        `const { parentPort } = require('node:worker_threads');
         import(${MAIN}).then(({ default: torch }) => {
           const source = new Float32Array(100000).fill(1);
           globalThis.kept = [torch.fromBuffer(source), torch.ones([1000]).shareMemory_(), torch.fromBuffer(source).mul(2)];
           kept.push(kept[0].narrow(0, 3, 4), kept[2].dataView(), kept[1].dataView(), torch.utils.dlpack.toDlpack(kept[0]));
           kept.push(torch.fromBuffer(source, { requiresGrad: true }).mul(kept[0]).sum());
           void kept[2].data();
           parentPort.postMessage(kept[3].sum().item());
           if (${stays}) setInterval(() => {}, 1000);
         });`,
        { eval: true },
      );
      const ended = once(worker, 'exit');
      expect(await once(worker, 'message')).toEqual([4]);
      if (stays) await worker.terminate();
      expect(await ended).toEqual([stays ? 1 : 0]);
    }
    expect(liveTensors()).toBeLessThanOrEqual(before);
  });
});

describe('dataView', () => {
  it('is an array over the memory, of the kind that the dtype has', () => {
    withoutLeaks(() => {
      const kinds = {
        uint8: Uint8Array, int8: Int8Array, int16: Int16Array, int32: Int32Array, int64: BigInt64Array, bool: Uint8Array,
        float16: Uint16Array, bfloat16: Uint16Array, float32: Float32Array, float64: Float64Array,
        complex64: Float32Array, complex128: Float64Array,
      } as const; // prettier-ignore
      for (const [dtype, kind] of Object.entries(kinds)) {
        const t = torch.ones([2, 3]).to(dtype);
        const view = t.dataView();
        expect([dtype, view.constructor.name, view.length]).toEqual([
          dtype,
          kind.name,
          dtype.startsWith('complex') ? 12 : 6,
        ]);
        torch.fromBuffer(view, { dtype: t.dtype, shape: [2, 3] }).zero_();
        expect(t.equal(torch.zeros([2, 3]).to(t.dtype))).toBe(true);
      }
      expect([...torch.tensor([1, -2]).to('bfloat16').dataView()]).toEqual([0x3f80, 0xc000]);
      expect([...torch.tensor([1, -2]).to('float16').dataView()]).toEqual([0x3c00, 0xc000]);
      const complex = torch.tensor([1, 2]).to('complex64');
      complex.dataView()[1] = 7;
      expect([...complex.dataSync()]).toEqual([1, 7, 2, 0]);
      expect(torch.ones([0]).dataView()).toHaveLength(0);
    });
  });

  it("is over the tensor's own buffer where it has one", () => {
    withoutLeaks(() => {
      const source = Float32Array.of(1, 2, 3, 4);
      const t = torch.fromBuffer(source);
      expect(t.dataView().buffer).toBe(source.buffer);
      const part = t.narrow(0, 2, 2).dataView();
      expect([part.buffer === source.buffer, part.byteOffset, [...part]]).toEqual([true, 8, [3, 4]]);
      const tail = torch.fromBuffer(source.subarray(1)).narrow(0, 1, 1).dataView();
      expect([tail.byteOffset, [...tail]]).toEqual([8, [3]]);
      torch.utils.dlpack.toDlpack(t); // shares the memory, which stays JavaScript's
      expect(t.dataView().buffer).toBe(source.buffer);
    });
  });

  it('outlives the tensor, and sees the same memory when that moves', async () => {
    const before = liveTensors();
    const t = torch.full([1000], 4);
    const view = t.dataView();
    const narrow = t.narrow(0, 1, 2).dataView();
    t.resize_([200_000]).fill_(0);
    expect([...view.subarray(0, 2), ...narrow]).toEqual([4, 4, 4, 4]);
    t.shareMemory_();
    t.dispose();
    await collectGarbage();
    expect(view.every((value) => Number(value) === 4)).toBe(true);
    expect(liveTensors()).toBeLessThanOrEqual(before);
  });

  it('refuses what has no such memory, and says what to do', () => {
    withoutLeaks(() => {
      const bad: [() => TypedArray, RegExp][] = [
        [() => torch.ones([2, 3]).t().dataView(), /contiguous\(\)/],
        [() => torch.ones([2, 3]).narrow(1, 0, 2).dataView(), /contiguous\(\)/],
        [() => torch.ones([2], { requiresGrad: true }).dataView(), /requires a gradient.*detach\(\)/],
        [() => torch.ones([2], { requiresGrad: true }).mul(2).dataView(), /detach\(\)/],
        [() => torch.ones([2], { device: 'meta' }).dataView(), /on the CPU/],
        [() => torch.eye(2).toSparse().dataView(), /contiguous tensor on the CPU/],
        [() => torch.ones([2]).to('complex64').conj().dataView(), /does not hold its values.*clone\(\)/],
      ];
      for (const [make, message] of bad) {
        expect(make).toThrow(message);
        expect(make).toThrow(expect.objectContaining({ name: 'TorchError' }));
      }
    });
  });

  it('leaves a tensor larger than its buffer in memory of its own', () => {
    withoutLeaks(() => {
      const source = Float32Array.of(1, 2);
      const t = torch.fromBuffer(source);
      t.resize_([100_000]).fill_(3);
      expect([t.sum().item(), [...source]]).toEqual([300_000, [1, 2]]);
      const out = torch.fromBuffer(source).resize_([0]);
      torch.ops.call('aten::cat.out', [[torch.ones([5000]), torch.ones([5000])], 0, out]);
      expect([out.shape, out.sum().item(), [...source]]).toEqual([[10_000], 10_000, [1, 2]]);
    });
  });
});

describe('shareMemory_', () => {
  it('moves the storage, with all views of it', () => {
    withoutLeaks(() => {
      const t = torch.arange(6, { dtype: 'float32' }).reshape(2, 3);
      const column = t.select(1, 1);
      expect([t.isShared(), t.shareMemory_() === t, t.isShared(), column.isShared()]).toEqual([
        false,
        true,
        true,
        true,
      ]);
      const view = t.dataView();
      expect(Object.prototype.toString.call(view.buffer)).toBe('[object SharedArrayBuffer]');
      column.fill_(9);
      expect([...view]).toEqual([0, 9, 2, 3, 9, 5]);
      t.shareMemory_(); // a second time does nothing
      expect(t.dataView().buffer).toBe(view.buffer);
      expect(torch.fromBuffer(new SharedArrayBuffer(4)).isShared()).toBe(true);
      expect(torch.fromBuffer(new ArrayBuffer(4)).shareMemory_().isShared()).toBe(true);
      expect(() => torch.ones([2], { device: 'meta' }).shareMemory_()).toThrow(/dense tensor on the CPU/);
      expect(() => torch.eye(2).toSparse().shareMemory_()).toThrow(/dense tensor on the CPU/);
    });
  });

  it('works under parameters and their graph', () => {
    withoutLeaks(() => {
      const weight = torch.ones([3], { requiresGrad: true });
      const loss = weight.mul(weight).sum();
      weight.shareMemory_();
      torch.noGrad(() =>
        weight
          .detach()
          .dataView()
          .fill(1 as never),
      );
      loss.backward();
      expect(weight.grad!.toArray()).toEqual([2, 2, 2]);
    });
  });

  it('lets several workers and this thread see one memory', async () => {
    const before = liveTensors();
    const t = torch.zeros([4]).shareMemory_();
    const array = t.dataView();
    const workers = [0, 1, 2].map(
      (row) =>
        new Worker(
          `const { parentPort, workerData } = require('node:worker_threads');
           import(${MAIN}).then(({ default: torch }) => {
             const t = torch.fromBuffer(workerData.array);
             t.select(0, ${row}).add_(${row} + 1);
             parentPort.postMessage([t.shape[0], t.isShared(), t.at(3).item()]);
           });`,
          { eval: true, workerData: { array } },
        ),
    );
    t.at(3).fill_(8);
    const answers = await Promise.all(workers.map((worker) => once(worker, 'message')));
    await Promise.all(workers.map((worker) => worker.terminate()));
    expect(answers).toEqual([[[4, true, 8]], [[4, true, 8]], [[4, true, 8]]]);
    expect(t.toArray()).toEqual([1, 2, 3, 8]);
    t.dispose();
    expect(liveTensors()).toBeLessThanOrEqual(before);
  });
});

it('sends borrowed memory as a copy, and memory that is only looked at as it is', () => {
  withoutLeaks(() => {
    const source = Float32Array.of(1, 2);
    const copied = torch.receive(torch.send(torch.fromBuffer(source)));
    copied.fill_(5);
    expect([...source]).toEqual([1, 2]);
    const t = torch.ones([2]);
    const view = t.dataView();
    const same = torch.receive(torch.send(t));
    same.fill_(6);
    expect([...view]).toEqual([6, 6]);
  });
});
