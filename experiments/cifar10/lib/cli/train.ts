// `torch-node cifar10 train`: networks of the user's own, in the machinery and the table of part 2.
import type { Command } from 'commander';
import { finished } from './options.js';
import { compareModels, comparisonOptions, names, type ComparisonOptions } from './comparison.js';

/** Adds `train`. Exit codes as part2's. */
export function addTrainCommand(cifar10: Command): void {
  const command = cifar10
    .command('train')
    .description('train your own network from a TypeScript file, and compare it with others')
    .option(
      '--model <file>',
      'exports the network by default, or { network, optimizer, ... }; may be given several times',
      (file: string, before: string[] | undefined) => [...(before ?? []), file],
    )
    .option('--models <list>', 'networks of part 2 to train beside it, as in original,mlp2', names)
    .option('--into <folder>', "add it to the comparison in this folder, with that one's seeds and epochs");
  comparisonOptions(command).action((options: ComparisonOptions) =>
    finished(compareModels(options, (name) => command.getOptionValueSource(name) === 'cli')),
  );
}
