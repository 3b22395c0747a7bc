// The plots of a comparison: test accuracies with error bars, and learning curves of many networks.
import * as Plot from '@observablehq/plot';
import { BASE } from '../../compare.js';
import type { EpochMetrics } from '../../metrics.js';
import { measuredPoints, type Point } from '../points.js';
import { FILE_PALETTE, plotToSvg, type Palette } from '../svg.js';
import type { ComparisonReport, Network } from './types.js';

const FONT_SIZE = 14;
/** Least distance of two labels, in units of the SVG. */
const LABEL_HEIGHT = 17;

export type Measure = Exclude<keyof EpochMetrics, 'epoch' | 'seconds'>;

/** How a network's curves look: networks beyond the colours are drawn with dashes. */
export function look(
  networks: Network[],
  network: Network,
  palette: Palette,
): { colour: string; dash: string } {
  const others = networks.filter(({ row }) => row.model !== BASE);
  const place = network.row.model === BASE ? 0 : 1 + others.indexOf(network);
  const colours = palette.series;
  const turn = place < colours.length ? 0 : 1 + Math.floor((place - colours.length) / (colours.length - 1));
  const colour =
    turn === 0 ? colours[place]! : colours[1 + ((place - colours.length) % (colours.length - 1))]!;
  return { colour, dash: ['none', '8 4', '2 4'][turn % 3]! };
}

/** Half of a network's error bar in points, and what the bars are. */
export function errorBars({ networks, classes }: ComparisonReport): {
  text: string;
  half: (network: Network) => number;
} {
  if (networks.some(({ results }) => results.length > 1))
    return {
      text: 'mean and standard deviation over seeds;\nsmall dots: single seeds',
      half: ({ row }) => row.measures.testAccuracy?.deviation ?? 0,
    };
  return {
    text: 'one seed; bars: 95 % interval of a measurement\non so many pictures, without the seed’s part',
    half: ({ row, results }) => {
      const count = results[0]!.confusion
        .slice(0, classes.length)
        .flat()
        .reduce((sum, n) => sum + n, 0);
      const share = (row.measures.testAccuracy?.mean ?? 0) / 100;
      return count > 0 ? 196 * Math.sqrt((share * (1 - share)) / count) : 0;
    },
  };
}

/** Test accuracy of each network with its error bar, as an SVG. */
export function accuracyBars(report: ComparisonReport, palette: Palette = FILE_PALETTE): string {
  const { networks } = report;
  const { text, half } = errorBars(report);
  const rows = networks.map((network) => {
    const { model, measures } = network.row;
    const middle = measures.testAccuracy?.mean ?? NaN;
    return {
      model,
      middle,
      low: middle - half(network),
      high: middle + half(network),
      colour: look(networks, network, palette).colour,
    };
  });
  const seeds = networks.flatMap(({ row, results }) =>
    results.length > 1 ? results.map(({ run }) => ({ model: row.model, value: run.final.testAccuracy })) : [],
  );
  const base = rows.find(({ model }) => model === BASE);
  // As narrow as the curves: on a phone it shrinks to two thirds.
  const width = 470;
  const title = `Test accuracy${ofSynthetic(report)}`;
  const margin = 24 + 8.6 * Math.max(...rows.map(({ model }) => model.length));
  return plotToSvg(
    {
      width,
      height: 130 + 30 * rows.length,
      ...{ marginTop: 84, marginRight: 84, marginBottom: 46, marginLeft: margin },
      y: { type: 'band', domain: rows.map(({ model }) => model) },
      x: { nice: true },
      marks: [
        Plot.gridX({ stroke: palette.grid, strokeOpacity: 1 }),
        Plot.axisX({
          tickSize: 0,
          color: palette.muted,
          label: 'correct (%)',
          labelAnchor: 'center',
          labelArrow: 'none',
          fontSize: FONT_SIZE,
        }),
        Plot.axisY({ tickSize: 0, color: palette.ink, label: null, fontSize: FONT_SIZE }),
        ...(base && Number.isFinite(base.middle)
          ? [Plot.ruleX([base.middle], { stroke: palette.muted, strokeDasharray: '4 4' })]
          : []),
        Plot.link(rows, {
          y1: 'model',
          y2: 'model',
          x1: 'low',
          x2: 'high',
          stroke: 'colour',
          strokeWidth: 2.5,
        }),
        Plot.tickX(rows, { y: 'model', x: 'low', stroke: 'colour', strokeWidth: 2, inset: 7 }),
        Plot.tickX(rows, { y: 'model', x: 'high', stroke: 'colour', strokeWidth: 2, inset: 7 }),
        Plot.dot(seeds, { y: 'model', x: 'value', r: 2, fill: palette.muted, dy: 9 }),
        Plot.dot(rows, { y: 'model', x: 'middle', r: 4.5, fill: 'colour' }),
        Plot.text(rows, {
          ...{
            y: 'model',
            frameAnchor: 'right',
            dx: 10,
            textAnchor: 'start',
            fontSize: FONT_SIZE,
            fill: palette.ink,
          },
          text: ({ middle }: { middle: number }) =>
            Number.isFinite(middle) ? `${middle.toFixed(2)} %` : '–',
        }),
        ...headings(title, text, palette, margin, 18),
      ],
      color: { type: 'identity' },
    },
    {
      palette,
      label: `${title}: ${rows.map(({ model, middle }) => `${model} ${middle.toFixed(2)} %`).join(', ')}`,
    },
  );
}

