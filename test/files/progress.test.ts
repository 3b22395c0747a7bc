// What is shown of a long piece of work.
import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { megabytes, showProgress } from '../../lib/files/progress.js';

function capture(isTTY: boolean) {
  const stream = Object.assign(new PassThrough(), {
    isTTY,
    columns: 80,
    cursorTo: () => true,
    clearLine: () => true,
  });
  const text: string[] = [];
  stream.on('data', (chunk: Buffer) => text.push(String(chunk)));
  return { stream, text };
}

it('writes a line each tenth, but not more often than its interval allows', async () => {
  const { stream, text } = capture(false);
  const progress = showProgress('unpacking', { stream, interval: 100 });
  for (let i = 0; i <= 100; i++) {
    progress.update(i * 1e6, 100e6);
    if (i % 10 === 0) await sleep(25);
  }
  progress.stop();
  const lines = text.join('').trim().split('\n');
  expect(lines.length).toBeGreaterThanOrEqual(4);
  expect(lines.length).toBeLessThanOrEqual(13);
  expect(lines[0]).toMatch(/^unpacking: \d+\.0 MB of 100\.0 MB \(\d+ %\)$/);
  expect(lines.at(-1)).toMatch(/^unpacking: 100\.0 MB in \d\.\d s$/);
});

it('writes nothing when nothing was done', () => {
  const { stream, text } = capture(false);
  showProgress('downloading', { stream }).stop();
  expect(text).toEqual([]);
});

it('draws a bar on a terminal', async () => {
  const { stream, text } = capture(true);
  const progress = showProgress('downloading', { stream, format: (amount) => `${amount} things` });
  progress.update(5, 10);
  await sleep(150);
  progress.update(5, 10);
  progress.stop();
  expect(text.join('')).toContain(`downloading [${'#'.repeat(15)}${'.'.repeat(15)}] 5 things of 10 things`);
});

it('tells megabytes', () => {
  expect(megabytes(1_234_567)).toBe('1.2 MB');
});
