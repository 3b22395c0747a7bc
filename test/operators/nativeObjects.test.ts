// Objects that live on the native side: packed parameters of quantized layers against what Python computes with them
// (test/parity/recordScalars.py), storages, streams, classes, and values inside dictionaries and tuples.
import { once } from 'node:events';
import path from 'node:path';
import { inspect } from 'node:util';
import { Worker } from 'node:worker_threads';
import torch, { type DType, type NativeObject, type Tensor } from 'torch-node';
import { native } from '../../lib/native/binding.js';
import { loadKept, otherMachine } from '../parity/support.js';
import { collectGarbage, withoutLeaks } from '../support/leaks.js';

interface Stored {
  dtype: DType;
  shape: number[];
  values: number[];
  scale?: number;
  zeroPoint?: number;
}

// Keeps what it makes until its end.
const WORKER = `
const { parentPort } = require('node:worker_threads');
import(${JSON.stringify(path.resolve(__dirname, '../../dist/index.js'))}).then(({ default: torch }) => {
  const weight = torch.quantizePerTensor(torch.ones([1, 1, 1, 1]), 0.1, 0, 'qint8');
  const packed = torch.ops.call('quantized::conv2d_prepack', [weight, null, [1, 1], [0, 0], [1, 1], 1]);
  globalThis.kept = [packed, torch.ones([4]).untypedStorage()];
  parentPort.on('message', () => undefined);
  parentPort.postMessage({ text: String(packed), copy: packed });
});`;

const record = loadKept<{ quantized: Record<string, Stored> }>('scalars');
const { quantized } = record;
const elsewhere = otherMachine(record);
if (elsewhere !== undefined)
  process.stderr.write(`parity: quantized layers: ${elsewhere}: may differ by 1 in the last place\n`);

const call = (name: string, ...args: unknown[]): unknown => torch.ops.call(name, args);

/** As in recordScalars.py. */
function ramp(...shape: number[]): Tensor {
  const count = shape.reduce((product, size) => product * size, 1);
  return torch.arange(count, { dtype: 'float32' }).mul(0.1).sub(1).reshape(shape);
}

const quantize = (t: Tensor, scale: number, zeroPoint: number, dtype: DType): Tensor =>
  torch.quantizePerTensor(t, scale, zeroPoint, dtype);

function linear(): NativeObject {
  const bias = torch.tensor([0.5, -0.25]);
  return call('quantized::linear_prepack', quantize(ramp(2, 4), 0.01, 0, 'qint8'), bias) as NativeObject;
}

function conv(): NativeObject {
  const weight = quantize(ramp(3, 2, 3, 3), 0.04, 0, 'qint8');
  const bias = torch.tensor([0.5, -0.25, 0]);
  return call('quantized::conv2d_prepack', weight, bias, [1, 1], [1, 1], [1, 1], 1) as NativeObject;
}

function expectRecorded(name: string, result: unknown): void {
  const want = quantized[name]!;
  const got = result as Tensor;
  const whole = want.scale !== undefined;
  const values = Array.from((whole ? torch.intRepr(got) : got).dataSync(), Number);
  expect({ dtype: got.dtype, shape: got.shape }).toEqual({ dtype: want.dtype, shape: want.shape });
  if (whole) expect([got.qScale(), got.qZeroPoint()]).toEqual([want.scale, want.zeroPoint]);
  const largest = Math.max(...want.values.map(Math.abs));
  const allowed = elsewhere === undefined ? 0 : whole ? 1 : 1e-5 * largest;
  expect(values.length).toBe(want.values.length);
  values.forEach((value, i) => expect(Math.abs(value - want.values[i]!)).toBeLessThanOrEqual(allowed));
}

