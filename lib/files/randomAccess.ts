// Bytes that are read here and there: a file's, or those that are in memory.
import { readSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { chunksOf } from './chunks.js';
import { openRegular, withRegularSync } from './regular.js';

export interface RandomAccess {
  readonly size: number;
  /** Some of them, at once. Throws an Error where there are not so many. */
  read(begin: number, end: number): Buffer;
  /** Some of them, piece by piece. Throws an Error at the end where there are not so many. */
  chunks(begin: number, end: number): AsyncIterable<Buffer>;
}

/** Opens a file, or takes bytes, for a function. */
export async function withBytes<T>(
  source: string | Uint8Array,
  use: (bytes: RandomAccess) => Promise<T>,
): Promise<T> {
  if (typeof source !== 'string') return use(new MemoryBytes(source));
  const { handle, size } = await openRegular(source);
  try {
    return await use(new FileBytes(handle.fd, size, handle));
  } finally {
    await handle.close();
  }
}

/** The same at once; `chunks` of a file is not there. */
export function withBytesSync<T>(source: string | Uint8Array, use: (bytes: RandomAccess) => T): T {
  if (typeof source !== 'string') return use(new MemoryBytes(source));
  return withRegularSync(source, (descriptor, size) => use(new FileBytes(descriptor, size)));
}

function expectWithin(begin: number, end: number, size: number): void {
  if (!(begin >= 0 && begin <= end && end <= size))
    throw new Error(`it points to the bytes from ${begin} to ${end}, the file has ${size}`);
}

export class MemoryBytes implements RandomAccess {
  readonly #bytes: Buffer;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  get size(): number {
    return this.#bytes.length;
  }
  read(begin: number, end: number): Buffer {
    expectWithin(begin, end, this.size);
    return this.#bytes.subarray(begin, end);
  }
  async *chunks(begin: number, end: number): AsyncGenerator<Buffer> {
    yield await Promise.resolve(this.read(begin, end));
  }
}

// What is read at least, so that many small pieces that lie together take few calls.
const WINDOW = 2 ** 13;

class FileBytes implements RandomAccess {
  readonly #descriptor: number;
  readonly #handle: FileHandle | undefined;
  #window: Buffer = Buffer.alloc(0);
  #begin = 0;

  constructor(
    descriptor: number,
    readonly size: number,
    handle?: FileHandle,
  ) {
    this.#descriptor = descriptor;
    this.#handle = handle;
  }

  read(begin: number, end: number): Buffer {
    expectWithin(begin, end, this.size);
    if (begin < this.#begin || end > this.#begin + this.#window.length) {
      this.#window = this.#filled(begin, Math.max(end, Math.min(begin + WINDOW, this.size)));
      this.#begin = begin;
    }
    return this.#window.subarray(begin - this.#begin, end - this.#begin);
  }

  #filled(begin: number, end: number): Buffer {
    const out = Buffer.allocUnsafe(end - begin);
    for (let at = 0; at < out.length;) {
      const count = readSync(this.#descriptor, out, at, Math.min(out.length - at, 2 ** 30), begin + at);
      if (count === 0) throw new Error(`the file ends at ${begin + at}, expected ${end} bytes`);
      at += count;
    }
    return out;
  }

  chunks(begin: number, end: number): AsyncIterable<Buffer> {
    expectWithin(begin, end, this.size);
    return chunksOf(this.#handle!, begin, end);
  }
}
