// Keeps a part of what operators.py wrote for test/parity/operators.test.ts: test/parity/recorded/operators.safetensors.
//
//     node scripts/check/databases/operators.mjs --python PYTHON --work FOLDER && node scripts/check/databases/recordOperators.mjs FOLDER
//
// Of every third operator of the database, the smallest call of each overload for each dtype; left out are calls whose bits
// are not steady in Python itself. The calls are in the file's metadata, as JSON.
import { readdirSync, readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import torch, { checkpoints } from 'torch-node';

const LARGEST_CALL = 1536; // bytes of its tensors
const DTYPES = ['float32', 'float64', 'int64', 'complex64'];
const out = fileURLToPath(new URL('../../../test/parity/recorded/operators.safetensors', import.meta.url));
const [work] = process.argv.slice(2);

const operators = [];
const kept = {};
for (const dtype of DTYPES) {
  const folder = path.join(work, dtype);
  const numbers = readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .map((name) => Number.parseInt(name, 10))
    .filter((number) => number % 3 === 1)
    .sort((a, b) => a - b);
  for (const number of numbers) {
    const { operator, cases } = JSON.parse(readFileSync(path.join(folder, `${number}.json`), 'utf8'));
    if (cases.length === 0) continue; // nor need there be tensors
    const { tensors } = await checkpoints.loadSafetensors(path.join(folder, `${number}.safetensors`));
    const chosen = smallest(cases, tensors);
    if (chosen.length > 0)
      operators.push({ operator, dtype, cases: chosen.map((one) => keep(one, tensors)) });
  }
}
const header = {
  torch: torch.version,
  cpuCapability: torch.cpuCapability(),
  cpu: os.cpus()[0]?.model.trim() ?? 'unknown CPU',
  threads: 1,
};
await checkpoints.saveSafetensors(out, kept, {
  header: JSON.stringify(header),
  operators: JSON.stringify(operators),
});
console.log(
  `${operators.length} operators and dtypes, ${operators.flatMap(({ cases }) => cases).length} calls`,
);

/** A call of each overload: one with gradients if there is one, and of those the smallest that has any elements. */
function smallest(cases, tensors) {
  const best = new Map();
  for (const one of cases) {
    if (one.unsteady) continue;
    const bytes = namesIn(one).reduce((sum, name) => sum + tensors[name].dataSync().byteLength, 0);
    if (bytes > LARGEST_CALL) continue;
    const rank = [one.gradients ? 0 : 1, bytes === 0 ? 1 : 0, bytes];
    const other = best.get(one.call);
    if (other === undefined || before(rank, other.rank)) best.set(one.call, { one, rank });
  }
  return [...best.values()].map(({ one }) => one);
}

function before(a, b) {
  const at = a.findIndex((value, i) => value !== b[i]);
  return at >= 0 && a[at] < b[at];
}

function namesIn(value) {
  if (value === null || typeof value !== 'object') return [];
  return Object.entries(value).flatMap(([key, inner]) => (key === 't' ? [inner] : namesIn(inner)));
}

/** The call with its tensors under names of the kept file. */
function keep(value, tensors) {
  if (Array.isArray(value)) return value.map((item) => keep(item, tensors));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      if (key !== 't') return [key, keep(inner, tensors)];
      const name = `t${Object.keys(kept).length}`;
      kept[name] = tensors[inner];
      return [key, name];
    }),
  );
}
