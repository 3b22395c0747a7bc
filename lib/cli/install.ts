// `torch-node install`, `uninstall` and `list`: the libtorches in the cache.
import type { Command } from 'commander';
import { createInterface } from 'node:readline/promises';
import { errorText } from '../files/cache.js';
import { megabytes } from '../files/progress.js';
import { bytesIn, type Installed, listInstalled, uninstall } from '../install/installed.js';
import { findLibtorch, installedFolder } from '../install/locate.js';
import { DEFAULT_VERSION } from '../install/versions.js';
import { findAddons } from '../native/addons.js';
import { addonMinors, setUp } from './setup.js';

interface InstallFlags {
  version?: string;
  variant?: string;
  from?: string;
  force?: boolean;
}

interface UninstallFlags {
  version?: string;
  variant?: string;
  all?: boolean;
}

/** Adds the commands. They end with exit code 1 and a list of what was tried when they fail. */
export function addInstallCommands(program: Command): void {
  program
    .command('install')
    .description('find a libtorch that fits, or fetch one into the cache')
    .option('--version <version>', `the version of libtorch (by default ${DEFAULT_VERSION} or what fits)`)
    .option(
      '--variant <variant>',
      'cpu, a CUDA version as in cu130, or auto, which looks at the card',
      'auto',
    )
    .option(
      '--from <place>',
      'take it from a folder, an official zip, a wheel, a folder of wheels, or the address of a zip or wheel',
    )
    .option('--force', 'fetch it anew even if one is there')
    .action(async (flags: InstallFlags) => {
      await failing(async () => {
        const ask = process.stdin.isTTY && process.stderr.isTTY && !process.env['CI'];
        const { libtorch, notes } = await setUp({
          ...flags,
          log: (line) => console.error(line),
          ...(ask && { confirm }),
        });
        console.log(`libtorch ${libtorch.version} (${libtorch.variant}) is in ${libtorch.folder}`);
        for (const note of notes) console.log(note);
      });
    });
  program
    .command('uninstall')
    .description('remove libtorches from the cache')
    .option('--version <version>', 'only those of this version, as in 2.13.0')
    .option('--variant <variant>', 'only those of this variant, as in cpu')
    .option('--all', 'all of them')
    .action(async (flags: UninstallFlags) => {
      await failing(async () => {
        const names = chooseNames(listInstalled(), flags);
        if (names.length === 0) console.log(`There is none in ${installedFolder()}.`);
        await uninstall(names, (line) => console.log(line));
      });
    });
  program
    .command('list')
    .description('list the libtorches in the cache, and say which one is used')
    .option('--json', 'print it as JSON')
    .action(async ({ json }: { json?: boolean }) => {
      await failing(async () => {
        const findings = await survey();
        console.log(json ? JSON.stringify(findings, null, 2) : describe(findings));
      });
    });
}

async function failing(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    console.error(errorText(error));
    process.exitCode = 1;
  }
}

async function confirm(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return !/^n/i.test((await terminal.question(`${question} [Y/n] `)).trim());
  } finally {
    terminal.close();
  }
}

/** Which of the installed ones the flags mean. Throws where that is not clear. */
export function chooseNames(installed: readonly Installed[], flags: UninstallFlags): string[] {
  const { version, variant, all } = flags;
  const names = installed
    .map(({ name }) => name)
    .filter((name) => !version || name.startsWith(`${version}-`))
    .filter((name) => !variant || name.endsWith(`-${variant}`));
  if (all || version || variant || names.length <= 1) return names;
  throw new Error(`There are several: ${names.join(', ')}. Say which, by --version and --variant, or --all.`);
}

interface Survey {
  folder: string;
  installed: { name: string; bytes: number; usable: boolean; note: string }[];
  /** The versions of libtorch that there are addons for. */
  addons: readonly string[];
  used: { folder: string; version: string; variant: string; how: string } | null;
}

async function survey(): Promise<Survey> {
  const minors = addonMinors();
  const installed = [];
  for (const { name, place, libtorch } of listInstalled()) {
    const usable = typeof libtorch !== 'string';
    installed.push({ name, bytes: await bytesIn(place), usable, note: usable ? '' : libtorch });
  }
  return { folder: installedFolder(), installed, addons: minors, used: usedNow(minors) };
}

function usedNow(minors: readonly string[]): Survey['used'] {
  try {
    const folder = findAddons()[0]?.built.folder;
    const prefer = folder ? { folder, how: 'what the addon was compiled against' } : undefined;
    return findLibtorch({ minors, ...(prefer && { prefer }) }).found ?? null;
  } catch {
    return null;
  }
}

function describe({ folder, installed, addons, used }: Survey): string {
  const lines = installed.map(
    ({ name, bytes, usable, note }) => `  ${name}  ${megabytes(bytes)}${usable ? '' : `  broken: ${note}`}`,
  );
  return [
    `In ${folder}:`,
    ...(lines.length > 0 ? lines : ['  nothing']),
    `torch-node is compiled for libtorch ${addons.join(', ')}.`,
    used
      ? `Used now: ${used.version} (${used.variant}) in ${used.folder}, ${used.how}.`
      : 'Used now: none that fits. Install one: npx torch-node install',
  ].join('\n');
}
