// The gate before all times: contestants that do other work than the others are not timed. Equal weights and equal batches
// must give equal losses.

/** The largest relative difference that other orders of summation may make in five steps. */
export const TOLERANCE = 1e-4;
/** On a GPU convolutions multiply in TF32, ten bits of mantissa, where the library's choice of a kernel says so. */
export const GPU_TOLERANCE = 1e-3;

/**
 * Holds a contestant's losses against the reference's.
 *
 * @param wanted the reference's losses, of as many steps
 * @param gate 'bits' where they must be the same numbers, 'gpu' where GPU_TOLERANCE is allowed
 * @returns { passed, text, difference }: the largest relative difference, and both in words
 */
export function compareLosses(losses, wanted, gate) {
  if (!Array.isArray(losses) || losses.length !== wanted.length)
    return { passed: false, text: `${losses?.length ?? 0} losses instead of ${wanted.length}` };
  const differences = losses.map((loss, i) => Math.abs(loss - wanted[i]) / Math.abs(wanted[i]));
  const difference = Math.max(...differences.map((each) => (Number.isNaN(each) ? Infinity : each)));
  // A contestant that prints float32 in fewer digits gives the same float32.
  if (losses.every((loss, i) => Object.is(Math.fround(loss), Math.fround(wanted[i]))))
    return { passed: true, text: 'the same bits', difference };
  const limit = { bits: 0, gpu: GPU_TOLERANCE }[gate] ?? TOLERANCE;
  const passed = difference <= limit;
  const i = differences.findIndex((each) => !(each <= limit));
  const text = passed
    ? `within ${difference.toExponential(1)}`
    : `not timed: the loss of step ${i + 1} is ${losses[i]}, the reference's ${wanted[i]}${gate === 'bits' ? ' (the same bits are wanted)' : ''}`;
  return { passed, text, difference };
}
