// What is built on autograd in TypeScript: gradcheck, torch.autograd.functional and checkpoints.
import torch, { nn, type Tensor } from 'torch-node';
import { withoutLeaks } from '../support/leaks.js';

type Ctx = torch.autograd.FunctionContext;
const { gradcheck, gradgradcheck, functional } = torch.autograd;

const doubles = (values: number[], shape = [values.length]): Tensor =>
  torch.tensor(Float64Array.from(values), { shape, requiresGrad: true });

class Square extends torch.autograd.Function {
  static forward(ctx: Ctx, x: Tensor): Tensor {
    ctx.saveForBackward(x);
    return x.mul(x);
  }
  static backward(ctx: Ctx, grad: Tensor): Tensor {
    return grad.mul(ctx.savedTensors[0]!).mul(2);
  }
}

class WrongSquare extends Square {
  static override backward(ctx: Ctx, grad: Tensor): Tensor {
    return grad.mul(ctx.savedTensors[0]!).mul(3);
  }
}

describe('gradcheck', () => {
  it('passes what is right', () => {
    withoutLeaks(() => {
      const x = doubles([0.3, -1.2, 2, 0.7, -0.1, 0.5], [2, 3]);
      const w = doubles([1, 2, -1, 0.5, 0.25, 3], [3, 2]);
      expect(gradcheck((a: Tensor, b: Tensor) => a.matmul(b).tanh(), [x, w])).toBe(true);
      expect(gradcheck((a: Tensor) => Square.apply(a), x)).toBe(true);
      expect(gradcheck((a: Tensor, n: number) => [a.mul(n), a.exp(), a.gt(0)], [x.t(), 3])).toBe(true);
      expect(gradgradcheck((a: Tensor) => Square.apply(a), x)).toBe(true);
      expect(gradgradcheck((a: Tensor, b: Tensor) => a.matmul(b).sigmoid(), [x, w])).toBe(true);
      // The inputs are as before, and so is what the graph knows of them.
      expect(x.toArray()).toEqual([[0.3, -1.2, 2], [0.7, -0.1, 0.5]]); // prettier-ignore
      const loss = x.mul(x).sum();
      gradcheck((a: Tensor) => a.sin(), x);
      loss.backward();
      expect(x.grad!.equal(x.detach().mul(2))).toBe(true);
    });
  });

  it('shows both Jacobians of what is wrong', () => {
    withoutLeaks(() => {
      const x = doubles([1, 2]);
      const run = (): boolean => gradcheck((a: Tensor) => WrongSquare.apply(a), x);
      expect(run).toThrow(/^gradcheck: Jacobian mismatch for output 0 with respect to input 0,/);
      expect(run).toThrow(
        /numerical: tensor\(\[\[2\.0000, 0\.0000\],\n +\[0\.0000, 4\.0000\]\], dtype=float64\)/,
      );
      expect(run).toThrow(/analytical: tensor\(\[\[3\., 0\.\],\n +\[0\., 6\.\]\], dtype=float64\)/);
      expect(gradcheck((a: Tensor) => WrongSquare.apply(a), x, { raiseException: false })).toBe(false);
      expect(gradcheck((a: Tensor) => WrongSquare.apply(a), x, { rtol: 0.6 })).toBe(true);
      // Right once, wrong twice.
      class Once extends Square {
        static override backward(ctx: Ctx, grad: Tensor): Tensor {
          return grad.mul(ctx.savedTensors[0]!.detach()).mul(2);
        }
      }
      const once = (a: Tensor): Tensor => Once.apply(a);
      expect(gradcheck(once, x)).toBe(true);
      expect(gradgradcheck(once, x, { raiseException: false })).toBe(false);
      expect(() => gradgradcheck(once, x)).toThrow(/mismatch for output 0 with respect to input 0/);
    });
  });

  it('finds a backward that forgets its gradient, does not take null, or is not the same twice', () => {
    withoutLeaks(() => {
      const x = doubles([1, 1]);
      class Forgets extends Square {
        static override backward(): Tensor {
          return torch.ones([2], { dtype: 'float64' });
        }
      }
      const sum = (a: Tensor): Tensor => Forgets.apply(a.reshape(1)).sum().reshape(1);
      class OfOne extends Forgets {
        static override backward(): Tensor {
          return torch.full([1], 2, { dtype: 'float64' });
        }
      }
      expect(() => gradcheck((a: Tensor) => OfOne.apply(a), doubles([1]))).toThrow(
        /not multiplied by the gradient/,
      );
      expect(() => gradcheck(sum, doubles([3]))).toThrow(/Jacobian mismatch/);
      class NoNull extends torch.autograd.Function {
        static forward(ctx: Ctx, a: Tensor): Tensor {
          ctx.setMaterializeGrads(false);
          return a.mul(1);
        }
        static backward(_ctx: Ctx, grad: Tensor | null): Tensor {
          return grad ?? torch.ones([2], { dtype: 'float64' });
        }
      }
      expect(() => gradcheck((a: Tensor) => NoNull.apply(a), x)).toThrow(
        /where the gradient of an output is missing/,
      );
      expect(gradcheck((a: Tensor) => NoNull.apply(a), x, { checkUndefinedGrad: false })).toBe(true);
      let calls = 0;
      class Drifts extends Square {
        static override backward(ctx: Ctx, grad: Tensor): Tensor {
          return Square.backward(ctx, grad).mul(1 + 1e-9 * calls++);
        }
      }
      expect(() => gradcheck((a: Tensor) => Drifts.apply(a), x)).toThrow(/differ by more than nondetTol/);
      expect(gradcheck((a: Tensor) => Drifts.apply(a), x, { nondetTol: 1e-6 })).toBe(true);
    });
  });

  it('says what it cannot check', () => {
    withoutLeaks(() => {
      const x = doubles([1, 2]);
      expect(() => gradcheck((a: Tensor) => a, x.detach())).toThrow(
        /at least one input that requires a gradient/,
      );
      expect(() => gradcheck(() => 3 as unknown as Tensor, x)).toThrow(/must return a Tensor.*got 3/);
      expect(() => gradcheck((a: Tensor) => a, doubles([1]).expand(3))).toThrow(/stride 0/);
      expect(() => gradcheck((a: Tensor) => a.detach().mul(2), x)).toThrow(
        /requires no gradient, yet it changes/,
      );
      expect(gradcheck((a: Tensor) => a.detach().mul(0), x)).toBe(true);
      const error = new Error('mine');
      expect(() => gradcheck(() => { throw error; }, x, { raiseException: false })).toThrow(error); // prettier-ignore
    });
  });
});

