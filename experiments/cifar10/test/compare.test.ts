import torch, { nn } from 'torch-node';
import { compare } from '../lib/compare.js';
import { flopsPerStep } from '../lib/flops.js';
import type { JobResult } from '../lib/jobs/job.js';
import { part1 } from '../lib/part1.js';
import { part2 } from '../lib/part2.js';

function result(model: string, seed: number, testAccuracy: number, testLoss: number | null = 1): JobResult {
  const final = { trainLoss: 1, trainAccuracy: 60, testLoss, testAccuracy };
  const epochs = [1, 2].map((epoch) => ({ epoch, ...final, seconds: 3 }));
  const about = { device: 'cpu', threads: 1, torch: '2.13.0', parametersSha256: 'abc' };
  return { run: { model, seed, ...about, epochs, final }, parameters: 7, flopsPerStep: 9, confusion: [] };
}

describe('compare', () => {
  it('pairs the seeds of a network with those of the original', () => {
    const rows = compare([
      ...[58, 59, 60].map((accuracy, seed) => result('original', seed, accuracy)),
      ...[56, 58, 57].map((accuracy, seed) => result('mlp2', seed, accuracy)),
    ]);
    expect(rows.map((row) => row.model)).toEqual(['original', 'mlp2']);
    expect(rows[0]!.difference).toBeNull();
    expect(rows[0]!.measures.testAccuracy).toEqual({ mean: 59, deviation: 1 });
    // Differences -2, -1, -3: mean -2, deviation 1, t with 2 degrees of freedom 4.3027.
    const { mean, low, high, seeds } = rows[1]!.difference!;
    expect([mean, seeds]).toEqual([-2, 3]);
    expect(low).toBeCloseTo(-2 - 4.3027 / Math.sqrt(3), 10);
    expect(high).toBeCloseTo(-2 + 4.3027 / Math.sqrt(3), 10);
    expect(rows[1]!.seconds).toBe(6);
  });

  it('claims nothing from one seed, nor from seeds that the original was not trained with', () => {
    const one = compare([result('original', 0, 58), result('tanh', 0, 70)]);
    expect(one[1]!.difference).toBeNull();
    expect(one[1]!.measures.testAccuracy!.deviation).toBeNull();
    const others = compare([result('original', 0, 58), result('tanh', 1, 70), result('tanh', 2, 71)]);
    expect(others[1]!.difference).toBeNull();
    expect(compare([result('tanh', 0, 70), result('tanh', 1, 71)])[0]!.difference).toBeNull();
  });

  it('has no mean of losses that are not finite', () => {
    const [row] = compare([result('high-lr', 0, 10, null), result('high-lr', 1, 10)]);
    expect(row!.measures.testLoss).toBeNull();
    expect(row!.measures.trainLoss).not.toBeNull();
  });
});

describe('the twelve networks', () => {
  it('are in the order of the course, and part 1 is the first', () => {
    expect([...part2.keys()]).toEqual([
      ...['original', 'mlp2', 'mlp3', 'mlp4', 'mlp5', 'double-channel'],
      ...['conv1', 'conv3', 'leaky-relu', 'tanh', 'low-lr', 'high-lr'],
    ]);
    for (const [name, experiment] of part2) expect(experiment.name).toBe(name);
    expect(part2.get('original')).toEqual(part1);
  });

  it('count the operations of a step', () => {
    // Images of 32: 2 * 28^2 * 6 * 75 and 2 * 10^2 * 16 * 150 for the convolutions, 2 * 58,920 for the linear layers;
    // three times that, but for the first layer's gradient of its input.
    const net = part1.network();
    const [first, others] = [2 * 784 * 6 * 75, 2 * 100 * 16 * 150 + 2 * (400 * 120 + 120 * 84 + 840)];
    expect(flopsPerStep(net, 32)).toBe(32 * (2 * first + 3 * others));
    expect(flopsPerStep(new nn.Sequential(new nn.Flatten(), new nn.Linear(3072, 10)), 1)).toBe(4 * 30720);
    // Nothing is drawn, and the network is as it was.
    const drawing = new nn.Sequential(
      new nn.Flatten(),
      new nn.BatchNorm1d(3072),
      new nn.Dropout(),
      new nn.Linear(3072, 10),
    );
    const random = torch.getRngState();
    const [before] = drawing.buffers().map(String);
    expect(flopsPerStep(drawing, 1)).toBe(4 * 30720);
    expect(random.equal(torch.getRngState())).toBe(true);
    expect(String(drawing.buffers()[0])).toBe(before);
    expect(drawing.modules().every(({ training }) => training)).toBe(true);
    expect(net.modules().every((module) => !Object.hasOwn(module, 'forward'))).toBe(true);
  });
});
