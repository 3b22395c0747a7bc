// The twelve networks side by side against Python's one after another: wall times of both programs, and seconds of learning
// an epoch for each network.
import { inTurn, median, ratios } from '../numbers.mjs';
import { checksums, hasOption, needReference, ourPart2, theirPart2 } from '../part2.mjs';
import { NO_CUDA, atLeast, notMeasured } from '../targets.mjs';

const GROUPS = [
  {
    ...{ name: 'convolution nets', least: 6, few: ['original', 'conv1'] },
    models: ['original', 'double-channel', 'conv1', 'conv3', 'leaky-relu', 'tanh', 'low-lr', 'high-lr'],
  },
  { name: 'MLPs', least: 1.5, few: ['mlp2', 'mlp3'], models: ['mlp2', 'mlp3', 'mlp4', 'mlp5'] },
];
/** How far the loss over the training set may be from Python's after an epoch of other roundings, which training magnifies. */
const LOSS_TOLERANCE = 0.1;
/** And the accuracy on the test set after ten, in percent. */
const ACCURACY_TOLERANCE = 4;

/** Targets by group and, under `models`, seconds of an epoch for each network. */
export async function twelve(bench) {
  needReference(bench);
  const rounds = bench.quick ? 1 : Math.min(bench.rounds, 3);
  const exact = (await hasOption('--exact')) ? ['--exact'] : [];
  const targets = [];
  const models = [];
  for (const { name, least, few, models: all } of GROUPS) {
    const chosen = ['--models', (bench.quick ? few : all).join()];
    const target = `${bench.quick ? 'Two' : 'All'} ${name} of the twelve, one epoch, --jobs 2, against Python one after another, wall time`;
    bench.say(`  the gate: ${name}`);
    const theirs = (threads) => theirPart2(bench, [...chosen, '--threads', threads]);
    // With one thread a network's parameters are Python's bit for bit, but for the fused way.
    const [gate, one] = [await ourPart2(bench, [...chosen, ...exact, '--jobs', '2']), await theirs('1')];
    if (checksums(gate.rows) !== checksums(one.rows)) {
      targets.push({
        ...notMeasured(target, `≥ ${least}×`, 'not timed: other parameters than Python'),
        met: 'no',
      });
      continue;
    }
    bench.say(`  ${rounds} rounds: ${name}`);
    const [mine, python1, python2] = await inTurn(rounds, [
      () => ourPart2(bench, [...chosen, '--jobs', '2']),
      () => theirs('1'),
      () => theirs('2'),
    ]);
    const far = mine.at(-1).rows.find((row) => lossDifference(row, one.rows) > LOSS_TOLERANCE);
    if (far) {
      const reason = `not timed: ${far.model}'s loss is ${far.final.trainLoss} after the epoch, Python's ${one.rows.find((row) => row.model === far.model).trainLoss}`;
      targets.push({ ...notMeasured(target, `≥ ${least}×`, reason), met: 'no' });
      continue;
    }
    const wall = (runs) => runs.map(({ wholeSeconds }) => wholeSeconds);
    const best = median(wall(python2)) < median(wall(python1)) ? python2 : python1;
    const learning = median(
      mine.map(({ rows }) => rows.reduce((sum, row) => sum + epochSeconds(row), 0) / 2),
    );
    targets.push(
      atLeast(target, least, ratios(wall(best), wall(mine)), {
        reason: `ours took ${median(wall(mine)).toFixed(1)} s, of which learning ${learning.toFixed(1)} s on each of two cores (the rest: start, data, measuring on both sets, the report); Python ${median(wall(best)).toFixed(1)} s with ${best === python2 ? 'two threads' : 'one thread'}`,
      }),
    );
    for (const { model, path } of mine[0].rows) {
      const of = (runs, seconds) => runs.map(({ rows }) => seconds(rows.find((row) => row.model === model)));
      const [ours, their1, their2] = [of(mine, epochSeconds), ...[python1, python2].map((runs) => of(runs, ({ seconds }) => seconds))]; // prettier-ignore
      models.push({
        model,
        path,
        group: name,
        ours,
        python: median(their2) < median(their1) ? their2 : their1,
      });
    }
  }
  return { targets, models };
}

/** On a GPU: all twelve, ten epochs. */
export async function twelveOnGpu(bench) {
  const target = 'All twelve, ten epochs, on the GPU, against Python one after another';
  if (!bench.cuda) return [notMeasured(target, '≥ 15×', NO_CUDA)];
  needReference(bench);
  const chosen = bench.quick ? ['--models', 'original,mlp2'] : [];
  const epochs = bench.quick ? 1 : 10;
  const [[mine], [theirs]] = await inTurn(1, [
    () => ourPart2(bench, [...chosen, '--device', 'cuda'], epochs),
    () => theirPart2(bench, [...chosen, '--device', 'cuda'], epochs),
  ]);
  for (const { model, final } of mine.rows) {
    const { testAccuracy } = theirs.rows.find((row) => row.model === model);
    if (!(Math.abs(final.testAccuracy - testAccuracy) <= ACCURACY_TOLERANCE)) {
      const reason = `not timed: ${model} ends with ${final.testAccuracy} % right, Python's with ${testAccuracy} %`;
      return [{ ...notMeasured(target, '≥ 15×', reason), met: 'no' }];
    }
  }
  const [ours, python] = [mine.wholeSeconds, theirs.wholeSeconds];
  return [atLeast(target, 15, [python / ours], { reason: `ours took ${ours.toFixed(1)} s, Python ${python.toFixed(1)} s` })]; // prettier-ignore
}

const epochSeconds = ({ epochs }) => epochs.reduce((sum, { seconds }) => sum + seconds, 0) / epochs.length;

function lossDifference({ model, final }, theirRows) {
  const { trainLoss } = theirRows.find((row) => row.model === model);
  return Math.abs(final.trainLoss - trainLoss) / trainLoss;
}
