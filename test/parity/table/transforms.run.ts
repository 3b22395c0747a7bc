// Runs the cases of transforms.py.
import torch, { type Tensor } from 'torch-node';
import { numbers, sha256, type Recorded } from '../support.js';
import type { Collector, TableCase } from './verdict.js';

interface TransformCase extends TableCase {
  kind: 'functional' | 'random';
  call: string;
  args: unknown[];
  options: Record<string, unknown>;
  seed: number;
  shape: number[];
  dtype: 'uint8' | 'float32';
  result: Recorded;
  rngStateAfter: string;
}

function camel(name: string): string {
  return name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
}

export function run(one: TransformCase, found: Collector): void {
  const made = numbers({ shape: one.shape, seed: 7, kind: 'positive' });
  const image = one.dtype === 'uint8' ? made.mul(255).floor().to('uint8') : made;
  const options = Object.fromEntries(
    Object.entries(one.options).map(([name, value]) => [camel(name), value]),
  );
  const all = [...one.args, ...(Object.keys(options).length > 0 ? [options] : [])];
  torch.manualSeed(one.seed);
  let result: Tensor;
  if (one.kind === 'functional') {
    const calls = torch.transforms.functional as unknown as Record<string, (...args: unknown[]) => Tensor>;
    result = calls[camel(one.call)]!(image, ...all);
  } else {
    type Class = new (...args: unknown[]) => torch.transforms.ImageTransform;
    const classes = torch.transforms as unknown as Record<string, Class>;
    result = new classes[one.call]!(...all).forward(image);
  }
  found.tensor('result', result, one.result);
  found.value(
    'random state afterwards',
    sha256(torch.getRngState().dataSync()).slice(0, 16),
    one.rngStateAfter,
  );
}
