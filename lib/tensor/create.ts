// Functions that make tensors from JavaScript values. Those that are operators as they stand are generated.
import { types } from 'node:util';
import { checkNames, isOptions, options as checkOptions } from '../core/options.js';
import { describe } from '../core/describe.js';
import { native, type TypedArray } from '../native/binding.js';
import { checkDevice } from './devices.js';
import { BYTES, dtypeOfArray, type Device, type DType, type Layout } from '../core/dtype.js';
import { named, TorchError, ArgumentTypeError } from '../core/errors.js';
import { operator } from '../operators/operators.js';
import {
  isComplex,
  isNumeric,
  isTypedScalar,
  plainScalar,
  type Complex,
  type Scalar,
} from '../core/scalar.js';
import { isTensor, Tensor, type NestedArray } from './tensor.js';
import type { WithNumber } from '../types/dtypes.js';
import type { On } from '../types/pairs.js';
import type { Known, Shape } from '../types/shapes.js';

export interface TensorOptions<D extends DType = DType, V extends Device = Device> {
  /** Default float32, unless the function says otherwise. */
  dtype?: D;
  /** Default cpu. */
  device?: V;
  /** Whether to record operations on the tensor. Default false. */
  requiresGrad?: boolean;
}

const TENSOR_OPTIONS = ['dtype', 'device', 'requiresGrad'] as const;

function finish(tensor: Tensor, options: TensorOptions): Tensor {
  if (options.requiresGrad) tensor.requiresGrad = true;
  return tensor;
}

// Uint16Array and its kin have no dtype: `tensor` throws.
interface ArrayDTypes {
  Uint8Array: 'uint8';
  Uint8ClampedArray: 'uint8';
  Int8Array: 'int8';
  Int16Array: 'int16';
  Int32Array: 'int32';
  BigInt64Array: 'int64';
  Float32Array: 'float32';
  Float64Array: 'float64';
  Uint16Array: never;
  Uint32Array: never;
  BigUint64Array: never;
}
export type DTypeOfArray<A extends TypedArray> = ArrayDTypes[A[typeof Symbol.toStringTag]];
type ArrayOptions<E extends DType, W extends Device, R extends Shape> = TensorOptions<E, W> & { shape?: R };

/* eslint-disable @typescript-eslint/unified-signatures -- they differ in the dtype when none is given */
/**
 * A tensor with a copy of the values: nested arrays, a number, a TypedArray (its dtype; with `shape` in the options its
 * shape) or another tensor.
 *
 * Numbers become float32, as every JavaScript number may have a fraction; booleans become bool, bigints int64, complex
 * numbers `{ re, im }` complex64, unless `dtype` says otherwise. Throws a TorchError for ragged arrays and for values that the dtype cannot hold.
 */
export function tensor<E extends DType = 'float32', W extends Device = 'cpu'>(
  data: NestedArray<number>,
  options?: TensorOptions<E, W>,
): Tensor<NoInfer<E>, On<NoInfer<W>>>;
export function tensor<E extends DType = 'bool', W extends Device = 'cpu'>(
  data: NestedArray<boolean>,
  options?: TensorOptions<E, W>,
): Tensor<NoInfer<E>, On<NoInfer<W>>>;
export function tensor<E extends DType = 'int64', W extends Device = 'cpu'>(
  data: NestedArray<bigint>,
  options?: TensorOptions<E, W>,
): Tensor<NoInfer<E>, On<NoInfer<W>>>;
export function tensor<E extends DType = 'complex64', W extends Device = 'cpu'>(
  data: NestedArray<Complex>,
  options?: TensorOptions<E, W>,
): Tensor<NoInfer<E>, On<NoInfer<W>>>;
/* eslint-enable @typescript-eslint/unified-signatures */
export function tensor<T extends Tensor, E extends DType = T['dtype'], W extends Device = T['device']>(
  data: T,
  options?: TensorOptions<E, W>,
): Tensor<NoInfer<E>, On<NoInfer<W>>, T['shape']>;
export function tensor<
  A extends TypedArray,
  E extends DType = DTypeOfArray<A>,
  W extends Device = 'cpu',
  R extends Shape = Shape,
