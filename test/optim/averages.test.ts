// Averaged models.
import torch, { nn, optim } from 'torch-node';
import { withoutLeaks } from '../support/leaks.js';

const { AveragedModel, getEmaAvgFn, getEmaMultiAvgFn, getSwaAvgFn, getSwaMultiAvgFn, updateBn } =
  optim.swaUtils;

class Model extends nn.Module {
  weight = new nn.Parameter(torch.zeros([2]));
  constructor() {
    super();
    this.registerBuffer('seen', torch.zeros([1]));
  }
  forward(x: torch.Tensor): torch.Tensor {
    return x.mul(this.weight);
  }
  become(value: number): void {
    torch.noGrad(() => this.weight.fill_(value));
    this.namedBuffers()[0]![1].fill_(value);
  }
}

const values = (model: optim.swaUtils.AveragedModel): number[] => [
  (model.parameters()[0]!.dataSync() as Float32Array)[0]!,
  model
    .namedBuffers()
    .find(([name]) => name === 'module.seen')![1]
    .item(),
  model.nAveraged,
];

describe('AveragedModel', () => {
  it.each([
    ['the mean by default', {}, [2, 4, 3]],
    ['the mean', { avgFn: getSwaAvgFn() }, [2, 4, 3]],
    ['the mean of lists', { multiAvgFn: getSwaMultiAvgFn() }, [2, 4, 3]],
    ['an exponential average', { avgFn: getEmaAvgFn(0.5) }, [2.75, 4, 3]],
    ['an exponential average of lists', { multiAvgFn: getEmaMultiAvgFn(0.5) }, [2.75, 4, 3]],
    ['buffers too', { useBuffers: true }, [2, 2, 3]],
  ] as [string, optim.swaUtils.AveragedModelOptions, number[]][])('takes %s', (_, options, expected) => {
    const model = new Model();
    const averaged = new AveragedModel(model, options);
    // 1, 1, 4: mean 2; half of the way each time: 1, 1, 2.5 (from 1 to 4)
    const path = options.avgFn || options.multiAvgFn ? [1, 2, 4] : [1, 1, 4];
    for (const value of path) {
      model.become(value);
      averaged.updateParameters(model);
    }
    const got = values(averaged);
    if (expected[0] === 2 && path[1] === 2) expect(got[0]).toBeCloseTo(7 / 3, 6);
    else expect(got[0]).toBeCloseTo(expected[0]!, 6);
    expect(got.slice(1)).toEqual(expected.slice(1));
    expect(averaged.forward(torch.tensor([1, 1])).dataSync()[0]).toBe(got[0]);
    expect(model.weight.dataSync()[0]).toBe(4);
  });

  it("has PyTorch's state dict, and goes on from it", () => {
    const model = new Model();
    const [one, two] = [new AveragedModel(model), new AveragedModel(model)];
    model.become(1);
    one.updateParameters(model);
    expect(Object.keys(one.stateDict()).sort()).toEqual(['module.seen', 'module.weight', 'n_averaged']);
    two.loadStateDict(one.stateDict());
    model.become(3);
    one.updateParameters(model);
    two.updateParameters(model);
    expect(values(two)).toEqual(values(one));
    expect(values(two)).toEqual([2, 3, 2]);
  });

  it('leaves nothing behind', () =>
    withoutLeaks(() => {
      const model = new Model();
      const averaged = new AveragedModel(model);
      for (let i = 0; i < 5; i++) averaged.updateParameters(model);
    }));

  it('computes the statistics of batch norms anew, and of no other layers', () => {
    const norm = new nn.BatchNorm1d(1, { momentum: 0.3 });
    const other = new nn.InstanceNorm1d(1, { trackRunningStats: true });
    const net = new nn.Sequential(norm, other).eval();
    other.runningMean!.fill_(100);
    updateBn([torch.tensor([[[1, 3]]]), [torch.tensor([[[4, 8]]]), 'a label']], net);
    expect([norm.runningMean!.item(), norm.runningVar!.item()]).toEqual([4, 5]);
    expect([norm.momentum, norm.training]).toEqual([0.3, false]);
    // Trained on, not begun anew.
    expect(other.runningMean!.item()).toBeCloseTo(81);
    updateBn([torch.tensor([1])], new Model());
  });

  it('refuses what does not fit', () => {
    const bad: [() => unknown, RegExp][] = [
      [() => new AveragedModel({} as never), /expected a module/],
      [
        () => new AveragedModel(new Model(), { avgFn: getSwaAvgFn(), multiAvgFn: getSwaMultiAvgFn() }),
        /cannot both be given/,
      ],
      [() => getEmaAvgFn(2), /decay: expected a number from 0 to 1, got 2/],
      [
        () => new AveragedModel(new Model()).updateParameters(new nn.Linear(1, 1)),
        /expected a model of 1 parameters, got one of 2/,
      ],
    ];
    for (const [run, message] of bad) expect(run).toThrow(message);
  });
});
