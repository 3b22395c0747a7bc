// Installs the libtorch that the addons of this package fit: what `torch-node install` and npm's install script do.
import { errorText } from '../files/cache.js';
import { run } from '../files/child.js';
import { type Choice, chooseVariant, detectGpu } from '../install/gpu.js';
import { installLibtorch } from '../install/install.js';
import { uninstall } from '../install/installed.js';
import { findLibtorch, type Libtorch } from '../install/locate.js';
import { minorOf, SUPPORTED_MINORS, versionFor } from '../install/versions.js';
import { findAddons, packageRoot } from '../native/addons.js';
import { pathToFileURL } from 'node:url';
import path from 'node:path';

export interface SetupOptions {
  version?: string;
  /** 'cpu', 'cu130' ..., or 'auto'. */
  variant?: string;
  from?: string;
  force?: boolean;
  log: (line: string) => void;
  /** Asked before something large is fetched that was not named. */
  confirm?: (question: string) => Promise<boolean>;
}

/** What came of it. `libtorch` was found, or is in the cache now. */
export interface Setup {
  libtorch: Libtorch;
  /** Sentences for the user: what is still to be done, or why it is another variant than might be expected. */
  notes: string[];
}

/** The minor versions of libtorch that there are addons for; all that the sources fit where there are none. */
export function addonMinors(): readonly string[] {
  try {
    return findAddons().map(({ built }) => built.minor);
  } catch {
    return SUPPORTED_MINORS;
  }
}

/** Finds or installs a libtorch. Rejects with an error that lists what was tried. */
export async function setUp(options: SetupOptions): Promise<Setup> {
  const minors = addonMinors();
  const version = options.version ?? versionFor(minors);
  const notes: string[] = [];
  if (options.from) {
    const { from, log, version: wanted, variant } = options;
    const libtorch = await installLibtorch({
      from,
      log,
      ...(wanted && { version: wanted }),
      ...(variant && variant !== 'auto' && { variant }),
    });
    return { libtorch, notes: remarks(libtorch, minors) };
  }
  const choice = options.variant && options.variant !== 'auto' ? undefined : await choose(version, options);
  const variant = choice?.variant ?? options.variant ?? 'cpu';
  if (choice) options.log(`libtorch: ${choice.reason}`);
  const attempts: { place: string; result: string }[] = [];
  if (!options.force && !options.version) {
    const search = findLibtorch({ minors, variant });
    if (search.found) return { libtorch: search.found, notes: ['It was there already: nothing was done.'] };
    attempts.push(...search.attempts);
  }
  const install = (which: string) =>
    installLibtorch({ version, variant: which, force: options.force ?? false, attempts, log: options.log });
  if (!choice || variant === 'cpu') {
    const libtorch = await install(variant);
    return { libtorch, notes: [...notes, ...remarks(libtorch, minors)] };
  }
  // What `auto` chose is tried out before it is settled on.
  try {
    const libtorch = await install(variant);
    const flaw = minors.includes(minorOf(libtorch.version)) ? await tryOut(libtorch.folder) : undefined;
    if (!flaw) return { libtorch, notes: remarks(libtorch, minors) };
    await uninstall([`${version}-${variant}`], options.log);
    throw new Error(`it does not work here: ${flaw}`);
  } catch (error) {
    notes.push(`The CUDA variant ${variant} was tried (${choice.reason}), but ${errorText(error)}`);
    options.log(`libtorch: ${variant}: ${errorText(error)}`);
    options.log('libtorch: falling back to the CPU variant');
    const libtorch = await install('cpu');
    return { libtorch, notes: [...notes, ...remarks(libtorch, minors)] };
  }
}

async function choose(version: string, { log, confirm }: SetupOptions): Promise<Choice> {
  const choice = chooseVariant(version, await detectGpu());
  if (choice.variant === 'cpu' || !confirm) return choice;
  log(`libtorch: ${choice.reason}`);
  const yes = await confirm(
    `Fetch the CUDA variant ${choice.variant}? It takes some 2 GB to download and 5 GB on the disk.`,
  );
  return yes ? choice : { variant: 'cpu', reason: 'the CUDA variant was declined, so it is the CPU variant' };
}

function remarks({ version }: Libtorch, minors: readonly string[]): string[] {
  if (minors.includes(minorOf(version))) return [];
  return [
    `There is no compiled part of torch-node for libtorch ${version} (there is for ${minors.join(', ')}). To use it, ` +
      'compile one: npx torch-node build. Or install one that fits: npx torch-node install --version ' +
      versionFor(minors),
  ];
}

const trial = `
const { default: torch } = await import(process.argv[1]);
if (!torch.cuda.isAvailable()) throw new Error('CUDA is not available with it');
const a = torch.ones([64, 64], { device: 'cuda' });
if (a.matmul(a).sum().item() !== 64 ** 3) throw new Error('a product of matrices comes out wrong');
`;

/** Computes something on the card in a process of its own, since a wrong driver may take the process down. */
export async function tryOut(folder: string): Promise<string | undefined> {
  const index = pathToFileURL(path.join(packageRoot(), 'dist', 'index.js')).href;
  const { code, stderr } = await run(process.execPath, ['--input-type=module', '-e', trial, index], {
    env: { ...process.env, TORCH_NODE_LIBTORCH: folder },
    timeout: 300_000,
  });
  if (code === 0) return undefined;
  const error = /^(?:\w*Error): (.*)$/m.exec(stderr)?.[1];
  return error ?? `a trial ended with ${code === null ? 'a signal' : `code ${code}`}`;
}
