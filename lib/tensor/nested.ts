// A tensor's values as nested arrays.
import type { Complex } from '../core/scalar.js';
import type { Tensor } from './tensor.js';

/** Nested arrays of a tensor's values. */
export type NestedArray<T> = T | NestedArray<T>[];

/** What `toArray()` gives. */
export function nested(tensor: Tensor): NestedArray<number | bigint | boolean | Complex> {
  const { dtype, shape } = tensor;
  const flat = tensor.dataSync();
  const complex = dtype.startsWith('complex');
  const value = (i: number): number | bigint | boolean | Complex => {
    if (complex) return { re: Number(flat[2 * i]), im: Number(flat[2 * i + 1]) };
    const raw = flat[i]!;
    if (dtype === 'bool') return raw === 1;
    return typeof raw === 'bigint' && Number.isSafeInteger(Number(raw)) ? Number(raw) : raw;
  };
  let next = 0;
  const build = (dim: number): NestedArray<number | bigint | boolean | Complex> =>
    dim === shape.length ? value(next++) : Array.from({ length: shape[dim]! }, () => build(dim + 1));
  return build(0);
}
