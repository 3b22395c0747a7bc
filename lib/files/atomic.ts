// Files that are there whole or not at all, written piece by piece.
import { randomBytes } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { open, rename, rm, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { expectRegular } from './regular.js';

// The last writing of each file that is under way.
const writing = new Map<string, Promise<void>>();

/**
 * Writes chunks to a new file beside the wanted one, flushes it to the disk and gives it the wanted name. When anything
 * fails, the old file is as it was and the new one is gone. A symbolic link is followed and an old file's permissions are
 * kept, as an ordinary write does. Writings of one file take place in the order of their calls.
 */
export async function writeAtomically(
  file: string,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<void> {
  const target = targetOf(file);
  const before = writing.get(target);
  const now = (before ?? Promise.resolve()).catch(() => undefined).then(() => write(target, chunks));
  writing.set(target, now);
  try {
    await now;
  } finally {
    if (writing.get(target) === now) writing.delete(target);
  }
}

function targetOf(file: string): string {
  try {
    return realpathSync(file);
  } catch {
    return resolve(file);
  }
}

async function write(
  target: string,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<void> {
  const temporary = `${target}.${randomBytes(6).toString('hex')}.tmp`;
  const old = await stat(target).catch(() => undefined);
  if (old !== undefined) expectRegular(target, old);
  const handle = await open(temporary, 'wx');
  try {
    try {
      if (old !== undefined) await handle.chmod(old.mode & 0o777);
      for await (const chunk of chunks) {
        for (let at = 0; at < chunk.length;) {
          // One call writes 2 GiB at most.
          const part = chunk.subarray(at, at + 2 ** 30);
          const { bytesWritten } = await handle.write(part);
          at += bytesWritten;
        }
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
