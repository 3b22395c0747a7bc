// After the jobs of a comparison: its report.
import { compare } from './compare.js';
import type { JobResult } from './jobs/job.js';
import type { ComparisonReport } from './report/part2/types.js';
import type { Experiment } from './training.js';

export interface FinishComparisonOptions extends Omit<ComparisonReport, 'networks' | 'title'> {
  /** By name. */
  experiments: ReadonlyMap<string, Experiment>;
  results: JobResult[];
  folder: string;
}

/** Writes the plots and report.html. Builds each network once, to describe it. */
export async function finishComparison(options: FinishComparisonOptions): Promise<void> {
  // Plotting is slow to import, and only needed here.
  const { writeComparison } = await import('./report/part2/write.js');
  const { experiments, results, folder, ...about } = options;
  const rows = compare(results);
  await writeComparison(folder, {
    ...about,
    title: `${rows.length} network${rows.length === 1 ? '' : 's'} on CIFAR-10`,
    networks: rows.map((row) => {
      const experiment = experiments.get(row.model)!;
      const net = experiment.network();
      const sgd = experiment.optimizer(net.parameters()).paramGroups[0]!;
      const lr = typeof sgd.lr === 'number' ? sgd.lr : sgd.lr.item();
      return {
        row,
        results: results.filter(({ run }) => run.model === row.model),
        summary: String(net),
        settings: `SGD, learning rate ${lr}, momentum ${sgd.momentum}; batches of ${experiment.batchSize}`,
      };
    }),
  });
}
