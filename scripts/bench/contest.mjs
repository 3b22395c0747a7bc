// A contest: the gate, then rounds in which the contestants take turns, then the kernels of a step.
import { compareLosses } from './gate.mjs';
import { inTurn, median } from './numbers.mjs';
import { lines, load, run } from './processes.mjs';

/** torch.compile's first compilation and a round of tfjs's slow backend end long before. */
const TIMEOUT_MS = 900_000;

/**
 * Runs contestants (contestants.mjs) against each other.
 *
 * @returns { results, loads, reference }: for each contestant either `unavailable` (why it has no times) or its variants with
 *   one sample a round, `best` of them, `kernels` of a step and, where it compiles, `compileSeconds`
 */
export async function contest(bench, contestants) {
  const results = [];
  let reference;
  for (const contestant of contestants) {
    bench.say(`  the gate: ${contestant.name}`);
    const result = { id: contestant.id, name: contestant.name, variants: [] };
    results.push(result);
    for (const variant of contestant.missing ? [] : contestant.variants) {
      const first = await attempt(bench, contestant, variant, { warmup: 0, steps: 1 });
      const failure = first.unavailable ?? first.failed;
      if (failure) {
        Object.assign(result, { unavailable: failure, failed: first.failed !== undefined });
        break;
      }
      reference ??= { losses: first.losses, name: `${contestant.name}, ${variant.label}` };
      const gate = compareLosses(first.losses, reference.losses, variant.gate);
      result.variants.push({ ...variant, gate, losses: first.losses, compileSeconds: first.firstStepSeconds, samples: [] }); // prettier-ignore
    }
    if (contestant.missing) result.unavailable = contestant.missing;
    const refused = result.variants.find(({ gate }) => !gate.passed);
    if (refused) Object.assign(result, { unavailable: refused.gate.text, failed: true });
  }

  const loads = [];
  const timed = contestants.flatMap((contestant, i) =>
    results[i].unavailable ? [] : results[i].variants.map((variant) => ({ contestant, result: results[i], variant })),
  ); // prettier-ignore
  await inTurn(
    bench.rounds,
    timed.map(({ contestant, result, variant }) => async () => {
      if (result.unavailable) return;
      const sample = await attempt(bench, contestant, variant, contestant.length ?? bench.length);
      if (sample.failed) Object.assign(result, { unavailable: sample.failed, failed: true });
      else variant.samples.push(sample);
    }),
    {
      beforeRound: (round) => {
        bench.say(`  round ${round + 1} of ${bench.rounds}, load ${load()}`);
        loads.push({ before: load() });
      },
      afterRound: () => (loads.at(-1).after = load()),
    },
  );

  for (const [i, result] of results.entries()) {
    if (result.unavailable) continue;
    const medians = result.variants.map(({ samples }) => median(samples.map(({ us }) => us)));
    result.best = medians.indexOf(Math.min(...medians));
    result.compileSeconds = result.variants[result.best].compileSeconds;
    const counted = await attempt(bench, contestants[i], result.variants[result.best], { count: 1 });
    result.kernels = counted.kernels;
  }
  return { results, loads, reference: reference?.name };
}

/** One process of a contestant: its lines as one object, or { failed: why }. */
async function attempt(bench, contestant, variant, more) {
  try {
    const args = contestant.args({ ...variant.settings, ...more });
    const done = await run(contestant.command, args, { env: contestant.env, timeout: TIMEOUT_MS });
    const said = Object.assign({}, ...lines(done.text));
    return { ...said, startSeconds: done.seconds, memoryMb: said.memoryMb ?? done.peakMb };
  } catch (error) {
    bench.say(error.message);
    return { failed: `failed: ${error.message.trim().split('\n').at(-1)}` };
  }
}

/** The samples of the variant that counts, one number a round; undefined for a contestant without times. */
export function bestSamples({ results }, id, key = 'us') {
  const result = results.find((each) => each.id === id);
  return result === undefined || result.unavailable
    ? undefined
    : result.variants[result.best].samples.map((sample) => sample[key]);
}
