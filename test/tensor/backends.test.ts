// Settings of backends: set and read back, GPU or not.
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
