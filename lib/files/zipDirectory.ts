// The directory of a zip that may come from anywhere, read as strictly as can be: PKWARE's APPNOTE.TXT, sections 4.3 to 4.5,
// with zip64. What two readers could understand in two ways is refused: a directory that does not end where the file's
// last record begins, entries that share bytes, local headers that say otherwise than the directory.
import type { RandomAccess } from './randomAccess.js';

export const STORED = 0;
export const DEFLATED = 8;

/** An entry of a zip: its bytes, as they lie in the file, begin at `begin`. */
export interface ZipPlace {
  readonly name: string;
  readonly method: typeof STORED | typeof DEFLATED;
  readonly compressed: number;
  readonly size: number;
  readonly checksum: number;
  readonly begin: number;
  /** Whether it is a symbolic link. */
  readonly link: boolean;
}

const END = 0x06054b50;
const END64 = 0x06064b50;
const LOCATOR64 = 0x07064b50;
const ENTRY = 0x02014b50;
const LOCAL = 0x04034b50;
const MAX_COMMENT = 2 ** 16 - 1;

const ENCRYPTED = 0x1;
const SIZES_FOLLOW = 0x8;
const UTF8 = 0x800;

// What stands in a field of 32 or 16 bits whose value is in zip64's.
const WIDE = 0xffffffff;
const WIDE16 = 0xffff;

interface Directory {
  begin: number;
  end: number;
  count: number;
}

/** The entries of a zip, folders left out, in the directory's order. Throws an Error that says what is wrong. */
export function readDirectory(bytes: RandomAccess): ZipPlace[] {
  const directory = findDirectory(bytes);
  const entries: (ZipPlace & { local: number })[] = [];
  const all = bytes.read(directory.begin, directory.end);
  let claimed = 0;
  let at = 0;
  for (let i = 0; i < directory.count; i++) {
    if (at + 46 > all.length || all.readUInt32LE(at) !== ENTRY)
      throw new Error(`its directory is damaged: entry ${i} is none`);
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((field) =>
      all.readUInt16LE(at + field),
    );
    const end = at + 46 + nameLength! + extraLength! + commentLength!;
    if (end > all.length) throw new Error(`its directory is damaged: entry ${i} goes beyond its end`);
    const flags = all.readUInt16LE(at + 8);
    const raw = all.subarray(at + 46, at + 46 + nameLength!);
    const name = nameOf(raw, flags);
    if ((flags & ENCRYPTED) !== 0) throw new Error(`${name} is encrypted`);
    const method = all.readUInt16LE(at + 10);
    const extra = all.subarray(at + 46 + nameLength!, at + 46 + nameLength! + extraLength!);
    const [size, compressed, local, disk] = wide(extra, [
      all.readUInt32LE(at + 24),
      all.readUInt32LE(at + 20),
      all.readUInt32LE(at + 42),
      all.readUInt16LE(at + 34) === WIDE16 ? WIDE : all.readUInt16LE(at + 34),
    ]) as [number, number, number, number];
    if (disk !== 0) throw new Error('it is a part of a zip in several files');
    claimed += 30 + nameLength! + compressed;
    if (claimed > bytes.size) throw new Error('its entries overlap, or claim more bytes than the file has');
    const link = ((all.readUInt32LE(at + 38) >>> 16) & 0o170000) === 0o120000;
    const checksum = all.readUInt32LE(at + 16);
    at = end;
    checkName(name);
    const begin = checkLocal(bytes, { local, raw, flags, method, checksum, compressed, size }, name);
    if (method !== STORED && method !== DEFLATED)
      throw new Error(`${name}: unsupported compression method: ${method}`);
    // A match of 258 bytes takes two bits at least.
    if (method === STORED ? size !== compressed : size > 1032 * compressed)
      throw new Error(`${name} claims ${size} bytes, more than ${compressed} ${method === STORED ? 'stored' : 'compressed'} ones can hold`); // prettier-ignore
    entries.push({ name, method, compressed, size, checksum, begin, link, local });
  }
  if (at !== all.length) throw new Error('its directory is damaged: it has bytes of no entry');
  checkOverlaps(entries, directory.begin);
  return entries.filter(({ name }) => !name.endsWith('/')).map(({ local: _, ...place }) => place);
}

