// The page of a comparison's report.
import { BASE, type Spread } from '../../compare.js';
import { COURSE } from '../../course.js';
import { besideCourse } from '../beside.js';
import { confusionMatrix } from '../confusion.js';
import { lossText, ofSynthetic, page, percent, scrolling, seconds, table } from '../page.js';
import { escapeText, PAGE_PALETTE } from '../svg.js';
import { accuracy, conclusions, groupConclusions } from './conclusions.js';
import { GROUPS, type Group } from './groups.js';
import { accuracyBars, allCurves, groupCurves, look } from './plots.js';
import { SCROLL_SCRIPT } from '../scrollScript.js';
import { SCRIPT } from './script.js';
import type { ComparisonReport, Network } from './types.js';

/** The whole page. Every text in `report` is escaped. */
export function comparisonHtml(report: ComparisonReport): string {
  if (report.networks.length === 0) throw new RangeError('report: networks is empty, expected at least one');
  const names = new Set(report.networks.map(({ row }) => row.model));
  const groups = GROUPS.filter(
    ({ members }) => Object.keys(members).filter((name) => names.has(name)).length > 1,
  );
  const sections = [
    headline(report),
    results(report),
    ...(report.dataName === 'synthetic'
      ? []
      : [
          besideCourse(
            report.networks.map(({ row }) => row),
            report.epochs,
          ),
        ]),
    `<section><h2>Test accuracy</h2><figure class="wide">${accuracyBars(report, PAGE_PALETTE)}</figure></section>`,
    curves(report),
    ...groups.map((group) => comparedGroup(group, report)),
    confusions(report),
    details(report),
  ];
  return page(report.title, report.dataName === 'synthetic', sections, SCROLL_SCRIPT + SCRIPT);
}

function headline(report: ComparisonReport): string {
  const { title, dataName, networks, failed, epochs } = report;
  const synthetic = dataName === 'synthetic';
  const mark = synthetic ? ' <span class="mark">synthetic</span>' : '';
  const best = networks.reduce((a, b) => (accuracy(b) > accuracy(a) ? b : a));
  const base = networks.find(({ row }) => row.model === BASE);
  const figure = (value: string, name: string, kind = ''): string =>
    `<div class="figure ${kind}"><dt>${escapeText(name)}</dt><dd>${value}</dd></div>`;
  const known = COURSE[BASE]?.testAccuracy;
  const seeds = new Set(networks.flatMap(({ row }) => row.seeds)).size;
  return `<header>
<h1>${escapeText(title)}${mark}</h1>
<p class="lead">${networks.length} network${networks.length === 1 ? '' : 's'}, ${seeds} seed${seeds === 1 ? '' : 's'}, ${epochs} epoch${epochs === 1 ? '' : 's'}.</p>
${synthetic ? '<p class="notice"><strong>Synthetic data.</strong> These pictures are drawn by a program. Every number on this page is about them, none about CIFAR-10.</p>' : ''}
${failed.map(([job, reason]) => `<p class="notice"><strong>${escapeText(job)} failed:</strong> ${escapeText(reason)}</p>`).join('\n')}
<dl class="figures">
${figure(percent(accuracy(best)), `best test accuracy: ${best.row.model}`, 'main')}
${base && base !== best ? figure(percent(accuracy(base)), `test accuracy of ${BASE}`) : ''}
${!synthetic && base && known !== undefined ? figure(percent(known, 1), `the course’s of ${BASE}`) : ''}
</dl>
<h2>What the numbers say</h2>
<ul>${conclusions(report)
    .map((text) => `<li>${escapeText(text)}</li>`)
    .join('\n')}</ul>
</header>`;
}

interface Cell {
  text: string;
  /** What it is sorted by. */
  value: number | null;
}

