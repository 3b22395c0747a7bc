// What all optimizers have in common: groups, hooks, closures, state dicts, errors, and that nothing is left behind.
import torch, { nn, optim, type Tensor } from 'torch-node';
import { liveTensors, withoutLeaksAfterwards } from '../support/leaks.js';

type Any = optim.Optimizer;
type Make = (params: optim.Params<{ lr?: number }>, options?: object) => Any;

const MAKERS: Record<string, Make> = Object.fromEntries(
  (
    [
      'SGD',
      'Adam',
      'AdamW',
      'Adamax',
      'NAdam',
      'RAdam',
      'RMSprop',
      'Adagrad',
      'Adadelta',
      'Rprop',
      'ASGD',
      'Adafactor',
    ] as const
  ).map((name) => [
    name,
    (params, options) =>
      new (optim[name] as unknown as new (params: unknown, options?: object) => Any)(params, options),
  ]),
);
const makers = Object.entries(MAKERS);

const parameter = (...values: number[]): nn.Parameter => new nn.Parameter(torch.tensor(values));
const learn = (params: readonly Tensor[], optimizer: Any, gradient = 0.5): void => {
  for (const p of params) p.grad = torch.fullLike(p, gradient);
  optimizer.step();
};

describe.each(makers)('%s', (name, make) => {
  it('goes down by default and up with maximize', () => {
    const [down, up] = [parameter(1, 2), parameter(1, 2)];
    const [one, two] = [make([down]), make([up], { maximize: true })];
    for (let i = 0; i < 3; i++) {
      learn([down], one);
      learn([up], two);
    }
    expect(down.dataSync()[0]).toBeLessThan(1);
    expect(up.dataSync()[0]).toBeGreaterThan(1);
  });

  it.each([{}, { foreach: true }])('goes on from a saved state: %j', (form) => {
    const a = parameter(1, -2, 3);
    const one = make([a], form);
    for (let i = 0; i < 3; i++) learn([a], one, i - 1);
    const b = new nn.Parameter(a.detach().clone());
    const two = make([b], { lr: 0.7 });
    two.loadStateDict(one.stateDict());
    expect(two.paramGroups[0]!.lr).toBe(one.paramGroups[0]!.lr);
    for (let i = 0; i < 5; i++) {
      learn([a], one, i - 2);
      learn([b], two, i - 2);
      expect([...b.dataSync()]).toEqual([...a.dataSync()]);
    }
  });

  it('leaves no tensors behind in 1,000 steps', () => {
    const a = parameter(1, 2);
    const b = parameter(3);
    const optimizer = make([a, b]);
    const step = (): void =>
      torch.scope(() => {
        learn([a, b], optimizer);
        optimizer.zeroGrad();
      });
    step();
    const before = liveTensors();
    for (let i = 0; i < 1000; i++) step();
    expect(torch.memory().tensors).toBeLessThanOrEqual(before);
  });

  it('lets its state go with it', () =>
    withoutLeaksAfterwards(() => {
      const a = parameter(1, 2);
      const optimizer = make([a]);
      learn([a], optimizer);
      make([a]).loadStateDict(optimizer.stateDict());
    }));

  it('refuses what does not fit', () => {
    const p = parameter(0);
    const whole = new RegExp(`^${name}`);
    const bad: [() => unknown, RegExp][] = [
      [() => make([]), /empty list/],
      [() => make(7 as never), /expected an array of parameters or of groups, got 7/],
      [() => make(p as never), /expected an array of parameters or of groups, got float32 \[1\]/],
      [() => make([7 as never]), /parameter 0: expected a Tensor, got 7/],
      [() => make([p.mul(2)]), /parameter 0 is not a leaf/],
      [() => make([p, p]), /parameter 1 is there twice/],
      [() => make([{ params: [p] }, { params: [p] }]), /parameter 0 is there twice/],
      [() => make([p], { lrr: 1 }), /there is no option 'lrr' \(did you mean lr\?\); the options are lr, /],
      [
        () => make([p], { differentiable: true }),
        /there is no option 'differentiable': gradients cannot flow through steps/,
      ],
      [() => make([p], { lr: -1 }), /lr: expected a number of 0 or more, got -1/],
      [() => make([p], { lr: NaN }), /lr: expected a number of 0 or more, got NaN/],
      [() => make([p], { lr: '1' as never }), /lr: expected a number of 0 or more, got '1'/],
      [() => make([p], { lr: torch.zeros([2]) }), /lr: expected a tensor of one element/],
      [() => make([p], null as never), /expected an object of options, got null/],
      [() => make([{ params: [p], lr: -1 }]), /lr: expected a number of 0 or more, got -1/],
      [() => make([['a', p], parameter(1)] as never), /some parameters have names and some have none/],
    ];
    for (const [run, message] of bad) {
      expect(run).toThrow(message);
      expect(run).toThrow(whole);
    }
  });

  it('refuses a state of other groups or shapes, and changes nothing then', () => {
    const a = parameter(1, 2);
    const optimizer = make([a]);
    const other = make([parameter(1, 2, 3)], { lr: 0.3 });
    learn(other.paramGroups[0]!.params, other);
    const { lr } = optimizer.paramGroups[0]!;
    // SGD without momentum has no state that could be of another shape.
    if (name !== 'SGD')
      expect(() => optimizer.loadStateDict(other.stateDict())).toThrow(/shape \[3\] does not fit/);
    expect(() => optimizer.loadStateDict(make([a, parameter(1)]).stateDict())).toThrow(
      /groups of 2 parameters, this optimizer of 1/,
    );
    for (const wrong of [null, {}, { state: {}, param_groups: [{}] }, { state: null, param_groups: [] }])
      expect(() => optimizer.loadStateDict(wrong as never)).toThrow(/expected a state dict/);
    if (name !== 'SGD')
      expect(() =>
        optimizer.loadStateDict({ ...other.stateDict(), state: { 0: { step: torch.tensor(1) } } }),
      ).toThrow(/the state of parameter 0 has no/);
    expect(optimizer.paramGroups[0]!.lr).toBe(lr);
  });
});

