// Results of operators on one tensor, as types. A signature names a rule for the dtype; what the rule means stands here, once, so
// that thousands of signatures are quick to check. E is the dtype that an option (dtype, out) decides on; `never` when none does.
import type { Device, DType } from '../core/dtype.js';
import type { Tensor } from '../tensor/tensor.js';
import type { dtypeOf, deviceOf, shapeOf, Dynamic } from './gradual.js';
import type { FloatOf, Joined, NumberOf, Or, RealOf, SumOf, TruthOf } from './dtypes.js';
import type { Known, Reduced, Shape } from './shapes.js';
import type { On } from './pairs.js';

/** What becomes of dtype D under each rule. */
interface Rules<D extends DType> {
  same: D;
  /** Integers become float32, as under exp and mean division. */
  float: FloatOf<D>;
  /** Complex numbers become their parts' dtype, as under abs. */
  real: RealOf<D>;
  /** Integers become int64, as in sums. */
  sum: SumOf<D>;
  /** any and all. */
  truth: TruthOf<D>;
  /** Beside a number that may have a fraction. */
  number: NumberOf<D>;
  /** Several tensors in one. */
  joined: Joined<D>;
  bool: 'bool';
  int64: 'int64';
}
type Rule = keyof Rules<DType>;

// Each of these asks a question whose answer is always yes. So the compiler puts off what follows until T is known, not working it
// out for every signature; and calls a result what it is, a Tensor<...>, and not by the alias's name.

/** A tensor of T's device and shape. */
export type Like<T extends Tensor, R extends Rule = 'same', E extends DType = never> = [T] extends [unknown]
  ? Tensor<Or<E, Rules<T[typeof dtypeOf]>[R]>, T[typeof deviceOf], T[typeof shapeOf]>
  : never;

/** A tensor of T's device, and of a shape that is not followed. */
export type Part<T extends Tensor, R extends Rule = 'same', E extends DType = never> = [T] extends [unknown]
  ? Tensor<Or<E, Rules<T[typeof dtypeOf]>[R]>, T[typeof deviceOf]>
  : never;

/** A tensor of T's dtype and device, of shape S. */
export type Shaped<T extends Tensor, S extends Shape> = [T] extends [unknown]
  ? Tensor<T[typeof dtypeOf], T[typeof deviceOf], S>
  : never;

/** What a reduction over dimension `Dim` leaves. */
export type Reduction<T extends Tensor, R extends Rule, Dim, Keep, E extends DType = never> = [T] extends [
  unknown,
]
  ? Tensor<Or<E, Rules<T[typeof dtypeOf]>[R]>, T[typeof deviceOf], Reduced<T[typeof shapeOf], Dim, Keep>>
  : never;

/** A new tensor of dtype E (else D) on device W (else V). */
export type Made<
  E extends DType,
  W extends Device,
  R extends Shape = Dynamic,
  D extends DType = 'float32',
  V extends Device = 'cpu',
> = [E] extends [unknown] ? Tensor<Or<E, D>, [W] extends [never] ? V : On<NoInfer<W>>, Known<R>> : never;
