// Functions that make tensors from JavaScript values. Those that are operators as they stand are generated.
import { types } from 'node:util';
import { native, type TypedArray } from '../native/binding.js';
import { checkDevice } from './devices.js';
import { dtypeOfArray, type Device, type DType } from './dtype.js';
import { named, TorchError } from './errors.js';
import { describe, expectOptions, operator } from './operators.js';
import type { WithNumber } from '../static/dtypes.js';
import type { On } from '../static/pairs.js';
import type { Known, Shape } from '../static/shapes.js';
import { isTensor, Tensor, type NestedArray, type Scalar } from './tensor.js';

export interface TensorOptions<D extends DType = DType, V extends Device = Device> {
  /** Default float32, unless the function says otherwise. */
  dtype?: D;
  /** Default cpu. */
  device?: V;
  /** Whether to record operations on the tensor. Default false. */
  requiresGrad?: boolean;
}

function finish(tensor: Tensor, options: TensorOptions): Tensor {
  if (options.requiresGrad) tensor.requiresGrad = true;
  return tensor;
}

function factory(
  name: string,
  args: unknown[],
  options: TensorOptions,
  fallback: DType | 'inferred' = 'float32',
): Tensor {
  expectOptions(name, options);
  if (options.device !== undefined) checkDevice(options.device);
  const result = operator(name).call(
    ...args,
    options.dtype ?? (fallback === 'inferred' ? undefined : fallback),
    undefined,
    options.device,
  ) as Tensor;
  return finish(result, options);
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
type DTypeOfArray<A extends TypedArray> = ArrayDTypes[A[typeof Symbol.toStringTag]];
type ArrayOptions<E extends DType, W extends Device, R extends Shape> = TensorOptions<E, W> & { shape?: R };

/* eslint-disable @typescript-eslint/unified-signatures -- they differ in the dtype when none is given */
/**
 * A tensor with a copy of the values: nested arrays, a number, a TypedArray (its dtype; with `shape` in the options its
 * shape) or another tensor.
 *
 * Numbers become float32, as every JavaScript number may have a fraction; booleans become bool, bigints int64, unless
 * `dtype` says otherwise. Throws a TorchError for ragged arrays and for values that the dtype cannot hold.
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
  data: NestedArray<number | bigint | boolean> | TypedArray | ArrayBuffer | Tensor,
  options?: TensorOptions<E, W> & { shape?: readonly number[] },
): Tensor<NoInfer<E>, On<NoInfer<W>>>;
export function tensor(
  data: NestedArray<number | bigint | boolean> | TypedArray | ArrayBuffer | Tensor,
  options: TensorOptions & { shape?: readonly number[] } = {},
): Tensor {
  expectOptions('tensor', options);
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
  const flat: Scalar[] = [];
  flatten(data, shape, 0, flat);
  const inferred =
    flat.length > 0 && flat.every((v) => typeof v === 'boolean')
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

// Half precision has no JavaScript array: the values travel as float32.
const STORED_AS: Partial<Record<DType, DType>> = { float16: 'float32', bfloat16: 'float32' };

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

const BYTES: Record<DType, number> = {
  uint8: 1, int8: 1, bool: 1, int16: 2, float16: 2, bfloat16: 2, int32: 4, float32: 4, int64: 8, float64: 8, complex64: 8, complex128: 16,
}; // prettier-ignore

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

/**
 * A tensor over a TypedArray's memory: no copy, and what is written to one is seen in the other. The array's memory
 * is kept alive as long as the tensor needs it.
 */
export function fromTypedArray<A extends TypedArray, R extends Shape = Shape>(
  data: A,
  options?: { shape?: R },
): Tensor<DTypeOfArray<A>, 'cpu', Known<R>>;
export function fromTypedArray(data: TypedArray, options: { shape?: readonly number[] } = {}): Tensor {
  expectOptions('fromTypedArray', options);
  const dtype = ArrayBuffer.isView(data) && !types.isDataView(data) ? dtypeOfArray(data) : undefined;
  if (dtype === undefined)
    throw new TorchError('fromTypedArray', `expected a TypedArray that a dtype fits, got ${describe(data)}`);
  return named(
    'fromTypedArray',
    () => new Tensor(native.viewBytes(data, dtype, options.shape ?? [data.length])),
  );
}

function shapeOf(data: unknown): number[] {
  const shape: number[] = [];
  for (let level: unknown = data; Array.isArray(level); level = level[0]) shape.push(level.length);
  return shape;
}

function flatten(data: unknown, shape: number[], depth: number, out: Scalar[]): void {
  const at = depth === 0 ? 'the data' : `an element at depth ${depth}`;
  if (depth === shape.length) {
    if (typeof data !== 'number' && typeof data !== 'bigint' && typeof data !== 'boolean') {
      throw new TorchError(
        'tensor',
        `${at}: expected a number, a bigint or a boolean, got ${describe(data)}`,
        { code: 'ERR_INVALID_ARG_TYPE' },
      );
    }
    out.push(data);
    return;
  }
  if (!Array.isArray(data) || data.length !== shape[depth]) {
    const given = Array.isArray(data) ? `an array of ${data.length}` : describe(data);
    throw new TorchError(
      'tensor',
      `the arrays are ragged: ${at} is ${given} where others are arrays of ${shape[depth]}`,
      { code: 'ERR_INVALID_ARG_TYPE' },
    );
  }
  for (const item of data) flatten(item, shape, depth + 1, out);
}

const RANGES: Partial<Record<DType, readonly [number, number]>> = {
  uint8: [0, 255],
  int8: [-128, 127],
  int16: [-32768, 32767],
  int32: [-(2 ** 31), 2 ** 31 - 1],
};

function pack(flat: Scalar[], dtype: DType): TypedArray {
  switch (dtype) {
    case 'float16':
    case 'bfloat16':
    case 'float32':
      return Float32Array.from(flat, Number);
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
    case 'uint8':
    case 'int8':
    case 'int16':
    case 'int32': {
      const [low, high] = RANGES[dtype]!;
      const numbers = flat.map((value) => {
        const n = Number(value);
        if (!Number.isInteger(n) || n < low || n > high)
          throw unfit(value, dtype, `an integer from ${low} to ${high}`);
        return n;
      });
      return { uint8: Uint8Array, int8: Int8Array, int16: Int16Array, int32: Int32Array }[dtype].from(
        numbers,
      );
    }
    default:
      throw new TorchError('tensor', `values of dtype ${dtype} cannot be given as JavaScript numbers`);
  }
}

function unfit(value: Scalar, dtype: DType, expected: string): TorchError {
  return new TorchError('tensor', `${value} does not fit dtype ${dtype}: expected ${expected}`, {
    code: 'ERR_INVALID_ARG_TYPE',
  });
}

/** Numbers are float32, as with `tensor`, unless `dtype` says otherwise: PyTorch's full([2], 7) is int64. */
export function full<E extends DType = 'float32', W extends Device = 'cpu', R extends Shape = Shape>(
  shape: R,
  value: Scalar,
  options: TensorOptions<E, W> = {},
): Tensor<NoInfer<E>, On<NoInfer<W>>, Known<R>> {
  return factory('aten::full', [shape, value], options) as Tensor<E, On<W>, Known<R>>;
}

// Literals tell whether they are whole; one that is not makes the range float32.
type RangeOf<N extends number> = number extends N
  ? 'int64' | 'float32'
  : 'float32' extends WithNumber<'int64', N>
    ? 'float32'
    : 'int64';
/** start, start + step, ... up to but without end; from 0 where there is no start. dtype int64 when all are whole numbers, else float32. */
export function arange<N extends number, E extends DType = RangeOf<N>, W extends Device = 'cpu'>(
  end: N,
  options?: TensorOptions<E, W>,
): Tensor<NoInfer<E>, On<NoInfer<W>>>;
export function arange<N extends number, E extends DType = RangeOf<N>, W extends Device = 'cpu'>(
  start: N,
  end: N,
  options?: TensorOptions<E, W>,
): Tensor<NoInfer<E>, On<NoInfer<W>>>;
export function arange<N extends number, E extends DType = RangeOf<N>, W extends Device = 'cpu'>(
  start: N,
  end: N,
  step: N,
  options?: TensorOptions<E, W>,
): Tensor<NoInfer<E>, On<NoInfer<W>>>;
export function arange(...args: (number | TensorOptions | undefined)[]): Tensor {
  const numbers = args.filter((value) => typeof value === 'number');
  const options = args.find((value) => typeof value === 'object');
  const [first = NaN, second, step = 1] = numbers;
  const [from, to] = second === undefined ? [0, first] : [first, second];
  return factory('aten::arange.start_step', [from, to, step], options ?? {}, 'inferred');
}

/** A shape whose sizes the compiler knows: `torch.zeros(torch.shape(2, 3))`, the same as `[2, 3] as const`. */
export function shape<const S extends Shape>(...sizes: S): S {
  return sizes;
}
