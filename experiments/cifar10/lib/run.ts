// A run: trains an experiment for each seed, measures after each epoch, writes everything down, and can be interrupted
// at any step and gone on with.
import { createHash } from 'node:crypto';
import torch, { checkpoints, type data } from 'torch-node';
import { finite, parametersSha256, type EpochMetrics, type Evaluation, type RunMetrics } from './metrics.js';
import { partEnds } from './partLosses.js';
import { RunError } from './runError.js';
import { RunFolder, type Progress, type Settings } from './runFolder.js';
import {
  begin,
  evaluate,
  trainEpoch,
  type Experiment,
  type Measure,
  type Training,
  type Way,
} from './training.js';

/** Where a run stands, for whoever shows it. */
export interface Standing {
  seed: number;
  epoch: number;
  epochs: number;
  step: number;
  steps: number;
  /** Mean over the last steps. */
  loss: number;
  stepsPerSecond: number;
  /** Of the whole run, measuring included; undefined until both have been timed. */
  secondsLeft: number | undefined;
}

export interface Watcher {
  onStart?(seed: number, resumedAt: { epoch: number; step: number } | undefined): void;
  onStep?(standing: Standing): void;
  /** What was measured before the first step. */
  onBegin?(seed: number, start: Evaluation): void;
  /** Epoch 0 is before the first step. */
  onMeasuring?(seed: number, epoch: number): void;
  /** `test` is the measure of the test set among the metrics. */
  onEpoch?(seed: number, metrics: EpochMetrics, test: Measure): void;
}

export interface RunOptions {
  experiment: Experiment;
  sets: data.ImageSets;
  seeds: number[];
  epochs: number;
  device: string;
  threads: number;
  /** Default compiled. */
  way?: Way;
  data: 'cifar10' | 'synthetic';
  /** Where the pictures were read from, as the user gave it; for going on. */
  dataPath?: string;
  folder: RunFolder;
  /** Go on from the folder's checkpoint. */
  resume: boolean;
  signal: AbortSignal;
  watcher: Watcher;
}

/** Name of the file with a seed's trained parameters. */
export const weightsFile = (seed: number): string => `weights-seed${seed}.safetensors`;

/**
 * Trains. Writes metrics.json after each epoch, the weights after each seed, and a checkpoint after each epoch and when
 * the signal stops it.
 *
 * @returns the runs, one a seed, or undefined when it was stopped.
 */
export async function run(options: RunOptions): Promise<RunMetrics[] | undefined> {
  const { experiment, folder, watcher } = options;
  const settings = settingsOf(options);
  torch.setNumThreads(options.threads);
  const train = options.sets.train.to(options.device);
  const test = options.sets.test.to(options.device);
  const checkpoint = options.resume ? await resumable(folder, settings) : undefined;
  const progress: Progress = {
    ...(checkpoint?.progress ?? { settings, finished: [], epochs: [] }),
    ...(options.dataPath !== undefined && { dataPath: options.dataPath }),
  };
  const steps = Math.ceil(train.length / experiment.batchSize);
  const clock = new Clock(steps, options);

  for (const seed of options.seeds.slice(progress.finished.length)) {
    const training = begin(experiment, seed, options.device, options.way);
    const resumed = checkpoint && seed === options.seeds[checkpoint.finishedSeeds] ? checkpoint : undefined;
    resumed?.restore(training);
    watcher.onStart?.(seed, resumed ? { epoch: training.epoch, step: training.step } : undefined);
    if (training.epoch === 1 && training.step === 0) {
      const start = await measure(training, train, test, seed, clock, options, 0);
      if (start === undefined) {
        await folder.saveCheckpoint(training, progress);
        return undefined;
      }
      progress.start = start.evaluation;
      watcher.onBegin?.(seed, start.evaluation);
    }
    while (training.epoch <= options.epochs) {
      const measured = await epochOf(training, train, test, seed, clock, options);
      if (measured === undefined) {
        await folder.saveCheckpoint(training, progress);
        return undefined;
      }
      progress.epochs.push(measured.metrics);
      Object.assign(training, {
        rngState: training.nextRngState,
        epoch: training.epoch + 1,
        step: 0,
        seconds: 0,
      });
      await folder.writeMetrics([...progress.finished, runOf(seed, training, progress, steps)]);
      await folder.saveCheckpoint(training, progress);
      watcher.onEpoch?.(seed, measured.metrics, measured.test);
    }
    await folder.write(weightsFile(seed), checkpoints.encodeSafetensors(training.net.stateDict()));
    progress.finished.push(runOf(seed, training, progress, steps));
    progress.epochs = [];
    delete progress.start;
  }
  await folder.writeMetrics(progress.finished);
  return progress.finished;
}

// One epoch and its measures; undefined when it was stopped before its end.
async function epochOf(
  training: Training,
  train: data.ImageSet,
  test: data.ImageSet,
  seed: number,
  clock: Clock,
  options: RunOptions,
): Promise<{ metrics: EpochMetrics; test: Measure } | undefined> {
  const { experiment, epochs, signal, watcher } = options;
  const steps = Math.ceil(train.length / experiment.batchSize);
  clock.startSteps(training.step);
  const learnt = await trainEpoch(training, train, experiment.batchSize, {
    signal,
    onProgress: (step, runningLoss) => {
      const timing = clock.due(step, training.epoch, seed);
      if (timing)
        watcher.onStep?.({
          seed,
          epoch: training.epoch,
          epochs,
          step,
          steps,
          loss: runningLoss(),
          ...timing,
        });
    },
  });
  if (!learnt) return undefined;
  const measured = await measure(training, train, test, seed, clock, options, training.epoch);
  if (!measured) return undefined;
  const metrics = { epoch: training.epoch, ...measured.evaluation, seconds: training.seconds };
  return { metrics, test: measured.test };
}