describe('packed parameters', () => {
  it('of linear layers give what Python computes', () => {
    withoutLeaks(() => {
      const packed = linear();
      const x = quantize(ramp(3, 4), 0.02, 60, 'quint8');
      expectRecorded('linear', call('quantized::linear', x, packed, 0.05, 10));
      expectRecorded('linear_relu', call('quantized::linear_relu', x, packed, 0.05, 10));
      expectRecorded('linear_dynamic', call('quantized::linear_dynamic', ramp(3, 4), packed));
      packed.dispose();
    });
  });

  it('of convolutions and embeddings give what Python computes', () => {
    withoutLeaks(() => {
      const packed = conv();
      const images = quantize(ramp(1, 2, 5, 5), 0.05, 30, 'quint8');
      expectRecorded('conv2d', call('quantized::conv2d.new', images, packed, 0.2, 40));
      expectRecorded('conv2d_relu', call('quantized::conv2d_relu.new', images, packed, 0.2, 40));
      const scales = torch.full([4], 0.1);
      const weight = torch.quantizePerChannel(ramp(4, 8), scales, torch.full([4], 3), 0, 'quint8');
      const table = call('quantized::embedding_bag_prepack', weight) as NativeObject;
      const rows = torch.tensor([2n, 0n, 3n]);
      expectRecorded('embedding_byte', call('quantized::embedding_byte', table, rows));
      for (const each of [packed, table]) each.dispose();
    });
  });

  it('are unpacked by operators and by their own methods', () => {
    withoutLeaks(() => {
      const packed = linear();
      const [weight, bias] = call('quantized::linear_unpack', packed) as [Tensor, Tensor];
      expectRecorded('unpacked_weight', weight);
      expectRecorded('unpacked_bias', bias);
      const [again] = packed.call('unpack') as [Tensor, Tensor];
      expectRecorded('unpacked_weight', again);
      expect(packed.methods()).toContain('unpack');
      expect(() => packed.call('pack')).toThrow(/there is no method 'pack': it has .*unpack/);
      expect(() => packed.call('unpack', 1)).toThrow(/expected at most 1 arguments, got 2/);
      packed.dispose();
    });
  });

  it('say what they are, and are refused where another is wanted', () => {
    withoutLeaks(() => {
      const [packed, other] = [linear(), conv()];
      const x = quantize(ramp(3, 4), 0.02, 60, 'quint8');
      expect(packed.type).toBe('__torch__.torch.classes.quantized.LinearPackedParamsBase');
      expect([String(packed), inspect(packed)]).toEqual(Array(2).fill(`NativeObject(${packed.type})`));
      expect([torch.isNativeObject(packed), torch.isNativeObject(x)]).toEqual([true, false]);
      const linearWith = (value: unknown) => () => call('quantized::linear', x, value, 0.05, 10);
      const wanted = /argument 'W_prepack' .*expected a NativeObject of \S+LinearPackedParamsBase, got /;
      expect(linearWith(other)).toThrow(wanted);
      expect(linearWith(other)).toThrow(/got a NativeObject of \S+Conv2dPackedParamsBase/);
      expect(linearWith(x)).toThrow(/got a Tensor/);
      expect(linearWith(1)).toThrow(/got the number 1/);
      expect(linearWith({})).toThrow(wanted);
      expect(linearWith({ object: 1e9 })).toThrow(wanted);
      expect(linearWith(Object.create(packed))).toThrow(/an object that inherits from one/);
      expect(() => call('aten::relu', packed)).toThrow(/expected a Tensor, got a NativeObject of/);
      expect(() => torch.rand([1], { generator: packed as never })).toThrow(/a Generator/);
      expect(() => torch.randn([1], { generator: new torch.Generator() })).not.toThrow();
      for (const each of [packed, other]) each.dispose();
    });
  });

  it('are released, and say so', () => {
    withoutLeaks(() => {
      const packed = linear();
      packed.dispose();
      packed.dispose();
      expect(packed.disposed).toBe(true);
      expect(String(packed)).toMatch(/, released\)$/);
      const x = quantize(ramp(3, 4), 0.02, 60, 'quint8');
      expect(() => call('quantized::linear', x, packed, 0.05, 10)).toThrow(/this object was released/);
      expect(() => packed.call('unpack')).toThrow(/this object was released/);
    });
  });

  it('stay on their thread', () => {
    withoutLeaks(() => {
      const packed = linear();
      expect(() => torch.send(packed as never)).toThrow(/a NativeObject of .* stays on its thread/);
      const copy: unknown = structuredClone(packed); // what postMessage makes of it
      expect(() => call('quantized::linear_unpack', copy)).toThrow(/expected a NativeObject of/);
      packed.dispose();
    });
  });

  it('of a worker end with it', async () => {
    const worker = new Worker(WORKER, { eval: true });
    const [answer] = (await once(worker, 'message')) as [{ text: string; copy: unknown }];
    expect(answer.text).toMatch(/^NativeObject\(.*Conv2dPackedParamsBase\)$/);
    expect(() => call('quantized::conv2d_unpack', answer.copy)).toThrow(/expected a NativeObject of/);
    expect(await worker.terminate()).toBe(1);
  });

  it('are found by the garbage collector', async () => {
    await collectGarbage();
    const before = native.objectCount();
    torch.scope(() => {
      for (let i = 0; i < 50; i++) linear();
    });
    expect(native.objectCount()).toBe(before + 50); // a scope releases tensors
    await collectGarbage();
    expect(native.objectCount()).toBeLessThanOrEqual(before + 1);
  });
});

