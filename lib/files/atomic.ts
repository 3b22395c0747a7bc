// Files that are there whole or not at all, written piece by piece.
import { randomBytes } from 'node:crypto';
import { open, realpath, rename, rm, stat } from 'node:fs/promises';

/**
 * Writes chunks to a new file beside the wanted one, flushes it to the disk and gives it the wanted name. When anything
 * fails, the old file is as it was and the new one is gone. A symbolic link is followed and an old file's permissions are
 * kept, as an ordinary write does.
 */
export async function writeAtomically(
  file: string,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<void> {
  const target = await realpath(file).catch(() => file);
  const temporary = `${target}.${randomBytes(6).toString('hex')}.tmp`;
  const old = await stat(target).catch(() => undefined);
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
