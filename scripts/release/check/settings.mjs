// What all checks use: the options, the folder they work in, and programs run to their end.
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { run as runChild } from '../../../dist/files/child.js';
import { commonJs, esm } from './programs.mjs';

export const root = fileURLToPath(new URL('../../..', import.meta.url));
export const { values } = parseArgs({
  options: {
    wheels: { type: 'string' },
    tarball: { type: 'string' },
    node: { type: 'string', multiple: true, default: [] },
    only: { type: 'string' },
    cuda: { type: 'string' },
    keep: { type: 'boolean' },
  },
});

/** Everything lies in here, and goes at the end. */
export const base = mkdtempSync(path.join(tmpdir(), 'torch-node-release-'));
chmodSync(base, 0o755);
export const cache = path.join(base, 'cache');

/** What the checks leave for the later ones: the packages, a folder with a wheel, and a project with the library installed. */
export const state = {
  wheels: values.wheels && path.resolve(values.wheels),
  tarball: values.tarball && path.resolve(values.tarball),
  experiments: undefined,
  first: undefined,
};

// What a user's shell has, without what this checkout or this machine set for torch-node.
export const plain = Object.fromEntries(
  Object.entries(process.env).filter(
    ([name]) => !/^(TORCH_NODE_|LIBTORCH$|LD_LIBRARY_PATH$|PYTHONPATH$|NODE_OPTIONS$|npm_)/.test(name),
  ),
);
export const environment = { ...plain, TORCH_NODE_CACHE: cache, TORCH_NODE_OFFLINE: '1', CI: '1' };

/** Runs a program to its end. Throws an error with its output unless it ends with the expected code. */
export async function run(
  command,
  args,
  { cwd = base, env = environment, code = 0, timeout = 300_000, ...options } = {},
) {
  const ended = await runChild(command, args, { cwd, env, timeout, ...options });
  const output = ended.stdout + ended.stderr;
  if (ended.code === code) return output;
  throw new Error(
    `${command} ${args.join(' ')} (in ${cwd}) ended with ${ended.code ?? ended.signal}:\n${output}`,
  );
}
export const node = (args, options) => run(process.execPath, args, options);
export const windows = process.platform === 'win32';
export const npm = (args, options) =>
  run('npm', args, { ...options, env: { ...plain, ...options?.env }, shell: windows });
/** What `npx torch-node` runs. */
export const torchNode = (folder, args, options) =>
  windows
    ? node([path.join(folder, 'node_modules', 'torch-node', 'bin', 'torch-node.js'), ...args], {
        cwd: folder,
        ...options,
      })
    : run(path.join(folder, 'node_modules', '.bin', 'torch-node'), args, { cwd: folder, ...options });

/** The script of a tool that an npm package brings. */
export function tool(name, bin = name) {
  // By its path: not every package lets its package.json be asked for.
  const manifest = path.join(root, 'node_modules', name, 'package.json');
  const entry = JSON.parse(readFileSync(manifest, 'utf8')).bin;
  return path.join(path.dirname(manifest), typeof entry === 'string' ? entry : entry[bin]);
}

export function expect(truth, message) {
  if (!truth) throw new Error(message);
}

/** A folder with a project in it that has nothing yet. */
export function project(name, files = {}) {
  const folder = path.join(base, name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, 'package.json'), '{ "private": true, "type": "module" }\n');
  for (const [file, text] of Object.entries({ 'train.mjs': esm, 'train.cjs': commonJs, ...files })) {
    writeFileSync(path.join(folder, file), text);
  }
  return folder;
}

/** Installs the package as npm does where it may not run its script. */
export const install = (folder, ...packages) =>
  npm(
    [
      'install',
      '--ignore-scripts',
      '--no-audit',
      '--no-fund',
      '--prefer-offline',
      state.tarball,
      ...packages,
    ],
    { cwd: folder },
  );

/** Throws unless the output is that of one of the programs. */
export const trained = (output) => expect(/^trained/m.test(output), `it did not train:\n${output}`);

export class Skipped extends Error {}
export const skip = (reason) => {
  throw new Skipped(reason);
};
