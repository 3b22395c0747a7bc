// Schedules: states, combinations, errors. That their numbers are PyTorch's is seen in test/parity/table.
import torch, { nn, optim } from 'torch-node';
import { withoutLeaks } from '../support/leaks.js';

const { lrScheduler } = optim;
type Scheduler = optim.lrScheduler.LRScheduler;

const sgd = (lr: number | torch.Tensor = 1): optim.SGD =>
  new optim.SGD([new nn.Parameter(torch.zeros([1]))], { lr, momentum: 0.9 });

const MAKERS: [name: string, make: (optimizer: optim.SGD) => Scheduler][] = [
  ['LambdaLR', (o) => new lrScheduler.LambdaLR(o, (epoch) => 1 / (epoch + 1))],
  ['MultiplicativeLR', (o) => new lrScheduler.MultiplicativeLR(o, () => 0.9)],
  ['StepLR', (o) => new lrScheduler.StepLR(o, 3)],
  ['MultiStepLR', (o) => new lrScheduler.MultiStepLR(o, [2, 6])],
  ['ConstantLR', (o) => new lrScheduler.ConstantLR(o)],
  ['LinearLR', (o) => new lrScheduler.LinearLR(o)],
  ['ExponentialLR', (o) => new lrScheduler.ExponentialLR(o, 0.9)],
  ['PolynomialLR', (o) => new lrScheduler.PolynomialLR(o, { totalIters: 9 })],
  ['CosineAnnealingLR', (o) => new lrScheduler.CosineAnnealingLR(o, 7)],
  ['CosineAnnealingWarmRestarts', (o) => new lrScheduler.CosineAnnealingWarmRestarts(o, 2, { tMult: 2 })],
  ['OneCycleLR', (o) => new lrScheduler.OneCycleLR(o, 0.5, { totalSteps: 12 })],
  ['CyclicLR', (o) => new lrScheduler.CyclicLR(o, 0.1, 0.5, { stepSizeUp: 3 })],
  [
    'SequentialLR',
    (o) =>
      new lrScheduler.SequentialLR(
        o,
        [new lrScheduler.LinearLR(o, { totalIters: 3 }), new lrScheduler.ExponentialLR(o, 0.9)],
        [4],
      ),
  ],
  [
    'ChainedScheduler',
    (o) =>
      new lrScheduler.ChainedScheduler([
        new lrScheduler.ConstantLR(o),
        new lrScheduler.ExponentialLR(o, 0.9),
      ]),
  ],
  ['SWALR', (o) => new optim.swaUtils.SWALR(o, 0.05)],
];

const go = (optimizer: optim.SGD, scheduler: Scheduler, epochs: number): number[] =>
  Array.from({ length: epochs }, () => {
    optimizer.step();
    scheduler.step();
    return optimizer.paramGroups[0]!.lr as number;
  });

