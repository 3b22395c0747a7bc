// Tensor: a small integer handle, and its methods that are no operators; those that are, are generated
// (lib/operators/generated/methods.ts).
import { inspect, type InspectOptions } from 'node:util';
import '../operators/generated/methods.js';
import { expectNoMore, isOptions, options as checkOptions } from '../core/options.js';
import { expectBoolean } from '../core/checks.js';
import { describeTensor, handleOf, parameterMark } from '../core/handles.js';
import { describe } from '../core/describe.js';
import { native, type TypedArray } from '../native/binding.js';
import { backwardFrom, type BackwardOptions } from '../autograd/passes.js';
import type {
  Devices,
  dtypeOf,
  DTypes,
  Elements,
  deviceOf,
  Ranked,
  shapeOf,
  Sizes,
  Dynamic,
} from '../types/gradual.js';
import type { Told } from '../types/dtypes.js';
import type { On } from '../types/pairs.js';
import type { Part } from '../types/results.js';
import type { Reshaped, Shape } from '../types/shapes.js';
import { gradientHook, HookHandle } from '../autograd/callbacks.js';
import {
  deviceOf as dlpackDeviceOf,
  exportTensor,
  type DlpackCapsule,
  type DlpackDevice,
  type DlpackExportOptions,
} from './dlpack.js';
import type { Device, DType } from '../core/dtype.js';
import { named, namedAsync, TorchError, ArgumentTypeError } from '../core/errors.js';
import { format, inspectTensor } from './format/index.js';
import { assign, indexed, rows, type TensorIndex } from './indexing.js';
import { NativeObject } from '../operators/nativeObject.js';
import * as functional from '../operators/functional.js';
import { wrapResultsWith } from '../operators/operators.js';
import { installMethods } from '../operators/overloads.js';
import { traceTensor } from './trace.js';
import { refuseBrackets, refuseCloning, tagOf, toJson, toPrimitive, transposed } from './asValue.js';
import { converted, type ConversionTarget, type CopyOptions } from './conversion.js';
import { nested, type NestedArray } from './nested.js';
import type { Complex, Scalar } from '../core/scalar.js';
import { currentScope, moveTo, surrender, type Scope, type Scoped } from './scope.js';
import { isShared, shareMemory, viewOf } from './views.js';

/** A value for an operator's tensor argument: numbers take part in type promotion as PyTorch's bare numbers do. */
export type TensorLike = Tensor | Scalar;
/** dtypes of which `item()` gives numbers. */
type Counted = Exclude<DType, 'bool' | 'complex32' | 'complex64' | 'complex128'>;
export type { NestedArray } from './nested.js';
export type { Scalar } from '../core/scalar.js';

// What has a tensor's properties without being one: the private field is missing.
const IMITATION = 'an object that inherits from a Tensor, or a Proxy of one';

/**
 * A tensor of libtorch.
 *
 * Its type says what is known of dtype, device and shape: `Tensor<'float32', 'cpu', readonly [2, 3]>`; what is left out is
 * not known, and fits everywhere: a plain `Tensor` goes where a `Tensor<'float32'>` is wanted, and the other way round. Two that
 * are known and differ are an error. `isDtype`, `expectDtype` and their kin find out at run time. docs/tensors.md tells the rules.
 *
 * Made by `torch.tensor` and its kin and by operators, never by `new`. A tensor made inside a scope is released when
 * the scope ends; one made outside is released when the garbage collector finds it; `dispose()` does so at once.
 */
export class Tensor<
  out D extends DType = Dynamic,
  out V extends Device = Dynamic,
  out S extends Shape = Dynamic,