function findDirectory(bytes: RandomAccess): Directory {
  const { size } = bytes;
  const from = Math.max(0, size - 22 - MAX_COMMENT);
  const tail = bytes.read(from, size);
  let at = tail.length - 22;
  while (at >= 0 && tail.readUInt32LE(at) !== END) at--;
  if (at < 0 || at + 22 + tail.readUInt16LE(at + 20) !== tail.length)
    throw new Error('it is not a zip file, or it is cut off: the record of the end of central directory is not at its end'); // prettier-ignore
  let end = from + at;
  let [count, onDisk] = [tail.readUInt16LE(at + 10), tail.readUInt16LE(at + 8)];
  let [length, begin] = [tail.readUInt32LE(at + 12), tail.readUInt32LE(at + 16)];
  let disks = tail.readUInt16LE(at + 4) | tail.readUInt16LE(at + 6);
  const locator = end >= 20 ? bytes.read(end - 20, end) : Buffer.alloc(20);
  if (locator.readUInt32LE() === LOCATOR64) {
    const place = wideNumber(locator, 8);
    const record = bytes.read(place, place + 56);
    if (record.readUInt32LE() !== END64 || place + 12 + wideNumber(record, 4) !== end - 20)
      throw new Error('its directory is damaged: the record of zip64 is not where it should be');
    disks = record.readUInt32LE(16) | record.readUInt32LE(20);
    [onDisk, count] = [wideNumber(record, 24), wideNumber(record, 32)];
    [length, begin] = [wideNumber(record, 40), wideNumber(record, 48)];
    end = place;
  }
  if (disks !== 0 || count !== onDisk) throw new Error('it is a part of a zip in several files');
  if (begin + length > size) throw new Error(`it points to the bytes from ${begin} to ${begin + length}, the file has ${size}`); // prettier-ignore
  if (begin + length !== end) throw new Error('its directory does not end where its last record begins');
  return { begin, end, count };
}

/** A local header has to say what the directory says. Gives where the bytes behind it begin. */
function checkLocal(
  bytes: RandomAccess,
  entry: { local: number; raw: Buffer; flags: number; method: number; checksum: number; compressed: number; size: number }, // prettier-ignore
  name: string,
): number {
  const { local, raw } = entry;
  const header = bytes.read(local, local + 30 + raw.length);
  if (header.readUInt32LE() !== LOCAL) throw new Error(`${name}: there is no local header at ${local}`);
  const extraLength = header.readUInt16LE(28);
  const flags = header.readUInt16LE(6);
  const begin = local + 30 + raw.length + extraLength;
  const stated = [14, 22, 18].map((field) => header.readUInt32LE(field));
  // Where they follow the bytes instead they may be 0.
  const later = (flags & SIZES_FOLLOW) !== 0 && stated.every((number) => number === 0 || number === WIDE);
  const [size, compressed] = stated.includes(WIDE)
    ? wide(bytes.read(begin - extraLength, begin), [stated[1]!, stated[2]!])
    : [stated[1]!, stated[2]!];
  const same =
    header.readUInt16LE(26) === raw.length &&
    header.subarray(30).equals(raw) &&
    header.readUInt16LE(8) === entry.method &&
    (flags & (ENCRYPTED | UTF8)) === (entry.flags & (ENCRYPTED | UTF8)) &&
    (later || (stated[0] === entry.checksum && size === entry.size && compressed === entry.compressed));
  if (!same) throw new Error(`${name}: its local header says otherwise than the directory`);
  if (begin + entry.compressed > bytes.size)
    throw new Error(`it points to the bytes from ${begin} to ${begin + entry.compressed}, the file has ${bytes.size}`); // prettier-ignore
  return begin;
}

function checkOverlaps(entries: readonly (ZipPlace & { local: number })[], end: number): void {
  const sorted = entries.toSorted((a, b) => a.local - b.local);
  for (const [i, { begin, compressed, name }] of sorted.entries())
    if (begin + compressed > (sorted[i + 1]?.local ?? end))
      throw new Error(`its entries overlap, or claim more bytes than the file has: ${name}`);
}

/** Fields in order, those of all ones out of zip64's extra field. */
function wide(extra: Buffer, fields: readonly number[]): number[] {
  if (!fields.includes(WIDE)) return [...fields];
  for (let at = 0; at + 4 <= extra.length;) {
    const length = extra.readUInt16LE(at + 2);
    if (extra.readUInt16LE(at) === 1) {
      let from = at + 4;
      const end = Math.min(from + length, extra.length);
      return fields.map((field) => {
        if (field !== WIDE) return field;
        if (from + 8 > end) return from + 4 === end ? extra.readUInt32LE(from) : field;
        from += 8;
        return wideNumber(extra, from - 8);
      });
    }
    at += 4 + length;
  }
  return [...fields];
}

function wideNumber(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at) + 2 ** 32 * bytes.readUInt32LE(at + 4);
}

const STRICT = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
// The characters of code page 437 from 0x80 on, which names without the mark of UTF-8 are in.
const CP437 =
  'ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■ ';

function nameOf(raw: Buffer, flags: number): string {
  if ((flags & UTF8) === 0)
    return Array.from(raw, (code) => (code < 0x80 ? String.fromCharCode(code) : CP437[code - 0x80]!)).join(
      '',
    );
  try {
    return STRICT.decode(raw);
  } catch {
    throw new Error('the name of one of its entries is not UTF-8');
  }
}

function checkName(name: string): void {
  if (name === '' || /^\/|^[a-zA-Z]:|\\|\0|(^|\/)\.\.?(\/|$)/.test(name))
    throw new Error(`${JSON.stringify(name.slice(0, 80))} is no name of an entry: it is absolute, or has '..', a backslash or a zero in it`); // prettier-ignore
}
