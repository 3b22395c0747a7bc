// node scripts/bench/plots.mjs RESULTS.json [FOLDER]: draws what `npm run bench -- --json RESULTS.json` measured, for the
// README: step.svg, memory.svg and models.svg in FOLDER (docs/benchmarks). --png writes pictures of pixels beside them.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import * as Plot from '@observablehq/plot';
import { FILE_PALETTE as palette, plotToSvg, svgToPng } from '../../experiments/cifar10/dist/report/svg.js';
import { median, quartiles } from './numbers.mjs';
import { root } from './processes.mjs';

const { values: options, positionals } = parseArgs({
  options: { png: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const [file, folder = path.join(root, 'docs/benchmarks')] = positionals;
if (!file) throw new Error('which results? node scripts/bench/plots.mjs RESULTS.json [FOLDER]');
const report = JSON.parse(readFileSync(file, 'utf8'));
mkdirSync(folder, { recursive: true });

const WIDTH = 860;
const LEFT = 300;
const quick = report.quick ? ' (a quick run: not for quoting)' : '';
const colour = ({ id }) => (id.startsWith('ours') ? palette.test : id.startsWith('python') ? palette.train : palette.muted); // prettier-ignore

/** The contestants that were timed, the quickest first, with the quartiles of what a sample holds. */
function timed(contest, key) {
  return contest.results
    .filter(({ unavailable }) => !unavailable)
    .map((result) => {
      const list = result.variants[result.best].samples.map((sample) => sample[key]);
      return { name: result.name, id: result.id, fill: colour(result), ...quartiles(list) };
    })
    .filter(({ middle }) => Number.isFinite(middle));
}

/**
 * A line for each contestant: its median as a bar from zero, or as a dot where the axis is logarithmic and has no zero, a
 * thin line from the lower to the upper quartile, and the median as text.
 */
function chart(list, { title, label, text, logarithmic = false }) {
  const sorted = [...list].sort((a, b) => a.middle - b.middle);
  const height = 96 + 30 * sorted.length;
  const quartileLine = Plot.ruleY(sorted, { x1: 'low', x2: 'high', y: 'name', stroke: palette.ink, strokeWidth: 1.5 }); // prettier-ignore
  const marks = logarithmic
    ? [
        Plot.ruleY(sorted, { y: 'name', stroke: palette.grid }),
        quartileLine,
        Plot.dot(sorted, { x: 'middle', y: 'name', r: 6, fill: 'fill' }),
      ]
    : [
        Plot.barX(sorted, { x: 'middle', y: 'name', fill: 'fill', insetTop: 4, insetBottom: 4 }),
        quartileLine,
      ];
  const words = { x: 'high', y: 'name', text, textAnchor: 'start', dx: 11, fill: palette.ink };
  marks.push(Plot.text(sorted, { ...words, stroke: palette.ground, strokeWidth: 4 }));
  const scale = logarithmic ? { type: 'log', tickFormat: '~g', nice: true } : { tickFormat: 'd' };
  return plotToSvg(
    {
      ...{ width: WIDTH, height, marginLeft: LEFT, marginRight: 90, marginTop: 48, marginBottom: 42, marks },
      x: { label, grid: true, labelAnchor: 'center', labelArrow: 'none', ...scale },
      y: { label: null, domain: sorted.map(({ name }) => name), tickSize: 0 },
    },
    { palette, label: `${title}${quick}` },
  ).replace('</svg>', () => heading(`${title}${quick}`));
}

const heading = (text) =>
  `<text x="16" y="24" text-anchor="start" font-size="15" font-weight="bold" fill="${palette.ink}">${text}</text></svg>`;

const step = (contest, title) => {
  const list = timed(contest, 'us').map((each) => ({
    ...each,
    ...Object.fromEntries(['low', 'middle', 'high'].map((name) => [name, each[name] / 1000])),
  }));
  const text = ({ middle }) => `${Number(middle.toPrecision(3))} ms`;
  return chart(list, { title, label: 'milliseconds a step, logarithmic', text, logarithmic: true });
};

const memory = (contest) =>
  chart(timed(contest, 'memoryMb'), {
    title: 'Peak resident memory, CIFAR-10 included',
    ...{ label: 'MB', text: ({ middle }) => `${middle.toFixed(0)} MB` },
  });

/** For each network two bars: seconds of an epoch in Python and here. */
function models(list) {
  const rows = list.flatMap(({ model, ours, python }) => [
    { model, who: 'Python', seconds: median(python) },
    { model, who: 'ours', seconds: median(ours) },
  ]);
  const title = `Seconds an epoch: two at a time here, one by one in Python${quick}`;
  return plotToSvg(
    {
      ...{ width: WIDTH, height: 60 + 46 * list.length + 50, marginLeft: 130, marginRight: 80, marginTop: 66, marginBottom: 42 }, // prettier-ignore
      x: { label: 'seconds', grid: true, labelAnchor: 'center', labelArrow: 'none' },
      y: { axis: null, domain: ['Python', 'ours'] },
      fy: { label: null, domain: list.map(({ model }) => model), padding: 0.25, axis: 'left' },
      color: { domain: ['Python', 'ours'], range: [palette.train, palette.test] },
      marks: [
        Plot.barX(rows, { x: 'seconds', y: 'who', fy: 'model', fill: 'who' }),
        Plot.text(rows, { x: 'seconds', y: 'who', fy: 'model', text: ({ seconds }) => `${seconds.toFixed(2)} s`, textAnchor: 'start', dx: 5 }), // prettier-ignore
      ],
    },
    { palette, label: title },
  ).replace('</svg>', () => `${key()}${heading(title)}`);
}

const key = () =>
  [
    ['Python', palette.train],
    ['ours', palette.test],
  ]
    .map(([name, fill], i) => {
      const x = 130 + 110 * i;
      return `<rect x="${x}" y="38" width="12" height="12" fill="${fill}"/><text x="${x + 18}" y="49" text-anchor="start" fill="${palette.ink}">${name}</text>`;
    })
    .join('');

const drawn = {
  ...(report.contests.cpu && {
    step: step(report.contests.cpu, "The course's network at batch 32 on the CPU"),
    memory: memory(report.contests.cpu),
  }),
  ...(report.contests.gpu && { 'step-gpu': step(report.contests.gpu, "The course's network at batch 32 on the GPU") }), // prettier-ignore
  ...(report.models?.length && { models: models(report.models) }),
};
for (const [name, svg] of Object.entries(drawn)) {
  const target = path.join(folder, `${name}.svg`);
  writeFileSync(target, `${svg}\n`);
  if (options.png) writeFileSync(path.join(folder, `${name}.png`), svgToPng(svg));
  console.log(path.relative(process.cwd(), target));
}
