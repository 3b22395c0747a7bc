// The airbench example, with a small network and few pictures.
import torch from 'torch-node';
import { train } from '../../examples/airbench/airbench.js';
import { Network } from '../../examples/airbench/network.js';
import { cropper } from '../../examples/airbench/augment.js';

const settings = { batch: 32, widths: [4, 8, 8], log: () => undefined } as const;
const sets = torch.data.synthetic({ train: 256, test: 100, seed: 0 });

it('learns, and the same again from the same seed', async () => {
  const run = () => train(sets, { ...settings, epochs: 3.5, seed: 1 });
  const [first, again] = [await run(), await run()];
  expect(first.steps).toBe(28);
  expect(first.losses).toHaveLength(4);
  expect(first.losses[3]!).toBeLessThan(first.losses[0]!);
  expect(again.losses).toEqual(first.losses);
  expect(again.accuracy).toBe(first.accuracy);
  expect(first.accuracy).toBeGreaterThan(10);
});

it('makes at least one step', async () => {
  const { steps, why } = await train(sets, { ...settings, epochs: 0.05 });
  expect(steps).toBe(1);
  expect(why).toMatch(/CPU/);
});

it('refuses a batch that is larger than the set', async () => {
  await expect(train(sets, { ...settings, batch: 512 })).rejects.toThrow(/more than the 256 training images/);
});

it("the first convolution's outputs are uncorrelated and of size one", () => {
  torch.scope(() => {
    torch.manualSeed(0);
    const images = torch
      .randn([64, 3, 32, 32])
      .cumsum(3)
      .div(8)
      .add(torch.randn([64, 1, 32, 32]));
    const net = new Network([4, 8, 8]);
    net.whitenFor(images);
    const out = torch
      .noGrad(() => net.whiten.forward(images))
      .narrow(1, 0, 12)
      .permute([1, 0, 2, 3])
      .reshape([12, -1]);
    const off = torch.cov(out).sub(torch.eye(12)).abs().max();
    expect(off.item()).toBeLessThan(0.1);
  });
});

it('a crop is a part of the picture, mirrored where asked for', () => {
  torch.scope(() => {
    const rows = torch.arange(0, 36, 1).reshape([1, 1, 36, 1]).expand([2, 3, 36, 36]);
    const columns = torch.arange(0, 36, 1).reshape([1, 1, 1, 36]).expand([2, 3, 36, 36]);
    const crop = cropper('cpu');
    torch.manualSeed(4);
    const y = crop(rows, torch.tensor([0, 1], { dtype: 'int64' }));
    torch.manualSeed(4);
    const x = crop(columns, torch.tensor([0, 1], { dtype: 'int64' }));
    expect(y.shape).toEqual([2, 3, 32, 32]);
    for (const [image, direction] of [
      [0, 1],
      [1, -1],
    ] as const) {
      const [line, column] = [y, x].map((each) => each.select(0, image).select(0, 0));
      const places = Array.from(column!.select(0, 0).dataSync(), Number);
      expect(places.every((place, i) => i === 0 || place - places[i - 1]! === direction)).toBe(true);
      expect(Math.min(...places)).toBeLessThanOrEqual(4);
      const lines = Array.from(line!.select(1, 0).dataSync(), Number);
      expect(lines.every((place, i) => i === 0 || place - lines[i - 1]! === 1)).toBe(true);
    }
  });
});
