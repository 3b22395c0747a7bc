// The command line: `torch-node install`, `doctor`, `init`, `cifar10` and the others.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Command } from 'commander';
import { packageRoot } from '../native/addons.js';
import { addBuildCommand } from './build.js';
import { addCifar10Command } from './cifar10.js';
import { addDoctorCommand } from './doctor.js';
import { addInitCommand } from './init.js';
import { addInstallCommands } from './install.js';

const { version } = JSON.parse(readFileSync(path.join(packageRoot(), 'package.json'), 'utf8')) as {
  version: string;
};

const program = new Command('torch-node')
  // Narrow terminals too: otherwise lines would break within words.
  .configureHelp({ minWidthToWrap: 20 })
  .description('PyTorch for TypeScript: experiments, and the state of the installation')
  .version(version)
  // Options after a command are the command's: `install --version 2.13.0` does not print the version of this program.
  .enablePositionalOptions()
  .showHelpAfterError('(add --help for the options)');
addCifar10Command(program);
addDoctorCommand(program);
addInstallCommands(program);
addBuildCommand(program);
addInitCommand(program);

// `help cifar10 part1` is that package's affair too.
const words = process.argv.slice(2);
const [first, second, ...rest] = words;
await program.parseAsync(first === 'help' && second === 'cifar10' ? [second, first, ...rest] : words, {
  from: 'user',
});
