// What the numbers of a comparison say, in sentences computed from them.
import { BASE, pairedDifference, type Difference } from '../../compare.js';
import type { ComparisonReport, Network } from './types.js';

/** About all networks together. */
export function conclusions({ networks, epochs, dataName }: ComparisonReport): string[] {
  const [best, second] = ranked(networks);
  const base = networks.find((each) => each.row.model === BASE);
  const others = networks.filter((each) => each !== base);
  const claimed = others.filter(({ row }) => row.difference);
  const sentences: string[] = [];
  if (!best) return sentences;
  sentences.push(
    `After ${epochs} epoch${epochs === 1 ? '' : 's'} ${best.row.model} is right most often: on ${percent(accuracy(best))} of the ${dataName === 'synthetic' ? 'synthetic ' : ''}test pictures${second ? `, before ${second.row.model} with ${percent(accuracy(second))}` : ''}.${second ? ` ${verdict(best, second)}` : ''}`,
  );
  if (claimed.length > 0) {
    const list = (what: string, some: Network[]): string[] =>
      some.length === 0
        ? []
        : [`${what}: ${some.map(({ row }) => `${row.model} ${interval(row.difference!)}`).join(', ')}`];
    const parts = [
      ...list(
        'better',
        claimed.filter(({ row }) => row.difference!.low > 0),
      ),
      ...list(
        'worse',
        claimed.filter(({ row }) => row.difference!.high < 0),
      ),
      ...list(
        'not told apart',
        claimed.filter(({ row }) => row.difference!.low <= 0 && row.difference!.high >= 0),
      ),
    ];
    sentences.push(`Against ${BASE}, in points of test accuracy with 95 % intervals: ${parts.join('; ')}.`);
    if (claimed.length > 1) {
      const chance = 100 * (1 - 0.95 ** claimed.length);
      sentences.push(
        `Each interval holds by itself. Of ${claimed.length} such intervals at least one misses the truth with a chance of up to ${chance.toFixed(0)} %, so a difference that only just leaves out zero is worth another look.`,
      );
    }
  } else if (networks.length > 1) {
    sentences.push(
      networks.every(({ results }) => results.length < 2)
        ? 'Each network was trained with one seed. Another seed moves each of these numbers, by how much is not known from one run: none of the differences here is claimed (--seeds 5x gives intervals).'
        : `No network shares two seeds with ${BASE}: no difference to it is claimed.`,
    );
  }
  const gaps = networks.flatMap((each) =>
    gap(each) === null ? [] : [{ name: each.row.model, gap: gap(each)! }],
  );
  const most = gaps.reduce((a, b) => (b.gap > a.gap ? b : a));
  if (most.gap > 1)
    sentences.push(
      `${most.name} does best on what it has learnt by heart: its training accuracy lies ${most.gap.toFixed(1)} points above its test accuracy, the widest gap of all.`,
    );
  if (base) {
    const dear = networks.reduce((a, b) => (b.row.flopsPerStep > a.row.flopsPerStep ? b : a));
    if (dear !== base)
      sentences.push(
        `${dear.row.model} computes most, ${(dear.row.flopsPerStep / base.row.flopsPerStep).toFixed(1)} times the operations of ${BASE} a step, for ${points(accuracy(dear) - accuracy(base))} of test accuracy.`,
      );
    const large = networks.reduce((a, b) => (b.row.parameters > a.row.parameters ? b : a));
    if (large !== base && large !== dear)
      sentences.push(
        `${large.row.model} has most parameters, ${(large.row.parameters / base.row.parameters).toFixed(1)} times those of ${BASE}, for ${points(accuracy(large) - accuracy(base))} of test accuracy.`,
      );
  }
  return sentences;
}

/** About the networks of a group; `names` says what tells them apart. */
export function groupConclusions(networks: Network[], names: Readonly<Record<string, string>>): string[] {
  const name = ({ row }: Network): string => names[row.model]!;
  const [best, ...rest] = ranked(networks);
  if (!best) return [];
  const sentences = [
    `By test accuracy: ${[best, ...rest].map((each) => `${name(each)} ${percent(accuracy(each))}`).join(', ')}.`,
    ...rest.map((each) => `${capital(name(best))} against ${name(each)}: ${verdict(best, each)}`),
  ];
  for (const each of networks) {
    const epochs = each.results.map(({ run }) => run.epochs);
    const losses = (epochs[0] ?? []).map((_, i) => mean(epochs.map((run) => run[i]?.testLoss ?? NaN)));
    const [lowest, last] = [Math.min(...losses), losses.at(-1)!];
    const at = losses.indexOf(lowest) + 1;
    if (at < losses.length && last > 1.01 * lowest)
      sentences.push(
        `${capital(name(each))} overfits: its test loss was lowest after epoch ${at} (${lowest.toFixed(3)}) and ended at ${last.toFixed(3)}.`,
      );
    const learnt = (epochs[0] ?? []).map((_, i) => mean(epochs.map((run) => run[i]?.trainLoss ?? NaN)));
    const [before, end] = [learnt.at(-2), learnt.at(-1)];
    const fall = before && end ? (100 * (before - end)) / before : 0;
    if (fall > 2)
      sentences.push(
        `${capital(name(each))} was still learning: its training loss fell by ${fall.toFixed(1)} % in the last epoch.`,
      );
  }
  return sentences;
}

/** Best test accuracy first. */
function ranked(networks: Network[]): Network[] {
  return [...networks].sort((a, b) => accuracy(b) - accuracy(a));
}

export function accuracy({ row }: Network): number {
  return row.measures.testAccuracy?.mean ?? NaN;
}

function gap({ row }: Network): number | null {
  const { trainAccuracy: train, testAccuracy: test } = row.measures;
  return train && test ? train.mean - test.mean : null;
}

/** Whether the better of two is better for more than luck. */
function verdict(better: Network, worse: Network): string {
  const lead = accuracy(better) - accuracy(worse);
  const difference = pairedDifference(better.results, worse.results);
  if (!difference)
    return `${points(lead)}, from one seed, which does not tell whether another would give the same order.`;
  const seeds = `${difference.seeds} seeds`;
  return difference.low > 0
    ? `${interval(difference)} points; ${seeds} tell them apart.`
    : `${interval(difference)} points; ${seeds} do not tell them apart.`;
}

function interval({ mean: middle, low, high }: Difference): string {
  return `${signed(middle)} [${signed(low)}, ${signed(high)}]`;
}

function points(value: number): string {
  return `${signed(value)} points`;
}

function signed(value: number): string {
  return `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(2)}`;
}

function percent(value: number): string {
  return `${value.toFixed(2)} %`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function mean(values: number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
