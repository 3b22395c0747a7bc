// Holds nn and optim against PyTorch's own databases of modules and optimizers, and all against what the databases say is refused; writes
// docs/databases.md, and with --record a third of it for test/parity/databases.test.ts.
//
//     npm run build:ts && node scripts/check/databases/databases.mjs --python PYTHON [--work FOLDER] [--record]
//                                                                    [--out docs/databases.md]
//
// PYTHON is one with the torch of the version of the linked libtorch, numpy and safetensors. modules.py, optimizers.py and errors.py
// write down the databases' inputs there and what Python gives; compute.mjs does the same here.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import torch from 'torch-node';
import { page } from './databasesPage.mjs';
import { record } from './recordDatabases.mjs';
import { expectTorch, ours, results } from './running.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const { values: options } = parseArgs({
  options: {
    python: { type: 'string', default: 'python3' },
    work: { type: 'string' },
    record: { type: 'boolean', default: false },
    out: { type: 'string', default: path.join(here, '../../../docs/databases.md') },
  },
});
const DTYPES = ['float32', 'float64', 'complex64', 'bfloat16', 'float16'];

expectTorch(options.python);
const work = options.work ?? mkdtempSync(path.join(os.tmpdir(), 'torch-node-databases-'));
try {
  const found = { modules: [], optimizers: [], errors: [] };
  for (const dtype of DTYPES)
    found.modules.push(...(await results({ python: options.python, script: 'modules.py' }, dtype, work)));
  for (const what of ['optimizers', 'errors'])
    found[what] = await results({ python: options.python, script: `${what}.py` }, what, work);
  writeFileSync(options.out, page(found, { torch: ours, cpu: torch.cpuCapability() }));
  if (options.record) await record(work, found);
} finally {
  if (options.work === undefined) rmSync(work, { recursive: true, force: true });
}
