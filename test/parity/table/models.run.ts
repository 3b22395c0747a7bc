// Runs the cases of models.py.
import { createHash } from 'node:crypto';
import torch, { type Tensor } from 'torch-node';
import * as models from 'torch-node/models';
import type { Recorded } from '../support.js';
import { tensor } from './runner.js';
import type { Collector, TableCase } from './verdict.js';

type TensorSpec = Parameters<typeof tensor>[0];

interface ModelCase extends TableCase {
  model: string;
  options: Record<string, unknown>;
  input: TensorSpec | null;
  seed: number;
  train: boolean;
  grad: boolean;
  parameters: Record<string, TensorSpec>;
  keys: string;
  initial: Recorded;
  initialNorms: Recorded;
  output?: Recorded;
  inputGradient?: Recorded | null;
  gradients?: Recorded;
  gradientNorms?: Recorded;
  buffers?: Recorded | null;
}

function camel(name: string): string {
  return name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
}

function build(one: ModelCase): torch.nn.Module {
  const options = Object.fromEntries(
    Object.entries(one.options).map(([name, value]) => [camel(name), value]),
  );
  const made = (models as unknown as Record<string, unknown>)[camel(one.model)];
  return /^[A-Z]/.test(one.model)
    ? new (made as new (options: object) => torch.nn.Module)(options)
    : (made as (options: object) => torch.nn.Module)(options);
}

function joined(tensors: readonly Tensor[]): Tensor {
  return torch.cat(tensors.map((one) => one.detach().to('float32').reshape(-1)));
}
function norms(tensors: readonly Tensor[]): Tensor {
  return torch.stack(tensors.map((one) => torch.linalg.vectorNorm(one.detach().to('float32'))));
}

export function run(one: ModelCase, found: Collector): void {
  torch.manualSeed(one.seed);
  const net = build(one);
  const state = net.stateDict();
  const keys = Object.entries(state).map(([name, { shape }]) => `${name} [${shape.join(', ')}]`);
  found.value('keys', createHash('sha256').update(keys.join('\n')).digest('hex'), one.keys);
  found.tensor('initial', joined(net.parameters()), one.initial);
  found.tensor('initial norms', norms(net.parameters()), one.initialNorms);
  if (one.input === null) return;

  torch.noGrad(() => {
    for (const [name, spec] of Object.entries(one.parameters)) state[name]!.copy_(tensor(spec));
  });
  net.train(one.train);
  const input = tensor(one.input);
  if (input.dtype !== 'int64') input.requiresGrad = true;
  torch.manualSeed(one.seed + 1);
  const output = one.grad ? net.forward(input) : torch.noGrad(() => net.forward(input));
  found.tensor('output', output, one.output);
  if (one.grad) {
    output.backward(tensor({ shape: [...output.shape], seed: 99 }));
    const gradients = net.parameters().map(({ grad }) => grad!);
    found.tensor('gradient of the input', input.grad, one.inputGradient);
    found.tensor('gradients', joined(gradients), one.gradients);
    found.tensor('norms of gradients', norms(gradients), one.gradientNorms);
  }
  const buffers = net.buffers();
  found.tensor('buffers', buffers.length === 0 ? null : joined(buffers), one.buffers);
}
