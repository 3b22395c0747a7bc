// The page of part 1's report.
import { measuresOf } from '../../compare.js';
import { COURSE_PREDICTIONS, COURSE_RIGHT } from '../../course.js';
import { besideCourse } from '../beside.js';
import { confusionMatrix } from '../confusion.js';
import { lossText, ofSynthetic, page, percent, scrolling, seconds, table } from '../page.js';
import { escapeText, PAGE_PALETTE } from '../svg.js';
import { comparison, type Comparison } from './comparison.js';
import { accuracyCurves, lossCurves } from './curves.js';
import { pictureAddress, verdict } from './pictures.js';
import type { JudgedPicture, ReportData, RunMetrics } from './types.js';

/** The whole page. Every text in `report` is escaped. */
export function reportHtml(report: ReportData): string {
  const synthetic = report.dataName === 'synthetic';
  const sections = [
    headline(report, comparison(report)),
    ...(synthetic ? [] : [beside(report)]),
    settings(report),
    ...report.runs.map((run) => learning(run, report, synthetic)),
    pictures(report, synthetic),
    confusion(report, synthetic),
    provenance(report, synthetic),
  ];
  return page(report.title, synthetic, sections);
}

function headline(report: ReportData, { differences, summary }: Comparison): string {
  const synthetic = report.dataName === 'synthetic';
  const [first] = report.runs;
  if (!first) throw new RangeError('report: runs is empty, expected at least one');
  const mark = synthetic ? ' <span class="mark">synthetic</span>' : '';
  const big = (value: string, name: string, kind = '') =>
    `<div class="figure ${kind}"><dt>${name}</dt><dd>${value}</dd></div>`;
  const { final } = first;
  return `<header>
<h1>${escapeText(report.title)}${mark}</h1>
<p class="lead">${escapeText(summary)}</p>
${synthetic ? '<p class="notice"><strong>Synthetic data.</strong> These pictures are drawn by a program. Every number on this page is about them, none about CIFAR-10.</p>' : ''}
<dl class="figures">
${big(percent(final.testAccuracy), `test accuracy${seedNote(report)}${synthetic ? ', synthetic' : ''}`, 'main')}
${big(percent(report.course.testAccuracy, 1), synthetic ? 'the course’s test accuracy on CIFAR-10, not comparable' : 'the course’s test accuracy')}
${big(percent(final.trainAccuracy), `training accuracy${synthetic ? ', synthetic' : ''}`)}
${big(lossText(final.testLoss), `test loss${synthetic ? ', synthetic' : ''}`)}
</dl>
${seedTable(report, synthetic)}
<h2>${synthetic ? 'Why this is not comparable with the course' : 'Why it differs from the course'}</h2>
<ul>${differences.map((text) => `<li>${escapeText(text)}</li>`).join('\n')}</ul>
</header>`;
}

/** The four measures, and the twenty pictures of the course's Table 1. */
function beside({ runs, pictures: ours }: ReportData): string {
  const right = ours.filter((picture) => !mistaken(picture)).length;
  const rows = COURSE_PREDICTIONS.map(([label, prediction]) => [
    label,
    prediction,
    label === prediction ? 'right' : 'mistaken',
  ]);
  const text = `Of twenty test pictures, two a class, the course’s network had ${COURSE_RIGHT} right; ours has ${right} of ${ours.length}. They are other pictures, and twenty tell little: chance alone moves such a count by two or so.`;
  return besideCourse(
    [{ model: runs[0]!.model, measures: measuresOf(runs) }],
    runs[0]!.epochs.length,
    `<p>${text}</p>
<details><summary>The course’s twenty predictions</summary>
${table('The course’s predictions', ['label', 'prediction', ''], rows)}</details>`,
  );
}

function seedNote({ runs }: ReportData): string {
  return runs.length > 1 ? `, seed ${runs[0]!.seed}` : '';
}

function seedTable({ runs }: ReportData, synthetic: boolean): string {
  if (runs.length < 2) return '';
  const rows = runs.map(({ seed, model, final, epochs }) => [
    String(seed),
    model,
    lossText(final.trainLoss),
    percent(final.trainAccuracy),
    lossText(final.testLoss),
    percent(final.testAccuracy),
    seconds(epochs),
  ]);
  const head = ['seed', 'model', 'train loss', 'train accuracy', 'test loss', 'test accuracy', 'learning'];
  return table(`Result of each seed${ofSynthetic(synthetic)}`, head, rows, 'numbers');
}

function settings({ settings: chosen, networkSummary, parameters }: ReportData): string {
  const rows = Object.entries(chosen).map(([name, value]) => [name, String(value)]);
  return `<section>
<h2>Network and settings</h2>
<div class="columns">
${table('Settings', ['setting', 'value'], rows)}
<figure class="code"><figcaption>The network: ${parameters.toLocaleString('en')} parameters</figcaption>
<pre>${escapeText(networkSummary)}</pre></figure>
</div>
</section>`;
}

