#!/usr/bin/env node
// The command torch-node. All there is to it lies in lib/cli, compiled to dist/cli.
import { existsSync } from 'node:fs';

const main = new URL('../dist/cli/main.js', import.meta.url);
if (existsSync(main)) {
  await import(main.href);
} else {
  console.error(
    'torch-node has not been compiled yet: run `npm install`, or `npm run build:all`, in its folder.',
  );
  process.exitCode = 1;
}
