// Values as Python prints them, for the summaries of modules.

/** True or False. @internal */
export function bool(on: boolean): string {
  return on ? 'True' : 'False';
}

/** A number as Python's repr() writes it: whole ones as ints, 0.00001 as 1e-05. null is None. @internal */
export function number(value: number | null): string {
  if (value === null) return 'None';
  if (Number.isInteger(value)) return BigInt(value).toString();
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf';
  const [mantissa, exponent] = value.toExponential().split('e') as [string, string];
  const power = Number(exponent);
  if (power >= -4) return String(value);
  return `${mantissa}e-${String(-power).padStart(2, '0')}`;
}

/** A float: 2 is 2.0. @internal */
export function float(value: number): string {
  return Number.isInteger(value) && Math.abs(value) < 1e16 ? `${value}.0` : number(value);
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