>(data: A, options?: ArrayOptions<E, W, R>): Tensor<NoInfer<E>, On<NoInfer<W>>, Known<R>>;
export function tensor<E extends DType = 'uint8', W extends Device = 'cpu', R extends Shape = Shape>(
  data: ArrayBuffer,
  options?: ArrayOptions<E, W, R>,
): Tensor<NoInfer<E>, On<NoInfer<W>>, Known<R>>;
export function tensor<E extends DType = DType, W extends Device = 'cpu'>(
  data: NestedArray<Scalar> | TypedArray | ArrayBuffer | Tensor,
  options?: TensorOptions<E, W> & { shape?: readonly number[] },
): Tensor<NoInfer<E>, On<NoInfer<W>>>;
export function tensor(
  data: NestedArray<Scalar> | TypedArray | ArrayBuffer | Tensor,
  options: TensorOptions & { shape?: readonly number[] } = {},
): Tensor {
  checkOptions('tensor', options, [...TENSOR_OPTIONS, 'shape']);
  if (isTensor(data)) {
    const copy = (operator('aten::detach').call(data) as Tensor).to(
      { dtype: options.dtype ?? data.dtype, device: options.device ?? data.device },
      { copy: true },
    );
    return finish(copy, options);
  }
  if (ArrayBuffer.isView(data) || types.isAnyArrayBuffer(data))
    return finish(moved(fromArray(data, options), options), options);
  const shape = shapeOf(data);
  const flat: PlainScalar[] = [];
  flatten(data, shape, 0, flat);
  const inferred = flat.some(isComplex)
    ? 'complex64'
    : flat.length > 0 && flat.every((v) => typeof v === 'boolean')
      ? 'bool'
      : flat.some((v) => typeof v === 'bigint')
        ? 'int64'
        : 'float32';
  const dtype = options.dtype ?? inferred;
  const made = named(
    'tensor',
    () => new Tensor(native.fromBytes(pack(flat, dtype), STORED_AS[dtype] ?? dtype, shape)),
  );
  return finish(moved(made, { ...options, dtype }), options);
}

type PlainScalar = number | bigint | boolean | Complex;

// Floats of fewer than 32 bits have no JavaScript array: the values travel as float32.
const STORED_AS: Partial<Record<DType, DType>> = {
  float16: 'float32', bfloat16: 'float32', float8_e5m2: 'float32', float8_e4m3fn: 'float32', float8_e5m2fnuz: 'float32',
  float8_e4m3fnuz: 'float32', complex32: 'complex64',
}; // prettier-ignore

function fromArray(
  data: TypedArray | ArrayBuffer | DataView,
  options: TensorOptions & { shape?: readonly number[] },
): Tensor {
  if (types.isDataView(data))
    throw new TorchError('tensor', 'a DataView has no element type: pass a TypedArray');
  const dtype = types.isAnyArrayBuffer(data) ? (options.dtype ?? 'uint8') : dtypeOfArray(data);
  if (dtype === undefined) {
    throw new TorchError(
      'tensor',
      `no dtype fits a ${data.constructor.name}: copy it into an Int32Array, a BigInt64Array or a Float32Array`,
    );
  }
  const count = types.isAnyArrayBuffer(data) ? data.byteLength / BYTES[dtype] : data.length;
  return named(
    'tensor',
    () => new Tensor(native.fromBytes(data as TypedArray, dtype, options.shape ?? [count])),
  );
}

// Conversion and copying to the device, without a second tensor left behind.
function moved(made: Tensor, options: TensorOptions): Tensor {
  const target = {
    ...(options.dtype === undefined ? {} : { dtype: options.dtype }),
    ...(options.device === undefined ? {} : { device: options.device }),
  };
  const result = made.to(target);
  if (result !== made) made.dispose();
  return result;
}

function shapeOf(data: unknown): number[] {
  const shape: number[] = [];
  for (let level: unknown = data; Array.isArray(level); level = level[0]) shape.push(level.length);
  return shape;
}

function flatten(data: unknown, shape: number[], depth: number, out: PlainScalar[]): void {
  const at = depth === 0 ? 'the data' : `an element at depth ${depth}`;
  if (depth === shape.length) {
    if (!isNumeric(data)) {
      throw new ArgumentTypeError(
        'tensor',
        `${at}: expected a number, a bigint, a boolean or a complex { re, im }, got ${describe(data)}`,
      );
    }
    out.push(plainScalar(data));
    return;
  }
  if (!Array.isArray(data) || data.length !== shape[depth]) {
    const given = Array.isArray(data) ? `an array of ${data.length}` : describe(data);
    throw new ArgumentTypeError(
      'tensor',
      `the arrays are ragged: ${at} is ${given} where others are arrays of ${shape[depth]}`,
    );
  }
  for (const item of data) flatten(item, shape, depth + 1, out);
}

const RANGES: Partial<Record<DType, readonly [number, number]>> = {
  uint8: [0, 255],
  int8: [-128, 127],
  int16: [-32768, 32767],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint16: [0, 65535],
  uint32: [0, 2 ** 32 - 1],
};

