// An optimizer's state and its programs: what is loaded before and after the step is compiled, and what eager steps leave.
import torch, { nn, optim, type Tensor } from 'torch-node';
import { bits, bitsOf, stateOf, twins } from './support.js';

torch.setNumThreads(1);

type Make = (params: nn.Parameter[], options?: object) => optim.Optimizer;
const makers: [string, Make][] = [
  ['SGD', (params, options) => new optim.SGD(params, { lr: 0.1, momentum: 0.9, dampening: 0.2, ...options })],
  ['fused SGD', (params) => new optim.SGD(params, { lr: 0.1, momentum: 0.9, dampening: 0.2, fused: true })],
  ['Adam', (params, options) => new optim.Adam(params, { lr: 0.1, ...options })],
  ['fused Adam', (params) => new optim.Adam(params, { lr: 0.1, fused: true })],
  ['NAdam', (params, options) => new optim.NAdam(params, { lr: 0.1, ...options })],
  ['RAdam', (params, options) => new optim.RAdam(params, { lr: 0.1, ...options })],
  ['Rprop', (params, options) => new optim.Rprop(params, { lr: 0.1, ...options })],
  ['ASGD', (params, options) => new optim.ASGD(params, { lr: 0.1, t0: 2, ...options })],
  ['Adagrad', (params, options) => new optim.Adagrad(params, { lr: 0.1, ...options })],
];

interface Training {
  net: nn.Module;
  descent: optim.Optimizer;
  step: (x: Tensor, y: Tensor) => Tensor;
}

function training(net: nn.Module, make: Make): Training {
  const descent = make(net.parameters());
  const step = (x: Tensor, y: Tensor): Tensor => {
    descent.zeroGrad();
    const loss = net.forward(x).sub(y).pow(2).mean();
    loss.backward();
    descent.step();
    return loss;
  };
  return { net, descent, step };
}

const pair = (make: Make): [Training, Training] => {
  const [one, two] = twins(() => new nn.Linear(4, 2));
  return [training(one, make), training(two, make)];
};
const batch = (): [Tensor, Tensor] => [torch.randn([6, 4]), torch.randn([6, 2])];
const expectSame = (a: Training, b: Training): void =>
  expect(stateOf(b.net, b.descent)).toEqual(stateOf(a.net, a.descent));

describe.each(makers)('%s', (_, make) => {
  it('goes on from a state that was loaded before its step was compiled', () => {
    const [eager, other] = pair(make);
    const data = batch();
    for (let i = 0; i < 3; i++) eager.step(...data);
    other.net.loadStateDict(eager.net.stateDict());
    other.descent.loadStateDict(eager.descent.stateDict());
    const program = torch.compileStep(other.step, data, { exact: true });
    for (let i = 0; i < 4; i++) {
      eager.step(...data);
      program.run(...data);
      expect(bitsOf(other.descent.stateDict())).toEqual(bitsOf(eager.descent.stateDict()));
    }
    program.dispose();
  });

  it('goes on from a state that is loaded between its steps', () => {
    const [eager, recorded] = pair(make);
    const data = batch();
    const program = torch.compileStep(recorded.step, data, { exact: true });
    const fresh = bitsOf(recorded.descent.stateDict());
    const saved = { net: clone(eager.net.stateDict()), descent: clone(eager.descent.stateDict()) };
    const rewind = ({ net, descent }: Training): void => {
      net.loadStateDict(saved.net as never);
      descent.loadStateDict(saved.descent as never);
    };
    for (let i = 0; i < 2; i++) {
      eager.step(...data);
      program.run(...data);
    }
    const middle = { net: clone(eager.net.stateDict()), descent: clone(eager.descent.stateDict()) };
    for (let i = 0; i < 2; i++) {
      eager.step(...data);
      program.run(...data);
    }
    Object.assign(saved, middle);
    for (const one of [eager, recorded]) rewind(one);
    for (let i = 0; i < 2; i++) {
      eager.step(...data);
      program.run(...data);
      expectSame(eager, recorded);
    }
    // A state without entries: as if no step had been made.
    const empty = training(recorded.net, make).descent.stateDict();
    expect(bitsOf(empty)).toEqual(fresh);
    for (const one of [eager, recorded]) one.descent.loadStateDict(empty);
    expect(bitsOf(recorded.descent.stateDict())).toEqual(bitsOf(eager.descent.stateDict()));
    for (let i = 0; i < 2; i++) {
      eager.step(...data);
      program.run(...data);
      expectSame(eager, recorded);
    }
    program.dispose();
  });

  it('goes on from eager steps, and they from its', () => {
    const [eager, recorded] = pair(make);
    const data = batch();
    const program = torch.compileStep(recorded.step, data, { exact: true });
    // The rate that the first step finds, not the one that was there when the step was recorded.
    for (const { descent } of [eager, recorded]) descent.paramGroups[0]!.lr = 0.03;
    for (let i = 0; i < 6; i++) {
      eager.step(...data);
      if (i % 2 === 0) program.run(...data);
      else recorded.step(...data);
      expectSame(eager, recorded);
    }
    program.dispose();
  });

  it('begins with an eager step after its step was compiled', () => {
    const [eager, recorded] = pair(make);
    const data = batch();
    const program = torch.compileStep(recorded.step, data, { exact: true });
    for (const { descent } of [eager, recorded]) descent.paramGroups[0]!.lr = 0.03;
    for (let i = 0; i < 3; i++) {
      eager.step(...data);
      if (i > 0) program.run(...data);
      else recorded.step(...data);
      expectSame(eager, recorded);
    }
    program.dispose();
  });

  it('has two programs', () => {
    const [eager, recorded] = pair(make);
    const [a, b] = [batch(), batch()];
    const programs = [
      torch.compileStep(recorded.step, a, { exact: true }),
      torch.compileStep(recorded.step, b, { exact: true }),
    ];
    for (let i = 0; i < 4; i++) {
      const data = i % 2 === 0 ? a : b;
      eager.step(...data);
      programs[i % 2]!.run(...data);
      expectSame(eager, recorded);
    }
    for (const program of programs) program.dispose();
  });

  it('steps twice in a step', () => {
    const [eager, recorded] = pair(make);
    const data = batch();
    const program = torch.compileStep(
      (x: Tensor, y: Tensor) => {
        recorded.step(x, y);
        return recorded.step(x, y);
      },
      data,
      { exact: true },
    );
    for (let i = 0; i < 4; i++) {
      eager.step(...data);
      const loss = eager.step(...data);
      expect(bits(program.run(...data))).toBe(bits(loss));
      expectSame(eager, recorded);
    }
    program.dispose();
  });
});

