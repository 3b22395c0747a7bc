// Text of tensors: equal to Python PyTorch's, and quick, harmless and at home in util.inspect.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { inspect } from 'node:util';
import torch, { nn, type DType, type PrintOptions, type Tensor } from 'torch-node';
import { loadKept, noPython, python } from '../parity/support.js';
import { liveTensors, withoutLeaks } from '../support/leaks.js';
import { itWhen } from '../support/skip.js';

/** See parity/recordFormat.py. */
interface Case {
  dtype: DType;
  shape: number[];
  data: string;
  expand?: number[];
  permute?: number[];
  requires_grad?: boolean;
  apply?: string[];
  device?: string;
  options?: Record<string, unknown>;
  text: string;
}

const BYTES = { bool: 1, uint8: 1, int8: 1, int16: 2, float16: 2, bfloat16: 2, int32: 4, float32: 4, int64: 8, float64: 8, complex64: 8, complex128: 16 }; // prettier-ignore

const apply = (name: string, ...args: unknown[]): Tensor => torch.ops.call(`aten::${name}`, args) as Tensor;

function build(one: Case): Tensor {
  const numel = one.shape.reduce((product, size) => product * size, 1);
  const bytes = Buffer.alloc(numel * BYTES[one.dtype as keyof typeof BYTES], Buffer.from(one.data, 'base64'));
  let t: Tensor = torch.tensor(new Uint8Array(bytes).buffer, { dtype: one.dtype, shape: one.shape });
  if (one.expand) t = apply('expand', t, one.expand);
  if (one.permute) t = t.permute(one.permute);
  if (one.device) t = t.to(one.device);
  if (one.requires_grad) t.requiresGrad = true;
  for (const name of one.apply ?? []) t = apply(name, t);
  return t;
}

function printed(one: Case): string {
  const options = Object.entries(one.options ?? {}).map(([name, value]) => [
    name === 'sci_mode' ? 'sciMode' : name,
    value === 'Infinity' ? Infinity : value,
  ]);
  torch.setPrintOptions({ profile: 'default', ...(Object.fromEntries(options) as Partial<PrintOptions>) });
  return String(build(one));
}

/** Python's text with this package's names. */
function expected({ text }: Case): string {
  return text
    .replace('dtype=torch.', 'dtype=')
    .replace('requires_grad=True', 'requiresGrad=true')
    .replace('grad_fn=<', 'gradFn=<');
}

function differences(cases: Case[]): { got: string; expected: string; of: string }[] {
  return torch.scope(() =>
    cases.flatMap((one) => {
      const got = printed(one);
      return got === expected(one)
        ? []
        : [{ got, expected: expected(one), of: JSON.stringify({ ...one, text: undefined }) }];
    }),
  );
}

afterEach(() => torch.setPrintOptions({ profile: 'default' }));

describe("text is PyTorch's", () => {
  const { cases } = loadKept<{ cases: Case[] }>('format');
  const dtypes = Object.keys(BYTES);

  it('in enough cases', () => {
    expect(cases.length).toBeGreaterThan(300);
    for (const dtype of dtypes) expect(cases.filter((one) => one.dtype === dtype).length).toBeGreaterThan(7);
  });

  it.each(dtypes)('%s', (dtype) => {
    expect(differences(cases.filter((one) => one.dtype === dtype))).toEqual([]);
  });

  itWhen(python !== undefined, noPython)('for random tensors', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'torch-node-format-'));
    try {
      const file = path.join(folder, 'random.json');
      const seed = process.env['TORCH_NODE_TEST_SEED'] ?? '1';
      const count = process.env['TORCH_NODE_TEST_CASES'] ?? '500';
      const script = path.join(__dirname, '../parity/recordFormat.py');
      execFileSync(python!, [script, '--random', count, '--seed', seed, '--out', file]);
      const { cases } = JSON.parse(readFileSync(file, 'utf8')) as { cases: Case[] };
      expect(cases.length).toBe(Number(count));
      expect(differences(cases)).toEqual([]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  }, 300_000); // prettier-ignore
});

