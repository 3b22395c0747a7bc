// Module trees: names, buffers, deep copies.
import torch, { nn, type Tensor } from 'torch-node';
import { liveTensors, withoutLeaks } from '../support/leaks.js';

class Net extends nn.Module {
  readonly inner = new nn.Sequential(new nn.Linear(2, 3), new nn.LeakyReLU(0.2));
  readonly shared = this.inner.at(0) as nn.Linear;
  readonly scale = new nn.Parameter(torch.ones([1]));
  readonly settings = { sizes: [1, 2], mean: torch.zeros([1]).keep() };
  constructor() {
    super();
    this.registerBuffer('count', torch.zeros([1]));
    this.registerBuffer('cache', torch.zeros([2]), { persistent: false });
  }
  forward(x: Tensor): Tensor {
    return this.inner.forward(x).mul(this.scale);
  }
}

describe('names', () => {
  it('list own parameters, buffers, then parts, with shared ones at all their places in the state dict', () => {
    const net = new Net();
    expect(Object.keys(net.stateDict())).toEqual([
      'scale', 'count', 'inner.0.weight', 'inner.0.bias', 'shared.weight', 'shared.bias',
    ]); // prettier-ignore
    expect(Object.keys(net.stateDict({ prefix: 'net.' }))[0]).toBe('net.scale');
    const names = (pairs: [string, Tensor][]): string => pairs.map(([name]) => name).join();
    expect(names(net.namedParameters())).toBe('scale,inner.0.weight,inner.0.bias');
    expect(names(net.namedParameters({ recurse: false, prefix: 'a' }))).toBe('a.scale');
    expect(names(net.namedBuffers())).toBe('count,cache');
    net.loadStateDict(new Net().stateDict());
  });

  it('find modules, parameters and buffers', () => {
    const net = new Net();
    expect(net.getSubmodule('inner.0')).toBe(net.shared);
    expect(net.getSubmodule('')).toBe(net);
    expect(net.getParameter('inner.0.weight')).toBe(net.shared.weight);
    expect(net.getBuffer('count').shape).toEqual([1]);
    const bad: [() => unknown, RegExp][] = [
      [() => net.getSubmodule('inner.5'), /Sequential has no module '5'/],
      [() => net.getParameter('inner.weight'), /Sequential has no parameter 'weight'/],
      [() => net.getBuffer('scale'), /Net has no buffer 'scale'/],
    ];
    for (const [run, message] of bad) expect(run).toThrow(message);
  });

  it('can be registered', () => {
    const net = new Net();
    net.registerParameter('in_proj', new nn.Parameter(torch.ones([1])));
    net.addModule('extra', new nn.Linear(1, 1));
    net.registerBuffer('count', null);
    expect(Object.keys(net.stateDict())).toEqual(
      expect.arrayContaining(['in_proj', 'extra.weight', 'inner.0.bias']),
    );
    expect(Object.keys(net.stateDict())).not.toContain('count');
    const bad: [() => unknown, RegExp][] = [
      [() => net.registerParameter('a.b', null), /has no dot in it, got 'a.b'/],
      [
        () => net.registerParameter('forward', new nn.Parameter(torch.ones([1]))),
        /a property 'forward' already/,
      ],
      [
        () => net.registerParameter('p', torch.ones([1]) as never),
        /'p': expected a Parameter or null, got float32/,
      ],
      [() => net.registerModule('m', 3 as never), /'m': expected a Module or null, got 3/],
      [() => net.registerBuffer('', torch.ones([1])), /not empty/],
      [() => net.registerBuffer('b', 3 as never), /'b': expected a Tensor or null, got 3/],
    ];
    for (const [run, message] of bad) expect(run).toThrow(message);
  });
});

