// How the functions in this folder call operators.
import { operator } from '../../operators/operators.js';
import type { Tensor } from '../../tensor/tensor.js';

/** Calls an operator of aten that gives one tensor. @internal */
export function aten(name: string, ...args: unknown[]): Tensor {
  return operator(`aten::${name}`).call(...args) as Tensor;
}

/** Calls an operator of aten that gives values and the indices they come from. @internal */
export function atenPair(name: string, ...args: unknown[]): [values: Tensor, indices: Tensor] {
  return operator(`aten::${name}`).call(...args) as [Tensor, Tensor];
}
