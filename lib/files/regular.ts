// Opening files that users name: regular ones only. Opening a FIFO waits for a writer, which may never come.
import { closeSync, constants, fstatSync, openSync, type Stats } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';

// O_NONBLOCK has the opening of a FIFO return at once; Windows has neither.
const FLAGS = constants.O_RDONLY | ((constants as { O_NONBLOCK?: number }).O_NONBLOCK ?? 0);

/** Opens a file for reading. Throws the file system's error, or one like it for what is no regular file. */
export async function openRegular(file: string): Promise<{ handle: FileHandle; size: number }> {
  const handle = await open(file, FLAGS);
  try {
    const about = await handle.stat();
    expectRegular(file, about);
    return { handle, size: about.size };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Opens a file for reading and hands its descriptor to a function. */
export function withRegularSync<T>(file: string, use: (descriptor: number, size: number) => T): T {
  const descriptor = openSync(file, FLAGS);
  try {
    const about = fstatSync(descriptor);
    expectRegular(file, about);
    return use(descriptor, about.size);
  } finally {
    closeSync(descriptor);
  }
}

/** Throws an error like the file system's unless it is a regular file. */
export function expectRegular(file: string, about: Stats): void {
  if (about.isFile()) return;
  const [code, kind] = about.isDirectory()
    ? ['EISDIR', 'a folder']
    : ['EINVAL', about.isFIFO() ? 'a FIFO' : about.isSocket() ? 'a socket' : 'a device'];
  throw Object.assign(new Error(`${code}: it is no file but ${kind}, open '${file}'`), {
    code,
    syscall: 'open',
    path: file,
  });
}
