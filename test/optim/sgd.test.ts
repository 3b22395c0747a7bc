import torch, { nn, optim } from 'torch-node';

const parameter = (value: number): nn.Parameter => new nn.Parameter(torch.tensor([value]));
const learn = (p: nn.Parameter, sgd: optim.SGD, gradient = 1): number => {
  p.grad = torch.tensor([gradient]);
  sgd.step();
  return p.item();
};

describe('SGD', () => {
  it('follows the formulas of torch.optim.SGD', () => {
    const p = parameter(1);
    const sgd = new optim.SGD([p], { lr: 0.5, momentum: 0.5, weightDecay: 0.5 });
    expect(learn(p, sgd)).toBeCloseTo(1 - 0.5 * 1.5); // g = 1 + 0.5 * 1, v = 1.5
    expect(learn(p, sgd)).toBeCloseTo(0.25 - 0.5 * (0.75 + 1.125)); // g = 1.125, v = 0.5 * 1.5 + g
    const up = parameter(0);
    expect(learn(up, new optim.SGD([up], { lr: 1, maximize: true }))).toBe(1);
  });

  it('has groups with settings that may change between steps', () => {
    const [a, b, c] = [parameter(0), parameter(0), parameter(0)];
    const sgd = new optim.SGD([{ params: [a], lr: 1 }, { params: [b] }], { lr: 0.5 });
    for (const p of [a, b]) p.grad = torch.tensor([1]);
    sgd.step();
    expect([a.item(), b.item()]).toEqual([-1, -0.5]);
    sgd.paramGroups[0]!.lr = 0;
    sgd.addParamGroup({ params: [c], lr: 2 });
    c.grad = torch.tensor([1]);
    sgd.step();
    expect([a.item(), b.item(), c.item()]).toEqual([-1, -1, -2]);
  });

  it('skips parameters without gradients, and forgets gradients', () => {
    const [a, b] = [parameter(1), parameter(1)];
    const sgd = new optim.SGD([a, b], { lr: 1 });
    a.grad = torch.tensor([1]);
    sgd.step();
    expect([a.item(), b.item()]).toEqual([0, 1]);
    sgd.zeroGrad({ setToNone: false });
    expect(a.grad.item()).toBe(0);
    sgd.zeroGrad();
    expect(a.grad).toBeNull();
  });

  it('calls a closure with gradients on, and returns its loss', () => {
    const p = parameter(3);
    const sgd = new optim.SGD([p], { lr: 0.1 });
    const loss = torch.noGrad(() =>
      sgd.step(() => {
        sgd.zeroGrad();
        const value = p.mul(p).sum();
        value.backward();
        return value;
      }),
    );
    expect(loss.item()).toBe(9);
    expect(p.item()).toBeCloseTo(3 - 0.1 * 6);
  });

  it.each([false, true])('goes on from a saved state (fused: %s)', (fused) => {
    const options = { lr: 0.1, momentum: 0.9, fused };
    const a = parameter(1);
    const one = new optim.SGD([a], options);
    learn(a, one);
    const b = parameter(a.item());
    const two = new optim.SGD([b], { lr: 5 });
    two.loadStateDict(one.stateDict());
    expect(two.paramGroups[0]).toMatchObject(options);
    for (let i = 0; i < 3; i++) expect(learn(b, two, i)).toBe(learn(a, one, i));
  });

  it('keeps its state through scopes', () => {
    const p = parameter(0);
    const sgd = torch.scope(() => new optim.SGD([p], { lr: 1, momentum: 1 }));
    torch.scope(() => learn(p, sgd));
    expect(torch.scope(() => learn(p, sgd))).toBe(-3);
  });

  it('has one state, as all optimizers have it', () => {
    const [a, b, c] = [parameter(1), parameter(2), parameter(3)];
    const sgd = new optim.SGD([{ params: [a], momentum: 0.5 }, { params: [b] }], { lr: 1 });
    expect(sgd.state.size).toBe(0);
    learn(a, sgd);
    b.grad = torch.tensor([1]);
    sgd.step();
    expect([...sgd.state.keys()]).toEqual([a]);
    const buffer = sgd.state.get(a)!.momentum_buffer!;
    expect(buffer.item()).toBe(1.5);
    expect(Object.keys(sgd.stateDict().state)).toEqual(['0']);
    // What is changed there is what the next step goes on with, as are parameters that are put in or taken out.
    torch.noGrad(() => buffer.fill_(10));
    sgd.paramGroups[1]!.params.push(c);
    c.grad = torch.tensor([7]);
    a.grad = torch.tensor([0]);
    const before = a.item();
    sgd.step();
    expect([a.item(), c.item()]).toEqual([before - 5, -4]);
    expect(sgd.state.get(a)!.momentum_buffer).toBe(buffer);
    sgd.paramGroups.splice(0, 1);
    sgd.step();
    expect([a.item(), c.item()]).toEqual([before - 5, -11]);
  });

  it('reads states of older versions, which have null for a buffer that is not there yet', () => {
    const p = parameter(1);
    const sgd = new optim.SGD([p], { lr: 1, momentum: 0.5 });
    sgd.loadStateDict({ ...sgd.stateDict(), state: { 0: { momentum_buffer: null } } });
    expect(sgd.state.size).toBe(0);
    expect([learn(p, sgd), learn(p, sgd)]).toEqual([0, -1.5]);
  });

  it('refuses its fused form where the kernel is wrong', () => {
    for (const dtype of ['bfloat16', 'float16'] as const) {
      const p = new nn.Parameter(torch.ones([20], { dtype }));
      const sgd = new optim.SGD([p], { fused: true });
      p.grad = torch.ones([20], { dtype });
      expect(() => sgd.step()).toThrow(/^SGD.step: fused: .*leave the option out/);
      expect(
        p
          .isclose(torch.ones([20], { dtype }))
          .all()
          .item(),
      ).toBe(true);
    }
  });

  it.each([0, 0.9])('leaves a step out that a GradScaler found infinite (fused, momentum %s)', (momentum) => {
    const p = new nn.Parameter(torch.ones([9]));
    const sgd = new optim.SGD([p], { lr: 0.5, momentum, dampening: momentum / 3, fused: true });
    const scaler = new torch.amp.GradScaler('cpu', { initScale: 4 });
    const step = (factor: number): number => {
      sgd.zeroGrad();
      scaler.scale(p.mul(factor).sum()).backward();
      scaler.step(sgd);
      scaler.update();
      return p.dataSync()[8] as number;
    };
    const results = [Infinity, 1, Infinity, 1].map(step);
    // As if only the second and the fourth had been.
    const q = new nn.Parameter(torch.ones([9]));
    const plain = new optim.SGD([q], { lr: 0.5, momentum, dampening: momentum / 3, fused: true });
    const expected = [1, 1].map((gradient) => {
      q.grad = torch.full([9], gradient);
      plain.step();
      return q.dataSync()[8] as number;
    });
    expect(results).toEqual([1, expected[0], expected[0], expected[1]]);
  });

  it('refuses what does not fit', () => {
    const p = parameter(0);
    const bad: [() => unknown, RegExp][] = [
      [() => new optim.SGD([]), /empty list/],
      [() => new optim.SGD([p], { lr: -1 }), /lr: expected a number of 0 or more, got -1/],
      [() => new optim.SGD([p], { momentum: NaN }), /momentum: expected a number of 0 or more, got NaN/],
      [() => new optim.SGD([p], { nesterov: true }), /nesterov needs a momentum/],
      [() => new optim.SGD([p, p]), /there twice/],
      [() => new optim.SGD([p.mul(2)]), /not a leaf/],
      [() => new optim.SGD([7 as never]), /parameter 0: expected a Tensor, got 7/],
      [() => new optim.SGD([p], { fused: true, foreach: true }), /cannot both/],
      [
        () => new optim.SGD([p, parameter(1)]).loadStateDict(new optim.SGD([p]).stateDict()),
        /groups of 1 parameters, this optimizer of 2/,
      ],
    ];
    for (const [make, message] of bad) expect(make).toThrow(message);
  });
});
