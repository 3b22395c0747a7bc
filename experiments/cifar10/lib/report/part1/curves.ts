// Loss and accuracy of one run over its epochs.
import * as Plot from '@observablehq/plot';
import { FILE_PALETTE, plotToSvg, type Palette } from '../svg.js';
import type { Evaluation, RunMetrics } from '../../metrics.js';
import { lossBySteps, measuredPoints, type Point } from '../points.js';

// Small, with large letters: on a phone the plot shrinks to two thirds.
const WIDTH = 470;
const HEIGHT = 340;
const FONT_SIZE = 14;
const MARGINS = { marginTop: 68, marginRight: 120, marginBottom: 50, marginLeft: 54 };
const FRAME = {
  width: WIDTH - MARGINS.marginLeft - MARGINS.marginRight,
  height: HEIGHT - MARGINS.marginTop - MARGINS.marginBottom,
};
/** Least distance of two labels at the right end, in units of the SVG. */
const LABEL_HEIGHT = 17;

interface Curve {
  name: string;
  colour: string;
  /** As measured before the first epoch and after each. */
  points: Point[];
  /** In between, as it went. */
  between?: Point[];
}

interface CurvesOptions {
  title: string;
  yLabel: string;
  curves: Curve[];
  format: (value: number) => string;
  reference?: { value: number; text: string };
  /** Never draw the axis beyond these. */
  bounds: [number, number];
  /** What the axis covers at least: the noise of a single epoch must not fill the plot. */
  leastSpan: number;
}

/** Mean cross-entropy on both sets before the first epoch and after each, and of the steps in between, as an SVG. */
export function lossCurves(run: RunMetrics, palette: Palette = FILE_PALETTE): string {
  return curvesToSvg(
    {
      title: `Loss${ofRun(run)}`,
      yLabel: run.steps ? 'mean cross-entropy (nats); thin: of the steps' : 'mean cross-entropy (nats)',
      curves: [
        { ...curve('train', palette.train, run, 'trainLoss'), between: lossBySteps(run) },
        curve('test', palette.test, run, 'testLoss'),
      ],
      format: (value) => value.toFixed(3),
      bounds: [0, Infinity],
      leastSpan: 0.2,
    },
    palette,
  );
}

/**
 * Accuracy on both sets after each epoch, as an SVG.
 *
 * @param options.course the course's test accuracy in percent, drawn as a line; not drawn over synthetic data, with
 *   which it has nothing to do
 */
export function accuracyCurves(
  run: RunMetrics,
  palette: Palette = FILE_PALETTE,
  { course }: { course?: number } = {},
): string {
  const comparable = course !== undefined && run.data !== 'synthetic';
  return curvesToSvg(
    {
      title: `Accuracy${ofRun(run)}`,
      yLabel: 'correct (%)',
      curves: [
        curve('train', palette.train, run, 'trainAccuracy'),
        curve('test', palette.test, run, 'testAccuracy'),
      ],
      format: (value) => `${value.toFixed(1)} %`,
      bounds: [0, 100],
      leastSpan: 10,
      ...(comparable && { reference: { value: course, text: `course: ${course.toFixed(1)} % on test` } }),
    },
    palette,
  );
}

function ofRun(run: RunMetrics): string {
  return ` (${run.model}, seed ${run.seed}${run.data === 'synthetic' ? ', synthetic data' : ''})`;
}

function curve(name: string, colour: string, run: RunMetrics, key: keyof Evaluation): Curve {
  return { name, colour, points: measuredPoints(run, key) };
}

function curvesToSvg(options: CurvesOptions, palette: Palette): string {
  const { title, yLabel, curves, format, reference, bounds, leastSpan } = options;
  const epochs = curves[0]!.points.map((point) => point.epoch);
  const first = epochs[0] ?? 1;
  const last = epochs.at(-1) ?? 1;
  const values = curves
    .flatMap(({ points, between = [] }) => [...points, ...between].map(({ value }) => value))
    .filter(Number.isFinite);
  const domain = yDomain(reference ? [...values, reference.value] : values, bounds, leastSpan);
  const perUnit = FRAME.height / (domain[1] - domain[0]);

  const marks: Plot.Markish[] = [
    Plot.gridY({ ticks: 6, stroke: palette.grid, strokeOpacity: 1 }),
    Plot.axisY({ tickSize: 0, color: palette.muted, label: null, ticks: 6, fontSize: FONT_SIZE }),
    Plot.axisX(integerTicks(first, last), {
      tickSize: 4,
      color: palette.muted,
      label: 'epoch',
      labelAnchor: 'center',
      labelArrow: 'none',
      tickFormat: String,
      fontSize: FONT_SIZE,
    }),
    ...headings(title, yLabel, palette),
  ];
  if (reference)
    marks.push(
      Plot.ruleY([reference.value], { stroke: palette.accent, strokeDasharray: '5 4', strokeWidth: 1.5 }),
    );
  if (values.length === 0)
    marks.push(Plot.text(['no finite value'], { frameAnchor: 'middle', fill: palette.muted }));
  for (const { between = [], colour } of curves) {
    const line = { x: 'epoch', y: 'value', stroke: colour, strokeWidth: 1.25, strokeOpacity: 0.55 };
    if (between.length > 0) marks.push(Plot.line(between, line));
  }
  for (const { points, colour } of curves) {
    const line = { x: 'epoch', y: 'value', stroke: colour, strokeWidth: 2.25 };
    marks.push(Plot.line(points, { ...line, strokeLinejoin: 'round', strokeLinecap: 'round' }));
    // Dots show that only the epochs were measured; many of them would only thicken the line.
    if (points.length <= 30) marks.push(Plot.dot(points, { x: 'epoch', y: 'value', r: 3.25, fill: colour }));
  }
  const labels = endLabels(curves, perUnit);
  for (const { name, value, epoch, shift, colour } of labels) {
    const place = {
      x: [epoch],
      y: [value],
      dx: 10,
      dy: shift,
      textAnchor: 'start',
      fontSize: FONT_SIZE,
    } as const;
    marks.push(Plot.text([`${name} ${format(value)}`], { ...place, fill: colour }));
  }
  if (reference) marks.push(referenceLabel(reference, curves, domain, palette));
  const summary = labels.map((label) => `${label.name} ${format(label.value)}`);
  return plotToSvg(
    {
      width: WIDTH,
      height: HEIGHT,
      ...MARGINS,
      x: { type: 'linear', domain: first === last ? [first - 0.5, last + 0.5] : [first, last] },
      y: { domain },
      marks,
    },
    { palette, label: `${title}: ${yLabel} by epoch; after epoch ${last}: ${summary.join(', ')}` },
  );
}

