// Where checkpoints are read from: a file by its path or URL, or bytes.
import { fileURLToPath } from 'node:url';
import { types } from 'node:util';
import { describe } from '../core/describe.js';
import { ArgumentTypeError } from '../core/errors.js';

/** A file, by its path or its `file:` URL, or its bytes. */
export type Source = string | URL | Uint8Array | ArrayBuffer;

/** The path of a file, or bytes. Throws an ArgumentTypeError for everything else. @internal */
export function sourceOf(where: string, source: unknown): string | Uint8Array {
  if (types.isUint8Array(source)) return source;
  if (types.isAnyArrayBuffer(source)) return new Uint8Array(source);
  if (typeof source === 'string' && source !== '') return source;
  const { href, protocol } = (source ?? {}) as Partial<URL>;
  if (typeof href === 'string' && protocol === 'file:') return fileURLToPath(href);
  const given =
    typeof href === 'string' ? `the URL ${href}: download it first, and give its bytes` : describe(source);
  throw new ArgumentTypeError(where, `expected the path of a file, its file: URL or its bytes, got ${given}`);
}

/** A source in words. @internal */
export function wordsOf(source: Source): string {
  return typeof source === 'string'
    ? source
    : 'href' in source
      ? source.href
      : `the ${source.byteLength} bytes given`;
}
