// Files that would take the process's memory or time, or that would show one thing to a scanner and another to us.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { crc32, deflateRawSync } from 'node:zlib';
import torch, { checkpoints } from 'torch-node';
import { unpickle, type PickleHost } from '../../lib/checkpoints/pickle/reader.js';

const folder = mkdtempSync(path.join(tmpdir(), 'hostile-'));
afterAll(() => rmSync(folder, { recursive: true }));

// ---- pickles ----

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');
function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length);
  return Buffer.concat([latin1('X'), length, bytes]);
}
const int = (value: number): Buffer => {
  const out = Buffer.alloc(5, 'J');
  out.writeInt32LE(value, 1);
  return out;
};
const list = (count: number): Buffer =>
  Buffer.concat([latin1(']('), Buffer.alloc(2 * count, latin1('K\x07')), latin1('e')]);
const storage = (count: number, key = '0'): Buffer =>
  Buffer.concat([
    latin1('('),
    text('storage'),
    latin1('ctorch\nFloatStorage\n'),
    text(key),
    text('cpu'),
    int(count),
    latin1('tQ'),
  ]);
const REBUILD = 'ctorch._utils\n_rebuild_';

interface Zipped {
  name: string;
  data: Buffer;
  /** What the local header has otherwise. */
  local?: Partial<{ name: string; size: number; crc: number; method: number }>;
  compress?: boolean;
  /** Where the directory says that it lies, if not there. */
  at?: number;
}
/** A zip whose parts may say other things of each other. */
function zipped(entries: Zipped[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, data, local = {}, compress = false, at } of entries) {
    const stored = compress ? deflateRawSync(data) : data;
    const header = (
      signature: number,
      size: number,
      named: string,
      sizes: [number, number, number, number],
    ): Buffer => {
      const raw = Buffer.from(named);
      const out = Buffer.alloc(size);
      out.writeUInt32LE(signature);
      const from = signature === 0x04034b50 ? 4 : 6;
      out.writeUInt16LE(20, from);
      out.writeUInt16LE(0x800, from + 2);
      out.writeUInt16LE(sizes[0], from + 4);
      out.writeUInt32LE(sizes[1], from + 10);
      out.writeUInt32LE(sizes[2], from + 14);
      out.writeUInt32LE(sizes[3], from + 18);
      out.writeUInt16LE(raw.length, from + 22);
      return Buffer.concat([out, raw]);
    };
    const method = compress ? 8 : 0;
    const sum = crc32(data);
    const place = header(0x02014b50, 46, name, [method, sum, stored.length, data.length]);
    place.writeUInt32LE(at ?? offset, 42);
    directory.push(place);
    if (at !== undefined) continue;
    const own = header(0x04034b50, 30, local.name ?? name, [local.method ?? method, local.crc ?? sum, local.size ?? stored.length, local.size ?? data.length]); // prettier-ignore
    parts.push(own, stored);
    offset += own.length + stored.length;
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50);
  end.writeUInt16LE(directory.length, 8);
  end.writeUInt16LE(directory.length, 10);
  const length = directory.reduce((total, part) => total + part.length, 0);
  end.writeUInt32LE(length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, ...directory, end]);
}
const pickled = (...parts: (string | Buffer)[]): Buffer =>
  Buffer.concat([
    latin1('\x80\x02'),
    ...parts.map((part) => (typeof part === 'string' ? latin1(part) : part)),
    latin1('.'),
  ]);
const archive = (data: Buffer, storages: Record<string, Buffer> = {}): Buffer =>
  zipped([
    { name: 'a/data.pkl', data },
    { name: 'a/version', data: Buffer.from('3') },
    ...Object.entries(storages).map(([key, bytes]) => ({ name: `a/data/${key}`, data: bytes })),
  ]);

const MB = 2 ** 20;
const many = (code: string, bytes = 2 * MB): Buffer =>
  Buffer.alloc(bytes - (bytes % code.length), latin1(code));

