// The entries of zip files that may come from anywhere.
import { Readable } from 'node:stream';
import { crc32, createInflateRaw, inflateRawSync } from 'node:zlib';
import { withBytes, type RandomAccess } from './randomAccess.js';
import { readDirectory, STORED, type ZipPlace } from './zipDirectory.js';

export interface ZipEntry {
  readonly name: string;
  /** Bytes when unpacked. `chunks` and `read` throw when there are more or fewer. */
  readonly size: number;
  /** Whether it is a symbolic link; its bytes are then where it leads. */
  readonly link: boolean;
  /** The unpacked bytes. Throws at the end when their checksum is wrong. */
  chunks(): AsyncIterable<Buffer>;
  /** The same at once. */
  read(): Buffer;
}

export interface ZipReading {
  /** Whether a zip in which all checksums are 0 has none, as PyTorch writes it when told so. Default false. */
  checksumsOptional?: boolean;
}

/**
 * Opens a zip, hands its entries (folders left out) to a function and closes it again.
 *
 * Rejects with an Error when the file is damaged, when entries share bytes of the file, or when one claims more bytes
 * than its compressed ones can hold: whatever `size` says is at most 1032 times the file's size.
 */
export async function withZip<T>(
  source: string | Uint8Array,
  use: (entries: ZipEntry[]) => Promise<T>,
  reading: ZipReading = {},
): Promise<T> {
  return withBytes(source, (bytes) => use(zipEntries(bytes, reading)));
}

/** The entries of a zip, which are read as long as its bytes can be. */
export function zipEntries(bytes: RandomAccess, { checksumsOptional = false }: ZipReading = {}): ZipEntry[] {
  const places = readDirectory(bytes);
  const unchecked = checksumsOptional && places.every(({ checksum }) => checksum === 0);
  return places.map((place) => new Entry(bytes, place, !unchecked));
}

class Entry implements ZipEntry {
  readonly name: string;
  readonly size: number;
  readonly link: boolean;
  readonly #bytes: RandomAccess;
  readonly #place: ZipPlace;
  readonly #checked: boolean;

  constructor(bytes: RandomAccess, place: ZipPlace, checked: boolean) {
    ({ name: this.name, size: this.size, link: this.link } = place);
    this.#bytes = bytes;
    this.#place = place;
    this.#checked = checked;
  }

  async *chunks(): AsyncGenerator<Buffer> {
    const { begin, compressed, method } = this.#place;
    const raw = this.#bytes.chunks(begin, begin + compressed);
    const check = this.#check();
    for await (const chunk of method === STORED ? raw : inflated(raw)) {
      check.next(chunk);
      yield chunk;
    }
    check.end();
  }

  read(): Buffer {
    const { begin, compressed, method } = this.#place;
    const raw = this.#bytes.read(begin, begin + compressed);
    const out = method === STORED ? raw : inflateRawSync(raw, { maxOutputLength: Math.max(1, this.size) });
    const check = this.#check();
    check.next(out);
    check.end();
    return out;
  }

  #check(): { next(chunk: Buffer): void; end(): void } {
    let size = 0;
    let checksum = 0;
    return {
      next: (chunk) => {
        size += chunk.length;
        if (size > this.size)
          throw new Error(`${this.name}: too many bytes in the stream, expected ${this.size}`);
        if (this.#checked) checksum = crc32(chunk, checksum);
      },
      end: () => {
        if (size < this.size)
          throw new Error(
            `${this.name}: not enough bytes in the stream, expected ${this.size}, found ${size}`,
          );
        if (this.#checked && checksum !== this.#place.checksum)
          throw new Error(`${this.name} is damaged (its checksum is wrong)`);
      },
    };
  }
}

async function* inflated(raw: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const source = Readable.from(raw);
  const stream = createInflateRaw();
  source.on('error', (error) => stream.destroy(error));
  try {
    yield* source.pipe(stream) as AsyncIterable<Buffer>;
  } finally {
    source.destroy();
    stream.destroy();
  }
}
