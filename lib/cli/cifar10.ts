// `torch-node cifar10`: hands over to the package torch-node-cifar10, where it is installed.
import type { Command } from 'commander';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { errorCode } from '../files/cache.js';
import { packageRoot } from '../native/addons.js';

const PACKAGE = 'torch-node-cifar10';

interface Experiments {
  main: (this: void, words: readonly string[]) => Promise<void>;
}

/** Adds the command `cifar10`. Exit codes are those of the package's commands; 1 where it is not installed. */
export function addCifar10Command(program: Command): void {
  program
    .command('cifar10')
    .description(`the course's experiments on CIFAR-10 (${PACKAGE})`)
    .argument('[words...]', 'part1, part2 or train, and their options')
    // All that follows, --help included, is for the package.
    .helpOption(false)
    .allowUnknownOption()
    .passThroughOptions()
    .action(async (words: string[]) => {
      const file = findExperiments();
      if (file === undefined) {
        console.error(notInstalled());
        process.exitCode = 1;
        return;
      }
      // In this process, so that the terminal, Ctrl-C and the exit code need no passing on.
      const { main } = (await import(pathToFileURL(file).href)) as Experiments;
      await main(words);
    });
}

/** The workspace of a clone. */
const workspace = (): string => path.join(packageRoot(), 'experiments', 'cifar10');

/** The package's commands: as the user's folder finds them, beside this package, or in a clone's workspace. */
function findExperiments(): string | undefined {
  for (const folder of [process.cwd(), packageRoot(), workspace()]) {
    try {
      return createRequire(path.join(folder, 'package.json')).resolve(`${PACKAGE}/cli`);
    } catch (error) {
      if (errorCode(error) !== 'MODULE_NOT_FOUND') throw error;
    }
  }
  return undefined;
}

function notInstalled(): string {
  if (existsSync(workspace())) return `${PACKAGE} has not been compiled yet: npm run build:ts`;
  return `The experiments are a package of their own, ${PACKAGE}, which is not installed. To install it, run\n\n  npm install ${PACKAGE}\n`;
}
