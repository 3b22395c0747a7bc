// The synthetic set: the same bytes everywhere, balanced, and no class given away by a colour.
import { createHash } from 'node:crypto';
import { PICTURE_BYTES, type ImageRecords } from '../../lib/data/records.js';
import { syntheticRecords } from '../../lib/data/synthetic.js';

const sha256 = (...sets: ImageRecords[]) => {
  const hash = createHash('sha256');
  for (const { labels, images } of sets) hash.update(labels).update(images);
  return hash.digest('hex');
};

test('gives the same bytes as on every other machine', () => {
  const { train, test } = syntheticRecords({ seed: 0, train: 200, test: 100 });
  expect(sha256(train, test)).toBe('a955b64e8fc41041b9362ff1b9c3c6f15ee11a02d0aa3d27e3304fe80dc9272a');
});

test('has the sizes asked for, and ten named classes, in memory that threads can share', () => {
  const { train, test } = syntheticRecords({ seed: 1, train: 25, test: 10 });
  expect([train.count, train.labels.length, train.images.length]).toEqual([25, 25, 25 * PICTURE_BYTES]);
  expect([test.count, test.labels.length, test.images.length]).toEqual([10, 10, 10 * PICTURE_BYTES]);
  expect(new Set(train.classes).size).toBe(10);
  expect(Object.prototype.toString.call(train.images.buffer)).toBe('[object SharedArrayBuffer]');
});

test('ten pictures in a row hold every class once, in changing order', () => {
  const { labels } = syntheticRecords({ seed: 2, train: 40, test: 0 }).train;
  const blocks = [0, 10, 20, 30].map((at) => [...labels.subarray(at, at + 10)]);
  for (const block of blocks) expect(block.toSorted()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(new Set(blocks.map(String)).size).toBeGreaterThan(1);
});

test('a small set is the beginning of a larger one; seeds, and the two sets of a seed, differ', () => {
  const small = syntheticRecords({ seed: 3, train: 10, test: 10 });
  const large = syntheticRecords({ seed: 3, train: 30, test: 10 });
  expect(
    Buffer.from(large.train.images.subarray(0, small.train.images.length)).equals(small.train.images),
  ).toBe(true);
  expect(sha256(small.train)).not.toBe(sha256(small.test));
  expect(sha256(syntheticRecords({ seed: 4, train: 10, test: 10 }).train)).not.toBe(sha256(small.train));
});

test('the mean picture of its class is a poor guide: nearest-mean classification stays under 35 %', () => {
  const { train, test } = syntheticRecords({ seed: 5, train: 5000, test: 1000 });
  const means = train.classes.map(() => new Float64Array(PICTURE_BYTES));
  for (let i = 0; i < train.count; i++) {
    const mean = means[train.labels[i]!]!;
    for (let k = 0; k < PICTURE_BYTES; k++) mean[k]! += train.images[i * PICTURE_BYTES + k]! / 500;
  }
  let right = 0;
  for (let i = 0; i < test.count; i++) {
    const distances = means.map((mean) => {
      let sum = 0;
      for (let k = 0; k < PICTURE_BYTES; k++) sum += (mean[k]! - test.images[i * PICTURE_BYTES + k]!) ** 2;
      return sum;
    });
    if (distances.indexOf(Math.min(...distances)) === test.labels[i]) right++;
  }
  expect((100 * right) / test.count).toBeLessThan(35);
});

test.each([[{ seed: 0.5 }], [{ seed: NaN }], [{ seed: 0, train: -1 }], [{ seed: 0, test: 1.5 }]])(
  'refuses %j and says what was expected',
  (options) =>
    expect(() => syntheticRecords(options)).toThrow(
      /: expected a whole number( of 0 or more)?, got (0\.5|NaN|-1|1\.5)$/,
    ),
);
