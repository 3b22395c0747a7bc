// Two tensors in one operator, as types: what becomes of them, and what is wrong with the pair. A parameter whose type is a
// Mistake takes no argument, and the compiler's message holds its text.
import type { Device, DType } from '../core/dtype.js';
import type { Tensor, TensorLike } from '../tensor/tensor.js';
import type { dtypeOf, deviceOf, shapeOf, Dynamic } from './gradual.js';
import type { As, FloatOf, Or, Promote, WithNumber, WithScalarTensor } from './dtypes.js';
import type { Broadcast, Product, Shape, Show } from './shapes.js';

declare const mistake: unique symbol;
/** A type that no value has; its argument says why. */
export interface Mistake<Text extends string> {
  readonly [mistake]: Text;
}

/** The device of a tensor that was asked for on one: 'cuda' is the current CUDA device. */
export type On<V extends Device> = Device extends V ? Dynamic : V extends 'cuda' ? `cuda:${number}` : V;

/** Whether two types can have no value in common, as far as literals go. */
type Apart<A, B> = [A] extends [B] ? false : [B] extends [A] ? false : true;

/** The more special of two types that are not apart. */
type Narrower<A, B> = [A] extends [B] ? A : B;

/** Whether a shape is known to have no dimensions. */
type IsScalar<S extends Shape> = number extends S['length'] ? false : S extends readonly [] ? true : false;

// ---- elementwise operators ----

/** U when it may stand beside T in an elementwise operator. A CPU tensor of 0 dimensions goes with every device. */
export type BroadcastWith<Name extends string, T extends TensorLike, U extends TensorLike> = U extends Tensor
  ? T extends Tensor
    ? Apart<T[typeof deviceOf], U[typeof deviceOf]> extends true
      ? [T[typeof deviceOf], IsScalar<T[typeof shapeOf]>] extends ['cpu', true]
        ? U
        : [U[typeof deviceOf], IsScalar<U[typeof shapeOf]>] extends ['cpu', true]
          ? U
          : Mistake<`${Name}: both must be on one device, got ${T[typeof deviceOf]} and ${U[typeof deviceOf]}`>
      : [Broadcast<T[typeof shapeOf], U[typeof shapeOf]>] extends [never]
        ? Mistake<`${Name}: the shapes ${Show<T[typeof shapeOf]>} and ${Show<U[typeof shapeOf]>} do not broadcast`>
        : U
    : U
  : U;

/** Promotion by PyTorch's rules; any dtype beside one that is not known. */
export type Promoted<T extends TensorLike, U extends TensorLike> = T extends Tensor
  ? U extends Tensor
    ? DType extends T[typeof dtypeOf] | U[typeof dtypeOf]
      ? Dynamic
      : OfTensors<T[typeof dtypeOf], T[typeof shapeOf], U[typeof dtypeOf], U[typeof shapeOf]>
    : DType extends T[typeof dtypeOf]
      ? Dynamic
      : WithNumber<T[typeof dtypeOf], U>
  : U extends Tensor
    ? DType extends U[typeof dtypeOf]
      ? Dynamic
      : WithNumber<U[typeof dtypeOf], T>
    : Dynamic;

// A shape that is not known is taken for one that has dimensions, unless it stands beside one that has none.
type OfTensors<D extends DType, S extends Shape, E extends DType, R extends Shape> = R extends readonly []
  ? S extends readonly []
    ? Promote<D, E>
    : number extends S['length']
      ? Promote<D, E> | WithScalarTensor<D, E>
      : WithScalarTensor<D, E>
  : S extends readonly []
    ? number extends R['length']
      ? Promote<D, E> | WithScalarTensor<E, D>
      : WithScalarTensor<E, D>
    : Promote<D, E>;

type DeviceOf<T extends TensorLike, U extends TensorLike> = T extends Tensor
  ? U extends Tensor
    ? Apart<T[typeof deviceOf], U[typeof deviceOf]> extends true
      ? Exclude<T[typeof deviceOf] | U[typeof deviceOf], 'cpu'>
      : // A tensor of which the type does not tell the device may be on another one than a CPU tensor of 0 dimensions.
        [U[typeof deviceOf]] extends ['cpu']
        ? T[typeof deviceOf]
        : [T[typeof deviceOf]] extends ['cpu']
          ? U[typeof deviceOf]
          : Narrower<T[typeof deviceOf], U[typeof deviceOf]>
    : T[typeof deviceOf]
  : U extends Tensor
    ? U[typeof deviceOf]
    : Dynamic;

type ShapeOf<T extends TensorLike, U extends TensorLike> = T extends Tensor
  ? U extends Tensor
    ? Broadcast<T[typeof shapeOf], U[typeof shapeOf]>
    : T[typeof shapeOf]
  : U extends Tensor
    ? U[typeof shapeOf]
    : Dynamic;

/**
 * A result of two tensors that are broadcast. `Rule` says what its dtype is: 'promoted', 'divided' as by true division, 'either'
 * of these, or 'bool'; E is that of `out`, if there is one.
 */
export type BroadcastResult<
  T extends TensorLike,
  U extends TensorLike,
  Rule extends PairRule,
  E extends DType = never,
> = [T, U] extends [unknown, unknown]
  ? Tensor<Or<E, As<DTypeOfPair<T, U, Rule>, DType>>, As<DeviceOf<T, U>, Device>, As<ShapeOf<T, U>, Shape>>
  : never;
export type PairRule = 'promoted' | 'divided' | 'either' | 'bool';
type DTypeOfPair<T extends TensorLike, U extends TensorLike, Rule extends PairRule> = Rule extends 'bool'
  ? 'bool'
  : Rule extends 'promoted'
    ? Promoted<T, U>
    : Rule extends 'divided'
      ? FloatOf<As<Promoted<T, U>, DType>>
      : Promoted<T, U> | FloatOf<As<Promoted<T, U>, DType>>;

// ---- matrix products ----

/** U when T can be multiplied by it: one dtype, one device, shapes that fit as far as they are known. */
export type MatmulWith<Name extends string, T extends Tensor, U extends Tensor> =
  Apart<T[typeof deviceOf], U[typeof deviceOf]> extends true
    ? Mistake<`${Name}: both must be on one device, got ${T[typeof deviceOf]} and ${U[typeof deviceOf]}`>
    : Apart<T[typeof dtypeOf], U[typeof dtypeOf]> extends true
      ? Mistake<`${Name}: both must have one dtype, got ${T[typeof dtypeOf]} and ${U[typeof dtypeOf]}`>
      : [Product<T[typeof shapeOf], U[typeof shapeOf]>] extends [never]
        ? Mistake<`${Name}: the shapes ${Show<T[typeof shapeOf]>} and ${Show<U[typeof shapeOf]>} do not fit`>
        : U;

export type MatmulResult<T extends Tensor, U extends Tensor> = [T, U] extends [unknown, unknown]
  ? Tensor<
      As<Narrower<T[typeof dtypeOf], U[typeof dtypeOf]>, DType>,
      As<Narrower<T[typeof deviceOf], U[typeof deviceOf]>, Device>,
      As<Product<T[typeof shapeOf], U[typeof shapeOf]>, Shape>
    >
  : never;
