import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import torch, { checkpoints, type DType } from 'torch-node';
import { noPython, python } from '../parity/support.js';
import { itWhen } from '../support/skip.js';

interface Case {
  name: string;
  file: string;
  tensors?: [name: string, dtype: string, shape: number[]][];
  metadata?: Record<string, string>;
  error?: string;
}
const recorder = path.join(__dirname, '../parity/recordSafetensors.py');
const recorded = JSON.parse(
  readFileSync(path.join(__dirname, '../parity/recorded/safetensors.json'), 'utf8'),
) as Case[];
// What Python takes though two readers may see two things in it.
const STRICTER = new Set([
  'a tensor twice',
  'a tensor twice, once escaped',
  'metadata: a name twice',
  'a tensor as a list',
]);

const folder = mkdtempSync(path.join(tmpdir(), 'safetensors-'));

describe('safetensors', () => {
  it('round-trips every dtype, shapes without elements and metadata', async () => {
    const dtypes: DType[] = [
      'bool',
      'uint8',
      'int8',
      'int16',
      'int32',
      'int64',
      'float16',
      'bfloat16',
      'float32',
      'float64',
      'uint16',
      'uint32',
      'uint64',
      'complex64',
      'float8_e4m3fn',
      'float8_e5m2',
      'float8_e4m3fnuz',
      'float8_e5m2fnuz',
    ];
    const tensors = Object.fromEntries(dtypes.map((dtype) => [dtype, torch.tensor([[0, 1], [1, 0]]).to(dtype)])); // prettier-ignore
    const all = {
      ...tensors,
      none: torch.zeros([0, 3]),
      scalar: torch.tensor(2),
      view: torch.arange(6).reshape(2, 3).t(),
    };
    const file = path.join(folder, 'all.safetensors');
    await checkpoints.saveSafetensors(file, all, { about: 'häuser' });
    const read = await checkpoints.loadSafetensors(file);
    expect(read.metadata).toEqual({ about: 'häuser' });
    for (const [name, tensor] of Object.entries(all)) {
      const back = read.tensors[name]!;
      expect([name, back.dtype, back.shape, back.toArray()]).toEqual([
        name,
        tensor.dtype,
        tensor.shape,
        tensor.toArray(),
      ]);
    }
  });

  it('maps a file into memory, and keeps what is written there out of it', async () => {
    const file = path.join(folder, 'mapped.safetensors');
    const all = {
      a: torch.arange(6).reshape(2, 3),
      half: torch.ones([3]).to('bfloat16'),
      none: torch.zeros([0, 3]),
    };
    await checkpoints.saveSafetensors(file, all);
    for (const mmap of [true, false]) {
      const { tensors } = await checkpoints.loadSafetensors(file, { mmap });
      expect(Object.values(tensors).map(({ dtype, shape }) => [dtype, shape])).toEqual(
        Object.values(all).map(({ dtype, shape }) => [dtype, shape]),
      );
      expect(tensors['a']!.add_(1).toArray()).toEqual([[1, 2, 3], [4, 5, 6]]); // prettier-ignore
      const half = tensors['half']!.requiresGrad_();
      half.sum().backward();
      expect([half.isLeaf, half.grad!.toArray()]).toEqual([true, [1, 1, 1]]);
    }
    expect((await checkpoints.loadSafetensors(file)).tensors['a']!.toArray()).toEqual([[0, 1, 2], [3, 4, 5]]); // prettier-ignore
    // A header of odd length, as other writers may leave it.
    const good = checkpoints.encodeSafetensors({ a: torch.ones([2]) });
    const header =
      good
        .subarray(8, good.length - 8)
        .toString()
        .trimEnd() + ' '.repeat(2);
    const length = Buffer.alloc(8);
    const odd = Buffer.from(header.length % 4 === 0 ? `${header} ` : header);
    length.writeBigUInt64LE(BigInt(odd.length));
    writeFileSync(file, Buffer.concat([length, odd, good.subarray(-8)]));
    expect((await checkpoints.loadSafetensors(file, { mmap: true })).tensors['a']!.toArray()).toEqual([1, 1]);
  });

  it('moves a mapped file into memory when a tensor outgrows it', async () => {
    const file = path.join(folder, 'grown.safetensors');
    await checkpoints.saveSafetensors(file, { a: torch.arange(3), b: torch.tensor([5, 6, 7]) });
    const { tensors } = await checkpoints.loadSafetensors(file, { mmap: true });
    const last = tensors['b']!.resize_([100_000]).narrow(0, 0, 3);
    expect([tensors['a']!.toArray(), last.toArray()]).toEqual([[0, 1, 2], [5, 6, 7]]); // prettier-ignore
    expect(tensors['b']!.fill_(1).sum().item()).toBe(100_000);
  });

  it('reads a header longer than what is read at first, and refuses one that ends before its length', async () => {
    const file = path.join(folder, 'long.safetensors');
    const metadata = { text: 'x'.repeat(200_000) };
    await checkpoints.saveSafetensors(file, { a: torch.arange(3) }, metadata);
    for (const mmap of [true, false]) {
      const read = await checkpoints.loadSafetensors(file, { mmap });
      expect([read.metadata, read.tensors['a']!.toArray()]).toEqual([metadata, [0, 1, 2]]);
    }
    const length = Buffer.alloc(8);
    for (const claimed of [70_000n, 100_000_001n, 2n ** 63n + 1n]) {
      length.writeBigUInt64LE(claimed);
      writeFileSync(file, Buffer.concat([length, Buffer.alloc(69_999, ' ')]));
      await expect(checkpoints.loadSafetensors(file)).rejects.toThrow(`its header claims ${claimed} bytes`);
    }
  });

  it('refuses every truncation and much tampering', () => {
    const good = checkpoints.encodeSafetensors({ a: torch.ones([2, 2]), b: torch.zeros([3]) });
    expect(Object.keys(checkpoints.decodeSafetensors(good).tensors)).toEqual(['a', 'b']);
    for (let length = 0; length < good.length; length++) {
      expect(() => checkpoints.decodeSafetensors(good.subarray(0, length))).toThrow(
        /no complete safetensors file/,
      );
    }
    const tampered = (from: string, to: string): Buffer =>
      Buffer.from(good.toString('latin1').replace(from, to), 'latin1');
    const bad: [Buffer, RegExp][] = [
      [Buffer.concat([good, Buffer.alloc(1)]), /1 bytes at its end belong to no tensor/],
      [tampered('"F32"', '"X32"'), /dtype "X32"/],
      [tampered('[2,2]', '[2,3]'), /needs 24 bytes, its entry has 16/],
      [tampered('[2,2]', '[-2,'), /header is not JSON|broken entry/],
      [tampered('[0,16]', '[4,20]'), /begins at 4, expected 0/],
      [Buffer.from('ffffffffffffffff7b7d', 'hex'), /header claims/],
    ];
    for (const [bytes, message] of bad) expect(() => checkpoints.decodeSafetensors(bytes)).toThrow(message);
  });

  it('reads tensors that lie in another order than the header names them, as those named by whole numbers do', () => {
    torch.scope(() => {
      // As Python writes them: wide dtypes first, and JSON.parse puts "2" before "10" whatever the text says.
      const header = JSON.stringify({
        10: { dtype: 'I64', shape: [1], data_offsets: [0, 8] },
        2: { dtype: 'I32', shape: [1], data_offsets: [8, 12] },
      });
      const length = Buffer.alloc(8);
      length.writeBigUInt64LE(BigInt(header.length));
      const data = Buffer.from([5, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0]);
      const { tensors } = checkpoints.decodeSafetensors(Buffer.concat([length, Buffer.from(header), data]));
      expect([tensors['10']!.item(), tensors['2']!.item()]).toEqual([5, 7]);
    });
  });

  it('leaves the old file when the new one cannot be written', async () => {
    const file = path.join(folder, 'kept.safetensors');
    writeFileSync(file, 'old');
    await expect(
      checkpoints.saveSafetensors(path.join(folder, 'none', 'x'), { a: torch.ones([1]) }),
    ).rejects.toThrow(/ENOENT/);
    expect(readdirSync(folder)).toContain('kept.safetensors');
  });
});