/** Each builds far more than it has bytes, or takes far more steps. */
const AMPLIFIED: Record<string, () => Buffer> = {
  'torch.Size of one list': () => pickled('ctorch\nSize\nq\x00', list(100_000), '\x85q\x010', many('h\x00h\x01R0'), 'N'),
  'sets of one list': () => pickled('c__builtin__\nset\nq\x00', list(100_000), '\x85q\x010', many('h\x00h\x01R0'), 'N'),
  'bytes of one text': () => pickled('c_codecs\nencode\nq\x00', text('x'.repeat(MB)), text('latin1'), '\x86q\x010', many('h\x00h\x01R0'), 'N'),
  'bytearrays of one': () => pickled('c__builtin__\nbytearray\nq\x00c_codecs\nencode\n', text('x'.repeat(MB)), text('latin1'), '\x86R\x85q\x010', many('h\x00h\x01R0'), 'N'),
  'dictionaries of one list': () => pickled('ccollections\nOrderedDict\nq\x00](', many('NN\x86', 3e5), 'e\x85q\x010', many('h\x00h\x01R0'), 'N'),
  'counters of one dictionary': () => pickled('ccollections\nCounter\nq\x00}(', Buffer.concat(Array.from({ length: 30_000 }, (_, i) => Buffer.concat([int(i), latin1('N')]))), 'u\x85q\x010', many('h\x00h\x01R0'), 'N'),
  'empty dictionaries': () => pickled('](', many('}', 16 * MB), 'e'),
  'empty sets': () => pickled('](', many('\x8f', 16 * MB), 'e'),
  'empty lists': () => pickled('](', many(']', 16 * MB), 'e'),
  'a memory of everything': () => pickled('N', many('\x94', 16 * MB)),
  'tensors of one storage': () => pickled(`${REBUILD}tensor_v2\nq\x00(`, storage(1), 'K\x00))\x89Ntq\x01](', many('h\x00h\x01R', 4 * MB), 'e'),
  'tensors of a thousand dimensions': () => pickled(`${REBUILD}tensor_v2\nq\x00(`, storage(1), 'K\x00(', many('K\x01', 2000), 't(', many('K\x01', 2000), 't\x89Ntq\x01](', many('h\x00h\x01R', MB), 'e'),
  'parameters of one tensor': () => pickled(`${REBUILD}parameter\nq\x00(${REBUILD}tensor_v2\n(`, storage(1), 'K\x00))\x89NtR\x88Ntq\x01](', many('h\x00h\x01R', 4 * MB), 'e'),
  'sparse tensors of one table': () => pickled(`${REBUILD}sparse_tensor\nq\x00ctorch.serialization\n_get_layout\n`, text('torch.sparse_coo'), `\x85R(${REBUILD}tensor_v3\n(`, storage(1), 'K\x00K\x01J\x00\x00\x00\x40\x86K\x00K\x00\x86\x89Nctorch\nint8\ntR', 'NK\x01\x85tq\x01', many('h\x00h\x01R0', MB), 'N'),
  'expanded tensors of a device': () => pickled(`${REBUILD}device_tensor_from_cpu_tensor\n(${REBUILD}tensor_v2\n(`, storage(1), 'K\x00J\x00\x00\x00\x40J\x00\x00\x00\x40\x86K\x00K\x00\x86\x89NtRctorch\nfloat64\n', text('cpu'), '\x89tR'),
  'a quantized tensor of many claims': () => pickled(`${REBUILD}qtensor\n((`, text('storage'), 'ctorch\nQInt8Storage\n', text('0'), text('cpu'), 'K\x04tQK\x00J\x00\x00\x00\x40J\x00\x00\x00\x40\x86K\x00K\x00\x86ctorch\nper_channel_affine\n', `${REBUILD}tensor_v2\n(`, storage(1, '1'), 'K\x00J\x00\x00\x00\x40\x85K\x00\x85\x89NtRh\x09K\x00t\x89NtR'),
}; // prettier-ignore

