// safetensors: https://huggingface.co/docs/safetensors. A file is eight bytes (length of the header, little endian),
// the header as JSON, and the tensors' bytes.
import { readSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { expectNoMore, options } from '../core/options.js';
import { expectArgument, expectPath } from '../core/checks.js';
import { writeAtomically } from '../files/atomic.js';
import { native } from '../native/binding.js';
import { BYTES, type DType } from '../core/dtype.js';
import { named, TorchError } from '../core/errors.js';
import { Tensor } from '../tensor/tensor.js';
import { chunksOf } from '../files/chunks.js';
import { openRegular, withRegularSync } from '../files/regular.js';
import { emptyBytes, filler, inMemoryOf } from './memory.js';
import { rawBytes } from './rawBytes.js';
import { isUtf8, namedTensors, namedTexts, recordOf, type Named } from './records.js';

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
  uint16: 'U16',
  uint32: 'U32',
  uint64: 'U64',
  complex64: 'C64',
  float8_e4m3fn: 'F8_E4M3',
  float8_e5m2: 'F8_E5M2',
  float8_e4m3fnuz: 'F8_E4M3FNUZ',
  float8_e5m2fnuz: 'F8_E5M2FNUZ',
  float8_e8m0fnu: 'F8_E8M0',
  float4_e2m1fn_x2: 'F4',
};
const DTYPES = new Map(Object.entries(NAMES).map(([dtype, name]) => [name, dtype as DType]));

// What else the format has; Python's reader gives no tensors of them either.
const NO_DTYPE = ['F6_E2M3', 'F6_E3M2'];

// The header's field that is no tensor.
const METADATA = '__metadata__';
// The header that the format allows at most, in bytes.
const MAX_HEADER = 100_000_000;
// How deep a header may be nested; serde_json, which Python's reader uses, goes no further either.
const MAX_DEPTH = 127;
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
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
 * the old file. Tensors and metadata come in plain objects or in Maps. Views are written as tensors of their own. Bytes are
 * little endian, as the format asks. What is written are the values of the moment of the call.
 */
export async function saveSafetensors(
  file: string,
  tensors: Named<Tensor>,
  metadata: Named<string> = {},
): Promise<void> {
  expectNoMore('saveSafetensors', arguments, 3);
  expectPath('saveSafetensors', file);
  await writeAtomically(file, parts('saveSafetensors', tensors, metadata));
}

/** The bytes of such a file. */
export function encodeSafetensors(tensors: Named<Tensor>, metadata: Named<string> = {}): Buffer {
  expectNoMore('encodeSafetensors', arguments, 2);
  return Buffer.concat(parts('encodeSafetensors', tensors, metadata));
}

