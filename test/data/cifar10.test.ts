// Reading CIFAR-10's binary layout: right bytes in right places, and a clear error for everything else.
import { chmod, cp, mkdir, mkdtemp, readdir, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { create } from 'tar';
import { findCifar10, readCifar10 } from '../../lib/data/cifar10Files.js';
import type { DataError } from '../../lib/data/dataError.js';

const RECORDS = 3;
const FILES = [...[1, 2, 3, 4, 5].map((n) => `data_batch_${n}.bin`), 'test_batch.bin'];
const small = { recordsPerFile: RECORDS };
const environment = { ...process.env };
let root: string;
let folder: string;

// Record r of file f: label (f + r) % 10, red plane 10 f + r, green 100 + r, blue rising from 0.
function fileBytes(f: number): Buffer {
  const records = Array.from({ length: RECORDS }, (_, r) => {
    const record = Buffer.alloc(3073);
    record[0] = (f + r) % 10;
    record.fill(10 * f + r, 1, 1025).fill(100 + r, 1025, 2049);
    for (let i = 0; i < 1024; i++) record[2049 + i] = i & 255;
    return record;
  });
  return Buffer.concat(records);
}

beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'torch-node-cifar10-'));
  process.env['TORCH_NODE_CACHE'] = path.join(root, 'cache');
  folder = path.join(root, 'cifar-10-batches-bin');
  await mkdir(folder);
  for (const [f, file] of FILES.entries()) await writeFile(path.join(folder, file), fileBytes(f));
});

afterEach(async () => {
  process.env = { ...environment };
  await rm(root, { recursive: true, force: true });
});

async function failure(work: Promise<unknown>): Promise<DataError> {
  return work.then(
    () => {
      throw new Error('expected a rejection');
    },
    (error: unknown) => {
      expect((error as Error).name).toBe('DataError');
      return error as DataError;
    },
  );
}

describe('reading', () => {
  test('puts every record in its place, files in order', async () => {
    const { train, test, folder: read, official } = await readCifar10(folder, small);
    expect(read).toBe(folder);
    expect(official).toBe(false);
    expect([train.count, test.count]).toEqual([15, 3]);
    expect([...train.labels]).toEqual([0, 1, 2, 1, 2, 3, 2, 3, 4, 3, 4, 5, 4, 5, 6]);
    expect([...test.labels]).toEqual([5, 6, 7]);
    expect(train.classes[6]).toBe('frog');
    const picture = train.images.subarray(7 * 3072, 8 * 3072); // file 2, record 1
    expect([picture[0], picture[1023], picture[1024], picture[2047], picture[2048], picture[3071]]).toEqual([
      21, 21, 101, 101, 0, 255,
    ]);
    expect(Object.prototype.toString.call(train.images.buffer)).toBe('[object SharedArrayBuffer]');
  });

  test('finds the folder inside its parent', async () => {
    expect((await readCifar10(root, small)).folder).toBe(folder);
  });

  test('tells the official beginning from another', async () => {
    const bytes = fileBytes(0);
    bytes.set([6, 59, 43, 50], 0);
    bytes.set([62, 46, 48], 1025);
    bytes.set([63, 45, 43], 2049);
    await writeFile(path.join(folder, FILES[0]!), bytes);
    expect((await readCifar10(folder, small)).official).toBe(true);
  });

  test('reads ten thousand records in several reads', async () => {
    const recordsPerFile = 2500;
    for (const [f, file] of FILES.entries()) {
      const bytes = Buffer.alloc(recordsPerFile * 3073, f);
      for (let r = 0; r < recordsPerFile; r++) bytes[r * 3073] = r % 10;
      await writeFile(path.join(folder, file), bytes);
    }
    const { train } = await readCifar10(folder, { recordsPerFile });
    expect(train.labels.every((label, i) => label === i % 10)).toBe(true);
    expect(train.images.every((level, i) => level === Math.floor(i / 3072 / recordsPerFile))).toBe(true);
  });
});

