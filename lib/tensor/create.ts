// Functions that make tensors from JavaScript values. Those that are operators as they stand are generated.
/* eslint-disable @typescript-eslint/no-unsafe-return -- overloads tell what is made; what makes it does not know */
import { types } from 'node:util';
import { checkNames, expectNoMore, isOptions, options as checkOptions } from '../core/options.js';
import { describe } from '../core/describe.js';
import { native, type TypedArray } from '../native/binding.js';
import { checkDevice } from './devices.js';
import {
  BYTES,
  dtypeOfArray,
  type ArrayOfElements,
  type Device,
  type DType,
  type Layout,
} from '../core/dtype.js';
import { named, ArgumentTypeError, type TorchError } from '../core/errors.js';
import { operator } from '../operators/operators.js';
import { isNumeric, type Complex, type Scalar } from '../core/scalar.js';
import { fromValues } from './fromValues.js';
import { isTensor, Tensor, type NestedArray } from './tensor.js';
import type { dtypeOf, deviceOf, shapeOf, Dynamic } from '../types/gradual.js';
import type { Told, WithNumber } from '../types/dtypes.js';
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

interface ArrayDTypes {
  Uint8Array: 'uint8';
  Uint8ClampedArray: 'uint8';
  Int8Array: 'int8';
  Int16Array: 'int16';
  Int32Array: 'int32';
  BigInt64Array: 'int64';
  Float32Array: 'float32';
  Float64Array: 'float64';
  Uint16Array: 'uint16';
  Uint32Array: 'uint32';
  BigUint64Array: 'uint64';
  Float16Array: 'float16';
}
export type DTypeOfArray<A extends ArrayOfElements> = ArrayDTypes[A[typeof Symbol.toStringTag]];
type ArrayOptions<E extends DType, W extends Device, R extends Shape> = TensorOptions<E, W> & { shape?: R };

/* eslint-disable @typescript-eslint/unified-signatures -- they differ in the dtype when none is given */
/**
 * A tensor with a copy of the values: nested arrays, a number, a TypedArray (its dtype; with `shape` in the options its
 * shape) or another tensor.
 *
 * Numbers become float32, as every JavaScript number may have a fraction; booleans become bool, bigints int64, complex
 * numbers `{ re, im }` complex64, unless `dtype` says otherwise. In arrays there may be TypedArrays, for the innermost ones,
 * and tensors of one element, for numbers: these have their own dtypes, and the result one that holds all.
 *
 * @throws TorchError for ragged arrays, for those that are nested more than 128 levels deep or contain themselves, and for
 *   values that the dtype cannot hold
 */
export function tensor<E extends DType = 'float32', W extends Device = 'cpu'>(
  data: NestedArray<number>,
  options?: TensorOptions<E, W>,
): Tensor<Told<E>, On<NoInfer<W>>>;
export function tensor<E extends DType = 'bool', W extends Device = 'cpu'>(
  data: NestedArray<boolean>,
  options?: TensorOptions<E, W>,
): Tensor<Told<E>, On<NoInfer<W>>>;
export function tensor<E extends DType = 'int64', W extends Device = 'cpu'>(
  data: NestedArray<bigint>,
  options?: TensorOptions<E, W>,
): Tensor<Told<E>, On<NoInfer<W>>>;
export function tensor<E extends DType = 'complex64', W extends Device = 'cpu'>(
  data: NestedArray<Complex>,
  options?: TensorOptions<E, W>,
): Tensor<Told<E>, On<NoInfer<W>>>;
/* eslint-enable @typescript-eslint/unified-signatures */
export function tensor<
  T extends Tensor,
  E extends DType = T[typeof dtypeOf],
  W extends Device = T[typeof deviceOf],
>(data: T, options?: TensorOptions<E, W>): Tensor<Told<E>, On<NoInfer<W>>, T[typeof shapeOf]>;
export function tensor<
  A extends ArrayOfElements,
  E extends DType = DTypeOfArray<A>,
  W extends Device = 'cpu',
  R extends Shape = Dynamic,
>(data: A, options?: ArrayOptions<E, W, R>): Tensor<Told<E>, On<NoInfer<W>>, Known<R>>;
export function tensor<E extends DType = 'uint8', W extends Device = 'cpu', R extends Shape = Dynamic>(
  data: ArrayBuffer,
  options?: ArrayOptions<E, W, R>,
): Tensor<Told<E>, On<NoInfer<W>>, Known<R>>;
export function tensor<
  A extends ArrayOfElements,
  E extends DType = DTypeOfArray<A>,
  W extends Device = 'cpu',
>(data: NestedArray<A>[], options?: TensorOptions<E, W>): Tensor<Told<E>, On<NoInfer<W>>>;
export function tensor<E extends DType = DType, W extends Device = 'cpu'>(
  data: TensorData,
  options?: TensorOptions<E, W> & { shape?: readonly number[] },
): Tensor<Told<E>, On<NoInfer<W>>>;
export function tensor(
  data: TensorData,
  options: TensorOptions & { shape?: readonly number[] } = {},
): Tensor {
  if (arguments.length > 2) expectNoMore('tensor', arguments, 2);
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
  const { bytes, storedAs, dtype, shape } = fromValues(data, options.dtype);
  const made = named('tensor', () => new Tensor(native.fromBytes(bytes, storedAs, shape)));
  return finish(moved(made, { ...options, dtype }), options);
}

