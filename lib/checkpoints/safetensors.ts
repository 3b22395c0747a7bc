// safetensors: https://huggingface.co/docs/safetensors. A file is eight bytes (length of the header, little endian),
// the header as JSON, and the tensors' bytes.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { options } from '../core/options.js';
import { expectArgument, expectObject, expectPath } from '../core/checks.js';
import { writeAtomically } from '../files/atomic.js';
import { native } from '../native/binding.js';
import { BYTES, type DType } from '../core/dtype.js';
import { named, TorchError } from '../core/errors.js';
import { expectTensor, Tensor } from '../tensor/tensor.js';
import { chunksOf } from '../files/chunks.js';
import { emptyBytes, filler, inMemoryOf } from './memory.js';
import { rawBytes } from './rawBytes.js';

const NAMES: Partial<Record<DType, string>> = {
  bool: 'BOOL',
  uint8: 'U8',
  int8: 'I8',
  int16: 'I16',
  int32: 'I32',
  int64: 'I64',
  float16: 'F16',
  bfloat16: 'BF16',
  float32: 'F32',
  float64: 'F64',
};
const DTYPES = new Map(Object.entries(NAMES).map(([dtype, name]) => [name, dtype as DType]));

// The header that the format allows at most, in bytes.
const MAX_HEADER = 100_000_000;
// What is read of a file at first: most headers fit.
const USUAL_HEADER = 2 ** 16;
// Where mapping a file into memory begins to pay.
const MAPPED_FROM = 2 ** 25;

interface Entry {
  dtype: string;
  shape: number[];
  data_offsets: [begin: number, end: number];
}

/** A tensor in a file: its bytes lie from `begin` to `end`, counted from the file's beginning. */
interface Place {
  key: string;
  dtype: DType;
  shape: number[];
  begin: number;
  end: number;
}

interface Contents {
  places: Place[];
  metadata: Record<string, string>;
}

export interface Safetensors {
  tensors: Record<string, Tensor>;
  metadata: Record<string, string>;
}

// ---- writing ----

/**
 * Writes tensors (and strings, as metadata) to a file, one after another: atomically, so that a crash or a full disk leaves
 * the old file. Views are written as tensors of their own. Bytes are little endian, as the format asks.
 */
export async function saveSafetensors(
  file: string,
  tensors: Readonly<Record<string, Tensor>>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  expectPath('saveSafetensors', file);
  await writeAtomically(file, parts('saveSafetensors', tensors, metadata));
}

/** The bytes of such a file. */
export function encodeSafetensors(
  tensors: Readonly<Record<string, Tensor>>,
  metadata: Readonly<Record<string, string>> = {},
): Buffer {
  return Buffer.concat([...parts('encodeSafetensors', tensors, metadata)]);
}

