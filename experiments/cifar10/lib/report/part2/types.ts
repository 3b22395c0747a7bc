// What the report of a comparison is made of. Numbers and texts only: nothing here needs a tensor.
import type { Row } from '../../compare.js';
import type { JobResult } from '../../jobs/job.js';

export interface Network {
  row: Row;
  /** One for each seed. */
  results: JobResult[];
  /** As it prints itself. */
  summary: string;
  /** Optimizer, batches. */
  settings: string;
}

export interface ComparisonReport {
  title: string;
  /** The command line that gives this report again. */
  command: string;
  dataName: 'cifar10' | 'synthetic';
  /** A sentence on where the pictures come from, if they are not the official ones. */
  dataNote?: string;
  classes: string[];
  epochs: number;
  /** In the order of the table; at least one. */
  networks: Network[];
  /** Jobs that failed, with the reason. */
  failed: [job: string, reason: string][];
}