describe('the whole tree', () => {
  it('is visited by apply, innermost first', () => {
    const seen: string[] = [];
    const net = new nn.Sequential(new nn.ReLU(), new nn.Sequential(new nn.Tanh()));
    net.apply((module) => seen.push(module.constructor.name));
    expect(seen).toEqual(['ReLU', 'Tanh', 'Sequential', 'Sequential']);
  });

  it('changes dtype and forgets gradients', () => {
    const net = new Net().double();
    expect([net.scale.dtype, net.getBuffer('cache').dtype]).toEqual(['float64', 'float64']);
    expect(net.half().scale.dtype).toBe('float16');
    expect(net.bfloat16().scale.dtype).toBe('bfloat16');
    expect(net.float().cpu().scale.dtype).toBe('float32');
    net
      .forward(torch.ones([1, 2]))
      .sum()
      .backward();
    net.zeroGrad({ setToNone: false });
    expect(net.scale.grad!.toArray()).toEqual([0]);
    net.zeroGrad();
    expect(net.scale.grad).toBeNull();
  });
});

describe('deepcopy', () => {
  it('copies all that a module holds, and shares what was shared', () => {
    const net = new Net();
    net
      .forward(torch.ones([1, 2]))
      .sum()
      .backward();
    const state = torch.getRngState();
    const copy = net.deepcopy();
    expect(torch.getRngState().equal(state)).toBe(true);
    expect(String(copy)).toBe(String(net));
    expect(copy.shared).toBe(copy.inner.at(0));
    expect(copy.shared).not.toBe(net.shared);
    expect(copy.getBuffer('cache')).not.toBe(net.getBuffer('cache'));
    expect(Object.keys(copy.stateDict())).toEqual(Object.keys(net.stateDict()));
    for (const [path, parameter] of net.namedParameters()) {
      const other = copy.getParameter(path);
      expect(other.equal(parameter) && other.grad!.equal(parameter.grad!)).toBe(true);
      torch.noGrad(() => other.add_(1));
      expect(other.equal(parameter)).toBe(false);
    }
    copy.settings.sizes.push(3);
    expect(net.settings.sizes).toEqual([1, 2]);
    const x = torch.ones([1, 2]);
    expect(copy.forward(x).equal(net.forward(x))).toBe(false);
    copy.loadStateDict(net.stateDict());
    expect(copy.forward(x).equal(net.forward(x))).toBe(true);
  });

  it('goes on in dtype, mode and hooks', () => {
    const net = new nn.Sequential(new nn.Linear(2, 2), new nn.PReLU()).double().eval();
    net.at(0)!.requiresGrad_(false);
    let count = 0;
    const handle = net.registerForwardHook(() => {
      count++;
    });
    const copy = net.deepcopy();
    handle.remove();
    expect(copy.forward(torch.ones([1, 2], { dtype: 'float64' })).dtype).toBe('float64');
    expect(count).toBe(1);
    expect(copy.at(0)!.training).toBe(false);
    expect(copy.parameters().map((p) => p.requiresGrad)).toEqual([false, false, true]);
    const loss = new nn.CrossEntropyLoss({ weight: torch.tensor([1, 2]), reduction: 'sum' }).deepcopy();
    const [logits, target] = [torch.tensor([[1, 3]]), torch.tensor([1n])];
    expect(loss.forward(logits, target).item()).toBeCloseTo(2 * Math.log(1 + Math.exp(-2)), 5);
    expect(Object.keys(loss.stateDict())).toEqual(['weight']);
    expect(new nn.TripletMarginWithDistanceLoss().deepcopy().namedChildren().length).toBe(1);
  });

  it('of many leaves nothing behind', () => {
    withoutLeaks(() => {
      const net = new nn.Sequential(new nn.Linear(2, 2), new nn.PReLU());
      for (let i = 0; i < 50; i++) net.deepcopy();
    });
    const before = liveTensors();
    torch.scope(() => {
      const kept = torch.scope(() => new nn.Linear(2, 2).deepcopy());
      expect(kept.weight.shape).toEqual([2, 2]);
    });
    expect(liveTensors()).toBeLessThanOrEqual(before + 2);
  });
});