describe("what Python's reader makes of a file", () => {
  it.each(recorded.map((one): [string, Case] => [one.name, one]))(
    '%s',
    async (_, { name, file, error, ...expected }) => {
      const bytes = Buffer.from(file, 'base64');
      const at = path.join(folder, 'case.safetensors');
      writeFileSync(at, bytes);
      const readers: (() => Promise<
        ReturnType<typeof checkpoints.loadSafetensors> extends Promise<infer T> ? T : never
      >)[] = [
        async () => Promise.resolve(checkpoints.decodeSafetensors(bytes)),
        () => checkpoints.loadSafetensors(at, { mmap: false }),
        () => checkpoints.loadSafetensors(at, { mmap: true }),
      ];
      for (const read of readers) {
        if (error !== undefined || STRICTER.has(name)) {
          await expect(read()).rejects.toMatchObject({ name: 'TorchError' });
          continue;
        }
        const { tensors, metadata } = await read();
        const found = Object.entries(tensors).map(([key, { dtype, shape }]) => [key, dtype, shape]);
        expect({ tensors: found, metadata }).toEqual(expected);
        const length = Number(bytes.readBigUInt64LE());
        const again = checkpoints.encodeSafetensors(tensors, metadata);
        expect(again.subarray(8 + Number(again.readBigUInt64LE())).equals(bytes.subarray(8 + length))).toBe(
          true,
        );
      }
    },
  );

  it('is named where no dtype holds it', () => {
    const { file } = recorded.find(({ name }) => name === 'dtype F6_E2M3')!;
    expect(() => checkpoints.decodeSafetensors(Buffer.from(file, 'base64'), 'x')).toThrow(
      "loadSafetensors: x cannot be read: tensor 'a' is of F6_E2M3, which no dtype of a tensor holds",
    );
  });

  itWhen(python !== undefined, noPython)('is what was recorded', () => {
    const { stdout } = spawnSync(python!, [recorder, '--print'], { encoding: 'utf8', maxBuffer: 2 ** 26 });
    expect(JSON.parse(stdout)).toEqual(recorded);
  });

  it('takes no memory for brackets', () => {
    const bytes = Buffer.alloc(30_000_008, '[');
    bytes.writeBigUInt64LE(30_000_000n);
    expect(() => checkpoints.decodeSafetensors(bytes)).toThrow(/nested deeper than 127/);
  });
});
