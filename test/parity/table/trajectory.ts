// What the runners of optimizers and schedules have in common, as trajectory.py does on the other side.
import torch, { isTensor, type Tensor } from 'torch-node';
import type { Recorded } from '../support.js';
import type { Collector } from './verdict.js';

/** Several tensors as one: see `summary` of trajectory.py. */
export interface Summary extends Recorded {
  shapes: string;
}

/** Holds tensors, in order, against their summary. */
export function compareSummary(
  found: Collector,
  name: string,
  tensors: readonly Tensor[],
  expected: Summary | null,
): void {
  if (expected === null || tensors.length === 0) {
    found.value(`${name}: tensors`, tensors.length > 0, expected !== null);
    return;
  }
  const real = tensors.map((t) => (t.dtype.startsWith('complex') ? torch.viewAsReal(t) : t).detach());
  found.value(`${name}: shapes`, real.map(({ shape }) => shape.join('x')).join(' '), expected.shapes);
  found.tensor(name, torch.cat(real.map((t) => t.reshape(-1))), expected);
}

/** A snake_case name as it is called here: T_max is tMax. */
export function ours(name: string): string {
  const camel = name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
  return camel[0]!.toLowerCase() + camel.slice(1);
}

/** A recorded value as text that any machine writes alike: keys in order, numbers as JavaScript writes them. */
export function text(value: unknown): string {
  return JSON.stringify(value, (_, one: unknown) => {
    if (isTensor(one)) {
      const number: number = one.item();
      return number;
    }
    if (typeof one === 'number' && !Number.isFinite(one)) return String(one).replace('Infinity', 'inf');
    return typeof one === 'object' && one !== null && !Array.isArray(one)
      ? Object.fromEntries(Object.entries(one).sort(([a], [b]) => (a < b ? -1 : 1)))
      : one;
  });
}