function results(report: ComparisonReport): string {
  const { networks, dataName } = report;
  const synthetic = dataName === 'synthetic';
  const measure = (spread: Spread | null, digits: number, unit = ''): Cell => ({
    text: spread
      ? `${spread.mean.toFixed(digits)}${spread.deviation === null ? '' : ` ± ${spread.deviation.toFixed(digits)}`}${unit}`
      : 'not finite',
    value: spread?.mean ?? null,
  });
  const rows = networks.map(({ row }, i): Cell[] => {
    const { trainLoss, trainAccuracy, testLoss, testAccuracy } = row.measures;
    const d = row.difference;
    return [
      { text: row.model, value: i },
      measure(trainLoss, 4),
      measure(trainAccuracy, 2, ' %'),
      measure(testLoss, 4),
      measure(testAccuracy, 2, ' %'),
      {
        text: d
          ? `${signed(d.mean)} [${signed(d.low)}, ${signed(d.high)}]${d.low > 0 || d.high < 0 ? ' *' : ''}`
          : '–',
        value: d?.mean ?? null,
      },
      { text: row.parameters.toLocaleString('en'), value: row.parameters },
      { text: (row.flopsPerStep / 1e6).toFixed(1), value: row.flopsPerStep },
      { text: row.seconds.toFixed(1), value: row.seconds },
    ];
  });
  const head = ['network', 'train loss', 'train accuracy', 'test loss', 'test accuracy', `against ${BASE}`, 'parameters', 'MFLOP a step', 'seconds']; // prettier-ignore
  const cell = ({ text, value }: Cell, tag: string): string =>
    `<${tag} data-value="${value ?? ''}">${escapeText(text)}</${tag.split(' ')[0]}>`;
  const several = networks.some(({ results: all }) => all.length > 1);
  const note = [
    several
      ? `Mean ± standard deviation over seeds. Against ${BASE}: test accuracy in points, paired over seeds, with the 95 % interval of Student’s t; * where it leaves out zero.`
      : `One seed each: nothing is claimed about differences to ${BASE}.`,
    'Seconds: learning alone, mean over seeds, beside the other jobs that ran then.',
  ].join(' ');
  return `<section>
<h2>Results</h2>
<p class="note" id="about-results">${escapeText(note)}</p>
${scrolling(`<table class="numbers sortable" aria-describedby="about-results"><caption>After the last epoch${ofSynthetic(synthetic)}</caption>
<thead><tr>${head.map((text) => `<th scope="col">${escapeText(text)}</th>`).join('')}</tr></thead>
<tbody>${rows
  .map(
    ([first, ...rest]) =>
      `<tr${first!.text === BASE ? ' class="base"' : ''}>${cell(first!, 'th scope="row"')}${rest.map((each) => cell(each, 'td')).join('')}</tr>`,
  )
  .join('\n')}</tbody></table>`)}
</section>`;
}

function curves(report: ComparisonReport): string {
  const { networks } = report;
  const legend = networks.map((network) => {
    const { colour, dash } = look(networks, network, PAGE_PALETTE);
    const name = escapeText(network.row.model);
    const line = dash === 'none' ? 'solid' : 'dashed';
    return `<label><input type="checkbox" checked disabled value="${name}"><i style="border-top:3px ${line} ${colour}"></i>${name}</label>`;
  });
  return `<section>
<h2>Learning of all networks</h2>
<div>
<fieldset class="legend" aria-label="networks shown">${legend.join('\n')}</fieldset>
<div class="plots">
<figure>${allCurves(report, 'testAccuracy', PAGE_PALETTE)}</figure>
<figure>${allCurves(report, 'testLoss', PAGE_PALETTE)}</figure>
<figure>${allCurves(report, 'trainAccuracy', PAGE_PALETTE)}</figure>
<figure>${allCurves(report, 'trainLoss', PAGE_PALETTE)}</figure>
</div>
</div>
</section>`;
}

function comparedGroup({ title, members }: Group, report: ComparisonReport): string {
  const chosen = report.networks.filter(({ row }) => row.model in members);
  return `<section>
<h2>${escapeText(title)}${ofSynthetic(report.dataName === 'synthetic')}</h2>
<div class="plots">
<figure>${groupCurves(report, members, 'Accuracy', PAGE_PALETTE)}</figure>
<figure>${groupCurves(report, members, 'Loss', PAGE_PALETTE)}</figure>
</div>
<ul>${groupConclusions(chosen, members)
    .map((text) => `<li>${escapeText(text)}</li>`)
    .join('\n')}</ul>
</section>`;
}

