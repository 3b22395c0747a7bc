// A method of a TorchScript module: its arguments and results cross as an operator's do.
import { native } from '../native/binding.js';
import type { OperatorDescription } from '../native/binding.js';
import { Operator } from '../operators/operators.js';

/** Finds a method once. `handle` gives the module's handle, or throws where it was released. @internal */
export function scriptMethod(
  where: string,
  handle: () => number,
  description: OperatorDescription,
): Operator {
  return new Operator(where, description, {
    now: (encoded) => native.callScript(handle(), description.id, encoded),
    later: (encoded) => native.callScriptAsync(handle(), description.id, encoded),
  });
}
