// GradScaler: states, errors. That its numbers are PyTorch's is seen in test/parity/table.
import torch, { amp, nn, optim } from 'torch-node';
import { withoutLeaks } from '../support/leaks.js';

const setUp = (options: amp.GradScalerOptions = {}): [nn.Parameter, optim.SGD, amp.GradScaler] => {
  const p = new nn.Parameter(torch.tensor([1, 2]));
  return [
    p,
    new optim.SGD([p], { lr: 1 }),
    new amp.GradScaler('cpu', { initScale: 4, growthInterval: 2, ...options }),
  ];
};
const iterate = (p: nn.Parameter, sgd: optim.SGD, scaler: amp.GradScaler, gradient = 1): unknown => {
  sgd.zeroGrad();
  scaler.scale(p.mul(gradient).sum()).backward();
  const result = scaler.step(sgd);
  scaler.update();
  return result;
};

describe('GradScaler', () => {
  it('leaves out steps with infinite gradients, and adapts the scale', () => {
    const [p, sgd, scaler] = setUp();
    const scales: number[] = [];
    for (const gradient of [1, Infinity, 1, 1, NaN]) {
      iterate(p, sgd, scaler, gradient);
      scales.push(scaler.getScale());
    }
    expect(scales).toEqual([4, 2, 2, 4, 2]);
    expect([...p.dataSync()]).toEqual([-2, -1]);
  });

  it('unscales so that gradients can be looked at before the step', () => {
    const [p, sgd, scaler] = setUp();
    scaler.scale(p.mul(3).sum()).backward();
    expect(p.grad!.dataSync()[0]).toBe(12);
    scaler.unscale_(sgd);
    expect(p.grad!.dataSync()[0]).toBe(3);
    scaler.step(sgd);
    expect(p.dataSync()[0]).toBe(-2);
  });

  it('scales several losses, for several optimizers', () => {
    const [p, first, scaler] = setUp();
    const q = new nn.Parameter(torch.tensor([1]));
    const second = new optim.Adam([q]);
    const [a, b] = scaler.scale([p.sum(), q.mul(Infinity).sum()]) as [torch.Tensor, torch.Tensor];
    a.backward();
    b.backward();
    scaler.step(first);
    scaler.step(second);
    scaler.update();
    expect([p.dataSync()[0], q.item(), scaler.getScale()]).toEqual([0, 1, 2]);
  });

  it('goes on from a saved state, also before its first loss', () => {
    const [p, sgd, scaler] = setUp();
    iterate(p, sgd, scaler);
    const state = scaler.stateDict();
    expect(state).toEqual({
      scale: 4,
      growth_factor: 2,
      backoff_factor: 0.5,
      growth_interval: 2,
      _growth_tracker: 1,
    });
    const [q, other, fresh] = setUp({ initScale: 9, growthInterval: 7 });
    fresh.loadStateDict(state);
    iterate(q, other, fresh);
    expect([fresh.getScale(), fresh.getGrowthInterval()]).toEqual([8, 2]);
    fresh.loadStateDict(state);
    expect(fresh.getScale()).toBe(4);
  });

  it('may be set, and have its factors changed', () => {
    const [p, sgd, scaler] = setUp();
    scaler.setGrowthFactor(3);
    scaler.setBackoffFactor(0.25);
    scaler.setGrowthInterval(1);
    expect([scaler.getGrowthFactor(), scaler.getBackoffFactor()]).toEqual([3, 0.25]);
    iterate(p, sgd, scaler);
    expect(scaler.getScale()).toBe(12);
    scaler.update(5);
    expect(scaler.getScale()).toBe(5);
    scaler.update(torch.tensor([6]));
    expect(scaler.getScale()).toBe(6);
  });

  it('passes everything on where it is not enabled', () => {
    const [p, sgd, scaler] = setUp({ enabled: false });
    const loss = p.sum();
    expect(scaler.scale(loss)).toBe(loss);
    iterate(p, sgd, scaler);
    expect(p.dataSync()[0]).toBe(0);
    expect([scaler.getScale(), scaler.isEnabled, scaler.stateDict()]).toEqual([1, false, {}]);
    const [, , enabled] = setUp();
    expect(() => enabled.loadStateDict(scaler.stateDict())).toThrow(/the state is empty/);
  });

  it('leaves nothing behind', () => {
    const [p, sgd, scaler] = setUp();
    const adam = new optim.Adam([p], { fused: true });
    iterate(p, sgd, scaler);
    adam.step();
    withoutLeaks(() => {
      for (let i = 0; i < 20; i++) {
        torch.scope(() => {
          sgd.zeroGrad();
          scaler.scale(p.sum()).backward();
          scaler.step(adam);
          scaler.step(sgd);
          scaler.update();
        });
      }
      sgd.zeroGrad();
    });
  });

  it('refuses what does not fit', () => {
    const [p, sgd, scaler] = setUp();
    const other = new optim.SGD([p]);
    const halves = new nn.Parameter(torch.tensor([1]).to('float16'));
    const bad: [() => unknown, RegExp][] = [
      [() => new amp.GradScaler('tpu' as never), /expected 'cpu' or 'cuda'/],
      [() => new amp.GradScaler('cpu', { growthFactor: 1 }), /growthFactor: expected a number above 1/],
      [() => new amp.GradScaler('cpu', { backoffFactor: 1 }), /backoffFactor: expected a number below 1/],
      [() => scaler.step(sgd), /nothing was scaled yet/],
      [() => scaler.update(), /nothing was scaled yet/],
      [() => scaler.scale(3 as never), /expected a Tensor or an array of them, got 3/],
      [
        () => {
          scaler.scale(p.sum());
          scaler.step(sgd);
        },
        /no parameter of this optimizer has a gradient/,
      ],
      [() => setUp()[2].update(1), /nothing was scaled yet/],
      [() => scaler.step({} as never), /expected an optimizer/],
      [
        () => {
          scaler.scale(p.sum()).backward();
          scaler.unscale_(other);
          scaler.unscale_(other);
        },
        /already since the last/,
      ],
      [
        () => {
          scaler.step(other);
          scaler.step(other);
        },
        /step: was called on this optimizer already/,
      ],
      [() => scaler.unscale_(other), /is called after step/],
      [() => scaler.update('x' as never), /expected a number, or a tensor/],
      [
        () => {
          scaler.update();
          scaler.scale(halves.sum()).backward();
          scaler.step(new optim.SGD([halves]));
        },
        /there are float16 gradients/,
      ],
    ];
    for (const [run, message] of bad) expect(run).toThrow(message);
  });
});
