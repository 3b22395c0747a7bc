// Where the cache lies, and the lock on it.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cacheFolder, makeCacheFolder, withLock } from '../../lib/files/cache.js';
import { compileLib, removeCompiled } from './compiled.js';

let folder: string;
beforeEach(() => (folder = mkdtempSync(path.join(os.tmpdir(), 'torch-node-cache-'))));
afterEach(() => {
  delete process.env['TORCH_NODE_CACHE'];
  rmSync(folder, { recursive: true, force: true });
});

describe('the cache folder', () => {
  it('is TORCH_NODE_CACHE where that is set', () => {
    expect(cacheFolder({ TORCH_NODE_CACHE: folder, HOME: '/elsewhere' })).toBe(folder);
  });

  it('follows the custom of the platform', () => {
    if (process.platform !== 'linux') return;
    expect(cacheFolder({ HOME: '/home/ada' })).toBe('/home/ada/.cache/torch-node');
    expect(cacheFolder({ HOME: '/home/ada', XDG_CACHE_HOME: '/var/tmp/ada' })).toBe(
      '/var/tmp/ada/torch-node',
    );
  });

  it('is not guessed when HOME is no folder', () => {
    expect(() => cacheFolder({ HOME: 'relative' })).toThrow(/HOME is "relative".*Set TORCH_NODE_CACHE/);
  });

  it('is an error with a way out when it cannot be written to', () => {
    writeFileSync(path.join(folder, 'a-file'), '');
    process.env['TORCH_NODE_CACHE'] = path.join(folder, 'a-file', 'below');
    expect(() => makeCacheFolder('libtorch')).toThrow(/cannot be created \(ENOTDIR\).*set TORCH_NODE_CACHE/);
  });
});

describe('the lock', () => {
  it('lets one in at a time', async () => {
    let inside = 0;
    let most = 0;
    const work = async () => {
      most = Math.max(most, ++inside);
      await sleep(20);
      inside--;
    };
    await Promise.all(Array.from({ length: 4 }, () => withLock(path.join(folder, 'x'), work)));
    expect(most).toBe(1);
  });

  it('gives back what the work gives, and is free again after it failed', async () => {
    const file = path.join(folder, 'x');
    await expect(withLock(file, async () => Promise.reject(new Error('no luck')))).rejects.toThrow('no luck');
    await expect(withLock(file, async () => 7)).resolves.toBe(7);
    expect(existsSync(`${file}.lock`)).toBe(false);
  });

  it('tells who is waited for, once', async () => {
    const file = path.join(folder, 'x');
    const sentences: string[] = [];
    const first = withLock(file, () => sleep(700));
    await sleep(100);
    await withLock(file, async () => {}, { onWait: (sentence) => sentences.push(sentence) });
    await first;
    expect(sentences).toEqual([`waiting for process ${process.pid}, which holds ${file}.lock`]);
  });

  it('is taken over when its holder has not refreshed it for long', async () => {
    const file = path.join(folder, 'x');
    mkdirSync(`${file}.lock`);
    utimesSync(`${file}.lock`, new Date(Date.now() - 60_000), new Date(Date.now() - 60_000));
    const start = Date.now();
    await withLock(file, async () => {});
    expect(Date.now() - start).toBeLessThan(2000);
  });

  it('fails at once, and does not wait, where no lock can be made', async () => {
    writeFileSync(path.join(folder, 'a-file'), '');
    await expect(withLock(path.join(folder, 'a-file', 'x'), async () => {})).rejects.toThrow(
      /ENOTDIR|EEXIST/,
    );
  });

  it('holds between processes, and a killed holder does not hold it for ever', async () => {
    const compiled = compileLib();
    const file = path.join(folder, 'x');
    const script = `
      const { withLock } = await import(${JSON.stringify(path.join(compiled, 'files', 'cache.js'))});
      await withLock(${JSON.stringify(file)}, async () => {
        console.log('in');
        await new Promise((resolve) => setTimeout(resolve, 60000));
      });`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise((resolve) => child.stdout.once('data', resolve));
    const sentences: string[] = [];
    let got = false;
    const mine = withLock(file, async () => void (got = true), {
      stale: 2000,
      onWait: (sentence) => sentences.push(sentence),
    });
    await sleep(500);
    expect(got).toBe(false);
    expect(sentences[0]).toContain(`process ${child.pid}`);
    child.kill('SIGKILL');
    await mine;
    expect(got).toBe(true);
    removeCompiled(compiled);
  });
});

/** Whether a process runs. One that has ended and that nobody has buried yet (state Z) still takes a `kill -0`. */
function isRunning(pid: string): boolean {
  if (spawnSync('kill', ['-0', pid]).status !== 0) return false;
  if (process.platform !== 'linux') return true;
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false; // buried between the two questions
  }
}

it('runs a program, gives its output, and takes it along when this process is ended', async () => {
  const compiled = compileLib();
  const note = path.join(folder, 'pid');
  // Listening takes its time here, so that a program started before it would be left behind by the signal below.
  const script = `
    const { run } = await import(${JSON.stringify(path.join(compiled, 'files', 'child.js'))});
    const lines = [];
    const first = await run('sh', ['-c', 'echo out; echo err >&2; exit 3'], {
      onStart: ({ pid }) => lines.push(typeof pid),
      onLine: (line, stream) => lines.push([line, stream]),
    });
    const second = await run('sh', ['-c', 'kill -TERM $$']);
    console.log(JSON.stringify({ first, second, lines: lines.sort() }));
    const { on } = process;
    process.on = function (...args) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
      return on.apply(this, args);
    };
    await run('sh', ['-c', 'echo $$ > "$0"; exec sleep 60', ${JSON.stringify(note)}]);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [first] = await new Promise<Buffer[]>((resolve) =>
    child.stdout.once('data', (data: Buffer) => resolve([data])),
  );
  expect(JSON.parse(String(first))).toEqual({
    first: { code: 3, signal: null, stdout: 'out\n', stderr: 'err\n' },
    second: { code: null, signal: 'SIGTERM', stdout: '', stderr: '' },
    lines: [['err', 'stderr'], 'number', ['out', 'stdout']],
  });
  const ended = new Promise<[number | null, string | null]>((resolve) =>
    child.on('exit', (code, signal) => resolve([code, signal])),
  );
  while (!existsSync(note) || !readFileSync(note, 'utf8').endsWith('\n')) await sleep(1);
  child.kill('SIGINT');
  expect(await ended).toEqual([null, 'SIGINT']);
  const grandchild = readFileSync(note, 'utf8').trim();
  // The signal that it had ends it some moments later; left alone it would live for a minute.
  for (let i = 0; i < 100 && isRunning(grandchild); i++) await sleep(50);
  expect(isRunning(grandchild)).toBe(false);
  removeCompiled(compiled);
});
