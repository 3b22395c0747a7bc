// Containers: places, names, what is refused. Their keys and texts are held against PyTorch's in parity/table.
import torch, { nn } from 'torch-node';

const keys = (module: nn.AnyModule): string => Object.keys(module.stateDict()).join();
const linear = (): nn.Linear => new nn.Linear(1, 1, { bias: false });

describe('Sequential', () => {
  it('names its parts by an object or a Map', () => {
    const named = new nn.Sequential({ first: linear(), second: new nn.ReLU() });
    expect(keys(named)).toBe('first.weight');
    expect(String(named.getSubmodule('second'))).toBe('ReLU()');
    expect(keys(new nn.Sequential(new Map([['b', linear()], ['a', linear()]])))).toBe('b.weight,a.weight'); // prettier-ignore
    expect(named.forward(torch.ones([1, 1])).shape).toEqual([1, 1]);
  });

  it('is changed like a list', () => {
    const [a, b, c] = [linear(), new nn.ReLU(), new nn.Tanh()];
    const net = new nn.Sequential(a).append(c).insert(1, b);
    expect([...net]).toEqual([a, b, c]);
    expect([net.at(-1), net.length]).toEqual([c, 3]);
    expect(keys(net.insert(-3, linear()))).toBe('0.weight,1.weight');
    expect(net.pop(0)).not.toBe(a);
    expect([...net.slice(1)]).toEqual([b, c]);
    expect(net.slice(1).namedChildren().map(([name]) => name)).toEqual(['1', '2']); // prettier-ignore
    expect([...net.concat(new nn.Sequential(b))]).toEqual([a, b, c, b]);
    expect([...net.extend(new nn.Sequential(a, b)).set(0, c)]).toEqual([c, b, c, a, b]);
  });
});

describe('ModuleList and ModuleDict', () => {
  it('hold modules and cannot be called', () => {
    const list = new nn.ModuleList([linear(), new nn.ReLU()]);
    expect(list.slice(1).length).toBe(1);
    expect(list.concat([new nn.Tanh()]).length).toBe(3);
    expect(() => list.forward()).toThrow(/a ModuleList has no forward/);
    const dict = new nn.ModuleDict<Record<string, nn.Module>>({ b: linear() }).update(
      new Map([['a', linear()]]),
    );
    expect(keys(dict)).toBe('b.weight,a.weight');
    expect([...dict.keys(), dict.size, dict.has('a'), dict.get('c')]).toEqual(['b', 'a', 2, true, undefined]);
    expect(dict.pop('a')).toBeDefined();
    expect(dict.delete('b')).toBe(true);
    expect([...dict]).toEqual([]);
    expect(() => dict.forward()).toThrow(/a ModuleDict has no forward/);
  });
});

describe('ParameterList and ParameterDict', () => {
  it('make parameters of tensors and keep other values', () => {
    const list = new nn.ParameterList<nn.Parameter | string>([torch.ones([2]), 'text']);
    expect(list.parameters().length).toBe(1);
    expect((list.at(0) as nn.Parameter).requiresGrad).toBe(true);
    expect(String(list)).toBe(
      'ParameterList(\n    (0): Parameter containing: [torch.float32 of size 2]\n    (1): Object of type: String\n)',
    );
    list.append(torch.ones([1])).set(0, torch.zeros([3]));
    expect(list.namedParameters().map(([name, p]) => `${name} ${p.numel}`)).toEqual(['0 3', '2 1']);
    const dict = new nn.ParameterDict({ z: torch.ones([1]) });
    dict.set('a', torch.ones([1]));
    expect(dict.namedParameters().map(([name]) => name)).toEqual(['z', 'a']);
    expect(dict.pop('z').shape).toEqual([1]);
    const odd = new nn.ParameterDict({ odd: Object.create(null) as unknown });
    expect(String(odd)).toBe('ParameterDict(  (odd): Object of type: object)');
  });
});

it('what does not fit is refused', () => {
  const bad: [() => unknown, RegExp][] = [
    [() => new nn.Sequential({ 'a.b': linear() }), /names without a dot, got 'a.b'/],
    [() => new nn.Sequential(new Map([[3 as never, linear()]])), /names without a dot, got 3/],
    [() => new nn.Sequential({ a: 3 as never }), /part 'a': expected a Module, got 3/],
    [() => new nn.Sequential(torch.ones([1]) as never), /part 0: expected a Module, got float32 \[1\]/],
    [() => new nn.Sequential().insert(1, linear()), /index 1 is out of range for 0 parts/],
    [() => new nn.Sequential(linear()).set(1, linear()), /index 1 is out of range for 1 parts/],
    [() => new nn.ModuleList().pop(), /index -1 is out of range/],
    [() => new nn.ModuleList(3 as never), /expected an array of modules, got 3/],
    [() => new nn.ModuleList().extend(null as never), /expected an iterable of modules, got null/],
    [() => new nn.ModuleDict().set('', linear()), /a name without a dot, got ''/],
    [() => new nn.ModuleDict().set('a', 3 as never), /'a': expected a Module, got 3/],
    [() => new nn.ModuleDict().pop('a'), /there is no module 'a'/],
    [() => new nn.ModuleDict(3 as never), /expected an object, a Map or pairs/],
    [() => new nn.ParameterDict().set('a.b', torch.ones([1])), /a name without a dot, got 'a.b'/],
    [() => new nn.ParameterList(torch.ones([2]) as never), /expected an array of parameters, got float32/],
  ];
  for (const [make, message] of bad) expect(make).toThrow(message);
});
