// numpy's .npy files (one array) and .npz files (a zip of several, by name).
import { expectNoMore, options } from '../core/options.js';
import { expectArgument, expectPath } from '../core/checks.js';
import { writeAtomically } from '../files/atomic.js';
import { chunksOf } from '../files/chunks.js';
import { openRegular } from '../files/regular.js';
import type { ZipEntry } from '../files/zipReader.js';
import type { ZipContent } from '../files/zipWriter.js';
import { tensor } from '../tensor/create.js';
import type { DType } from '../core/dtype.js';
import { TorchError } from '../core/errors.js';
import { operator } from '../operators/operators.js';
import { scope } from '../tensor/scope.js';
import { expectTensor, type Tensor } from '../tensor/tensor.js';
import { kindOf, PREFIX, readHeader, STORED, writeHeader, type Header, type Kind } from './npyHeader.js';
import { rawBytes } from './rawBytes.js';
import { namedTensors, recordOf, type Named } from './records.js';

// What one call can write to a file.
const MAX_FILE = 2 ** 31 - 1;

/**
 * Writes a tensor as numpy.save does, byte for byte: format 1.0, row-major, little endian. Atomically, so that a crash
 * or a full disk leaves the old file. Any strides, any device; what autograd recorded is left out.
 *
 * Throws a TorchError for bfloat16, which numpy lacks, and for more than 2 GiB.
 */
export async function saveNpy(file: string, value: Tensor): Promise<void> {
  expectNoMore('saveNpy', arguments, 2);
  expectPath('saveNpy', file);
  await writeAtomically(file, [encode('saveNpy', 'the tensor', value)]);
}

/** The bytes of such a file. */
export function encodeNpy(value: Tensor): Buffer {
  expectNoMore('encodeNpy', arguments, 1);
  return encode('encodeNpy', 'the tensor', value);
}

function encode(caller: string, name: string, value: Tensor): Buffer {
  expectTensor(caller, name, value);
  try {
    const kind = kindOf(value.dtype);
    const header = writeHeader(kind, value.shape);
    demand(header.length + value.numel * STORED[kind].width);
    return Buffer.concat([header, rawBytes(value)]);
  } catch (error) {
    throw new TorchError(caller, `${name} cannot be written: ${(error as Error).message}`, { cause: error });
  }
}

function demand(bytes: number): void {
  if (bytes > MAX_FILE)
    throw new Error(`a file of ${bytes} bytes, at most ${MAX_FILE} are written: save it in parts`);
}

/**
 * Reads an .npy file (format 1.0, 2.0 or 3.0) into a contiguous tensor on the CPU. Either order and either endianness;
 * bool, integers, float16 to float64, complex64 and complex128 keep their dtype, but for uint16, which becomes int32, and
 * uint32 and uint64, which become int64. What follows the values is not read, as by numpy.
 *
 * The sizes in the header are held against the file's before memory is taken. Throws a TorchError that says what is
 * wrong with a damaged file, and for what no tensor holds: Python objects (reading a pickle can run code), strings,
 * structured dtypes, dates, long doubles, and uint64 values of 2^63 or more.
 */
export async function loadNpy(file: string): Promise<Tensor> {
  expectNoMore('loadNpy', arguments, 1);
  expectPath('loadNpy', file);
  const { handle, size } = await openRegular(file);
  try {
    return await readArray(chunksOf(handle, 0, size), size);
  } catch (error) {
    throw unreadable('loadNpy', file, error);
  } finally {
    await handle.close();
  }
}

/** The tensor in such a file's bytes; `name` is what errors call them. */
export function decodeNpy(bytes: Uint8Array, name = 'the data'): Tensor {
  expectNoMore('decodeNpy', arguments, 2);
  expectArgument('decodeNpy', 'name', name, typeof name === 'string', 'a string');
  try {
    const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const header = readHeader(all.subarray(0, PREFIX), all.length);
    const data = allocate(header.bytes);
    data.set(all.subarray(header.begin, header.begin + header.bytes));
    return build(header, data);
  } catch (error) {
    throw unreadable('decodeNpy', name, error);
  }
}

/**
 * Writes tensors by name, from an object or a Map, as numpy.savez does, or with `compress` as numpy.savez_compressed. Atomically. The file's name
 * is taken as it is: numpy appends .npz where it is missing.
 *
 * Throws a TorchError for names that would lead out of a folder when the zip is unpacked, for bfloat16, and for more
 * than 2 GiB in all.
 */
