// PyTorch's type promotion as types: https://docs.pytorch.org/docs/stable/tensor_attributes.html. Tables, not conditions: a
// look-up is quick to check, and a union of dtypes gives the union of the results. What is made of a dtype that is not known is not
// known either.
import type { DType } from '../core/dtype.js';
import type { Dynamic } from './gradual.js';

/** What a table says of a dtype; nothing is known of the rare ones, which no table has. */
type In<Table, D> = D extends keyof Table ? Table[D] : Dynamic;

/** X, of which the compiler need not find out that it is a C: that would take it longer than all else. */
export type As<X, C> = [X] extends [infer Y extends C] ? Y : never;

/** The dtype that was chosen. NoInfer: what a result is assigned to chooses nothing. */
export type Told<E extends DType> = DType extends E ? Dynamic : NoInfer<E>;

/** The dtype that was chosen, or another where none was. */
export type Or<E extends DType, Otherwise extends DType> = [E] extends [never] ? Otherwise : Told<E>;

/** Both dtypes beside each other, in tensors of one dimension or more: torch.promoteTypes. */
/* prettier-ignore */
interface Promotions {
  bool:       Row<'bool',       'uint8',      'int8',       'int16',      'int32',      'int64',      'float16',    'bfloat16',   'float32',    'float64',    'complex64'>;
  uint8:      Row<'uint8',      'uint8',      'int16',      'int16',      'int32',      'int64',      'float16',    'bfloat16',   'float32',    'float64',    'complex64'>;
  int8:       Row<'int8',       'int16',      'int8',       'int16',      'int32',      'int64',      'float16',    'bfloat16',   'float32',    'float64',    'complex64'>;
  int16:      Row<'int16',      'int16',      'int16',      'int16',      'int32',      'int64',      'float16',    'bfloat16',   'float32',    'float64',    'complex64'>;
  int32:      Row<'int32',      'int32',      'int32',      'int32',      'int32',      'int64',      'float16',    'bfloat16',   'float32',    'float64',    'complex64'>;
  int64:      Row<'int64',      'int64',      'int64',      'int64',      'int64',      'int64',      'float16',    'bfloat16',   'float32',    'float64',    'complex64'>;
  float16:    Row<'float16',    'float16',    'float16',    'float16',    'float16',    'float16',    'float16',    'float32',    'float32',    'float64',    'complex64'>;
  bfloat16:   Row<'bfloat16',   'bfloat16',   'bfloat16',   'bfloat16',   'bfloat16',   'bfloat16',   'float32',    'bfloat16',   'float32',    'float64',    'complex64'>;
  float32:    Row<'float32',    'float32',    'float32',    'float32',    'float32',    'float32',    'float32',    'float32',    'float32',    'float64',    'complex64'>;
  float64:    Row<'float64',    'float64',    'float64',    'float64',    'float64',    'float64',    'float64',    'float64',    'float64',    'float64',    'complex128'>;
  complex64:  Row<'complex64',  'complex64',  'complex64',  'complex64',  'complex64',  'complex64',  'complex64',  'complex64',  'complex64',  'complex128', 'complex64'>;
  complex128: Row<'complex128', 'complex128', 'complex128', 'complex128', 'complex128', 'complex128', 'complex128', 'complex128', 'complex128', 'complex128', 'complex128'>;
}
/* prettier-ignore */
interface Row<Bool, Uint8, Int8, Int16, Int32, Int64, Float16, Bfloat16, Float32, Float64, Complex64> {
  bool: Bool; uint8: Uint8; int8: Int8; int16: Int16; int32: Int32; int64: Int64;
  float16: Float16; bfloat16: Bfloat16; float32: Float32; float64: Float64; complex64: Complex64; complex128: 'complex128';
}

/** The dtype of two dtypes beside each other. */
export type Promote<D extends DType, E extends DType> = D extends keyof Promotions
  ? In<Promotions[D], E>
  : Dynamic;

/** The dtype of tensors of these dtypes in one. */
export type Joined<D extends DType> = DType extends D ? Dynamic : Promote<D, D>;

