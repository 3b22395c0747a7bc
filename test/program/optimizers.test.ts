// Every optimizer in each of its forms as part of a recorded step: equal in bits to its eager steps.
import torch, { nn, optim, type Tensor } from 'torch-node';
import { withoutLeaksAfterwards } from '../support/leaks.js';
import { bits, bitsOf, stateOf, twins } from './support.js';

torch.setNumThreads(1);

type Options = Record<string, unknown>;
type Name =
  | 'SGD'
  | 'Adam'
  | 'AdamW'
  | 'Adamax'
  | 'NAdam'
  | 'RAdam'
  | 'RMSprop'
  | 'Adagrad'
  | 'Adadelta'
  | 'Rprop'
  | 'ASGD'
  | 'Adafactor';

const make = (name: Name, params: optim.Params<optim.OptimizerOptions>, options: Options): optim.Optimizer =>
  new (optim[name] as unknown as new (params: unknown, options: Options) => optim.Optimizer)(params, options);

const VARIANTS: Record<Name, Options[]> = {
  SGD: [
    {},
    { momentum: 0.9, weightDecay: 0.1 },
    { momentum: 0.9, dampening: 0.3, maximize: true },
    { momentum: 0.9, nesterov: true },
  ],
  Adam: [
    {},
    { weightDecay: 0.1, amsgrad: true },
    { weightDecay: 0.1, decoupledWeightDecay: true, maximize: true },
  ],
  AdamW: [{}, { amsgrad: true, maximize: true }],
  Adamax: [{}, { weightDecay: 0.1, maximize: true }],
  NAdam: [{}, { weightDecay: 0.1, maximize: true }, { weightDecay: 0.1, decoupledWeightDecay: true }],
  RAdam: [{}, { weightDecay: 0.1, maximize: true }, { weightDecay: 0.1, decoupledWeightDecay: true }],
  RMSprop: [{}, { momentum: 0.9, centered: true, weightDecay: 0.1 }, { momentum: 0.5, maximize: true }],
  Adagrad: [{}, { lrDecay: 0.1, weightDecay: 0.1, initialAccumulatorValue: 0.3, maximize: true }],
  Adadelta: [{}, { weightDecay: 0.1, rho: 0.8, maximize: true }],
  Rprop: [{}, { etas: [0.4, 1.3], stepSizes: [1e-5, 0.2], maximize: true }],
  ASGD: [{}, { t0: 3, lambd: 0.01, weightDecay: 0.1 }, { t0: 1, alpha: 0.5, maximize: true }],
  Adafactor: [{}, { weightDecay: 0.1, d: 1.5, eps: [1e-6, 1e-3], maximize: true }],
};
const FUSED: Name[] = ['SGD', 'Adam', 'AdamW', 'Adagrad'];

const cases = Object.entries(VARIANTS).flatMap(([name, variants]) =>
  variants.flatMap((variant) =>
    [{}, { foreach: true }, ...(FUSED.includes(name as Name) ? [{ fused: true }] : [])].map(
      (form): [Name, Options] => [name as Name, { lr: 0.05, ...variant, ...form }],
    ),
  ),
);

const network = (): nn.Sequential =>
  new nn.Sequential(new nn.Linear(5, 7), new nn.Tanh(), new nn.Linear(7, 3));

function batches(count: number): [Tensor, Tensor][] {
  torch.manualSeed(11);
  return Array.from({ length: count }, () => [
    torch.randn([4, 5]),
    torch.randint(0, 3, [4], { dtype: 'int64' }),
  ]);
}

const stepOf =
  (net: nn.Module, optimizer: optim.Optimizer) =>
  (x: Tensor, y: Tensor): { loss: Tensor } => {
    optimizer.zeroGrad();
    const loss = nn.functional.crossEntropy(net.forward(x), y);
    loss.backward();
    optimizer.step();
    return { loss };
  };

// What a schedule does, and a user who changes settings between steps.
function change(step: number, { paramGroups: [group] }: optim.Optimizer): void {
  const settings = group as unknown as { lr: number; betas?: [number, number]; momentum?: number };
  if (step === 3) settings.lr /= 2;
  if (step === 6) settings.lr = 0.02;
  if (step === 5 && settings.betas !== undefined) settings.betas = [0.8, 0.99];
  if (step === 5 && settings.momentum) settings.momentum = 0.7;
}

/** Steps by turns: eager ones with one network, a program's with the other. */
function expectSameSteps(
  prepare: (net: nn.Module) => optim.Optimizer,
  { steps = 9, changes = true, eagerFirst = 0, net = (): nn.Module => network() } = {},
): Promise<void> {
  return withoutLeaksAfterwards(() => {
    const [one, two] = twins(net);
    const [eager, recorded] = [prepare(one), prepare(two)];
    const data = batches(steps);
    const [eagerStep, step] = [stepOf(one, eager), stepOf(two, recorded)];
    const program = torch.compileStep(step, data[0]!, { exact: true });
    expect(stateOf(two, recorded)).toEqual(stateOf(one, eager));
    data.forEach(([x, y], i) => {
      if (changes) for (const optimizer of [eager, recorded]) change(i, optimizer);
      const { loss } = eagerStep(x, y);
      const made = i < eagerFirst ? step(x, y) : program.run(x, y);
      expect(bits(made.loss)).toBe(bits(loss));
      expect(stateOf(two, recorded)).toEqual(stateOf(one, eager));
    });
    program.dispose();
  });
}

