// Numbers and sizes as Python prints them, for the summaries of modules.
import { pythonFloat } from './text.js';

export { pythonBool as bool, pythonFloat as float } from './text.js';

/** A number as Python's repr() writes it, whole ones as ints. null is None. @internal */
export function number(value: number | null): string {
  if (value === null) return 'None';
  return Number.isInteger(value) ? String(BigInt(value)) : pythonFloat(value);
}

/** (1, 2), and (1,) for one value. @internal */
export function tuple<T extends number | null>(
  values: readonly T[],
  text: (value: T) => string = number,
): string {
  return `(${values.map((value) => text(value)).join(', ')}${values.length === 1 ? ',' : ''})`;
}

/** A size as it was given: a number, or a tuple. @internal */
export function size(value: number | null | readonly (number | null)[]): string {
  return typeof value === 'object' && value !== null ? tuple(value) : number(value);
}
