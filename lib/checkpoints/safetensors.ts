// safetensors: https://huggingface.co/docs/safetensors. A file is eight bytes (length of the header, little endian),
// the header as JSON, and the tensors' bytes.
import fs from 'node:fs/promises';
import writeFileAtomic from 'write-file-atomic';
import type { DType } from '../tensor/dtype.js';
import { TorchError } from '../tensor/errors.js';
import { tensor } from '../tensor/create.js';
import { operator } from '../tensor/operators.js';
import type { Tensor } from '../tensor/tensor.js';
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
const BYTES: Record<string, number> = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  I16: 2,
  F16: 2,
  BF16: 2,
  I32: 4,
  F32: 4,
  I64: 8,
  F64: 8,
};

// The header that the format allows at most, in bytes.
const MAX_HEADER = 100_000_000;

interface Entry {
  dtype: string;
  shape: number[];
  data_offsets: [begin: number, end: number];
}

/**
 * Writes tensors (and strings, as metadata) to a file: atomically, so that a crash or a full disk leaves the old file.
 * Views are written as tensors of their own. Bytes are little endian, as the format asks.
 */
export async function saveSafetensors(
  file: string,
  tensors: Readonly<Record<string, Tensor>>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  await writeFileAtomic(file, encodeSafetensors(tensors, metadata));
}

/** The bytes of such a file. */
export function encodeSafetensors(
  tensors: Readonly<Record<string, Tensor>>,
  metadata: Readonly<Record<string, string>> = {},
): Buffer {
  const header: Record<string, unknown> = Object.keys(metadata).length > 0 ? { __metadata__: metadata } : {};
  const parts: Buffer[] = [];
  let offset = 0;
  for (const [name, value] of Object.entries(tensors)) {
    const dtype = NAMES[value.dtype];
    if (dtype === undefined)
      throw new TorchError('saveSafetensors', `${name}: the format has no ${value.dtype}`);
    const bytes = rawBytes(value);
    header[name] = { dtype, shape: value.shape, data_offsets: [offset, offset + bytes.length] };
    parts.push(bytes);
    offset += bytes.length;
  }
  // Padded with spaces so that the tensors begin at a multiple of eight.
  const text = JSON.stringify(header);
  const json = Buffer.from(text + ' '.repeat((8 - (Buffer.byteLength(text) % 8)) % 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, ...parts]);
}

/** Reads such a file. Throws a TorchError that says what is wrong when it is truncated, tampered with or something else. */
export async function loadSafetensors(
  file: string,
): Promise<{ tensors: Record<string, Tensor>; metadata: Record<string, string> }> {
  return decodeSafetensors(await fs.readFile(file), file);
}

/** The tensors in such a file's bytes; `name` is what errors call them. */
export function decodeSafetensors(
  bytes: Buffer,
  name = 'the data',
): { tensors: Record<string, Tensor>; metadata: Record<string, string> } {
  const fail = (message: string): never => {
    throw new TorchError('loadSafetensors', `${name} is no complete safetensors file: ${message}`);
  };
  if (bytes.length < 8) fail(`it has ${bytes.length} bytes, at least 8 are needed`);
  const size = bytes.readBigUInt64LE();
  if (size > BigInt(MAX_HEADER)) fail(`its header claims ${size} bytes, ${MAX_HEADER} are allowed`);
  if (bytes.length < 8 + Number(size)) fail(`its header claims ${size} bytes, ${bytes.length - 8} are there`);
  const data = bytes.subarray(8 + Number(size));
  let header: Record<string, unknown> = {};
  try {
    header = JSON.parse(bytes.toString('utf8', 8, 8 + Number(size))) as Record<string, unknown>;
  } catch (error) {
    fail(`its header is not JSON (${(error as Error).message})`);
  }
  const tensors: Record<string, Tensor> = {};
  let metadata: Record<string, string> = {};
  const spans: { key: string; begin: number; end: number }[] = [];
  for (const [key, value] of Object.entries(header)) {
    if (key === '__metadata__') {
      metadata = value as Record<string, string>;
      continue;
    }
    const { dtype, shape, data_offsets: offsets } = value as Entry;
    const width = BYTES[dtype];
    if (width === undefined)
      fail(
        `tensor '${key}' has the dtype ${JSON.stringify(dtype)}, known are ${Object.keys(BYTES).join(', ')}`,
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
    const expected = shape.reduce((product, n) => product * n, width!);
    if (end - begin !== expected)
      fail(
        `tensor '${key}' of shape [${shape.join(', ')}] needs ${expected} bytes, its entry has ${end - begin}`,
      );
    if (end > data.length)
      fail(`tensor '${key}' ends at ${end}, the file has ${data.length} bytes of tensors`);
    spans.push({ key, begin, end });
    tensors[key] = fromRaw(data.subarray(begin, end), dtype, shape);
  }
  // Not in the header's order, which need not be that of the bytes and is lost where names are whole numbers.
  let used = 0;
  for (const { key, begin, end } of spans.sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== used)
      fail(`tensor '${key}' begins at ${begin}, expected ${used}: entries overlap or leave holes`);
    used = end;
  }
  if (used !== data.length) fail(`${data.length - used} bytes at its end belong to no tensor`);
  return { tensors, metadata };
}

function fromRaw(bytes: Buffer, dtype: string, shape: number[]): Tensor {
  const name = (Object.keys(NAMES) as DType[]).find((key) => NAMES[key] === dtype)!;
  const copy = new ArrayBuffer(bytes.length);
  new Uint8Array(copy).set(bytes);
  if (name !== 'float16' && name !== 'bfloat16') return tensor(copy, { dtype: name, shape });
  const raw = tensor(copy, { dtype: 'int16', shape });
  const result = operator('aten::view.dtype').call(raw, name) as Tensor;
  raw.dispose();
  return result;
}
