// Runs jest, and other programs of Node's, for the scripts beside this file.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { resolve } = createRequire(import.meta.url);

/** Runs a script of Node's in the root folder, with further variables in its environment; gives its exit code. */
export const node = (args, env) =>
  spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } })
    .status ?? 1;
export const tsc = (...args) => node([resolve('typescript/bin/tsc'), ...args]);
export const jest = (args, env) =>
  node([path.join(path.dirname(resolve('jest/package.json')), 'bin/jest.js'), ...args], env);
