// Small tensors: their memory is kept for the next ones (native/kernels/allocator.cpp), and those that a scope released wait to be
// freed until others are made (native/environment.h). Neither may show.
import { once } from 'node:events';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import torch, { nn, type Tensor, type TensorParcel } from 'torch-node';
import { liveTensors, settledTensors, withoutLeaks } from '../support/leaks.js';

const MB = 2 ** 20;

it('hold their own values, whichever were released before them', () => {
  withoutLeaks(() => {
    // Sizes on both sides of what is kept, and what lies between two kept sizes.
    const sizes = [0, 1, 15, 16, 17, 31, 33, 500, 2047, 2048, 2049, 5000];
    const alive: { tensor: Tensor; value: number }[] = [];
    let state = 1;
    const draw = (below: number): number => (state = (state * 48271) % 2147483647) % below;
    for (let i = 0; i < 20_000; i++) {
      if (alive.length > 300) {
        const [{ tensor, value }] = alive.splice(draw(alive.length), 1) as [(typeof alive)[0]];
        const { min, max } = extent(tensor);
        expect([min, max]).toEqual(tensor.numel === 0 ? [Infinity, -Infinity] : [value, value]);
        tensor.dispose();
      }
      const tensor = torch.full([sizes[draw(sizes.length)]!], i, { dtype: 'float32' });
      alive.push({ tensor, value: i });
    }
    for (const { tensor } of alive) tensor.dispose();
  });
});

function extent(tensor: Tensor): { min: number; max: number } {
  let [min, max] = [Infinity, -Infinity];
  for (const value of tensor.dataSync() as Float32Array) {
    min = Math.min(min, value);
    max = Math.max(max, value);
  }
  return { min, max };
}

it('are released by threads that did not make them', async () => {
  const main = JSON.stringify(path.resolve(__dirname, '../../dist/index.js'));
  const worker = new Worker(
    `const { parentPort } = require('node:worker_threads');
     import(${main}).then(({ default: torch }) => {
       parentPort.on('message', () => {
         const parcels = [];
         for (let i = 0; i < 5000; i++) parcels.push(torch.send(torch.full([1000], i, { dtype: 'float32' })));
         parentPort.postMessage(parcels);
       });
       parentPort.postMessage('ready');
     });`,
    { eval: true },
  );
  await once(worker, 'message');
  const before = await settledTensors();
  let grown = 0;
  const start = process.memoryUsage.rss();
  for (let round = 0; round < 10; round++) {
    worker.postMessage('more');
    const [parcels] = (await once(worker, 'message')) as [TensorParcel[]];
    for (const [i, parcel] of parcels.entries()) {
      const tensor = torch.receive(parcel);
      if (i % 500 === 0) expect(extent(tensor)).toEqual({ min: i, max: i });
      tensor.dispose();
    }
    grown = process.memoryUsage.rss() - start;
  }
  await worker.terminate();
  expect(liveTensors()).toBe(before);
  // 200 MB went through; 20 at a time.
  expect(grown).toBeLessThan(100 * MB);
}, 60_000);

it('keep nothing of their graph once they are released', () => {
  // 40 MB each: what is larger than 32 goes back to the system once it is freed, whatever the process did before.
  const leaf = torch.ones([10 * MB], { requiresGrad: true });
  // The sum would hold the 320 MB between itself and the leaf.
  const round = (): void =>
    torch.scope(() => {
      let large: Tensor = leaf;
      for (let i = 0; i < 4; i++) large = large.exp().reciprocal();
      large.sum();
    });
  torch.scope(() => leaf.exp());
  const before = process.memoryUsage.rss();
  round();
  expect(process.memoryUsage.rss() - before).toBeLessThan(150 * MB);
  leaf.dispose();
});

it('leave their place in the graph to those that were made of them', () => {
  const leaf = torch.tensor([0.5, -1], { requiresGrad: true });
  const kept = torch.scope(() => {
    const exp = leaf.exp();
    const product = exp.mul(exp); // saves exp, twice
    const view = product.view([2, 1]);
    return [view.sum(), exp.reciprocal().sum(), product] as const;
  });
  for (let i = 0; i < 3; i++) torch.scope(() => Array.from({ length: 300 }, () => leaf.mul(2).sum()));
  const [sum, reciprocal, product] = kept;
  product.dispose();
  const [first] = torch.autograd.grad(sum, [leaf], { retainGraph: true });
  const [second] = torch.autograd.grad(reciprocal, [leaf]);
  const expected = [0.5, -1].map((x) => 2 * Math.exp(2 * x));
  expect(first!.allclose(torch.tensor(expected))).toBe(true);
  expect(second!.allclose(torch.tensor([0.5, -1].map((x) => -Math.exp(-x))))).toBe(true);
});

describe('what is composed of operators, where no gradient is wanted', () => {
  const [x, w, b] = torch.scope(() => [torch.randn([2, 3, 4]), torch.randn([5, 4]), torch.randn([5])]);

  it('gives tensors that gradients flow through from then on', () => {
    torch.scope(() => {
      const [image, filter] = [torch.randn([1, 2, 4, 4]), torch.randn([3, 2, 3, 3])];
      for (const make of [
        () => nn.functional.linear(x, w, b),
        () => x.matmul(w.t()),
        () => nn.functional.conv2d(image, filter),
        () => nn.functional.conv2d(image.select(0, 0), filter),
      ]) {
        const made = make();
        expect(made.isLeaf).toBe(true);
        made.add_(1);
        made.requiresGrad = true;
        made.mul(made).sum().backward();
        expect(made.grad!.allclose(made.detach().mul(2))).toBe(true);
      }
    });
  });

  it('is recorded where one of the arguments wants one', () => {
    torch.scope(() => {
      const weight = w.clone();
      weight.requiresGrad = true;
      expect(nn.functional.linear(x, weight, b).gradFn).toBe('ViewBackward0');
      expect(x.matmul(weight.t()).gradFn).toBe('UnsafeViewBackward0');
      nn.functional.linear(x, weight, b).sum().backward();
      const expected = x.reshape(6, 4).sum([0]).expand(5, 4) as Tensor;
      expect(weight.grad!.allclose(expected, { rtol: 1e-4, atol: 1e-5 })).toBe(true);
    });
  });
});
