// What a pickle claims of storages and of tensors in them, held against the bytes that are there.
import { widthOf } from './dtypes.js';

/** A storage that a pickle refers to. */
export interface StorageClaim {
  /** undefined for an untyped one, whose elements are bytes. */
  readonly dtype: string | undefined;
  readonly key: string;
  readonly location: string;
  /** How many elements it has. */
  readonly count: number;
  /** The part that is meant, where files before 1.6 say one: another storage, by its key. */
  readonly view: { readonly key: string; readonly offset: number; readonly size: number } | undefined;
}

/** What stands for a storage's class; `storage` is its dtype. */
export interface StorageClass {
  readonly storage: string | undefined;
}

/** Reads ("storage", class, key, location, number of elements[, view]). Throws an Error for another persistent id. */
export function storageClaim(id: unknown): StorageClaim {
  const [kind, type, key, location, count, view] = Array.isArray(id) ? (id as unknown[]) : [];
  if (
    kind !== 'storage' ||
    typeof type !== 'object' ||
    type === null ||
    !('storage' in type) ||
    typeof key !== 'string' ||
    typeof location !== 'string' ||
    !isCount(count)
  )
    throw new Error('it refers to something outside it that is no storage');
  return { dtype: (type as StorageClass).storage, key, location, count, view: viewClaim(view) };
}

function viewClaim(view: unknown): StorageClaim['view'] {
  if (view === undefined || view === null) return undefined;
  const [key, offset, size] = Array.isArray(view) ? (view as unknown[]) : [];
  if (typeof key !== 'string' || !isCount(offset) || !isCount(size))
    throw new Error('it refers to a part of a storage that is none');
  return { key, offset, size };
}

/** Bytes that a storage of so many elements has. */
export const bytesOfClaim = ({ dtype, count }: StorageClaim): number =>
  count * (dtype === undefined ? 1 : widthOf(dtype));

export interface Geometry {
  readonly sizes: readonly number[];
  readonly strides: readonly number[];
  readonly start: number;
}

/** Where a tensor's elements lie. Throws an Error unless they lie within a storage of `have` elements. */
export function geometry(size: unknown, stride: unknown, offset: unknown, have: number): Geometry {
  const sizes = expectCounts(size, 'the sizes of a tensor');
  const strides = expectCounts(stride, 'the strides of a tensor');
  const [start] = expectCounts([offset], 'the offset of a tensor') as [number];
  // In bigints, as products of what a file claims may leave what numbers hold exactly.
  const last = sizes.reduce((sum, n, i) => sum + BigInt(n - 1) * BigInt(strides[i] ?? 0), BigInt(start));
  const count = sizes.reduce((product, n) => product * BigInt(n), 1n);
  if (sizes.length !== strides.length || (count > 0n && last >= BigInt(have)) || start > have)
    throw new Error(
      `a tensor of shape [${sizes.join(', ')}] and strides [${strides.join(', ')}] from element ${start} does not lie ` +
        `within its storage of ${have} elements`,
    );
  if (count > BigInt(Number.MAX_SAFE_INTEGER)) throw new Error(`a tensor claims ${count} elements`);
  return { sizes, strides, start };
}

// More than any tensor has; libtorch's own functions mostly stop at 64.
const MOST_DIMENSIONS = 1024;

/** Whole numbers of 0 or more. */
export function expectCounts(value: unknown, what: string): readonly number[] {
  if (!Array.isArray(value) || value.length > MOST_DIMENSIONS || !value.every(isCount))
    throw new Error(`${what} are no whole numbers of 0 or more`);
  return value;
}

const isCount = (n: unknown): n is number => Number.isSafeInteger(n) && (n as number) >= 0;
