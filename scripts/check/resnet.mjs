// Holds examples/resnet18-cifar10/train.mjs against train.py: both losses over the steps, and the largest difference.
//
//     npm run build:ts && node scripts/check/resnet.mjs --data FOLDER --python PYTHON [--steps 200] [--batch 32] [--width 16]
//         [--lr 0.1] [--threads 1]
//
// On the same machine the first losses are equal: both draw the same numbers. Later ones part as rounding adds up; what is
// compared is how they fall. Exits with 1 when the means over 20 steps differ by more than a tenth.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { run } from '../../dist/files/child.js';

const { values: options } = parseArgs({
  options: {
    data: { type: 'string' },
    python: { type: 'string', default: 'python3' },
    steps: { type: 'string', default: '200' },
    batch: { type: 'string', default: '32' },
    width: { type: 'string', default: '16' },
    lr: { type: 'string', default: '0.1' },
    threads: { type: 'string', default: '1' },
  },
});
if (options.data === undefined) throw new Error('--data FOLDER: the folder with data_batch_1.bin in it');
const folder = fileURLToPath(new URL('../../examples/resnet18-cifar10/', import.meta.url));
const work = mkdtempSync(path.join(os.tmpdir(), 'torch-node-resnet-'));
const WINDOW = 20;

async function train(name, command, script) {
  const out = path.join(work, `${name}.json`);
  const args = ['data', 'steps', 'batch', 'width', 'lr', 'threads'].flatMap((each) => [
    `--${each}`,
    options[each],
  ]);
  const { code, signal, stderr } = await run(command, [path.join(folder, script), ...args, '--out', out]);
  if (code !== 0) throw new Error(`${script} ended with ${signal ?? `code ${code}`}: ${stderr}`);
  return JSON.parse(readFileSync(out, 'utf8'));
}

const mean = (losses, start) => {
  const some = losses.slice(start, start + WINDOW);
  return some.reduce((sum, loss) => sum + loss, 0) / some.length;
};

try {
  const [here, there] = await Promise.all([
    train('node', process.execPath, 'train.mjs'),
    train('python', options.python, 'train.py'),
  ]);
  console.log('steps      torch-node  PyTorch');
  let worst = 0;
  for (let start = 0; start < here.length; start += WINDOW) {
    const [a, b] = [mean(here, start), mean(there, start)];
    worst = Math.max(worst, Math.abs(a - b) / b);
    const steps = `${start + 1}-${Math.min(start + WINDOW, here.length)}`;
    console.log(`${steps.padEnd(10)} ${a.toFixed(5).padStart(10)} ${b.toFixed(5).padStart(8)}`);
  }
  const equal = here.findIndex((loss, i) => loss !== there[i]);
  const largest = Math.max(...here.map((loss, i) => Math.abs(loss - there[i])));
  console.log(`equal in bits: the first ${equal < 0 ? here.length : equal} of ${here.length} losses`);
  console.log(
    `largest difference of a loss ${largest.toExponential(2)}, of a mean over ${WINDOW} steps ${(100 * worst).toFixed(2)} %`,
  );
  if (worst > 0.1) process.exitCode = 1;
} finally {
  rmSync(work, { recursive: true, force: true });
}
