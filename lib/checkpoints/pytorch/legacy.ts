// The format before PyTorch 1.6, which torch.save still writes when asked to: five pickles one behind the other (a magic
// number, a version, the machine, the value, the keys of the storages), then the storages.
import type { RandomAccess } from '../../files/randomAccess.js';
import { CUT_OFF, unpickleFrom, type PickleHost } from '../pickle/reader.js';
import { bytesOfClaim, type StorageClaim } from './claims.js';
import { Survey } from './globals.js';

const MAGIC = 0x1950a86a20f9469cfc6cn;
const PROTOCOL = 1001;
// What is read of a file at first; the pickles of most fit.
const START = 2 ** 20;

export interface Legacy {
  readonly pickle: Buffer;
  readonly claims: ReadonlyMap<string, StorageClaim>;
  readonly views: readonly StorageClaim[];
  /** Where the bytes of each storage lie. */
  readonly places: ReadonlyMap<string, { begin: number; end: number }>;
}

/** Throws an Error that says what is wrong with such a file. */
export function readLegacy(bytes: RandomAccess, tensors: Iterable<string>): Legacy {
  for (let length = Math.min(START, bytes.size); ; length = Math.min(2 * length, bytes.size)) {
    try {
      return readPickles(bytes, bytes.read(0, length), new Survey(tensors));
    } catch (error) {
      if ((error as Error).name === CUT_OFF && length < bytes.size) continue;
      throw new Error(`${(error as Error).message} (read as a file of PyTorch before 1.6)`, { cause: error });
    }
  }
}

const NOTHING: PickleHost = {
  global(module, name) {
    throw new Error(`it asks for ${module}.${name} before its value begins`);
  },
  persistent() {
    throw new Error('it refers to a storage before its value begins');
  },
};

function readPickles(bytes: RandomAccess, start: Buffer, survey: Survey): Legacy {
  let at = 0;
  const next = (host: PickleHost = NOTHING): unknown => {
    const { value, end } = unpickleFrom(start, at, host);
    at = end;
    return value;
  };
  if (next() !== MAGIC)
    throw new Error('it does not begin with the number that files of PyTorch before 1.6 begin with');
  const protocol = next();
  if (protocol !== PROTOCOL)
    throw new Error(`it is of the format ${String(protocol)}, ${PROTOCOL} is understood`);
  next();
  const begin = at;
  next(survey);
  const pickle = start.subarray(begin, at);
  const keys = next();
  if (!Array.isArray(keys)) throw new Error('it has no list of its storages');
  const places = new Map<string, { begin: number; end: number }>();
  for (const key of keys as unknown[]) {
    const claim = typeof key === 'string' ? survey.claims.get(key) : undefined;
    if (claim === undefined) throw new Error('it has the bytes of a storage that its value does not have');
    if (places.has(claim.key)) throw new Error(`it has the bytes of the storage '${claim.key}' twice`);
    const count = bytes.read(at, at + 8).readBigInt64LE();
    if (count !== BigInt(claim.count))
      throw new Error(`storage '${claim.key}' has ${count} elements, its value says ${claim.count}`);
    const from = at + 8;
    at = from + bytesOfClaim(claim);
    if (at > bytes.size)
      throw new Error(
        `it ends at ${bytes.size}, in the middle of storage '${claim.key}', which goes on to ${at}`,
      );
    places.set(claim.key, { begin: from, end: at });
  }
  return { pickle, claims: survey.claims, views: survey.views, places };
}

/** What a file is that is none of PyTorch's formats, for messages. */
export function kindOfFile(start: Buffer): string {
  if (start.length === 0) return 'it is empty';
  if (start.subarray(257, 262).toString('latin1') === 'ustar')
    return 'it is a tar, as PyTorch before 0.2 wrote: load it in Python with weights_only=False and save it again';
  if (start[0] === 0x80) return 'it is a bare pickle, which torch.save did not write';
  if (start.subarray(0, 6).toString('latin1') === '\x93NUMPY') return "it is numpy's: loadNpy reads it";
  if (/^\s*(<!doctype|<html)/i.test(start.toString('latin1', 0, 64))) return 'it is a page of HTML: the download went wrong'; // prettier-ignore
  if (start.toString('latin1', 0, 43) === 'version https://git-lfs.github.com/spec/v1\n')
    return 'it is a pointer of Git LFS to the file: fetch the file with `git lfs pull`';
  return 'it is none of the formats that torch.save writes, nor a safetensors file';
}
