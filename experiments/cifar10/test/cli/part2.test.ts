// `torch-node cifar10 part2` as a user runs it: on synthetic pictures, with its two quickest networks.
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Metrics } from '../../lib/metrics.js';

const ROOT = path.resolve(__dirname, '../../../..');
const MINUTE = 60_000;
const parent = mkdtempSync(path.join(tmpdir(), 'torch-node-part2-'));
afterAll(() => rmSync(parent, { recursive: true }));
const place = (name: string): string => path.join(parent, name);

interface Ended {
  code: number | null;
  out: string;
  err: string;
}

function part2(options: string[], whileRunning?: (child: ChildProcess, out: string) => void): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const command = [path.join(ROOT, 'bin/torch-node.js'), 'cifar10', 'part2', ...options];
    const child = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'pipe'] });
    let [out, err] = ['', ''];
    child.stdout.on('data', (text: Buffer) => {
      out += text.toString();
      whileRunning?.(child, out);
    });
    child.stderr.on('data', (text: Buffer) => (err += text.toString()));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, out, err }));
  });
}

/** metrics.json without what a clock says. */
function metrics(folder: string): unknown {
  const content = JSON.parse(readFileSync(path.join(folder, 'metrics.json'), 'utf8')) as Metrics;
  return JSON.parse(
    JSON.stringify(content, (key, value: unknown) => (key === 'seconds' ? undefined : value)),
  );
}

const TWO = ['--synthetic', '--models', 'mlp3,mlp2', '--seeds', '2x', '--epochs', '2'];
let undisturbed: Promise<Ended> | undefined;
const alone = (): Promise<Ended> => (undisturbed ??= part2([...TWO, '--jobs', '1', '--out', place('alone')]));

describe('part2', () => {
  it(
    'gives the same numbers one after another and side by side, in the order of the course',
    async () => {
      const first = await alone();
      expect({ code: first.code, err: first.err }).toEqual({ code: 0, err: '' });
      const second = await part2([...TWO, '--jobs', '2', '--out', place('beside'), '--json']);
      expect(second.code).toBe(0);
      expect(metrics(place('beside'))).toEqual(metrics(place('alone')));

      const { runs } = metrics(place('alone')) as Metrics;
      expect(runs.map(({ model, seed }) => `${model} ${seed}`)).toEqual(['mlp2 0', 'mlp3 0', 'mlp2 1', 'mlp3 1']); // prettier-ignore
      expect(runs.every(({ data, threads }) => data === 'synthetic' && threads === 1)).toBe(true);
      expect(new Set(runs.map((run) => run.parametersSha256)).size).toBe(4);
      expect(first.out).toContain('SYNTHETIC');
      expect(first.out).toMatch(/mlp2 .* ± .*369,970 +47\.4 /);
      const rows = second.out.trim().split('\n').map((line) => JSON.parse(line) as { model: string }); // prettier-ignore
      expect(rows.map((row) => row.model)).toEqual(['mlp2', 'mlp3', 'mlp2', 'mlp3']);
    },
    5 * MINUTE,
  );

  it(
    'interrupted twice and resumed ends as if undisturbed',
    async () => {
      await alone();
      const out = place('interrupted');
      const after = (count: number) => {
        let asked = false;
        return (child: ChildProcess, text: string) => {
          if (asked || text.split(': begun').length <= count) return;
          asked = true;
          setTimeout(() => child.kill('SIGINT'), 1500);
        };
      };
      const first = await part2([...TWO, '--jobs', '2', '--out', out], after(2));
      expect(first.code).toBe(130);
      expect(first.out).toContain('--resume --out');
      const again = await part2(['--out', out, '--synthetic']);
      expect(again.code).toBe(1);
      expect(again.err).toContain('holds a run already');
      const other = await part2(['--resume', '--out', out, '--epochs', '3']);
      expect(other.code).toBe(1);
      expect(other.err).toContain('begun with other epochs');
      const second = await part2(['--resume', '--out', out, '--jobs', '1'], after(1));
      expect(second.code).toBe(130);
      const third = await part2(['--resume', '--out', out]);
      expect({ code: third.code, err: third.err }).toEqual({ code: 0, err: '' });
      expect(metrics(out)).toEqual(metrics(place('alone')));
    },
    5 * MINUTE,
  );

  it.each([
    [['--models', 'mlp2,mlp9'], 'there is no model mlp9; the models are original, mlp2'],
    [['--models', 'mlp2,mlp2'], 'mlp2 is named twice'],
    [['--seeds', '0x'], 'or how many, as in 5x'],
    [['--resume'], '--resume needs --out'],
    [['--resume', '--out', place('nothing')], 'holds no comparison of networks'],
    [['--jobs', '0'], 'expected a whole number of 1 or more'],
  ])('%j is refused', async (options, message) => {
    const ended = await part2(options);
    expect(ended.code).toBe(1);
    expect(ended.err).toContain(message);
  });
});
