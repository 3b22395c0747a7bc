// Before all tests: Python PyTorch, where the reference's environment can be had, and what it computes on this machine.
// Bits depend on the CPU (MKL takes other paths on other makes), so only numbers from the same machine can be held to them.
// What was computed is kept in the system's temporary folder until the scripts, PyTorch or the CPU are others.
import { execFile, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const ROOT = path.resolve(import.meta.dirname, '../..');
const SETUP = path.resolve(ROOT, '../shared/reference/setup.sh');
const SCRIPTS = path.join(ROOT, 'test/parity');

/** Sets TORCH_NODE_TEST_PYTHON and TORCH_NODE_TEST_RECORDED (a folder), or TORCH_NODE_TEST_NO_PYTHON (why not). */
export default async function setUp() {
  try {
    if (process.env.TORCH_NODE_TEST_WITHOUT_PYTHON === '1')
      throw new Error('TORCH_NODE_TEST_WITHOUT_PYTHON=1 leaves it out');
    if (!existsSync(SETUP)) throw new Error(`there is no ${path.relative(ROOT, SETUP)}`);
    const python = output('bash', [SETUP]).trim();
    process.env.TORCH_NODE_TEST_RECORDED = await recorded(python);
    process.env.TORCH_NODE_TEST_PYTHON = python;
  } catch (error) {
    process.env.TORCH_NODE_TEST_NO_PYTHON = error.message;
  }
}

/** The folder with what the scripts recorded, made unless it is there. */
async function recorded(python) {
  const kept = path.join(tmpdir(), `torch-node-recorded-${key(python)}`);
  if (existsSync(kept)) return kept;
  const folder = mkdtempSync(`${kept}-`);
  try {
    const scripts = ['record.py', 'table/record.py'].map((name) => path.join(SCRIPTS, name));
    await Promise.all(scripts.map((script) => run(python, [script, '--out', folder], { timeout: 300_000 })));
    renameSync(folder, kept);
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    // Another run was quicker.
    if (!existsSync(kept)) throw error;
  }
  return kept;
}

/** What the recorded numbers depend on. */
function key(python) {
  const files = readdirSync(SCRIPTS, { recursive: true }).filter((name) => name.endsWith('.py'));
  const hash = createHash('sha256');
  hash.update(output(python, ['-c', 'import torch; print(torch.__version__, torch.__config__.show())']));
  hash.update(cpus()[0]?.model ?? '');
  for (const name of files.sort()) hash.update(name).update(readFileSync(path.join(SCRIPTS, name)));
  return hash.digest('hex').slice(0, 16);
}

const run = promisify(execFile);

function output(command, args) {
  const ended = spawnSync(command, args, { encoding: 'utf8', timeout: 300_000 });
  if (ended.error) throw new Error(`${command} cannot be run: ${ended.error.message}`);
  if (ended.status !== 0)
    throw new Error(`${[command, ...args].join(' ')} failed: ${ended.stderr.trim().slice(-300)}`);
  return ended.stdout;
}