> implements Scoped {
  #handle: number;
  #scope: Scope | undefined;
  // For the compiler alone.
  declare readonly [dtypeOf]: D;
  declare readonly [deviceOf]: V;
  declare readonly [shapeOf]: S;

  /** @internal */
  constructor(handle: number) {
    if (typeof handle !== 'number') throw noConstructor(handle);
    this.#handle = handle;
    const scope = currentScope();
    this.#scope = scope;
    refuseCloning(this);
    if (scope === undefined) native.adoptTensor(this, handle);
    else scope.track(this);
    traceTensor(this);
  }

  // ---- life ----

  /** @internal */
  get [handleOf](): number {
    if (!(#handle in this)) {
      throw new ArgumentTypeError('Tensor', `expected a Tensor, got ${IMITATION}`);
    }
    if (this.#handle === 0) {
      throw new TorchError(
        'Tensor',
        'this tensor was released: it was disposed of, or the scope that it was made in has ended; keep it with keep() or ' +
          'return it from the scope',
      );
    }
    return this.#handle;
  }

  /** Whether the tensor has been released. */
  get disposed(): boolean {
    return #handle in this && this.#handle === 0;
  }

  /** Releases the tensor now. Doing so twice does nothing. */
  dispose(): void {
    if (arguments.length > 0) expectNoMore('Tensor.dispose', arguments, 0);
    if (this.#handle === 0) return;
    native.releaseTensor(this.#handle);
    this.#handle = 0;
    this.#scope = undefined;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Takes the tensor out of its scope: from now on the garbage collector owns it. */
  keep(): this {
    if (arguments.length > 0) expectNoMore('Tensor.keep', arguments, 0);
    if (this.#scope !== undefined) this[moveTo](this.#scope, undefined);
    return this;
  }

  /** @internal */
  [moveTo](from: Scope, to: Scope | undefined): void {
    if (this.#scope !== from || this.#handle === 0) return;
    this.#scope = to;
    if (to === undefined) native.adoptTensor(this, this.#handle);
    else to.track(this);
  }

  /** @internal */
  [surrender](from: Scope): number {
    if (this.#scope !== from) return 0;
    const handle = this.#handle;
    this.#handle = 0;
    this.#scope = undefined;
    return handle;
  }

  // ---- what it is ----

  /** Sizes of the dimensions. */
  get shape(): Sizes<S> {
    return native.shape(this[handleOf]) as Shape as Sizes<S>;
  }
  /** Steps between neighbours of each dimension, in elements. */
  get strides(): readonly number[] {
    return native.strides(this[handleOf]);
  }
  /** Number of dimensions. */
  get ndim(): number {
    return this.shape.length;
  }
  /** Number of elements. */
  get numel(): number {
    return this.shape.reduce((product, size) => product * size, 1);
  }
  get dtype(): DTypes[D] {
    return native.dtype(this[handleOf]) as DTypes[D];
  }
  /** "cpu", "cuda:0", "meta". */
  get device(): Devices[V] {
    return native.device(this[handleOf]) as Devices[V];
  }
  get isContiguous(): boolean {
    return native.isContiguous(this[handleOf]);
  }
  /** Size of a dimension; negative numbers count from the end. Without a dimension, all sizes. */
  size(): Sizes<S>;
  size(dim: number | { dim: number }): number;
  size(given?: number | { dim: number }): number | Shape {
    if (arguments.length > 1) expectNoMore('Tensor.size', arguments, 1);
    if (given === undefined) return this.shape;
    const dim = isOptions(given) ? checkOptions('Tensor.size', given, ['dim']).dim : given;
    const shape = this.shape;
    const size = Number.isInteger(dim) ? shape.at(dim) : undefined;
    if (size === undefined || dim < -shape.length) {
      throw new TorchError(
        'Tensor.size',
        `dimension ${describe(dim)} is out of range for a tensor of ${shape.length} dimensions`,
      );
    }
    return size;
  }

  // ---- autograd ----

  /** Whether operations on this tensor are recorded, so that `backward()` gives it a gradient. */
  get requiresGrad(): boolean {
    return native.requiresGrad(this[handleOf]);
  }
  set requiresGrad(on: boolean) {
    expectBoolean('Tensor.requiresGrad', 'requiresGrad', on);
    named(
      'Tensor.requiresGrad',
      () => native.setRequiresGrad(this[handleOf], on),
      () => [this[describeTensor]()],
    );
  }
  requiresGrad_(on = true): this {
    expectNoMore('Tensor.requiresGrad_', arguments, 1);
    this.requiresGrad = on;
    return this;
  }
  get isLeaf(): boolean {
    return native.isLeaf(this[handleOf]);
  }
  /** Name of the function that made this tensor in the graph, as "AddBackward0"; undefined for leaves. */
  get gradFn(): string | undefined {
    return native.gradFn(this[handleOf]) || undefined;
  }
  /** The gradient that `backward()` accumulated, or null. */
  get grad(): Tensor<D, V, S> | null {
    const handle = native.getGrad(this[handleOf]);
    return handle === 0 ? null : new Tensor<D, V, S>(handle);
  }
  set grad(gradient: Tensor | null) {
    if (gradient !== null) expectTensor('Tensor.grad', 'grad', gradient, 'a Tensor or null');
    named('Tensor.grad', () => native.setGrad(this[handleOf], gradient === null ? null : gradient[handleOf]));
  }
  /**
   * Computes the gradients of this tensor with respect to the leaves of its graph and adds them to their `grad`.
   * A tensor of more than one element needs a `gradient` of its own shape to begin with.
   */
  backward(gradient?: Tensor | null, options?: BackwardOptions): void;
  backward(options: BackwardOptions & { gradient?: Tensor | null }): void;
  backward(given?: unknown, more?: unknown): void {
    if (arguments.length > 2) expectNoMore('Tensor.backward', arguments, 2);
    backwardFrom(this, given, more);
  }
  /**
   * Calls a function with the gradient of this tensor whenever a backward pass has computed it; a tensor that it returns
   * takes the gradient's place. The gradient, and what the function makes, are released when it ends: `keep()` what is to
   * stay. A function that holds this tensor holds itself with it: `remove()` such a hook, or use a scope.
   *
   * @throws TorchError when this tensor requires no gradient. What the hook throws comes out of `backward()`.
   */
  // eslint-disable-next-line @typescript-eslint/no-invalid-void-type -- a hook may return nothing at all
  registerHook(hook: (gradient: Tensor) => Tensor | null | undefined | void): HookHandle {
    expectNoMore('Tensor.registerHook', arguments, 1);
    const called = gradientHook(hook);
    return new HookHandle(
      named(
        'Tensor.registerHook',
        () => native.registerHook(this[handleOf], called),
        () => [`self: ${this[describeTensor]()}`],
      ),
    );
  }
  /** Has backward passes keep the gradient of this tensor in `grad`, though it is no leaf. */
  retainGrad(): void {
    expectNoMore('Tensor.retainGrad', arguments, 0);
    named(
      'Tensor.retainGrad',
      () => native.retainGrad(this[handleOf]),
      () => [`self: ${this[describeTensor]()}`],
    );
  }
  /** Whether `retainGrad()` was called on this tensor, which is no leaf. */
  get retainsGrad(): boolean {
    return native.retainsGrad(this[handleOf]);
  }
  // ---- values ----

  /**
   * The value of a tensor of one element: a number for floating and integer dtypes (a bigint for integers beyond
   * 2^53), a boolean for bool, `{ re, im }` for complex dtypes (`item<Complex>()` says so in TypeScript). Waits for the
   * device.
   */
  item<T extends number | bigint | boolean | Complex = number>(this: Tensor<Counted>): T;
  item(this: Tensor<'bool'>): boolean;
  item(this: Tensor<'complex64' | 'complex128'>): Complex;
  item<T extends number | bigint | boolean | Complex = number>(): T;
  item(): number | bigint | boolean | Complex {
    if (arguments.length > 0) expectNoMore('Tensor.item', arguments, 0);
    return named(
      'Tensor.item',
      () => native.item(this[handleOf]),
      () => [`self: ${this[describeTensor]()}`],
    );
  }
  /**
   * The values in row-major order, in a new TypedArray: Float32Array for float32, float16 and bfloat16, BigInt64Array
   * for int64, Uint8Array of 0 and 1 for bool. They are the values of the moment of the call, whatever is written to the
   * tensor before the promise settles; for a device this thread does not wait.
   */
  data(): Promise<TypedArray> {
    if (arguments.length > 0) expectNoMore('Tensor.data', arguments, 0);
    return namedAsync(
      'Tensor.data',
      () => native.read(this[handleOf]),
      () => [`self: ${this[describeTensor]()}`],
    );
  }
  /** What `data()` gives, at once: waits for the device on this thread. */
  dataSync(): TypedArray {
    if (arguments.length > 0) expectNoMore('Tensor.dataSync', arguments, 0);
    return named(
      'Tensor.dataSync',
      () => native.readSync(this[handleOf]),
      () => [`self: ${this[describeTensor]()}`],
    );
  }
  /**
   * A TypedArray over the tensor's own memory: what is written to one is seen in the other. float16 and bfloat16 as the bits
   * in a Uint16Array, complex numbers as pairs of real and imaginary parts, bool as bytes. The array keeps the memory alive;
   * of a tensor over a buffer (`fromBuffer`, `shareMemory_`) it is an array over that buffer. From then on `resize_()` cannot
   * make the tensor larger.
   *
   * @throws TorchError unless the tensor is contiguous, on the CPU, and requires no gradient; and where the environment
   * (Electron) allows no such arrays
   */
  dataView(): TypedArray {
    if (arguments.length > 0) expectNoMore('Tensor.dataView', arguments, 0);
    return viewOf(this);
  }
  /**
   * Moves the tensor's storage, and with it all its views, into a SharedArrayBuffer, which other threads see when they are
   * sent it: `worker.postMessage(t.shareMemory_().dataView())` here, `torch.fromBuffer(message)` there. Does nothing where the
   * memory is shared already, as that of CUDA is. Arrays that `dataView()` gave before show the old memory. The storage
   * cannot grow any more.
   *
   * @throws TorchError for sparse and meta tensors
   */
  shareMemory_(): this {
    expectNoMore('Tensor.shareMemory_', arguments, 0);
    shareMemory(this);
    return this;
  }
  /** Whether the memory lies in a SharedArrayBuffer, or on a CUDA device. */
  isShared(): boolean {
    expectNoMore('Tensor.isShared', arguments, 0);
    return isShared(this);
  }
  /**
   * A DLPack capsule with the tensor's memory, for the `fromDlpack` of whichever library takes it. "dltensor" (DLPack 0.8)
   * unless `maxVersion` allows "dltensor_versioned".
   *
   * @throws TorchError as `torch.utils.dlpack.toDlpack` does
   */
  __dlpack__(options: DlpackExportOptions = {}): DlpackCapsule {
    expectNoMore('Tensor.__dlpack__', arguments, 1);
    return exportTensor(this, options);
  }
  /** The device in DLPack's numbers: [1, 0] for the CPU, [2, index] for CUDA. */
  __dlpackDevice__(): DlpackDevice {
    expectNoMore('Tensor.__dlpackDevice__', arguments, 0);
    return dlpackDeviceOf(this);
  }
  /** The values as nested arrays; integers of int64 beyond 2^53 as bigints, bool as booleans, complex ones as { re, im }. */
  toArray(): Ranked<Elements[D]>[S['length']];
  toArray(): NestedArray<number | bigint | boolean | Complex> {
    if (arguments.length > 0) expectNoMore('Tensor.toArray', arguments, 0);
    return nested(this);
  }

  /** The memory behind the tensor and all its views, for the operators that take a Storage, as `set_`. */
  untypedStorage(): NativeObject {
    expectNoMore('Tensor.untypedStorage', arguments, 0);
    const handle = named(
      'Tensor.untypedStorage',
      () => native.untypedStorage(this[handleOf]),
      () => [`self: ${this[describeTensor]()}`],
    );
    return new NativeObject(handle);
  }

  // ---- conversion ----

  /** The same values under another dtype or on another device; this tensor itself when nothing changes. */
  to<E extends DType>(dtype: E, options?: CopyOptions): Tensor<Told<E>, V, S>;
  to<W extends Device>(device: W, options?: CopyOptions): Tensor<D, On<W>, S>;
  to<E extends DType = D, W extends Device = V>(
    target: { dtype?: E; device?: W } & CopyOptions,
    options?: CopyOptions,
  ): Tensor<Told<E>, On<NoInfer<W>>, S>;
  to(target: ConversionTarget, options?: CopyOptions): Tensor<Dynamic, Dynamic, S>;
  to(target: ConversionTarget, options?: CopyOptions): Tensor<Dynamic, Dynamic, S> {
    if (arguments.length > 2) expectNoMore('Tensor.to', arguments, 2);
    return converted(this, target, options) as Tensor<Dynamic, Dynamic, S>;
  }
  cpu(): Tensor<D, 'cpu', S> {
    if (arguments.length > 0) expectNoMore('Tensor.cpu', arguments, 0);
    return this.to<'cpu'>('cpu');
  }
  cuda(index = 0): Tensor<D, `cuda:${number}`, S> {
    expectNoMore('Tensor.cuda', arguments, 1);
    if (!Number.isInteger(index)) {
      throw new ArgumentTypeError('Tensor.cuda', `expected the number of a device, got ${describe(index)}`);
    }
    return this.to<`cuda:${number}`>(`cuda:${index}`);
  }
  bool(): Tensor<'bool', V, S> {
    if (arguments.length > 0) expectNoMore('Tensor.bool', arguments, 0);
    return this.to('bool');
  }
  byte(): Tensor<'uint8', V, S> {
    if (arguments.length > 0) expectNoMore('Tensor.byte', arguments, 0);
    return this.to('uint8');
  }
  char(): Tensor<'int8', V, S> {
    if (arguments.length > 0) expectNoMore('Tensor.char', arguments, 0);
    return this.to('int8');
  }
  short(): Tensor<'int16', V, S> {
    if (arguments.length > 0) expectNoMore('Tensor.short', arguments, 0);
    return this.to('int16');
  }
  int(): Tensor<'int32', V, S> {
    if (arguments.length > 0) expectNoMore('Tensor.int', arguments, 0);
    return this.to('int32');
  }
  long(): Tensor<'int64', V, S> {
    if (arguments.length > 0) expectNoMore('Tensor.long', arguments, 0);
    return this.to('int64');
  }
  half(): Tensor<'float16', V, S> {
    if (arguments.length > 0) expectNoMore('Tensor.half', arguments, 0);
    return this.to('float16');
  }
  bfloat16(): Tensor<'bfloat16', V, S> {
    if (arguments.length > 0) expectNoMore('Tensor.bfloat16', arguments, 0);
    return this.to('bfloat16');
  }
  float(): Tensor<'float32', V, S> {
    if (arguments.length > 0) expectNoMore('Tensor.float', arguments, 0);
    return this.to('float32');
  }
  double(): Tensor<'float64', V, S> {
    if (arguments.length > 0) expectNoMore('Tensor.double', arguments, 0);
    return this.to('float64');
  }

  // ---- static types: what is only known at run time, checked there and told to the compiler ----

  /** Whether the dtype is this one: `if (t.isDtype('float32')) ...` has t be a `Tensor<'float32'>` inside. */
  isDtype<E extends DType>(dtype: E): this is Tensor<E, V, S> {
    expectNoMore('Tensor.isDtype', arguments, 1);
    const own: DType = this.dtype;
    return own === dtype;
  }
  /** This tensor, as one of that dtype. Throws a TorchError when it has another: `to(dtype)` converts. */
  expectDtype<E extends DType>(dtype: E): Tensor<E, V, S> {
    expectNoMore('Tensor.expectDtype', arguments, 1);
    const fits: boolean = this.isDtype(dtype);
    if (fits) return this as unknown as Tensor<E, V, S>;
    throw new TorchError(
      'Tensor.expectDtype',
      `expected a tensor of ${word(dtype)}, got ${this[describeTensor]()}: to(${describe(dtype)}) converts it`,
    );
  }
  /** Whether the tensor is on a device; 'cuda' stands for all CUDA devices. */
  isDevice<W extends Device>(device: W): this is Tensor<D, On<W>, S> {
    expectNoMore('Tensor.isDevice', arguments, 1);
    const own: Device = this.device;
    return own === device || (typeof device === 'string' && own.startsWith(`${device}:`));
  }
  /** This tensor, as one on that device. Throws a TorchError when it is on another: `to(device)` copies. */
  expectDevice<W extends Device>(device: W): Tensor<D, On<W>, S> {
    expectNoMore('Tensor.expectDevice', arguments, 1);
    const fits: boolean = this.isDevice(device);
    if (fits) return this as unknown as Tensor<D, On<W>, S>;
    throw new TorchError(
      'Tensor.expectDevice',
      `expected a tensor on ${word(device)}, got one on ${this.device}: to(${describe(device)}) copies it`,
    );
  }
  /** Whether the tensor has this shape; -1 stands for any size. */
  isShape<const R extends Shape>(...shape: R): this is Tensor<D, V, Reshaped<R>> {
    const own = this.shape;
    return own.length === shape.length && shape.every((size, i) => size === -1 || size === own[i]);
  }
  /** This tensor, as one of that shape, in which -1 stands for any size. Throws a TorchError when it has another. */
  expectShape<const R extends Shape>(...shape: R): Tensor<D, V, Reshaped<R>> {
    const fits: boolean = this.isShape(...shape);
    if (fits) return this as unknown as Tensor<D, V, Reshaped<R>>;
    throw new TorchError(
      'Tensor.expectShape',
      `expected a tensor of shape [${shape.map(describe).join(', ')}] (-1 stands for any size), got ${this[describeTensor]()}`,
    );
  }

  // ---- operators whose arguments are Python's (lib/operators/functional.ts) ----

  /** As `torch.nonzero`: indices of the elements that are not zero; with `asTuple` a tensor for each dimension. */
  nonzero<T extends Tensor>(this: T, options?: { asTuple?: false }): Part<T, 'int64'>;
  nonzero(options: { asTuple: true }): Tensor<'int64'>[];
  nonzero(...args: unknown[]): unknown {
    return functional.nonzeroOf(this, args);
  }
  /** As `torch.norm`: the norm over all dimensions, or over `dim`; `p` is 'fro' unless given. */
  norm(options?: {
    p?: functional.Norm;
    dim?: number | readonly number[] | null;
    keepdim?: boolean;
    dtype?: DType | null;
  }): Tensor;
  norm(
    p: functional.Norm | undefined,
    options: { dim?: number | readonly number[] | null; keepdim?: boolean; dtype?: DType | null },
  ): Tensor;
  norm(
    p: functional.Norm | undefined,
    dim: number | readonly number[] | null | undefined,
    options: { keepdim?: boolean; dtype?: DType | null },
  ): Tensor;
  norm(
    p: functional.Norm | undefined,
    dim: number | readonly number[] | null | undefined,
    keepdim: boolean | undefined,
    options: { dtype?: DType | null },
  ): Tensor;
  norm(
    p?: functional.Norm,
    dim?: number | readonly number[] | null,
    keepdim?: boolean,
    dtype?: DType | null,
  ): Tensor;
  norm(...args: unknown[]): unknown {
    return functional.normOf(this, args);
  }
  /** As `torch.unique`: the different values, and with `returnInverse` and `returnCounts` where and how often they are. */
  unique<I extends boolean = false, C extends boolean = false>(
    options: { sorted?: boolean } & functional.UniqueOptions<I, C>,
  ): functional.Unique<I, C>;
  unique<I extends boolean = false, C extends boolean = false>(
    sorted: boolean,
    options: functional.UniqueOptions<I, C>,
  ): functional.Unique<I, C>;
  unique<I extends boolean = false, C extends boolean = false>(
    sorted?: boolean,
    returnInverse?: I,
    returnCounts?: C,
    dim?: number | null,
  ): functional.Unique<I, C>;
  unique(...args: unknown[]): unknown {
    return functional.uniqueOf(this, args);
  }
  /** As `torch.uniqueConsecutive`: as `unique`, of values that follow each other only, and in their order. */
  uniqueConsecutive<I extends boolean = false, C extends boolean = false>(
    options: functional.UniqueOptions<I, C>,
  ): functional.Unique<I, C>;
  uniqueConsecutive<I extends boolean = false, C extends boolean = false>(
    returnInverse?: I,
    returnCounts?: C,
    dim?: number | null,
  ): functional.Unique<I, C>;
  uniqueConsecutive(...args: unknown[]): unknown {
    return functional.uniqueConsecutiveOf(this, args);
  }

  // ---- indexing ----

  /**
   * What `t[...]` is in Python: `t.at(0, slice(1, 5, 2), null, '...', mask, [0, 2])`. Integers, slices, `null`, `':'`
   * and `'...'` give a view, which shares memory with this tensor; index tensors, masks, arrays and booleans a copy. See
   * `TensorIndex` for what may stand where. Throws a TorchError for indices out of range, too many of them, a mask that
   * does not fit, and for whatever else is no index.
   */
  at(...indices: TensorIndex[]): Tensor<D, V> {
    return new Tensor(indexed(this, indices));
  }
  /**
   * What `t[...] = value` is in Python, with the indices of `at`: writes in place and gives back this tensor. The value
   * is broadcast to the shape of what the indices take. It is converted to this tensor's dtype, but with index tensors
   * and masks a tensor must have that dtype already.
   */
  set(value: TensorLike, ...indices: TensorIndex[]): this {
    assign(this, value, indices);
    return this;
  }
  /** Over the first dimension, as `unbind()` gives it: `for (const row of t)`. A tensor of 0 dimensions throws. */
  [Symbol.iterator](): IterableIterator<Tensor<D, V>> {
    return rows(this) as IterableIterator<Tensor<D, V>>;
  }

  /** The tensor with its dimensions in reverse order, a view; its own `T` is this tensor. */
  get T(): Tensor<D, V> {
    return transposed(this) as Tensor<D, V>;
  }

  // ---- to JavaScript's own operators ----

  /**
   * A tensor of one element is its value to operators: `loss < 0.1` compares, and what they give is a number without a graph.
   *
   * @throws TorchError for tensors of several elements, and for complex ones; but `${x}` and String(x) are any tensor's text
   */
  [Symbol.toPrimitive](hint: string): number | bigint | boolean | string {
    return toPrimitive(this, hint);
  }
  /**
   * What JSON.stringify writes: the values as nested arrays, NaN and infinities as null.
   *
   * @throws TorchError for integers beyond 2^53
   */
  toJSON(): unknown {
    return toJson(this);
  }
  /** By which deep comparisons tell tensors apart: dtype, device, shape and values. */
  get [Symbol.toStringTag](): string {
    return tagOf(this);
  }

  // ---- text ----

  /** PyTorch's text, under torch.setPrintOptions; of a large tensor only what is shown is read. */
  toString(): string {
    return format(this, kindOf(this));
  }
  [inspect.custom](depth: number | null, options: InspectOptions): string {
    return inspectTensor(this, kindOf(this), depth, options);
  }
  /** @internal */
  [describeTensor](): string {
    if (!(#handle in this)) return IMITATION;
    if (this.#handle === 0) return 'a released Tensor';
    const device = this.device;
    return `${this.dtype} [${this.shape.join(', ')}]${device === 'cpu' ? '' : ` on ${device}`}`;
  }
}

wrapResultsWith((handle) => new Tensor(handle));
installMethods(Tensor.prototype);
refuseBrackets(Tensor.prototype);

/** Whether a value is a Tensor of this copy of the package; works across realms. */
export function isTensor(value: unknown): value is Tensor {
  return typeof value === 'object' && value !== null && describeTensor in value;
}

function kindOf(tensor: object): 'Parameter' | 'Tensor' {
  return parameterMark in tensor ? 'Parameter' : 'Tensor';
}

function noConstructor(given: unknown): TorchError {
  return new ArgumentTypeError(
    'Tensor',
    `tensors are not made with new, which got ${describe(given)}: use torch.tensor(data), torch.zeros(shape) and their like`,
  );
}

// A dtype or a device as it is written; what is neither in words.
function word(value: unknown): string {
  return typeof value === 'string' ? value : describe(value);
}

/** Throws a TorchError unless the value is a tensor, and not released. @internal */
export function expectTensor(where: string, name: string, value: unknown, expected = 'a Tensor'): Tensor {
  if (isTensor(value) && value[handleOf] !== 0) return value;
  throw new ArgumentTypeError(where, `${name}: expected ${expected}, got ${describe(value)}`);
}
