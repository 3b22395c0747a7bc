// What `part2` and `train` have in common: several models, several seeds, many jobs at once, one table.
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { InvalidArgumentError, type Command } from 'commander';
import type { Job } from '../jobs/job.js';
import { COMPARISON, METRICS } from '../runFiles.js';
import type { RunFolder } from '../runFolder.js';
import type { Experiment, Way } from '../training.js';
import {
  adoptWay,
  commandLine,
  device,
  loadData,
  quoted,
  seeds,
  syntheticOption,
  wayOf,
  wayOptions,
  wholeNumber,
} from './options.js';
import type { DataOptions, WayOptions } from './options.js';
import { interruptible } from './interrupt.js';
import { comparisonText, jobsView } from './jobsView.js';

export interface ComparisonOptions extends DataOptions, WayOptions {
  /** Networks of part 2. */
  models?: string[];
  /** Files of own models. */
  model?: string[];
  seeds: number[];
  epochs?: number;
  jobs: number;
  device: string;
  out?: string;
  into?: string;
  resume?: true;
  json?: true;
}

/** What decides the numbers of a comparison, as comparison.json keeps it beside them. */
interface Settings {
  models: string[];
  /** The own models among them. */
  own: OwnModel[];
  seeds: number[];
  epochs: number;
  device: string;
  way: Way;
  data: 'cifar10' | 'synthetic';
  command: string;
  /** Where the pictures were read from, if the user said so. */
  dataPath?: string;
}

interface OwnModel {
  name: string;
  file: string;
  sha256: string;
}

/** The options that both commands take. */
export function comparisonOptions(command: Command): Command {
  return wayOptions(command)
    .option('--data <path>', 'CIFAR-10: the folder of the official binary files, its parent, or the .tar.gz')
    .option('--seeds <list>', 'each network once for each: 0,1,2, or 5x for 0 to 4', seeds, [0])
    .option(
      '--epochs <n>',
      'times the training set is learnt (default: 10, or what an own model says)',
      wholeNumber(1),
    )
    .option(
      '--jobs <n>',
      'how many train at once, each on one core',
      wholeNumber(1),
      Math.max(1, availableParallelism()),
    )
    .option('--device <device>', 'cpu, cuda or cuda:N', device, 'cpu')
    .option('--out <folder>', 'where to write (default: runs/<time>)')
    .option('--resume', 'do what is missing in --out')
    .option('--json', 'print one line of JSON for each finished job, and the progress on stderr')
    .addOption(syntheticOption('train on the built-in procedural pictures instead'));
}

/** Names with commas between them. */
export function names(text: string): string[] {
  const list = text.split(',').map((name) => name.trim());
  if (list.some((name) => name === ''))
    throw new InvalidArgumentError('expected names with commas between them, as in original,mlp2.');
  const twice = list.find((name, i) => list.indexOf(name) < i);
  if (twice !== undefined) throw new InvalidArgumentError(`${twice} is named twice.`);
  return list;
}

/**
 * Trains what the options name, prints the table and writes the report.
 *
 * @param given whether an option was given on the command line
 * @returns the exit code: 0 done, 1 a job failed, 130 stopped by Ctrl-C (--resume goes on)
 */
