// The course's numbers beside ours, and the losses by steps that draw a curve of a single epoch.
import { courseText } from '../lib/cli/courseText.js';
import { COURSE, COURSE_PREDICTIONS, COURSE_RIGHT } from '../lib/course.js';
import type { RunMetrics } from '../lib/metrics.js';
import { part2 } from '../lib/part2.js';
import { partEnds } from '../lib/partLosses.js';
import { lossBySteps, measuredPoints } from '../lib/report/points.js';

it('has the course’s measures of all twelve networks, and its twenty pictures', () => {
  expect(Object.keys(COURSE)).toEqual([...part2.keys()]);
  expect([COURSE_RIGHT, COURSE_PREDICTIONS.length]).toEqual([13, 20]);
});

const one = (mean: number) => ({ mean, deviation: 0.5 });
const ours = (model: string) => ({
  model,
  measures: { trainLoss: one(1.1), trainAccuracy: one(60.86), testLoss: null, testAccuracy: one(58.47) },
});

it('says what ours differ by, and what that can say', () => {
  const text = courseText([ours('original'), ours('own')], 1).join('\n');
  expect(text).toMatch(
    /^original .*60\.86 % +61\.69 % +-0\.83 .*not finite +1\.16 +- .*58\.47 % +58\.58 % +-0\.11$/m,
  );
  expect(text).toContain('± 0.50 points');
  expect(text).toContain("Ours learnt for 1 epoch, the course's for 10.");
  expect(text).not.toMatch(/^own/m);
  expect(courseText([ours('own')], 10)).toEqual([]);
});

it.each([1563, 41, 16, 7, 1])('parts of an epoch of %i steps end in order, the last with it', (steps) => {
  const ends = partEnds(steps);
  expect(ends.at(-1)).toBe(steps);
  expect(ends.length).toBeLessThanOrEqual(16);
  expect(ends.every((end, i) => end > (ends[i - 1] ?? 0) && (end % 8 === 0 || end === steps))).toBe(true);
});

it('places the losses of the steps between the epochs, and a measure before the first', () => {
  const measures = { trainLoss: 2, trainAccuracy: 20, testLoss: null, testAccuracy: 10 };
  const run = {
    start: measures,
    epochs: [{ epoch: 1, seconds: 1, ...measures }],
    steps: { perEpoch: 16, ends: [8, 16], losses: [3, null] },
  } as unknown as RunMetrics;
  expect(lossBySteps(run)).toEqual([
    { epoch: 0.25, value: 3 },
    { epoch: 0.75, value: NaN },
  ]);
  expect(measuredPoints(run, 'testLoss')).toEqual([
    { epoch: 0, value: NaN },
    { epoch: 1, value: NaN },
  ]);
});
