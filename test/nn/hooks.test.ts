// Hooks of modules: they fire with every forward, in order, and may change what passes. BroadcastWith Python's order of calls.
import torch, { nn, type Tensor } from 'torch-node';
import { withoutLeaks } from '../support/leaks.js';

const ones = (...shape: number[]): Tensor => torch.ones(shape);

class Two extends nn.Module<[a: Tensor, b: Tensor], [sum: Tensor, product: Tensor]> {
  forward(a: Tensor, b: Tensor): [sum: Tensor, product: Tensor] {
    return [a.add(b), a.mul(b)];
  }
}

describe('forward hooks', () => {
  it('fire with forward, from inside a Sequential too, until they are removed', () => {
    const calls: string[] = [];
    const inner = new nn.Tanh();
    const net = new nn.Sequential(inner, new nn.Sigmoid());
    const pre = inner.registerForwardPreHook((module, [x]) => {
      expect(module).toBe(inner);
      calls.push(`before ${x.shape.join()}`);
    });
    const post = inner.registerForwardHook((_, inputs, output) => {
      calls.push(`after ${inputs.length} ${output.shape.join()}`);
    });
    net.forward(ones(2, 3));
    expect(calls).toEqual(['before 2,3', 'after 1 2,3']);
    pre.remove();
    pre.remove();
    inner.forward(ones(4));
    expect(calls.slice(2)).toEqual(['after 1 4']);
    post.remove();
    expect(Object.hasOwn(inner, 'forward')).toBe(false);
    inner.forward(ones(4));
    expect(calls).toHaveLength(3);
  });

  it('are called in the order of registration, prepended ones first', () => {
    const calls: number[] = [];
    const module = new nn.ReLU();
    const push = (n: number) => () => void calls.push(n);
    module.registerForwardPreHook(push(2));
    module.registerForwardPreHook(push(3));
    module.registerForwardPreHook(push(1), { prepend: true });
    module.registerForwardHook(push(5));
    module.registerForwardHook(push(4), { prepend: true });
    module.forward(ones(1));
    expect(calls).toEqual([1, 2, 3, 4, 5]);
  });

  it('replace inputs and outputs', () => {
    const two = new Two();
    two.registerForwardPreHook((_, [a, b]) => [a.mul(10), b]);
    two.registerForwardHook((_, [a], [sum, product]) => {
      expect(a.item()).toBe(20);
      return [sum.neg(), product];
    });
    const [sum, product] = two.forward(torch.tensor(2), torch.tensor(3));
    expect([sum.item(), product.item()]).toEqual([-23, 60]);
    const relu = new nn.ReLU();
    relu.registerForwardPreHook((_, [x]) => x.neg());
    expect(relu.forward(torch.tensor(-4)).item()).toBe(4);
  });

  it('leave text, parts and keys as they are', () => {
    const linear = new nn.Linear(2, 2);
    const before = [String(linear), Object.keys(linear.stateDict()).join(), Object.keys(linear).join()];
    linear.registerForwardHook(() => undefined);
    expect([String(linear), Object.keys(linear.stateDict()).join(), Object.keys(linear).join()]).toEqual(
      before,
    );
  });

  it('may be called when forward throws', () => {
    const calls: unknown[] = [];
    const linear = new nn.Linear(2, 2);
    linear.registerForwardHook((_, __, output) => void calls.push(output));
    linear.registerForwardHook((_, __, output) => void calls.push(output), { alwaysCall: true });
    expect(() => linear.forward(ones(1, 3))).toThrow(/Linear: /);
    expect(calls).toEqual([undefined]);
  });

  it('take the place of a forward that is a property, and give it back', () => {
    class Arrow extends nn.Module {
      override forward = (x: Tensor): Tensor => x.mul(2);
    }
    const module = new Arrow();
    const { forward } = module;
    const handle = module.registerForwardHook((_, __, output) => output.add(1));
    expect(module.forward(torch.tensor(3)).item()).toBe(7);
    handle.remove();
    expect(module.forward).toBe(forward);
    expect(module.forward(torch.tensor(3)).item()).toBe(6);
  });
});

