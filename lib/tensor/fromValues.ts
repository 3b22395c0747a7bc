// Values of JavaScript's on their way into a tensor: nested arrays of numbers, of one-element tensors and of TypedArrays. Two
// passes over them, one for the dtype where none was given, one that writes; nothing is made for an element.
import { endianness, totalmem } from 'node:os';
import { describe } from '../core/describe.js';
import { dtypeOfArray, type ArrayOfElements, type DType } from '../core/dtype.js';
import { ArgumentTypeError, OutOfMemoryError, TorchError } from '../core/errors.js';
import { describeTensor, isHandledTensor } from '../core/handles.js';
import { isComplex, isNumeric, isTypedScalar, plainScalar, type Complex } from '../core/scalar.js';
import type { TypedArray } from '../native/binding.js';
import { promoteTypes } from '../operators/generated/functions.js';
import type { Tensor } from './tensor.js';

/** Where the values lie, and as what: floats of fewer than 32 bits and integers beyond 2^53 have arrays of other elements. */
export interface Written {
  readonly bytes: TypedArray;
  readonly storedAs: DType;
  readonly dtype: DType;
  readonly shape: readonly number[];
}

// As PyTorch's.
const MOST_DIMS = 128;

/** Reads nested values; the dtype is inferred where none is given. @internal */
export function fromValues(data: unknown, given: DType | undefined): Written {
  const shape = shapeOf(data);
  const count = shape.reduce((product, size) => product * size, 1);
  // Rows may be shared: few arrays stand for more values than can be gone through.
  if (count > totalmem()) throw noMemory(count);
  const dtype = given ?? inferred(data, shape);
  const { bytes, storedAs, write } = writerOf(dtype, count);
  eachRow(data, shape, write);
  return { bytes, storedAs, dtype, shape };
}

// ---- shape ----

type Row = ArrayLike<unknown>;

/** By the first element of each level, which the others are held to. */
function shapeOf(data: unknown): number[] {
  const shape: number[] = [];
  let level: unknown = data;
  for (; Array.isArray(level); level = level[0]) {
    if (shape.length === MOST_DIMS)
      throw new TorchError(
        'tensor',
        `the arrays are nested more than ${MOST_DIMS} levels deep, or contain themselves`,
      );
    shape.push(level.length);
  }
  if (shape.length > 0 && isArrayOfElements(level)) shape.push(level.length);
  return shape;
}

/** Calls a function with each innermost array, and the number of values before it. */
function eachRow(data: unknown, shape: readonly number[], visit: (row: Row, start: number) => void): void {
  const last = shape.length - 1;
  if (last < 0) {
    visit([data], 0);
    return;
  }
  let start = 0;
  const enter = (level: unknown, depth: number): void => {
    const fits = Array.isArray(level) || (depth === last && isArrayOfElements(level));
    if (!fits || (level as Row).length !== shape[depth]) throw ragged(level, depth, shape);
    if (depth === last) {
      visit(level as Row, start);
      start += shape[last]!;
    } else for (let i = 0; i < (level as Row).length; i++) enter((level as Row)[i], depth + 1);
  };
  enter(data, 0);
}

function ragged(level: unknown, depth: number, shape: readonly number[]): TorchError {
  const list = Array.isArray(level) || isArrayOfElements(level);
  const given = list ? `an array of ${level.length}` : describe(level);
  const at = depth === 0 ? 'the data' : `an element at depth ${depth}`;
  return new ArgumentTypeError(
    'tensor',
    `the arrays are ragged: ${at} is ${given} where others are arrays of ${shape[depth]}`,
  );
}

/** A TypedArray with a dtype of its own; a DataView has none. */
function isArrayOfElements(value: unknown): value is ArrayOfElements {
  return ArrayBuffer.isView(value) && dtypeOfArray(value) !== undefined;
}

// ---- dtype ----

/**
 * The dtype that holds all: float32 for numbers, unless there are bigints too; bool, int64 and complex64 for booleans, bigints
 * and complex numbers; their own for tensors and TypedArrays.
 */
