// Before all tests: Python PyTorch, where the reference's environment can be had, and what it computes on this machine.
// Bits depend on the CPU (MKL takes other paths on other makes), so only numbers from the same machine can be held to them.
import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const ROOT = path.resolve(import.meta.dirname, '../..');
const SETUP = path.resolve(ROOT, '../shared/reference/setup.sh');

/** Sets TORCH_NODE_TEST_PYTHON and TORCH_NODE_TEST_RECORDED (a folder), or TORCH_NODE_TEST_NO_PYTHON (why not). */
export default async function setUp() {
  try {
    if (!existsSync(SETUP)) throw new Error(`there is no ${path.relative(ROOT, SETUP)}`);
    const python = output('bash', [SETUP]).trim();
    const folder = mkdtempSync(path.join(tmpdir(), 'torch-node-recorded-'));
    process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
    const scripts = ['record.py', 'table/record.py'].map((name) => path.join(ROOT, 'test/parity', name));
    await Promise.all(scripts.map((script) => run(python, [script, '--out', folder], { timeout: 300_000 })));
    process.env.TORCH_NODE_TEST_PYTHON = python;
    process.env.TORCH_NODE_TEST_RECORDED = folder;
  } catch (error) {
    process.env.TORCH_NODE_TEST_NO_PYTHON = error.message;
  }
}

const run = promisify(execFile);

function output(command, args) {
  const ended = spawnSync(command, args, { encoding: 'utf8', timeout: 300_000 });
  if (ended.error) throw new Error(`${command} cannot be run: ${ended.error.message}`);
  if (ended.status !== 0)
    throw new Error(`${[command, ...args].join(' ')} failed: ${ended.stderr.trim().slice(-300)}`);
  return ended.stdout;
}
