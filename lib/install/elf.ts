// Reads which libraries a Linux library asks for by name.
import { closeSync, openSync, readSync } from 'node:fs';

const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const DT_NEEDED = 1;
const DT_STRTAB = 5;

/** The names of the libraries that an ELF file (64-bit, little-endian) is linked with; none for any other file. */
export function neededLibraries(file: string): string[] {
  const handle = openSync(file, 'r');
  const read = (position: number, length: number) => {
    const bytes = Buffer.alloc(length);
    readSync(handle, bytes, 0, length, position);
    return bytes;
  };
  try {
    const header = read(0, 64);
    if (header.toString('latin1', 0, 6) !== '\x7fELF\x02\x01') return [];
    const size = header.readUInt16LE(54);
    const table = read(Number(header.readBigUInt64LE(32)), size * header.readUInt16LE(56));
    const segments = Array.from({ length: header.readUInt16LE(56) }, (_, i) => {
      const number = (at: number) => Number(table.readBigUInt64LE(i * size + at));
      return {
        type: table.readUInt32LE(i * size),
        offset: number(8),
        address: number(16),
        bytes: number(32),
      };
    });
    const dynamic = segments.find(({ type }) => type === PT_DYNAMIC);
    if (!dynamic) return [];
    const entries = read(dynamic.offset, dynamic.bytes);
    const values = (tag: number) =>
      Array.from({ length: dynamic.bytes / 16 }, (_, i) => i * 16)
        .filter((at) => Number(entries.readBigInt64LE(at)) === tag)
        .map((at) => Number(entries.readBigUInt64LE(at + 8)));
    const [strings = 0] = values(DT_STRTAB);
    const home = segments.find(
      ({ type, address, bytes }) => type === PT_LOAD && strings >= address && strings < address + bytes,
    );
    if (!home) return [];
    return values(DT_NEEDED).map((offset) => {
      const text = read(strings - home.address + home.offset + offset, 256).toString('latin1');
      return text.slice(0, text.indexOf('\0'));
    });
  } finally {
    closeSync(handle);
  }
}
