import torch, { nn, type Tensor } from 'torch-node';
import { withoutLeaks } from '../support/leaks.js';

const { parametrizations, parametrize, removeWeightNorm, weightNorm } = nn.utils;
const { cached, isParametrized, registerParametrization, removeParametrizations } = parametrize;

class Symmetric extends nn.Module {
  calls = 0;
  forward(x: Tensor): Tensor {
    this.calls++;
    return x.triu().add(x.triu(1).t());
  }
}
class Doubled extends nn.Module {
  forward(x: Tensor): Tensor {
    return x.mul(2);
  }
  rightInverse(x: Tensor): Tensor {
    return x.div(2);
  }
}
const x = torch.ones([1, 3]);

describe('registerParametrization', () => {
  it('computes the parameter whenever it is read, and prints and saves as PyTorch does', () => {
    const net = registerParametrization(new nn.Linear(3, 3), 'weight', new Symmetric());
    expect(net.weight.equal(net.weight.t())).toBe(true);
    expect(Object.keys(net.stateDict())).toEqual(['bias', 'parametrizations.weight.original']);
    expect(String(net)).toBe(`ParametrizedLinear(
  in_features=3, out_features=3, bias=True
  (parametrizations): ModuleDict(
    (weight): ParametrizationList(
      (0): Symmetric()
    )
  )
)`);
    expect(parametrize.typeBeforeParametrizations(net)).toBe(nn.Linear);
    net.forward(x).sum().backward();
    const [, original] = net.parameters();
    expect(original!.grad!.shape).toEqual([3, 3]);
  });

  it('puts several in a row, and can be assigned to where all can be inverted', () => {
    const net = registerParametrization(new nn.Linear(3, 3), 'weight', new Doubled());
    registerParametrization(net, 'weight', new Doubled());
    (net as { weight: Tensor }).weight = torch.full([3, 3], 8);
    expect(net.getParameter('parametrizations.weight.original').at(0, 0).item()).toBe(2);
    expect(net.weight.at(0, 0).item()).toBe(8);
    registerParametrization(net, 'weight', new Symmetric());
    expect(() => ((net as { weight: Tensor }).weight = torch.ones([3, 3]))).toThrow(
      /Symmetric has no rightInverse/,
    );
  });

  it('computes once within cached()', () => {
    const symmetric = new Symmetric();
    const net = registerParametrization(new nn.Linear(3, 3), 'weight', symmetric);
    const before = symmetric.calls;
    cached(() => {
      torch.scope(() => net.forward(x));
      net.forward(x).sum().backward();
    });
    expect(symmetric.calls - before).toBe(1);
    net.forward(x);
    expect(symmetric.calls - before).toBe(2);
  });

  it('goes with copies of the module, each on its own', () => {
    const net = registerParametrization(new nn.Linear(3, 3), 'weight', new Doubled());
    const copy = net.deepcopy();
    expect(copy.forward(x).equal(net.forward(x))).toBe(true);
    removeParametrizations(net, 'weight');
    expect([isParametrized(net), isParametrized(copy, 'weight')]).toEqual([false, true]);
    expect(copy.forward(x).equal(net.forward(x))).toBe(true);
  });

  it('works on buffers', () => {
    const norm = new nn.BatchNorm1d(2);
    registerParametrization(norm, 'running_mean', new Doubled());
    expect(Object.keys(norm.stateDict())).toContain('parametrizations.running_mean.original');
    removeParametrizations(norm, 'running_mean');
    expect(Object.keys(norm.stateDict())).toContain('running_mean');
  });

  it('is taken away, leaving the parameter as it was computed or as it was', () => {
    const make = (): nn.Linear => registerParametrization(new nn.Linear(3, 3), 'weight', new Symmetric());
    const net = make();
    const before = net.weight;
    removeParametrizations(net, 'weight');
    expect(net.weight.equal(before)).toBe(true);
    expect(net.constructor).toBe(nn.Linear);
    expect(String(net)).toBe('Linear(in_features=3, out_features=3, bias=True)');
    net.forward(x).sum().backward();
    expect(net.weight.grad).not.toBeNull();
    const other = make();
    const original = other.getParameter('parametrizations.weight.original');
    removeParametrizations(other, 'weight', { leaveParametrized: false });
    expect(other.weight).toBe(original);
  });

  it('leaves nothing behind', () => {
    const net = parametrizations.spectralNorm(parametrizations.weightNorm(new nn.Linear(3, 3)), {
      name: 'bias',
    });
    withoutLeaks(() => {
      net.forward(x).sum().backward();
      net.zeroGrad();
    });
  });

  class Longer extends nn.Module {
    forward(value: Tensor): Tensor {
      return torch.cat([value, value]);
    }
  }
  const linear = (): nn.Linear => new nn.Linear(3, 3);
  const bad: [string, () => unknown, RegExp][] = [
    ['parameter', () => registerParametrization(linear(), 'wait', new Doubled()), /Linear has no parameter or buffer 'wait'/],
    ['module', () => registerParametrization(linear(), 'weight', 3 as never), /expected a Module, got 3/],
    ['tensor of the same shape', () => registerParametrization(linear(), 'weight', new Longer()), /expected float32 \[3, 3\] as before, got float32 \[6, 3\]/],
    ['second of the same shape', () => registerParametrization(registerParametrization(linear(), 'weight', new Doubled()), 'weight', new Longer()), /expected float32 \[3, 3\] as before/],
    ['parametrised parameter', () => removeParametrizations(linear(), 'weight'), /Linear has no parametrisation of 'weight'/],
    ['single original', () => removeParametrizations(parametrizations.weightNorm(linear()), 'weight', { leaveParametrized: false }), /computed from several cannot become one/],
    ['parameter', () => parametrizations.weightNorm(linear(), { name: 'w' }), /Linear has no parameter or buffer 'w'/],
    ['dimension', () => parametrizations.spectralNorm(linear(), { dim: 2 }), /dim: expected a dimension of float32 \[3, 3\], got 2/],
    ['number of steps', () => parametrizations.spectralNorm(linear(), { nPowerIterations: 0 }), /expected an integer of 1 or more, got 0/],
    ['matrix', () => parametrizations.orthogonal(linear(), { name: 'bias' }), /bias: expected a matrix/],
    ['map', () => parametrizations.orthogonal(linear(), { orthogonalMap: 'qr' as 'cayley' }), /expected one of matrix_exp, cayley, householder/],
  ]; // prettier-ignore
  it.each(bad)('refuses what is no %s', (_, run, message) => expect(run).toThrow(message));
});

