// Rows that hold one number of ours a round against one of Python's; smaller is better.
import { amountOf, median, ratios, spread } from '../numbers.mjs';

/** A row in which a ratio to Python is wanted. */
export function compared(python, name, unit, mine, theirs, target) {
  const amount = (list) => amountOf(list, unit);
  const cells = {
    name,
    ours: amount(mine),
    theirs: python.command ? amount(theirs) : '–',
    target: '–',
    met: '–',
  };
  if (target !== undefined) cells.target = `≤ ${target}`;
  if (!python.command) return { ...cells, ratio: python.missing, samples: { mine } };
  return { ...cells, ...ratioOf(mine, theirs, target), samples: { mine, theirs } };
}

/** The cells for a ratio taken round by round. */
export function ratioOf(mine, others, target) {
  const list = ratios(mine, others);
  const met = target === undefined ? '–' : median(list) <= target ? 'yes' : 'no';
  return { ratio: spread(list), met };
}
