// Makes zip files: APPNOTE.TXT of PKWARE, sections 4.3 and 4.4, without zip64.
import { crc32, deflateRaw } from 'node:zlib';
import { promisify } from 'node:util';

const deflate = promisify(deflateRaw);

// Sizes and offsets are 32 bits wide, numbers of entries 16; all ones announce zip64.
const MAX_BYTES = 2 ** 32 - 2;
const MAX_ENTRIES = 2 ** 16 - 2;
const MAX_NAME = 2 ** 16 - 1;

const STORED = 0;
const DEFLATED = 8;
const UTF8 = 0x800;
// 1980-01-01, the earliest: equal contents give equal files.
const DATE = (1 << 5) | 1;

export interface ZipContent {
  name: string;
  data: Buffer;
}

export interface ZipOptions {
  /** Deflate instead of storing. */
  compress?: boolean;
  /** Data begin at multiples of this many bytes, as PyTorch's do: what lies between goes into a field of its own. */
  align?: number;
}

/**
 * The bytes of a zip with these entries, in their order, compressed (deflate) or stored.
 *
 * Rejects with an Error that says what is too large when the zip would need the zip64 extension: 4 GiB in all, or
 * 65535 entries.
 */
export async function zip(entries: readonly ZipContent[], options: ZipOptions = {}): Promise<Buffer> {
  if (entries.length > MAX_ENTRIES)
    throw new Error(`a zip holds at most ${MAX_ENTRIES} entries, these are ${entries.length}`);
  const sizes = entries.map(({ data }) => data.length);
  // Before anything is compressed; compressed ones may still turn out small enough together.
  demand(options.compress ? Math.max(0, ...sizes) : sizes.reduce((sum, size) => sum + size, 0));
  const parts: Buffer[] = [];
  for await (const part of zipParts(entries, options)) parts.push(part);
  return Buffer.concat(parts);
}

/** The same in pieces, for zips that need not be in memory whole: each entry is asked for when its turn comes. */
export async function* zipParts(
  entries: Iterable<ZipContent>,
  options: ZipOptions = {},
): AsyncGenerator<Buffer> {
  const directory: Buffer[] = [];
  let count = 0;
  let offset = 0;
  for (const { name, data } of entries) {
    if (++count > MAX_ENTRIES) throw new Error(`a zip holds at most ${MAX_ENTRIES} entries, these are more`);
    if (Buffer.byteLength(name) > MAX_NAME)
      throw new Error(`an entry's name has at most ${MAX_NAME} bytes: ${name.slice(0, 40)}...`);
    const bytes = options.compress ? await deflate(data) : data;
    const encoded = Buffer.from(name);
    const about = Buffer.alloc(26);
    about.writeUInt16LE(20, 0); // version 2.0 is needed to extract
    about.writeUInt16LE(encoded.length === name.length ? 0 : UTF8, 2);
    about.writeUInt16LE(options.compress ? DEFLATED : STORED, 4);
    about.writeUInt16LE(DATE, 8);
    about.writeUInt32LE(crc32(data), 10);
    about.writeUInt32LE(demand(bytes.length), 14);
    about.writeUInt32LE(demand(data.length), 18);
    about.writeUInt16LE(encoded.length, 22);
    const padding =
      options.align === undefined ? Buffer.alloc(0) : pad(offset + 30 + encoded.length, options.align);
    const localAbout = Buffer.from(about);
    localAbout.writeUInt16LE(padding.length, 24);
    const attributes = Buffer.alloc(14);
    attributes.writeUInt32LE(demand(offset), 10);
    directory.push(signature(0x02014b50), uint16(20), about, attributes, encoded);
    const local = Buffer.concat([signature(0x04034b50), localAbout, encoded, padding]);
    offset += local.length + bytes.length;
    yield local;
    yield bytes;
  }

  const size = directory.reduce((sum, part) => sum + part.length, 0);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(count, 4);
  end.writeUInt16LE(count, 6);
  end.writeUInt32LE(size, 8);
  end.writeUInt32LE(demand(offset), 12);
  demand(offset + size + 22);
  yield Buffer.concat([...directory, signature(0x06054b50), end]);
}

/** An extra field that brings what follows it to a multiple; PyTorch calls it "FB". */
function pad(at: number, align: number): Buffer {
  const field = Buffer.alloc(4 + ((align - ((at + 4) % align)) % align), 'Z');
  field.write('FB', 'latin1');
  field.writeUInt16LE(field.length - 4, 2);
  return field;
}

function demand(size: number): number {
  if (size > MAX_BYTES)
    throw new Error(`a zip without zip64 holds at most ${MAX_BYTES} bytes, this one needs ${size}`);
  return size;
}

function signature(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
}
