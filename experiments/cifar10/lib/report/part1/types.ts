// What a report is made of. Numbers and bytes only: nothing here needs a tensor.

import type { RunMetrics } from '../../metrics.js';

export type { EpochMetrics, Evaluation, Loss, RunMetrics } from '../../metrics.js';

/** A test picture and what the network made of it. */
export interface JudgedPicture {
  /** 3,072 bytes: the red plane, green, blue, each 32 rows of 32. */
  image: Uint8Array;
  /** Class numbers. */
  label: number;
  prediction: number;
  /** Of the prediction, from 0 to 1. */
  probability: number;
  /** Place in the test set. */
  index?: number;
}

export interface ReportData {
  title: string;
  /** The command line that gives this report again. */
  command: string;
  dataName: 'cifar10' | 'synthetic';
  /** A sentence on where the pictures come from, if they are not the official ones. */
  dataNote?: string;
  classes: string[];
  /** The course's own numbers, in percent. */
  course: { testAccuracy: number; epochs?: number };
  /** One for each seed; pictures and confusion matrix belong to the first. */
  runs: RunMetrics[];
  settings: Record<string, string | number>;
  /** The network as it prints itself. */
  networkSummary: string;
  /** How many numbers the network learns. */
  parameters: number;
  pictures: JudgedPicture[];
  /** confusion[label][prediction]: pictures of the test set. */
  confusion: number[][];
}
