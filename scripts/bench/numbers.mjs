// Medians, quartiles and ratios of measurements.

export function quantile(list, q) {
  const sorted = [...list].sort((a, b) => a - b);
  const at = q * (sorted.length - 1);
  const low = Math.floor(at);
  return sorted[low] + (at - low) * ((sorted[low + 1] ?? sorted[low]) - sorted[low]);
}

export const median = (list) => quantile(list, 0.5);

/** { low, middle, high }: the quartiles. */
export function quartiles(list) {
  const [low, middle, high] = [0.25, 0.5, 0.75].map((q) => quantile(list, q));
  return { low, middle, high };
}

/** Ratios taken round by round: what disturbed a round disturbed both of its measurements. */
export const ratios = (above, below) => above.map((value, i) => value / below[i]);

/** Four digits of the median, with its unit. */
export const amountOf = (list, unit) => `${Number(median(list).toPrecision(4))} ${unit}`;

/** `2.31 [2.20, 2.40]`; one measurement has no quartiles. Small numbers keep two digits. */
export function spread(list, digits = 2) {
  const { low, middle, high } = quartiles(list);
  const text = (value) =>
    Math.abs(value) < 0.1 ? Number(value.toPrecision(2)).toString() : value.toFixed(digits);
  return list.length > 1 ? `${text(middle)} [${text(low)}, ${text(high)}]` : text(middle);
}

/** Calls each measurement in turn, round after round, and gives one list for each. */
export async function inTurn(times, measurements, { beforeRound, afterRound } = {}) {
  const lists = measurements.map(() => []);
  for (let round = 0; round < times; round++) {
    await beforeRound?.(round);
    for (const [i, measure] of measurements.entries()) lists[i].push(await measure());
    await afterRound?.(round);
  }
  return lists;
}