describe('backward hooks', () => {
  it('get the gradients of inputs and outputs, the pre-hook first', () => {
    withoutLeaks(() => {
      const calls: unknown[] = [];
      const two = new Two();
      two.registerFullBackwardPreHook((_, gradOutput) => {
        calls.push(['pre', gradOutput.map((g) => g?.item())]);
      });
      two.registerFullBackwardHook((module, gradInput, gradOutput) => {
        expect(module).toBe(two);
        calls.push(['full', gradInput.map((g) => g?.item()), gradOutput.map((g) => g?.item())]);
      });
      const a = torch.tensor(2, { requiresGrad: true });
      const b = torch.tensor(3, { requiresGrad: true });
      const [sum, product] = two.forward(a, b);
      sum.mul(10).add(product).backward();
      expect(calls).toEqual([
        ['pre', [10, 1]],
        ['full', [13, 12], [10, 1]],
      ]);
      expect([a.grad!.item(), b.grad!.item()]).toEqual([13, 12]);
    });
  });

  it('replace gradients on the way', () => {
    withoutLeaks(() => {
      const linear = new nn.Linear(2, 1);
      const x = torch.ones([1, 2], { requiresGrad: true });
      linear.registerFullBackwardPreHook((_, [g]) => g!.mul(2));
      linear.registerFullBackwardHook((_, [g]) => [g!.mul(100)]);
      linear.forward(x).sum().backward();
      expect(linear.bias!.grad!.toArray()).toEqual([2]);
      expect(x.grad!.equal(linear.weight.mul(2).mul(100))).toBe(true);
    });
  });

  it('give null for what needs no gradient, and are called where no input needs one', () => {
    withoutLeaks(() => {
      const calls: unknown[] = [];
      const linear = new nn.Linear(2, 1);
      const bilinear = new nn.Bilinear(2, 2, 1);
      for (const module of [linear, bilinear])
        module.registerFullBackwardHook((_, gradInput, gradOutput) => {
          calls.push([gradInput.map((g) => g?.shape.join()), gradOutput.map((g) => g?.item())]);
        });
      linear.forward(ones(1, 2)).sum().backward();
      bilinear
        .forward(ones(1, 2), torch.ones([1, 2], { requiresGrad: true }))
        .sum()
        .backward();
      expect(calls).toEqual([
        [[undefined], [1]],
        [[undefined, '1,2'], [1]],
      ]);
    });
  });

  it('give gradients that can be kept', () => {
    withoutLeaks(() => {
      const kept: Tensor[] = [];
      const tanh = new nn.Tanh();
      tanh.registerFullBackwardHook((_, [gradInput], [gradOutput]) => {
        kept.push(gradInput!.keep(), gradOutput!.keep());
      });
      const x = torch.zeros([2], { requiresGrad: true });
      tanh.forward(x).mul(3).sum().backward();
      expect(kept.map((g) => g.toArray())).toEqual([
        [3, 3],
        [3, 3],
      ]);
      kept.forEach((g) => g.dispose());
    });
  });

  it('do nothing under noGrad, and work twice over', () => {
    let count = 0;
    const tanh = new nn.Tanh();
    tanh.registerFullBackwardHook(() => {
      count++;
    });
    const x = torch.zeros([2], { requiresGrad: true });
    expect(torch.noGrad(() => tanh.forward(x)).requiresGrad).toBe(false);
    tanh.forward(tanh.forward(x)).sum().backward();
    expect(count).toBe(2);
    expect(x.grad!.toArray()).toEqual([1, 1]);
    const [g] = torch.grad(tanh.forward(x).sum(), x, { createGraph: true });
    expect(g!.requiresGrad).toBe(true);
  });

  it('refuse what is no gradient', () => {
    const tanh = new nn.Tanh();
    const x = torch.zeros([2], { requiresGrad: true });
    const bad: [() => nn.RemovableHandle, RegExp][] = [
      [() => tanh.registerFullBackwardHook(() => []), /in place of each of the 1 of gradInput/],
      [() => tanh.registerFullBackwardHook(() => 3 as never), /got 3/],
      [() => tanh.registerFullBackwardPreHook((_, [g]) => [g!, g!]), /each of the 1 of gradOutput/],
    ];
    for (const [register, message] of bad) {
      const handle = register();
      expect(() => tanh.forward(x).sum().backward()).toThrow(message);
      handle.remove();
    }
    expect(() => tanh.registerForwardHook(3 as never)).toThrow(
      /registerForwardHook: expected a function, got 3/,
    );
    const frozen = new nn.Linear(1, 1);
    frozen.registerFullBackwardHook((_, __, [g]) => [g!]);
    expect(() => frozen.forward(ones(1, 1)).sum().backward()).toThrow(
      /no input of the module requires a gradient/,
    );
  });
});

describe('hooks of the state dict', () => {
  it('see and change keys when state is given and taken', () => {
    const net = new nn.Sequential(new nn.Linear(1, 1), new nn.Linear(1, 1));
    const prefixes: string[] = [];
    net.at(1)!.registerStateDictPreHook((_, prefix) => void prefixes.push(`pre ${prefix}`));
    net.at(1)!.registerStateDictPostHook((_, state, prefix) => {
      prefixes.push(`post ${prefix}`);
      state[`${prefix}scale`] = state[`${prefix}weight`]!;
      delete state[`${prefix}weight`];
    });
    const state = net.stateDict();
    expect(prefixes).toEqual(['pre 1.', 'post 1.']);
    expect(Object.keys(state)).toEqual(['0.weight', '0.bias', '1.bias', '1.scale']);
    expect(() => net.loadStateDict(state)).toThrow(/missing keys: 1.weight\n.*unexpected keys: 1.scale/);
    const handle = net.at(1)!.registerLoadStateDictPreHook((_, given, prefix) => {
      given[`${prefix}weight`] = given[`${prefix}scale`]!;
      delete given[`${prefix}scale`];
    });
    expect(net.loadStateDict(state)).toEqual({ missing: [], unexpected: [] });
    expect(Object.keys(state)).toContain('1.scale');
    handle.remove();
    net.registerLoadStateDictPostHook((_, keys) => void keys.missing.splice(0));
    expect(net.loadStateDict({ ...net.stateDict(), extra: ones(1) }, { strict: false }).unexpected).toEqual([
      '1.scale',
      'extra',
    ]);
  });
});