function inferred(data: unknown, shape: readonly number[]): DType {
  const found = new Set<DType | 'number' | 'bigint'>();
  eachRow(data, shape, (row) => {
    if (isArrayOfElements(row)) {
      found.add(dtypeOfArray(row)!);
      return;
    }
    let numbers = 0;
    for (let i = 0; i < row.length; i++) {
      const value = row[i];
      if (typeof value === 'number') numbers++;
      else found.add(kindOf(value));
    }
    if (numbers > 0) found.add('number');
  });
  const bigints = found.delete('bigint');
  const numbers = found.delete('number');
  const others = found as Set<DType>;
  if (bigints) others.add('int64');
  if (numbers && !(bigints && [...others].every((dtype) => dtype === 'int64' || dtype === 'bool')))
    others.add('float32');
  const [first = 'float32', ...rest] = others;
  return rest.reduce((one, other) => promoteTypes(one, other), first);
}

function kindOf(value: unknown): DType | 'number' | 'bigint' {
  if (typeof value === 'bigint') return 'bigint';
  if (typeof value === 'boolean') return 'bool';
  if (isHandledTensor(value)) return (value as unknown as Tensor).dtype;
  if (isTypedScalar(value))
    return value.dtype === 'float64' ? 'number' : value.dtype === 'complex128' ? 'complex64' : value.dtype;
  if (isComplex(value)) return 'complex64';
  throw notNumeric(value);
}

// ---- values ----

type Plain = number | bigint | boolean | Complex;
type Write = (row: Row, start: number) => void;
interface Writer {
  readonly bytes: TypedArray;
  readonly storedAs: DType;
  readonly write: Write;
}

/** A value that is no plain number: a scalar of a type, or a tensor of one element. */
function plain(value: unknown): Plain {
  if (isHandledTensor(value)) {
    const tensor = value as unknown as Tensor;
    if (tensor.numel !== 1)
      throw new ArgumentTypeError(
        'tensor',
        `only tensors of one element stand for numbers, got ${tensor[describeTensor]()}: torch.stack puts tensors together`,
      );
    return tensor.item<Plain>();
  }
  if (isNumeric(value)) return plainScalar(value);
  throw notNumeric(value);
}

function notNumeric(value: unknown): TorchError {
  return new ArgumentTypeError(
    'tensor',
    `expected a number, a bigint, a boolean or a complex { re, im }, or arrays of those, got ${describe(value)}`,
  );
}

function unfit(value: Plain, dtype: DType, expected: string): TorchError {
  return new ArgumentTypeError(
    'tensor',
    `${isComplex(value) ? describe(value) : value} does not fit dtype ${dtype}: expected ${expected}`,
  );
}

/** A real number, as a bigint where it is one. */
function real(value: unknown, dtype: DType): number | bigint {
  const number = plain(value);
  if (isComplex(number)) throw unfit(number, dtype, 'a real number, or dtype complex64 or complex128');
  return typeof number === 'boolean' ? Number(number) : number;
}

type Integers = Uint8Array | Int8Array | Int16Array | Int32Array | Uint16Array | Uint32Array;
const INTEGERS = {
  uint8: [Uint8Array, 0, 255], int8: [Int8Array, -128, 127], int16: [Int16Array, -32768, 32767],
  int32: [Int32Array, -(2 ** 31), 2 ** 31 - 1], uint16: [Uint16Array, 0, 65535], uint32: [Uint32Array, 0, 2 ** 32 - 1],
} as const; // prettier-ignore

/** Memory for so many values of a dtype, and what writes rows of values there. */
function writerOf(dtype: DType, count: number): Writer {
  switch (dtype) {
    case 'float64':
      return floats(dtype, dtype, make(Float64Array, count));
    case 'float32':
    case 'float16':
    case 'bfloat16':
    case 'float8_e5m2':
    case 'float8_e4m3fn':
    case 'float8_e5m2fnuz':
    case 'float8_e4m3fnuz':
    case 'float8_e8m0fnu':
      return floats(dtype, 'float32', make(Float32Array, count));
    case 'complex64':
    case 'complex32':
      return complex('complex64', make(Float32Array, 2 * count));
    case 'complex128':
      return complex('complex128', make(Float64Array, 2 * count));
    case 'bool':
      return booleans(make(Uint8Array, count));
    case 'int64':
    case 'uint64':
      return longs(dtype, count);
    case 'uint8':
    case 'int8':
    case 'int16':
    case 'int32':
    case 'uint16':
    case 'uint32': {
      const [ArrayOfType, low, high] = INTEGERS[dtype];
      return integers(dtype, make<Integers>(ArrayOfType, count), low, high);
    }
    default:
      throw new TorchError(
        'tensor',
        `values of dtype ${describe(dtype)} cannot be given as JavaScript numbers`,
      );
  }
}

