// `torch-node cifar10`: what the library's command hands over to.
import { Command } from 'commander';
import { addPart1Command } from './part1.js';
import { addPart2Command } from './part2.js';
import { addTrainCommand } from './train.js';

/**
 * Runs the command with the words that follow `cifar10`, in this process: its output, signals and exit code are this
 * process's.
 */
export async function main(words: readonly string[]): Promise<void> {
  const program = new Command('torch-node cifar10')
    // As torch-node's own.
    .configureHelp({ minWidthToWrap: 20 })
    .description("the course's experiments on CIFAR-10")
    .showHelpAfterError('(add --help for the options)');
  addPart1Command(program);
  addPart2Command(program);
  addTrainCommand(program);
  await program.parseAsync(words, { from: 'user' });
}
