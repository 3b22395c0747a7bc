// What lies in the cache of libtorches: listed, measured, removed.
import { existsSync, readdirSync } from 'node:fs';
import { lstat, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { withLock } from '../files/cache.js';
import { inspectLibtorch, installedFolder, type Libtorch } from './locate.js';
import { compareVersions } from './versions.js';

export interface Installed {
  /** As in 2.13.0-cpu. */
  name: string;
  /** The folder in the cache. */
  place: string;
  /** What it is, or a sentence that says why it is of no use. */
  libtorch: Libtorch | string;
}

/** The libtorches in the cache; none where there is no cache. */
export function listInstalled(): Installed[] {
  const folder = installedFolder();
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => !name.startsWith('.')) : [];
  return names
    .sort((a, b) => compareVersions(a, b) || (a < b ? -1 : 1))
    .map((name) => {
      const place = path.join(folder, name);
      return { name, place, libtorch: inspectLibtorch(place) };
    });
}

/** The bytes of all files below a folder. */
export async function bytesIn(folder: string): Promise<number> {
  let sum = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) sum += (await lstat(path.join(entry.parentPath, entry.name))).size;
  }
  return sum;
}

/** Removes libtorches from the cache. A process that has one loaded keeps what it has in memory. */
export async function uninstall(names: readonly string[], log: (line: string) => void): Promise<void> {
  const folder = installedFolder();
  if (names.length === 0) return;
  await withLock(
    path.join(folder, '.install'),
    async () => {
      for (const name of names) {
        // Out of sight by a rename first: whoever looks for a libtorch meanwhile finds a whole one or none.
        const scratch = await mkdtemp(path.join(folder, '.tmp-'));
        await rename(path.join(folder, name), path.join(scratch, name));
        await rm(scratch, { recursive: true, force: true });
        log(`removed ${path.join(folder, name)}`);
      }
    },
    { onWait: (sentence) => log(sentence) },
  );
}