describe('a recorded step makes the eager steps', () => {
  it.each(cases)('of %s %j', (name, options) =>
    expectSameSteps((net) => make(name, net.parameters(), options)),
  );

  it.each(Object.keys(VARIANTS) as Name[])('of %s, the first of which was made eagerly', (name) => {
    const [variant] = VARIANTS[name].slice(-1);
    return expectSameSteps((net) => make(name, net.parameters(), { lr: 0.05, ...variant }), {
      eagerFirst: 1,
    });
  });

  it.each(['Adam', 'NAdam', 'RAdam', 'RMSprop', 'Adagrad', 'ASGD', 'SGD'] as Name[])(
    'of %s with groups, one of them without gradients, and a learning rate in a tensor',
    (name) => {
      return expectSameSteps(
        (net) => {
          const [first, second] = [...net.parameters()];
          const rest = [...net.parameters()].slice(2);
          const lone = new nn.Parameter(torch.ones([2]));
          const lr = torch.tensor(0.03);
          return make(
            name,
            [
              { params: [first!, second!], lr },
              { params: rest, lr: 0.1, weightDecay: 0.2 },
              { params: [lone] },
            ] as never,
            {},
          );
        },
        { changes: false },
      );
    },
  );

  it.each([{}, { nesterov: false, weightDecay: 0, adjustLrFn: 'match_rms_adamw' }] as optim.MuonOptions[])(
    'of Muon %j',
    (options) =>
      expectSameSteps((net) => new optim.Muon(net.parameters(), { lr: 0.05, ...options }), {
        net: () => {
          const [first, second] = [
            new nn.Linear(5, 7, { bias: false }),
            new nn.Linear(7, 3, { bias: false }),
          ];
          return new nn.Sequential(first, new nn.Tanh(), second);
        },
      }),
  );

  it.each(['Adam', 'NAdam', 'RAdam', 'ASGD', 'Adafactor'] as Name[])('of %s in float64', (name) => {
    return expectSameSteps((net) => make(name, net.to('float64').parameters(), { lr: 0.05 }), {
      net: () => new Wide(),
    });
  });
});

// Takes float32 and gives float32, with parameters of float64 between.
class Wide extends nn.Module {
  readonly inner = network();
  override forward(x: Tensor): Tensor {
    return this.inner.forward(x.to('float64')).to('float32');
  }
}

const LOW = cases.filter(([name, { fused }]) => name !== 'SGD' || fused !== true);

it.each(LOW.flatMap((one) => (['bfloat16', 'float16'] as const).map((dtype) => [dtype, ...one] as const)))(
  '%s parameters learn the same with %s %j',
  (dtype, name, options) => {
    const learn = (record: boolean): unknown => {
      torch.manualSeed(0);
      const net = new nn.Linear(5, 7).to(dtype);
      const descent = make(name, net.parameters(), options);
      const step = (x: Tensor): void => {
        descent.zeroGrad();
        net.forward(x).pow(2).sum().backward();
        descent.step();
      };
      const x = torch.randn([4, 5]).to(dtype);
      const program = record ? torch.compileStep(step, [x], { exact: true }) : undefined;
      for (let i = 0; i < 8; i++) {
        if (program === undefined) step(x);
        else program.run(x);
      }
      return stateOf(net, descent);
    };
    expect(learn(true)).toEqual(learn(false));
  },
);

it.each(['Adam', 'Rprop', 'RMSprop', 'Adagrad', 'NAdam'] as Name[])(
  'complex parameters learn the same with %s',
  (name) => {
    const learn = (record: boolean): unknown => {
      torch.manualSeed(0);
      const z = new nn.Parameter(torch.randn([3], { dtype: 'complex64' }));
      const descent = make(name, [z], { lr: 0.1 });
      const step = (x: Tensor): void => {
        descent.zeroGrad();
        z.mul(x).abs().sum().backward();
        z.sub(x).abs().sum().backward();
        descent.step();
      };
      const x = torch.randn([3], { dtype: 'complex64' });
      const program = record ? torch.compileStep(step, [x], { exact: true }) : undefined;
      for (let i = 0; i < 8; i++) {
        if (program === undefined) step(x);
        else program.run(x);
      }
      return bitsOf([z, descent.stateDict()]);
    };
    expect(learn(true)).toEqual(learn(false));
  },
);

it('fills gradients with zeros where the step does', () => {
  const [one, two] = twins(() => new nn.Linear(5, 2));
  const training = (net: nn.Linear): [optim.AdamW, (x: Tensor) => void] => {
    const descent = new optim.AdamW(net.parameters(), { lr: 0.1 });
    return [
      descent,
      (x) => {
        descent.zeroGrad({ setToNone: false });
        net.forward(x).pow(2).sum().backward();
        descent.step();
      },
    ];
  };
  const [[eager, eagerStep], [recorded, step]] = [training(one), training(two)];
  const x = torch.randn([4, 5]);
  eagerStep(x);
  step(x);
  const program = torch.compileStep(step, [x], { exact: true });
  for (let i = 0; i < 4; i++) {
    eagerStep(x);
    program.run(x);
    expect(stateOf(two, recorded)).toEqual(stateOf(one, eager));
  }
  program.dispose();
});