const ARRAYS = {
  uint8: Uint8Array, int8: Int8Array, int16: Int16Array, int32: Int32Array, uint16: Uint16Array, uint32: Uint32Array,
}; // prettier-ignore

function pack(all: PlainScalar[], dtype: DType): TypedArray {
  if (dtype.startsWith('complex')) {
    const parts = all.flatMap((value) => (isComplex(value) ? [value.re, value.im] : [Number(value), 0]));
    return dtype === 'complex128' ? Float64Array.from(parts) : Float32Array.from(parts);
  }
  const flat = all.map((value) => {
    if (isComplex(value)) throw unfit(value, dtype, 'a real number, or dtype complex64 or complex128');
    return value;
  });
  if ((STORED_AS[dtype] ?? dtype) === 'float32') return Float32Array.from(flat, Number);
  switch (dtype) {
    case 'float64':
      return Float64Array.from(flat, Number);
    case 'bool':
      return Uint8Array.from(flat, (value) => (value ? 1 : 0));
    case 'int64':
      return BigInt64Array.from(flat, (value) => {
        if (typeof value === 'number' && !Number.isSafeInteger(value))
          throw unfit(value, dtype, 'an integer of at most 2^53 (or a bigint)');
        return BigInt(value);
      });
    case 'uint64':
      return BigUint64Array.from(flat, (value) => {
        const whole = typeof value !== 'number' || Number.isSafeInteger(value) ? BigInt(value) : -1n;
        if (whole !== BigInt.asUintN(64, whole))
          throw unfit(value, dtype, 'an integer from 0 to 2^64 - 1 (a bigint beyond 2^53)');
        return whole;
      });
    case 'uint8':
    case 'int8':
    case 'int16':
    case 'int32':
    case 'uint16':
    case 'uint32': {
      const [low, high] = RANGES[dtype]!;
      const numbers = flat.map((value) => {
        const n = Number(value);
        if (!Number.isInteger(n) || n < low || n > high)
          throw unfit(value, dtype, `an integer from ${low} to ${high}`);
        return n;
      });
      return ARRAYS[dtype].from(numbers);
    }
    default:
      throw new TorchError('tensor', `values of dtype ${dtype} cannot be given as JavaScript numbers`);
  }
}

function unfit(value: PlainScalar, dtype: DType, expected: string): TorchError {
  return new ArgumentTypeError(
    'tensor',
    `${isComplex(value) ? describe(value) : value} does not fit dtype ${dtype}: expected ${expected}`,
  );
}

interface MoreOptions<E extends DType, W extends Device> extends TensorOptions<E, W> {
  layout?: Layout | null;
  /** Whether the memory is pinned, which copies to CUDA are quicker from. Default false. */
  pinMemory?: boolean | null;
  /** A tensor that takes the result. */
  out?: Tensor<E> | null;
}
const MORE_OPTIONS = [...TENSOR_OPTIONS, 'layout', 'pinMemory', 'out'] as const;

/** Calls an operator that makes a tensor, or the one that writes to `out`. */
function make(
  name: string,
  outName: string,
  args: unknown[],
  options: MoreOptions<DType, Device>,
  fallback?: DType,
): Tensor {
  const { dtype, layout, device, pinMemory, out } = options;
  if (out !== undefined && out !== null) return operator(outName).call(...args, out) as Tensor;
  if (device !== undefined) checkDevice(device);
  return finish(
    operator(name).call(...args, dtype ?? fallback, layout, device, pinMemory) as Tensor,
    options,
  );
}

/** The arguments by position, without undefined ones at the end, and the object of those by name. */
function split(
  where: string,
  args: readonly unknown[],
  names: readonly string[],
): { given: unknown[]; options: Readonly<Record<string, unknown>> } {
  const last = args.at(-1);
  const options = isOptions(last) ? last : {};
  checkNames(where, options, [...names, ...MORE_OPTIONS]);
  const given: unknown[] = args.slice(0, isOptions(last) ? -1 : undefined);
  while (given.length > 0 && given.at(-1) === undefined) given.pop();
  if (given.length > names.length)
    throw new ArgumentTypeError(
      where,
      `it takes at most ${names.length} arguments by position, ${given.length} were given`,
    );
  return { given, options };
}

const twice = (where: string, name: string): TorchError =>
  new ArgumentTypeError(where, `'${name}' was given by position and among the options`);

