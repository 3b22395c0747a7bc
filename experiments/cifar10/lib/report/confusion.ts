// The confusion matrix of a report.
import * as Plot from '@observablehq/plot';
import { FILE_PALETTE, plotToSvg, type Palette } from './svg.js';

/**
 * The confusion matrix as an SVG: rows are labels, columns predictions, a cell holds the number of test pictures.
 *
 * @param matrix matrix[label][prediction], as many rows and columns as there are classes
 * @param options.of the network's name, where there are several
 * @throws RangeError if it is not
 */
export function confusionMatrix(
  matrix: number[][],
  classes: string[],
  palette: Palette = FILE_PALETTE,
  { synthetic = false, of = '' }: { synthetic?: boolean; of?: string } = {},
): string {
  if (matrix.length !== classes.length || matrix.some((row) => row.length !== classes.length))
    throw new RangeError(
      `confusion matrix: ${matrix.length} rows of ${matrix.map((row) => row.length).join(', ')} for ${classes.length} classes`,
    );
  const cells = matrix.flatMap((row, label) => {
    const total = row.reduce((sum, count) => sum + count, 0);
    return row.map((count, prediction) => ({
      label,
      prediction,
      count,
      share: total ? count / total : 0,
      right: label === prediction,
    }));
  });
  const title = `Confusion matrix${of && ` of ${of}`}${synthetic ? ' (synthetic data)' : ''}`;
  const place = { x: 'prediction', y: 'label' } as const;
  const name = (index: number) => classes[index]!;
  const axis = { tickSize: 0, color: palette.ink, fontSize: 13, label: null, tickFormat: name };
  // Not linear: mistakes are few, and their pattern is what one looks for.
  const strength = (cell: { share: number }) => cell.share ** 0.4;
  return plotToSvg(
    {
      width: 660,
      height: 560,
      marginTop: 128,
      marginRight: 14,
      marginBottom: 14,
      marginLeft: 112,
      padding: 0.05,
      x: { type: 'band', domain: [...classes.keys()] },
      y: { type: 'band', domain: [...classes.keys()] },
      marks: [
        Plot.cell(cells, {
          ...place,
          fill: (cell: { right: boolean }) => (cell.right ? palette.test : palette.accent),
          fillOpacity: strength,
          stroke: palette.grid,
          inset: 0.5,
        }),
        Plot.text(cells, {
          ...place,
          text: 'count',
          fill: (cell: { share: number; count: number }) =>
            strength(cell) > 0.7 ? palette.ground : cell.count ? palette.ink : palette.muted,
        }),
        Plot.axisY({ ...axis }),
        Plot.axisX({ ...axis, anchor: 'top', tickRotate: -40, textAnchor: 'start', dx: -7 }),
        Plot.text([title], {
          frameAnchor: 'top-left',
          dx: -100,
          dy: -114,
          textAnchor: 'start',
          lineAnchor: 'top',
          fontSize: 15,
          fontWeight: 'bold',
        }),
        Plot.text(['rows: label, columns: prediction; number of test pictures'], {
          frameAnchor: 'top-left',
          dx: -100,
          dy: -90,
          textAnchor: 'start',
          lineAnchor: 'top',
          fill: palette.muted,
        }),
      ],
    },
    { palette, label: `${title}: rows are labels, columns predictions` },
  );
}
