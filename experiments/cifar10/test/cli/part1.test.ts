// The command line as a user meets it, run from dist/ in processes of its own.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { itWhen } from '../../../../test/support/skip.js';
import type { Metrics } from '../../lib/metrics.js';

const root = path.resolve(__dirname, '../../../..');
const work = mkdtempSync(path.join(tmpdir(), 'torch-node-cli-'));
afterAll(() => rmSync(work, { recursive: true }));

interface Outcome {
  code: number | null;
  out: string;
  err: string;
}

function torchNode(
  args: string[],
  options: {
    env?: NodeJS.ProcessEnv;
    onOutput?: (text: string, kill: (signal: NodeJS.Signals) => void) => void;
  } = {},
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [path.join(root, 'bin/torch-node.js'), ...args], {
      cwd: work,
      env: { ...process.env, ...options.env },
    });
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk: Buffer) => {
      out += String(chunk);
      options.onOutput?.(out, (signal) => child.kill(signal));
    });
    child.stderr.on('data', (chunk: Buffer) => (err += String(chunk)));
    child.on('error', reject).on('close', (code) => resolve({ code, out, err }));
  });
}

const offline = { TORCH_NODE_OFFLINE: '1', TORCH_NODE_DATA: '', XDG_CACHE_HOME: path.join(work, 'cache') };

describe('torch-node cifar10 part1', () => {
  it.each([
    [['--epochs', '0'], /expected a whole number of 1 or more/],
    [['--epochs', 'ten'], /expected a whole number/],
    [['--seeds', '1,x'], /as in 0,1,2/],
    [['--seeds', '1,1'], /a seed is there twice/],
    [['--device', 'gpu'], /expected cpu, cuda or cuda:N/],
    [['--synthetic', '--data', 'x'], /'--synthetic' cannot be used with option '--data/],
    [['--nonsense'], /unknown option '--nonsense'/],
    [['--data', '/nowhere/at/all'], /There is nothing at \/nowhere\/at\/all/],
    [['--resume'], /no unfinished run below/],
  ])('refuses %j', async (args, message) => {
    const { code, err } = await torchNode(
      ['cifar10', 'part1', '--out', path.join(work, 'refused'), ...args].filter(
        (arg, i, all) => !(all.includes('--resume') && (arg === '--out' || all[i - 1] === '--out')),
      ),
    );
    expect(err).toMatch(message);
    expect(err).not.toMatch(/\n\s+at /); // a message, not a stack
    expect(code).toBe(1);
  });

  const withLibtorch = { ...offline, TORCH_NODE_CACHE: '' };
  it('names the three ways to the data when there are none', async () => {
    const { code, err } = await torchNode(['cifar10', 'part1'], { env: withLibtorch });
    expect(err).toMatch(/three ways[\s\S]*1\.[\s\S]*2\.[\s\S]*3\./);
    expect(code).toBe(1);
  });

  it('trains on synthetic pictures when told that it may, is stopped by Ctrl-C and gone on with', async () => {
    const out = path.join(work, 'synthetic');
    const part1 = ['cifar10', 'part1', '--threads', '1'];
    let pressed = false;
    const stopped = await torchNode([...part1, '--epochs', '1', '--synthetic-fallback', '--out', out], {
      env: withLibtorch,
      onOutput: (text, kill) => {
        if (pressed || !text.includes('seed 0')) return;
        pressed = true;
        setTimeout(() => kill('SIGINT'), 500);
      },
    });
    expect(stopped.out).toMatch(/three ways[\s\S]*SYNTHETIC[\s\S]*Stopping after this step[\s\S]*--resume/);
    expect(stopped.code).toBe(130);
    const second = await torchNode([...part1, '--synthetic', '--out', out]);
    expect(second.err).toMatch(/holds an unfinished run: go on with it by --resume/);

    const resumed = await torchNode([...part1, '--resume', '--out', out, '--json']);
    expect(resumed.err).toMatch(/resumed at epoch 1, step \d+[\s\S]*\(synthetic\)/);
    expect(resumed.code).toBe(0);
    const row = JSON.parse(resumed.out) as Record<string, unknown>;
    const over = await torchNode([...part1, '--synthetic', '--out', out]);
    expect(over.err).toMatch(/holds a run already \(metrics\.json\): give another --out, or remove it/);
    expect(over.code).toBe(1);

    const whole = path.join(work, 'whole');
    const undisturbed = await torchNode([...part1, '--epochs', '1', '--synthetic', '--out', whole, '--json']);
    expect(JSON.parse(undisturbed.out)).toMatchObject({
      parametersSha256: row['parametersSha256'],
      testLoss: row['testLoss'],
      data: 'synthetic',
    });

    const { runs } = JSON.parse(readFileSync(path.join(out, 'metrics.json'), 'utf8')) as Metrics;
    expect(runs[0]!.epochs.length).toBe(1);
    for (const file of [
      'loss.svg',
      'loss.png',
      'accuracy.svg',
      'accuracy.png',
      'pictures.png',
      'report.html',
      'weights-seed0.safetensors',
    ]) {
      expect([file, existsSync(path.join(out, file))]).toEqual([file, true]);
    }
    const html = readFileSync(path.join(out, 'report.html'), 'utf8');
    expect(html).toMatch(/synthetic/i);
    expect(html).not.toMatch(/(src|href)="https?:/);
  }, 180_000);

  const official = process.env['TORCH_NODE_TEST_DATA'] ?? '';
  itWhen(official !== '', 'TORCH_NODE_TEST_DATA names no CIFAR-10')(
    'a run that is gone on with finds its data again',
    async () => {
      const out = path.join(work, 'data');
      const train = async (...args: string[]): Promise<Outcome> => {
        let pressed = false;
        return torchNode(['cifar10', 'part1', '--threads', '1', '--out', out, ...args], {
          env: withLibtorch,
          onOutput: (text, kill) => {
            if (pressed || !text.includes('seed 0')) return;
            pressed = true;
            setTimeout(() => kill('SIGINT'), 500);
          },
        });
      };
      const stopped = await train('--data', path.relative(work, official), '--epochs', '1');
      expect(stopped.code).toBe(130);
      const goneOn = await train('--resume');
      expect(goneOn.out).toMatch(/resumed at epoch 1, step \d+/);
      expect(goneOn.code).toBe(130);
    },
    120_000,
  );

  it('says what is wrong with a broken checkpoint', async () => {
    const out = path.join(work, 'broken');
    const { mkdirSync } = await import('node:fs');
    mkdirSync(out);
    writeFileSync(path.join(out, 'checkpoint.safetensors'), 'nonsense');
    const { code, err } = await torchNode(['cifar10', 'part1', '--resume', '--out', out]);
    expect(err).toMatch(/no complete safetensors file/);
    expect(code).toBe(1);
  });
});

describe('torch-node', () => {
  it('prints help and its version', async () => {
    expect((await torchNode(['--help'])).out).toMatch(/cifar10[\s\S]*doctor[\s\S]*install/);
    expect((await torchNode(['--version'])).out).toMatch(/^\d+\.\d+\.\d+/);
  });

  it('is well', async () => {
    const { code, out } = await torchNode(['doctor', '--json']);
    expect(JSON.parse(out)).toMatchObject({ ok: true });
    expect(code).toBe(0);
  });
});
