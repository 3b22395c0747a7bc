// How our result stands to the course's, in sentences computed from the numbers of a report.
import type { ReportData } from './types.js';

export interface Comparison {
  /** The result in one sentence. */
  summary: string;
  /** What may explain the difference; nothing that the report does not know. */
  differences: string[];
}

/** Compares the first run with the course's number; over synthetic data, says why that means nothing. */
export function comparison(report: ReportData): Comparison {
  const [first] = report.runs;
  if (!first) throw new RangeError('report: runs is empty, expected at least one');
  const ours = first.final.testAccuracy;
  const course = report.course.testAccuracy;
  const epochs = countOf(first.epochs.length, 'epoch');
  if (report.dataName === 'synthetic') {
    return {
      summary: `After ${epochs} the network is right on ${ours.toFixed(2)} % of the synthetic test pictures.`,
      differences: [
        `The course’s ${course.toFixed(1)} % is about CIFAR-10’s photographs. Here the network saw synthetic shapes and textures instead: another task, so the two numbers are not comparable.`,
        'The run shows that everything works. For numbers that mean something beside the course’s, run it again with CIFAR-10: --data DIR.',
      ],
    };
  }
  const gap = ours - course;
  const distance =
    Math.abs(gap) < 0.05 ? 'as the course reports' : `${pointsText(gap)} the course’s ${course.toFixed(1)} %`;
  return {
    summary: `After ${epochs} the network is right on ${ours.toFixed(2)} % of the test pictures: ${distance}.`,
    differences: [
      ...lengthOfTraining(report, first.epochs.length),
      ...sampling(report, ours, gap),
      ...seeds(report),
      `Library: ours is libtorch ${first.torch} on ${first.device} with ${countOf(first.threads, 'thread')}. Which version computed the course’s number is not known here; other versions and thread counts round differently, and that grows over an epoch.`,
      ...(report.dataNote ? [report.dataNote] : []),
    ],
  };
}

function lengthOfTraining({ course }: ReportData, epochs: number): string[] {
  if (course.epochs === undefined || course.epochs === epochs) return [];
  const less = epochs < course.epochs;
  return [
    `Length: ours learned for ${countOf(epochs, 'epoch')}, the course’s for ${course.epochs}. ${less ? 'A shorter run is expected to end lower' : 'A longer run need not end at the same place'}, so compare with care.`,
  ];
}

/** The binomial standard error of an accuracy on so many pictures, twice for about 95 %. */
function sampling({ confusion }: ReportData, ours: number, gap: number): string[] {
  const pictures = confusion.flat().reduce((sum, count) => sum + count, 0);
  if (pictures === 0) return [];
  const share = ours / 100;
  const margin = 196 * Math.sqrt((share * (1 - share)) / pictures);
  return [
    `Chance: on ${pictures.toLocaleString('en')} test pictures an accuracy of ${ours.toFixed(1)} % is known to about ±${margin.toFixed(1)} points (95 % interval); the difference of ${Math.abs(gap).toFixed(1)} is ${Math.abs(gap) <= margin ? 'within' : 'beyond'} that.`,
  ];
}

function seeds({ runs }: ReportData): string[] {
  const start =
    'Seed and initialisation: the course’s are not known here. Another seed starts from other weights and shuffles the pictures into other batches';
  if (runs.length < 2) return [`${start}; one run does not tell by how much that moves the result.`];
  const accuracies = runs.map((run) => run.final.testAccuracy);
  const [low, high] = [Math.min(...accuracies), Math.max(...accuracies)];
  return [`${start}: our ${runs.length} seeds end between ${low.toFixed(2)} and ${high.toFixed(2)} %.`];
}

function pointsText(gap: number): string {
  return `${Math.abs(gap).toFixed(1)} points ${gap < 0 ? 'below' : 'above'}`;
}

function countOf(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
