// Tensors in nested arrays and plain objects, taken out and put in again.
import { describe } from '../core/describe.js';
import { ArgumentTypeError } from '../core/errors.js';
import { isTensor, type Tensor } from '../tensor/tensor.js';

/** What a step may give: tensors, and arrays and plain objects of such. */
export type Outputs =
  | Tensor
  | null
  | undefined
  | void // eslint-disable-line @typescript-eslint/no-invalid-void-type -- a step may give nothing
  | readonly Outputs[]
  | { readonly [name: string]: Outputs };

/** Makes a structure again with other tensors, which it asks for in order. */
export type Template = (next: () => Tensor) => unknown;

/** Adds the tensors of a structure to a list, in order, and gives its template. */
export function takeApart(value: unknown, tensors: Tensor[], path = 'what the step gives'): Template {
  if (value === undefined || value === null) return () => value;
  if (isTensor(value)) {
    tensors.push(value);
    return (next) => next();
  }
  if (Array.isArray(value)) {
    const items = value.map((item, i) => takeApart(item, tensors, `${path}[${i}]`));
    return (next) => items.map((item) => item(next));
  }
  if (isPlain(value)) {
    const entries = Object.entries(value).map(([name, item]): [string, Template] => [
      name,
      takeApart(item, tensors, `${path}.${name}`),
    ]);
    return (next) => Object.fromEntries(entries.map(([name, item]) => [name, item(next)]));
  }
  throw new ArgumentTypeError(
    'compileStep',
    `${path}: expected a tensor, or arrays and objects of tensors, got ${describe(value)}; what was worked out while the step was recorded would be the same after every step`,
  );
}

// An object of no class, of whatever realm.
function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype = Object.getPrototypeOf(value) as object | null;
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
