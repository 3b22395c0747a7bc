// docs/benchmarks.md, written from docs/benchmarks.json: what was measured, on which machine and when.
//
//   node scripts/bench/page.mjs [--print]
//
// writes the page anew, or prints it. `npm run bench -- --write` puts what it measured into the JSON first.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const docs = fileURLToPath(new URL('../../docs/', import.meta.url));
const json = path.join(docs, 'benchmarks.json');

/** What each measure of the harness is, in the order of the page. */
const MEASURES = {
  contest: "The course's network at batch 32",
  twelve: 'The twelve networks side by side',
  program: "A program's step against its C++ loop",
  start: 'From the start to the first step',
  gpu: 'On a GPU',
  step: "Part 1's step, eager",
  add: 'One addition',
  loop: 'Memory over a loop',
  import: 'From the start to the first step, eager',
  memory: "An epoch's memory",
  part2: 'Part 2, `--exact`',
  tutorial: "Part 2 against the tutorial's way",
  jobsMemory: 'Memory of jobs side by side',
  busy: 'Beside a busy core',
  operators: 'Single operators',
  checkpoint: 'Reading a safetensors file',
  types: "tsc over a user's project",
};

const INTRODUCTION = `# Benchmarks

<!-- Written by scripts/bench/page.mjs from benchmarks.json: do not edit. -->

\`npm run bench\` measures all of it in one run: ours (eager, compiled, compiled and fused), Python (the tutorial's way, eager,
at its best over layouts, forms of SGD and threads, \`torch.compile\`, on a GPU also a CUDA graph captured by hand), a C++ loop
over libtorch, and tfjs. Every measurement has a process of its own, the contestants take turns, ratios are taken within a
round, and the load is noted. All begin with the same weights and learn the same batches: who does not have the same losses in
the first five steps (bit for bit, where ours runs PyTorch's kernels on one thread) gets no times. The tables say for each the
milliseconds of a step, its share of what one core's multiply-adds were measured to give, operators or kernels a step, peak
memory and start-up, and for each target whether it is met and why not. Operators are those that no other operator called, a
step; for ours those that a recording of the step lists, which is made below autograd.

![Milliseconds a step of the course's network, by contestant](benchmarks/step.svg)
![Peak memory, by contestant](benchmarks/memory.svg)
![Seconds of an epoch of the twelve networks, ours and Python's](benchmarks/models.svg)

\`\`\`sh
npm run bench -- --quick                          # some minutes, to see that all is well
npm run bench -- --only contest,program,start,twelve,gpu --json bench.json
node scripts/bench/plots.mjs bench.json           # writes docs/benchmarks/*.svg
npm run bench -- --only operators --write         # puts the tables of what it measured into this page
mkdir tfjs && npm install --prefix tfjs @tensorflow/tfjs@4 @tensorflow/tfjs-backend-wasm@4   # for --tfjs tfjs
\`\`\`

tfjs is no dependency: without \`--tfjs\` its rows say how to get it. Its wasm backend lacks the gradient of a convolution's
filter, which the benchmark adds from its other kernels; its pure backend takes a second or two a step, and three are measured.

Below are medians and, in brackets, the quartiles of the ratio. What was not measured again keeps its last table, with its
machine and its date.
`;

/** A table in Markdown, below its title where it has one. */
export function tableText({ title, header, rows }) {
  const line = (cells) => `| ${cells.map((cell) => String(cell).replaceAll('|', '\\|')).join(' | ')} |`;
  const text = [line(header), `|${'---|'.repeat(header.length)}`, ...rows.map(line)].join('\n');
  return title ? `**${title}**\n\n${text}` : text;
}

/** The page of what is in the JSON. */
export function page({ results }) {
  const sections = Object.entries(MEASURES).map(([measure, title]) => {
    const mine = results.filter((result) => result.measure === measure);
    return mine.length === 0 ? '' : `\n## ${title}\n${mine.map(section).join('')}`;
  });
  return INTRODUCTION + sections.join('');
}

function section({ measure, machine, versions, data, date, rounds, tables, notes }) {
  const command = measure === 'types' ? '' : `\`npm run bench -- --only ${measure}\``;
  const times = rounds > 0 ? `${rounds} round${rounds > 1 ? 's' : ''}` : '';
  const how = [machine, versions, data, times, date].filter(Boolean).join('; ');
  const lines = [`${command ? `${command}: ` : ''}${how}.`, ...tables.map(tableText), ...notes];
  return `\n${lines.join('\n\n')}\n`;
}

const read = () => JSON.parse(readFileSync(json, 'utf8'));
const writePage = (all) => writeFileSync(path.join(docs, 'benchmarks.md'), page(all));

/** Puts what was measured in the place of what the same machine gave before, and writes the page anew. */
export function write(measured) {
  const again = (old) =>
    measured.some((each) => each.measure === old.measure && each.machine === old.machine);
  const results = [...read().results.filter((old) => !again(old)), ...measured];
  writeFileSync(json, `${JSON.stringify({ results }, null, 2)}\n`);
  writePage({ results });
}

if (process.argv[1] && path.resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  if (process.argv.includes('--print')) process.stdout.write(page(read()));
  else writePage(read());
}
