// Writes a comparison's report into a folder. Each file appears whole or not at all.
import path from 'node:path';
import { writeWhole } from '../../wholeFile.js';
import { svgToPng } from '../svg.js';
import { comparisonHtml } from './html.js';
import { accuracyBars, allCurves } from './plots.js';
import type { ComparisonReport } from './types.js';

/** Writes accuracy, curves-accuracy and curves-loss as .svg and .png, and report.html. Gives the paths. */
export async function writeComparison(folder: string, report: ComparisonReport): Promise<string[]> {
  const plots: [name: string, svg: string][] = [
    ['accuracy', accuracyBars(report)],
    ['curves-accuracy', allCurves(report, 'testAccuracy')],
    ['curves-loss', allCurves(report, 'testLoss')],
  ];
  const files: [name: string, content: string | Buffer][] = [
    ...plots.flatMap(([name, svg]): [string, string | Buffer][] => [
      [`${name}.svg`, svg],
      [`${name}.png`, Buffer.from(svgToPng(svg))],
    ]),
    ['report.html', comparisonHtml(report)],
  ];
  for (const [name, content] of files) await writeWhole(path.join(folder, name), content);
  return files.map(([name]) => path.join(folder, name));
}