function* parts(
  caller: string,
  tensors: Readonly<Record<string, Tensor>>,
  metadata: Readonly<Record<string, string>>,
): Generator<Buffer> {
  for (const [name, given] of Object.entries({ tensors, metadata }))
    expectObject(caller, name, given, 'an object');
  const header: Record<string, unknown> = Object.keys(metadata).length > 0 ? { __metadata__: metadata } : {};
  let offset = 0;
  for (const [name, value] of Object.entries(tensors)) {
    const dtype = NAMES[expectTensor(caller, name, value).dtype];
    if (dtype === undefined) throw new TorchError(caller, `${name}: the format has no ${value.dtype}`);
    const size = value.numel * BYTES[value.dtype];
    header[name] = { dtype, shape: value.shape, data_offsets: [offset, offset + size] };
    offset += size;
  }
  // Padded with spaces so that the tensors begin at a multiple of eight.
  const text = JSON.stringify(header);
  const json = Buffer.from(text + ' '.repeat((8 - (Buffer.byteLength(text) % 8)) % 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  yield Buffer.concat([length, json]);
  for (const value of Object.values(tensors)) yield rawBytes(value);
}

// ---- reading ----

/**
 * Reads such a file. A large one (from 32 MiB on) is mapped into memory: its tensors are read from the disk when they are
 * used, and what is written to them stays in memory. Such a file must not be cut or written over in place while its tensors
 * live; putting another in its place, as all writers here do, is no danger. `mmap` decides otherwise.
 *
 * Throws a TorchError that says what is wrong when the file is truncated, tampered with or something else.
 */
export async function loadSafetensors(file: string, given: { mmap?: boolean } = {}): Promise<Safetensors> {
  expectPath('loadSafetensors', file);
  const { mmap } = options('loadSafetensors', given, ['mmap']);
  // Synchronously: reading the header takes less time than waking a thread for it.
  const { start, size } = readStart(file);
  const contents = readContents(start, size, file);
  if (mmap ?? size >= MAPPED_FROM) return mapped(file, size, contents);
  const handle = await open(file, 'r');
  const tensors: Record<string, Tensor> = {};
  try {
    for (const place of contents.places) define(tensors, place.key, await readTensor(handle, place));
    return { tensors, metadata: contents.metadata };
  } catch (error) {
    for (const one of Object.values(tensors)) one.dispose();
    throw typeof (error as NodeJS.ErrnoException).syscall === 'string'
      ? error
      : new TorchError('loadSafetensors', `${file} changed while it was read: ${(error as Error).message}`, { cause: error }); // prettier-ignore
  } finally {
    await handle.close();
  }
}

/** The tensors in such a file's bytes; `name` is what errors call them. */
export function decodeSafetensors(bytes: Buffer, name = 'the data'): Safetensors {
  const where = 'decodeSafetensors';
  expectArgument(where, 'bytes', bytes, Buffer.isBuffer(bytes), 'a Buffer');
  expectArgument(where, 'name', name, typeof name === 'string', 'a string');
  const { places, metadata } = readContents(bytes, bytes.length, name);
  const tensors: Record<string, Tensor> = {};
  for (const place of places) define(tensors, place.key, copyOf(bytes, place));
  return { tensors, metadata };
}

// As a property of its own whatever its name: '__proto__' is a name like another in a file.
function define(tensors: Record<string, Tensor>, key: string, value: Tensor): void {
  Object.defineProperty(tensors, key, { value, writable: true, enumerable: true, configurable: true });
}

/** The file's first bytes, which hold the header where the file has as much. */
function readStart(file: string): { start: Buffer; size: number } {
  const descriptor = openSync(file, 'r');
  try {
    const { size } = fstatSync(descriptor);
    const read = (at: number, length: number): Buffer => {
      const out = Buffer.allocUnsafe(length);
      return out.subarray(0, readSync(descriptor, out, 0, length, at));
    };
    const start = read(0, Math.min(size, USUAL_HEADER));
    const end = start.length < 8 ? 0 : Math.min(8 + headerLength(start), 8 + MAX_HEADER, size);
    return { start: end <= start.length ? start : Buffer.concat([start, read(start.length, end - start.length)]), size }; // prettier-ignore
  } finally {
    closeSync(descriptor);
  }
}

// In two halves, as the process's first bigints would take longer than all of the header; exact as far as headers may go.
const headerLength = (start: Buffer): number => start.readUInt32LE(0) + 2 ** 32 * start.readUInt32LE(4);

function readContents(start: Buffer, size: number, name: string): Contents {
  const fail = (message: string): never => {
    throw new TorchError('loadSafetensors', `${name} is no complete safetensors file: ${message}`);
  };
  if (start.length < 8) fail(`it has ${start.length} bytes, at least 8 are needed`);
  const claimed = headerLength(start);
  if (claimed > MAX_HEADER)
    fail(`its header claims ${start.readBigUInt64LE()} bytes, ${MAX_HEADER} are allowed`);
  const data = 8 + claimed;
  if (start.length < data) fail(`its header claims ${claimed} bytes, ${start.length - 8} are there`);
  let header: Record<string, unknown> = {};
  try {
    header = JSON.parse(start.toString('utf8', 8, data)) as Record<string, unknown>;
  } catch (error) {
    fail(`its header is not JSON (${(error as Error).message})`);
  }
  if (typeof header !== 'object' || (header as unknown) === null) fail('its header is no JSON object');
  const places: Place[] = [];
  let metadata: Record<string, string> = {};
  for (const [key, value] of Object.entries(header)) {
    if (key === '__metadata__') {
      metadata = value as Record<string, string>;
      continue;
    }
    const { dtype: given, shape, data_offsets: offsets } = (value ?? {}) as Entry;
    const dtype = DTYPES.get(given);
    if (dtype === undefined)
      return fail(
        `tensor '${key}' has the dtype ${JSON.stringify(given)}, known are ${[...DTYPES.keys()].join(', ')}`,
      );
    const whole = (n: unknown): n is number => Number.isSafeInteger(n) && (n as number) >= 0;
    if (
      !Array.isArray(shape) ||
      !shape.every(whole) ||
      !Array.isArray(offsets) ||
      (offsets as number[]).length !== 2 ||
      !offsets.every(whole)
    ) {
      fail(`tensor '${key}' has a broken entry ${JSON.stringify(value)}`);
    }
    const [begin, end] = offsets;
    const expected = shape.reduce((product, n) => product * n, BYTES[dtype]);
    if (end - begin !== expected)
      fail(
        `tensor '${key}' of shape [${shape.join(', ')}] needs ${expected} bytes, its entry has ${end - begin}`,
      );
    if (end > size - data)
      fail(`tensor '${key}' ends at ${end}, the file has ${size - data} bytes of tensors`);
    places.push({ key, dtype, shape, begin: data + begin, end: data + end });
  }
  // Not in the header's order, which need not be that of the bytes and is lost where names are whole numbers.
  let used = data;
  for (const { key, begin, end } of places.toSorted((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== used)
      fail(
        `tensor '${key}' begins at ${begin - data}, expected ${used - data}: entries overlap or leave holes`,
      );
    used = end;
  }
  if (used !== size) fail(`${size - used} bytes at its end belong to no tensor`);
  return { places, metadata };
}

async function readTensor(handle: FileHandle, { begin, end, dtype, shape }: Place): Promise<Tensor> {
  const bytes = emptyBytes(end - begin);
  try {
    const fill = filler(bytes);
    for await (const chunk of chunksOf(handle, begin, end)) fill.put(chunk);
    fill.end();
    return inMemoryOf(bytes, dtype, shape);
  } finally {
    bytes.dispose();
  }
}

/** A tensor with a copy of its bytes in a file that is in memory. */
function copyOf(file: Buffer, { begin, end, dtype, shape }: Place): Tensor {
  const bytes = emptyBytes(end - begin);
  try {
    const fill = filler(bytes);
    fill.put(file.subarray(begin, end));
    fill.end();
    return inMemoryOf(bytes, dtype, shape);
  } finally {
    bytes.dispose();
  }
}

/** Tensors over a mapping of the file, which lives as long as the last of them. */
function mapped(file: string, size: number, { places, metadata }: Contents): Safetensors {
  const handles = named('loadSafetensors', () =>
    native.mapFile(
      file,
      size,
      places.map(({ dtype }) => dtype),
      places.map(({ shape }) => shape),
      places.map(({ begin }) => begin),
    ),
  );
  const tensors: Record<string, Tensor> = {};
  for (let i = 0; i < places.length; i++) define(tensors, places[i]!.key, new Tensor(handles[i]!));
  return { tensors, metadata };
}
