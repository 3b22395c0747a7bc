// Holds modules, losses, optimizers and the like against Python PyTorch, and writes docs/parity.md.
//
//     npm run build:ts && node scripts/check/parity.mjs --python PYTHON [--out docs/parity.md] [AREA...]
//
// PYTHON is one with numpy and the torch of the version of the linked libtorch. The cases are those of
// test/parity/table/*.py, run in Python and here in the same minute, with one thread.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createJiti } from 'jiti';
import torch from 'torch-node';

const here = path.dirname(fileURLToPath(import.meta.url));
const tables = path.join(here, '../../test/parity/table');
const { values: options, positionals: areas } = parseArgs({
  allowPositionals: true,
  options: {
    python: { type: 'string', default: 'python3' },
    out: { type: 'string', default: path.join(here, '../../docs/parity.md') },
  },
});
const jiti = createJiti(import.meta.url);
const { areasIn, rowsOf, runnerFile } = await jiti.import(path.join(tables, 'tables.ts'));
const { runModule } = await jiti.import(path.join(tables, 'runner.ts'));

function python(...args) {
  const { status, stdout, stderr, error } = spawnSync(options.python, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${options.python} ${args.join(' ')}: ${error?.message ?? stderr}`);
  return stdout;
}

const ours = torch.version.split('+')[0];
const theirs = python('-c', 'import torch; print(torch.__version__)').trim();
if (theirs.split('+')[0] !== ours) throw new Error(`Python has torch ${theirs}, this is ${torch.version}`);

/** One line for all cases of a class. */
function line(name, rows, withReasons = true) {
  const count = (wanted) => rows.filter(({ verdict }) => verdict === wanted).length;
  const [bits, near] = [count('bits'), count('near')];
  const reasons = new Set();
  for (const row of rows) {
    if (row.verdict === 'near') reasons.add(row.near ?? 'not known');
    if (typeof row.verdict === 'object')
      for (const [what, words] of Object.entries(row.verdict.differs))
        reasons.add(`${row.name}: ${what} ${words}`);
  }
  const differ = rows.length - bits - near;
  const why = [...(withReasons ? reasons : [])]
    .slice(0, 3)
    .join('; ')
    .replaceAll('|', '\\|')
    .replaceAll('<', '&lt;');
  return `| ${[name, rows.length, bits, near || '', differ || '', why.replaceAll('\n', ' ')].join(' | ')} |`;
}

function byClass(rows) {
  const groups = new Map();
  for (const row of rows) groups.set(row.class, [...(groups.get(row.class) ?? []), row]);
  return [...groups.entries()].sort(([a], [b]) => (a < b ? -1 : 1));
}

function page(found) {
  const all = [...found.values()].flat();
  const head = (title) => [
    `| ${title} | cases | equal in bits | near | differ | why not |`,
    '| --- | --- | --- | --- | --- | --- |',
  ];
  // The reasons stand below, with the classes.
  const total = (name, rows) => line(name, rows, false);
  return [
    '# Modules, losses, optimizers and schedules, held against PyTorch',
    '',
    '<!-- Written by scripts/check/parity.mjs: do not edit. -->',
    '',
    `Each case builds the same thing in Python (PyTorch ${ours}) and here, on the CPU (${torch.cpuCapability()}) with one thread, under the`,
    'same seed. Of modules and losses are compared: the initial parameters, the keys of the state dict, the printed text, the',
    'outputs, the gradients of inputs and parameters, the buffers afterwards, and the state of the random numbers before and',
    'after. Of optimizers: the losses of 20 steps, and the parameters, the state under its keys and the settings after them; of',
    'schedules the learning rates and momenta of 24 epochs, and the state; of autocast the results, their dtypes and the',
    'gradients; of gradient scalers the scales, losses and parameters of 20 steps. Equal means bit for bit; "near" within a part',
    'of the largest value: 1e-5 (float32), 1e-12 (float64), 1e-2 (half precision). The cases are those of',
    '`test/parity/table`, which `npm test` runs too.',
    '',
    'To make this page again: `npm run build:ts && node scripts/check/parity.mjs --python PYTHON`.',
    '',
    ...head('area'),
    ...[...found].map(([area, rows]) => total(area, rows)),
    total('all', all),
    ...[...found].flatMap(([area, rows]) => [
      '',
      `## ${area[0].toUpperCase()}${area.slice(1)}`,
      '',
      ...head('name'),
      ...byClass(rows).map(([name, group]) => line(name, group)),
    ]),
    '',
  ].join('\n');
}

const work = mkdtempSync(path.join(os.tmpdir(), 'torch-node-parity-'));
try {
  torch.setNumThreads(1);
  python(path.join(tables, 'record.py'), ...areas, '--out', work);
  const folder = path.join(work, 'table');
  const found = new Map();
  for (const area of areasIn(folder)) {
    const file = runnerFile(area);
    const run = file === undefined ? runModule : (await jiti.import(file)).run;
    found.set(area, rowsOf(folder, area, run));
    const differ = found.get(area).filter(({ verdict }) => typeof verdict === 'object').length;
    console.error(`${area}: ${found.get(area).length} cases, ${differ} differ`);
  }
  writeFileSync(options.out, page(found));
} finally {
  rmSync(work, { recursive: true, force: true });
}