/** What functions such as exp, sin and true division give: integers become float32. */
/* prettier-ignore */
interface Floats {
  bool: 'float32'; uint8: 'float32'; int8: 'float32'; int16: 'float32'; int32: 'float32'; int64: 'float32';
  float16: 'float16'; bfloat16: 'bfloat16'; float32: 'float32'; float64: 'float64';
  complex64: 'complex64'; complex128: 'complex128';
}
export type FloatOf<D extends DType> = DType extends D ? Dynamic : In<Floats, D>;

/** What abs and its kin give: the parts' dtype for complex numbers, all others their own. */
/* prettier-ignore */
interface Reals {
  bool: 'bool'; uint8: 'uint8'; int8: 'int8'; int16: 'int16'; int32: 'int32'; int64: 'int64';
  float16: 'float16'; bfloat16: 'bfloat16'; float32: 'float32'; float64: 'float64';
  complex64: 'float32'; complex128: 'float64';
}
export type RealOf<D extends DType> = DType extends D ? Dynamic : In<Reals, D>;

/** What sums and products over elements give: int64 for integers. */
/* prettier-ignore */
interface Sums {
  bool: 'int64'; uint8: 'int64'; int8: 'int64'; int16: 'int64'; int32: 'int64'; int64: 'int64';
  float16: 'float16'; bfloat16: 'bfloat16'; float32: 'float32'; float64: 'float64';
  complex64: 'complex64'; complex128: 'complex128';
}
export type SumOf<D extends DType> = DType extends D ? Dynamic : In<Sums, D>;

/** What any and all give: bool, but for uint8. */
/* prettier-ignore */
interface Truths {
  bool: 'bool'; uint8: 'uint8'; int8: 'bool'; int16: 'bool'; int32: 'bool'; int64: 'bool';
  float16: 'bool'; bfloat16: 'bool'; float32: 'bool'; float64: 'bool'; complex64: 'bool'; complex128: 'bool';
}
export type TruthOf<D extends DType> = DType extends D ? Dynamic : In<Truths, D>;

/** Beside an integer. */
/* prettier-ignore */
interface WithInteger {
  bool: 'int64'; uint8: 'uint8'; int8: 'int8'; int16: 'int16'; int32: 'int32'; int64: 'int64';
  float16: 'float16'; bfloat16: 'bfloat16'; float32: 'float32'; float64: 'float64';
  complex64: 'complex64'; complex128: 'complex128';
}

/**
 * The dtype of a tensor's elements beside a JavaScript number, which makes them no wider within their kind. A fraction
 * turns integers into float32, and of a `number` that is no literal the type does not tell whether it is one.
 */
export type WithNumber<D extends DType, N> = N extends boolean
  ? D
  : N extends bigint
    ? In<WithInteger, D>
    : N extends number
      ? `${N}` extends `${bigint}`
        ? In<WithInteger, D>
        : number extends N
          ? In<WithInteger, D> | In<Floats, D>
          : `${N}` extends `${string}e+${string}`
            ? In<WithInteger, D> | In<Floats, D>
            : In<Floats, D>
      : Dynamic; // a complex number, or one whose dtype was given

/** Beside a number of which the type does not tell whether it is whole. */
export type NumberOf<D extends DType> = DType extends D ? Dynamic : WithNumber<D, number>;

type Complex = 'complex64' | 'complex128';
type Float = 'float16' | 'bfloat16' | 'float32' | 'float64';

/** The dtypes whose kind (bool, integer, floating point, complex) is D's or one below it. */
type NoWiderKind<D extends DType> = D extends Complex
  ? DType
  : D extends Float
    ? Exclude<DType, Complex>
    : D extends 'bool'
      ? 'bool'
      : Exclude<DType, Complex | Float>;

/** Elements of D in a tensor that has dimensions beside E in one that has none. */
export type WithScalarTensor<D extends DType, E extends DType> = D extends DType
  ? E extends NoWiderKind<D>
    ? D
    : // A complex number takes its precision from a floating point tensor.
      Promote<D, [D, E] extends [Float, Complex] ? 'complex64' : E>
  : never;
