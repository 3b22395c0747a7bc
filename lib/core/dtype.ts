// dtypes: their names, and the JavaScript arrays that hold them.
import { types } from 'node:util';
import type { TypedArray } from '../native/binding.js';

/** A tensor's element type, in PyTorch's names. */
export type DType =
  | 'uint8'
  | 'int8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'float16'
  | 'bfloat16'
  | 'float32'
  | 'float64'
  | 'bool'
  | 'complex64'
  | 'complex128'
  | RareDType;

/** dtypes that few operators take; `to()` converts from most of them. */
export type RareDType =
  | 'uint16'
  | 'uint32'
  | 'uint64'
  | 'complex32'
  | 'float8_e5m2'
  | 'float8_e4m3fn'
  | 'float8_e5m2fnuz'
  | 'float8_e4m3fnuz'
  | 'float8_e8m0fnu'
  | 'float4_e2m1fn_x2'
  | 'qint8'
  | 'quint8'
  | 'qint32'
  | 'quint4x2'
  | 'quint2x4';

/** Size of an element. */
export const BYTES: Record<DType, number> = {
  uint8: 1, int8: 1, bool: 1, int16: 2, float16: 2, bfloat16: 2, int32: 4, float32: 4, int64: 8, float64: 8, complex64: 8, complex128: 16,
  uint16: 2, uint32: 4, uint64: 8, complex32: 4, float8_e5m2: 1, float8_e4m3fn: 1, float8_e5m2fnuz: 1, float8_e4m3fnuz: 1,
  float8_e8m0fnu: 1, float4_e2m1fn_x2: 1,
  qint8: 1, quint8: 1, qint32: 4, quint4x2: 1, quint2x4: 1,
}; // prettier-ignore

/** Whether a string is a dtype's name rather than a device's; names that PyTorch has and this package lacks count. */
export function isDType(text: string): text is DType {
  return /^(q?u?int\d+(x\d)?|b?float\d+(_\w+)?|bool|complex\d+)$/.test(text);
}

/** How a tensor's elements lie in memory: one after another, or only those that are not zero. */
export type Layout = 'strided' | 'sparse' | 'sparse_csr' | 'sparse_csc' | 'sparse_bsr' | 'sparse_bsc';

/** The order of a result's dimensions in memory. */
export type MemoryFormat = 'contiguous' | 'preserve' | 'channels_last' | 'channels_last_3d';

/** "cpu", "cuda", "cuda:1", "meta". */
export type Device = 'cpu' | 'cuda' | 'meta' | `cuda:${number}` | (string & {});

/** Whether a dtype, or a tensor's, is one of floating point numbers; complex ones are not. */
export function isFloatingPoint(value: DType | { readonly dtype: DType }): boolean {
  const dtype = typeof value === 'string' ? value : (value as { dtype?: DType } | null | undefined)?.dtype;
  return dtype === 'float16' || dtype === 'bfloat16' || dtype === 'float32' || dtype === 'float64';
}

/** A Float16Array, which Node has from 24 on. */
export interface Float16Elements extends ArrayBufferView {
  readonly [Symbol.toStringTag]: 'Float16Array';
  readonly length: number;
  readonly [index: number]: number;
}
/** What tensors are made of without a look at the elements. */
export type ArrayOfElements = TypedArray | Float16Elements;

/** The dtype whose elements a TypedArray holds; undefined for views that have none, as a DataView. */
export function dtypeOfArray(array: ArrayBufferView): DType | undefined {
  if (types.isFloat32Array(array)) return 'float32';
  if (types.isFloat64Array(array)) return 'float64';
  if (types.isUint8Array(array) || types.isUint8ClampedArray(array)) return 'uint8';
  if (types.isInt8Array(array)) return 'int8';
  if (types.isInt16Array(array)) return 'int16';
  if (types.isInt32Array(array)) return 'int32';
  if (types.isBigInt64Array(array)) return 'int64';
  if (types.isUint16Array(array)) return 'uint16';
  if (types.isUint32Array(array)) return 'uint32';
  if (types.isBigUint64Array(array)) return 'uint64';
  const { [Symbol.toStringTag]: name } = array as { [Symbol.toStringTag]?: unknown };
  return name === 'Float16Array' ? 'float16' : undefined;
}
