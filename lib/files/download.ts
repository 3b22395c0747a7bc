// Downloads one file: resumed where it broke off, checked, and in place only when it is whole.
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { types } from 'node:util';
import type { Dispatcher } from 'undici';
import { errorCode, errorText } from './cache.js';

export interface DownloadOptions {
  /** What is downloaded, for messages: "libtorch 2.13.0". */
  name: string;
  /** Expected length in bytes. */
  size?: number;
  /** Expected hashes, in hexadecimal. */
  sha256?: string;
  md5?: string;
  /** Told the bytes that are there and, if known, how many there will be. */
  onProgress?: (done: number, total?: number) => void;
  signal?: AbortSignal;
  /** A server that sends nothing for so many milliseconds is given up. */
  timeout?: number;
}

/** Attempts in a row that bring nothing new before a failing server is given up. */
const BARREN_ATTEMPTS = 3;

/**
 * Downloads `url` to `file`, through the proxies of the environment (http_proxy, https_proxy, no_proxy).
 *
 * The bytes go to `file + '.part'`. A part that is left behind is taken up again if the server still has the same
 * version of the file, else the download starts anew. `file` appears, by a rename, only once length and hashes are
 * right. Two processes must not download to the same file at once: see withLock.
 *
 * Rejects with a short error that carries the url: no network (TORCH_NODE_OFFLINE=1 refuses before touching it),
 * unknown host, HTTP status, silence, full disk, wrong length or hash (which deletes the part).
 */
export async function download(url: string, file: string, options: DownloadOptions): Promise<void> {
  if (process.env['TORCH_NODE_OFFLINE'] === '1') {
    throw failure(url, options, 'TORCH_NODE_OFFLINE=1 forbids the network');
  }
  const part = `${file}.part`;
  await mkdir(path.dirname(file), { recursive: true });
  const { EnvHttpProxyAgent, interceptors } = await import('undici');
  const agent = new EnvHttpProxyAgent();
  try {
    const dispatcher = agent.compose(interceptors.redirect({ maxRedirections: 5 }));
    for (let barren = 0; ;) {
      const before = await sizeOf(part);
      if (before > 0 && before === options.size) break;
      try {
        await attempt(url, part, dispatcher, options);
        break;
      } catch (error) {
        options.signal?.throwIfAborted();
        if (!passing(error)) throw failure(url, options, explain(error, file), error);
        barren = (await sizeOf(part)) > before ? 0 : barren + 1;
        if (barren >= BARREN_ATTEMPTS) throw failure(url, options, explain(error, file), error);
        await sleep(100 * 4 ** barren, undefined, { signal: options.signal });
      }
    }
  } finally {
    // Not close(): that waits for a server which may never answer.
    await agent.destroy();
  }
  await check(url, part, options);
  await rename(part, file);
  await rm(validatorOf(part), { force: true });
}

// One request for what is missing of the part. Ends when the whole file is there.
async function attempt(
  url: string,
  part: string,
  dispatcher: Dispatcher,
  options: DownloadOptions,
): Promise<void> {
  const { request } = await import('undici');
  const validator = await readFile(validatorOf(part), 'utf8').catch(() => '');
  const offset = await sizeOf(part);
  // Without a validator the part may be of another version of the file, so there is nothing to build on.
  const resume = offset > 0 && validator !== '' && !(options.size && offset > options.size);

  // One watchdog for all: undici's own timeouts do not cover a proxy that accepts and then says nothing.
  const silence = new AbortController();
  const { timeout = 30_000 } = options;
  const watchdog = setTimeout(
    () => silence.abort(new Silence(`the server sent nothing for ${timeout / 1000} s`)),
    timeout,
  );
  const signal = options.signal ? AbortSignal.any([options.signal, silence.signal]) : silence.signal;
  try {
    const response = await request(url, {
      dispatcher,
      signal,
      headersTimeout: 0,
      bodyTimeout: 0,
      headers: {
        'accept-encoding': 'identity',
        ...(resume ? { range: `bytes=${offset}-`, 'if-range': validator } : {}),
      },
    });
    watchdog.refresh();
    response.body.on('error', () => {}); // Thrown by the pipeline below; without it a late one would be uncaught.
    const status = response.statusCode;
    if (status === 416 && resume) {
      await removePart(part);
      throw new HttpStatus(status, true);
    }
    if (status !== 200 && status !== 206) throw new HttpStatus(status, status >= 500 || status === 429);
    const range = /^bytes (\d+)-/.exec(header(response, 'content-range') ?? '')?.[1];
    if (status === 206 && Number(range) !== offset) {
      await removePart(part);
      throw new HttpStatus(status, true);
    }

    const start = status === 206 ? offset : 0;
    const length = header(response, 'content-length');
    const total = length === undefined ? undefined : start + Number(length);
    if (options.size !== undefined && total !== undefined && total !== options.size) {
      throw new WrongFile(`expected ${options.size} bytes, the server has ${total}`);
    }
    const etag = header(response, 'etag');
    // A weak ETag does not promise equal bytes, so it must not be used to resume.
    const fresh = etag?.startsWith('W/') ? undefined : (etag ?? header(response, 'last-modified'));
    if (fresh) await writeFile(validatorOf(part), fresh);
    else await rm(validatorOf(part), { force: true });

    let done = start;
    options.onProgress?.(done, total ?? options.size);
    await pipeline(
      response.body,
      async function* (chunks: AsyncIterable<Buffer>) {
        for await (const chunk of chunks) {
          watchdog.refresh();
          yield chunk;
          done += chunk.length;
          options.onProgress?.(done, total ?? options.size);
        }
      },
      // Flushed to the disk before it counts as written: the rename that follows must not overtake the contents.
      createWriteStream(part, { flags: start === 0 ? 'w' : 'a', flush: true }),
      { signal },
    );
    if (total !== undefined && done < total) throw new CutShort();
  } catch (error) {
    // The pipeline reports an abort of its own; the reason is what counts.
    throw silence.signal.aborted ? silence.signal.reason : error;
  } finally {
    clearTimeout(watchdog);
  }
}

