// The benchmark's contest: who is let through the gate, which variant counts, and what becomes of contestants that fail.
// It runs in a process of its own, as an ES module; its contestants are one-line programs.
import { execFileSync } from 'node:child_process';
import { pathToFileURL } from 'node:url';
import path from 'node:path';

const BENCH = pathToFileURL(path.resolve(__dirname, '../../scripts/bench')).href;

interface Result {
  id: string;
  unavailable?: string;
  failed?: boolean;
  best?: number;
  kernels?: number;
  variants: { samples: { us: number }[] }[];
}

/** Runs contestants given as [id, losses, microseconds of each variant, gate]. */
function contest(list: [id: string, losses: number[], us: number[], gate?: 'bits'][]): Result[] {
  const program = `
    import { contest } from '${BENCH}/contest.mjs';
    const contestants = ${JSON.stringify(list)}.map(([id, losses, us, gate]) => ({
      id,
      name: id,
      command: process.execPath,
      args: ({ us }) => ['-e', \`console.log(JSON.stringify({ losses: \${JSON.stringify(losses)}, us: \${us}, kernels: 7 }))\`],
      variants: us.map((us) => ({ label: String(us), settings: { us }, gate })),
    }));
    contestants.push(
      { id: 'absent', name: 'absent', missing: 'not installed', variants: [] },
      { id: 'broken', name: 'broken', command: process.execPath, args: () => ['-e', 'process.exit(3)'], variants: [{ settings: {} }] },
    );
    const done = await contest({ rounds: 2, length: {}, say: () => {} }, contestants);
    console.log(JSON.stringify(done.results));`;
  const printed = execFileSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
  });
  return JSON.parse(printed) as Result[];
}

const losses = [2.3128254413604736, 2.334514856338501];
const near = [losses[0]! * (1 + 5e-5), losses[1]!];
const far = [losses[0]!, losses[1]! * (1 + 2e-4)];

it('times those whose losses agree, and no others', () => {
  const results = contest([
    ['reference', losses, [30, 20]],
    ['near', near, [10]],
    ['far', far, [1]],
    ['same bits wanted', near, [1], 'bits'],
    ['same bits', losses, [5], 'bits'],
    ['nothing', [NaN, NaN], [1]],
  ]);
  const of = (id: string) => results.find((each) => each.id === id)!;
  expect(of('reference')).toMatchObject({ best: 1, kernels: 7 });
  expect(of('reference').variants.map(({ samples }) => samples.map(({ us }) => us))).toEqual([
    [30, 30],
    [20, 20],
  ]);
  expect(of('near')).toMatchObject({ best: 0 });
  expect(of('same bits')).toMatchObject({ best: 0 });
  expect(of('far').unavailable).toMatch(/^not timed: the loss of step 2 is/);
  expect(of('same bits wanted').unavailable).toMatch(/^not timed: the loss of step 1 is.*the same bits/);
  expect(of('nothing').unavailable).toMatch(/^not timed/);
  for (const id of ['far', 'same bits wanted', 'nothing'])
    expect(of(id).variants.flatMap(({ samples }) => samples)).toEqual([]);
  expect(of('absent')).toMatchObject({ unavailable: 'not installed' });
  expect(of('absent').failed).toBeUndefined();
  expect(of('broken')).toMatchObject({ failed: true });
});

it('gives shares of the peak, ratios within rounds, and reasons for what is not met', () => {
  const program = `
    import { cpuTargets, gpuTargets, peakShares } from '${BENCH}/targets.mjs';
    const result = (id, us, threads) => ({ id, best: 0, variants: [{ settings: { threads }, samples: us.map((us) => ({ us })) }] });
    const fused = result('ours-fused', [500, 1000, 500], 2);
    const done = { results: [result('python-best', [2000, 3500, 2500], 1), fused, { id: 'ours-exact', unavailable: 'not in this build' }] };
    console.log(JSON.stringify({ shares: peakShares(fused, 205.2), cpu: cpuTargets(done, { gflops: 205.2 }), gpu: gpuTargets(undefined) }));`;
  const printed = execFileSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
  });
  const { shares, cpu, gpu } = JSON.parse(printed) as {
    shares: number[];
    cpu: { met: string; measured: string; reason: string }[];
    gpu: { met: string; reason: string }[];
  };
  // 102.6 MFLOP in half a millisecond are 205.2 GFLOP/s: one of two cores.
  expect(shares.map((share) => share.toFixed(3))).toEqual(['0.500', '0.250', '0.500']);
  expect(cpu[0]).toMatchObject({ met: 'no', measured: '4.00 [3.75, 4.50]×' });
  expect(cpu[0]!.reason).toContain('a step takes 0.500 ms, 0.556 ms are wanted');
  expect(cpu[1]).toMatchObject({ met: 'yes', reason: '' });
  expect(cpu[2]).toMatchObject({ met: '–', reason: 'not in this build' });
  expect(gpu.map(({ met, reason }) => [met, reason])).toEqual(
    gpu.map(() => ['–', 'no CUDA device: not measured']),
  );
});