const WORDS: Record<Measure, { title: string; unit: string; text: (value: number) => string }> = {
  testAccuracy: { title: 'Test accuracy', unit: 'correct (%)', text: (value) => `${value.toFixed(1)} %` },
  trainAccuracy: {
    title: 'Training accuracy',
    unit: 'correct (%)',
    text: (value) => `${value.toFixed(1)} %`,
  },
  testLoss: { title: 'Test loss', unit: 'mean cross-entropy (nats)', text: (value) => value.toFixed(3) },
  trainLoss: { title: 'Training loss', unit: 'mean cross-entropy (nats)', text: (value) => value.toFixed(3) },
};

interface Curve {
  name: string;
  colour: string;
  dash: string;
  points: Point[];
}

/** Curves of all networks; each is a group labelled by its network's name. */
export function allCurves(
  report: ComparisonReport,
  measure: Measure,
  palette: Palette = FILE_PALETTE,
): string {
  const { networks } = report;
  const curves = networks.map((network) => ({
    name: network.row.model,
    ...look(networks, network, palette),
    points: meanOf(network, measure),
  }));
  const { title, unit } = WORDS[measure];
  return curvesToSvg(curves, `${title} after each epoch${ofSynthetic(report)}`, unit, palette, []);
}

/** Curves of some networks under other names: the test set's with their last values, the training set's dashed. */
export function groupCurves(
  report: ComparisonReport,
  members: Readonly<Record<string, string>>,
  kind: 'Accuracy' | 'Loss',
  palette: Palette = FILE_PALETTE,
): string {
  const chosen = report.networks.filter(({ row }) => row.model in members);
  const curves = (measure: Measure, dashed: boolean): Curve[] =>
    chosen.map((network) => {
      const { colour } = look(report.networks, network, palette);
      return {
        name: members[network.row.model]!,
        colour,
        dash: dashed ? '5 4' : 'none',
        points: meanOf(network, measure),
      };
    });
  const test = curves(`test${kind}`, false);
  const { unit, text } = WORDS[`test${kind}`];
  const labels = test.map((curve) => ({
    ...curve,
    text: `${curve.name} ${text(curve.points.at(-1)?.value ?? NaN)}`,
  }));
  return curvesToSvg(
    [...curves(`train${kind}`, true), ...test],
    `${kind}${ofSynthetic(report)}`,
    `${unit}; dashed: training set`,
    palette,
    labels,
  );
}

/** Means over seeds. NaN breaks the line where a loss is not finite. */
function meanOf({ results }: Network, measure: Measure): Curve['points'] {
  const all = results.map(({ run }) => measuredPoints(run, measure));
  return all[0]!.map(({ epoch }, i) => {
    const values = all.map((points) => points[i]?.value ?? NaN);
    return { epoch, value: values.reduce((sum, value) => sum + value, 0) / values.length };
  });
}