describe('other types of a schema', () => {
  it('storages', () => {
    withoutLeaks(() => {
      const t = torch.tensor([1, 2, 3, 4]);
      const storage = t.untypedStorage();
      expect(storage.type).toBe('Storage');
      const view = torch.empty([0]).set_(storage, 1, [2], [2]);
      expect(view.toArray()).toEqual([2, 4]);
      view.fill_(0);
      expect(t.toArray()).toEqual([1, 0, 3, 0]);
      expect(() => torch.empty([0]).set_(linearLike() as never, 0 as never)).toThrow(/Storage/);
      expect(storage.methods()).toEqual([]);
      expect(() => storage.call('x')).toThrow(/it has none/);
    });
  });

  it('streams', () => {
    withoutLeaks(() => {
      const stream = new torch.Stream('cpu');
      expect([stream.device, stream.query()]).toEqual(['cpu', true]);
      stream.synchronize();
      expect(() => torch.ones([1]).recordStream(stream)).toThrow(/record_stream/); // CUDA's alone
      expect(() => torch.ones([1]).recordStream('cpu' as never)).toThrow(/expected a Stream/);
      expect(() => call('aten::record_stream', torch.ones([1]), {})).toThrow(/expected a Stream/);
    });
  });

  it('lists of lists, and of strings', () => {
    withoutLeaks(() => {
      expect(call('_test::get_first', [['a', 'b'], ['c']])).toBe('a');
      expect(() => call('_test::get_first', [['a'], [1]])).toThrow(/expected a string/);
      expect(() => call('_test::get_first', 'a')).toThrow(/expected an array/);
      const endless: unknown[] = [];
      endless.push(endless);
      expect(() => call('_test::get_first', endless)).toThrow(/contains itself/);
    });
  });

  it('quantization schemes and dtypes', () => {
    withoutLeaks(() => {
      const t = quantize(ramp(2), 0.1, 0, 'qint32');
      expect([t.dtype, t.qscheme()]).toEqual(['qint32', 'per_tensor_affine']);
      const there = (dtype: DType, value: unknown): unknown =>
        torch.tensor([value as number], { dtype }).toArray();
      for (const dtype of ['uint16', 'uint32', 'uint64', 'float8_e5m2', 'float8_e4m3fn'] as const)
        expect(there(dtype, 2)).toEqual([2]);
      expect(there('uint64', 2n ** 64n - 1n)).toEqual([2n ** 64n - 1n]);
      expect(there('complex32', { re: 1, im: 2 })).toEqual([{ re: 1, im: 2 }]);
      for (const [dtype, value] of [
        ['uint16', 65536],
        ['uint32', -1],
        ['uint64', 2n ** 64n],
      ] as const)
        expect(() => there(dtype, value)).toThrow(/does not fit dtype/);
      expect(() => t.dataSync()).toThrow(/dtype qint32 have no JavaScript array/);
    });
  });

  it('tuples and dictionaries, there and back', () => {
    withoutLeaks(() => {
      const packed = linear();
      const state = packed.call('__getstate__') as [Tensor, Tensor];
      expectRecorded('unpacked_weight', state[0]);
      const other = linear();
      other.call('__setstate__', state);
      expect(() => other.call('__setstate__', [state[0]])).toThrow(/expected an array of 2, got one of 1/);
      for (const each of [packed, other]) each.dispose();
    });
  });
});

describe('torch.classes', () => {
  it('makes objects of registered classes', () => {
    withoutLeaks(() => {
      expect(torch.classes.names()).toContain('quantized.LinearPackedParamsBase');
      const op = torch.classes('c10d.ReduceOp');
      expect(op.type).toBe('__torch__.torch.classes.c10d.ReduceOp');
      const group = torch.classes('c10d.ProcessGroup', 0, 1);
      expect(() => call('c10d::allreduce_', [torch.ones([1])], group, op, null, false, 1000)).toThrow(/c10d/);
      for (const each of [op, group]) each.dispose();
    });
  });

  it('says which there are, and what a constructor takes', () => {
    expect(() => torch.classes('c10d.Nothing')).toThrow(/no such class; there are .*c10d\.ProcessGroup/);
    expect(() => torch.classes('c10d.ProcessGroup', 'a', 1)).toThrow(
      /expected an integer, got the string 'a'/,
    );
    expect(() => torch.classes('c10d.ProcessGroup')).toThrow(/is missing/);
    expect(() => torch.classes('quantized.LinearPackedParamsBase')).toThrow(/no constructor/);
  });
});

function linearLike(): object {
  return { type: 'Storage' };
}
