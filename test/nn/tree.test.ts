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

describe('names of all kinds', () => {
  it('work in a state dict, and break nothing', () => {
    withoutLeaks(() => {
      const net = new Net();
      const odd = [
        '__proto__',
        'constructor',
        'hasOwnProperty',
        'toString',
        'valueOf',
        'then',
        '7',
        ' ',
        'ü',
      ];
      for (const name of odd) net.registerParameter(name, new nn.Parameter(torch.ones([1])));
      expect(net.constructor.name).toBe('Net');
      expect(String(net)).toMatch(/^Net\(/);
      const state = net.stateDict();
      expect(Object.keys(state)).toEqual(expect.arrayContaining(odd));
      const other = net.deepcopy();
      torch.noGrad(() => odd.forEach((name) => net.getParameter(name).fill_(2)));
      for (const given of [net.stateDict(), new Map(Object.entries(net.stateDict()))])
        expect(other.loadStateDict(given)).toEqual({ missing: [], unexpected: [] });
      for (const name of odd) expect(other.getParameter(name).item()).toBe(2);
      for (const name of ['', 'a.b', 'train', 'settings', 'inner', 5, null, Symbol('s')])
        expect(() => net.registerParameter(name as string, null)).toThrow(
          /expected a name that is not empty|has a property '\w+' already/,
        );
      for (const name of ['constructor', '__proto__', 'keys'])
        expect([...new nn.ModuleDict([[name, new nn.ReLU()]]).keys()]).toEqual([name]);
    });
  });

  it('are the same truth as properties', () => {
    withoutLeaks(() => {
      const bn = new nn.BatchNorm1d(2);
      const mean = torch.tensor([1, 2]);
      bn.runningMean = mean;
      expect(bn.getBuffer('running_mean')).toBe(mean);
      bn.registerBuffer('running_mean', torch.tensor([3, 4]));
      expect(bn.runningMean.toArray()).toEqual([3, 4]);
      expect(bn.double().runningMean!.dtype).toBe('float64');
      const copy = bn.deepcopy();
      copy.runningMean = null;
      expect(Object.keys(copy.stateDict())).not.toContain('running_mean');
      expect(Object.keys(bn.stateDict())).toContain('running_mean');
      // What a Python user may write is an assignment to the same.
      (bn as unknown as { running_mean: Tensor }).running_mean = torch.zeros([2]);
      expect(bn.getBuffer('running_mean').toArray()).toEqual([0, 0]);
      expect(bn.runningMean.toArray()).toEqual([0, 0]);
    });
  });
});

describe('fields of classes', () => {
  const symbol = Symbol('no name of the tree');
  class Base extends nn.Module {
    pe!: Tensor; // compiles to a property that holds undefined
    mask: Tensor | null = null;
    fc: nn.Module = new nn.Linear(2, 2);
    scale: nn.Parameter | null = new nn.Parameter(torch.ones([1]));
    #hidden = 1;
    readonly [symbol] = new nn.Linear(1, 1);
    constructor() {
      super();
      this.registerBuffer('pe', torch.zeros([2]));
      this.registerBuffer('mask', torch.ones([2]), { persistent: false });
    }
    forward(x: Tensor): Tensor {
      this.pe = this.pe.add(this.#hidden);
      return this.fc.forward(x.add(this.pe));
    }
  }
  class Child extends Base {
    override fc = new nn.Sequential(new nn.Linear(2, 1));
    override scale = null;
    extra = new nn.Linear(1, 1);
  }

  it('are registered, in the order in which they were assigned', () => {
    withoutLeaks(() => {
      const net = new Base();
      net.forward(torch.ones([1, 2]));
      expect(net.stateDict()['pe']!.toArray()).toEqual([1, 1]);
      expect(Object.keys(net.stateDict())).toEqual(['scale', 'pe', 'fc.weight', 'fc.bias']);
      expect(net.namedBuffers().map(([name]) => name)).toEqual(['pe', 'mask']);
      const { fc } = net;
      net.fc = new nn.Identity();
      const { scale } = net;
      net.scale = scale;
      expect(net.namedChildren()).toEqual([['fc', net.fc]]);
      expect(net.fc).not.toBe(fc);
      expect(Object.keys(net)).toEqual(['training', 'pe', 'mask', 'fc', 'scale']);
    });
  });

  it('of a subclass take the place of those of its base', () => {
    withoutLeaks(() => {
      const net = new Child();
      expect(Object.keys(net.stateDict())).toEqual([
        'pe',
        'fc.0.weight',
        'fc.0.bias',
        'extra.weight',
        'extra.bias',
      ]);
      class Wrong extends Base {
        override pe = 5 as unknown as Tensor;
      }
      const wrong = new Wrong();
      expect(() => wrong.stateDict()).toThrow(
        /Wrong.pe: cannot assign 5 as buffer 'pe' \(Tensor or null expected\)/,
      );
      expect(wrong.pe.toArray()).toEqual([0, 0]);
    });
  });

  it('may be frozen or sealed', () => {
    withoutLeaks(() => {
      for (const close of [Object.freeze, Object.seal, Object.preventExtensions]) {
        const net = close(new Base());
        expect(Object.keys(net.stateDict())).toEqual(['scale', 'pe', 'fc.weight', 'fc.bias']);
        expect(net.double().scale!.dtype).toBe('float64');
      }
      const sealed = Object.seal(new Base());
      sealed.parameters();
      sealed.fc = new nn.ReLU();
      expect(sealed.namedChildren()).toEqual([['fc', sealed.fc]]);
    });
  });

  it('can be deleted', () => {
    withoutLeaks(() => {
      const net = new Base();
      delete (net as Partial<Base>).scale;
      delete (net as Partial<Base>).pe;
      expect(Object.keys(net.stateDict())).toEqual(['fc.weight', 'fc.bias']);
      Object.assign(net, { scale: 5, pe: 'text' });
      expect(Object.keys(net.stateDict())).toEqual(['fc.weight', 'fc.bias']);
      const linear = new nn.Linear(1, 1);
      delete (linear as { weight?: unknown }).weight;
      expect(Object.keys(linear.stateDict())).toEqual(['bias']);
    });
  });
});

describe('what is of another kind', () => {
  it('is refused with a TorchError', () => {
    const net = new Net();
    const wrong: [(value: never) => unknown, unknown[]][] = [
      [(value) => net.train(value), ['no', 5, null]],
      [(value) => net.requiresGrad_(value), [5, 'yes', null]],
      [(value) => net.getParameter(value), [5, null, undefined]],
      [(value) => net.getBuffer(value), [5, {}]],
      [(value) => net.getSubmodule(value), [5, undefined]],
      [(value) => net.apply(value), [5, 'f', undefined]],
      [(value) => net.to(value), [5, null, undefined, true, [], torch.ones([1])]],
      [(value) => net.cuda(value), ['x', 1.5, -1, null]],
      [
        (value) => net.loadStateDict(value),
        [5, null, undefined, 'file.pt', [], torch.ones([1]), new Map([[5, 5]]), new Set()],
      ],
      [(value) => net.namedModules(value), [5, null]],
      [(value) => net.namedParameters({ prefix: value }), [5, null]],
      [(value) => net.namedParameters({ recurse: value }), [5, 'no']],
      [(value) => net.stateDict({ prefix: value }), [5, null]],
      [(value) => net.registerBuffer('x', torch.ones([1]), { persistent: value }), [5, 'no']],
      [(value) => net.zeroGrad({ setToNone: value }), [5, 'no']],
      [(value) => net.registerForwardHook(() => undefined, { prepend: value }), [5, 'no']],
    ];
    for (const [call, values] of wrong)
      for (const value of values)
        expect(() => call(value as never)).toThrow(expect.objectContaining({ name: 'TorchError' }));
    const unknown: ((given: never) => unknown)[] = [
      (given) => net.parameters(given),
      (given) => net.namedParameters(given),
      (given) => net.buffers(given),
      (given) => net.namedBuffers(given),
      (given) => net.to(given),
      (given) => net.zeroGrad(given),
      (given) => net.stateDict(given),
      (given) => net.loadStateDict(net.stateDict(), given),
      (given) => net.registerBuffer('x', null, given),
      (given) => net.registerForwardPreHook(() => undefined, given),
    ];
    for (const call of unknown)
      expect(() => call({ persistant: true } as never)).toThrow(/there is no option 'persistant'/);
    expect(() => net.to('int64')).toThrow(/expected one of floating point or complex numbers/);
    expect(() => net.loadStateDict(new nn.Linear(1, 1) as never)).toThrow(
      /unexpected|expected an object or a Map/,
    );
  });
});
