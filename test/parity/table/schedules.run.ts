// Runs the cases of schedules.py: learning rates and momenta of 24 epochs, and the state afterwards.
import torch, { optim } from 'torch-node';
import type { Recorded } from '../support.js';
import { ours, text } from './trajectory.js';
import type { Collector, TableCase } from './verdict.js';

const { lrScheduler } = optim;
type Scheduler = optim.lrScheduler.LRScheduler;

interface ScheduleCase extends TableCase {
  args: unknown[];
  options: Record<string, unknown>;
  optimizer: 'SGD' | 'Adam';
  /** Learning rates are tensors. */
  tensor?: boolean;
  /** step() gets the epoch's number. */
  numbered?: boolean;
  /** The epoch after which a group is added. */
  added?: number;
  // recorded
  rates: Recorded;
  momenta?: Recorded;
  state?: Record<string, unknown>;
  /** In the place of momenta and state: what Python raises after a group was added. */
  error?: string;
}

const EPOCHS = 24;
// As Python computes them: V8's own power has other last bits.
const power = (epoch: number): number =>
  (torch.ops.call('aten::logspace', [epoch, epoch, 1, 0.95, 'float64']) as torch.Tensor).item();
const FUNCTIONS: Record<string, (x: number) => number> = {
  power,
  half: (epoch) => (epoch % 4 === 0 ? 0.5 : 0.9),
  sine: (x) => 0.5 * (1 + (x % 5) / 4),
};
export const METRICS = [
  1, 0.9, 0.8, 0.8, 0.79999, 0.8, 0.7, 0.7, 0.7, 0.71, 0.7, 0.7, 0.7, 0.6, 0.65, 0.64, 0.63, 0.62, 0.61, 0.6,
  0.6, 0.6, 0.6, 0.6,
];

export function run(one: ScheduleCase, found: Collector): void {
  const rate = (lr: number): number | torch.Tensor => (one.tensor ? torch.tensor(lr) : lr);
  const groups = [0.1, 0.02].map((lr) => ({
    params: [new torch.nn.Parameter(torch.zeros([2]))],
    lr: rate(lr),
  }));
  const optimizer: optim.AnyOptimizer =
    one.optimizer === 'SGD' ? new optim.SGD(groups, { momentum: 0.9 }) : new optim.Adam(groups);
  const kind = one.class.split('.').at(-1)!;
  const scheduler = buildSchedule(kind, one.args, one.options, optimizer);
  const rates: number[] = [];
  const momenta: number[] = [];
  const note = (): void => {
    const last = scheduler.getLastLr().map(Number_);
    optimizer.paramGroups.forEach((group, g) => {
      found.value(`last rate ${rates.length}`, last[g], Number_(group.lr));
      rates.push(Number_(group.lr));
      momenta.push(group.betas?.[0] ?? group.momentum!);
    });
  };
  note();
  const double = (values: number[]): torch.Tensor => torch.tensor(values, { dtype: 'float64' });
  const step = (epoch: number): void => {
    if (kind === 'ReduceLROnPlateau') scheduler.step(METRICS[epoch]);
    else scheduler.step(one.numbered ? epoch + 1 : undefined);
    note();
  };
  const run = (): void => {
    for (let epoch = 0; epoch < EPOCHS; epoch++) {
      if (one.added === undefined || epoch <= one.added) optimizer.step();
      if (epoch === one.added)
        (optimizer as unknown as optim.Optimizer).addParamGroup({
          params: [new torch.nn.Parameter(torch.zeros([2]))],
          lr: 0.7,
        });
      step(epoch);
    }
  };
  if (one.error !== undefined) {
    let message = 'nothing';
    try {
      run();
    } catch (error) {
      message = `${(error as Error).name}: ${(error as Error).message}`;
    }
    const words = /^(zip|')/.test(one.error) ? one.error : 'groups of parameters';
    const right = message.startsWith('TorchError') && message.includes(words);
    found.value('error', right ? words : message, words);
    found.tensor('rates', double(rates), one.rates);
    return;
  }
  run();
  found.tensor('rates', double(rates), one.rates);
  found.tensor('momenta', double(momenta), one.momenta);
  found.value('state', text(scheduler.stateDict()), text(one.state));
}

function Number_(value: number | torch.Tensor): number {
  return typeof value === 'number' ? value : value.item();
}

/** A schedule by its name and options in Python. */
export function buildSchedule(
  kind: string,
  args: unknown[],
  options: Record<string, unknown>,
  optimizer: optim.AnyOptimizer,
): Scheduler {
  const made = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(made);
    if (typeof value !== 'object' || value === null) return value;
    if ('function' in value) return FUNCTIONS[value.function as string];
    const [inner, innerArgs, innerOptions] = (value as { schedule: [string, unknown[], object] }).schedule;
    return buildSchedule(inner, innerArgs, { ...innerOptions }, optimizer);
  };
  const holder = (kind === 'SWALR' ? optim.swaUtils : lrScheduler) as unknown as Record<string, unknown>;
  const Class = holder[kind] as new (...args: unknown[]) => Scheduler;
  const first = kind === 'ChainedScheduler' ? [] : [optimizer];
  const given = Object.entries(options).map(([name, value]): [string, unknown] => [ours(name), made(value)]);
  return new Class(...first, ...args.map(made), Object.fromEntries(given));
}