describe('functional', () => {
  const f = (x: Tensor, y: Tensor): Tensor => x.mul(x).mul(y);

  it('vjp and jvp are products with the Jacobian', () => {
    withoutLeaks(() => {
      const x = torch.tensor([1, 2, 3]);
      const y = torch.tensor([4, 5, 6]);
      const v = torch.tensor([1, 10, 100]);
      const [out, [dx, dy]] = functional.vjp(f, [x, y], v);
      expect(out.toArray()).toEqual([4, 20, 54]);
      expect([dx!.toArray(), dy!.toArray()]).toEqual([[8, 200, 3600], [1, 40, 900]]); // prettier-ignore
      const [value, along] = functional.jvp(f, [x, y], [v, torch.ones([3])]);
      expect([value.toArray(), along.toArray()]).toEqual([[4, 20, 54], [9, 204, 3609]]); // prettier-ignore
      const [, both] = functional.jvp((a: Tensor) => [a.mul(2), a.exp()], torch.tensor([0]));
      expect(both.map((each) => each.toArray())).toEqual([[2], [1]]);
      const [, slope] = functional.vjp((a: Tensor) => a.pow(3).sum(), x);
      expect([slope.toArray(), slope.requiresGrad]).toEqual([[3, 12, 27], false]);
      expect([x.requiresGrad, x.grad]).toEqual([false, null]);
    });
  });

  it('gives Jacobians in the shapes of outputs and inputs', () => {
    withoutLeaks(() => {
      const x = torch.tensor([[1, 2], [3, 4]]); // prettier-ignore
      const v = torch.tensor([1, 1]);
      const one = functional.jacobian((a: Tensor) => a.matmul(v), x);
      expect(one.shape).toEqual([2, 2, 2]);
      expect(one.toArray()).toEqual([[[1, 1], [0, 0]], [[0, 0], [1, 1]]]); // prettier-ignore
      const [byX, byV] = functional.jacobian((a: Tensor, b: Tensor) => a.matmul(b), [x, v]);
      expect(byX!.equal(one)).toBe(true);
      expect(byV!.equal(x)).toBe(true);
      const many = functional.jacobian((a: Tensor) => [a.sum(), a.mul(2)], v);
      expect(many.map((each) => each.toArray())).toEqual([[1, 1], [[2, 0], [0, 2]]]); // prettier-ignore
      expect(functional.jacobian((a: Tensor) => a.narrow(0, 0, 0), v).shape).toEqual([0, 2]);
    });
  });

  it('gives Hessians, which can be differentiated', () => {
    withoutLeaks(() => {
      const x = torch.tensor([1, 2]);
      expect(functional.hessian((a: Tensor) => a.pow(3).sum(), x).toArray()).toEqual([[6, 0], [0, 12]]); // prettier-ignore
      const y = torch.tensor([5]);
      const blocks = functional.hessian((a: Tensor, b: Tensor) => a.mul(a).mul(b).sum(), [x, y]);
      expect(blocks.map((row) => row.map((each) => each.toArray()))).toEqual([
        [[[10, 0], [0, 10]], [[2], [4]]],
        [[[2, 4]], [[0]]],
      ]); // prettier-ignore
      const z = torch.tensor([2], { requiresGrad: true });
      const second = functional.hessian((a: Tensor) => a.pow(4).sum(), z, { createGraph: true });
      expect(second.item()).toBe(48);
      second.sum().backward();
      expect(z.grad!.toArray()).toEqual([48]); // 24 z
    });
  });

  it('fills in zeros, or refuses to under strict', () => {
    withoutLeaks(() => {
      const x = torch.tensor([1, 2]);
      const constant = (a: Tensor): Tensor => torch.ones([2]).mul(a.shape.length);
      expect(functional.jacobian(constant, x).toArray()).toEqual([[0, 0], [0, 0]]); // prettier-ignore
      expect(functional.jvp(constant, x, x)[1].toArray()).toEqual([0, 0]);
      expect(functional.vjp(constant, x, x)[1].toArray()).toEqual([0, 0]);
      expect(() => functional.jacobian(constant, x, { strict: true })).toThrow(
        /output 0 depends on no input/,
      );
      const half = (a: Tensor, _b: Tensor): Tensor => a.mul(2);
      expect(() => functional.jacobian(half, [x, x], { strict: true })).toThrow(
        /output 0 is independent of input 1/,
      );
      expect(() => functional.jvp(half, [x, x], [x, x], { strict: true })).toThrow(/independent of input 1/);
    });
  });

  it('says what is wrong', () => {
    withoutLeaks(() => {
      const x = torch.tensor([1, 2]);
      const double = (a: Tensor): Tensor => a.mul(2);
      expect(() => functional.vjp(double, x)).toThrow(/v may be left out only where/);
      expect(() => functional.jvp(double, x, torch.ones([3]))).toThrow(
        /v: expected .*float32 \[2\].*got .*float32 \[3\]/,
      );
      expect(() => functional.jacobian(double, [x, 3] as unknown as Tensor[])).toThrow(
        /inputs: expected a Tensor/,
      );
      expect(() => functional.vjp(() => 'x' as unknown as Tensor, x)).toThrow(
        /what the function returned: .*got 'x'/,
      );
      expect(() => functional.hessian(double, x)).toThrow(/one Tensor of one element, got float32 \[2\]/);
    });
  });
});

