// Sizes of two dimensions.

/** One number for both, or [height, width]. */
export type Pair = number | readonly [height: number, width: number];

/** As Python prints it. @internal */
export function pair(value: Pair): string {
  // A bigint passes for an integer, as everywhere.
  return typeof value === 'object' ? `(${value.join(', ')})` : `(${value}, ${value})`;
}
