// The tables that the harness prints and writes into docs/benchmarks.md: { header, rows } of text.
import { bestSamples } from './contest.mjs';
import { median, ratios, spread } from './numbers.mjs';
import { peakShares } from './targets.mjs';

/** Rows with a ratio to Python or to C++, where smaller is better. */
export const rowsTable = (rows) => ({
  header: ['', 'ours', 'Python', 'ratio: median [quartiles]', 'target', 'met'],
  rows: rows.map(({ name, ours, theirs, ratio, target, met }) => [name, ours, theirs, ratio, target, met]),
});

export const targetsTable = (targets) => ({
  header: ['target', 'wanted', 'measured: median [quartiles]', 'met', 'why not'],
  rows: targets.map(({ target, wanted, measured, met, reason }) => [
    target,
    wanted,
    measured,
    met,
    reason ?? '',
  ]),
});

/**
 * A contest as a table.
 *
 * @param against id of the contestant whose speed is 1
 */
export function contestTable(done, against, peakGflops) {
  const base = bestSamples(done, against);
  const baseName = done.results.find(({ id }) => id === against)?.name;
  const header = ['contestant', 'step, ms', `times as fast as: ${baseName}`, 'share of peak', 'kernels a step', 'peak memory, MB', 'start to first step, s', 'notes']; // prettier-ignore
  const rows = done.results.map((result) => {
    if (result.unavailable) return [result.name, '–', '–', '–', '–', '–', '–', result.unavailable];
    const best = result.variants[result.best];
    const us = bestSamples(done, result.id);
    const of = (key) => best.samples.map((sample) => sample[key]);
    const shares = peakShares(result, peakGflops);
    const notes = [
      result.variants.length > 1 ? `best: ${best.label}` : best.label,
      best.samples[0].path ? `path: ${best.samples[0].path}` : '',
      `losses: ${best.gate.text}`,
      `${best.samples[0].steps} steps a round`,
      result.id.startsWith('python-tutorial') && best.settings.workers > 0
        ? "the workers' memory comes on top"
        : '',
      result.id.includes('compile') ? `compiles for ${result.compileSeconds.toFixed(1)} s at first` : '',
    ];
    const memory = of('memoryMb');
    return [
      ...[
        result.name,
        spread(
          us.map((each) => each / 1000),
          3,
        ),
      ],
      base ? spread(ratios(base, us)) : '–',
      shares ? `${Number((100 * median(shares)).toPrecision(2))} %` : '–',
      result.kernels ?? '–',
      memory.includes(undefined) ? '–' : median(memory).toFixed(0),
      median(of('startSeconds')).toFixed(2),
      notes.filter(Boolean).join('; '),
    ];
  });
  return { header, rows };
}

/** Seconds of learning an epoch, network by network. */
export const modelsTable = (models) => ({
  header: [
    'network',
    'path',
    'ours, two at a time, s',
    'Python, one after another, s',
    'times as fast: median [quartiles]',
  ],
  rows: models.map(({ model, path, ours, python }) => [
    ...[model, path ?? 'eager', median(ours).toFixed(2), median(python).toFixed(2)],
    spread(ratios(python, ours)),
  ]),
});