describe('checkpoint', () => {
  const { checkpoint } = torch.utils;

  it('gives the gradients that it would give without, and computes twice', () => {
    torch.manualSeed(0);
    const net = new nn.Sequential(new nn.Linear(4, 8), new nn.Tanh(), new nn.Linear(8, 2));
    const parameters = [...net.parameters()];
    withoutLeaks(() => {
      let calls = 0;
      const run = (input: Tensor, factor: number): Tensor => {
        calls++;
        return torch.dropout(net.forward(input), 0.5, true).mul(factor);
      };
      const x = torch.randn([3, 4], { requiresGrad: true });
      const gradients = (forward: () => Tensor): unknown[] => {
        for (const each of [x, ...parameters]) each.grad = null;
        torch.manualSeed(1);
        const loss = torch
          .scope(forward)
          .mul(torch.rand([2]))
          .sum();
        const state = torch.getRngState();
        loss.backward();
        expect(torch.getRngState().equal(state)).toBe(true);
        return [loss.item(), ...[x, ...parameters].map((each) => each.grad!.toArray())];
      };
      const plain = gradients(() => run(x, 3));
      expect(calls).toBe(1);
      expect(gradients(() => checkpoint(run, x, 3))).toEqual(plain);
      expect(calls).toBe(3);
      // One inside another.
      expect(gradients(() => checkpoint((a: Tensor) => checkpoint(run, a, 3), x))).toEqual(plain);
      // Parameters alone require gradients.
      parameters[0]!.grad = null;
      checkpoint(run, x.detach(), 3).sum().backward();
      expect(parameters[0]!.grad).not.toBeNull();
      for (const each of parameters) each.grad = null;
      expect(torch.noGrad(() => checkpoint(run, x, 3)).requiresGrad).toBe(false);
    });
    for (const each of parameters) each.dispose();
  });

  it('throws where it cannot give gradients, and what its function throws', () => {
    withoutLeaks(() => {
      const x = torch.ones([2], { requiresGrad: true });
      const run = (): Tensor => checkpoint((a: Tensor) => a.exp(), x).sum();
      expect(() => torch.grad(run(), x)).toThrow(/checkpoint: gradients come through .* by backward\(\)/);
      expect(() => run().backward(undefined, { inputs: [x] })).toThrow(/without `inputs` only/);
      expect(() => run().backward(undefined, { createGraph: true })).toThrow(
        /cannot be differentiated twice/,
      );
      const error = new Error('again');
      let calls = 0;
      const fails = (a: Tensor): Tensor => {
        if (calls++ > 0) throw error;
        return a.mul(2);
      };
      let thrown: unknown;
      try {
        checkpoint(fails, x).sum().backward();
      } catch (caught) {
        thrown = caught;
      }
      expect(thrown).toBe(error);
      const [a, b] = checkpoint((t: Tensor) => [t.mul(2), t.detach()] as const, x);
      a.sum().backward();
      expect([x.grad!.toArray(), b.toArray()]).toEqual([[2, 2], [1, 1]]); // prettier-ignore
    });
  });
});

it('torch.autograd.backward starts from several tensors', () => {
  withoutLeaks(() => {
    const x = torch.tensor([1, 2], { requiresGrad: true });
    torch.autograd.backward([x.mul(3).sum(), x.mul(x)], { gradTensors: [null, torch.tensor([1, 10])] });
    expect(x.grad!.toArray()).toEqual([5, 43]);
    expect(() => torch.autograd.backward([x.sum()], { gradTensors: [] })).toThrow(
      /for each of the 1 tensors/,
    );
  });
});