/**
 * A tensor of one value. Numbers are float32, as with `tensor`, unless `dtype` says otherwise: PyTorch's full([2], 7) is
 * int64. Complex numbers are complex64; a `scalar(7, 'int64')` has the dtype that PyTorch gives it.
 */
export function full<
  N extends Scalar,
  E extends DType = N extends number | bigint | boolean ? 'float32' : DType,
  W extends Device = 'cpu',
  R extends Shape = Shape,
>(size: R, fillValue: N, options?: MoreOptions<E, W>): Tensor<NoInfer<E>, On<NoInfer<W>>, Known<R>>;
export function full<
  N extends Scalar,
  E extends DType = N extends number | bigint | boolean ? 'float32' : DType,
  W extends Device = 'cpu',
  R extends Shape = Shape,
>(size: R, options: MoreOptions<E, W> & { fillValue: N }): Tensor<NoInfer<E>, On<NoInfer<W>>, Known<R>>;
export function full<
  N extends Scalar,
  E extends DType = N extends number | bigint | boolean ? 'float32' : DType,
  W extends Device = 'cpu',
  R extends Shape = Shape,
>(options: MoreOptions<E, W> & { size: R; fillValue: N }): Tensor<NoInfer<E>, On<NoInfer<W>>, Known<R>>;
export function full(...args: unknown[]): Tensor {
  const names = ['size', 'fillValue'];
  const { given, options } = split('full', args, names);
  const [size, value] = names.map((name, i) => {
    if (options[name] !== undefined && given[i] !== undefined) throw twice('full', name);
    const argument = given[i] ?? options[name];
    if (argument === undefined) throw new ArgumentTypeError('full', `'${name}' is missing`);
    return argument;
  });
  const inferred = isTypedScalar(value) || isComplex(value);
  return make('aten::full', 'aten::full.out', [size, value], options, inferred ? undefined : 'float32');
}

// Literals tell whether they are whole; one that is not makes the range float32.
type RangeOf<N extends Scalar> = [N] extends [number]
  ? number extends N
    ? 'int64' | 'float32'
    : 'float32' extends WithNumber<'int64', N>
      ? 'float32'
      : 'int64'
  : DType;
/** start, start + step, ... up to but without end; from 0 where there is no start. dtype int64 when all are whole numbers, else float32. */
export function arange<N extends Scalar, E extends DType = RangeOf<N>, W extends Device = 'cpu'>(
  end: N,
  options?: MoreOptions<E, W>,
): Tensor<NoInfer<E>, On<NoInfer<W>>>;
export function arange<N extends Scalar, E extends DType = RangeOf<N>, W extends Device = 'cpu'>(
  start: N,
  end: N,
  options?: MoreOptions<E, W> & { step?: N },
): Tensor<NoInfer<E>, On<NoInfer<W>>>;
export function arange<N extends Scalar, E extends DType = RangeOf<N>, W extends Device = 'cpu'>(
  start: N,
  end: N,
  step: N,
  options?: MoreOptions<E, W>,
): Tensor<NoInfer<E>, On<NoInfer<W>>>;
export function arange<N extends Scalar, E extends DType = RangeOf<N>, W extends Device = 'cpu'>(
  start: N,
  options: MoreOptions<E, W> & { end: N; step?: N },
): Tensor<NoInfer<E>, On<NoInfer<W>>>;
export function arange<N extends Scalar, E extends DType = RangeOf<N>, W extends Device = 'cpu'>(
  options: MoreOptions<E, W> & { start?: N; end: N; step?: N },
): Tensor<NoInfer<E>, On<NoInfer<W>>>;
export function arange(...args: unknown[]): Tensor {
  const names = ['start', 'end', 'step'] as const;
  const { given, options } = split('arange', args, names);
  // One number alone is the end.
  const byPosition =
    given.length === 1 && names.every((name) => options[name] === undefined) ? [0, ...given] : given;
  const [start = 0, end, step = 1] = names.map((name, i) => {
    if (options[name] !== undefined && byPosition[i] !== undefined) throw twice('arange', name);
    const number = byPosition[i] ?? options[name];
    if (number !== undefined && !isNumeric(number))
      throw new ArgumentTypeError('arange', `${name}: expected a number, got ${describe(number)}`);
    return number;
  });
  if (end === undefined) throw new ArgumentTypeError('arange', "'end' is missing");
  return make('aten::arange.start_step', 'aten::arange.start_out', [start, end, step], options);
}

/** A shape whose sizes the compiler knows: `torch.zeros(torch.shape(2, 3))`, the same as `[2, 3] as const`. */
export function shape<const S extends Shape>(...sizes: S): S {
  return sizes;
}
