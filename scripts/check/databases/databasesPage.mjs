// The text of docs/databases.md.
const LONGEST_REASON = 140;

/** `found` has what running.mjs gives for modules, optimizers and errors. */
export function page({ modules, optimizers, errors }, { torch, cpu }) {
  return [
    "# Modules, optimizers and errors, held against PyTorch's databases",
    '',
    '<!-- Written by scripts/check/databases/databases.mjs: do not edit. -->',
    '',
    `The inputs of PyTorch's own databases (\`torch.testing\`, version ${torch}), on the CPU (${cpu}) with one thread, in Python and here. A`,
    'third of them runs as a test. Equal means bit for bit; "~" counts what is equal within the tolerances of',
    '[the table of operators](operators.md). To make this page again: `npm run build:ts && node',
    'scripts/check/databases/databases.mjs --python PYTHON`, with a Python that has torch, numpy and safetensors.',
    '',
    ...modulesPart(modules),
    '',
    ...optimizersPart(optimizers),
    '',
    ...errorsPart(errors),
    '',
  ].join('\n');
}

function modulesPart(modules) {
  const rows = [...grouped(modules)]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, entries]) => {
      const outcomes = entries.flatMap((one) => one.outcomes);
      const dtypes = entries.filter((one) => one.outcomes.length > 0).map((one) => one.dtype);
      const parts = ['forward', 'gradients', 'second'].map((part) =>
        outcomes.map((one) => one[part] ?? []).flat(),
      );
      const noSecond = entries.flatMap(({ cases }) => cases.flatMap((one) => one.noSecond ?? []));
      const why = reasons([
        ...parts.flat().flatMap((verdict) => verdict.differs ?? []),
        ...leftOut(entries),
        ...noSecond.map(() => 'no second gradients in PyTorch'),
      ]);
      return { cells: [name, dtypes.join(' '), ...parts.map(counted), why], parts };
    });
  const all = [0, 1, 2].map((i) => rows.flatMap(({ parts }) => parts[i]));
  return [
    '## Modules',
    '',
    '`module_db`: each module is made under one seed, converted to the dtype, put into training and into evaluation, and called. Compared',
    'are results and buffers, the gradients with respect to inputs and parameters, and the gradients of those.',
    '',
    '| module | dtypes | cases | gradients | second gradients | why not |',
    '| --- | --- | --- | --- | --- | --- |',
    line(['all', '', ...all.map(counted), '']),
    ...rows.map(({ cells }) => line(cells)),
  ];
}

function optimizersPart(optimizers) {
  const rows = optimizers.map(({ operator, cases, outcomes }) => {
    const verdicts = outcomes.map(({ forward }) => forward);
    const refused = cases.filter((one, i) => one.error !== undefined && verdicts[i] === 'bits').length;
    return { name: operator, verdicts, refused };
  });
  const cells = ({ name, verdicts, refused }) =>
    line([
      name,
      counted(verdicts),
      refused || '',
      reasons(verdicts.flatMap((verdict) => verdict.differs ?? [])),
    ]);
  const all = {
    name: 'all',
    verdicts: rows.flatMap(({ verdicts }) => verdicts),
    refused: rows.reduce((sum, { refused }) => sum + refused, 0),
  };
  return [
    '## Optimizers',
    '',
    '`optim_db`: 20 steps with every combination of the values that its inputs have, in a loop, with foreach and fused, in float32,',
    'float64, bfloat16 and complex64, with two groups of which a parameter learns later, with a tensor for a learning rate, and with',
    'sparse gradients. Compared are the parameters and the whole state. "refused" counts what Python refuses, as here.',
    '',
    '| optimizer | cases | refused | why not |',
    '| --- | --- | --- | --- |',
    cells(all),
    ...rows.map(cells),
  ];
}

function errorsPart(errors) {
  const rows = errors.map(({ database, operator, skipped, outcomes }) => {
    const verdicts = outcomes.map(({ forward }) => forward);
    const left = verdicts.flatMap((verdict) => verdict.leftOut ?? []);
    const also = Object.entries(skipped).flatMap(([reason, n]) => Array(n).fill(reason));
    const differs = verdicts.flatMap((verdict) => verdict.differs ?? []);
    const raised = verdicts.filter((verdict) => verdict === 'raises').length;
    return { database, name: operator, raised, differs, left: [...left, ...also] };
  });
  const sum = (some, of) => some.reduce((total, one) => total + of(one), 0);
  const total = (name, some) =>
    line([
      name,
      sum(some, (one) => one.raised),
      sum(some, (one) => one.differs.length) || '',
      sum(some, (one) => one.left.length) || '',
      '',
    ]);
  return [
    '## Errors',
    '',
    'What `op_db`, `module_db` and `optim_db` say is refused: each ends with a TorchError here, or cannot be said in TypeScript.',
    '',
    '| database | refused | not refused | left out | why |',
    '| --- | --- | --- | --- | --- |',
    total('all', rows),
    ...['operator', 'module', 'optimizer'].map((database) =>
      total(
        `${database}s`,
        rows.filter((one) => one.database === database),
      ),
    ),
    ...rows
      .filter(({ differs, left }) => differs.length + left.length > 0)
      .map(({ name, raised, differs, left }) =>
        line([name, raised || '', differs.length || '', left.length || '', reasons([...differs, ...left])]),
      ),
  ];
}

function grouped(entries) {
  const groups = new Map();
  for (const one of entries) groups.set(one.operator, [...(groups.get(one.operator) ?? []), one]);
  return groups;
}

function leftOut(entries) {
  return entries.flatMap(({ skipped }) =>
    Object.entries(skipped).flatMap(([reason, n]) => Array(n).fill(`left out: ${reason}`)),
  );
}

/** As in "all 12", "10 + 2 ~ of 12". */
function counted(verdicts) {
  if (verdicts.length === 0) return '';
  const count = (wanted) => verdicts.filter((verdict) => verdict === wanted).length;
  const [bits, near] = [count('bits'), count('near')];
  if (bits === verdicts.length) return `all ${bits}`;
  return `${bits}${near > 0 ? ` + ${near} ~` : ''} of ${verdicts.length}`;
}

/** Reasons with how often each is met. */
function reasons(list) {
  const counts = new Map();
  for (const reason of list) {
    const short = reason.length > LONGEST_REASON ? `${reason.slice(0, LONGEST_REASON - 3)}...` : reason;
    counts.set(short, (counts.get(short) ?? 0) + 1);
  }
  return [...counts].map(([reason, n]) => (n > 1 ? `${n}: ${reason}` : reason)).join('; ');
}

const line = (cells) =>
  `| ${cells.map((cell) => String(cell).replaceAll('|', '\\|').replaceAll('<', '&lt;')).join(' | ')} |`;
