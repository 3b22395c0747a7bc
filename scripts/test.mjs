// `npm test`: compiles dist/, which the command-line tests run, and runs jest. Further arguments go to jest.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const { resolve } = createRequire(import.meta.url);
const node = (...args) => spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' }).status ?? 1;

process.exitCode =
  node('scripts/build-ts.mjs') ||
  node(resolve('typescript/bin/tsc'), '-p', 'tsconfig.json', '--noEmit') ||
  node(path.join(path.dirname(resolve('jest/package.json')), 'bin/jest.js'), ...process.argv.slice(2));