function parts(caller: string, tensors: Named<Tensor>, metadata: Named<string>): Buffer[] {
  const named = namedTensors(caller, tensors);
  const texts = namedTexts(caller, metadata);
  // Written field by field: an object would put names that are whole numbers first.
  const header: string[] = [];
  if (texts.length > 0) header.push(`"${METADATA}":${objectOf(texts)}`);
  let offset = 0;
  for (const [name, value] of named) {
    const dtype = NAMES[value.dtype];
    if (dtype === undefined) throw new TorchError(caller, `${name}: the format has no ${value.dtype}`);
    if (name === METADATA)
      throw new TorchError(caller, `'${name}' is the format's name for metadata: give the tensor another`);
    const size = value.numel * BYTES[value.dtype];
    const entry = {
      dtype,
      shape: halved(value.dtype) ? wider(name, value.shape) : value.shape,
      data_offsets: [offset, offset + size],
    };
    header.push(`${JSON.stringify(name)}:${JSON.stringify(entry)}`);
    offset += size;
  }
  // Padded with spaces so that the tensors begin at a multiple of eight.
  const text = `{${header.join(',')}}`;
  const json = Buffer.from(text + ' '.repeat((8 - (Buffer.byteLength(text) % 8)) % 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return [Buffer.concat([length, json]), ...named.map(([, value]) => rawBytes(value))];
}

// Two numbers share a byte of this dtype; the format counts numbers, tensors count bytes.
const halved = (dtype: DType): boolean => dtype === 'float4_e2m1fn_x2';

function wider(name: string, shape: readonly number[]): number[] {
  if (shape.length === 0) throw new TorchError('saveSafetensors', `${name}: the format has no single float4_e2m1fn_x2`); // prettier-ignore
  return [...shape.slice(0, -1), 2 * shape.at(-1)!];
}

const objectOf = (entries: readonly (readonly [string, unknown])[]): string =>
  `{${entries.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`;

// ---- reading ----

/**
 * Reads such a file. A large one (from 32 MiB on) is mapped into memory: its tensors are read from the disk when they are
 * used, and what is written to them stays in memory. Such a file must not be cut or written over in place while its tensors
 * live; putting another in its place, as all writers here do, is no danger. `mmap` decides otherwise.
 *
 * Throws a TorchError that says what is wrong when the file is truncated, tampered with or something else.
 */
export async function loadSafetensors(file: string, given: { mmap?: boolean } = {}): Promise<Safetensors> {
  expectNoMore('loadSafetensors', arguments, 2);
  expectPath('loadSafetensors', file);
  const { mmap } = options('loadSafetensors', given, ['mmap']);
  // Synchronously: reading the header takes less time than waking a thread for it.
  const { start, size } = withRegularSync(file, readStart);
  const contents = readContents(start, size, file);
  if (mmap ?? size >= MAPPED_FROM) return mapped(file, size, contents);
  const { handle } = await openRegular(file);
  const tensors = new Map<string, Tensor>();
  try {
    for (const place of contents.places) tensors.set(place.key, await readTensor(handle, place));
    return { tensors: recordOf(tensors), metadata: contents.metadata };
  } catch (error) {
    for (const one of tensors.values()) one.dispose();
    throw typeof (error as NodeJS.ErrnoException).syscall === 'string'
      ? error
      : new TorchError('loadSafetensors', `${file} changed while it was read: ${(error as Error).message}`, { cause: error }); // prettier-ignore
  } finally {
    await handle.close();
  }
}

/** The tensors in such a file's bytes; `name` is what errors call them. */
export function decodeSafetensors(bytes: Buffer, name = 'the data'): Safetensors {
  expectNoMore('decodeSafetensors', arguments, 2);
  const where = 'decodeSafetensors';
  expectArgument(where, 'bytes', bytes, Buffer.isBuffer(bytes), 'a Buffer');
  expectArgument(where, 'name', name, typeof name === 'string', 'a string');
  const { places, metadata } = readContents(bytes, bytes.length, name);
  return { tensors: recordOf(places.map((place) => [place.key, copyOf(bytes, place)])), metadata };
}

/** The file's first bytes, which hold the header where the file has as much. */
function readStart(descriptor: number, size: number): { start: Buffer; size: number } {
  const read = (at: number, length: number): Buffer => {
    const out = Buffer.allocUnsafe(length);
    return out.subarray(0, readSync(descriptor, out, 0, length, at));
  };
  const start = read(0, Math.min(size, USUAL_HEADER));
  const end = start.length < 8 ? 0 : Math.min(8 + headerLength(start), 8 + MAX_HEADER, size);
  return { start: end <= start.length ? start : Buffer.concat([start, read(start.length, end - start.length)]), size }; // prettier-ignore
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
  const { metadata, ...header } = readHeader(start.subarray(8, data), fail);
  const places: Place[] = [];
  for (const [key, value] of header.tensors) {
    const { dtype: given, shape, data_offsets: offsets } = (value ?? {}) as Entry;
    const dtype = DTYPES.get(given);
    if (NO_DTYPE.includes(given))
      throw new TorchError(
        'loadSafetensors',
        `${name} cannot be read: tensor '${key}' is of ${given}, which no dtype of a tensor holds`,
      );
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
      fail(`tensor '${key}' has a broken entry ${JSON.stringify(value).slice(0, 200)}`);
    }
    const [begin, end] = offsets;
    const stored = halved(dtype) ? [...shape.slice(0, -1), (shape.at(-1) ?? 1) / 2] : shape;
    if (!stored.every(Number.isInteger))
      fail(`tensor '${key}' of shape [${shape.join(', ')}] ends within a byte`);
    const expected = stored.reduce((product, n) => product * n, BYTES[dtype]);
    if (end - begin !== expected)
      fail(
        `tensor '${key}' of shape [${shape.join(', ')}] needs ${expected} bytes, its entry has ${end - begin}`,
      );
    if (end > size - data)
      fail(`tensor '${key}' ends at ${end}, the file has ${size - data} bytes of tensors`);
    places.push({ key, dtype, shape: stored, begin: data + begin, end: data + end });
  }
  // In the order of their bytes, which is Python's too.
  places.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let used = data;
  for (const { key, begin, end } of places) {
    if (begin !== used)
      fail(
        `tensor '${key}' begins at ${begin - data}, expected ${used - data}: entries overlap or leave holes`,
      );
    used = end;
  }
  if (used !== size) fail(`${size - used} bytes at its end belong to no tensor`);
  return { places, metadata };
}

/** What the header says: tensors as they are described there, and metadata. */
function readHeader(
  bytes: Buffer,
  fail: (message: string) => never,
): { tensors: [name: string, entry: unknown][]; metadata: Record<string, string> } {
  const { fields, deep, fraction } = survey(bytes);
  if (deep) fail(`its header is nested deeper than ${MAX_DEPTH}`);
  let header: unknown;
  try {
    header = JSON.parse(UTF8.decode(bytes));
  } catch (error) {
    if ((error as Error).name === 'SyntaxError') fail(`its header is not JSON (${(error as Error).message})`);
    fail('its header is not UTF-8');
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header)) fail('its header is no JSON object'); // prettier-ignore
  if (fraction) fail('its header has numbers that are no whole numbers of 0 or more');
  if (fieldsOf(header) !== fields) fail('its header has a field twice');
  const { [METADATA]: given, ...tensors } = header as Record<string, unknown>;
  const metadata = given ?? {};
  if (typeof metadata !== 'object' || Array.isArray(metadata)) fail(`its ${METADATA} is no JSON object`);
  const texts = Object.entries(metadata as Record<string, string>);
  for (const [key, text] of texts)
    if (typeof text !== 'string') fail(`its metadata '${key}' is no text but ${JSON.stringify(text).slice(0, 40)}`); // prettier-ignore
  const named = Object.entries(tensors);
  if (![...named.map(([key]) => key), ...texts.flat()].every(isUtf8))
    fail('half of a character stands alone in a text of its header');
  return { tensors: named, metadata: recordOf(texts) };
}

/** What JSON.parse does not tell: how many fields a text writes, whether it is too deep, whether it has other numbers than sizes. */
function survey(json: Buffer): { fields: number; deep: boolean; fraction: boolean } {
  let [fields, depth, deepest] = [0, 0, 0];
  let inText = false;
  let fraction = false;
  for (let i = 0; i < json.length; i++) {
    const code = json[i]!;
    if (code === 0x22) inText = !inText;
    else if (inText) i += code === 0x5c ? 1 : 0;
    else if (code === 0x3a) fields++;
    else if (code === 0x7b || code === 0x5b) deepest = Math.max(deepest, ++depth);
    else if (code === 0x7d || code === 0x5d) depth--;
    else if (code === 0x2d || code === 0x2e || ((code | 0x20) === 0x65 && json[i - 1]! <= 0x39))
      fraction = true;
  }
  return { fields, deep: deepest > MAX_DEPTH, fraction };
}

function fieldsOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const inside = Object.values(value);
  return inside.reduce((sum: number, one) => sum + fieldsOf(one), Array.isArray(value) ? 0 : inside.length);
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
  return { tensors: recordOf(places.map(({ key }, i) => [key, new Tensor(handles[i]!)])), metadata };
}
