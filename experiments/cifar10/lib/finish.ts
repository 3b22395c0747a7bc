// After training: the first seed's network is judged, and the report is written.
import { checkpoints, type data } from 'torch-node';
import { COURSE, COURSE_EPOCHS } from './course.js';
import { judgePictures } from './judge.js';
import type { RunMetrics } from './metrics.js';
import { weightsFile } from './run.js';
import type { JudgedPicture } from './report/part1/types.js';
import type { RunFolder } from './runFolder.js';
import { evaluate, type Experiment } from './training.js';

export interface FinishOptions {
  experiment: Experiment;
  sets: data.ImageSets;
  runs: RunMetrics[];
  folder: RunFolder;
  device: string;
  data: { name: 'cifar10' | 'synthetic'; note?: string };
  command: string;
}

/**
 * Writes the plots, the pictures, the tables and report.html, and drops the checkpoint: the run is finished.
 *
 * @returns what the network makes of twenty pictures
 */
export async function finish({
  experiment,
  sets,
  runs,
  folder,
  device,
  data,
  command,
}: FinishOptions): Promise<JudgedPicture[]> {
  // Plotting is slow to import, and only needed here.
  const { writeReport } = await import('./report/part1/write.js');
  const first = runs[0]!;
  const net = experiment.network();
  net.loadStateDict((await checkpoints.loadSafetensors(folder.file(weightsFile(first.seed)))).tensors);
  net.to(device).eval();
  const test = sets.test.to(device);
  const measured = await evaluate({ net, criterion: experiment.criterion() }, test);
  const sgd = experiment.optimizer(net.parameters()).paramGroups[0]!;
  const pictures = judgePictures(net, test, first.seed);
  await writeReport(folder.path, {
    title: "Part 1: the course's network on CIFAR-10",
    command,
    dataName: data.name,
    ...(data.note === undefined ? {} : { dataNote: data.note }),
    classes: [...test.classes],
    course: { testAccuracy: COURSE['original']!.testAccuracy, epochs: COURSE_EPOCHS },
    runs,
    settings: {
      epochs: first.epochs.length,
      'batch size': experiment.batchSize,
      optimizer: `SGD, learning rate ${typeof sgd.lr === 'number' ? sgd.lr : sgd.lr.item()}, momentum ${sgd.momentum}`,
      loss: 'cross-entropy',
      seeds: runs.map((run) => run.seed).join(', '),
      device: first.device,
      threads: first.threads,
    },
    networkSummary: String(net),
    parameters: net.parameters().reduce((sum, parameter) => sum + parameter.numel, 0),
    pictures,
    confusion: measured!.confusion,
  });
  await folder.dropCheckpoint();
  return pictures;
}
