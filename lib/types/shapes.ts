// Shapes as types. They are opt-in: a shape is known when it is a tuple, as `shape(2, 3)` and `[2, 3] as const` are, in which
// `number` stands for a size that is not. All others are `readonly number[]`, which fits everything; `never` stands for
// what cannot be.

import type { Dynamic } from './gradual.js';

/** A tensor's sizes: a tuple where they are known. */
export type Shape = readonly number[];

/** What a shape given to a function is: tuples are kept, the sizes of arrays are not known. */
export type Known<S extends Shape> = number extends S['length'] ? Dynamic : Readonly<S>;

/** A shape in words: "[2, 3]". */
export type Show<S extends Shape> = `[${Listed<S>}]`;
type Listed<S extends Shape> = S extends readonly [infer Only extends number]
  ? `${Only}`
  : S extends readonly [infer First extends number, ...infer Rest extends Shape]
    ? `${First}, ${Listed<Rest>}`
    : '';

/** The shape that two broadcast to; `never` when they do not. */
export type Broadcast<A extends Shape, B extends Shape> = number extends A['length']
  ? Dynamic
  : number extends B['length']
    ? Dynamic
    : Merge<A, B, readonly []>;

type Merge<A extends Shape, B extends Shape, Out extends Shape> = A extends readonly [
  ...infer As extends Shape,
  infer a extends number,
]
  ? B extends readonly [...infer Bs extends Shape, infer b extends number]
    ? [Size<a, b>] extends [never]
      ? never
      : Merge<As, Bs, readonly [Size<a, b>, ...Out]>
    : readonly [...A, ...Out]
  : readonly [...B, ...Out];

type Size<a extends number, b extends number> = number extends a
  ? b extends 1
    ? number
    : b
  : number extends b
    ? a extends 1
      ? number
      : a
    : a extends b
      ? a
      : a extends 1
        ? b
        : b extends 1
          ? a
          : never;

/** The shape of a matrix product; `never` when they do not fit. */
export type Product<A extends Shape, B extends Shape> = number extends A['length']
  ? Dynamic
  : number extends B['length']
    ? Dynamic
    : A extends readonly [infer k extends number]
      ? B extends readonly [infer l extends number]
        ? Inner<k, l, readonly []>
        : B extends readonly [...infer Batch extends Shape, infer l extends number, infer m extends number]
          ? Inner<k, l, readonly [...Batch, m]>
          : never
      : A extends readonly [...infer BatchA extends Shape, infer n extends number, infer k extends number]
        ? B extends readonly [infer l extends number]
          ? Inner<k, l, readonly [...BatchA, n]>
          : B extends readonly [...infer BatchB extends Shape, infer l extends number, infer m extends number]
            ? [Broadcast<BatchA, BatchB>] extends [never]
              ? never
              : Inner<k, l, readonly [...Broadcast<BatchA, BatchB>, n, m]>
            : never
        : never;

type Inner<k extends number, l extends number, Out> = number extends k | l ? Out : k extends l ? Out : never;

// ---- dimensions ----

/** S with the sizes `Put` in place of dimension `Dim`; negative ones count from the end. Dynamic where Dim is. */
export type Replace<S extends Shape, Dim, Put extends Shape> = number extends S['length']
  ? Dynamic
  : number extends Dim
    ? Dynamic
    : `${Dim & number}` extends `-${infer Back extends number}`
      ? FromEnd<S, Back, Put, readonly []>
      : FromStart<S, Dim, Put, readonly []>;

type FromStart<S extends Shape, Dim, Put extends Shape, Before extends Shape> = S extends readonly [
  infer Size extends number,
  ...infer Rest extends Shape,
]
  ? Before['length'] extends Dim
    ? readonly [...Before, ...Put, ...Rest]
    : FromStart<Rest, Dim, Put, readonly [...Before, Size]>
  : Dynamic;

type FromEnd<S extends Shape, Back, Put extends Shape, After extends Shape> = S extends readonly [
  ...infer Rest extends Shape,
  infer Size extends number,
]
  ? [...After, Size]['length'] extends Back
    ? readonly [...Rest, ...Put, ...After]
    : FromEnd<Rest, Back, Put, readonly [Size, ...After]>
  : Dynamic;

/** The size of dimension `Dim` of a known shape; negative ones count from the end. */
export type SizeOf<S extends Shape, Dim> = number extends S['length']
  ? number
  : `${Dim & number}` extends `-${infer Back extends number}`
    ? SizeFromEnd<S, Back, []>
    : S[Dim & keyof S] extends infer Size extends number
      ? Size
      : number;
type SizeFromEnd<S extends Shape, Back, After extends 0[]> = S extends readonly [
  ...infer Rest extends Shape,
  infer Size extends number,
]
  ? [...After, 0]['length'] extends Back
    ? Size
    : SizeFromEnd<Rest, Back, [...After, 0]>
  : number;

/** With two dimensions in each other's place. */
export type Swapped<S extends Shape, A, B> = number extends S['length'] | A | B
  ? Dynamic
  : Replace<Replace<S, A, readonly [SizeOf<S, B>]>, B, readonly [SizeOf<S, A>]>;

/** With a dimension of size 1 put in at `Dim`. */
export type Inserted<S extends Shape, Dim> = number extends S['length'] | Dim
  ? Dynamic
  : Dim extends -1 | S['length']
    ? readonly [...S, 1]
    : `${Dim & number}` extends `-${infer Back extends number}`
      ? InsertedFromEnd<S, Back, readonly []>
      : Replace<S, Dim, readonly [1, SizeOf<S, Dim>]>;
type InsertedFromEnd<S extends Shape, Back, After extends Shape> = [...After, 0]['length'] extends Back
  ? readonly [...S, 1, ...After]
  : S extends readonly [...infer Rest extends Shape, infer Size extends number]
    ? InsertedFromEnd<Rest, Back, readonly [Size, ...After]>
    : Dynamic;

/** What a reduction over `Dim` leaves: over all dimensions when it is null, several when it is an array (not followed). */
export type Reduced<S extends Shape, Dim, Keep> = number extends S['length']
  ? Dynamic
  : Dim extends null | undefined
    ? Keep extends false
      ? readonly []
      : Dynamic
    : Dim extends number
      ? Keep extends true
        ? Replace<S, Dim, readonly [1]>
        : Keep extends false
          ? Replace<S, Dim, readonly []>
          : Dynamic
      : Dynamic;

/** A matrix turned around; vectors stay. */
export type Turned<S extends Shape> = S extends readonly [infer n extends number, infer m extends number]
  ? readonly [m, n]
  : S;

/** Dimensions from `Start` on in one, whose size is not followed but where there is only one of them. */
export type Flattened<S extends Shape, Start extends number, End extends number> = number extends
  S['length'] | Start
  ? Dynamic
  : [Start, End] extends [0, -1]
    ? S extends readonly [number]
      ? S
      : readonly [number]
    : [Start, End, S] extends [1, -1, readonly [infer n extends number, number, ...Shape]]
      ? S extends readonly [number, number]
        ? S
        : readonly [n, number]
      : Dynamic;

/** Sizes given to reshape: -1 is to be found, so `number`. */
export type Reshaped<R extends Shape> = number extends R['length']
  ? Dynamic
  : { readonly [I in keyof R]: R[I] extends -1 ? number : R[I] };

/** The shape under another order of its dimensions. */
export type Permuted<S extends Shape, Dims extends Shape> = number extends S['length'] | Dims['length']
  ? Dynamic
  : { readonly [I in keyof Dims]: SizeOf<S, Dims[I]> };