/** What `tensor` takes. */
type TensorData = NestedArray<Scalar | ArrayOfElements | Tensor> | ArrayBuffer;

function fromArray(
  data: ArrayBufferView | ArrayBuffer | SharedArrayBuffer,
  options: TensorOptions & { shape?: readonly number[] },
): Tensor {
  if (types.isAnyArrayBuffer(data)) {
    const dtype = options.dtype ?? 'uint8';
    const shape = options.shape ?? [data.byteLength / BYTES[dtype]];
    return named('tensor', () => new Tensor(native.fromBytes(data as ArrayBuffer, dtype, shape)));
  }
  const dtype = dtypeOfArray(data);
  if (dtype === undefined)
    throw new ArgumentTypeError(
      'tensor',
      `no dtype has the elements of ${describe(data)}: pass a TypedArray`,
    );
  const elements = data as TypedArray;
  // Node-API knows Float16Arrays only where Node has them.
  const given =
    dtype === 'float16' ? new Uint16Array(data.buffer, data.byteOffset, elements.length) : elements;
  return named(
    'tensor',
    () => new Tensor(native.fromBytes(given, dtype, options.shape ?? [elements.length])),
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
  expectNoMore(where, given, names.length);
  return { given, options };
}

const twice = (where: string, name: string): TorchError =>
  new ArgumentTypeError(where, `'${name}' was given by position and among the options`);

type FilledWith<N extends Scalar> = [N] extends [number]
  ? 'float32'
  : [N] extends [bigint]
    ? 'int64'
    : [N] extends [boolean]
      ? 'bool'
      : DType;
/**
 * A tensor of one value. Numbers are float32, bigints int64 and booleans bool, as with `tensor`, unless `dtype` says
 * otherwise: PyTorch's full([2], 7) is int64. Complex numbers are complex64; a `scalar(7, 'int64')` has the dtype that
 * PyTorch gives it.
 */
export function full<
  N extends Scalar,
  E extends DType = FilledWith<N>,
  W extends Device = 'cpu',
  R extends Shape = Dynamic,
>(size: R, fillValue: N, options?: MoreOptions<E, W>): Tensor<Told<E>, On<NoInfer<W>>, Known<R>>;
export function full<
  N extends Scalar,
  E extends DType = FilledWith<N>,
  W extends Device = 'cpu',
  R extends Shape = Dynamic,
>(size: R, options: MoreOptions<E, W> & { fillValue: N }): Tensor<Told<E>, On<NoInfer<W>>, Known<R>>;
export function full<
  N extends Scalar,
  E extends DType = FilledWith<N>,
  W extends Device = 'cpu',
  R extends Shape = Dynamic,
>(options: MoreOptions<E, W> & { size: R; fillValue: N }): Tensor<Told<E>, On<NoInfer<W>>, Known<R>>;
export function full(...args: unknown[]): Tensor {
  const names = ['size', 'fillValue'];
  const { given, options } = split('full', args, names);
  const [size, value] = names.map((name, i) => {
    if (options[name] !== undefined && given[i] !== undefined) throw twice('full', name);
    const argument = given[i] ?? options[name];
    if (argument === undefined) throw new ArgumentTypeError('full', `'${name}' is missing`);
    return argument;
  });
  // What is no bare number tells libtorch its dtype.
  return make(
    'aten::full',
    'aten::full.out',
    [size, value],
    options,
    typeof value === 'number' ? 'float32' : undefined,
  );
}

// Literals tell whether they are whole; one that is not makes the range float32.
type RangeOf<N extends Scalar> = [N] extends [number]
  ? number extends N
    ? 'int64' | 'float32'
    : 'float32' extends WithNumber<'int64', N>
      ? 'float32'
      : 'int64'
  : DType;
/**
 * start, start + step, ... up to but without end; from 0 where there is no start. dtype int64 when all are whole numbers, else
 * float32. [PyTorch](https://docs.pytorch.org/docs/stable/generated/torch.arange.html)
 */
export function arange<N extends Scalar, E extends DType = RangeOf<N>, W extends Device = 'cpu'>(
  end: N,
  options?: MoreOptions<E, W>,
): Tensor<Told<E>, On<NoInfer<W>>>;
export function arange<N extends Scalar, E extends DType = RangeOf<N>, W extends Device = 'cpu'>(
  start: N,
  end: N,
  options?: MoreOptions<E, W> & { step?: N },
): Tensor<Told<E>, On<NoInfer<W>>>;
export function arange<N extends Scalar, E extends DType = RangeOf<N>, W extends Device = 'cpu'>(
  start: N,
  end: N,
  step: N,
  options?: MoreOptions<E, W>,
): Tensor<Told<E>, On<NoInfer<W>>>;
export function arange<N extends Scalar, E extends DType = RangeOf<N>, W extends Device = 'cpu'>(
  start: N,
  options: MoreOptions<E, W> & { end: N; step?: N },
): Tensor<Told<E>, On<NoInfer<W>>>;
export function arange<N extends Scalar, E extends DType = RangeOf<N>, W extends Device = 'cpu'>(
  options: MoreOptions<E, W> & { start?: N; end: N; step?: N },
): Tensor<Told<E>, On<NoInfer<W>>>;
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
