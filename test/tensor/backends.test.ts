// Settings of backends: set and read back, GPU or not.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import torch from 'torch-node';

const { matmul } = torch.backends.cuda;
const { cudnn } = torch.backends;

it("are PyTorch's where nothing was set", () => {
  expect(matmul.allowTf32).toBe(false);
  expect(cudnn.allowTf32).toBe(true);
  expect(cudnn.benchmark).toBe(false);
  expect(cudnn.deterministic).toBe(false);
  expect(torch.getFloat32MatmulPrecision()).toBe('highest');
});

it.each([
  ['cuda.matmul.allowTf32', matmul, 'allowTf32'],
  ['cudnn.allowTf32', cudnn, 'allowTf32'],
  ['cudnn.benchmark', cudnn, 'benchmark'],
  ['cudnn.deterministic', cudnn, 'deterministic'],
  ['nnpack.enabled', torch.backends.nnpack, 'enabled'],
] as const)('%s can be set', (name, room, key) => {
  const settings = room as Record<string, boolean>;
  const before = settings[key]!;
  try {
    settings[key] = !before;
    expect(settings[key]).toBe(!before);
  } finally {
    settings[key] = before;
  }
  expect(settings[key]).toBe(before);
  expect(() => (settings[key] = 1 as unknown as boolean)).toThrow(
    `backends.${name}: expected true or false, got`,
  );
});

it('the precision of products follows the setting, and the other way round', () => {
  try {
    torch.setFloat32MatmulPrecision('high');
    expect([torch.getFloat32MatmulPrecision(), matmul.allowTf32]).toEqual(['high', true]);
    torch.setFloat32MatmulPrecision('highest');
    expect(matmul.allowTf32).toBe(false);
    matmul.allowTf32 = true;
    expect(torch.getFloat32MatmulPrecision()).toBe('high');
  } finally {
    torch.setFloat32MatmulPrecision('highest');
  }
  expect(() => torch.setFloat32MatmulPrecision('full' as 'high')).toThrow(
    /expected 'highest', 'high' or 'medium'/,
  );
});

// On one thread libtorch asks NNPACK for small convolutions, and complains of it where the processor will not do.
it('a convolution of one small image writes nothing to stderr', () => {
  const main = JSON.stringify(path.resolve(__dirname, '../../dist/index.js'));
  const { status, stderr } = spawnSync(
    process.execPath,
    [
      '-e',
      `import(${main}).then(({ default: torch, nn }) => {
        torch.setNumThreads(1);
        nn.functional.conv2d(torch.ones([1, 3, 8, 8]), torch.ones([4, 3, 3, 3]));
      });`,
    ],
    { encoding: 'utf8' },
  );
  expect(stderr).toBe('');
  expect(status).toBe(0);
});
