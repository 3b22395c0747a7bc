// What the course itself reports: ten epochs, batches of 32, one run a network on a GPU.
import type { Evaluation } from './metrics.js';

/** How long the course trained its networks. */
export const COURSE_EPOCHS = 10;

/** The losses are finite numbers in every row. */
export type CourseRow = { [key in keyof Evaluation]: number };

const row = (
  trainLoss: number,
  trainAccuracy: number,
  testLoss: number,
  testAccuracy: number,
): CourseRow => ({ trainLoss, trainAccuracy, testLoss, testAccuracy });

/** Its Table 2. Accuracies in percent, losses to two digits. */
export const COURSE: Readonly<Record<string, CourseRow>> = {
  original: row(1.08, 61.69, 1.16, 58.58),
  mlp2: row(1.18, 59.06, 1.36, 51.95),
  mlp3: row(1.15, 59.71, 1.35, 52.6),
  mlp4: row(1.18, 58.39, 1.37, 51.69),
  mlp5: row(1.22, 56.32, 1.39, 50.67),
  'double-channel': row(0.93, 67.43, 1.03, 64.09),
  conv1: row(1.02, 63.78, 1.21, 56.9),
  conv3: row(1.27, 54.7, 1.29, 53.7),
  'leaky-relu': row(1.15, 58.9, 1.21, 56.7),
  tanh: row(1.11, 60.2, 1.16, 58.96),
  'low-lr': row(1.88, 31.2, 1.88, 31.7),
  'high-lr': row(0.77, 72.5, 1.19, 61.3),
};

/** Its Table 1, of part 1: the label and the prediction of each of twenty test pictures. */
export const COURSE_PREDICTIONS: readonly (readonly [label: string, prediction: string])[] = [
  ['plane', 'plane'],
  ['plane', 'ship'],
  ['car', 'car'],
  ['car', 'car'],
  ['bird', 'bird'],
  ['bird', 'cat'],
  ['cat', 'bird'],
  ['cat', 'bird'],
  ['deer', 'bird'],
  ['deer', 'deer'],
  ['dog', 'dog'],
  ['dog', 'deer'],
  ['frog', 'frog'],
  ['frog', 'frog'],
  ['horse', 'horse'],
  ['horse', 'horse'],
  ['ship', 'ship'],
  ['ship', 'ship'],
  ['truck', 'truck'],
  ['truck', 'cat'],
];

export const COURSE_RIGHT = COURSE_PREDICTIONS.filter(([label, prediction]) => label === prediction).length;

/**
 * What one run of the course's can and cannot say.
 *
 * @param spread the standard deviation of our test accuracies over seeds, in points, where it is known
 */
export function courseLimits(spread?: number | null): string {
  const ours =
    spread === undefined || spread === null ? '' : ` (our own seeds spread by ± ${spread.toFixed(2)} points)`;
  return (
    'The course’s are of one run a network, on a GPU, whose seed is not known: they show which networks are far apart, ' +
    `while a difference of about a point either way says nothing, since another seed moves a result by as much${ours}.`
  );
}

/** The measures in the order of the course's table, with how they are written. */
export const MEASURES: readonly { key: keyof Evaluation; name: string; digits: number; unit: string }[] = [
  { key: 'trainLoss', name: 'train loss', digits: 2, unit: '' },
  { key: 'trainAccuracy', name: 'train accuracy', digits: 2, unit: ' %' },
  { key: 'testLoss', name: 'test loss', digits: 2, unit: '' },
  { key: 'testAccuracy', name: 'test accuracy', digits: 2, unit: ' %' },
];

/** A difference to the course with its sign, as in +0.42. */
export function signed(value: number, digits = 2): string {
  // Rounded first: nothing is −0.00.
  const rounded = Number(value.toFixed(digits));
  return `${rounded < 0 ? '−' : '+'}${Math.abs(rounded).toFixed(digits)}`;
}
