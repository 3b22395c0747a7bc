// The zips that zipWriter makes, read by zipReader and (where it is there) by Python's zipfile.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { withZip } from '../../lib/files/zipReader.js';
import { zip } from '../../lib/files/zipWriter.js';
import { noPython, python } from '../parity/support.js';
import { itWhen } from '../support/skip.js';

const folder = mkdtempSync(path.join(tmpdir(), 'zip-'));
afterAll(() => rmSync(folder, { recursive: true }));

const contents: Record<string, Buffer> = {
  empty: Buffer.alloc(0),
  'plain.txt': Buffer.from('hello '.repeat(1000)),
  'häuser/日本.bin': Buffer.from(Array.from({ length: 3_000_000 }, (_, i) => (i * i) >> 7)),
};
const entries = Object.entries(contents).map(([name, data]) => ({ name, data }));

async function written(compress: boolean): Promise<string> {
  const file = path.join(folder, `${compress ? 'deflated' : 'stored'}.zip`);
  writeFileSync(file, await zip(entries, { compress }));
  return file;
}

it.each([false, true])('what was written is read, compress %s', async (compress) => {
  const read = await withZip(await written(compress), async (found) => {
    const all: Record<string, Buffer> = {};
    for (const entry of found) {
      const parts: Buffer[] = [];
      for await (const chunk of entry.chunks()) parts.push(chunk);
      all[entry.name] = Buffer.concat(parts);
      expect(entry.size).toBe(all[entry.name]!.length);
    }
    return all;
  });
  expect(Object.keys(read)).toEqual(Object.keys(contents));
  for (const [name, data] of Object.entries(contents)) expect(read[name]!.equals(data)).toBe(true);
});

itWhen(python !== undefined, noPython)('Python finds no fault with them', async () => {
  const script =
    'import sys, zipfile\nfor f in sys.argv[1:]: z = zipfile.ZipFile(f); print(z.testzip(), z.namelist())';
  const { stdout } = spawnSync(python!, ['-c', script, await written(false), await written(true)], {
    encoding: 'utf8',
  });
  const line = `None ['empty', 'plain.txt', 'häuser/日本.bin']`;
  expect(stdout.trim().split('\n')).toEqual([line, line]);
});

it('what needs zip64 is refused before anything is compressed', async () => {
  // Never touched, so that no memory is taken.
  const large = Buffer.alloc(2 ** 31);
  const two = [
    { name: 'a', data: large },
    { name: 'b', data: large },
  ];
  await expect(zip(two)).rejects.toThrow(
    'a zip without zip64 holds at most 4294967294 bytes, this one needs 4294967296',
  );
  const many = new Array<(typeof entries)[0]>(65535).fill({ name: 'a', data: Buffer.alloc(0) });
  await expect(zip(many)).rejects.toThrow('a zip holds at most 65534 entries, these are 65535');
  await expect(zip([{ name: 'x'.repeat(65536), data: Buffer.alloc(0) }])).rejects.toThrow(
    /name has at most 65535 bytes/,
  );
});
