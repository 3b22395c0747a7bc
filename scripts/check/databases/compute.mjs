// Makes the calls that operators.py, modules.py, optimizers.py or errors.py wrote into a folder, and prints what came of them as lines of JSON: one when a
// call begins and one when it has ended, so that whoever started this can go on behind one that crashed.
//
//     node compute.mjs FOLDER [OPERATOR [CALL]]     (the first of each, as numbers)
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { createJiti } from 'jiti';
import torch, { checkpoints } from 'torch-node';

const jiti = createJiti(import.meta.url);
const { compareCase } = await jiti.import('../../../test/parity/operatorCases.ts');
const { compareModule } = await jiti.import('../../../test/parity/moduleCases.ts');
const { checkError } = await jiti.import('../../../test/parity/errorCases.ts');
const { compareOptimizer } = await jiti.import('../../../test/parity/optimizerCases.ts');
const [folder, first = '0', firstCall = '0'] = process.argv.slice(2);
const numbers = readdirSync(folder)
  .filter((name) => name.endsWith('.json'))
  .map((name) => Number.parseInt(name, 10))
  .filter((number) => number >= Number(first))
  .sort((a, b) => a - b);

torch.setNumThreads(1);
for (const number of numbers) {
  const { cases, kind, dtype, operator } = JSON.parse(
    readFileSync(path.join(folder, `${number}.json`), 'utf8'),
  );
  const start = number === Number(first) ? Number(firstCall) : 0;
  if (start >= cases.length) continue;
  const { tensors } = await checkpoints.loadSafetensors(path.join(folder, `${number}.safetensors`));
  for (const [call, recorded] of cases.entries()) {
    if (call < start) continue;
    const name = kind === 'error' ? operator : (recorded.class ?? recorded.call);
    console.log(JSON.stringify({ begin: [number, call], name }));
    const outcome = torch.scope(() => run(kind, recorded, dtype, tensors));
    console.log(JSON.stringify({ end: [number, call], name, ...outcome }));
  }
  for (const tensor of Object.values(tensors)) tensor.dispose();
}

function run(kind, recorded, dtype, tensors) {
  if (kind === 'error') return { forward: checkError(recorded, tensors) };
  if (kind === 'optimizer') return { forward: compareOptimizer(recorded) };
  return kind === 'module' ? compareModule(recorded, dtype, tensors) : compareCase(recorded, tensors);
}
