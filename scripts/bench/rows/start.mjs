// From the process's start to its first finished step on the CPU, and the memory it took until then.
import { inTurn, median, ratios } from '../numbers.mjs';
import { atLeast, atMost, notMeasured } from '../targets.mjs';

export async function start(bench) {
  const { ours, theirs, python } = bench;
  const none = async () => undefined;
  // The first round reads the libraries from the disk, and does not count.
  const lists = await inTurn(bench.rounds + 1, [
    () => ours('firstStep'),
    bench.about.compiles ? () => ours('firstStep', { compiled: true }) : none,
    () => ours('nothing'),
    python.command ? () => theirs('firstStep') : none,
  ]);
  const [eager, compiled, nothing, other] = lists.map((list) => list.slice(1));
  const of = (runs, key) => runs.map((each) => each[key]);
  const loading = `loading the package without a step takes ${median(of(nothing, 'seconds')).toFixed(2)} s`;
  const ways = [
    ['eager', eager],
    [`compiled (${compiled[0]?.path ?? 'fused'})`, bench.about.compiles ? compiled : undefined],
  ];
  return ways.flatMap(([way, runs]) => {
    const targets = [
      `Start to first step, CPU, ${way}: time`,
      `Start to first step, CPU, ${way}: peak memory`,
    ];
    const missing =
      python.missing ?? (runs ? undefined : 'not available in this build: it has no torch.compileStep');
    if (missing) return [notMeasured(targets[0], '≥ 5×', missing), notMeasured(targets[1], '≤ 0.6', missing)];
    const [seconds, theirSeconds] = [of(runs, 'seconds'), of(other, 'seconds')];
    const [mb, theirMb] = [runs, other].map((list) => list.map((each) => each.memoryMb ?? each.peakMb));
    const took = (mine, their, unit, digits) => `${median(mine).toFixed(digits)} ${unit} against ${median(their).toFixed(digits)} ${unit}`; // prettier-ignore
    return [
      atLeast(targets[0], 5, ratios(theirSeconds, seconds), { reason: `${took(seconds, theirSeconds, 's', 2)}; ${loading}` }), // prettier-ignore
      atMost(targets[1], 0.6, ratios(mb, theirMb), { reason: took(mb, theirMb, 'MB', 0) }),
    ];
  });
}
