// SGD in each of its options: eight steps of a small net, against what Python PyTorch gave (record.py).
import torch, { nn, optim, type DType, type Tensor } from 'torch-node';
import {
  camelCase,
  Comparison,
  expectBits,
  load,
  numbers,
  useOneThread,
  type Options,
  type Recorded,
} from './support.js';

interface Case {
  name: string;
  options: Options;
  groups: (Options & { params: number[] })[] | null;
  /** This parameter has a gradient only from the fourth step on. */
  late: number | null;
  /** The first group's learning rate at each step. */
  rates: number[] | null;
  /** Gradients are filled with zeros between steps instead of forgotten. */
  zero: boolean;
  /** This parameter gets no gradient from the fourth step on: zeros go on moving it with momentum, none do not. */
  frozen: number | null;
  dtype: DType;
  losses: Recorded;
  parameters: Recorded[];
  /** In the order of the groups. */
  momentumBuffers: (Recorded | null)[];
}

const recorded = load<{ cases: Case[] }>('sgd');
const bits = expectBits(recorded, 'sgd');
useOneThread();

const STEPS = 8;

describe('SGD equals PyTorch', () => {
  it('in enough cases', () => expect(recorded.cases.length).toBeGreaterThan(45));

  it.each(recorded.cases.map((one): [string, Case] => [one.name, one]))('%s', (_, one) =>
    torch.scope(() => {
      const { dtype } = one;
      torch.manualSeed(0);
      const net = new nn.Sequential(
        new nn.Linear(5, 4, { dtype }),
        new nn.Tanh(),
        new nn.Linear(4, 3, { dtype }),
      );
      const parameters = net.parameters();
      const groups = one.groups?.map(({ params, ...own }) => ({
        params: params.map((i) => parameters[i]!),
        ...camelCase(own),
      }));
      const sgd = new optim.SGD(groups ?? parameters, camelCase(one.options));
      const criterion = new nn.CrossEntropyLoss();
      const images = numbers({ shape: [6, 5], seed: 11, dtype, scale: 2 });
      const labels = numbers({ shape: [6], seed: 12, kind: 'classes', classes: 3 });

      const losses: Tensor[] = [];
      for (let step = 0; step < STEPS; step++) {
        if (one.rates) sgd.paramGroups[0]!.lr = one.rates[step]!;
        if (one.frozen !== null && step === 3) parameters[one.frozen]!.requiresGrad = false;
        sgd.zeroGrad({ setToNone: !one.zero });
        const loss = criterion.forward(net.forward(images), labels);
        loss.backward();
        if (one.late !== null && step < 3) parameters[one.late]!.grad = null;
        sgd.step();
        losses.push(loss.detach());
      }

      const compare = new Comparison(bits);
      compare.tensor('losses', torch.stack(losses), one.losses);
      parameters.forEach((parameter, i) => compare.tensor(`parameter ${i}`, parameter, one.parameters[i]!));
      const { state } = sgd.stateDict();
      one.momentumBuffers.forEach((buffer, i) =>
        compare.tensor(`momentum buffer ${i}`, state[i]?.momentum_buffer ?? null, buffer),
      );
      compare.check();
    }),
  );
});