export async function compareModels(
  options: ComparisonOptions,
  given: (option: string) => boolean,
): Promise<number> {
  // Imported here, so that --help and wrong options do not wait for libtorch.
  const { default: torch } = await import('torch-node');
  const { RunError } = await import('../runError.js');
  const { RunFolder, newRunFolder } = await import('../runFolder.js');
  const { runJobs } = await import('../jobs/pool.js');
  const { flopsPerStep } = await import('../flops.js');
  const { compare } = await import('../compare.js');

  if (options.resume && options.out === undefined)
    throw new RunError('--resume needs --out, the folder of the run to go on with');
  if (options.into !== undefined && (options.resume || options.out !== undefined))
    throw new RunError('--into names the folder that is added to: give neither --out nor --resume beside it');
  torch.zeros([1], { device: options.device }).dispose();

  const say = options.json ? (text: string) => console.error(text) : (text: string) => console.log(text);
  const interrupt = interruptible(say);
  const folder = await RunFolder.take(options.into ?? options.out ?? (await newRunFolder()));
  try {
    const begun = await readSettings(folder);
    if (options.resume || options.into !== undefined) {
      if (!begun) throw new RunError(`${folder.path} holds no comparison of networks (no ${COMPARISON})`);
      adopt(begun, options, given);
    } else if (begun)
      throw new RunError(
        `${folder.path} holds a run already: do what is missing by --resume, or give another --out`,
      );
    else await folder.expectNoRun();
    const { experiments, own } = await chosen(options, options.into === undefined ? undefined : begun);
    const loaded = await loadData(options, say, interrupt.signal);
    if (loaded === undefined) return 130;
    const settings: Settings = {
      models: [...experiments.keys()],
      own,
      seeds: options.seeds,
      epochs: options.epochs ?? (await ownEpochs(own, experiments)),
      device: options.device,
      way: wayOf(options),
      data: loaded.name,
      ...(options.data !== undefined && { dataPath: path.resolve(options.data) }),
      command: begun?.command ?? commandLine(),
    };
    const fixed = ['seeds', 'epochs', 'device', 'way', 'data'] as const;
    const differing = (options.resume ? (['models', 'own', ...fixed] as const) : fixed).filter(
      (key) => begun && JSON.stringify(begun[key]) !== JSON.stringify(settings[key]),
    );
    if (differing.length > 0)
      throw new RunError(
        `the run in ${folder.path} was begun with other ${differing.join(', ').replace('own', 'files of own models')}`,
      );
    await folder.write(COMPARISON, `${JSON.stringify(settings, null, 2)}\n`);

    const jobs: Job[] = settings.seeds.flatMap((seed) => settings.models.map((model) => ({ model, seed })));
    const flops = new Map(
      [...experiments].map(([name, { network, batchSize }]) => [name, flopsPerStep(network(), batchSize)]),
    );
    const view = jobsView(say, options.json ? process.stderr : process.stdout, jobs.length, settings.epochs);
    interrupt.through(view.line);
    const outcome = await runJobs({
      jobs,
      files: new Map(own.map(({ name, file }) => [name, file])),
      flops: (model) => flops.get(model)!,
      atOnce: Math.min(options.jobs, jobs.length),
      epochs: settings.epochs,
      device: settings.device,
      way: settings.way,
      data: settings.data,
      train: loaded.sets.train.records!,
      test: loaded.sets.test.records!,
      folder,
      signal: interrupt.signal,
      watcher: view.watcher,
    }).finally(view.end);

    const results = [...outcome.results.values()];
    await folder.writeMetrics(results.map(({ run }) => run));
    if (options.json)
      for (const { run, parameters } of results)
        console.log(JSON.stringify({ ...run, ...run.final, parameters }));
    if (results.length > 0) say(`\n${comparisonText(compare(results), settings.data, settings.epochs)}`);
    for (const [name, reason] of outcome.failed) say(`failed: ${name}: ${reason}`);
    say(`${results.length} of ${jobs.length} jobs are finished: ${folder.file(METRICS)}`);
    if (results.length > 0 && !outcome.stopped) {
      const { finishComparison } = await import('../finishComparison.js');
      await finishComparison({
        ...{ experiments, results, folder: folder.path, failed: [...outcome.failed] },
        ...{ command: settings.command, epochs: settings.epochs, dataName: loaded.name },
        ...(loaded.note === undefined ? {} : { dataNote: loaded.note }),
        classes: [...loaded.sets.test.classes],
      });
      say(`Report: ${folder.file('report.html')}`);
    }
    if (outcome.stopped || outcome.failed.size > 0) {
      const command = own.length > 0 ? 'train' : 'part2';
      const again = [
        `npx torch-node cifar10 ${command} --resume --out ${quoted(path.relative('', folder.path))}`,
      ];
      if (options.data) again.push(`--data ${quoted(options.data)}`);
      say(`What is missing is done by:\n  ${again.join(' ')}`);
    }
    return outcome.stopped ? 130 : outcome.failed.size > 0 ? 1 : 0;
  } finally {
    interrupt.done();
    await folder.leave();
  }
}