describe('a wrong folder', () => {
  test('that is not there', async () => {
    const error = await failure(readCifar10(path.join(root, 'nowhere')));
    expect(error.code).toBe('DATA_NOT_FOUND');
    expect(error.message).toContain(path.join(root, 'nowhere'));
  });

  test('with files missing names them', async () => {
    await rm(path.join(folder, 'data_batch_3.bin'));
    await rm(path.join(folder, 'test_batch.bin'));
    const error = await failure(readCifar10(folder, small));
    expect(error.code).toBe('DATA_MISSING_FILES');
    expect(error.message).toContain('data_batch_3.bin, test_batch.bin are missing');
  });

  test.each([
    ['the Python version', 'data_batch_1', /Python version/],
    ['the Matlab version', 'data_batch_1.mat', /Matlab version/],
    ['one with the archive in it', 'cifar-10-binary.tar.gz', /Give that file instead/],
    ['something else', 'holiday.jpg', /found holiday\.jpg/],
  ])('that is %s gets its own hint', async (_what, file, hint) => {
    const other = await mkdtemp(path.join(root, 'other-'));
    await writeFile(path.join(other, file), '');
    const error = await failure(readCifar10(other));
    expect(error.code).toBe('DATA_WRONG_KIND');
    expect(error.message).toMatch(hint);
  });

  test('that is empty', async () => {
    expect((await failure(readCifar10(await mkdtemp(path.join(root, 'empty-'))))).message).toMatch(
      /is empty/,
    );
  });

  test('that is a single file', async () => {
    const error = await failure(readCifar10(path.join(folder, FILES[0]!)));
    expect(error.code).toBe('DATA_WRONG_KIND');
    expect(error.message).toMatch(/neither a folder nor a \.tar\.gz/);
  });

  const superuser = process.getuid?.() === 0;
  if (superuser) console.log('skipped: a folder that may not be read, for the superuser may read everything');
  (superuser ? test.skip : test)('that may not be read', async () => {
    await chmod(folder, 0);
    const error = await failure(readCifar10(folder, small));
    await chmod(folder, 0o700);
    expect(error.code).toBe('DATA_NO_PERMISSION');
  });
});

describe('a wrong file', () => {
  test('cut off', async () => {
    await truncate(path.join(folder, FILES[1]!), 2 * 3073 + 5);
    const error = await failure(readCifar10(folder, small));
    expect(error.code).toBe('DATA_TRUNCATED');
    expect(error.message).toMatch(
      /data_batch_2\.bin is cut off: it has 6151 bytes; expected 9219 bytes, 3 records/,
    );
  });

  test('with another number of records', async () => {
    await writeFile(path.join(folder, FILES[4]!), Buffer.alloc(4 * 3073));
    const error = await failure(readCifar10(folder, small));
    expect(error.code).toBe('DATA_WRONG_COUNT');
    expect(error.message).toMatch(
      /data_batch_5\.bin has 12292 bytes, that is 4 records; expected .* 3 records/,
    );
  });

  test('with a label over 9 names the record', async () => {
    const bytes = fileBytes(2);
    bytes[2 * 3073] = 10;
    await writeFile(path.join(folder, FILES[2]!), bytes);
    const error = await failure(readCifar10(folder, small));
    expect(error.code).toBe('DATA_BAD_LABEL');
    expect(error.message).toMatch(/data_batch_3\.bin, record 2, has the label 10; expected 0 to 9/);
  });

  test('that is a folder', async () => {
    await rm(path.join(folder, FILES[3]!));
    await mkdir(path.join(folder, FILES[3]!));
    expect((await failure(readCifar10(folder, small))).message).toMatch(/data_batch_4\.bin is not a file/);
  });
});