export async function saveNpz(
  file: string,
  tensors: Named<Tensor>,
  given: { compress?: boolean } = {},
): Promise<void> {
  expectNoMore('saveNpz', arguments, 3);
  const where = 'saveNpz';
  expectPath(where, file);
  const settings = options(where, given, ['compress']);
  const entries = namedTensors(where, tensors).map(([name, value]) => {
    if (/^\/|^[a-zA-Z]:|\\|(^|\/)\.\.\//.test(name))
      throw new TorchError(
        'saveNpz',
        `${JSON.stringify(name)} is no name for an array: it begins with a slash or a drive, or has '..' or a backslash in it`,
      );
    return { name: `${name}.npy`, data: encode('saveNpz', JSON.stringify(name), value) };
  });
  await writeAtomically(file, zipped(file, entries, settings));
}

async function* zipped(
  file: string,
  entries: readonly ZipContent[],
  settings: { compress?: boolean },
): AsyncGenerator<Buffer> {
  const { zip } = await import('../files/zipWriter.js');
  try {
    const bytes = await zip(entries, settings);
    demand(bytes.length);
    yield bytes;
  } catch (error) {
    throw new TorchError('saveNpz', `${file} cannot be written: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/**
 * Reads the arrays of an .npz file, by their names without .npy, each as loadNpy does. `keys` names those to read: others
 * may then be of dtypes that no tensor holds.
 *
 * Checksums and sizes are verified; no array takes more memory than its header and the zip's directory both say. Throws
 * a TorchError that names the file and the array.
 */
export async function loadNpz(
  file: string,
  given: { keys?: readonly string[] } = {},
): Promise<Record<string, Tensor>> {
  expectNoMore('loadNpz', arguments, 2);
  expectPath('loadNpz', file);
  const { keys } = options('loadNpz', given, ['keys']);
  const { withZip } = await import('../files/zipReader.js');
  const tensors = new Map<string, Tensor>();
  try {
    await withZip(file, async (entries) => {
      for (const [key, entry] of wanted(entries, keys)) {
        try {
          tensors.set(key, await readArray(entry.chunks(), entry.size));
        } catch (error) {
          throw unreadable('loadNpz', `${file}, array ${JSON.stringify(key)},`, error);
        }
      }
    });
  } catch (error) {
    for (const one of tensors.values()) one.dispose();
    throw unreadable('loadNpz', file, error);
  }
  return recordOf(tensors);
}

function wanted(entries: ZipEntry[], keys: readonly string[] | undefined): Map<string, ZipEntry> {
  const found = new Map<string, ZipEntry>();
  for (const entry of entries) {
    const key = entry.name.replace(/\.npy$/, '');
    if (found.has(key)) throw new Error(`two of its arrays are called ${JSON.stringify(key)}`);
    found.set(key, entry);
  }
  if (keys === undefined) return found;
  return new Map(
    keys.map((key) => {
      const entry = found.get(key);
      if (entry === undefined)
        throw new Error(`it has no array ${JSON.stringify(key)}, only ${[...found.keys()].join(', ')}`);
      return [key, entry];
    }),
  );
}

// ---- from bytes to a tensor ----

// Memory is taken once the header is known to fit the size.
async function readArray(chunks: AsyncIterable<Buffer>, size: number): Promise<Tensor> {
  let start = Buffer.alloc(0);
  let header: Header | undefined;
  let data = new Uint8Array();
  let at = 0;
  for await (const chunk of chunks) {
    let rest = chunk;
    if (header === undefined) {
      start = Buffer.concat([start, chunk]);
      if (start.length < Math.min(PREFIX, size)) continue;
      header = readHeader(start.subarray(0, PREFIX), size);
      data = allocate(header.bytes);
      rest = start.subarray(header.begin);
    }
    const part = rest.subarray(0, data.length - at);
    data.set(part, at);
    at += part.length;
    if (part.length < rest.length) break;
  }
  return build(header ?? readHeader(start, size), data);
}

function allocate(bytes: number): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(bytes);
  } catch (error) {
    throw Object.assign(new Error(`no memory for the ${bytes} bytes of its values`, { cause: error }), {
      code: 'ERR_TORCH_OUT_OF_MEMORY',
    });
  }
}

// How the kinds are read that no dtype's bytes equal: as what, and what becomes of that.
const CONVERTED: Partial<Record<Kind, [DType, (raw: Tensor) => Tensor]>> = {
  // A byte of a bool is true when it is not zero, whoever wrote it.
  b1: ['uint8', (raw) => raw.to('bool')],
  u2: ['int16', (raw) => operator('aten::bitwise_and.Scalar').call(raw.to('int32'), 0xffff) as Tensor],
  u4: ['int32', (raw) => operator('aten::bitwise_and.Scalar').call(raw.to('int64'), 0xffffffff) as Tensor],
  u8: ['int64', withoutOverflow],
  f2: ['int16', (raw) => operator('aten::view.dtype').call(raw, 'float16') as Tensor],
};

function withoutOverflow(raw: Tensor): Tensor {
  if (raw.numel > 0 && raw.min().item() < 0)
    throw new Error('it has uint64 values of 2^63 or more, which int64 cannot hold');
  return raw;
}

function build(header: Header, data: Uint8Array<ArrayBuffer>): Tensor {
  const { bigEndian, fortranOrder, kind, shape } = header;
  const { dtype, unit } = STORED[kind];
  if (bigEndian) swap(Buffer.from(data.buffer), unit);
  const [raw, convert] = CONVERTED[kind] ?? [dtype, (same: Tensor) => same];
  return scope(() => {
    const stored = tensor(data.buffer, { dtype: raw, shape: fortranOrder ? shape.toReversed() : shape });
    const values = convert(stored);
    return fortranOrder ? values.permute(shape.map((_, i) => shape.length - 1 - i)).contiguous() : values;
  });
}

function swap(bytes: Buffer, unit: number): void {
  if (unit === 2) bytes.swap16();
  if (unit === 4) bytes.swap32();
  if (unit === 8) bytes.swap64();
}

// What the file system says passes as it is, as from loadSafetensors.
function unreadable(caller: string, name: string, error: unknown): Error {
  const { name: kind, code, message, syscall } = error as NodeJS.ErrnoException;
  if (typeof syscall === 'string' || (kind === 'TorchError' && (error as TorchError).operator === caller))
    return error as Error;
  return new TorchError(caller, `${name} cannot be read: ${message}`, {
    cause: error,
    ...(code === 'ERR_TORCH_OUT_OF_MEMORY' && { code }),
  });
}
