// Results of operators on one tensor, as types. A signature names a rule for the dtype; what the rule means stands here, once, so
// that thousands of signatures are quick to check. E is the dtype that an option (dtype, out) decides on; `never` when none does.
import type { Device, DType } from '../tensor/dtype.js';
import type { Tensor } from '../tensor/tensor.js';
import type { FloatOf, NumberOf, Or, RealOf, SumOf, TruthOf } from './dtypes.js';
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
  bool: 'bool';
  int64: 'int64';
}
type Rule = keyof Rules<DType>;

// Each of these looks a property up, so that the compiler calls a result what it is, a Tensor<...>, and not by the alias's name.

/** A tensor of T's device and shape. */
export type Like<T extends Tensor, R extends Rule = 'same', E extends DType = never> = {
  is: Tensor<Or<E, Rules<T['dtype']>[R]>, T['device'], T['shape']>;
}['is'];

/** A tensor of T's device, and of a shape that is not followed. */
export type Part<T extends Tensor, R extends Rule = 'same', E extends DType = never> = {
  is: Tensor<Or<E, Rules<T['dtype']>[R]>, T['device']>;
}['is'];

/** A tensor of T's dtype and device, of shape S. */
export type Shaped<T extends Tensor, S extends Shape> = { is: Tensor<T['dtype'], T['device'], S> }['is'];

/** What a reduction over dimension `Dim` leaves. */
export type Reduction<T extends Tensor, R extends Rule, Dim, Keep, E extends DType = never> = {
  is: Tensor<Or<E, Rules<T['dtype']>[R]>, T['device'], Reduced<T['shape'], Dim, Keep>>;
}['is'];

/** A new tensor of dtype E (else D) on device W (else V). */
export type Made<
  E extends DType,
  W extends Device,
  R extends Shape = Shape,
  D extends DType = 'float32',
  V extends Device = 'cpu',
> = { is: Tensor<Or<E, D>, [W] extends [never] ? V : On<NoInfer<W>>, Known<R>> }['is'];
