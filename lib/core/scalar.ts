// Scalars: numbers as operators take them. JavaScript's own; complex ones, written { re, im }; and those that say which
// dtype they are of, as JavaScript's 2 does not tell whether it is an integer.
import { expectNoMore } from './options.js';
import { inspect } from 'node:util';
import { TorchError, ArgumentTypeError } from './errors.js';

/** A complex number, as `{ re: 1, im: -2 }`: what `item()` of a complex tensor gives, and what every Scalar may be. */
export interface Complex {
  readonly re: number;
  readonly im: number;
}

/** The types that a Scalar of PyTorch's may have: those of Python's float, int, bool and complex. */
export type ScalarDType = 'float64' | 'int64' | 'bool' | 'complex128';

const scalarMark: unique symbol = Symbol.for('torch-node.scalar');

/** A number together with its type. Made by `scalar`. */
export interface TypedScalar {
  readonly dtype: ScalarDType;
  readonly value: number | bigint | boolean | Complex;
  /** @internal */
  readonly [scalarMark]: true;
}

/**
 * A number for an operator. A JavaScript number without a fraction is an integer, as is a bigint; with one (and beyond
 * 2^53, infinite, NaN or -0) it is a float. `scalar(2, 'float64')` is what 2.0 is in Python.
 */
export type Scalar = number | bigint | boolean | Complex | TypedScalar;

const DTYPES: readonly ScalarDType[] = ['float64', 'int64', 'bool', 'complex128'];

/**
 * A number of a type, for wherever an operator takes a Scalar: `scalar(2, 'float64')` is Python's 2.0, `scalar(2,
 * 'complex128')` its complex(2), `scalar(1, 'bool')` its True. Takes part in type promotion as these do. A plain frozen
 * object, which may be kept and passed on.
 *
 * @throws TorchError for another dtype, and for a value that the dtype does not hold: a fraction for int64, a complex
 *   number for any but complex128
 */
export function scalar(value: Scalar, dtype: ScalarDType): TypedScalar {
  expectNoMore('scalar', arguments, 2);
  const wrong = (expected: string, given: unknown): TorchError =>
    new ArgumentTypeError('scalar', `expected ${expected}, got ${inspect(given)}`);
  if (!DTYPES.includes(dtype)) throw wrong(`a dtype, one of ${DTYPES.join(', ')}`, dtype);
  if (!isNumeric(value)) throw wrong('a number, a bigint, a boolean or a complex { re, im }', value);
  const plain = plainScalar(value);
  const typed = (held: TypedScalar['value']): TypedScalar =>
    Object.freeze({ dtype, value: held, [scalarMark]: true as const });
  if (dtype === 'complex128')
    return typed(
      Object.freeze(isComplex(plain) ? { re: plain.re, im: plain.im } : { re: Number(plain), im: 0 }),
    );
  if (isComplex(plain)) throw wrong(`a number that ${dtype} holds`, plain);
  if (dtype === 'bool') return typed(Boolean(plain));
  if (dtype === 'float64') return typed(Number(plain));
  if (typeof plain === 'bigint') {
    if (BigInt.asIntN(64, plain) !== plain) throw wrong('an integer of 64 bits', plain);
    return typed(plain);
  }
  if (!Number.isSafeInteger(Number(plain))) throw wrong('an integer (a bigint beyond 2^53)', plain);
  return typed(Number(plain));
}

/** Whether a value is a complex number: an object of two numbers, `re` and `im`. @internal */
export function isComplex(value: unknown): value is Complex {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as { re?: unknown }).re === 'number' &&
    typeof (value as { im?: unknown }).im === 'number'
  );
}

/** Whether a value is what `scalar` gives, in whichever realm. @internal */
export function isTypedScalar(value: unknown): value is TypedScalar {
  return typeof value === 'object' && value !== null && scalarMark in value;
}

/** Whether a value is a number as tensors hold them. @internal */
export function isNumeric(value: unknown): value is Scalar {
  switch (typeof value) {
    case 'number':
    case 'bigint':
    case 'boolean':
      return true;
    default:
      return isTypedScalar(value) || isComplex(value);
  }
}

/** The number by itself: a typed integer as a bigint, a typed float as a number. @internal */
export function plainScalar(value: Scalar): number | bigint | boolean | Complex {
  if (!isTypedScalar(value)) return value;
  return value.dtype === 'int64' ? BigInt(value.value as number | bigint) : value.value;
}

/** As `scalar(2, 'float64')` or `{ re: 1, im: 2 }`, for messages; undefined for what is neither. @internal */
export function describeScalar(value: unknown): string | undefined {
  const plain = (number: TypedScalar['value']): string =>
    isComplex(number) ? `{ re: ${number.re}, im: ${number.im} }` : String(number);
  if (isTypedScalar(value)) return `scalar(${plain(value.value)}, '${value.dtype}')`;
  return isComplex(value) ? plain(value) : undefined;
}
