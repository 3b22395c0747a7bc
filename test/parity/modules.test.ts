// Modules: initial parameters, forward and gradients, against what Python PyTorch gave (record.py).
import torch from 'torch-node';
import {
  build,
  Comparison,
  expectBits,
  load,
  numbers,
  sequential,
  sha256,
  useOneThread,
  type Numbers,
  type Options,
  type Part,
  type Recorded,
} from './support.js';

interface Case {
  name: string;
  seed: number;
  module?: string;
  args?: unknown[];
  options?: Options;
  parts?: Part[];
  inputs: Numbers[];
  parameters: Record<string, Recorded>;
  rngState?: string;
  output?: Recorded;
  inputGradients?: (Recorded | null)[];
  parameterGradients?: Record<string, Recorded>;
}

const recorded = load<{ cases: Case[] }>('modules');
const bits = expectBits(recorded, 'modules');
useOneThread();

describe('modules equal PyTorch', () => {
  it('in enough cases', () => expect(recorded.cases.length).toBeGreaterThan(100));

  it.each(recorded.cases.map((one): [string, Case] => [one.name, one]))('%s', (_, one) =>
    torch.scope(() => {
      const compare = new Comparison(bits);
      torch.manualSeed(one.seed);
      const net = one.parts ? sequential(one.parts) : build([one.module!, one.args!, one.options!]);
      const parameters = net.namedParameters();
      compare.value('parameters', `${parameters.map(([name]) => name)}`, `${Object.keys(one.parameters)}`);
      for (const [name, parameter] of parameters)
        compare.tensor(name, parameter, one.parameters[name] ?? null);
      if (one.rngState !== undefined)
        compare.value('rngState', sha256(torch.getRngState().dataSync()), one.rngState);

      if (one.output !== undefined) {
        const inputs = one.inputs.map(numbers);
        for (const input of inputs) input.requiresGrad = input.dtype !== 'int64';
        const inplace = one.options?.['inplace'] === true;
        const given = inplace ? inputs.map((input) => input.clone()) : inputs;
        const output = net.forward(...given);
        compare.tensor('output', output, one.output);
        if (inplace) compare.tensor('input after an in-place forward', given[0]!, one.output);
        output.backward(numbers({ shape: [...output.shape], seed: 99, dtype: output.dtype }));
        inputs.forEach((input, i) =>
          compare.tensor(`gradient of input ${i}`, input.grad, one.inputGradients![i]!),
        );
        for (const [name, parameter] of parameters)
          compare.tensor(`gradient of ${name}`, parameter.grad, one.parameterGradients![name] ?? null);
      }
      compare.check();
    }),
  );
});
