// `torch-node cifar10 part2`: the twelve networks, as many at once as there are cores.
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { InvalidArgumentError, type Command } from 'commander';
import type { Job } from '../experiments/cifar10/jobs/job.js';
import { commandLine, device, finished, loadData, quoted, seeds, wholeNumber } from './cifar10Options.js';
import type { DataOptions } from './cifar10Options.js';
import { interruptible } from './interrupt.js';
import { comparisonText, jobsView } from './jobsView.js';

interface Part2Options extends DataOptions {
  models?: string[];
  seeds: number[];
  epochs: number;
  jobs: number;
  device: string;
  out?: string;
  resume?: true;
  json?: true;
}

/** What decides the numbers of a comparison, as part2.json keeps it beside them. */
interface Settings {
  models: string[];
  seeds: number[];
  epochs: number;
  device: string;
  data: 'cifar10' | 'synthetic';
  command: string;
}

const SETTINGS = 'part2.json';

/** Adds `part2`. Exit codes: 0 done, 1 failed (a job, or the command), 130 stopped by Ctrl-C (--resume goes on). */
export function addPart2Command(cifar10: Command): void {
  cifar10
    .command('part2')
    .description('train the twelve networks of the comparison, many at once, and print their table')
    .option('--data <path>', 'CIFAR-10: the folder of the official binary files, its parent, or the .tar.gz')
    .option('--models <list>', 'some of the twelve, as in original,mlp2 (default: all)', models)
    .option('--seeds <list>', 'each network once for each: 0,1,2, or 5x for 0 to 4', seeds, [0])
    .option('--epochs <n>', 'times the training set is learnt', wholeNumber(1), 10)
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
    .option('--synthetic', 'train on the built-in procedural pictures instead')
    .action((options: Part2Options, command: Command) =>
      finished(part2(options, (name) => command.getOptionValueSource(name) === 'cli')),
    );
}

async function part2(options: Part2Options, given: (option: string) => boolean): Promise<number> {
  const { default: torch } = await import('../index.js');
  const { RunError, RunFolder, newRunFolder } = await import('../experiments/cifar10/runFolder.js');
  const { part2: experiments } = await import('../experiments/cifar10/part2.js');
  const { runJobs } = await import('../experiments/cifar10/jobs/pool.js');
  const { compare } = await import('../experiments/cifar10/compare.js');

  const names = [...experiments.keys()];
  const unknown = (options.models ?? []).filter((name) => !experiments.has(name));
  if (unknown.length > 0)
    throw new RunError(`there is no model ${unknown.join(', ')}; the models are ${names.join(', ')}`);
  if (options.resume && options.out === undefined)
    throw new RunError('--resume needs --out, the folder of the run to go on with');
  torch.zeros([1], { device: options.device }).dispose();

  const say = options.json ? (text: string) => console.error(text) : (text: string) => console.log(text);
  const interrupt = interruptible(say);
  const folder = await RunFolder.take(options.out ?? (await newRunFolder()));
  try {
    const begun = (await folder.has(SETTINGS))
      ? (JSON.parse(await folder.read(SETTINGS)) as Settings)
      : undefined;
    if (options.resume) {
      if (!begun) throw new RunError(`${folder.path} holds no run of part2 (no ${SETTINGS})`);
      adopt(begun, options, given);
    } else if (begun)
      throw new RunError(
        `${folder.path} holds a run already: do what is missing by --resume, or give another --out`,
      );
    const loaded = await loadData(options, say, interrupt.signal);
    if (loaded === undefined) return 130;
    const settings: Settings = {
      models: names.filter((name) => options.models?.includes(name) ?? true),
      seeds: options.seeds,
      epochs: options.epochs,
      device: options.device,
      data: loaded.name,
      command: begun?.command ?? commandLine(),
    };
    const differing = (['models', 'seeds', 'epochs', 'device', 'data'] as const).filter(
      (key) => begun && JSON.stringify(begun[key]) !== JSON.stringify(settings[key]),
    );
    if (differing.length > 0)
      throw new RunError(`the run in ${folder.path} was begun with other ${differing.join(', ')}`);
    await folder.write(SETTINGS, `${JSON.stringify(settings, null, 2)}\n`);

    const jobs: Job[] = settings.seeds.flatMap((seed) => settings.models.map((model) => ({ model, seed })));
    const view = jobsView(say, options.json ? process.stderr : process.stdout, jobs.length, settings.epochs);
    const outcome = await runJobs({
      jobs,
      atOnce: Math.min(options.jobs, jobs.length),
      epochs: settings.epochs,
      device: settings.device,
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
    if (results.length > 0) say(`\n${comparisonText(compare(results), settings.data)}`);
    for (const [name, reason] of outcome.failed) say(`failed: ${name}: ${reason}`);
    say(`${results.length} of ${jobs.length} jobs are finished: ${folder.file('metrics.json')}`);
    if (outcome.stopped || outcome.failed.size > 0) {
      const again = [`npx torch-node cifar10 part2 --resume --out ${quoted(path.relative('', folder.path))}`];
      if (options.data) again.push(`--data ${quoted(options.data)}`);
      say(`What is missing is done by: ${again.join(' ')}`);
    }
    return outcome.stopped ? 130 : outcome.failed.size > 0 ? 1 : 0;
  } finally {
    interrupt.done();
    await folder.leave();
  }
}

// A resumed run keeps its settings; those that the user gives again are compared with them.
function adopt(begun: Settings, options: Part2Options, given: (option: string) => boolean): void {
  for (const name of ['models', 'seeds', 'epochs', 'device'] as const) {
    if (!given(name)) Object.assign(options, { [name]: begun[name] });
  }
  if (begun.data === 'synthetic' && !given('data')) options.synthetic = true;
}

function models(text: string): string[] {
  const list = text.split(',').map((name) => name.trim());
  if (list.some((name) => name === ''))
    throw new InvalidArgumentError('expected names with commas between them, as in original,mlp2.');
  return list;
}