describe('a pickle that builds more than it has bytes', () => {
  it.each(Object.entries(AMPLIFIED))('%s: is refused or read within seconds and within bounds', async (_, make) => {
    const bytes = archive(make(), { 0: Buffer.alloc(4), 1: Buffer.alloc(4) });
    const file = path.join(folder, 'amplified.pt');
    writeFileSync(file, bytes);
    // In a process of its own, so that its memory can be told.
    const script = `
      const torch = require(${JSON.stringify(path.resolve(__dirname, '../../dist/index.js'))}).default;
      const before = process.memoryUsage().rss;
      const from = Date.now();
      torch.scope(() => torch.load(${JSON.stringify(file)}).then(() => 'read', (error) => error.name + ' ' + error.message.slice(0, 200))).then((how) => {
        const { maxRSS } = process.resourceUsage();
        console.log(JSON.stringify({ how, seconds: (Date.now() - from) / 1000, grown: 1024 * maxRSS - before }));
      });`;
    const { stdout, stderr, status } = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' });
    expect([status, stderr.replace(/\(node.*|\(Use.*/g, '').trim()]).toEqual([0, '']);
    const { how, seconds, grown } = JSON.parse(stdout) as { how: string; seconds: number; grown: number };
    expect(how).toMatch(/^(read|TorchError load: .* cannot be read: )/s);
    expect(seconds).toBeLessThan(20);
    expect(grown).toBeLessThan(200 * MB + 160 * bytes.length);
  }, 60_000); // prettier-ignore

  it('says what builds it', async () => {
    await expect(torch.load(archive(AMPLIFIED['torch.Size of one list']!()))).rejects.toThrow(
      /what it has torch\.Size make would take far more memory than it has bytes/,
    );
    await expect(torch.load(archive(AMPLIFIED['bytes of one text']!()))).rejects.toThrow(
      /what it has _codecs\.encode make/,
    );
  });
});

describe('keys that are tuples', () => {
  it('come back, however nested and whatever they hold', async () => {
    const key = Object.freeze([1, Object.freeze(['a', 2])]);
    const value = new Map<unknown, unknown>([[key, 3], [Object.freeze([]), new Map([[Object.freeze([4]), 5]])], [6, 7]]); // prettier-ignore
    const file = path.join(folder, 'tuples.pt');
    await torch.save(value, file);
    expect(await torch.load(file)).toEqual(value);
    const shared = [
      ...((await torch.load(archive(pickled('}(K\x01K\x02\x86q\x00K\x03K\x05h\x00u')))) as Map<
        unknown,
        unknown
      >),
    ];
    expect(shared).toEqual([[[1, 2], 3], [5, [1, 2]]]); // prettier-ignore
    expect(shared[0]![0]).toBe(shared[1]![1]);
  });

  it('may hold themselves', async () => {
    // l = []; t = (l,); l.append(t); {t: l}
    const [[key, item]] = [...((await torch.load(archive(pickled('}]q\x00h\x00\x85q\x01a0h\x01h\x00s')))) as Map<unknown[], unknown[]>)] as [[unknown[], unknown[]]]; // prettier-ignore
    expect(key[0]).toBe(item);
    expect(item[0]).toBe(key);
  });
});

describe('an archive that could be understood in two ways', () => {
  const one = pickled('K\x01');
  const other = pickled('K\x02');
  const version = { name: 'a/version', data: Buffer.from('3') };
  const good: Zipped[] = [{ name: 'a/data.pkl', data: one }, version];
  const cases: Record<string, [Buffer | (() => Buffer), RegExp]> = {
    'two folders': [zipped([...good, { name: 'b/data.pkl', data: other }]), /do not lie in one folder/],
    'a pickle beside its folder': [zipped([...good, { name: 'data.pkl', data: other }]), /do not lie in one folder/],
    'a pickle beside its folder, first': [zipped([{ name: 'data.pkl', data: other }, ...good]), /do not lie in one folder/],
    'a folder for the pickle': [zipped([version, { name: 'a/b/data.pkl', data: one }]), /has no data\.pkl in its folder/],
    'two pickles': [zipped([...good, { name: 'a/data.pkl', data: other }]), /two entries of the name a\/data\.pkl/],
    'two pickles in other letters': [zipped([...good, { name: 'a/DATA.pkl', data: other }]), /two entries of the name a\/DATA\.pkl/],
    'a backslash': [zipped([...good, { name: 'a\\data.pkl', data: other }]), /no name of an entry/],
    'a name that leads out of it': [zipped([...good, { name: 'a/../data.pkl', data: other }]), /no name of an entry/],
    'a name of its own in the local header': [zipped([{ ...good[0]!, local: { name: 'a/data.pkx' } }, version]), /local header says otherwise/],
    'a size of its own in the local header': [zipped([{ ...good[0]!, local: { size: 3 } }, version]), /local header says otherwise/],
    'a method of its own in the local header': [zipped([{ ...good[0]!, local: { method: 8 } }, version]), /local header says otherwise/],
    'entries on one local header': [zipped([...good, ...Array.from({ length: 2000 }, () => ({ ...good[0]!, at: 0 }))]), /overlap, or claim more bytes/],
    'entries on one local header under other names': [zipped([...good, { name: 'a/data/0', data: one, at: 0 }]), /local header says otherwise/],
    'a zip behind a zip': [Buffer.concat([zipped(good), zipped([{ name: 'a/data.pkl', data: other }, version])]), /directory does not end where|no local header|local header/],
    'bytes behind it': [Buffer.concat([zipped(good), Buffer.alloc(10)]), /not a zip file, or it is cut off/],
    'no version': [zipped([good[0]!]), /does not say the version of its format/],
    'version 11': [zipped([good[0]!, { ...version, data: Buffer.from('11') }]), /version of its format is 11, from 1 to 10/],
    'no number for a version': [zipped([good[0]!, { ...version, data: Buffer.from('three') }]), /version of its format is no number/],
    'a checksum that is wrong': [() => { const bytes = zipped(good); bytes[30 + 10 + 3]! ^= 1; return bytes; }, /damaged \(its checksum is wrong\)/],
    'a storage that has more bytes than it says': [archive(pickled(storage(1)), { 0: Buffer.alloc(8) }), /has 8 bytes, its 1 elements need 4/],
    'a storage that has fewer': [archive(pickled(storage(3)), { 0: Buffer.alloc(8) }), /has 8 bytes, its 3 elements need 12/],
    'a storage of two claims': [archive(pickled(storage(1), storage(2), '\x86'), { 0: Buffer.alloc(8) }), /claims two things of the storage '0'/],
    'compressed zeros': [zipped([{ name: 'a/data.pkl', data: pickled('(', Buffer.alloc(3e6, 'N'), 't'), compress: true }, version]), /its entries are compressed/],
  }; // prettier-ignore
  it.each(Object.entries(cases))('%s', async (_, [bytes, message]) => {
    expect(await torch.load(zipped(good))).toBe(1);
    await expect(torch.load(typeof bytes === 'function' ? bytes() : bytes)).rejects.toThrow(message);
  });
});

describe('time', () => {
  it('is in proportion to the number of storages: 60,000 empty ones', async () => {
    const names = Array.from({ length: 60_000 }, (_, i) => String(i));
    const tensors = names.map((key) => Buffer.concat([latin1(`${REBUILD}tensor_v2\n(`), storage(0, key), latin1('K\x00K\x00\x85K\x01\x85\x89NtR')])); // prettier-ignore
    const bytes = archive(pickled('](', Buffer.concat(tensors), 'e'), Object.fromEntries(names.map((key) => [key, Buffer.alloc(0)]))); // prettier-ignore
    const file = path.join(folder, 'empty.pt');
    writeFileSync(file, bytes);
    for (const source of [file, bytes]) {
      const from = performance.now();
      await torch.scope(async () => expect(((await torch.load(source)) as unknown[]).length).toBe(60_000));
      expect(performance.now() - from).toBeLessThan(15_000);
    }
  });
});

describe('what is no file', () => {
  const fifo = path.join(folder, 'fifo');
  const there = spawnSync('mkfifo', [fifo]).status === 0;
  const readers: Record<string, (file: string) => unknown> = {
    load: (file) => torch.load(file),
    loadSafetensors: (file) => checkpoints.loadSafetensors(file),
    'loadSafetensors, mapped': (file) => checkpoints.loadSafetensors(file, { mmap: true }),
    loadNpy: (file) => checkpoints.loadNpy(file),
    loadNpz: (file) => checkpoints.loadNpz(file),
    'jit.load': (file) => torch.jit.load(file),
    'jit.loadAsync': (file) => torch.jit.loadAsync(file),
    aotiLoadPackage: (file) => torch.inductor.aotiLoadPackage(file),
    aotiLoadPackageAsync: (file) => torch.inductor.aotiLoadPackageAsync(file),
  };
  (there ? describe : describe.skip)('is refused without waiting for it', () => {
    it.each(Object.entries(readers))('%s', async (_, read) => {
      await expect((async () => read(fifo))()).rejects.toThrow(/it is no file but a FIFO/);
      await expect((async () => read('/dev/zero'))()).rejects.toThrow(/it is no file but a device/);
      await expect((async () => read(folder))()).rejects.toThrow(/it is no file but a folder/);
    });
  });
});

it('a pickle of random operations ends with a value or an error', () => {
  const host: PickleHost = {
    global: () => ({ name: 'f', call: (args: readonly unknown[]) => args }),
    persistent: (id) => id,
  };
  const codes = latin1(
    'N\x88\x89K\x01M\x01\x02]})(tuaseb012q\x00q\x01h\x00h\x01\x85\x86\x87\x8f\x90\x94QR\x81X\x01\x00\x00\x00aU\x01b',
  );
  let seed = 1;
  const random = (below: number): number => (seed = (Math.imul(seed, 1103515245) + 12345) >>> 0) % below;
  for (let round = 0; round < 5000; round++) {
    const bytes = pickled(
      Buffer.from(Array.from({ length: random(60) }, () => codes[random(codes.length)]!)),
    );
    try {
      unpickle(bytes, host);
    } catch (error) {
      expect((error as Error).name).toMatch(/^(Error|CutOff)$/);
    }
  }
});