function learning(run: RunMetrics, report: ReportData, synthetic: boolean): string {
  const rows = run.epochs.map((epoch) => [
    String(epoch.epoch),
    lossText(epoch.trainLoss),
    percent(epoch.trainAccuracy),
    lossText(epoch.testLoss),
    percent(epoch.testAccuracy),
    epoch.seconds.toFixed(1),
  ]);
  const head = ['epoch', 'train loss', 'train accuracy', 'test loss', 'test accuracy', 'seconds'];
  // The mark in a plot's title comes from the run; a report on synthetic data must never lack it.
  const marked: RunMetrics = synthetic ? { ...run, data: 'synthetic' } : run;
  const course = { course: report.course.testAccuracy };
  const caption = `After each epoch, on the whole training set and the whole test set${ofSynthetic(synthetic)}`;
  const numbers = table(caption, head, rows, 'numbers');
  return `<section>
<h2>Learning${report.runs.length > 1 ? `, seed ${run.seed}` : ''}</h2>
<div class="plots">
<figure>${lossCurves(marked, PAGE_PALETTE)}</figure>
<figure>${accuracyCurves(marked, PAGE_PALETTE, course)}</figure>
</div>
${rows.length > 30 ? `<details><summary>${rows.length} epochs in numbers</summary>${numbers}</details>` : numbers}
</section>`;
}

function pictures({ pictures: all, classes, runs }: ReportData, synthetic: boolean): string {
  const wrong = all.filter(mistaken).length;
  const rows = all.map((picture, i) => [
    String(picture.index ?? i),
    classes[picture.label] ?? String(picture.label),
    classes[picture.prediction] ?? String(picture.prediction),
    percent(100 * picture.probability, 1),
    mistaken(picture) ? 'mistaken' : 'right',
  ]);
  const head = ['no.', 'label', 'prediction', 'probability', ''];
  const caption = `Labels and predictions, with the probability of the prediction${ofSynthetic(synthetic)}`;
  return `<section>
<h2>${all.length} test pictures</h2>
<p>Label / prediction, and how probable the network thinks its prediction. ${all.length - wrong} are right; the ${wrong} mistaken ones are framed red${runs.length > 1 ? ` (seed ${runs[0]!.seed})` : ''}${synthetic ? '; synthetic pictures' : ''}.</p>
<ul class="sheet">
${all.map((picture) => card(picture, classes)).join('\n')}
</ul>
${table(caption, head, rows, 'predictions')}
</section>`;
}

function mistaken({ label, prediction }: JudgedPicture): boolean {
  return label !== prediction;
}

function card(picture: JudgedPicture, classes: string[]): string {
  const text = escapeText(verdict(picture, classes));
  return `<li${mistaken(picture) ? ' class="wrong"' : ''}><img alt="${text}" width="128" height="128" src="${pictureAddress(picture.image, 4)}"><span>${text}</span><small>${percent(100 * picture.probability, 1)}</small></li>`;
}

function confusion({ confusion: matrix, classes, runs }: ReportData, synthetic: boolean): string {
  const rows = matrix.map((row, label) => {
    const total = row.reduce((sum, count) => sum + count, 0);
    const mistakes = row.map((count, prediction) => ({
      count: prediction === label ? -1 : count,
      prediction,
    }));
    const worst = mistakes.reduce((most, next) => (next.count > most.count ? next : most));
    return [
      classes[label] ?? String(label),
      String(total),
      total ? percent((100 * row[label]!) / total, 1) : 'no pictures',
      worst.count > 0 ? `${classes[worst.prediction]} (${worst.count})` : 'nothing',
    ];
  });
  const caption = `Accuracy of each class on the test set${ofSynthetic(synthetic)}`;
  return `<section>
<h2>What is taken for what${runs.length > 1 ? `, seed ${runs[0]!.seed}` : ''}</h2>
<div class="columns wide-left">
${scrolling(`<figure class="matrix">${confusionMatrix(matrix, classes, PAGE_PALETTE, { synthetic })}</figure>`)}
${table(caption, ['class', 'pictures', 'accuracy', 'mostly taken for'], rows, 'classes')}
</div>
</section>`;
}

function provenance({ runs, command, dataName, dataNote }: ReportData, synthetic: boolean): string {
  const rows = runs.map((run) => [
    `${run.model}, seed ${run.seed}`,
    run.torch,
    run.device,
    String(run.threads),
    seconds(run.epochs),
    run.parametersSha256,
  ]);
  const data = synthetic
    ? 'synthetic pictures, drawn from the seed'
    : `CIFAR-10${dataNote ? `. ${dataNote}` : ''}`;
  const head = ['run', 'torch', 'device', 'threads', 'learning', 'sha256 of the parameters'];
  return `<section>
<h2>How it was run</h2>
<figure class="code"><figcaption>Command</figcaption><pre>${escapeText(command)}</pre></figure>
<p>Data: ${escapeText(dataName === 'synthetic' ? data : data.replace(/\.$/, ''))}.</p>
${table(`Where the numbers come from${ofSynthetic(synthetic)}`, head, rows, 'provenance')}
</section>`;
}
