// .npy and .npz: what numpy wrote (test/parity/recordNumpy.py), what it reads of ours, and what damaged files give.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import torch, { checkpoints, type DType, type Tensor } from 'torch-node';
import { zip } from '../../lib/files/zipWriter.js';
import { noPython, python } from '../parity/support.js';
import { liveTensors, withoutLeaks } from '../support/leaks.js';
import { itWhen } from '../support/skip.js';

const { decodeNpy, encodeNpy, loadNpy, loadNpz, saveNpy, saveNpz } = checkpoints;

interface Values {
  name: string;
  dtype: DType;
  shape: number[];
  data: string;
}
const recorded = JSON.parse(readFileSync(path.join(__dirname, '../parity/recorded/numpy.json'), 'utf8')) as {
  arrays: (Values & { file: string; same: boolean })[];
  refused: { name: string; file: string }[];
  archives: { name: string; file: string; compressed: boolean }[];
  inside: Values[];
  names: Record<string, string | null>;
};
const decoded = (base64: string): Buffer => Buffer.from(base64, 'base64');

const folder = mkdtempSync(path.join(tmpdir(), 'numpy-'));
afterAll(() => rmSync(folder, { recursive: true }));
const inFolder = (name: string): string => path.join(folder, name);
function written(name: string, bytes: Uint8Array): string {
  writeFileSync(inFolder(name), bytes);
  return inFolder(name);
}

// The values' own bytes: half precision as two bytes each.
function base64Of(tensor: Tensor): string {
  const half = tensor.dtype === 'float16';
  const plain = half ? (torch.ops.call('aten::view.dtype', [tensor, 'int16']) as Tensor) : tensor;
  const { buffer, byteOffset, byteLength } = plain.dataSync();
  return Buffer.from(buffer, byteOffset, byteLength).toString('base64');
}
const valuesOf = (name: string, tensor: Tensor): Values => ({
  name,
  dtype: tensor.dtype,
  shape: [...tensor.shape],
  data: base64Of(tensor),
});

// The tensor of recorded values, made without any of the code under test.
function made({ dtype, shape, data }: Values): Tensor {
  const bytes = new Uint8Array(decoded(data)).buffer;
  if (dtype !== 'float16') return torch.tensor(bytes, { dtype, shape });
  return torch.ops.call('aten::view.dtype', [
    torch.tensor(bytes, { dtype: 'int16', shape }),
    dtype,
  ]) as Tensor;
}

