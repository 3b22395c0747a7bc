// Holds the operators against PyTorch's own operator database, and writes docs/operators.md.
//
//     npm run build:ts && node scripts/check/databases/operators.mjs --python PYTHON [--dtypes float32,float64,...]
//                                                             [--work FOLDER] [--out docs/operators.md]
//
// PYTHON is one with the torch of the version of the linked libtorch, numpy and safetensors. operators.py runs the database's
// samples there and writes down each call of an overload; compute.mjs makes the same calls here.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import torch from 'torch-node';
import { page } from './operatorsPage.mjs';
import { expectTorch, ours, results } from './running.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const { values: options } = parseArgs({
  options: {
    python: { type: 'string', default: 'python3' },
    dtypes: { type: 'string', default: 'float32,float64,int64,complex64,bfloat16' },
    work: { type: 'string' },
    out: { type: 'string', default: path.join(here, '../../../docs/operators.md') },
  },
});

expectTorch(options.python);
const work = options.work ?? mkdtempSync(path.join(os.tmpdir(), 'torch-node-operators-'));
try {
  const dtypes = options.dtypes.split(',');
  const waiting = [...dtypes];
  const all = [];
  const worker = async () => {
    for (let dtype = waiting.shift(); dtype; dtype = waiting.shift())
      all.push(...(await results({ python: options.python, script: 'operators.py' }, dtype, work)));
  };
  await Promise.all(Array.from({ length: Math.min(2, os.availableParallelism()) }, worker));
  writeFileSync(options.out, page(all, dtypes, { torch: ours, cpu: torch.cpuCapability() }));
} finally {
  if (options.work === undefined) rmSync(work, { recursive: true, force: true });
}
