// `torch-node cifar10 train`: networks of the user's own, from TypeScript files.
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Metrics } from '../../lib/metrics.js';

const COMMAND = path.resolve(__dirname, '../../../../bin/torch-node.js');
const MINUTE = 60_000;
const work = mkdtempSync(path.join(tmpdir(), 'torch-node-train-'));
afterAll(() => rmSync(work, { recursive: true }));

interface Ended {
  code: number;
  out: string;
  err: string;
}

function train(...options: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [COMMAND, 'cifar10', 'train', '--synthetic', ...options],
      { cwd: work },
      (_error, out, err) => resolve({ code: child.exitCode ?? -1, out, err }),
    );
  });
}

function model(file: string, layers: string, more = ''): string {
  const text = `import { nn, optim, type Tensor } from 'torch-node';
type Parameters = nn.Parameter[];
const hidden: number = 16;
export default { network: (): nn.Module => new nn.Sequential(${layers}), ${more} };
`;
  writeFileSync(path.join(work, file), text);
  return file;
}

const FITTING = 'new nn.Flatten(), new nn.Linear(3072, hidden), new nn.ReLU(), new nn.Linear(hidden, 10)';

describe('train', () => {
  it(
    'trains an own network into the table, reports a loss that is no number, and adds to a comparison',
    async () => {
      const small = model('small.ts', FITTING);
      const wild = model('wild.ts', FITTING, 'optimizer: (p: Parameters) => new optim.SGD(p, { lr: 1e30 })');
      const fast = model(
        'fast.ts',
        'new nn.Flatten(), new nn.Linear(3072, 10)',
        'optimizer: (p: Parameters) => new optim.SGD(p, { lr: 1e5 })',
      );
      const models = [small, wild, fast].flatMap((file) => ['--model', file]);
      const first = await train(...models, '--epochs', '1', '--out', 'run');
      expect(first.out).toMatch(/small +\d/);
      expect(first.out).toMatch(/failed: fast-seed0: the loss has exploded to \d\.\de\+\d+ in epoch 1/);
      expect(first.out).toContain('failed: wild-seed0: the loss is not a finite number any more');
      expect(first.code).toBe(1);
      expect(readFileSync(path.join(work, 'run/report.html'), 'utf8')).toContain('wild-seed0 failed');

      const alone = await train('--model', small, '--epochs', '1', '--out', 'alone');
      expect({ code: alone.code, err: alone.err }).toEqual({ code: 0, err: '' });
      const added = await train('--models', 'mlp2', '--into', 'alone');
      expect({ code: added.code, err: added.err }).toEqual({ code: 0, err: '' });
      const { runs } = JSON.parse(readFileSync(path.join(work, 'alone/metrics.json'), 'utf8')) as Metrics;
      expect(runs.map((run) => run.model)).toEqual(['mlp2', 'small']);
    },
    3 * MINUTE,
  );

  it.each([
    [
      'linear.ts',
      'new nn.Flatten(), new nn.Linear(3000, 10)',
      ['layer 1, Linear(in_features=3000', 'got      [32, 3072]', 'expected [32, 3000]'],
    ],
    [
      'channels.ts',
      'new nn.Conv2d(3, 6, 5), new nn.Conv2d(8, 4, 5)',
      ['layer 1, Conv2d(8, 4', 'got      [32, 6, 28, 28]', 'expected [32, 8, 28, 28]'],
    ],
    ['small.ts', 'new nn.MaxPool2d(64)', ['layer 0, MaxPool2d', 'expected [32, 3, 64 or more, 64 or more]']],
    ['classes.ts', 'new nn.Flatten(), new nn.Linear(3072, 9)', ['gives [32, 9]', 'expected is [32, 10]']],
  ])('names the layer, the shape it got and the one it expected: %s', async (file, layers, words) => {
    const ended = await train('--model', model(`bad-${file}`, layers), '--out', 'refused');
    for (const word of words) expect(ended.err).toContain(word);
    expect(ended.err).not.toContain('at Object.');
    expect(ended.code).toBe(1);
    expect(existsSync(path.join(work, 'refused/metrics.json'))).toBe(false);
  });

  it.each([
    ['export default 3;', 'its default export is 3; expected is what makes a network'],
    ['export default { network: () => 1, lr: 2 };', 'there is no setting lr'],
    ["import '../../../../test/cli/nothing.js';", 'could not be loaded'],
    ['clas Net {}', 'could not be loaded'],
    ['export default [1];', 'its default export is an array; expected is what makes a network'],
    ['export default async () => 5;', 'network() gives a promise, expected is an nn.Module'],
    [
      "import { nn } from 'torch-node';\nexport default class Net extends nn.Module {}",
      'is the class Net: export a function that makes the network,\n  export default () => new Net()',
    ],
    [
      "import { nn } from 'torch-node';\nexport default new nn.Linear(3072, 10);",
      'is a network, and each run begins with a new one: export a function that makes it',
    ],
    [
      "import { nn } from 'torch-node';\nexport default () => new nn.Sequential(new nn.Flatten(), new nn.Linear(3072, 10)).double();",
      'layer 1, Linear(in_features=3072, out_features=10, bias=True) has parameters of float64, and is given float32',
    ],
  ])('refuses %s', async (text, message) => {
    writeFileSync(path.join(work, 'refused.ts'), text);
    const ended = await train('--model', 'refused.ts');
    expect(ended.err).toContain(message);
    expect(ended.code).toBe(1);
  });
});