/** Title and unit, above the frame at its left edge. */
function headings(title: string, yLabel: string, palette: Palette): Plot.Markish[] {
  const place = { frameAnchor: 'top-left', dx: -MARGINS.marginLeft + 12, textAnchor: 'start' } as const;
  return [
    Plot.text([title], {
      ...place,
      dy: -54,
      fontSize: 16,
      fontWeight: 'bold',
      fill: palette.ink,
      lineAnchor: 'top',
    }),
    Plot.text([yLabel], { ...place, dy: -31, fontSize: FONT_SIZE, fill: palette.muted, lineAnchor: 'top' }),
  ];
}

/** The reference line's text, at that end and on that side of the line where the fewest curves pass. */
function referenceLabel(
  { value, text }: { value: number; text: string },
  curves: Curve[],
  [low, high]: [number, number],
  palette: Palette,
): Plot.Markish {
  const perUnit = FRAME.height / (high - low);
  const width = (8.5 * text.length) / FRAME.width; // as a share of the frame, at about 8.5 units a letter
  const height = 20;
  const places = [
    { frameAnchor: 'left', textAnchor: 'start', dx: 6, dy: -10, from: 0 },
    { frameAnchor: 'left', textAnchor: 'start', dx: 6, dy: 11, from: 0 },
    { frameAnchor: 'right', textAnchor: 'end', dx: -6, dy: 11, from: 1 - width },
    { frameAnchor: 'right', textAnchor: 'end', dx: -6, dy: -10, from: 1 - width },
  ] as const;
  const crowd = ({ dy, from }: (typeof places)[number]) => {
    const room = dy < 0 ? high - value : value - low;
    if (room * perUnit < height) return Infinity;
    const samples = curves.flatMap((one) =>
      Array.from({ length: 100 }, (_, i) => valueAt(one, from + (width * i) / 99) - value),
    );
    return samples.filter((above) => above * -dy >= 0 && Math.abs(above) * perUnit < height).length;
  };
  const { from: _from, ...place } = places.reduce((best, next) => (crowd(next) < crowd(best) ? next : best));
  const halo = { stroke: palette.ground, strokeWidth: 4 };
  return Plot.text([text], { y: [value], ...place, ...halo, fontSize: FONT_SIZE, fill: palette.accent });
}

/** The value of a curve at a share of its length, 0 to 1; NaN where it has none. */
function valueAt({ points }: Curve, share: number): number {
  const at = share * (points.length - 1);
  const before = points[Math.floor(at)]?.value ?? NaN;
  const after = points[Math.ceil(at)]?.value ?? NaN;
  return before + (after - before) * (at - Math.floor(at));
}

/** Where the labels of the curves' last values stand, moved apart where they would overlap. */
function endLabels(curves: Curve[], perUnit: number) {
  const labels = curves.flatMap(({ name, colour, points }) => {
    const end = points.findLast((point) => Number.isFinite(point.value));
    return end ? [{ name, colour, ...end, shift: 0 }] : [];
  });
  labels.sort((a, b) => b.value - a.value); // from the top of the plot down
  const [upper, lower] = labels;
  if (upper && lower) {
    const lacking = LABEL_HEIGHT - (upper.value - lower.value) * perUnit;
    if (lacking > 0) {
      upper.shift = -lacking / 2;
      lower.shift = lacking / 2;
    }
  }
  return labels;
}

/** An axis a little wider than the values. */
function yDomain(values: number[], [least, most]: [number, number], leastSpan: number): [number, number] {
  if (values.length === 0) return [0, 1];
  const low = Math.min(...values);
  const high = Math.max(...values);
  const margin = Math.max((high - low) * 0.08, (leastSpan - (high - low)) / 2);
  return [Math.max(least, low - margin), Math.min(most, high + margin)];
}

/** At most about eleven whole numbers, with the first and last epoch among them. */
function integerTicks(first: number, last: number): number[] {
  const steps = [1, 2, 5, 10, 20, 25, 50, 100, 200, 500, 1000, 2000, 5000];
  const step = steps.find((candidate) => (last - first) / candidate <= 10) ?? last - first;
  const ticks = [first];
  for (let tick = Math.ceil((first + 1) / step) * step; tick < last; tick += step)
    if (tick - first >= step / 2 && last - tick >= step / 2) ticks.push(tick);
  return last > first ? [...ticks, last] : ticks;
}