// Both sets; undefined when it was stopped before its end.
async function measure(
  training: Training,
  train: data.ImageSet,
  test: data.ImageSet,
  seed: number,
  clock: Clock,
  { signal, watcher }: RunOptions,
  epoch: number,
): Promise<{ evaluation: Evaluation; test: Measure } | undefined> {
  watcher.onMeasuring?.(seed, epoch);
  const start = performance.now();
  const onTrain = await evaluate(training, train, signal);
  const onTest = onTrain && (await evaluate(training, test, signal));
  if (!onTest) return undefined;
  clock.measured(performance.now() - start);
  const evaluation = {
    trainLoss: finite(onTrain.loss),
    trainAccuracy: onTrain.accuracy,
    testLoss: finite(onTest.loss),
    testAccuracy: onTest.accuracy,
  };
  return { evaluation, test: onTest };
}

function runOf(
  seed: number,
  training: Training,
  { settings, start, epochs }: Progress,
  perEpoch: number,
): RunMetrics {
  const { trainLoss, trainAccuracy, testLoss, testAccuracy } = epochs.at(-1)!;
  return {
    model: settings.model,
    seed,
    device: settings.device,
    threads: settings.threads,
    torch: torch.version,
    path: pathOf(training),
    ...(training.notCompiled === undefined ? {} : { pathReason: training.notCompiled }),
    ...(settings.data === 'synthetic' ? { data: 'synthetic' as const } : {}),
    parametersSha256: parametersSha256(training.net),
    ...(start === undefined ? {} : { start }),
    epochs,
    steps: { perEpoch, ends: partEnds(perEpoch), losses: [...training.losses] },
    final: { trainLoss, trainAccuracy, testLoss, testAccuracy },
  };
}

// What made the steps.
function pathOf({ way, program, notCompiled }: Training): NonNullable<RunMetrics['path']> {
  return way === 'eager' || notCompiled !== undefined ? 'eager' : (program?.step.path ?? 'exact');
}

function settingsOf({
  experiment,
  sets,
  seeds,
  epochs,
  device,
  threads,
  way = 'compiled',
  data,
}: RunOptions): Settings {
  const labels = sets.train.labels.dataSync();
  return {
    model: experiment.name,
    seeds,
    epochs,
    batchSize: experiment.batchSize,
    device,
    threads,
    way,
    data,
    dataSha256: createHash('sha256').update(new Uint8Array(labels.buffer)).digest('hex'),
  };
}

async function resumable(folder: RunFolder, settings: Settings) {
  const { progress, restore } = await folder.readCheckpoint();
  const differing = (Object.keys(settings) as (keyof Settings)[]).filter(
    (key) => JSON.stringify(progress.settings[key]) !== JSON.stringify(settings[key]),
  );
  if (differing.length > 0) {
    const list = differing.map(
      (key) =>
        `${key}: it has ${JSON.stringify(progress.settings[key])}, asked for is ${JSON.stringify(settings[key])}`,
    );
    throw new RunError(
      `the unfinished run in ${folder.path} was begun with other settings:\n  ${list.join('\n  ')}`,
    );
  }
  return { progress, restore, finishedSeeds: progress.finished.length };
}

// Times steps and measures, and says when the next report is due.
class Clock {
  readonly #steps: number;
  readonly #options: RunOptions;
  #from = { step: 0, time: 0 };
  #last = { step: 0, time: 0 };
  #stepMs: number | undefined;
  #measureMs: number | undefined;

  constructor(steps: number, options: RunOptions) {
    this.#steps = steps;
    this.#options = options;
  }
  startSteps(step: number): void {
    this.#from = this.#last = { step, time: performance.now() };
  }
  measured(ms: number): void {
    this.#measureMs = ms;
  }
  due(
    step: number,
    epoch: number,
    seed: number,
  ): { stepsPerSecond: number; secondsLeft: number | undefined } | undefined {
    const now = performance.now();
    if (now - this.#last.time < 100) return undefined;
    const stepsPerSecond = (1000 * (step - this.#last.step)) / (now - this.#last.time);
    this.#last = { step, time: now };
    this.#stepMs = (now - this.#from.time) / (step - this.#from.step);
    const { seeds, epochs } = this.#options;
    const epochsLeft = epochs - epoch + epochs * (seeds.length - 1 - seeds.indexOf(seed));
    const stepsLeft = this.#steps - step + this.#steps * epochsLeft;
    // Before the first measuring its time is guessed: a forward pass over the set is about a third of learning it.
    const measureMs = this.#measureMs ?? (this.#steps * this.#stepMs) / 3;
    return { stepsPerSecond, secondsLeft: (stepsLeft * this.#stepMs + (epochsLeft + 1) * measureMs) / 1000 };
  }
}
