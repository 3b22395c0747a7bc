// Runs the cases of clipping.py.
import torch, { type DType, type Tensor } from 'torch-node';
import { numbers, type Recorded } from '../support.js';
import type { Collector, TableCase } from './verdict.js';

interface ClippingCase extends TableCase {
  call: string;
  args: number[];
  options: Record<string, boolean | number | string>;
  shapes: number[][];
  dtypes: DType[];
  scale: number;
  without: number[];
  result: Recorded | null;
  gradients: (Recorded | null)[];
}

function camel(name: string): string {
  return name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
}

export function run(one: ClippingCase, found: Collector): void {
  const { shapes, dtypes, scale, without } = one;
  const given = shapes.map((shape, i) => numbers({ shape, seed: i + 1, scale, dtype: dtypes[i]! }));
  const parameters = given.map((gradient, i) => {
    const parameter = torch.zerosLike(gradient).requiresGrad_();
    parameter.grad = without.includes(i) ? null : gradient;
    return parameter;
  });
  const options = Object.fromEntries(
    Object.entries(one.options).map(([name, value]) => [
      camel(name),
      typeof value === 'string' ? Number(value.replace('inf', 'Infinity')) : value,
    ]),
  );
  const utils = torch.nn.utils as unknown as Record<string, (...args: unknown[]) => Tensor | undefined>;
  const call = utils[camel(one.call)]!;
  const result = call(one.call === 'get_total_norm' ? given : parameters, ...one.args, options);
  found.tensor('result', result ?? null, one.result);
  found.tensors(
    'gradient',
    parameters.map(({ grad }) => grad),
    one.gradients,
  );
}
