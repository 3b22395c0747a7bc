import { describe } from '../../core/describe.js';
// Values as Python prints them, for the summaries of modules. What the types do not allow is printed too, in words: a
// module may learn only at its first forward that an option is wrong.

/** True or False. @internal */
export function bool(on: boolean): string {
  return on ? 'True' : 'False';
}

/** A number as Python's repr() writes it: whole ones as ints, 0.00001 as 1e-05. null is None. @internal */
export function number(value: number | null): string {
  if (value === null) return 'None';
  if (typeof value !== 'number') return typeof value === 'bigint' ? String(value) : describe(value);
  if (Number.isInteger(value)) return BigInt(value).toString();
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf';
  const [mantissa, exponent] = value.toExponential().split('e') as [string, string];
  const power = Number(exponent);
  if (power >= -4) return String(value);
  return `${mantissa}e-${String(-power).padStart(2, '0')}`;
}

/** A float: 2 is 2.0. @internal */
export function float(value: number): string {
  const plain = typeof value === 'bigint' ? Number(value) : value;
  return Number.isInteger(plain) && Math.abs(plain) < 1e16 ? `${plain}.0` : number(plain);
}

/** (1, 2), and (1,) for one value. @internal */
export function tuple<T extends number | null>(
  values: readonly T[],
  text: (value: T) => string = number,
): string {
  if (!Array.isArray(values)) return describe(values);
  return `(${(values as readonly T[]).map((value) => text(value)).join(', ')}${values.length === 1 ? ',' : ''})`;
}

/** A size as it was given: a number, or a tuple. @internal */
export function size(value: number | null | readonly (number | null)[]): string {
  return Array.isArray(value) ? tuple(value as readonly (number | null)[]) : number(value as number | null);
}
