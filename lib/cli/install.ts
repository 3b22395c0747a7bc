// `torch-node install`: puts a libtorch into the cache.
import type { Command } from 'commander';
import { errorText } from '../files/cache.js';
import { DEFAULT_VERSION } from '../libtorch/versions.js';

interface Options {
  version?: string;
  variant?: string;
  from?: string;
}

/** Adds the command `install`. It ends with exit code 1 and a list of what was tried when it fails. */
export function addInstallCommand(program: Command): void {
  // Without it `install --version 2.13.0` would print the version of this program.
  program.enablePositionalOptions();
  program
    .command('install')
    .description('fetch a libtorch into the cache, or take it from a file or folder')
    .option('--version <version>', `the version of libtorch (default: ${DEFAULT_VERSION})`)
    .option('--variant <variant>', 'cpu, or a CUDA version as in cu126 (default: cpu)')
    .option('--from <path>', 'a libtorch folder, an official zip or a torch wheel to take it from')
    .action(async (options: Options) => {
      const { installLibtorch } = await import('../libtorch/install.js');
      try {
        const { version, folder } = await installLibtorch({ ...options, log: (line) => console.error(line) });
        console.log(`libtorch ${version} is in ${folder}`);
      } catch (error) {
        console.error(errorText(error));
        process.exitCode = 1;
      }
    });
}
