// `torch-node cifar10 part2`: the twelve networks, as many at once as there are cores.
import type { Command } from 'commander';
import { finished } from './options.js';
import { compareModels, comparisonOptions, names, type ComparisonOptions } from './comparison.js';

/** Adds `part2`. Exit codes: 0 done, 1 failed (a job, or the command), 130 stopped by Ctrl-C (--resume goes on). */
export function addPart2Command(cifar10: Command): void {
  const command = cifar10
    .command('part2')
    .description('train the twelve networks of the comparison, many at once, and report on them')
    .option('--models <list>', 'some of the twelve, as in original,mlp2 (default: all)', names);
  comparisonOptions(command).action((options: ComparisonOptions) => finished(part2(options, command)));
}

async function part2(options: ComparisonOptions, command: Command): Promise<number> {
  const { part2: twelve } = await import('../part2.js');
  return compareModels(
    { ...options, models: options.models ?? [...twelve.keys()] },
    (name) => command.getOptionValueSource(name) === 'cli',
  );
}