describe('npy', () => {
  it('has enough recorded files', () => expect(recorded.arrays.length).toBeGreaterThan(40));

  it.each(recorded.arrays.map((one): [string, (typeof recorded.arrays)[0]] => [one.name, one]))(
    'as numpy wrote it: %s',
    async (name, { file, same, ...expected }) => {
      const bytes = decoded(file);
      const tensor = decodeNpy(bytes);
      expect(tensor.isContiguous).toBe(true);
      expect(valuesOf(name, tensor)).toEqual(expected);
      expect(valuesOf(name, await loadNpy(written('recorded.npy', bytes)))).toEqual(expected);
      if (same) expect(encodeNpy(made(expected)).toString('latin1')).toBe(bytes.toString('latin1'));
      expect(valuesOf(name, decodeNpy(encodeNpy(tensor)))).toEqual(expected);
    },
  );

  it.each([
    ['objects', /its dtype is '\|O': Python objects; pickled objects are not read: they can run code/],
    ['records', /its dtype is structured \(records\)/],
    ['raw', /its dtype is '\|V2': raw bytes \(as bfloat16 of ml_dtypes is written\)/],
    ['byte strings', /its dtype is '\|S2': byte strings/],
    ['strings', /its dtype is '<U2': strings/],
    ['dates', /its dtype is '<M8\[D\]': dates \(datetime64\).*astype\('int64'\)/],
    ['durations', /its dtype is '<m8\[ms\]': durations/],
    ['long doubles', /its dtype is '<f16': long doubles.*astype\('float64'\)/],
    ['complex long doubles', /its dtype is '<c32': complex long doubles/],
    ['too large', /uint64 values of 2\^63 or more/],
  ])('refuses %s', (name, message) => {
    const { file } = recorded.refused.find((one) => one.name === name)!;
    expect(() => decodeNpy(decoded(file), 'x.npy')).toThrow(message);
    expect(() => decodeNpy(decoded(file), 'x.npy')).toThrow(/^decodeNpy: x\.npy cannot be read: /);
  });

  it('writes what lies in memory otherwise: transposed, strided, expanded, conjugated, recorded by autograd', async () => {
    const base = torch.arange(12).reshape(3, 4).to('float32');
    const complex = torch.tensor(new Float32Array([1, 2, 3, 4]).buffer, { dtype: 'complex64', shape: [2] });
    const all: Record<string, Tensor> = {
      transposed: base.t(),
      strided: base.narrow(1, 1, 2),
      half: base.to('float16').t(),
      expanded: torch.ops.call('aten::expand', [torch.tensor([[1], [2]]), [2, 3]]) as Tensor,
      recorded: torch.ones([2], { requiresGrad: true }).mul(3),
      conjugated: torch.ops.call('aten::conj', [complex]) as Tensor,
    };
    for (const [name, tensor] of Object.entries(all)) {
      await saveNpy(inFolder('view.npy'), tensor);
      const back = await loadNpy(inFolder('view.npy'));
      expect([name, back.requiresGrad, back.isContiguous]).toEqual([name, false, true]);
      expect(valuesOf(name, back)).toEqual(valuesOf(name, tensor));
    }
    expect(decodeNpy(encodeNpy(all['conjugated']!)).dataSync()).toEqual(new Float32Array([1, -2, 3, -4]));
  });

  itWhen(torch.cuda.isAvailable(), 'there is no GPU')('writes tensors on CUDA', async () => {
    await saveNpy(inFolder('cuda.npy'), torch.arange(6).cuda());
    expect((await loadNpy(inFolder('cuda.npy'))).toArray()).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('reads a bool by whether its byte is zero', () => {
    const bytes = encodeNpy(torch.tensor([true, false, true]));
    bytes.set([2, 0, 255], bytes.length - 3);
    expect(decodeNpy(bytes).dataSync()).toEqual(new Uint8Array([1, 0, 1]));
  });

  it('reads bytes that lie anywhere in a buffer', () => {
    const bytes = encodeNpy(torch.tensor([1.5, -2], { dtype: 'float64' }));
    const moved = new Uint8Array(bytes.length + 3);
    moved.set(bytes, 3);
    expect(decodeNpy(moved.subarray(3)).toArray()).toEqual([1.5, -2]);
  });

  it('refuses to write what numpy lacks, what is no tensor and what is too large', async () => {
    const bfloat16 = torch.ones([2], { dtype: 'bfloat16' });
    expect(() => encodeNpy(bfloat16)).toThrow(
      "encodeNpy: the tensor cannot be written: numpy has no bfloat16: convert it first, as tensor.to('float32')",
    );
    await expect(saveNpz(inFolder('no.npz'), { a: bfloat16 })).rejects.toThrow(
      /^saveNpz: "a" cannot be written: numpy has no bfloat16/,
    );
    await expect(saveNpy(inFolder('no.npy'), [1, 2] as unknown as Tensor)).rejects.toThrow(
      /expected a Tensor, got \[1, 2\]/,
    );
    expect(() => encodeNpy(torch.zeros(new Array<number>(65).fill(1)))).toThrow(
      /at most 64 dimensions, this has 65/,
    );
    const large = torch.ops.call('aten::expand', [torch.zeros([1]), [2 ** 30]]) as Tensor;
    await expect(saveNpy(inFolder('no.npy'), large)).rejects.toThrow(
      /a file of 4294967424 bytes, at most 2147483647/,
    );
    expect(() => encodeNpy(torch.ones([2], { device: 'meta' }))).toThrow(/a meta tensor has no values/);
    expect(readdirSync(folder).filter((name) => name.startsWith('no.'))).toEqual([]);
  });

  it('refuses every truncation; what follows the values is not read, as by numpy', async () => {
    const good = encodeNpy(torch.ones([2, 2]));
    for (let length = 0; length < good.length; length++)
      expect(() => decodeNpy(good.subarray(0, length))).toThrow(/: it is cut off/);
    expect(() => decodeNpy(good.subarray(0, -1), 'a.npy')).toThrow(
      'decodeNpy: a.npy cannot be read: it is cut off: an array of dtype f4 and shape (2, 2) needs 16 bytes, 15 follow the header',
    );
    for (const more of [1, 2, 4, 1_000_000, 2_100_000]) {
      const long = Buffer.concat([good, Buffer.alloc(more, 1)]);
      expect(decodeNpy(long).toArray()).toEqual([[1, 1], [1, 1]]); // prettier-ignore
      expect((await loadNpy(written('long.npy', long))).toArray()).toEqual([[1, 1], [1, 1]]); // prettier-ignore
    }
  });

  it.each(Object.entries(recorded.names))('knows the dtype %p as numpy does: %p', (name, known) => {
    const [order, kind] = [known?.[0], known?.slice(1) ?? ''];
    const width = Number(/\d+/.exec(kind)?.[0] ?? 1);
    const header = Buffer.from(`{'descr': '${name}', 'fortran_order': False, 'shape': (2,)}\n`);
    const start = Buffer.from([0x93, ...Buffer.from('NUMPY'), 1, 0, header.length, 0]);
    const file = Buffer.concat([
      start,
      header,
      Buffer.from(Array.from({ length: 2 * width }, (_, i) => i + 1)),
    ]);
    if (known === null) {
      expect(() => decodeNpy(file)).toThrow(/there is no dtype|long doubles/);
      return;
    }
    const plain = Buffer.concat([start.fill(known.length + header.length - name.length, 8, 9), Buffer.from(header.toString().replace(`'${name}'`, `'${known}'`)), file.subarray(-2 * width)]); // prettier-ignore
    expect(order).toMatch(/[<>|]/);
    expect(valuesOf('', decodeNpy(file))).toEqual(valuesOf('', decodeNpy(plain)));
  });

  it('says what is wrong with a header, and takes no memory for what it claims', () => {
    const good = encodeNpy(torch.ones([2, 2])).toString('latin1');
    const tampered = (from: string, to: string): Buffer => {
      expect(good).toContain(from);
      // As long as before: the spaces at the header's end make up for it.
      const changed = good.replace(from, to);
      const spaces = to.length - from.length;
      const padded =
        spaces < 0
          ? changed.replace('\n', `${' '.repeat(-spaces)}\n`)
          : changed.replace(`${' '.repeat(spaces)}\n`, '\n');
      return Buffer.from(padded, 'latin1');
    };
    const bad: [Buffer, RegExp][] = [
      [tampered('\x93NUMPY', 'PK\x03\x04..'), /it is no npy file: it begins with "PK/],
      [tampered('\x01\x00v', '\x04\x00v'), /format version 4\.0, known are 1\.0, 2\.0 and 3\.0/],
      [tampered('\x01\x00v', '\x01\x01v'), /format version 1\.1/],
      [tampered('v\x00{', '\xff\xff{'), /header claims 65535 bytes, at most 10000/],
      [tampered('v\x00{', '\xf0\x00{'), /cut off in its header, after 144 bytes/],
      [tampered('v\x00{', '\x20\x00{'), /header is damaged: .*at character/],
      [
        tampered("'descr'", "'descx'"),
        /expected a dictionary of descr, fortran_order and shape, found descx, fortran_order, shape/,
      ],
      [tampered("'descr': '<f4', ", ''), /found fortran_order, shape/],
      [tampered("'shape'", "'descr'"), /the key 'descr' comes twice/],
      [tampered('(2, 2)', '(2, 3)'), /shape \(2, 3\) needs 24 bytes, 16 follow the header/],
      [tampered('(2, 2)', '(2, -2)'), /shape is \(2, -2\), expected a tuple of sizes/],
      [tampered('(2, 2)', '[2, 2]'), /shape is \[2, 2\], expected a tuple of sizes/],
      [tampered('(2, 2)', '(4)'), /shape is 4, expected a tuple of sizes/],
      [tampered('(2, 2)', '(02, 2)'), /cannot be read from character/],
      [tampered('(2, 2)', '(2 2)'), /expected ',' or '\)' at character/],
      [tampered('(2, 2)', '(2, 2.0)'), /cannot be read from character/],
      [tampered('(2, 2)', '(1e9, 2)'), /header is damaged/],
      [tampered('(2, 2)', '(99999999999, 9)'), /needs 3599999999964 bytes, 16 follow/],
      [tampered('(2, 2)', `(${'9007199254740991, '.repeat(2)})`), /needs .*e\+\d+ bytes, 16 follow/],
      [tampered('(2, 2)', '(9007199254740992, 2)'), /expected a tuple of sizes/],
      [tampered('(2, 2)', `(${'('.repeat(20)}`), /nest deeper than 16/],
      [tampered('False', 'false'), /cannot be read from character/],
      [tampered('False', '0'), /fortran_order is 0, expected True or False/],
      [tampered('False', 'None'), /fortran_order is None, expected/],
      [tampered("'<f4'", "'<f3'"), /there is no dtype '<f3'/],
      [tampered("'<f4'", "'<q4'"), /there is no dtype '<q4'/],
      [tampered("'<f4'", "'toString'"), /there is no dtype 'toString'/],
      [tampered("'<f4'", 'True'), /there is no dtype True/],
      [tampered("'<f4'", "[('a', '<f4'), ('b', '<i8')]"), /structured \(records\)/],
      [tampered("'<f4'", "('<f4', (2,))"), /there is no dtype \('<f4', \(2,\)\)/],
      [tampered('{', '__import__("os")'), /cannot be read from character/],
      [tampered(', }', ', } x'), /cannot be read from character/],
      [tampered(', }', ', } 1'), /expected the end at character/],
      [tampered(', }', ', '), /expected a string at character/],
    ];
    const before = process.memoryUsage().arrayBuffers;
    for (const [bytes, message] of bad) {
      expect(() => decodeNpy(bytes)).toThrow(message);
      expect(() => decodeNpy(bytes)).toThrow(/^decodeNpy: the data cannot be read: /);
    }
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20e6);
  });

  it("gives a shape that libtorch has no strides for in libtorch's words", () => {
    const header =
      "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 9007199254740991, 9007199254740991)}\n";
    const bytes = Buffer.from(
      `\x93NUMPY\x01\x00${String.fromCharCode(header.length)}\x00${header}`,
      'latin1',
    );
    expect(() => decodeNpy(bytes)).toThrow(
      /^decodeNpy: the data cannot be read: .*Stride calculation overflowed/,
    );
  });

  it('passes on what the file system says, and leaves the old file when the new one cannot be written', async () => {
    await expect(loadNpy(inFolder('missing.npy'))).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(loadNpz(inFolder('missing.npz'))).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(loadNpy(folder)).rejects.toThrow(/EISDIR/);
    writeFileSync(inFolder('kept.npy'), 'old');
    const bfloat16 = torch.ones([1], { dtype: 'bfloat16' });
    await expect(saveNpy(inFolder('kept.npy'), bfloat16)).rejects.toThrow(/bfloat16/);
    expect(readFileSync(inFolder('kept.npy'), 'utf8')).toBe('old');
    await expect(saveNpy(path.join(folder, 'none', 'x.npy'), torch.ones([1]))).rejects.toThrow(/ENOENT/);
  });
});

describe('npz', () => {
  const inside = Object.fromEntries(recorded.inside.map((one) => [one.name, made(one)]));

  it.each(recorded.archives.map((one): [string, (typeof recorded.archives)[0]] => [one.name, one]))(
    'as numpy.%s wrote it',
    async (name, { file }) => {
      const read = await loadNpz(written(`${name}.npz`, decoded(file)));
      expect(Object.entries(read).map(([key, tensor]) => valuesOf(key, tensor))).toEqual(recorded.inside);
    },
  );

  it.each([false, true])('round-trips, compress %s, and gives equal bytes each time', async (compress) => {
    const all = {
      ...inside,
      ...Object.fromEntries([['__proto__', torch.ones([1])]]),
      'a.npy': torch.zeros([2]),
      '': torch.ones([]),
    };
    await saveNpz(inFolder('all.npz'), all, { compress });
    const bytes = readFileSync(inFolder('all.npz'));
    const read = await loadNpz(inFolder('all.npz'));
    expect(Object.entries(read).map(([key, one]) => valuesOf(key, one))).toEqual(
      Object.entries(all).map(([key, one]) => valuesOf(key, one)),
    );
    expect(Object.getPrototypeOf(read)).toBe(Object.prototype);
    await saveNpz(inFolder('all.npz'), read, { compress });
    expect(readFileSync(inFolder('all.npz')).equals(bytes)).toBe(true);
    expect(bytes.length < 8000).toBe(compress);
    await saveNpz(inFolder('empty.npz'), {}, { compress });
    expect(await loadNpz(inFolder('empty.npz'))).toEqual({});
  });

  it('reads only the arrays asked for', async () => {
    const bytes = await zip([
      { name: 'a.npy', data: encodeNpy(torch.ones([1])) },
      { name: 'objects.npy', data: decoded(recorded.refused.find((one) => one.name === 'objects')!.file) },
      { name: 'folder/', data: Buffer.alloc(0) },
      { name: 'notes.txt', data: Buffer.from('hello') },
    ]);
    const file = written('mixed.npz', bytes);
    expect(Object.keys(await loadNpz(file, { keys: ['a'] }))).toEqual(['a']);
    await expect(loadNpz(file)).rejects.toThrow(
      `loadNpz: ${file}, array "objects", cannot be read: its dtype is '|O': Python objects; pickled objects are not read`,
    );
    await expect(loadNpz(file, { keys: ['notes.txt'] })).rejects.toThrow(
      /it is no npy file: it begins with "hello"/,
    );
    await expect(loadNpz(file, { keys: ['b'] })).rejects.toThrow(
      /it has no array "b", only a, objects, notes\.txt/,
    );
  });

  it('refuses names that would lead out of a folder', async () => {
    for (const name of ['/a', '../a', 'a/../b', 'C:a', 'a\\b'])
      await expect(saveNpz(inFolder('no.npz'), { [name]: torch.ones([1]) })).rejects.toThrow(
        /is no name for an array/,
      );
    await saveNpz(inFolder('dots.npz'), { '..': torch.ones([1]), 'a..b/c': torch.ones([1]) });
    expect(Object.keys(await loadNpz(inFolder('dots.npz')))).toEqual(['..', 'a..b/c']);
  });

  it('says what is wrong with an archive', async () => {
    const npy = encodeNpy(torch.arange(1000).to('float32'));
    const stored = await zip([{ name: 'a.npy', data: npy }]);
    const compressed = await zip([{ name: 'a.npy', data: npy }], { compress: true });
    const directory = (bytes: Buffer): number => bytes.lastIndexOf(Buffer.from('504b0102', 'hex'));
    // In the directory and in the local header.
    const sized = (bytes: Buffer, size: number): void => {
      bytes.writeUInt32LE(size, directory(bytes) + 24);
      bytes.writeUInt32LE(size, 22);
    };
    const changed = (bytes: Buffer, change: (copy: Buffer) => void): Buffer => {
      const copy = Buffer.from(bytes);
      change(copy);
      return copy;
    };
    // A locator of zip64's directory that points beyond every file, and of what numbers hold exactly.
    const locator = Buffer.alloc(20);
    locator.writeUInt32LE(0x07064b50);
    locator.fill(0x7f, 8, 16);
    const end = stored.length - 22;
    const bad: [string, Buffer, RegExp][] = [
      ['nothing', Buffer.alloc(0), /cannot be read: .*not a zip file/i],
      ['an npy', npy, /not a zip file/i],
      ['cut off', stored.subarray(0, -5), /not a zip file/i],
      ['a changed value', changed(stored, (b) => void (b[500]! ^= 1)), /array "a", cannot be read: a\.npy is damaged \(its checksum is wrong\)/],
      ['changed compressed data', changed(compressed, (b) => void (b[200]! ^= 64)), /array "a", cannot be read: /],
      ['a larger size', changed(compressed, (b) => sized(b, npy.length + 4)), /not enough bytes in the stream, expected 4132/],
      ['a smaller size', changed(compressed, (b) => sized(b, npy.length - 4)), /too many bytes in the stream, expected 4124/],
      ['a huge size', changed(compressed, (b) => sized(b, 0xfffffffe)), /claims 4294967294 bytes, more than \d+ compressed ones can hold/],
      ['data out of bounds', changed(stored, (b) => void b.writeUInt32LE(0xfffffff0, directory(b) + 42)), /points to the bytes from 4294967280/],
      ['an unknown method', changed(compressed, (b) => { for (const at of [8, directory(b) + 10]) b.writeUInt16LE(14, at); }), /unsupported compression method: 14/],
      ['a directory far away', changed(stored, (b) => void b.writeUInt32LE(0xfffffff0, b.length - 6)), /points to the bytes from 4294967280/],
      ['a directory beyond 2^53', Buffer.concat([stored.subarray(0, end), locator, stored.subarray(end)]), /points to the bytes from 9\d+/],
      ['a size of its own in the local header', changed(stored, (b) => void b.writeUInt32LE(1, 22)), /local header says otherwise/],
      ['a name of its own in the local header', changed(stored, (b) => void (b[30]! ^= 1)), /local header says otherwise/],
      ['bytes behind its end', Buffer.concat([stored, Buffer.alloc(3)]), /not a zip file, or it is cut off/],
      ['bytes behind its directory', Buffer.concat([stored.subarray(0, end), Buffer.alloc(5), stored.subarray(end)]), /directory does not end where/],
      ['two of a name', await zip([{ name: 'a.npy', data: npy }, { name: 'a', data: npy }]), /two of its arrays are called "a"/],
    ]; // prettier-ignore
    for (const [what, bytes, message] of bad) {
      const file = written('bad.npz', bytes);
      const reason = await loadNpz(file).then(
        () => 'it was read',
        (error: unknown) => String(error),
      );
      expect([what, reason]).toEqual([what, expect.stringMatching(message)]);
      expect(reason).toMatch(/^TorchError: loadNpz: .*bad\.npz.* cannot be read: /);
    }
  });

  it('does not unpack bombs', async () => {
    // 300 MB of zeros behind an array of one value, with the size that is true and with the one that the array has.
    const npy = encodeNpy(torch.ones([1]));
    const bomb = await zip([{ name: 'a.npy', data: Buffer.concat([npy, Buffer.alloc(3e8)]) }], {
      compress: true,
    });
    const honest = written('honest.npz', bomb);
    bomb.writeUInt32LE(npy.length, bomb.lastIndexOf(Buffer.from('504b0102', 'hex')) + 24);
    bomb.writeUInt32LE(npy.length, 22);
    const lying = written('lying.npz', bomb);
    // Many entries of the directory that share one entry's data.
    const one = await zip([{ name: 'a.npy', data: Buffer.alloc(1e6) }], { compress: true });
    const at = one.lastIndexOf(Buffer.from('504b0102', 'hex'));
    const end = Buffer.from(one.subarray(-22));
    end.writeUInt16LE(100, 8);
    end.writeUInt16LE(100, 10);
    const entry = one.subarray(at, -22);
    end.writeUInt32LE(100 * entry.length, 12);
    const shared = written(
      'shared.npz',
      Buffer.concat([one.subarray(0, at), ...new Array<Buffer>(100).fill(entry), end]),
    );

    let most = 0;
    liveTensors(); // collects garbage
    const before = process.memoryUsage().arrayBuffers;
    const watch = setInterval(() => (most = Math.max(most, process.memoryUsage().arrayBuffers)), 1);
    try {
      expect((await loadNpz(honest))['a']!.numel).toBe(1);
      await expect(loadNpz(lying)).rejects.toThrow(/too many bytes in the stream/);
      await expect(loadNpz(shared)).rejects.toThrow(
        /its entries overlap, or claim more bytes than the file has/,
      );
    } finally {
      clearInterval(watch);
    }
    expect(Math.max(most, process.memoryUsage().arrayBuffers) - before).toBeLessThan(50e6);
  });
});

describe('what was read belongs to the scope', () => {
  it('of decodeNpy', () => {
    const files = recorded.arrays.map(({ file }) => decoded(file));
    withoutLeaks(() => files.forEach((bytes) => void decodeNpy(bytes)));
  });

  it('of decodeNpy and encodeNpy, with nothing beside the result', () => {
    torch.scope(() => {
      for (const { name, file } of recorded.arrays) {
        const before = liveTensors();
        const tensor = decodeNpy(decoded(file));
        encodeNpy(tensor);
        expect([name, torch.memory().tensors - before]).toEqual([name, 1]);
      }
    });
  });

  it('of loadNpy and loadNpz, whether they succeed or not', async () => {
    const good = written('scope.npz', decoded(recorded.archives[1]!.file));
    const bytes = await zip([
      { name: 'a.npy', data: encodeNpy(torch.ones([1])) },
      { name: 'b.npy', data: Buffer.from('no') },
    ]);
    const bad = written('scope-bad.npz', bytes);
    const npy = written('scope.npy', encodeNpy(torch.tensor([1, 2], { dtype: 'float16' })));
    const before = liveTensors();
    const kept = await torch.scope(async () => {
      const all = await loadNpz(good);
      await expect(loadNpz(bad)).rejects.toThrow(/array "b"/);
      await loadNpy(npy);
      return all['weight']!;
    });
    expect(kept.shape).toEqual([2, 3]);
    expect(liveTensors()).toBeLessThanOrEqual(before + 1);
    kept.dispose();
  });
});

describe('numpy reads ours', () => {
  const SCRIPT = `
import base64, json, sys
import numpy as np
def say(a):
    return dict(dtype=a.dtype.name, shape=list(a.shape), data=base64.b64encode(a.tobytes('C')).decode())
for f in sys.argv[1:]:
    read = np.load(f)
    print(json.dumps([dict(name=k, **say(read[k])) for k in read.files] if f.endswith('.npz') else [dict(name=f, **say(read))]))
`;
  const inNumpy = (...files: string[]): Values[][] => {
    const { stdout, stderr, status } = spawnSync(python!, ['-c', SCRIPT, ...files], { encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr);
    return stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Values[]);
  };

  itWhen(python !== undefined, noPython)('npy, npz and compressed npz, with equal arrays', async () => {
    const all = Object.fromEntries(recorded.arrays.map((one) => [one.name, made(one)]));
    const files = await Promise.all(
      Object.values(all).map(async (tensor, i) => {
        await saveNpy(inFolder(`live${i}.npy`), tensor);
        return inFolder(`live${i}.npy`);
      }),
    );
    await saveNpz(inFolder('live.npz'), { ...all, 'häuser/日本': torch.ones([2]).t() });
    await saveNpz(inFolder('live-compressed.npz'), all, { compress: true });
    const expected = Object.entries(all).map(([name, tensor]) => valuesOf(name, tensor));
    const read = inNumpy(...files, inFolder('live.npz'), inFolder('live-compressed.npz'));
    expect(read.slice(0, -2).flat()).toEqual(expected.map((one, i) => ({ ...one, name: files[i] })));
    expect(read.at(-2)).toEqual([...expected, valuesOf('häuser/日本', torch.ones([2]))]);
    expect(read.at(-1)).toEqual(expected);
  });
});

describe('500 damaged files, by chance but the same ones each time', () => {
  // mulberry32
  let state = 0;
  beforeEach(() => (state = 20));
  const random = (below: number): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
  const damages: ((bytes: Buffer) => Buffer)[] = [
    (bytes) => {
      for (let n = 1 + random(3); n > 0; n--) bytes[random(bytes.length)]! ^= 1 << random(8);
      return bytes;
    },
    // In the header, or the zip's directory, where most can go wrong.
    (bytes) => {
      const at = random(Math.min(128, bytes.length));
      bytes[random(2) === 0 ? at : bytes.length - 1 - at] = random(256);
      return bytes;
    },
    (bytes) => bytes.subarray(0, random(bytes.length)),
    (bytes) => {
      const at = random(bytes.length);
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random(8))]);
    },
    (bytes) => {
      const at = random(bytes.length);
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(random(at + 1), at), bytes.subarray(at)]);
    },
    (bytes) => bytes.fill(random(2) * 255, random(bytes.length)),
  ];
  const damaged = (file: string): Buffer => damages[random(damages.length)]!(decoded(file));

  it('npy: an error that says so, or as many values as the file has', () => {
    let refused = 0;
    for (let i = 0; i < 250; i++) {
      const bytes = damaged(recorded.arrays[random(recorded.arrays.length)]!.file);
      torch.scope(() => {
        try {
          const tensor = decodeNpy(bytes);
          const begin = bytes[6] === 1 ? 10 + bytes.readUInt16LE(8) : 12 + bytes.readUInt32LE(8);
          expect(tensor.numel).toBeLessThanOrEqual(bytes.length - begin);
        } catch (error) {
          expect(error).toMatchObject({ name: 'TorchError', operator: 'decodeNpy' });
          expect((error as Error).message).toMatch(/^decodeNpy: the data cannot be read: (it|its) /);
          refused++;
        }
      });
    }
    expect(refused).toBeGreaterThan(100);
    expect(refused).toBeLessThan(250);
  });

  it('npz: an error that says so, or arrays that were in it', async () => {
    const contents = new Set(
      recorded.inside.map(({ dtype, shape, data }) => JSON.stringify([dtype, shape, data])),
    );
    let refused = 0;
    for (let i = 0; i < 250; i++) {
      const { file } = recorded.archives[i % recorded.archives.length]!;
      const damage = written('fuzz.npz', damaged(file));
      await torch.scope(async () => {
        try {
          for (const tensor of Object.values(await loadNpz(damage)))
            expect(contents).toContain(JSON.stringify([tensor.dtype, tensor.shape, base64Of(tensor)]));
        } catch (error) {
          expect(error).toMatchObject({ name: 'TorchError', operator: 'loadNpz' });
          expect((error as Error).message).toMatch(
            /^loadNpz: .*fuzz\.npz(, array ".*",)? cannot be read: ./s,
          );
          refused++;
        }
      });
    }
    expect(refused).toBeGreaterThan(100);
    expect(refused).toBeLessThan(250);
  });
});
