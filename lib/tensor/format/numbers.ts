// Floating-point numbers as Python writes them. JavaScript's toFixed() and toExponential() are exact too, but round
// halves away from zero, where Python rounds them to even: 0.03125 with four digits is 0.0313 here and 0.0312 there.

/** Python's f"{value:.{digits}f}". */
export function fixed(value: number, digits: number): string {
  if (!Number.isFinite(value)) return notFinite(value);
  const magnitude = Math.abs(value);
  // From 1e21 on toFixed() writes an exponent. All such numbers are whole.
  const text =
    magnitude < 1e21
      ? halfToEven(magnitude.toFixed(digits), magnitude, digits)
      : `${BigInt(magnitude)}${digits > 0 ? `.${'0'.repeat(digits)}` : ''}`;
  return `${sign(value)}${text}`;
}

/** Python's f"{value:.{digits}e}": the exponent has two digits at least. */
export function exponential(value: number, digits: number): string {
  if (!Number.isFinite(value)) return notFinite(value);
  const magnitude = Math.abs(value);
  const [mantissa, power] = magnitude.toExponential(digits).split('e') as [string, string];
  const text = halfToEven(mantissa, magnitude, digits - Number(power));
  return `${sign(value)}${text}e${power[0]!}${power.slice(1).padStart(2, '0')}`;
}

function notFinite(value: number): string {
  return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf';
}

function sign(value: number): string {
  return value < 0 || Object.is(value, -0) ? '-' : '';
}

// A half that was rounded up to an odd digit should have been rounded down, to the even one below.
function halfToEven(text: string, magnitude: number, places: number): string {
  const last = Number(text.at(-1));
  return last % 2 === 1 && isHalfway(magnitude, places) ? `${text.slice(0, -1)}${last - 1}` : text;
}

// Whether a number lies exactly between two multiples of 10^-places, that is, whether 2 * 10^places times it is an odd
// integer. Multiplying by the powers of two in that is exact; powers of five beyond 5^22 exceed 2^53 and divide nothing.
function isHalfway(magnitude: number, places: number): boolean {
  const scaled = magnitude * 2 ** (places + 1);
  return scaled % 2 === 1 && (places >= 0 || scaled % 5 ** -places === 0);
}
