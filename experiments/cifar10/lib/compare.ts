// Networks compared over the seeds that they were trained with.
import type { JobResult } from './jobs/job.js';
import type { Evaluation, RunMetrics } from './metrics.js';

/** Mean over seeds, and the standard deviation of a sample: null for one seed. */
export interface Spread {
  mean: number;
  deviation: number | null;
}

/** A difference of test accuracies in points, paired over seeds, with its 95 % interval (Student's t). */
export interface Difference {
  mean: number;
  low: number;
  high: number;
  /** How many seeds both were trained with. */
  seeds: number;
}

/** A network's measures over its seeds. */
export interface Measured {
  model: string;
  /** Losses that are not finite make a mean null. */
  measures: Record<keyof Evaluation, Spread | null>;
}

export interface Row extends Measured {
  seeds: number[];
  parameters: number;
  flopsPerStep: number;
  /** Time spent learning, mean over seeds. */
  seconds: number;
  /** Test accuracy less the original's; null for the original itself, and see pairedDifference(). */
  difference: Difference | null;
}

/** What the others are compared with. */
export const BASE = 'original';

/** One row for each model, in the order of the results. */
export function compare(results: Iterable<JobResult>): Row[] {
  const byModel = new Map<string, JobResult[]>();
  for (const result of results) {
    const { model } = result.run;
    byModel.set(model, [...(byModel.get(model) ?? []), result]);
  }
  return [...byModel].map(([model, all]) => {
    const seconds = all.map(({ run }) => run.epochs.reduce((sum, epoch) => sum + epoch.seconds, 0));
    return {
      model,
      seeds: all.map(({ run }) => run.seed),
      measures: measuresOf(all.map(({ run }) => run)),
      parameters: all[0]!.parameters,
      flopsPerStep: all[0]!.flopsPerStep,
      seconds: spread(seconds).mean,
      difference: model === BASE ? null : pairedDifference(all, byModel.get(BASE) ?? []),
    };
  });
}

/** Mean of the networks' standard deviations over seeds, in points of test accuracy; null where none has two seeds. */
export function meanDeviation(rows: readonly Measured[]): number | null {
  const all = rows.flatMap(({ measures }) => measures.testAccuracy?.deviation ?? []);
  return all.length > 0 ? all.reduce((sum, each) => sum + each, 0) / all.length : null;
}

/** A network that was trained alone, with one or more seeds. */
export function measuresOf(runs: readonly RunMetrics[]): Measured['measures'] {
  const measure = (key: keyof Evaluation): Spread | null => {
    const values = runs.map(({ final }) => final[key]);
    return values.every((value) => value !== null) ? spread(values) : null;
  };
  return {
    trainLoss: measure('trainLoss'),
    trainAccuracy: measure('trainAccuracy'),
    testLoss: measure('testLoss'),
    testAccuracy: measure('testAccuracy'),
  };
}

function spread(values: number[]): Spread {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  if (values.length < 2) return { mean, deviation: null };
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, deviation: Math.sqrt(squares / (values.length - 1)) };
}

/**
 * How much more test accuracy a network has than another, over the seeds that both were trained with; null with fewer
 * than two such seeds: one run claims nothing.
 */
export function pairedDifference(ours: readonly JobResult[], base: readonly JobResult[]): Difference | null {
  const differences = ours.flatMap(({ run }) => {
    const other = base.find((each) => each.run.seed === run.seed);
    return other ? [run.final.testAccuracy - other.run.final.testAccuracy] : [];
  });
  const { mean, deviation } = spread(differences);
  if (deviation === null || differences.length < 2) return null;
  const half = (tQuantile(differences.length - 1) * deviation) / Math.sqrt(differences.length);
  return { mean, low: mean - half, high: mean + half, seeds: differences.length };
}

// The 97.5 % quantile of Student's t with 1 to 30 degrees of freedom; beyond, the last is a little too wide.
const T = [
  12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.306, 2.2622, 2.2281, 2.201, 2.1788, 2.1604,
  2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.093, 2.086, 2.0796, 2.0739, 2.0687, 2.0639, 2.0595, 2.0555,
  2.0518, 2.0484, 2.0452, 2.0423,
];

function tQuantile(degrees: number): number {
  return T[Math.min(degrees, T.length) - 1]!;
}
