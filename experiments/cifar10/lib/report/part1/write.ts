// Writes a report's files into a folder. Each appears whole or not at all.
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { writeWhole } from '../../wholeFile.js';
import { reportHtml } from './html.js';
import { pictureSheet } from './pictures.js';
import { confusionMatrix } from '../confusion.js';
import { svgToPng } from '../svg.js';
import { accuracyCurves, lossCurves } from './curves.js';
import type { ReportData } from './types.js';

/**
 * Writes loss, accuracy and confusion as .svg and .png, pictures.png, predictions.json and report.html. The curves of
 * further seeds go to loss-seed-N and accuracy-seed-N.
 *
 * @returns the paths of the files written
 */
export async function writeReport(folder: string, report: ReportData): Promise<string[]> {
  const synthetic = report.dataName === 'synthetic';
  const files: [name: string, content: string | Buffer][] = [];
  const addPlot = (name: string, svg: string) => files.push([`${name}.svg`, svg], [`${name}.png`, png(svg)]);
  for (const [i, run] of report.runs.entries()) {
    const suffix = i === 0 ? '' : `-seed-${run.seed}`;
    const marked = synthetic ? { ...run, data: 'synthetic' as const } : run;
    addPlot(`loss${suffix}`, lossCurves(marked));
    addPlot(`accuracy${suffix}`, accuracyCurves(marked, undefined, { course: report.course.testAccuracy }));
  }
  addPlot('confusion', confusionMatrix(report.confusion, report.classes, undefined, { synthetic }));
  files.push(['pictures.png', png(pictureSheet(report.pictures, report.classes, { synthetic }))]);
  files.push(['predictions.json', predictions(report)]);
  files.push(['report.html', reportHtml(report)]);

  await mkdir(folder, { recursive: true });
  const paths = files.map(([name]) => path.join(folder, name));
  for (const [i, [, content]] of files.entries()) await writeWhole(paths[i]!, content);
  return paths;
}

function png(svg: string): Buffer {
  return Buffer.from(svgToPng(svg));
}

function predictions({ dataName, classes, pictures }: ReportData): string {
  const rows = pictures.map(({ index, label, prediction, probability }) => ({
    ...(index !== undefined && { index }),
    label: classes[label],
    prediction: classes[prediction],
    probability,
  }));
  return `${JSON.stringify({ ...(dataName === 'synthetic' && { data: dataName }), predictions: rows }, undefined, 2)}\n`;
}
