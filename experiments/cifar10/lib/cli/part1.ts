// `torch-node cifar10 part1`: options in, a run and its report out.
import { availableParallelism } from 'node:os';
import path from 'node:path';
import type { Command } from 'commander';
import type { RunMetrics } from '../metrics.js';
import type { RunFolder, Settings } from '../runFolder.js';
import {
  adoptWay,
  commandLine,
  device,
  finished,
  loadData,
  quoted,
  seeds,
  syntheticOption,
  wayOf,
  wayOptions,
  wholeNumber,
  type DataOptions,
  type WayOptions,
} from './options.js';
import { CHECKPOINT } from '../runFiles.js';
import { interruptible } from './interrupt.js';
import { runView } from './runView.js';

// Two take 0.75 of the time of one for networks of this size; more gain nothing at batches of 32.
export const DEFAULT_THREADS = Math.min(2, availableParallelism());

interface Part1Options extends DataOptions, WayOptions {
  device: string;
  epochs: number;
  seeds: number[];
  threads: number;
  out?: string;
  resume?: true;
  json?: true;
}

/** Adds `cifar10 part1`. Exit codes: 0 done, 1 failed, 130 stopped by Ctrl-C (a checkpoint is left). */
export function addPart1Command(cifar10: Command): void {
  wayOptions(cifar10.command('part1'))
    .description("train the course's convolutional network and report on it")
    .option('--data <path>', 'CIFAR-10: the folder of the official binary files, its parent, or the .tar.gz')
    .option('--device <device>', 'cpu, cuda or cuda:N', device, 'cpu')
    .option('--epochs <n>', 'times the training set is learnt', wholeNumber(1), 10)
    .option('--seeds <list>', 'one run for each, as in 0,1,2', seeds, [0])
    .option(
      '--threads <n>',
      'CPU threads; 1 gives the bits of the recorded runs, and is faster than 2 when the machine is busy',
      wholeNumber(1),
      DEFAULT_THREADS,
    )
    .option('--out <folder>', 'where to write (default: runs/<time>)')
    .option('--resume', 'go on with the unfinished run in --out, or with the last one in runs/')
    .option('--json', 'print one line of JSON for each finished run, and the progress on stderr')
    .addOption(syntheticOption('train on the built-in procedural pictures instead'))
    .option('--synthetic-fallback', 'do so when CIFAR-10 is not to be had')
    .action((options: Part1Options, command: Command) =>
      finished(part1(options, (name) => command.getOptionValueSource(name) === 'cli')),
    );
}

async function part1(options: Part1Options, given: (option: string) => boolean): Promise<number> {
  // Imported here, so that --help and wrong options do not wait for libtorch.
  const { default: torch } = await import('torch-node');
  const { RunFolder, newRunFolder, lastUnfinishedRun } = await import('../runFolder.js');
  const { RunError } = await import('../runError.js');
  const { part1: experiment } = await import('../part1.js');
  const { run } = await import('../run.js');
  const { finish } = await import('../finish.js');
  const { measuresOf } = await import('../compare.js');
  const { COURSE_PREDICTIONS, COURSE_RIGHT } = await import('../course.js');
  const { courseText } = await import('./courseText.js');

  torch.zeros([1], { device: options.device }).dispose(); // refuses a device that is not there before anything is done
  const say = options.json ? (text: string) => console.error(text) : (text: string) => console.log(text);
  const interrupt = interruptible(say);
  let folder: RunFolder | undefined;
  try {
    const place = options.resume
      ? (options.out ?? (await lastUnfinishedRun()))
      : (options.out ?? (await newRunFolder()));
    folder = await RunFolder.take(place);
    if (options.resume) {
      const { progress } = await folder.readCheckpoint();
      adopt(progress.settings, options, given);
      if (!given('data') && !options.synthetic && progress.dataPath !== undefined)
        options.data = progress.dataPath;
    } else if (await folder.has(CHECKPOINT)) {
      throw new RunError(
        `${folder.path} holds an unfinished run: go on with it by --resume, or give another --out`,
      );
    } else await folder.expectNoRun();
    const loaded = await loadData(options, say, interrupt.signal);
    if (loaded === undefined) return 130;
    const view = runView(say, options.json ? process.stderr : process.stdout, loaded.name);
    interrupt.through(view.line);
    const runs = await run({
      experiment,
      sets: loaded.sets,
      seeds: options.seeds,
      epochs: options.epochs,
      device: options.device,
      threads: options.threads,
      way: wayOf(options),
      data: loaded.name,
      folder,
      ...(options.data !== undefined && { dataPath: path.resolve(options.data) }),
      resume: options.resume ?? false,
      signal: interrupt.signal,
      watcher: view,
    });
    if (runs === undefined) {
      say(
        `Stopped. Go on with:\n  npx torch-node cifar10 part1 --resume --out ${quoted(path.relative('', folder.path))}${options.data ? ` --data ${quoted(options.data)}` : ''}`,
      );
      return 130;
    }
    const pictures = await finish({
      experiment,
      sets: loaded.sets,
      runs,
      folder,
      device: options.device,
      data: loaded,
      command: commandLine(),
    });
    if (options.json) for (const one of runs) console.log(JSON.stringify(jsonRow(one, folder.path)));
    if (loaded.name === 'cifar10') {
      say(courseText([{ model: experiment.name, measures: measuresOf(runs) }], options.epochs).join('\n'));
      const right = pictures.filter(({ label, prediction }) => label === prediction).length;
      say(`Of ${pictures.length} test pictures ${right} are right; the course had ${COURSE_RIGHT} of ${COURSE_PREDICTIONS.length} others right.`); // prettier-ignore
    }
    say(`Report: ${folder.file('report.html')}`);
    return 0;
  } finally {
    interrupt.done();
    await folder?.leave();
  }
}

// A resumed run keeps its settings; those that the user gives again are compared by run().
function adopt(settings: Settings, options: Part1Options, given: (option: string) => boolean): void {
  for (const name of ['seeds', 'epochs', 'device', 'threads'] as const) {
    if (!given(name)) Object.assign(options, { [name]: settings[name] });
  }
  adoptWay(options, settings.way, given);
  if (settings.data === 'synthetic' && !given('data')) options.synthetic = true;
}

/** A finished run in one line, with the keys of metrics.json and those of its final measures. */
function jsonRow(run: RunMetrics, folder: string): object {
  const seconds = run.epochs.reduce((sum, epoch) => sum + epoch.seconds, 0);
  return { ...run, ...run.final, seconds: Number(seconds.toFixed(2)), out: folder };
}