it('notices a state with other tensors', () => {
  const [, { descent, step }] = pair((params) => new optim.Adam(params));
  const data = batch();
  const program = torch.compileStep(step, data, { exact: true });
  program.run(...data);
  const net = new nn.Linear(4, 2);
  const other = training(net, (params) => new optim.Adam(params, { amsgrad: true }));
  other.step(...data);
  descent.loadStateDict(other.descent.stateDict());
  expect(() => program.run(...data)).toThrow(
    /Adam: (the state of a parameter .*was replaced|amsgrad was changed).*compile the step again/,
  );
  program.dispose();
});

it('follows schedules between its steps', () => {
  const [eager, recorded] = pair((params) => new optim.Adam(params, { lr: 0.1 }));
  const data = batch();
  const program = torch.compileStep(recorded.step, data, { exact: true });
  const schedules = [eager, recorded].map(
    ({ descent }) => new optim.lrScheduler.OneCycleLR(descent, 0.2, { totalSteps: 10 }),
  );
  for (let i = 0; i < 9; i++) {
    eager.step(...data);
    program.run(...data);
    for (const schedule of schedules) schedule.step();
    expectSame(eager, recorded);
  }
  program.dispose();
});

it('is SparseAdam', () => {
  const [one, two] = twins(() => new nn.Embedding(10, 3, { sparse: true }));
  const make = (net: nn.Embedding): [optim.SparseAdam, (x: Tensor) => Tensor] => {
    const descent = new optim.SparseAdam(net.parameters(), { lr: 0.1 });
    return [
      descent,
      (x) => {
        descent.zeroGrad();
        const loss = net.forward(x).pow(2).sum();
        loss.backward();
        descent.step();
        return loss;
      },
    ];
  };
  const [[eager, eagerStep], [recorded, step]] = [make(one), make(two)];
  const indices = (): Tensor => torch.randint(0, 10, [6], { dtype: 'int64' });
  const program = torch.compileStep(step, [indices()], { exact: true });
  expect(stateOf(two, recorded)).toEqual(stateOf(one, eager));
  for (let i = 0; i < 8; i++) {
    for (const descent of [eager, recorded]) if (i === 4) descent.paramGroups[0]!.lr = 0.03;
    const x = indices();
    const loss = eagerStep(x);
    expect(bits(program.run(x))).toBe(bits(loss));
    expect(stateOf(two, recorded)).toEqual(stateOf(one, eager));
  }
  program.dispose();
});

function clone(value: unknown): unknown {
  if (torch.isTensor(value)) return value.detach().clone();
  if (Array.isArray(value)) return value.map(clone);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, clone(item)]));
}