function curvesToSvg(
  curves: Curve[],
  title: string,
  unit: string,
  palette: Palette,
  labels: (Curve & { text: string })[],
): string {
  const right = labels.length > 0 ? 20 + 8 * Math.max(...labels.map(({ text }) => text.length)) : 20;
  const margins = { marginTop: 68, marginRight: right, marginBottom: 50, marginLeft: 54 };
  const [width, height] = labels.length > 0 ? [290 + right, 360] : [470, 380];
  const values = curves.flatMap(({ points }) => points.map(({ value }) => value)).filter(Number.isFinite);
  const [low, high] = values.length > 0 ? [Math.min(...values), Math.max(...values)] : [0, 1];
  const edge = Math.max(0.06 * (high - low), 0.01);
  const domain: [number, number] = [low - edge, high + edge];
  const last = Math.max(...curves.flatMap(({ points }) => points.map(({ epoch }) => epoch)));
  const first = Math.min(...curves.flatMap(({ points }) => points.map(({ epoch }) => epoch)));
  const every = Math.max(1, Math.ceil(last / 10));
  const ticks = Array.from({ length: last - first + 1 }, (_, i) => i + first).filter(
    (epoch) => epoch === first || epoch === last || (epoch % every === 0 && last - epoch >= every / 2),
  );
  const perUnit = (height - margins.marginTop - margins.marginBottom) / (domain[1] - domain[0]);
  const ends = labels
    .map(({ points, text, colour }) => ({ text, colour, y: points.at(-1)?.value ?? NaN }))
    .filter(({ y }) => Number.isFinite(y))
    .sort((a, b) => b.y - a.y);
  const shifts = apart(ends.map(({ y }) => -y * perUnit));
  return plotToSvg(
    {
      ...{ width, height, ...margins },
      x: { type: 'linear', domain: last === first ? [last - 0.5, last + 0.5] : [first, last] },
      y: { domain },
      marks: [
        Plot.gridY({ ticks: 6, stroke: palette.grid, strokeOpacity: 1 }),
        Plot.axisY({ tickSize: 0, color: palette.muted, label: null, ticks: 6, fontSize: FONT_SIZE }),
        Plot.axisX(ticks, {
          tickSize: 4,
          color: palette.muted,
          label: 'epoch',
          labelAnchor: 'center',
          labelArrow: 'none',
          tickFormat: String,
          fontSize: FONT_SIZE,
        }),
        ...curves.flatMap(({ name, points, colour, dash }) => [
          Plot.line(points, {
            x: 'epoch',
            y: 'value',
            stroke: colour,
            strokeWidth: 2.25,
            strokeDasharray: dash,
            strokeLinejoin: 'round',
            ariaLabel: () => name,
          }),
          // Dots show that only the epochs were measured; many of them would only thicken the line. A single epoch
          // has no line.
          ...(points.length === 1 || (points.length <= 30 && dash === 'none')
            ? [Plot.dot(points, { x: 'epoch', y: 'value', r: 2.6, fill: colour, ariaLabel: () => name })]
            : []),
        ]),
        ...ends.map(({ text, colour, y }, i) =>
          Plot.text([text], {
            x: [last],
            y: [y],
            dx: 10,
            dy: shifts[i]!,
            textAnchor: 'start',
            fontSize: FONT_SIZE,
            fill: colour,
          }),
        ),
        ...headings(title, unit, palette, margins.marginLeft),
      ],
    },
    {
      palette,
      label: `${title}: ${unit}, by epoch, of ${[...new Set(curves.map(({ name }) => name))].join(', ')}`,
    },
  );
}

/** How far labels at these heights (growing) must move so that none overlaps another. */
function apart(heights: number[]): number[] {
  const places = [...heights];
  // A few rounds of pushing neighbours apart, half of what lacks each.
  for (let round = 0; round < 50; round++)
    for (let i = 1; i < places.length; i++) {
      const lacking = LABEL_HEIGHT - (places[i]! - places[i - 1]!);
      if (lacking > 0.01) {
        places[i - 1]! -= lacking / 2;
        places[i]! += lacking / 2;
      }
    }
  return places.map((place, i) => place - heights[i]!);
}

/** Title and unit, above the frame. */
function headings(
  title: string,
  unit: string,
  palette: Palette,
  marginLeft: number,
  more = 0,
): Plot.Markish[] {
  const place = {
    frameAnchor: 'top-left',
    dx: -marginLeft + 12,
    textAnchor: 'start',
    lineAnchor: 'top',
  } as const;
  return [
    Plot.text([title], { ...place, dy: -56 - more, fontSize: 16, fontWeight: 'bold', fill: palette.ink }),
    Plot.text([unit], { ...place, dy: -33 - more, fontSize: FONT_SIZE, fill: palette.muted }),
  ];
}

function ofSynthetic({ dataName }: ComparisonReport): string {
  return dataName === 'synthetic' ? ' (synthetic data)' : '';
}
