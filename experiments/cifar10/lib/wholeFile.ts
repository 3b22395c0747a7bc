// Files of a run that are there whole or not at all.
import { randomBytes } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { RunError } from './runError.js';

/**
 * Writes a new file beside the wanted one, flushes it to the disk and gives it the wanted name: when anything fails, as on a
 * full disk, the old file is as it was. (The package write-file-atomic takes one write of fewer bytes for all of them.)
 *
 * @throws RunError that names the file
 */
export async function writeWhole(file: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    const handle = await open(temporary, 'wx');
    try {
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw new RunError(
      `${file} could not be written: ${(error as Error).message}. What was written before is whole; make room and go on with --resume`,
      { cause: error },
    );
  }
}
