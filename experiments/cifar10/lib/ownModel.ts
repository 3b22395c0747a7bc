// A user's own experiment, from a file of TypeScript or JavaScript that needs no build step.
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { createJiti } from 'jiti';
import * as torch from 'torch-node';
import { described, tryOut } from './layers.js';
import { part1 } from './part1.js';
import { part2 } from './part2.js';
import { RunError } from './runError.js';
import type { Experiment } from './training.js';

/**
 * What the file of an own model exports by default: a function that makes the network, or this. What is left out is
 * as in part 1; the name is the file's.
 */
export type OwnExperiment = Partial<Experiment> & Pick<Experiment, 'network'>;

const EXAMPLE = `export default {
    network: () => new nn.Sequential(new nn.Flatten(), new nn.Linear(3072, 10)),
    optimizer: (parameters) => new optim.SGD(parameters, { lr: 0.01 }), // this and more may be left out
  };`;

/**
 * Loads an own experiment. The file may import torch-node (this very copy), torch-node-cifar10, other files beside it
 * and packages that it can reach.
 *
 * @throws RunError when the file cannot be read or run, or when its default export is no experiment
 */
export async function loadExperiment(file: string): Promise<Experiment> {
  const full = path.resolve(file);
  await source(file);
  const course = { part1, part2 };
  const jiti = createJiti(import.meta.url, {
    // Compiled files are kept in memory only: a cache on disk would outlive a file that is changed.
    ...{ fsCache: false, interopDefault: false, sourceMaps: true },
    virtualModules: { 'torch-node': torch, 'torch-node-cifar10': course },
  });
  let exported: unknown;
  try {
    exported = (await jiti.import<{ default?: unknown }>(full)).default;
  } catch (error) {
    throw new RunError(`${file} could not be loaded: ${firstLines(error)}`, { cause: error });
  }
  return experimentOf(exported, file);
}

/** Loads it, and tries it out on a batch of black images. Throws a RunError that says what does not fit. */
export async function checkedExperiment(file: string): Promise<Experiment> {
  const experiment = await loadExperiment(file);
  try {
    tryOut(experiment);
  } catch (error) {
    throw new RunError(`${file}: ${(error as Error).message}${place(error, file)}`, { cause: error });
  }
  return experiment;
}

/** SHA-256 of the file: a run is only gone on with under the same. */
export async function sourceSha256(file: string): Promise<string> {
  return createHash('sha256')
    .update(await source(file))
    .digest('hex');
}

function source(file: string): Promise<Buffer> {
  return readFile(path.resolve(file)).catch((error: unknown) => {
    throw new RunError(`the model's file ${file} cannot be read: ${(error as Error).message}`);
  });
}

function experimentOf(exported: unknown, file: string): Experiment {
  if (torch.nn.isModule(exported))
    throw new RunError(
      `${file}: its default export is a network, and each run begins with a new one: export a function that makes it,\n  export default () => new nn.Sequential(...)`,
    );
  if (isClass(exported))
    throw new RunError(
      `${file}: its default export is the class ${exported.name}: export a function that makes the network,\n  export default () => new ${exported.name || 'Net'}()`,
    );
  const own = (typeof exported === 'function' ? { network: exported } : exported) as
    OwnExperiment | undefined;
  if (typeof own !== 'object' || typeof own.network !== 'function')
    throw new RunError(
      `${file}: its default export is ${described(exported)}; expected is what makes a network, as in\n  ${EXAMPLE}`,
    );
  const experiment: Experiment = { ...part1, name: path.parse(file).name, ...own };
  const wrong: string[] = Object.keys(own)
    .filter((key) => !(key in part1))
    .map((key) => `there is no setting ${key}: the settings are ${Object.keys(part1).join(', ')}`);
  if (!/^\w[\w.-]{0,60}$/.test(experiment.name))
    wrong.push(`name: expected letters, digits, - and _, got ${JSON.stringify(experiment.name)}`);
  for (const key of ['network', 'criterion', 'optimizer'] as const)
    if (typeof experiment[key] !== 'function')
      wrong.push(`${key}: expected a function, got ${described(experiment[key])}`);
  for (const key of ['batchSize', 'epochs'] as const)
    if (!Number.isSafeInteger(experiment[key]) || experiment[key] < 1)
      wrong.push(`${key}: expected a whole number of 1 or more, got ${described(experiment[key])}`);
  if (wrong.length > 0) throw new RunError(`${file}:\n  ${wrong.join('\n  ')}`);
  return experiment;
}

function isClass(value: unknown): value is new () => unknown {
  return typeof value === 'function' && /^class\b/.test(Function.prototype.toString.call(value));
}

function firstLines(error: unknown): string {
  const { message = String(error) } = error as Partial<Error>;
  return message.split('\n').slice(0, 6).join('\n  ');
}

/** Where in the file an error arose, if it did there. */
function place(error: unknown, file: string): string {
  const { stack = '', cause } = error as Error;
  const from = [(cause as Error | undefined)?.stack ?? '', stack].join('\n');
  const line = from
    .split('\n')
    .find((each) => each.includes(path.basename(file)) && /:\d+:\d+\)?$/.test(each));
  const at = line && /:(\d+):\d+\)?$/.exec(line)?.[1];
  return at ? `\n  at ${file}, line ${at}` : '';
}
