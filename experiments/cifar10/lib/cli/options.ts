// What the commands of `torch-node cifar10` have in common: the data, option values, how they end.
import { InvalidArgumentError, Option, type Command } from 'commander';
import type { data as Data } from 'torch-node';
import type { Way } from '../training.js';
import { downloadView } from './downloadView.js';

export interface DataOptions {
  data?: string;
  synthetic?: true;
  syntheticFallback?: true;
}

export interface WayOptions {
  exact?: true;
  eager?: true;
}

/** The options that say how steps are made. */
export function wayOptions(command: Command): Command {
  return command
    .option('--exact', "PyTorch's bits: make the recorded steps with its kernels alone")
    .addOption(
      new Option('--eager', 'make the steps operator by operator, as they are written').conflicts('exact'),
    );
}

export function wayOf({ exact, eager }: WayOptions): Way {
  return eager ? 'eager' : exact ? 'exact' : 'compiled';
}

/** A run that is gone on with makes its steps as it did; unless the user says otherwise, which is refused then. */
export function adoptWay(
  options: WayOptions,
  way: Way | undefined,
  given: (option: string) => boolean,
): void {
  if (given('exact') || given('eager') || way === undefined || way === 'compiled') return;
  options[way] = true;
}

/** --synthetic, which leaves no place for --data. */
export const syntheticOption = (description: string): Option =>
  new Option('--synthetic', description).conflicts('data');

/** Sets the exit code to what a command gives, or to 1 with its error on stderr. */
export async function finished(command: Promise<number>): Promise<void> {
  try {
    process.exitCode = await command;
  } catch (error) {
    console.error(describeFailure(error));
    process.exitCode = 1;
  }
}

export interface LoadedData {
  sets: Data.ImageSets;
  name: 'cifar10' | 'synthetic';
  note?: string;
}

/** The data set that the options name; undefined when it was interrupted. */
export async function loadData(
  options: DataOptions,
  say: (text: string) => void,
  signal: AbortSignal,
): Promise<LoadedData | undefined> {
  const { data } = await import('torch-node');
  const synthetic = (): LoadedData => ({ sets: data.synthetic({ seed: 0 }), name: 'synthetic' });
  if (options.synthetic) return synthetic();
  let bar: ReturnType<typeof downloadView> | undefined;
  try {
    const sets = await data.cifar10(options.data, {
      signal,
      onProgress: (done, total) => (bar ??= downloadView(process.stderr)).update(done, total),
    });
    return {
      sets,
      name: 'cifar10',
      ...(sets.official
        ? {}
        : { note: 'The images are not the official release byte for byte (copies, or another order).' }),
    };
  } catch (error) {
    if (signal.aborted) return undefined;
    const unreachable = (error as { code?: string }).code === 'DATA_UNREACHABLE';
    if (!unreachable || !options.syntheticFallback) throw error;
    say(
      `${errorText(error)}\n\nUntil then: training on the built-in SYNTHETIC pictures. Its numbers say nothing about CIFAR-10.\n`,
    );
    return synthetic();
  } finally {
    bar?.stop();
  }
}

/** The message of whatever was thrown. */
function errorText(error: unknown): string {
  const message = (error as { message?: unknown } | null)?.message;
  return typeof message === 'string' ? message : String(error);
}

function describeFailure(error: unknown): string {
  const { name, code } = (error ?? {}) as Partial<NodeJS.ErrnoException>;
  const known =
    ['RunError', 'DataError', 'TorchError'].includes(name ?? '') || code === 'ERR_TORCH_NODE_LOAD';
  return known || !(error as Error | null)?.stack ? errorText(error) : (error as Error).stack!;
}

export function commandLine(): string {
  return ['npx torch-node', ...process.argv.slice(2).map(quoted)].join(' ');
}

export function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

// ---- option values ----

export function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least || value > 1e9)
      throw new InvalidArgumentError(`expected a whole number of ${least} or more.`);
    return value;
  };
}

export function seeds(text: string): number[] {
  const many = /^(\d{1,4})x$/.exec(text);
  if (many && Number(many[1]) > 0) return Array.from({ length: Number(many[1]) }, (_, seed) => seed);
  const list = text.split(',').map(Number);
  if (!/^\d+(,\d+)*$/.test(text) || !list.every(Number.isSafeInteger)) {
    throw new InvalidArgumentError(
      'expected whole numbers with commas between them, as in 0,1,2, or how many, as in 5x.',
    );
  }
  if (new Set(list).size !== list.length) throw new InvalidArgumentError('a seed is there twice.');
  return list;
}

export function device(text: string): string {
  if (!/^(cpu|cuda(:\d+)?)$/.test(text)) throw new InvalidArgumentError('expected cpu, cuda or cuda:N.');
  return text;
}