describe('the parametrisations', () => {
  it('do what their names say', () => {
    const orthogonal = parametrizations.orthogonal(new nn.Linear(5, 3));
    const q = orthogonal.weight;
    expect(q.matmul(q.t()).allclose(torch.eye(3), { atol: 1e-5 })).toBe(true);
    const spectral = parametrizations.spectralNorm(new nn.Linear(4, 4), { nPowerIterations: 50 });
    expect(torch.linalg.svdvals(spectral.weight).at(0).item()).toBeCloseTo(1, 4);
  });

  it('an orthogonal parameter is assigned to, unless its map cannot be inverted', () => {
    const free = parametrizations.orthogonal(new nn.Linear(3, 3));
    (free as { weight: Tensor }).weight = torch.eye(3);
    expect(free.weight.allclose(torch.eye(3), { atol: 1e-6 })).toBe(true);
    const fixed = parametrizations.orthogonal(new nn.Linear(3, 3), { useTrivialization: false });
    expect(() => ((fixed as { weight: Tensor }).weight = torch.eye(3))).toThrow(/cannot be assigned to/);
  });

  it('weightNorm takes the older keys', () => {
    const old = weightNorm(new nn.Linear(3, 2));
    expect(Object.keys(old.stateDict())).toEqual(['bias', 'weight_g', 'weight_v']);
    const now = parametrizations.weightNorm(new nn.Linear(3, 2));
    now.loadStateDict(old.stateDict());
    expect(now.forward(x).equal(old.forward(x))).toBe(true);
    const copy = old.deepcopy();
    removeWeightNorm(old);
    expect(Object.keys(old.stateDict())).toEqual(['bias', 'weight']);
    expect(old.forward(x).allclose(now.forward(x))).toBe(true);
    expect(copy.forward(x).equal(now.forward(x))).toBe(true);
    expect(() => removeWeightNorm(old)).toThrow(/'weight' of Linear is not normalised/);
    expect(() => weightNorm(weightNorm(new nn.Linear(1, 1)))).toThrow(/'weight' is normalised already/);
    expect(() => weightNorm(new nn.Linear(1, 1), { name: 'w' })).toThrow(/Linear has no parameter 'w'/);
  });
});

describe('parameters of native modules', () => {
  it('may be shared and assigned', () => {
    const [a, b] = [new nn.Linear(3, 3), new nn.Linear(3, 3)];
    b.weight = a.weight;
    b.bias = a.bias;
    expect(b.forward(x).equal(a.forward(x))).toBe(true);
    const conv = new nn.Conv2d(1, 1, 2, { stride: 2, padding: 1, paddingMode: 'circular' });
    const image = torch.ones([1, 1, 4, 4]);
    const before = conv.forward(image);
    conv.weight = new nn.Parameter(conv.weight.detach().clone());
    expect(conv.forward(image).equal(before)).toBe(true);
  });
});