describe('printing', () => {
  it('names functions as PyTorch does', () => {
    withoutLeaks(() => {
      const weight = torch.tensor([2], { requiresGrad: true });
      const changed = torch.ones([2]);
      changed.narrow(0, 0, 1).mul_(weight);
      expect(String(changed)).toBe('tensor([2., 1.], gradFn=<CopySlices>)');
      expect(String(weight.mul(2).sum())).toBe('tensor(4., gradFn=<SumBackward0>)');
      const copy = weight.clone();
      const view = torch.noGrad(() => copy.narrow(0, 0, 1));
      torch.noGrad(() => view.mul_(2));
      expect(String(view)).toBe('tensor([4.], gradFn=<Invalid>)');
      expect(String(new nn.Parameter(torch.tensor([1.5])))).toBe(
        'Parameter containing:\ntensor([1.5000], requiresGrad=true)',
      );
    });
  });

  it('reads the edges of a large tensor alone', () => {
    withoutLeaks(() => {
      // Eight exabytes, if they were read.
      const t = apply('expand', torch.arange(4).reshape(4, 1, 1), [4, 1_000_000_000, 250_000_000]);
      expect(String(t)).toContain('[3, 3, 3,  ..., 3, 3, 3]]])');
    });
  });

  it('records nothing and leaves no tensor, whatever is on', () => {
    const t = torch.ones([40, 50], { requiresGrad: true });
    const before = liveTensors();
    const text = String(t);
    expect(text).toMatch(/^tensor\(\[\[1\., 1\., 1\., {2}\.\.\., [^]*requiresGrad=true\)$/);
    expect(torch.memory().tensors).toBe(before);
    expect(torch.scope(() => String(t))).toBe(text);
    expect(torch.noGrad(() => String(t))).toBe(text);
    expect(torch.inferenceMode(() => String(t))).toBe(text);
    expect(torch.memory().tensors).toBe(before);
    expect(t.gradFn).toBeUndefined();
    torch.scope(() => {
      const made = torch.inferenceMode(() => torch.zeros([2000]));
      expect(String(made)).toBe('tensor([0., 0., 0.,  ..., 0., 0., 0.])');
      expect(torch.inferenceMode(() => String(made))).toBe('tensor([0., 0., 0.,  ..., 0., 0., 0.])');
    });
    t.dispose();
    expect([String(t), inspect(t)]).toEqual(['Tensor(released)', 'Tensor(released)']);
  });

  it('says that there are values where they cannot be read', () => {
    withoutLeaks(() => {
      const sparse = apply('to_sparse', torch.eye(3));
      expect(String(sparse)).toBe('tensor(..., size=(3, 3))');
    });
  });
});

describe('util.inspect', () => {
  it('prints tensors within objects', () => {
    withoutLeaks(() => {
      const a = torch.tensor([[1, 2], [3, 4]]); // prettier-ignore
      expect(inspect(a)).toBe('tensor([[1., 2.],\n        [3., 4.]])');
      expect(inspect({ a, b: [a, torch.tensor(1)] })).toBe(
        [
          '{',
          '  a: tensor([[1., 2.],',
          '          [3., 4.]]),',
          '  b: [',
          '    tensor([[1., 2.],',
          '            [3., 4.]]),',
          '    tensor(1.)',
          '  ]',
          '}',
        ].join('\n'),
      );
    });
  });

  it('keeps to its options', () => {
    withoutLeaks(() => {
      const a = torch.arange(30);
      expect(inspect(a, { breakLength: 30 }).split('\n').every((line) => line.length <= 30)).toBe(true); // prettier-ignore
      expect(inspect(a, { breakLength: 30 })).not.toBe(String(a));
      expect(inspect(a, { breakLength: Infinity })).toBe(String(a));
      expect(inspect({ a: { a } }, { depth: 1 })).toBe('{ a: { a: [Tensor int64 [30]] } }');
      const weight = new nn.Parameter(torch.ones([2, 3]));
      expect(inspect([weight], { depth: 0 })).toBe('[ [Parameter float32 [2, 3]] ]');
      weight.dispose();
      expect(inspect([weight], { depth: 0 })).toBe('[ Parameter(released) ]');
      const large = torch.arange(1001);
      expect(inspect(large)).toContain('...');
      expect(inspect(large, { maxArrayLength: null })).toContain(' 500,  501,');
      expect(inspect(large, { maxArrayLength: Infinity })).toContain(' 500,  501,');
    });
  });
});

describe('setPrintOptions', () => {
  it('keeps what it is not told, but for sciMode', () => {
    const usual = { precision: 4, threshold: 1000, edgeitems: 3, linewidth: 80, sciMode: null };
    expect(torch.getPrintOptions()).toEqual(usual);
    torch.setPrintOptions({ precision: 2, sciMode: true });
    expect(torch.getPrintOptions()).toEqual({ ...usual, precision: 2, sciMode: true });
    torch.setPrintOptions({ profile: 'short', linewidth: 40 });
    expect(torch.getPrintOptions()).toEqual({ ...usual, precision: 2, edgeitems: 2, linewidth: 40 });
    torch.setPrintOptions(usual);
    expect(torch.getPrintOptions()).toEqual(usual);
  });

  it('refuses what it cannot do and changes nothing', () => {
    const before = torch.getPrintOptions();
    const bad: [object, RegExp][] = [
      [{ precision: -1 }, /setPrintOptions: precision: expected a whole number from 0 to 100, got -1/],
      [{ precision: 101 }, /got 101/],
      [{ threshold: NaN }, /threshold: expected a number of 0 or more, got NaN/],
      [{ edgeitems: 1.5 }, /edgeitems: expected a whole number/],
      [{ linewidth: 0 }, /linewidth: expected a whole number of 1 or more, got 0/],
      [{ sciMode: 1 }, /sciMode: expected true, false or null, got 1/],
      [{ profile: 'long' }, /profile: expected 'default', 'short' or 'full', got 'long'/],
      [{ precision: 2, sci_mode: true }, /there is no option 'sci_mode'/],
    ];
    for (const [options, message] of bad) expect(() => torch.setPrintOptions(options)).toThrow(message);
    expect(torch.getPrintOptions()).toEqual(before);
  });
});
