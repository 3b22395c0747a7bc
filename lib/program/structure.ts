// What a step gives: tensors in nested arrays and plain objects, taken out and put in again.
import { describe } from '../core/describe.js';
import { ArgumentTypeError } from '../core/errors.js';
import { flatten, type Structure } from '../core/tree.js';
import { isTensor, type Tensor } from '../tensor/tensor.js';

/** What a step may give: tensors, and arrays, Maps, Sets and plain objects of such. */
export type Outputs =
  | Tensor
  | null
  | undefined
  | void // eslint-disable-line @typescript-eslint/no-invalid-void-type -- a step may give nothing
  | readonly Outputs[]
  | ReadonlyMap<unknown, Outputs>
  | ReadonlySet<Outputs>
  | { readonly [name: string]: Outputs };

/** Makes a structure again with other tensors, which it asks for in order. */
export type Template = Structure<Tensor>;

/** Adds the tensors of a structure to a list, in order, and gives its template. */
export function takeApart(value: unknown, tensors: Tensor[], path = 'what the step gives'): Template {
  return flatten(value, tensors, isTensor, constant, { where: 'compileStep' }, path);
}

function constant(value: unknown, path: string): unknown {
  if (value === undefined || value === null) return value;
  throw new ArgumentTypeError(
    'compileStep',
    `${path}: expected a tensor, or arrays and objects of tensors, got ${describe(value)}; what was worked out while the step was recorded would be the same after every step`,
  );
}
