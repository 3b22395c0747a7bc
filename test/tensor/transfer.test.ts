// Tensors handed between threads: the worker loads the compiled package, this side its sources, the addon is one.
import { once } from 'node:events';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import torch, { type TensorParcel } from 'torch-node';
import { liveTensors, settledTensors, withoutLeaks } from '../support/leaks.js';

const MAIN = JSON.stringify(path.resolve(__dirname, '../../dist/index.js'));

// Doubles what it gets in place, and sends it back with what its own account says.
const WORKER = `
const { parentPort } = require('node:worker_threads');
parentPort.once('message', async (parcel) => {
  const { default: torch } = await import(${MAIN});
  const before = torch.memory().tensors;
  const tensor = torch.receive(parcel);
  const held = torch.memory();
  torch.noGrad(() => tensor.mul_(2));
  const text = String(tensor);
  parentPort.postMessage({ back: torch.send(tensor), before, held, text, after: torch.memory().tensors });
});`;

interface Answer {
  back: TensorParcel;
  before: number;
  held: { tensors: number; bytes: number };
  text: string;
  after: number;
}

async function roundTrip(parcel: TensorParcel): Promise<Answer> {
  const worker = new Worker(WORKER, { eval: true });
  worker.postMessage(parcel);
  const [answer] = (await once(worker, 'message')) as [Answer];
  await worker.terminate();
  return answer;
}

describe('a tensor sent to a worker and back', () => {
  it('is the same memory, and belongs to one thread at a time', async () => {
    const before = await settledTensors();
    const tensor = torch.arange(6, { dtype: 'float32' }).reshape(2, 3);
    const view = tensor.select(0, 1);
    const parcel = torch.send(tensor);
    expect(parcel.tensor).toBe('float32 [2, 3]');
    expect(tensor.disposed).toBe(true);
    expect(() => tensor.shape).toThrow(/was released/);
    const answer = await roundTrip(parcel);
    expect(answer.text).toBe('tensor([[ 0.,  2.,  4.],\n        [ 6.,  8., 10.]])');
    expect(answer.held).toEqual({ tensors: answer.before + 1, bytes: 24 });
    expect(answer.after).toBe(answer.before);
    // The view that stayed here sees what the worker wrote.
    expect(view.toArray()).toEqual([6, 8, 10]);
    const back = torch.receive(answer.back);
    expect(back.toArray()).toEqual([
      [0, 2, 4],
      [6, 8, 10],
    ]);
    for (const each of [back, view]) each.dispose();
    expect(liveTensors()).toBe(before);
  });

  it('outlives the thread that its memory came from', async () => {
    const worker = new Worker(
      `const { parentPort } = require('node:worker_threads');
       import(${MAIN}).then(({ default: torch }) => {
         const array = Float32Array.from({ length: 100000 }, (_, i) => i);
         parentPort.postMessage(torch.send(torch.fromTypedArray(array)));
       });`,
      { eval: true },
    );
    const [parcel] = (await once(worker, 'message')) as [TensorParcel];
    await worker.terminate();
    withoutLeaks(() => {
      const tensor = torch.receive(parcel);
      expect(tensor.to('float64').sum().item()).toBe(4999950000);
      expect(tensor.at(99_999).item()).toBe(99_999);
    });
  });

  it('keeps whether it requires a gradient', async () => {
    const tensor = torch.ones([2], { requiresGrad: true });
    const answer = await roundTrip(torch.send(tensor));
    const back = torch.receive(answer.back);
    expect([back.requiresGrad, back.toArray()]).toEqual([true, [2, 2]]);
    back.dispose();
  });
});

it('is received once', () => {
  withoutLeaks(() => {
    const parcel = torch.send(torch.ones([1]));
    torch.receive(parcel).dispose();
    expect(() => torch.receive(parcel)).toThrow(/not under way: it was received before/);
  });
});

it.each([[undefined], [null], [3], [{}], [{ number: 'x' }], [{ number: 0.5 }]])(
  '%j is no parcel',
  (parcel) => {
    expect(() => torch.receive(parcel as TensorParcel)).toThrow(/expected what torch.send\(\) gave/);
  },
);

it('a tensor with a graph behind it stays, and says what to do', () => {
  withoutLeaks(() => {
    const leaf = torch.ones([2], { requiresGrad: true });
    const result = leaf.mul(2);
    expect(() => torch.send(result)).toThrow(/detach\(\) the tensor/);
    expect(result.disposed).toBe(false);
    const parcel = torch.send(result.detach());
    torch.receive(parcel).dispose();
    for (const each of [leaf, result]) each.dispose();
  });
});
