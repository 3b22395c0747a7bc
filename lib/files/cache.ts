// Where torch-node keeps what it downloads, and the lock that lets several processes share it.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * The folder for downloads: TORCH_NODE_CACHE, else the user's cache folder by the custom of the platform.
 * Creates nothing. Throws when neither is known.
 *
 * Not env-paths: that asks for the home folder while it is imported, and where a user has none (a container
 * with a bare uid) the import itself throws, TORCH_NODE_CACHE or not.
 */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  if (env['TORCH_NODE_CACHE']) return path.resolve(env['TORCH_NODE_CACHE']);
  if (process.platform === 'darwin') return path.join(home(env), 'Library', 'Caches', 'torch-node');
  if (process.platform === 'win32') {
    return path.join(env['LOCALAPPDATA'] || path.join(home(env), 'AppData', 'Local'), 'torch-node', 'Cache');
  }
  return path.join(env['XDG_CACHE_HOME'] || path.join(home(env), '.cache'), 'torch-node');
}

function home(env: NodeJS.ProcessEnv): string {
  let folder = env['HOME'] || '';
  try {
    folder ||= homedir();
  } catch {
    // No HOME and no entry in the list of users: answered below.
  }
  if (path.isAbsolute(folder)) return folder;
  throw new Error(
    `There is no home folder to put the cache in (HOME is ${JSON.stringify(env['HOME'] ?? '')}). ` +
      'Set TORCH_NODE_CACHE to a folder that can be written to.',
  );
}

/**
 * Creates a folder inside the cache and gives its path. Throws an error that tells the way out when the cache
 * cannot be written to.
 */
export function makeCacheFolder(...parts: string[]): string {
  const folder = path.join(cacheFolder(), ...parts);
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw new Error(
      `The cache folder ${folder} cannot be created (${errorCode(error) ?? String(error)}). ` +
        'Make it writable, or set TORCH_NODE_CACHE to a folder that is.',
      { cause: error },
    );
  }
  return folder;
}

/** The code of a system error (ENOENT and the like), if it has one. */
export function errorCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : undefined;
}

/** The message of whatever was thrown. */
export function errorText(error: unknown): string {
  const message = (error as { message?: unknown } | null)?.message;
  return typeof message === 'string' ? message : String(error);
}

export interface LockOptions {
  /** Called once, with a sentence that names the holder, when another process has the lock. */
  onWait?: (sentence: string) => void;
  /** After how long a lock that its holder no longer refreshes counts as left behind, in milliseconds. */
  stale?: number;
}

/**
 * Runs `work` while this process alone holds the lock named by `file` (the lock is `file + '.lock'`; `file` itself
 * need not exist). Waits for as long as another process holds it; a lock whose holder died is taken over.
 */
export async function withLock<T>(
  file: string,
  work: () => Promise<T>,
  { onWait, stale = 10_000 }: LockOptions = {},
): Promise<T> {
  const { default: lockfile } = await import('proper-lockfile');
  // A lock can be lost when the machine sleeps. What is done under these locks ends in an atomic rename, so the
  // worst that follows is that the work is done twice; the default, an uncaught exception, would be worse.
  const options = { stale, realpath: false, onCompromised: () => {} };
  const holder = `${file}.lock-holder`;
  mkdirSync(path.dirname(file), { recursive: true });

  let release: (() => Promise<void>) | undefined;
  for (let waits = 0; !release; waits++) {
    try {
      release = await lockfile.lock(file, options);
    } catch (error) {
      if (errorCode(error) !== 'ELOCKED') throw error;
      if (waits === 0) onWait?.(`waiting for ${readHolder(holder)}, which holds ${file}.lock`);
      await sleep(200);
    }
  }
  try {
    writeFileSync(holder, `process ${process.pid}`);
    return await work();
  } finally {
    rmSync(holder, { force: true });
    // Fails only where the lock was lost in between, and then it is not ours to give back.
    await release().catch(() => {});
  }
}

function readHolder(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return 'another process';
  }
}
