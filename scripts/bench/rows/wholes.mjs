// Rows of part 2 whole, eager: the program against Python's, against the tutorial's way, its memory, and beside a busy core.
import { amountOf, inTurn, median } from '../numbers.mjs';
import { checksums, hasOption, needReference, ourPart2, theirPart2 } from '../part2.mjs';
import { besideBusy } from '../processes.mjs';
import { compared as comparedTo, ratioOf } from './compared.mjs';

/** Measurements by name, each a function that gives rows. */
export function part2Rows(bench) {
  const { quick, rounds, python, theirs, about, folder, reference } = bench;
  const compared = (...cells) => comparedTo(python, ...cells);
  const few = quick ? ['--models', 'original,mlp2'] : [];
  const wholeRounds = quick ? 1 : Math.min(rounds, 3);

  return {
    async part2() {
      needReference(bench);
      const exact = (await hasOption('--exact')) ? ['--exact'] : [];
      const [mine, one, two] = await inTurn(wholeRounds, [
        () => ourPart2(bench, [...few, ...exact]),
        () => theirPart2(bench, ['--threads', '1', ...few]),
        () => theirPart2(bench, ['--threads', '2', ...few]),
      ]);
      const name = `${quick ? 'Two' : 'The twelve'} networks, one epoch each, the whole program, against Python's best of one and two threads`;
      if (checksums(mine.at(-1).rows) !== checksums(one.at(-1).rows))
        return [
          { name, ours: '–', theirs: '–', ratio: 'not timed: other parameters', target: '≤ 0.45', met: 'no' },
        ];
      const seconds = (runs) => runs.map(({ wholeSeconds }) => wholeSeconds);
      const best = median(seconds(two)) < median(seconds(one)) ? two : one;
      const row = compared(name, 's', seconds(mine), seconds(best), 0.45);
      row.theirs += best === two ? ' (two threads)' : ' (one thread)';
      return [{ ...row, samples: { mine: seconds(mine), one: seconds(one), two: seconds(two) } }];
    },

    async tutorial() {
      needReference(bench);
      const settings = { folder, reference, models: few[1]?.split(',') };
      const [mine, peers] = await inTurn(1, [
        async () => (await ourPart2(bench, few)).wholeSeconds,
        async () => (await theirs('tutorial', settings)).wholeSeconds,
      ]);
      const name =
        "The same, against the tutorial's way: PIL, transforms, DataLoader with two workers (one round)";
      return [compared(name, 's', mine, peers, 0.1)];
    },

    async jobsMemory() {
      const [one, usual, atOnce] = await inTurn(wholeRounds, [
        async () => (await ourPart2(bench, ['--models', 'original'])).peakMb,
        async () => (await ourPart2(bench, few)).peakMb,
        async () => (await ourPart2(bench, [...few, '--jobs', '12'])).peakMb,
      ]);
      const row = (name, mine, target) => ({
        ...{ name: `Peak resident memory of ${name}, against that of one job`, ours: amountOf(mine, 'MB') },
        theirs: `${amountOf(one, 'MB')} (ours, one job)`,
        target: target === undefined ? '–' : `≤ ${target}`,
        ...ratioOf(mine, one, target),
        samples: { mine, one },
      });
      return [
        row(`twelve jobs, ${about.cores} at a time`, usual, 1.3),
        row('twelve jobs, all at the same time', atOnce),
      ];
    },

    async busy() {
      const four = quick ? few : ['--models', 'original,conv1,leaky-relu,tanh'];
      const steps = { folder, threads: about.cores, warmup: 20, steps: quick ? 50 : 200 };
      const [mine, mineBusy, python1, pythonBusy] = await inTurn(wholeRounds, [
        async () => (await ourPart2(bench, four)).wholeSeconds,
        () => besideBusy(async () => (await ourPart2(bench, four)).wholeSeconds),
        async () => (python.command ? (await theirs('step', steps)).us / 1000 : undefined),
        () => besideBusy(async () => (python.command ? (await theirs('step', steps)).us / 1000 : undefined)),
      ]);
      const row = (name, unit, alone, beside, target) => ({
        ...{ name, ours: '–', theirs: '–', target: target === undefined ? '–' : `≤ ${target}` },
        ...ratioOf(beside, alone, target),
        samples: { alone, beside },
        text: `${amountOf(beside, unit)}, alone ${amountOf(alone, unit)}`,
      });
      const ourRow = row("Part 2's jobs with one core kept busy by another process, against alone", 's', mine, mineBusy, 2.2); // prettier-ignore
      const rows = [{ ...ourRow, ours: ourRow.text }];
      if (python.command) {
        const theirRow = row(
          "Python's training step, its default threads, likewise",
          'ms',
          python1,
          pythonBusy,
        );
        rows.push({ ...theirRow, theirs: theirRow.text });
      }
      return rows;
    },
  };
}