describe('the archive', () => {
  const cached = () => readdir(path.join(root, 'cache', 'data'));

  async function pack(name: string): Promise<string> {
    const file = path.join(root, name);
    await create({ file, gzip: true, cwd: root }, ['cifar-10-batches-bin']);
    return file;
  }

  test('is unpacked once and read from the cache afterwards', async () => {
    const archive = await pack('set.tar.gz');
    await rename(folder, path.join(root, 'away'));
    const first = await readCifar10(archive, small);
    expect([...first.test.labels]).toEqual([5, 6, 7]);
    expect(first.folder.startsWith(path.join(root, 'cache', 'data'))).toBe(true);
    // A mark that only survives if the second reading does not unpack again.
    await writeFile(path.join(first.folder, 'mark'), '');
    expect((await readCifar10(archive, small)).folder).toBe(first.folder);
    expect(await cached()).toEqual([path.basename(first.folder)]);
    expect(await readdir(first.folder)).toContain('mark');
  });

  test('twice at once is unpacked once', async () => {
    const archive = await pack('set.tgz');
    const [a, b] = await Promise.all([readCifar10(archive, small), readCifar10(archive, small)]);
    expect(a.folder).toBe(b.folder);
    expect(await cached()).toEqual([path.basename(a.folder)]);
  });

  test('cut off is an error and leaves nothing', async () => {
    const archive = await pack('set.tar.gz');
    await truncate(archive, 200);
    const error = await failure(readCifar10(archive, small));
    expect(error.code).toBe('DATA_BAD_ARCHIVE');
    expect(error.message).toContain(archive);
    expect(await cached()).toEqual([]);
  });

  test('that is no archive is an error', async () => {
    const file = path.join(root, 'page.tar.gz');
    await writeFile(file, '<html>not found</html>');
    expect((await failure(readCifar10(file, small))).message).toContain(file);
  });

  test('of something else says so under its own name', async () => {
    const file = path.join(root, 'python.tar.gz');
    await mkdir(path.join(root, 'cifar-10-batches-py'));
    await create({ file, gzip: true, cwd: root }, ['cifar-10-batches-py']);
    const error = await failure(readCifar10(file));
    expect(error.code).toBe('DATA_WRONG_KIND');
    expect(error.message).toMatch(/python\.tar\.gz .*Python version/);
    expect(error.message).not.toContain('unpacking-');
  });
});

describe('finding', () => {
  test('what was given comes first', async () => {
    expect(await findCifar10(folder)).toBe(folder);
  });

  test('then the cache', async () => {
    const cache = path.join(root, 'cache', 'data', 'cifar-10-batches-bin');
    await cp(folder, cache, { recursive: true });
    expect(await findCifar10()).toBe(cache);
  });

  test('else, with no network, the error names the three ways', async () => {
    process.env['TORCH_NODE_OFFLINE'] = '1';
    const error = await failure(findCifar10());
    expect(error.code).toBe('DATA_UNREACHABLE');
    for (const way of ['could not be reached', '--data FILE', '--data DIR', 'HTTPS_PROXY', 'kriz/cifar.html'])
      expect(error.message).toContain(way);
  });

  test('an abort stays an abort', async () => {
    const reason = new Error('stopped by the user');
    await expect(findCifar10(undefined, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});

const real = path.join(homedir(), '.cache', 'cifar10-jpeg', 'cifar-10-batches-bin');
if (!existsSync(real))
  console.log('skipped: reading a whole CIFAR-10, for none is unpacked in ~/.cache/cifar10-jpeg');
(existsSync(real) ? test : test.skip)('a whole set: 5,000 and 1,000 pictures a class', async () => {
  const { train, test } = await readCifar10(real);
  const counts = (labels: Uint8Array) => {
    const found = new Array<number>(10).fill(0);
    for (const label of labels) found[label]!++;
    return found;
  };
  expect(counts(train.labels)).toEqual(new Array(10).fill(5000));
  expect(counts(test.labels)).toEqual(new Array(10).fill(1000));
});
