// dtypes as PyTorch's files name them.
import { BYTES, type DType } from '../../core/dtype.js';

/** Storages by the class that PyTorch writes down for them, which says their dtype. */
export const STORAGES: Readonly<Record<string, DType>> = {
  ByteStorage: 'uint8',
  CharStorage: 'int8',
  ShortStorage: 'int16',
  IntStorage: 'int32',
  LongStorage: 'int64',
  HalfStorage: 'float16',
  BFloat16Storage: 'bfloat16',
  FloatStorage: 'float32',
  DoubleStorage: 'float64',
  BoolStorage: 'bool',
  ComplexFloatStorage: 'complex64',
  ComplexDoubleStorage: 'complex128',
  QInt8Storage: 'qint8',
  QUInt8Storage: 'quint8',
  QInt32Storage: 'qint32',
  QUInt4x2Storage: 'quint4x2',
  QUInt2x4Storage: 'quint2x4',
};

/** Dtypes without a storage class of their own: PyTorch writes them as bytes, and the dtype beside. */
export const UNTYPED: readonly DType[] = [
  'uint16', 'uint32', 'uint64', 'complex32', 'float8_e4m3fn', 'float8_e4m3fnuz', 'float8_e5m2', 'float8_e5m2fnuz', 'float8_e8m0fnu',
  'float4_e2m1fn_x2',
]; // prettier-ignore

/** Names of dtypes that libtorch has and of whose tensors nothing is known here. */
export const NAMES_ONLY: readonly string[] = [
  ...['int', 'uint'].flatMap((kind) => [1, 2, 3, 4, 5, 6, 7].map((width) => `${kind}${width}`)),
  'bits1x8', 'bits2x4', 'bits4x2', 'bits8', 'bits16',
]; // prettier-ignore

const KNOWN = new Set<string>([...Object.values(STORAGES), ...UNTYPED]);

/** Whether a name is one of a dtype whose tensors are read and written. */
export const isKnown = (name: string): name is DType => KNOWN.has(name);

export const isQuantized = (dtype: DType): boolean => /^qu?int/.test(dtype);

/** Bytes of an element. Throws for dtypes that are neither read nor written. */
export function widthOf(dtype: string): number {
  if (!isKnown(dtype)) throw new Error(`it has a tensor of ${dtype}, which is not understood`);
  return BYTES[dtype];
}
