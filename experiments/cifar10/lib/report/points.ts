// The points of a run's curves: what it measured before its first epoch and after each, and the loss of the steps in between.
import type { Evaluation, RunMetrics } from '../metrics.js';

export interface Point {
  /** How many epochs had been learnt; steps lie between whole numbers. */
  epoch: number;
  /** NaN where a loss is not finite, which breaks the line. */
  value: number;
}

/** A measure before the first step, where the run has it, and after each epoch. */
export function measuredPoints({ start, epochs }: RunMetrics, key: keyof Evaluation): Point[] {
  const all = [...(start ? [{ epoch: 0, ...start }] : []), ...epochs];
  return all.map((each) => ({ epoch: each.epoch, value: each[key] ?? NaN }));
}

/** The mean loss of each part of the epochs, in the middle of its steps. */
export function lossBySteps({ steps }: RunMetrics): Point[] {
  if (steps === undefined) return [];
  const { perEpoch, ends, losses } = steps;
  return losses.map((loss, i) => {
    const [epoch, part] = [Math.floor(i / ends.length), i % ends.length];
    const middle = ((ends[part - 1] ?? 0) + ends[part]!) / 2;
    return { epoch: epoch + middle / perEpoch, value: loss ?? NaN };
  });
}