describe('Optimizer', () => {
  it('writes settings under the names of PyTorch, and reads these and its own', () => {
    const optimizer = new optim.Adam([parameter(1)], { weightDecay: 0.1, betas: [0.5, 0.6] });
    const saved = optimizer.stateDict();
    expect(saved.param_groups[0]).toMatchObject({
      weight_decay: 0.1,
      betas: [0.5, 0.6],
      amsgrad: false,
      params: [0],
    });
    const group = { ...saved.param_groups[0]!, weight_decay: 0.2 };
    optimizer.loadStateDict({ ...saved, param_groups: [group] });
    expect(optimizer.paramGroups[0]!.weightDecay).toBe(0.2);
    optimizer.loadStateDict({ state: {}, param_groups: [{ params: [0], weightDecay: 0.3 }] });
    expect(optimizer.paramGroups[0]!.weightDecay).toBe(0.3);
    expect(() =>
      optimizer.loadStateDict({ state: {}, param_groups: [{ params: [0], weight_decay: -1 }] }),
    ).toThrow(/weightDecay: expected a number of 0 or more/);
  });

  it('takes one group, several, or named parameters', () => {
    const net = new nn.Sequential(new nn.Linear(2, 2), new nn.Linear(2, 1));
    const named = new optim.Adam(net.namedParameters());
    expect(named.paramGroups[0]!.paramNames).toEqual(['0.weight', '0.bias', '1.weight', '1.bias']);
    expect(named.stateDict().param_groups[0]!['param_names']).toEqual(named.paramGroups[0]!.paramNames);
    const p = parameter(1);
    const one = new optim.Adam([{ params: p, lr: 0.5 }], { eps: 1e-3 });
    expect(one.paramGroups[0]).toMatchObject({ params: [p], lr: 0.5, eps: 1e-3 });
    one.addParamGroup({ params: [parameter(2)], betas: [0.1, 0.2] });
    expect(one.paramGroups[1]).toMatchObject({ lr: 0.001, eps: 1e-3, betas: [0.1, 0.2] });
    expect(() => one.addParamGroup({ params: [p] })).toThrow(/parameter 0 is there twice/);
    expect(() => one.addParamGroup([p] as never)).toThrow(/expected a group/);
  });

  it('calls hooks before and after each step, and a closure with gradients on', () => {
    const p = parameter(3);
    const optimizer = new optim.Adam([p]);
    const calls: string[] = [];
    const before = optimizer.registerStepPreHook((self) => calls.push(`before ${self === optimizer}`));
    optimizer.registerStepPostHook((self, closure) =>
      calls.push(`after ${typeof closure} ${self.stepsTaken}`),
    );
    const loss = torch.noGrad(() =>
      optimizer.step(() => {
        calls.push('closure');
        optimizer.zeroGrad();
        const value = p.mul(p).sum();
        value.backward();
        return value;
      }),
    );
    expect(loss.item()).toBe(9);
    before.remove();
    before.remove();
    optimizer.step();
    expect(calls).toEqual(['before true', 'closure', 'after function 1', 'after undefined 2']);
  });

  it('keeps gradients as they are asked for', () => {
    const [a, b] = [parameter(1), parameter(2)];
    const optimizer = new optim.RMSprop([a, b]);
    a.grad = torch.tensor([2]);
    optimizer.zeroGrad({ setToNone: false });
    expect([a.grad.item(), b.grad]).toEqual([0, null]);
    optimizer.zeroGrad();
    expect(a.grad).toBeNull();
  });

  it('skips parameters without gradients, and makes state when it is needed', () => {
    const [a, b] = [parameter(1), parameter(1)];
    const optimizer = new optim.Adam([a, b]);
    a.grad = torch.tensor([1]);
    optimizer.step();
    expect(Object.keys(optimizer.stateDict().state)).toEqual(['0']);
    expect(b.item()).toBe(1);
  });

  it('keeps its state through scopes', () => {
    const p = parameter(0);
    const optimizer = torch.scope(() => new optim.Adagrad([p]));
    for (let i = 0; i < 3; i++) torch.scope(() => learn([p], optimizer));
    expect(optimizer.state.get(p)!.step.item()).toBe(3);
  });

  it('gives a state whose tensors are its own, and takes copies', () => {
    const p = parameter(0);
    const optimizer = new optim.Adam([p]);
    learn([p], optimizer);
    const saved = optimizer.stateDict();
    saved.state[0]!.exp_avg.fill_(7);
    expect(optimizer.state.get(p)!.exp_avg.item()).toBe(7);
    optimizer.loadStateDict(saved);
    saved.state[0]!.exp_avg.fill_(8);
    expect(optimizer.state.get(p)!.exp_avg.item()).toBe(7);
    for (const tensor of Object.values(saved.state[0]!)) tensor.dispose();
    learn([p], optimizer);
  });

  it('keeps a learning rate that is a tensor through a state dict, a copy of its own', () => {
    const [one, two] = [0.5, 0.1].map((lr) => new optim.Adam([parameter(1)], { lr: torch.tensor(lr) })) as [
      optim.Adam,
      optim.Adam,
    ];
    torch.scope(() => two.loadStateDict(one.stateDict()));
    (one.paramGroups[0]!.lr as Tensor).fill_(7);
    expect((two.paramGroups[0]!.lr as Tensor).item()).toBe(0.5);
  });

  it('refuses what is no tensor for one', () => {
    const p = parameter(0);
    const optimizer = new optim.Adam([p]);
    learn([p], optimizer);
    const saved = optimizer.stateDict();
    const state = { 0: { ...saved.state[0]!, exp_avg: 1 } };
    expect(() => optimizer.loadStateDict({ ...saved, state })).toThrow(
      /exp_avg of parameter 0: expected a Tensor, got 1/,
    );
  });

  it('has step counts of older states become tensors', () => {
    const p = parameter(0);
    const optimizer = new optim.Adam([p]);
    learn([p], optimizer);
    const saved = optimizer.stateDict();
    const state = { 0: { ...saved.state[0]!, step: 5 } };
    optimizer.loadStateDict({ ...saved, state });
    learn([p], optimizer);
    expect(optimizer.state.get(p)!.step.item()).toBe(6);
  });

  it('refuses settings out of range, each by its name', () => {
    const p = parameter(0);
    const bad: [() => unknown, RegExp][] = [
      [
        () => new optim.Adam([p], { betas: [1, 0.9] }),
        /^Adam: betas\[0\]: expected a number of 0 or more and below 1, got 1/,
      ],
      [() => new optim.Adam([p], { betas: [0.9] as never }), /betas: expected an array of two numbers/],
      [
        () => new optim.Adam([p], { weight_decay: 1 } as object),
        /there is no option 'weight_decay' \(did you mean weightDecay\?\)/,
      ],
      [() => new optim.AdamW([p], { eps: -1 }), /^AdamW: eps: expected/],
      [() => new optim.Adam([p], { fused: true, foreach: true }), /fused and foreach cannot both/],
      [
        () => new optim.Adam([p], { lr: torch.tensor(0.1), foreach: true }),
        /a tensor does not go with foreach/,
      ],
      [() => new optim.NAdam([p], { momentumDecay: -1 }), /momentumDecay: expected/],
      [() => new optim.RMSprop([p], { alpha: -1 }), /alpha: expected/],
      [() => new optim.Adagrad([p], { lrDecay: -1 }), /lrDecay: expected/],
      [() => new optim.Adagrad([p], { fused: true, foreach: true }), /fused and foreach cannot both/],
      [() => new optim.Adadelta([p], { rho: 2 }), /rho: expected a number from 0 to 1, got 2/],
      [() => new optim.Rprop([p], { etas: [1.5, 2] }), /etas\[0\]: expected a number above 0 and below 1/],
      [() => new optim.Adafactor([p], { d: 0.5 }), /d: expected a number of 1 or more/],
      [() => new optim.SparseAdam([p], { eps: 0 }), /eps: expected a number above 0/],
      [() => new optim.Muon([p]), /Muon: only supports 2D parameters, whereas parameter 0 has the shape/],
      [() => new optim.Muon([p], { nsSteps: 100 }), /nsSteps: expected a whole number from 0 to 99, got 100/],
      [
        () => new optim.Muon([p], { nsCoefficients: [1, 2] as never }),
        /nsCoefficients: expected an array of three/,
      ],
      [() => new optim.Muon([p], { adjustLrFn: 'mine' as never }), /adjustLrFn: expected 'original' or/],
      [() => new optim.LBFGS([{ params: [p] }, { params: [parameter(1)] }]), /takes one group/],
      [() => new optim.LBFGS([p], { maxIter: 0.5 }), /maxIter: expected a whole number/],
      [
        () => new optim.LBFGS([p], { lineSearchFn: 'wolfe' as never }),
        /lineSearchFn: expected 'strong_wolfe'/,
      ],
      [() => new optim.LBFGS([p]).step(), /needs a closure/],
      [() => new optim.LBFGS([p]).step(() => 'x'), /the closure has to return the loss/],
    ];
    for (const [run, message] of bad) expect(run).toThrow(message);
  });

  it('refuses to be captured on the CPU, as PyTorch does', () => {
    const p = parameter(0);
    const optimizer = new optim.Adam([p], { capturable: true });
    expect(() => learn([p], optimizer)).toThrow(/capturable: the parameters are on the CPU/);
    expect(p.item()).toBe(0);
  });

  it('prints its groups', () => {
    const text = String(new optim.SGD([parameter(1)], { lr: 0.5 }));
    expect(text).toMatch(/^SGD \(\nParameter Group 0\n {4}dampening: 0\n.*\)$/s);
    expect(text).toContain('    lr: 0.5\n');
    expect(text).toContain('    foreach: None\n');
  });

  it('is told from other objects', () => {
    expect(optim.isOptimizer(new optim.SGD([parameter(1)]))).toBe(true);
    expect([optim.isOptimizer({}), optim.isOptimizer(null)]).toEqual([false, false]);
  });
});

