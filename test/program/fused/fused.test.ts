// The fused engine by itself: check.cpp compares it with a plain implementation in double precision. It is compiled here
// from the native build's folder, where all that it needs but itself is compiled already.
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import torch from 'torch-node';
import { itWhen } from '../../support/skip.js';

const run = promisify(execFile);
const minor = torch.version.split('.').slice(0, 2).join('.');
const work = path.join(__dirname, '..', '..', '..', '.build', minor);
const settings = path.join(work, 'CMakeCache.txt');
const cmake = existsSync(settings)
  ? /^CMAKE_COMMAND:INTERNAL=(.*)$/m.exec(readFileSync(settings, 'utf8'))?.[1]
  : undefined;

itWhen(
  cmake !== undefined && existsSync(cmake) && process.platform !== 'win32',
  'the addon was not compiled here, or CMake is gone since',
)(
  'the engine gives the outputs, the loss and the gradients that the plain implementation gives',
  async () => {
    await run(cmake!, ['--build', work, '--target', 'torch_node_fused_check']);
    const { stdout } = await run(path.join(work, 'torch_node_fused_check'));
    expect(stdout).toMatch(/^[1-9]\d* sets of instructions, 0 differences, the largest \S+\n$/);
  },
  300_000,
);