function confusions(report: ComparisonReport): string {
  const { networks, classes, dataName } = report;
  const synthetic = dataName === 'synthetic';
  const each = networks.map(({ row, results: all }, i) => {
    const matrix = classes.map((_, label) =>
      classes.map((__, prediction) =>
        all.reduce((sum, { confusion }) => sum + (confusion[label]?.[prediction] ?? 0), 0),
      ),
    );
    return `<details${i === 0 ? ' open' : ''}><summary><strong>${escapeText(row.model)}</strong>: ${escapeText(inWords(matrix, classes))}</summary>
${scrolling(`<figure class="matrix">${confusionMatrix(matrix, classes, PAGE_PALETTE, { synthetic, of: row.model })}</figure>`)}</details>`;
  });
  const several = networks.some(({ results: all }) => all.length > 1);
  return `<section>
<h2>What each network takes for what</h2>
${several ? '<p>Counts are added up over the seeds.</p>' : ''}
${each.join('\n')}
</section>`;
}

/** Best and worst class, and the commonest mistake. */
function inWords(matrix: number[][], classes: string[]): string {
  const shares = matrix.map((row, label) => {
    const total = row.reduce((sum, count) => sum + count, 0);
    return { label, share: total > 0 ? (100 * row[label]!) / total : 0 };
  });
  const best = shares.reduce((a, b) => (b.share > a.share ? b : a));
  const worst = shares.reduce((a, b) => (b.share < a.share ? b : a));
  const mistakes = matrix.flatMap((row, label) =>
    row.flatMap((count, prediction) => (prediction === label ? [] : [{ label, prediction, count }])),
  );
  const common = mistakes.reduce((a, b) => (b.count > a.count ? b : a));
  return `best ${classes[best.label]} ${percent(best.share, 1)}, worst ${classes[worst.label]} ${percent(worst.share, 1)}${common.count > 0 ? `, most often ${classes[common.label]} taken for ${classes[common.prediction]}` : ''}`;
}

function details({ networks, command, dataName, dataNote }: ComparisonReport): string {
  const synthetic = dataName === 'synthetic';
  const rows = networks.flatMap(({ row, results: all }) =>
    all.map(({ run }) => [
      `${row.model}, seed ${run.seed}`,
      lossText(run.final.trainLoss),
      percent(run.final.trainAccuracy),
      lossText(run.final.testLoss),
      percent(run.final.testAccuracy),
      seconds(run.epochs),
      run.torch,
      run.device,
      run.parametersSha256,
    ]),
  );
  const head = ['job', 'train loss', 'train accuracy', 'test loss', 'test accuracy', 'learning', 'torch', 'device', 'sha256 of the parameters']; // prettier-ignore
  const describe = ({ row, summary, settings }: Network): string =>
    `<details><summary><strong>${escapeText(row.model)}</strong>: ${row.parameters.toLocaleString('en')} parameters; ${escapeText(settings)}</summary><pre>${escapeText(summary)}</pre></details>`;
  const data = synthetic
    ? 'synthetic pictures, drawn from the seed'
    : `CIFAR-10${dataNote ? `. ${dataNote}` : ''}`;
  return `<section>
<h2>The networks</h2>
${networks.map(describe).join('\n')}
</section>
<section>
<h2>How it was run</h2>
<figure class="code"><figcaption>Command</figcaption><pre>${escapeText(command)}</pre></figure>
<p>Data: ${escapeText(data.replace(/\.$/, ''))}. Each job ran on one thread.</p>
<details><summary>${rows.length} job${rows.length === 1 ? '' : 's'} in numbers</summary>
${table(`Each job${ofSynthetic(synthetic)}`, head, rows, 'numbers provenance')}</details>
</section>`;
}

function signed(value: number): string {
  return `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(2)}`;
}
