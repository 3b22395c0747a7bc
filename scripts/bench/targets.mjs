// What is aimed at, and whether it is met: rows of { target, wanted, measured, met, reason } from what was measured.
import { bestSamples } from './contest.mjs';
import { STEP_FLOP } from './contestants.mjs';
import { median, quartiles, ratios, spread } from './numbers.mjs';

export const NO_CUDA = 'no CUDA device: not measured';

/** A row for something that could not be measured. */
export const notMeasured = (target, wanted, reason) => ({ target, wanted, measured: '–', met: '–', reason });

/** A row for a ratio that should reach `least` in the median. */
export function atLeast(target, least, list, { unit = '×', reason = '' } = {}) {
  const met = median(list) >= least;
  return {
    ...{ target, wanted: `≥ ${least}${unit}`, measured: `${spread(list)}${unit}`, met: met ? 'yes' : 'no' },
    ...{ reason: met ? '' : reason, ratios: list, quartiles: quartiles(list) },
  };
}

/** A row for a ratio that should stay below `most` in the median. */
export function atMost(target, most, list, { reason = '' } = {}) {
  const met = median(list) <= most;
  return {
    ...{ target, wanted: `≤ ${most}`, measured: spread(list), met: met ? 'yes' : 'no' },
    ...{ reason: met ? '' : reason, ratios: list, quartiles: quartiles(list) },
  };
}

const why = ({ results }, id) => results.find((each) => each.id === id)?.unavailable;
const ms = (list) => `${(median(list) / 1000).toFixed(3)} ms`;

/** How many times as fast `mine` is as `other`, in each round. */
function faster(done, mine, other, target, least, reason) {
  const [a, b] = [bestSamples(done, mine), bestSamples(done, other)];
  if (!a || !b) return notMeasured(target, `≥ ${least}×`, why(done, a ? other : mine));
  const needed = median(b) / least / 1000;
  const explained = reason?.(a, b, needed) ?? '';
  const text = `a step takes ${ms(a)}, ${needed.toFixed(3)} ms are wanted${explained && `; ${explained}`}`;
  return atLeast(target, least, ratios(b, a), { reason: text });
}

/** Share of what as many cores can do at most, as the peak was measured round by round. */
export function peakShares(result, peakGflops) {
  if (!peakGflops || result.unavailable || result.best === undefined) return undefined;
  const { samples, settings } = result.variants[result.best];
  return samples.map(({ us }) => STEP_FLOP / (us * 1e3) / (peakGflops * (settings.threads ?? 1)));
}

export function cpuTargets(done, peak) {
  const best = 'python-best';
  const fused = done.results.find(({ id }) => id === 'ours-fused');
  const shares = peakShares(fused, peak.gflops);
  const shareText = shares && `${(100 * median(shares)).toFixed(0)} % of the measured peak`;
  const loop = bestSamples(done, 'cpp');
  const share = 'CNN, batch 32, fused: share of measured peak';
  return [
    faster(done, 'ours-fused', best, 'CNN, batch 32, fused, best of threads, against Python at its best', 4.5, () => shareText), // prettier-ignore
    shares
      ? atLeast(share, 0.5, shares, {
          unit: '',
          reason: `a step takes ${ms(bestSamples(done, 'ours-fused'))}; at half of ${peak.gflops} GFLOP/s a core it would take ${(STEP_FLOP / (0.5e6 * peak.gflops * fused.variants[fused.best].settings.threads)).toFixed(3)} ms`,
        })
      : notMeasured(share, '≥ 0.5', fused.unavailable ?? peak.missing),
    faster(done, 'ours-exact', best, 'The same, --exact (compiled, unfused), against Python at its best', 1.25, (_, _other, needed) => // prettier-ignore
      loop && `the C++ loop over the same operators takes ${ms(loop)}${median(loop) / 1000 > needed ? ', more than that too' : ''}`), // prettier-ignore
  ];
}

export function stepTargets(done) {
  const target = 'One step of a program against its C++ loop, one thread: no slower';
  return [faster(done, 'ours-exact-step', 'cpp-step', target, 1)];
}

/** @param done undefined where there is no CUDA device */
export function gpuTargets(done) {
  const rows = [
    ['python-eager-gpu', 'CNN, batch 32, on the GPU, against Python eager with its data there', 6],
    ['python-graph-gpu', 'CNN, batch 32, on the GPU, against a CUDA graph captured by hand in Python', 1.3],
  ];
  return rows.map(([other, target, least]) =>
    done ? faster(done, 'ours-fused-gpu', other, target, least) : notMeasured(target, `≥ ${least}×`, NO_CUDA),
  );
}
