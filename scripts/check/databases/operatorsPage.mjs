// The text of docs/operators.md.
const SHORT = { float32: 'f32', float64: 'f64', int64: 'i64', complex64: 'c64', bfloat16: 'bf16' };
const LONGEST_REASON = 110;

/** `results` has an entry for each operator and dtype, as main.mjs makes them. */
export function page(results, dtypes, { torch, cpu }) {
  const operators = new Map();
  for (const one of results) operators.set(one.number, [...(operators.get(one.number) ?? []), one]);
  const rows = [...operators.entries()]
    .sort(([a], [b]) => a - b)
    .map(([, entries]) => rowOf(entries.sort((a, b) => dtypes.indexOf(a.dtype) - dtypes.indexOf(b.dtype))))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const tried = rows.filter(({ calls }) => calls > 0);
  const good = tried.filter((row) => row.equal === row.calls && row.gradientsEqual === row.gradients);
  const overloads = new Set(results.flatMap(({ outcomes }) => outcomes.map(({ name }) => name)));
  return [
    '# Operators, held against PyTorch',
    '',
    '<!-- Written by scripts/check/databases/operators.mjs: do not edit. -->',
    '',
    `The samples of PyTorch's own operator database (\`torch.testing\`, version ${torch}), on the CPU (${cpu}) with one thread. While a`,
    'sample runs in Python, the overloads that it calls are caught with their arguments; `torch.ops.call` makes the same calls',
    'here, with the same seed. Results (dtype, shape, strides and every value) and arguments that an operator changes are',
    'compared, and the gradients of the sum of the results with respect to every floating argument. The first samples of an',
    'operator are also run in place and with `out=`, where it has such forms; there are no gradients of those.',
    '',
    'Equal means bit for bit. "~" counts those that are equal within a part of the largest value: 1e-5 (float32, complex64),',
    '1e-12 (float64, complex128), 1e-3 (float16), 1e-2 (bfloat16), and NaNs of other bits; integers may not differ. Of results',
    'without defined values (`empty` and its kin) dtype, shape and strides are compared.',
    '',
    'To make this page again: `npm run build:ts && node scripts/check/databases/operators.mjs --python PYTHON`, with a Python that has torch,',
    `numpy and safetensors. Of an operator, spread samples are taken (see operators.py for the caps); random operators are seeded.`,
    '',
    ...totals(results, dtypes),
    '',
    `${tried.length} of ${rows.length} entries of the database were tried, ${overloads.size} overloads with them; in ${good.length} all is equal.`,
    '',
    '| operator | dtypes | calls | equal | gradients | why not |',
    '| --- | --- | --- | --- | --- | --- |',
    ...rows.map(lineOf),
    '',
  ].join('\n');
}

function totals(results, dtypes) {
  const line = (name, entries) => {
    const row = countsOf(entries.flatMap(({ outcomes }) => outcomes));
    const skipped = entries.flatMap((one) => Object.values(one.skipped)).reduce((a, b) => a + b, 0);
    const cells = [row.calls, row.bits, row.near, row.calls - row.equal];
    const gradients = [
      row.gradients,
      row.gradientsBits,
      row.gradientsNear,
      row.gradients - row.gradientsEqual,
    ];
    return `| ${[name, ...cells, ...gradients, skipped].join(' | ')} |`;
  };
  return [
    '| | calls | bits | ~ | differ | gradients | bits | ~ | differ | left out |',
    '| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |',
    ...dtypes.map((dtype) =>
      line(
        dtype,
        results.filter((one) => one.dtype === dtype),
      ),
    ),
    line('all', results),
  ];
}

function countsOf(outcomes) {
  const count = (verdicts, wanted) => verdicts.filter((verdict) => verdict === wanted).length;
  const forward = outcomes.map((outcome) => outcome.forward);
  const gradients = outcomes.flatMap((outcome) => outcome.gradients ?? []);
  const [bits, near] = [count(forward, 'bits'), count(forward, 'near')];
  const [gradientsBits, gradientsNear] = [count(gradients, 'bits'), count(gradients, 'near')];
  return {
    calls: forward.length,
    bits,
    near,
    equal: bits + near,
    gradients: gradients.length,
    gradientsBits,
    gradientsNear,
    gradientsEqual: gradientsBits + gradientsNear,
  };
}

function rowOf(entries) {
  const outcomes = entries.flatMap((one) => one.outcomes);
  const counts = countsOf(outcomes);
  const reasons = new Map();
  const add = (reason, n = 1) => reasons.set(reason, (reasons.get(reason) ?? 0) + n);
  for (const { name, forward, gradients } of outcomes)
    for (const verdict of [forward, gradients])
      if (typeof verdict === 'object') add(plain(verdict.differs, name));
  const unsteady = entries.reduce((sum, one) => sum + one.unsteady, 0);
  if (counts.near > 0 && unsteady > 0) add('in Python itself bits change with where tensors lie', unsteady);
  const left = new Map();
  for (const { skipped } of entries)
    for (const [reason, n] of Object.entries(skipped)) left.set(reason, (left.get(reason) ?? 0) + n);
  for (const [reason, n] of left) add(`left out: ${plain(reason, '')}`, n);
  if (counts.gradients === 0 && entries.some(({ noGradient }) => noGradient.length > 0))
    reasons.set('no gradients in PyTorch', 1);
  const tried = entries.filter((one) => one.outcomes.length > 0).map(({ dtype }) => SHORT[dtype] ?? dtype);
  if (tried.length === 0 && reasons.size === 0) reasons.set('not for these dtypes on the CPU', 1);
  return { name: entries[0].operator, tried, reasons, ...counts };
}

/** Without the name of the overload, and with one form for reasons that only their numbers tell apart. */
function plain(reason, name) {
  const text = (name === '' ? reason : reason.replaceAll(`${name}: `, ''))
    .replace(/of (\w+), as .* for .*?( \(given|$)/, 'of $1$2')
    .replace(/\d+ of \d+ values/, 'values');
  return text.length > LONGEST_REASON ? `${text.slice(0, LONGEST_REASON - 3)}...` : text;
}

function lineOf(row) {
  const of = (bits, near, all) =>
    all === 0 ? '' : `${bits === all ? 'all' : bits}${near > 0 ? ` + ${near} ~` : ''}`;
  const reasons = [...row.reasons].slice(0, 3).map(([reason, n]) => (n > 1 ? `${n}: ${reason}` : reason));
  const cells = [
    row.name,
    row.tried.join(' '),
    row.calls || '',
    of(row.bits, row.near, row.calls),
    row.gradients === 0
      ? ''
      : `${of(row.gradientsBits, row.gradientsNear, row.gradients)} of ${row.gradients}`,
    reasons.join('; ').replaceAll('|', '\\|').replaceAll('<', '&lt;'),
  ];
  return `| ${cells.join(' | ')} |`;
}
