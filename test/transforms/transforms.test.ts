// Transforms of batches: each image gets what it would get alone, with the random numbers that come to it.
import torch, { type Tensor } from 'torch-node';
import { withoutLeaks } from '../support/leaks.js';

const { transforms } = torch;

function images(dtype: 'float32' | 'uint8'): Tensor {
  const made = torch.rand([6, 3, 9, 9], { generator: new torch.Generator().manualSeed(4) });
  return dtype === 'uint8' ? made.mul(255).to('uint8') : made;
}

const cases: [string, (options: object) => torch.transforms.ImageTransform][] = [
  ['RandomHorizontalFlip', (options) => new transforms.RandomHorizontalFlip(options)],
  ['RandomVerticalFlip', (options) => new transforms.RandomVerticalFlip({ p: 0.7, ...options })],
  ['RandomCrop', (options) => new transforms.RandomCrop(9, { padding: 4, ...options })],
  ['RandomCrop of another size', (options) => new transforms.RandomCrop([4, 6], options)],
  ['RandomResizedCrop', (options) => new transforms.RandomResizedCrop(7, options)],
  ['RandomRotation', (options) => new transforms.RandomRotation(40, options)],
  [
    'RandomRotation, bilinear',
    (options) => new transforms.RandomRotation(40, { interpolation: 'bilinear', ...options }),
  ],
  [
    'ColorJitter',
    (options) =>
      new transforms.ColorJitter({ brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.2, ...options }),
  ],
  ['RandomErasing', (options) => new transforms.RandomErasing({ p: 0.8, value: [1, 2, 3], ...options })],
  [
    'RandomErasing with noise',
    (options) => new transforms.RandomErasing({ p: 0.8, value: 'random', ...options }),
  ],
];

describe.each(['float32', 'uint8'] as const)('a batch of %s', (dtype) => {
  it.each(cases)('%s gives each image its own', (_, make) => {
    withoutLeaks(() => {
      const batch = images(dtype);
      const before = batch.clone();
      torch.manualSeed(9);
      const together = make({}).forward(batch);
      torch.manualSeed(9);
      const transform = make({});
      const alone = torch.stack(batch.unbind(0).map((image) => transform.forward(image)));
      expect([...together.shape]).toEqual([...alone.shape]);
      expect(together.dtype).toBe(dtype);
      const distance = together.float().sub(alone.float()).abs();
      // Factors are float32 in a batch: a byte may come out as its neighbour.
      expect(distance.max().item()).toBeLessThanOrEqual(dtype === 'uint8' ? 2 : 1e-4);
      expect(torch.equal(batch, before)).toBe(true);
      const seeded = { generator: new torch.Generator().manualSeed(9) };
      expect(torch.equal(make(seeded).forward(batch), together)).toBe(true);
    });
  });
});

it('compose takes transforms and functions', () => {
  const all = new transforms.Compose([
    new transforms.ConvertImageDtype('float32'),
    (batch) => batch.mul(2),
    new transforms.Lambda((batch) => batch.add(1)),
    new transforms.Normalize([1], [2]),
  ]);
  const batch = torch.full([2, 1, 3, 3], 255, { dtype: 'uint8' });
  expect(new Set(all.forward(batch).flatten().toArray() as number[])).toEqual(new Set([1]));
  expect(() => new transforms.Compose([3 as never])).toThrow(/expected transforms, got 3/);
});

it('say what is wrong', () => {
  const F = transforms.functional;
  const image = torch.zeros([3, 4, 4]);
  expect(() => F.normalize(image.to('uint8'), [0], [1])).toThrow(/expected floating point images, got uint8/);
  expect(() => F.normalize(image, [0], [0])).toThrow(/std is 0/);
  expect(() => F.resize(torch.zeros([4, 4]), 3)).toThrow(/expected images \[\.\.\., C, H, W\]/);
  expect(() => F.pad(image, [1, 2, 3])).toThrow(/1, 2 or 4 of them/);
  expect(() => F.pad(image, 9, { paddingMode: 'symmetric' })).toThrow(/more than the size/);
  expect(() => F.adjustHue(image, 0.7)).toThrow(/from -0.5 to 0.5/);
  expect(() => new transforms.RandomCrop(5).forward(image)).toThrow(/larger than the padded images/);
  expect(() => new transforms.RandomRotation(20, { expand: true }).forward(image.unsqueeze(0))).toThrow(
    /differ in size/,
  );
  expect(() => new transforms.RandomHorizontalFlip({ p: 2 })).toThrow(
    /p: expected a number from 0 to 1, got 2/,
  );
  expect(() => new transforms.ColorJitter({ hue: 0.6 })).toThrow(/hue: expected/);
});
