// Hyperparameters: JavaScript numbers, or tensors of one element, as PyTorch takes for learning rates. Arithmetic between
// them goes as in Python: two numbers give a float64, a tensor and a number a tensor of the tensor's dtype.
import { outsideOfStep } from '../program/recording.js';
import { isTensor, type Tensor } from '../tensor/tensor.js';
import { operator } from '../operators/operators.js';

/** A number, or a tensor of one element. */
export type Value = number | Tensor;

export function plus(a: number, b: number): number;
export function plus(a: Value, b: Value): Value;
export function plus(a: Value, b: Value): Value {
  if (typeof a === 'number') return typeof b === 'number' ? a + b : b.add(a);
  return a.add(b);
}

export function minus(a: number, b: number): number;
export function minus(a: Value, b: Value): Value;
export function minus(a: Value, b: Value): Value {
  if (typeof a === 'number') {
    return typeof b === 'number' ? a - b : (operator('aten::rsub.Scalar').call(b, a) as Tensor);
  }
  return a.sub(b);
}

export function times(a: number, b: number): number;
export function times(a: Value, b: Value): Value;
export function times(a: Value, b: Value): Value {
  if (typeof a === 'number') return typeof b === 'number' ? a * b : b.mul(a);
  return a.mul(b);
}

/** Python divides a number by a tensor as the tensor's reciprocal times the number. */
export function over(a: number, b: number): number;
export function over(a: Value, b: Value): Value;
export function over(a: Value, b: Value): Value {
  if (typeof a === 'number') return typeof b === 'number' ? a / b : b.reciprocal().mul(a);
  return a.div(b);
}

export function negative(a: number): number;
export function negative(a: Value): Value;
export function negative(a: Value): Value {
  return typeof a === 'number' ? -a : a.neg();
}

export function power(a: Value, exponent: number): Value {
  return typeof a === 'number' ? pow(a, exponent) : a.pow(exponent);
}

/** The value as a number; reads a tensor. */
export function numberOf(a: Value): number {
  return typeof a === 'number' ? a : a.item();
}

// ---- comparisons, which a tensor makes in its own dtype ----

/** a < b */
export function less(a: Value, b: Value): boolean {
  if (isTensor(a)) return a.lt(b).item();
  return isTensor(b) ? b.gt(a).item() : a < b;
}

/** a <= b */
export function lessOrEqual(a: Value, b: Value): boolean {
  if (isTensor(a)) return a.le(b as number).item();
  return isTensor(b) ? b.ge(a).item() : a <= b;
}

/** Python's min: the first where they are equal, or cannot be compared. */
export function smaller(a: Value, b: Value): Value {
  return less(b, a) ? b : a;
}
/** Python's max. */
export function larger(a: Value, b: Value): Value {
  return less(a, b) ? b : a;
}

// ---- the C library's functions ----
// V8 computes powers, cosines and logarithms itself, and one power in ten differs from the C library's in its last bit.
// Python asks the C library, and so do the kernels of these operators.

const REMEMBERED = 64;
// All parameters of a step ask for the same powers.
const powers = new Map<number, Map<number, number>>();

/** base ** exponent, as the C library has it. */
export function pow(base: number, exponent: number): number {
  let known = powers.get(base);
  if (known === undefined) {
    if (powers.size >= REMEMBERED) powers.clear();
    powers.set(base, (known = new Map<number, number>()));
  }
  let result = known.get(exponent);
  if (result === undefined) {
    if (known.size >= REMEMBERED) known.clear();
    // A number that JavaScript goes on with is no part of a step that is being recorded.
    result = outsideOfStep(() =>
      item(operator('aten::logspace').call(exponent, exponent, 1, base, 'float64') as Tensor),
    );
    known.set(exponent, result);
  }
  return result;
}

/** The cosine, as the C library has it. */
export function cos(x: number): number {
  const one = double(1);
  const angle = double(x);
  const turned = operator('aten::polar').call(one, angle) as Tensor;
  const value = turned.dataSync()[0] as number;
  for (const tensor of [one, angle, turned]) tensor.dispose();
  return value;
}

/** The natural logarithm, as the C library has it. */
export function log(x: number): number {
  const one = double(1);
  const argument = double(x);
  const value = item(operator('aten::xlogy.Tensor').call(one, argument) as Tensor);
  one.dispose();
  argument.dispose();
  return value;
}

function double(x: number): Tensor {
  return operator('aten::scalar_tensor').call(x, 'float64') as Tensor;
}

function item(tensor: Tensor): number {
  const value = tensor.item();
  tensor.dispose();
  return value;
}
