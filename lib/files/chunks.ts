// A stretch of an open file, piece by piece.
import type { FileHandle } from 'node:fs/promises';

const CHUNK = 2 ** 20;

/**
 * The bytes from `start` up to but without `end`. Throws an Error when the file ends before that.
 */
export async function* chunksOf(handle: FileHandle, start: number, end: number): AsyncGenerator<Buffer> {
  for (let at = start; at < end;) {
    const length = Math.min(CHUNK, end - at);
    const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(length), 0, length, at);
    if (bytesRead === 0) throw new Error(`the file ends at ${at}, expected ${end} bytes`);
    yield buffer.subarray(0, bytesRead);
    at += bytesRead;
  }
}
