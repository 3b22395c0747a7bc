// Values as Python prints them, for the modules' texts.

/** A number as Python prints a float: 1 as "1.0", 0.00001 as "1e-05". @internal */
export function pythonFloat(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf';
  const [digits, power] = value.toExponential().split('e') as [string, string];
  const exponent = Number(power);
  if (exponent < -4 || exponent >= 16)
    return `${digits}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
  return Number.isInteger(value) ? `${value}.0` : String(value);
}

/** @internal */
export function pythonBool(value: boolean): string {
  return value ? 'True' : 'False';
}

/** A tuple of integers: "(2,)", "(2, 3)". @internal */
export function pythonTuple(values: readonly number[]): string {
  return `(${values.join(', ')}${values.length === 1 ? ',' : ''})`;
}
