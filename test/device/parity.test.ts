// The tables of modules, functions and optimizers that test/parity holds against PyTorch, on the device against the CPU: bit
// for bit, since the simulated device's kernels are the CPU's.
import torch, { type Tensor } from 'torch-node';
import { sha256, useOneThread } from '../parity/support.js';
import { onDevice } from '../parity/table/place.js';
import { runModule, type ModuleCase } from '../parity/table/runner.js';
import { run as runOptimizer } from '../parity/table/optim.run.js';
import { loadKeptTable } from '../parity/table/tables.js';
import { Collector, type Runner, type TableCase } from '../parity/table/verdict.js';

useOneThread();

type Entries = Map<string, { text: string; values?: number[] }>;

/** What a case gives, instead of holding it against what was recorded. */
class Recording extends Collector {
  readonly entries: Entries = new Map();

  override tensor(name: string, actual: Tensor | null): void {
    if (actual === null) this.entries.set(name, { text: 'null' });
    else {
      const data = torch.noGrad(() => actual.detach().cpu().resolveConj().resolveNeg().contiguous());
      const values = data.dataSync();
      this.entries.set(name, {
        text: `${data.dtype} [${data.shape.join()}] ${sha256(values)}`,
        values: Array.from(values as ArrayLike<number>, Number),
      });
    }
  }
  override value(name: string, actual: unknown): void {
    this.entries.set(name, {
      text: String(actual).replace(/, device='[^']*'| \((cpu|cuda:0)\)| on cuda:0|cuda[:.]0?/g, ''),
    });
  }
  override onlyBits(compare: () => void): void {
    compare();
  }
}

function entriesOf<T extends TableCase>(run: Runner<T>, one: T, device: string): Entries {
  const found = new Recording();
  torch.scope(() => {
    try {
      onDevice(device, () => run(one, found));
    } catch (error) {
      found.value('throws', (error as Error).message.split('\n')[0]);
    }
  });
  return found.entries;
}

/**
 * What PyTorch computes otherwise on CUDA than on the CPU, and the simulated device as CUDA: the results are near.
 */
const OTHERWISE: [name: RegExp, reason: string][] = [
  [/AveragedModel/, 'on CUDA all parameters are averaged in one call'],
  [/\(a tensor\)/, 'a learning rate that lies on the device is computed with there'],
  [/\b(RNN|LSTM|GRU)/, 'on CUDA the cells of RNN, LSTM and GRU multiply input and state step by step'],
  [
    /Transformer|MultiheadAttention|scaled_dot_product/,
    'attention is computed by plain products on the simulated device',
  ],
];
/** What the simulated device cannot serve. */
const UNSERVED: [name: RegExp, reason: string][] = [
  [/optim\.SparseAdam/, 'sparse tensors'],
  [/batch_first=True.*key_padding_mask.*evaluation|nested/, 'nested tensors'],
  [/pack_padded_sequence/, 'lengths lie on the CPU, where these cases have theirs too'],
  [/nn\.init\.sparse_/, 'draws from the generators of both the CPU and the device'],
];

/** What differs, by name; the largest difference where it is one of values. */
function differences(there: Entries, here: Entries, near: boolean): Record<string, string> {
  const out: Record<string, string> = {};
  for (const name of new Set([...there.keys(), ...here.keys()])) {
    const [a, b] = [there.get(name), here.get(name)];
    // Which way an optimizer goes is among its settings.
    if (a?.text === b?.text || name === 'settings') continue;
    const most = a?.values && b?.values ? nearness(a.values, b.values) : undefined;
    if (near && most !== undefined && most <= (/float16/.test(a!.text) ? 0.1 : 1e-5)) continue;
    if (near && /random state/.test(name)) continue;
    out[name] = most === undefined ? `is ${b?.text}, on the CPU ${a?.text}` : `by ${most}`;
  }
  return out;
}

/** The largest difference, as a part of the largest value. */
function nearness(a: readonly number[], b: readonly number[]): number {
  const largest = Math.max(...a.map(Math.abs).filter(Number.isFinite), Number.MIN_VALUE);
  const apart = a.map((value, i) => (Object.is(value, b[i]) ? 0 : Math.abs(value - b[i]!)));
  return Math.max(...apart) / largest;
}

const TABLES: [area: string, run: Runner<never>][] = [
  ...['basics', 'spatial', 'sequences', 'attention', 'options', 'utils'].map(
    (area): [string, Runner<never>] => [area, runModule as Runner<ModuleCase> as Runner<never>],
  ),
  ['optim', runOptimizer],
];

/** The case as the CPU has to run it: optimizers update all parameters of a device in one call unless they are told otherwise. */
function onCpu(one: TableCase): TableCase {
  const { options } = one as { options?: Record<string, unknown> };
  const isFree =
    /^optim\.[A-Z]/.test(one.class) &&
    !/LBFGS|SparseAdam|Muon/.test(one.class) &&
    typeof options?.['lr'] !== 'object' &&
    ['foreach', 'fused', 'differentiable', 'capturable'].every((name) => options?.[name] === undefined);
  return isFree ? ({ ...one, options: { ...options, foreach: true } } as TableCase) : one;
}

const LATE = Number(process.env['TORCH_NODE_SIMULATED_DELAY'] ?? 0);

describe.each(TABLES)('%s on the device as on the CPU', (area, run) => {
  // Where every kernel is late, a part of them.
  const { cases: all } = loadKeptTable<TableCase>(area);
  const cases = all.filter((_, i) => LATE === 0 || i % 16 === 0);
  const named = cases.map((one): [string, TableCase] => [`${one.class}: ${one.name}`, one]);
  const reasonOf = (list: [RegExp, string][], name: string): string | undefined =>
    list.find(([pattern]) => pattern.test(name))?.[1];
  const served = named.filter(([name]) => reasonOf(UNSERVED, name) === undefined);
  for (const [, reason] of UNSERVED) {
    const { length } = named.filter(([name]) => reasonOf(UNSERVED, name) === reason);
    if (length > 0) process.stderr.write(`skipped: ${length} cases of ${area}: ${reason}\n`);
  }

  it.each(served)('%s', (name, one) => {
    const there = entriesOf(run, onCpu(one) as never, 'cpu');
    const here = entriesOf(run, one as never, 'cuda');
    expect(there.size).toBeGreaterThan(0);
    expect(differences(there, here, reasonOf(OTHERWISE, name) !== undefined)).toEqual({});
  });
});