describe('LBFGS', () => {
  // Rosenbrock's valley, whose lowest point is at (1, 1).
  const valley = (p: Tensor): Tensor => {
    const [x, y] = [p.select(0, 0), p.select(0, 1)];
    return torch
      .square(y.sub(x.mul(x)))
      .mul(100)
      .add(torch.square(x.neg().add(1)));
  };

  it.each([null, 'strong_wolfe'] as const)('finds a minimum (line search: %s)', (lineSearchFn) => {
    const p = parameter(-0.5, 1.5);
    const optimizer = new optim.LBFGS([p], { lr: lineSearchFn ? 1 : 0.1, maxIter: 100, lineSearchFn });
    const run = (): Tensor => {
      optimizer.zeroGrad();
      const loss = valley(p);
      loss.backward();
      return loss;
    };
    for (let i = 0; i < 20; i++) torch.scope(() => optimizer.step(run));
    expect([...p.dataSync()].map((value) => Math.round(Number(value) * 100) / 100)).toEqual([1, 1]);
  });

  it('leaves nothing behind but its history, and goes on from a saved one', () => {
    const make = (): [nn.Parameter, optim.LBFGS] => {
      const p = parameter(-0.5, 1.5);
      return [p, new optim.LBFGS([p], { maxIter: 3, historySize: 4, lineSearchFn: 'strong_wolfe' })];
    };
    const step = (p: Tensor, optimizer: optim.LBFGS): number =>
      torch.scope(() =>
        optimizer
          .step(() => {
            optimizer.zeroGrad();
            const loss = valley(p);
            loss.backward();
            return loss;
          })
          .item(),
      );
    const [p, optimizer] = make();
    for (let i = 0; i < 4; i++) step(p, optimizer);
    const before = liveTensors();
    for (let i = 0; i < 20; i++) step(p, optimizer);
    expect(liveTensors()).toBeLessThanOrEqual(before);

    const [q, other] = make();
    const [r, third] = make();
    for (let i = 0; i < 3; i++) step(q, other);
    torch.noGrad(() => r.copy_(q));
    third.loadStateDict(other.stateDict());
    for (let i = 0; i < 4; i++) expect(step(r, third)).toBe(step(q, other));
  });
});
