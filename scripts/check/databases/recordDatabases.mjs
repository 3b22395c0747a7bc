// Keeps a third of what modules.py, optimizers.py and errors.py wrote for test/parity/databases.test.ts, in test/parity/recorded:
// modules.safetensors and errors.safetensors, whose cases are in the metadata as JSON, and optimizers.json. Of modules that is every third
// case in float32 and of each other dtype the smallest case of every third module.
import { readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import torch, { checkpoints } from 'torch-node';

const LARGEST_CASE = 6144; // bytes of its tensors
const folder = fileURLToPath(new URL('../../../test/parity/recorded', import.meta.url));

const header = {
  torch: torch.version,
  cpuCapability: torch.cpuCapability(),
  cpu: os.cpus()[0]?.model.trim() ?? 'unknown CPU',
  threads: 1,
};
const isThird = (_, i) => i % 3 === 1;

/** `work` is the folder that the scripts wrote into, `found` what running.mjs gives. */
export async function record(work, { modules, optimizers, errors }) {
  await save('modules', work, modules, (entry) => entry.dtype, chosenModules(modules));
  const all = errors.flatMap((entry) => entry.cases.map((one) => ({ entry, one })));
  await save('errors', work, errors, () => 'errors', all.filter(isThird));
  const steps = optimizers.flatMap(({ cases }) => cases).filter(isThird);
  const lines = steps.map((one) => JSON.stringify(one)).join(',\n');
  writeFileSync(
    path.join(folder, 'optimizers.json'),
    `${JSON.stringify(header).slice(0, -1)},"cases":[\n${lines}\n]}\n`,
  );
}

function chosenModules(modules) {
  const single = modules.filter(({ dtype }) => dtype === 'float32');
  const chosen = single.flatMap((entry) => entry.cases.map((one) => ({ entry, one }))).filter(isThird);
  for (const entry of modules)
    if (entry.dtype !== 'float32' && entry.cases.length > 0 && entry.number % 3 === 1)
      chosen.push({ entry, one: entry.cases[0] });
  return chosen;
}

/** Writes cases with their tensors; those that have large ones are left out. */
async function save(name, work, entries, folderOf, chosen) {
  const kept = {};
  const cases = [];
  let large = 0;
  for (const entry of entries) {
    const mine = chosen.filter((one) => one.entry === entry);
    if (mine.length === 0) continue;
    const file = path.join(work, folderOf(entry), `${entry.number}.safetensors`);
    const { tensors } = checkpoints.decodeSafetensors(readFileSync(file), file);
    for (const { one } of mine) {
      const bytes = namesIn(one).reduce((sum, each) => sum + tensors[each].dataSync().byteLength, 0);
      if (bytes > LARGEST_CASE) large++;
      else cases.push({ of: entry.operator, dtype: entry.dtype, case: renamed(one, tensors, kept) });
    }
  }
  const metadata = { header: JSON.stringify(header), cases: JSON.stringify(cases) };
  await checkpoints.saveSafetensors(path.join(folder, `${name}.safetensors`), kept, metadata);
  console.log(`${name}: ${cases.length} cases, ${large} of more than ${LARGEST_CASE} bytes left out`);
}

function namesIn(value) {
  if (value === null || typeof value !== 'object') return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    key === 't' ? [inner] : key === 'view' ? [inner[0]] : namesIn(inner),
  );
}

/** A case with its tensors under names of the kept file. */
function renamed(value, tensors, kept) {
  const names = new Map();
  const nameOf = (name) => {
    let other = names.get(name);
    if (other === undefined) {
      other = `t${Object.keys(kept).length}`;
      names.set(name, other);
      kept[other] = tensors[name];
    }
    return other;
  };
  const inside = (item) => {
    if (Array.isArray(item)) return item.map(inside);
    if (item === null || typeof item !== 'object') return item;
    return Object.fromEntries(
      Object.entries(item).map(([key, inner]) => {
        if (key === 't') return [key, nameOf(inner)];
        return [key, key === 'view' ? [nameOf(inner[0]), ...inner.slice(1)] : inside(inner)];
      }),
    );
  };
  return inside(value);
}
