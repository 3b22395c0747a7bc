// The _foreach_ operators: one call for a list of tensors. Which overload is meant follows from the last argument.
import { isTensor, Tensor } from '../tensor/tensor.js';
import { operator } from '../operators/operators.js';

type Argument = Tensor | number | readonly Tensor[] | readonly number[];

/** As in foreach('add', gradients, parameters, { alpha: 0.1 }): new tensors. */
export function foreach(
  name: string,
  self: readonly Tensor[],
  ...args: (Argument | { alpha: number })[]
): Tensor[] {
  return call(name, self, args) as Tensor[];
}

/** As in foreach_('mul', averages, 0.9): writes into the tensors of the first list. */
export function foreach_(
  name: string,
  self: readonly Tensor[],
  ...args: (Argument | { alpha: number })[]
): void {
  call(`${name}_`, self, args);
}

function call(name: string, self: readonly Tensor[], args: (Argument | { alpha: number })[]): unknown {
  const last = args.at(-1);
  const alpha =
    typeof last === 'object' && 'alpha' in last && !isTensor(last) && !Array.isArray(last)
      ? [last.alpha]
      : [];
  const given = alpha.length > 0 ? args.slice(0, -1) : args;
  return operator(`aten::_foreach_${name}${overload(name, given.at(-1) as Argument | undefined)}`).call(
    self,
    ...given,
    ...alpha,
  );
}

function overload(name: string, last: Argument | undefined): string {
  if (last === undefined || name === 'copy_') return '';
  if (typeof last === 'number') return '.Scalar';
  if (isTensor(last)) return '.Tensor';
  // addcmul(self, a, b) has tensors last and takes the default of its scalar.
  if (typeof last[0] === 'number') return '.ScalarList';
  return name.startsWith('addc') ? '.Scalar' : '.List';
}