async function readSettings(folder: RunFolder): Promise<Settings | undefined> {
  return (await folder.has(COMPARISON)) ? (JSON.parse(await folder.read(COMPARISON)) as Settings) : undefined;
}

// A resumed run keeps its settings, as does one that is added to; those that the user gives again are compared with them.
function adopt(begun: Settings, options: ComparisonOptions, given: (option: string) => boolean): void {
  for (const name of ['seeds', 'epochs', 'device'] as const) {
    if (!given(name)) Object.assign(options, { [name]: begun[name] });
  }
  adoptWay(options, begun.way, given);
  if (begun.data === 'synthetic' && !given('data')) options.synthetic = true;
  else if (begun.dataPath !== undefined && !given('data')) options.data = begun.dataPath;
  if (options.into !== undefined) return;
  const own = new Set(begun.own.map(({ name }) => name));
  if (!given('models')) options.models = begun.models.filter((name) => !own.has(name));
  if (!given('model')) options.model = begun.own.map(({ file }) => file);
}

/** The experiments that are asked for, by name: those of part 2 in its order, then own ones; after those of `before`. */
async function chosen(
  options: ComparisonOptions,
  before: Settings | undefined,
): Promise<{ experiments: Map<string, Experiment>; own: OwnModel[] }> {
  const { RunError } = await import('../runError.js');
  const { part2 } = await import('../part2.js');
  const asked = new Set([
    ...(before?.models.filter((name) => part2.has(name)) ?? []),
    ...(options.models ?? []),
  ]);
  const unknown = [...asked].filter((name) => !part2.has(name));
  if (unknown.length > 0)
    throw new RunError(
      `there is no model ${unknown.join(', ')}; the models are ${[...part2.keys()].join(', ')}`,
    );
  const experiments = new Map([...part2].filter(([name]) => asked.has(name)));
  const own: OwnModel[] = [];
  const files = [...(before?.own.map(({ file }) => file) ?? []), ...(options.model ?? [])].map((file) =>
    path.resolve(file),
  );
  if (files.length > 0) {
    const { checkedExperiment, sourceSha256 } = await import('../ownModel.js');
    for (const file of new Set(files)) {
      const shown = [path.relative('', file), file].reduce((a, b) => (b.length < a.length ? b : a));
      const experiment = await checkedExperiment(shown);
      const { name } = experiment;
      if (experiments.has(name) || part2.has(name))
        throw new RunError(
          `${shown}: its name is ${name}, which is another model's: give it a name of its own by \`name\``,
        );
      const sha256 = await sourceSha256(file);
      const earlier = before?.own.find((each) => each.file === file);
      if (earlier && earlier.sha256 !== sha256)
        throw new RunError(
          `${shown} has changed since it was trained for ${options.into}: give it another name and file`,
        );
      experiments.set(name, experiment);
      own.push({ name, file, sha256 });
    }
  }
  if (experiments.size === 0)
    throw new RunError('there is nothing to train: give --model FILE.ts, or --models');
  return { experiments, own };
}

/** The epochs that the own models ask for; all models of a table are trained for the same number. */
async function ownEpochs(own: OwnModel[], experiments: Map<string, Experiment>): Promise<number> {
  const { RunError } = await import('../runError.js');
  const all = (own.length > 0 ? own.map(({ name }) => name) : [...experiments.keys()]).map(
    (name) => [name, experiments.get(name)!.epochs] as const,
  );
  const [[, first]] = all as [(typeof all)[number]];
  if (all.some(([, epochs]) => epochs !== first))
    throw new RunError(
      `the models ask for different numbers of epochs (${all.map(([name, epochs]) => `${name}: ${epochs}`).join(', ')}), and a table compares after the same: give --epochs`,
    );
  return first;
}