describe('schedules', () => {
  it.each(MAKERS)('%s goes on from a saved state', (_, make) => {
    const one = sgd();
    const first = make(one);
    go(one, first, 5);
    const two = sgd();
    const second = make(two);
    // As one would after a restart: through JSON.
    second.loadStateDict(
      JSON.parse(JSON.stringify(first.stateDict())) as object as optim.lrScheduler.SchedulerState,
    );
    two.loadStateDict(one.stateDict());
    expect(second.getLastLr()).toEqual(first.getLastLr());
    expect(go(two, second, 6)).toEqual(go(one, first, 6));
  });

  it('ReduceLROnPlateau goes on from a saved state, and takes tensors', () => {
    const [one, two] = [sgd(), sgd()];
    const [first, second] = [one, two].map(
      (o) => new lrScheduler.ReduceLROnPlateau(o, { patience: 1, cooldown: 1 }),
    ) as [optim.lrScheduler.ReduceLROnPlateau, optim.lrScheduler.ReduceLROnPlateau];
    for (const metric of [3, 2, 2]) first.step(metric);
    second.loadStateDict(first.stateDict());
    first.step(2);
    second.step(torch.tensor(2));
    expect([one.paramGroups[0]!.lr, two.paramGroups[0]!.lr]).toEqual([0.1, 0.1]);
    expect([first.inCooldown, second.inCooldown]).toEqual([true, true]);
    expect(() => first.step()).toThrow(/expected the epoch's metric/);
  });

  it('write into a tensor that is the learning rate', () => {
    const lr = torch.tensor(1);
    const optimizer = sgd(lr);
    const scheduler = new lrScheduler.ExponentialLR(optimizer, 0.5);
    optimizer.step();
    scheduler.step();
    expect(optimizer.paramGroups[0]!.lr).toBe(lr);
    expect(lr.item()).toBe(0.5);
    expect((scheduler.getLastLr()[0] as torch.Tensor).item()).toBe(0.5);
  });

  it('go on after an epoch where the groups know their first rate', () => {
    const optimizer = sgd();
    expect(() => new lrScheduler.StepLR(optimizer, 2, { lastEpoch: 3 })).toThrow(/group 0 has no initialLr/);
    optimizer.paramGroups[0]!.initialLr = 2;
    const scheduler = new lrScheduler.LambdaLR(optimizer, (epoch) => epoch, { lastEpoch: 3 });
    expect(scheduler.getLastLr()).toEqual([8]);
  });

  it('leave nothing behind', () =>
    withoutLeaks(() => {
      for (const [, make] of MAKERS) {
        const optimizer = sgd();
        go(optimizer, make(optimizer), 5);
      }
      const optimizer = sgd(torch.tensor(1));
      const scheduler = new lrScheduler.CosineAnnealingLR(optimizer, 4);
      for (let i = 0; i < 5; i++) {
        optimizer.step();
        scheduler.step();
      }
    }));

  it('warn when they are stepped before the optimizer', () => {
    const warned = jest.spyOn(process, 'emitWarning').mockImplementation();
    const scheduler = new lrScheduler.StepLR(sgd(), 2);
    expect(warned).not.toHaveBeenCalled();
    scheduler.step();
    expect(String(warned.mock.calls[0]?.[0])).toMatch(
      /StepLR.step\(\) was called before the optimizer's step/,
    );
    warned.mockRestore();
  });

  it('may be one of your own', () => {
    class Halving extends lrScheduler.LRScheduler {
      constructor(optimizer: optim.AnyOptimizer) {
        super(optimizer);
        this.start();
      }
      protected override getLr(): number[] {
        return this.baseLrs.map((lr) => (lr as number) / 2 ** this.lastEpoch);
      }
    }
    const optimizer = sgd();
    expect(go(optimizer, new Halving(optimizer), 3)).toEqual([0.5, 0.25, 0.125]);
  });

  it('refuse what does not fit', () => {
    const o = sgd();
    const bad: [() => unknown, RegExp][] = [
      [() => new lrScheduler.StepLR({} as never, 1), /^StepLR: expected an optimizer, got an object/],
      [() => new lrScheduler.StepLR(o, 0), /stepSize: expected a whole number of 1 or more, got 0/],
      [
        () => new lrScheduler.StepLR(o, 1, { lastEpoch: -2 }),
        /lastEpoch: expected a whole number of -1 or more, got -2/,
      ],
      [() => new lrScheduler.LambdaLR(o, [() => 1, () => 2]), /one for each of the 1 groups/],
      [() => new lrScheduler.LambdaLR(o, 7 as never), /lrLambda: expected a function/],
      [() => new lrScheduler.ConstantLR(o, { factor: 2 }), /factor: expected/],
      [() => new lrScheduler.LinearLR(o, { startFactor: 0 }), /startFactor: expected a number above 0/],
      [() => new lrScheduler.CosineAnnealingLR(o, 0), /tMax: expected a number above 0/],
      [() => new lrScheduler.CosineAnnealingWarmRestarts(o, 1.5), /t0: expected a whole number/],
      [
        () => new lrScheduler.CosineAnnealingWarmRestarts(o, 2).step(-1),
        /epoch: expected a number of 0 or more, got -1/,
      ],
      [() => new lrScheduler.OneCycleLR(o, 1), /expected totalSteps, or epochs and stepsPerEpoch/],
      [
        () => new lrScheduler.OneCycleLR(o, [1, 2], { totalSteps: 3 }),
        /maxLr: expected a number, or one for each/,
      ],
      [() => new lrScheduler.OneCycleLR(o, 1, { totalSteps: 3, pctStart: 2 }), /pctStart: expected/],
      [
        () =>
          new lrScheduler.OneCycleLR(new optim.Rprop([new nn.Parameter(torch.zeros([1]))]), 1, {
            totalSteps: 3,
          }),
        /neither momentum nor betas/,
      ],
      [
        () => new lrScheduler.CyclicLR(o, 0.1, 1, { mode: 'round' as never }),
        /mode: expected 'triangular', 'triangular2' or 'exp_range', got 'round'/,
      ],
      [() => new lrScheduler.ReduceLROnPlateau(o, { factor: 1 }), /factor: expected a number below 1/],
      [() => new lrScheduler.ReduceLROnPlateau(o, { mode: 'up' as never }), /mode: expected 'min' or 'max'/],
      [() => new lrScheduler.SequentialLR(o, [], []), /expected an array of one schedule or more/],
      [() => new lrScheduler.SequentialLR(o, [new lrScheduler.StepLR(o, 1)], [1]), /expected 0 milestones/],
      [
        () => new lrScheduler.SequentialLR(o, [new lrScheduler.ReduceLROnPlateau(o)], []),
        /schedule 0 is a ReduceLROnPlateau/,
      ],
      [
        () => new lrScheduler.SequentialLR(o, [new lrScheduler.StepLR(sgd(), 1)], []),
        /schedule 0 belongs to another optimizer/,
      ],
      [() => new lrScheduler.ChainedScheduler([]), /expected an array of one schedule or more/],
    ];
    for (const [run, message] of bad) expect(run).toThrow(message);
    const states: [state: optim.lrScheduler.SchedulerState, message: RegExp][] = [
      [7 as never, /state: expected a state dict, got 7/],
      [{ gamma: '0.1' }, /gamma: expected a number, got '0.1'/],
      [{ gamma: null }, /gamma: expected a number, got null/],
      [{ last_epoch: 5, _last_lr: 5 }, /_last_lr: expected an array, got 5/],
      [{ milestones: 5 }, /milestones: expected how often each epoch is a milestone, got 5/],
      [{ milestones: { a: 1 } }, /milestones: expected a whole number of 0 or more, got 'a'/],
      [{ milestones: new Map([[2, 'x']]) }, /milestones\[2\]: expected a whole number of 0 or more, got 'x'/],
    ];
    const steps = new lrScheduler.MultiStepLR(o, [2, 2]);
    const before = JSON.stringify(steps.stateDict());
    for (const [state, message] of states) expect(() => steps.loadStateDict(state)).toThrow(message);
    expect(JSON.stringify(steps.stateDict())).toBe(before);
    const cycle = new lrScheduler.OneCycleLR(o, 1, { totalSteps: 3 });
    expect(() => go(o, cycle, 5)).toThrow(/was called 4 times; the cycle has 3 steps/);
  });
});
