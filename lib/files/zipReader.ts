// Zip files that may come from anywhere: yauzl, and the checks that it leaves to its callers.
import { open, type FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import { fromRandomAccessReaderPromise, RandomAccessReader, type Entry, type ZipFile } from 'yauzl';
import { chunksOf } from './chunks.js';

export interface ZipEntry {
  readonly name: string;
  /** Bytes when unpacked. `chunks` throws when there are more or fewer. */
  readonly size: number;
  /** Whether it is a symbolic link; its bytes are then where it leads. */
  readonly link: boolean;
  /** The unpacked bytes. Throws at the end when their checksum is wrong. */
  chunks(): AsyncIterable<Buffer>;
}

/**
 * Opens a zip, hands its entries (folders left out) to a function and closes it again.
 *
 * Rejects with an Error when the file is damaged, when entries share bytes of the file, or when one claims more bytes
 * than its compressed ones can hold: whatever `size` says is at most 1032 times the file's size.
 */
export async function withZip<T>(file: string, use: (entries: ZipEntry[]) => Promise<T>): Promise<T> {
  const handle = await open(file, 'r');
  let zip: ZipFile | undefined;
  try {
    const { size } = await handle.stat();
    zip = await fromRandomAccessReaderPromise(new FileReader(handle, size), size, { autoClose: false });
    return await use(await readContents(zip));
  } finally {
    zip?.close();
    await handle.close();
  }
}

async function readContents(zip: ZipFile): Promise<ZipEntry[]> {
  const entries: ZipEntry[] = [];
  let claimed = 0;
  for await (const entry of zip.eachEntry()) {
    // The part of a local header that every entry has, its name, its data.
    claimed += 30 + entry.fileNameLength + entry.compressedSize;
    if (claimed > zip.fileSize) throw new Error('its entries overlap, or claim more bytes than the file has');
    if (entry.fileName.endsWith('/')) continue;
    // A match of 258 bytes takes two bits at least.
    if (entry.compressionMethod === 8 && entry.uncompressedSize > 1032 * entry.compressedSize)
      throw new Error(
        `${entry.fileName} claims ${entry.uncompressedSize} bytes, more than ${entry.compressedSize} compressed ones can hold`,
      );
    entries.push({
      name: entry.fileName,
      size: entry.uncompressedSize,
      link: ((entry.externalFileAttributes >>> 16) & 0o170000) === 0o120000,
      chunks: () => unpack(zip, entry),
    });
  }
  return entries;
}

async function* unpack(zip: ZipFile, entry: Entry): AsyncGenerator<Buffer> {
  let checksum = 0;
  // yauzl verifies lengths, not checksums.
  for await (const chunk of (await zip.openReadStreamPromise(entry)) as AsyncIterable<Buffer>) {
    checksum = crc32(chunk, checksum);
    yield chunk;
  }
  if (checksum !== entry.crc32) throw new Error(`${entry.fileName} is damaged (its checksum is wrong)`);
}

// yauzl's own reader passes offsets from the file straight to fs.read, which throws for those beyond 2^53; thrown in a
// callback that would end the process.
class FileReader extends RandomAccessReader {
  readonly #handle: FileHandle;
  readonly #size: number;

  constructor(handle: FileHandle, size: number) {
    super();
    this.#handle = handle;
    this.#size = size;
  }

  // Beyond 2^53 start and end may be one number, which yauzl takes for an empty range.
  override createReadStream(range: { start: number; end: number }): Readable {
    const { start, end } = range;
    if (end <= this.#size) return super.createReadStream(range);
    const error = new Error(`it points to the bytes from ${start} to ${end}, the file has ${this.#size}`);
    return new Readable({
      read() {
        this.destroy(error);
      },
    });
  }

  override _readStreamForRange(start: number, end: number): Readable {
    return Readable.from(chunksOf(this.#handle, start, end));
  }
}