async function check(url: string, part: string, options: DownloadOptions): Promise<void> {
  const size = await sizeOf(part);
  if (options.size !== undefined && size !== options.size) {
    await removePart(part);
    throw failure(
      url,
      options,
      `expected ${options.size} bytes, got ${size}; what was downloaded was deleted`,
    );
  }
  for (const kind of ['sha256', 'md5'] as const) {
    const expected = options[kind]?.toLowerCase();
    if (expected === undefined) continue;
    const hash = createHash(kind);
    await pipeline(createReadStream(part), hash);
    const found = hash.digest('hex');
    if (found === expected) continue;
    await removePart(part);
    throw failure(
      url,
      options,
      `the ${kind} is ${found}, expected ${expected}; what was downloaded was deleted. Try again, and if it ` +
        'stays so, something between here and the server changes the file',
    );
  }
}

class Silence extends Error {}
class CutShort extends Error {
  override readonly name = 'CutShort';
}
class WrongFile extends Error {}
class HttpStatus extends Error {
  override readonly name = 'HttpStatus';
  constructor(
    readonly status: number,
    /** Whether another attempt may do better. */
    readonly again: boolean,
  ) {
    super();
  }
}

// By name, not by class: an error keeps it in every realm.
const isHttpStatus = (error: unknown): error is HttpStatus =>
  types.isNativeError(error) && error.name === 'HttpStatus';
const isCutShort = (error: unknown): error is CutShort =>
  types.isNativeError(error) && error.name === 'CutShort';

/** Whether another attempt may well succeed: the stream was cut, or the server is having a bad moment. */
function passing(error: unknown): boolean {
  if (isHttpStatus(error)) return error.again;
  if (isCutShort(error)) return true;
  return ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET', 'ERR_STREAM_PREMATURE_CLOSE'].includes(
    errorCode(error) ?? '',
  );
}

function explain(error: unknown, file: string): string {
  if (isHttpStatus(error)) return `the server answered with HTTP status ${error.status}`;
  if (isCutShort(error)) return 'the server keeps cutting the connection';
  const folder = path.dirname(file);
  switch (errorCode(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return `the disk is full (writing to ${folder}). Make room and try again: what is there is kept`;
    case 'EACCES':
    case 'EROFS':
    case 'EPERM':
      return `${folder} cannot be written to`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'the host name cannot be resolved (no network? behind a proxy, set https_proxy)';
    case 'ECONNREFUSED':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return 'the server cannot be reached';
    case 'UND_ERR_CONNECT_TIMEOUT':
      return 'the server does not answer';
    case 'UND_ERR_SOCKET':
    case 'ECONNRESET':
      return 'the connection breaks off';
    default:
      // AggregateError, from trying IPv4 and IPv6 in turn, has an empty message.
      return errorText(error) || String(errorCode(error) ?? error);
  }
}

function failure(url: string, { name }: DownloadOptions, why: string, cause?: unknown): Error {
  const error = new Error(`Cannot download ${name}: ${why}. (${url})`, { cause });
  return Object.assign(error, { code: errorCode(cause) ?? 'ERR_DOWNLOAD' });
}

function header(response: Dispatcher.ResponseData, name: string): string | undefined {
  const value = response.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

function validatorOf(part: string): string {
  return `${part}.etag`;
}

async function sizeOf(file: string): Promise<number> {
  return stat(file).then(
    ({ size }) => size,
    () => 0,
  );
}

async function removePart(part: string): Promise<void> {
  await rm(part, { force: true });
  await rm(validatorOf(part), { force: true });
}
