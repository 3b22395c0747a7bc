// Gradual typing: what a tensor's type tells of its dtype, device and shape. What is not known is the dynamic type, which fits
// everywhere, and what is made of it is dynamic again. The keys are there for the compiler alone; no tensor has such properties.
import type { Complex } from '../core/scalar.js';
import type { Device, DType } from '../core/dtype.js';
import type { NestedArray } from '../tensor/nested.js';
import type { Shape } from './shapes.js';

/** The dynamic type, of what is not known: the default of Tensor's type parameters. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- it fits everywhere, which is its purpose
export type Dynamic = any;

/** The key of the dtype in a tensor's type. */
export declare const dtypeOf: unique symbol;
/** The key of the device in a tensor's type. */
export declare const deviceOf: unique symbol;
/** The key of the shape in a tensor's type. */
export declare const shapeOf: unique symbol;

// Look-ups with an index signature: `any` finds what that says. (A condition would not be covariant for the compiler.)

/** The dtype of a tensor, whatever is known of it. */
/* prettier-ignore */
export interface DTypes {
  [unknown: string]: DType;
  uint8: 'uint8'; int8: 'int8'; int16: 'int16'; int32: 'int32'; int64: 'int64'; float16: 'float16'; bfloat16: 'bfloat16';
  float32: 'float32'; float64: 'float64'; bool: 'bool'; complex64: 'complex64'; complex128: 'complex128';
}

/** The device of a tensor, whatever is known of it. */
export interface Devices {
  [unknown: string]: Device;
  cpu: 'cpu';
  meta: 'meta';
}

/** The sizes of a tensor, whatever is known of them. */
export type Sizes<S extends Shape> = { readonly [I in keyof S]: I extends `${number}` ? S[I] : number };

/** An element as `toArray()` gives it. */
/* prettier-ignore */
export interface Elements {
  [unknown: string]: number | bigint | boolean | Complex;
  uint8: number; int8: number; int16: number; int32: number; int64: number | bigint; float16: number; bfloat16: number;
  float32: number; float64: number; bool: boolean; complex64: Complex; complex128: Complex;
}

/** Arrays of E as deep as there are dimensions. */
export interface Ranked<E> {
  [unknown: number]: NestedArray<E>;
  0: E;
  1: E[];
  2: E[][];
  3: E[][][];
  4: E[][][][];
  5: E[][][][][];
}