function make<A>(ArrayOfType: new (count: number) => A, count: number): A {
  try {
    return new ArrayOfType(count);
  } catch (cause) {
    throw noMemory(count, cause);
  }
}

function noMemory(count: number, cause?: unknown): TorchError {
  return new OutOfMemoryError('tensor', `there is no memory for ${count} values at once`, { cause });
}

function floats(dtype: DType, storedAs: DType, bytes: Float32Array | Float64Array): Writer {
  return {
    bytes,
    storedAs,
    write: (row, start) => {
      for (let i = 0; i < row.length; i++) {
        const value = row[i];
        bytes[start + i] = typeof value === 'number' ? value : Number(real(value, dtype));
      }
    },
  };
}

function complex(storedAs: DType, bytes: Float32Array | Float64Array): Writer {
  return {
    bytes,
    storedAs,
    write: (row, start) => {
      for (let i = 0; i < row.length; i++) {
        const value = plain(row[i]);
        const at = 2 * (start + i);
        bytes[at] = isComplex(value) ? value.re : Number(value);
        bytes[at + 1] = isComplex(value) ? value.im : 0;
      }
    },
  };
}

// As in Python whatever is not zero is true, NaN too.
function booleans(bytes: Uint8Array): Writer {
  const holds = (value: Plain): boolean =>
    isComplex(value)
      ? value.re !== 0 || value.im !== 0
      : typeof value === 'boolean'
        ? value
        : Number(value) !== 0;
  return {
    bytes,
    storedAs: 'bool',
    write: (row, start) => {
      for (let i = 0; i < row.length; i++) {
        const value = row[i];
        const on = typeof value === 'boolean' ? value : holds(plain(value));
        bytes[start + i] = on ? 1 : 0;
      }
    },
  };
}

function integers(dtype: DType, bytes: Integers, low: number, high: number): Writer {
  const checked = (given: unknown): number => {
    const value = real(given, dtype);
    const number = Number(value);
    if (Number.isInteger(number) && number >= low && number <= high) return number;
    throw unfit(value, dtype, `an integer from ${low} to ${high}`);
  };
  return {
    bytes,
    storedAs: dtype,
    write: (row, start) => {
      for (let i = 0; i < row.length; i++) {
        const value = row[i];
        // Most are small: an integer of 32 bits is itself after | 0.
        const quick = typeof value === 'number' && (value | 0) === value && value >= low && value <= high;
        bytes[start + i] = quick ? value : checked(value);
      }
    },
  };
}

// A bigint for each number takes many times what writing its halves does.
function longs(dtype: 'int64' | 'uint64', count: number): Writer {
  const bytes = dtype === 'int64' ? make(BigInt64Array, count) : make(BigUint64Array, count);
  const halves = new Int32Array(bytes.buffer);
  const least = dtype === 'int64' ? -Number.MAX_SAFE_INTEGER : 0;
  const expected =
    dtype === 'int64'
      ? 'an integer from -2^63 to 2^63 - 1 (a bigint beyond 2^53)'
      : 'an integer from 0 to 2^64 - 1 (a bigint beyond 2^53)';
  const checked = (given: unknown): bigint => {
    const value = real(given, dtype);
    if (typeof value === 'number' && !Number.isSafeInteger(value)) throw unfit(value, dtype, expected);
    const whole = BigInt(value);
    const held = dtype === 'int64' ? BigInt.asIntN(64, whole) : BigInt.asUintN(64, whole);
    if (held !== whole) throw unfit(value, dtype, expected);
    return whole;
  };
  return {
    bytes,
    storedAs: dtype,
    write: (row, start) => {
      for (let i = 0; i < row.length; i++) {
        const value = row[i];
        if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least && LITTLE_ENDIAN) {
          const at = 2 * (start + i);
          halves[at] = value; // its lowest 32 bits
          halves[at + 1] = Math.floor(value / 2 ** 32);
        } else bytes[start + i] = checked(value);
      }
    },
  };
}

const LITTLE_ENDIAN = endianness() === 'LE';
