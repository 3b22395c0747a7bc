// `torch-node build`: compiles the native part on this machine, for platforms and versions that nothing prebuilt fits.
import type { Command } from 'commander';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { inspectLibtorch, findLibtorch } from '../install/locate.js';
import { installLibtorch } from '../install/install.js';
import { packageRoot } from '../native/addons.js';

interface Builder {
  buildAddon(libtorch: { folder: string; version: string }, options: { clean: boolean }): Promise<void>;
  report(error: unknown): void;
}

/** Adds the command `build`. It ends with exit code 1 and the compiler's words when that fails. */
export function addBuildCommand(program: Command): void {
  program
    .command('build')
    .description('compile the native part here, for the libtorch that is found (needs a C++20 compiler)')
    .option('--libtorch <folder>', 'a libtorch folder or site-packages/torch to compile it for')
    .option('--clean', 'start afresh')
    .action(async ({ libtorch: folder, clean = false }: { libtorch?: string; clean?: boolean }) => {
      const script = path.join(packageRoot(), 'scripts', 'build', 'addon.mjs');
      const builder = (await import(pathToFileURL(script).href)) as Builder;
      try {
        await builder.buildAddon(await libtorchFor(folder), { clean });
        if (!existsSync(path.join(packageRoot(), 'lib')))
          console.log('It comes before the prebuilt ones from now on, until torch-node is installed again.');
      } catch (error) {
        builder.report(error);
      }
    });
}

async function libtorchFor(folder: string | undefined) {
  if (folder) {
    const libtorch = inspectLibtorch(folder);
    if (typeof libtorch === 'string') throw new Error(`There is no libtorch: ${libtorch}`);
    return libtorch;
  }
  const { found, attempts } = findLibtorch();
  return found ?? (await installLibtorch({ attempts, log: (line) => console.log(line) }));
}
