// torch.autograd.Function: custom operators written in TypeScript.
import { once } from 'node:events';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import torch, { type Tensor } from 'torch-node';
import { collectGarbage, liveTensors, withoutLeaks } from '../support/leaks.js';

type Ctx = torch.autograd.FunctionContext;

class Exp extends torch.autograd.Function {
  static forward(ctx: Ctx, x: Tensor): Tensor {
    const y = x.exp();
    ctx.saveForBackward(y);
    return y;
  }
  static backward(ctx: Ctx, grad: Tensor): Tensor {
    return grad.mul(ctx.savedTensors[0]!);
  }
}

class Cube extends torch.autograd.Function {
  static forward(ctx: Ctx, x: Tensor): Tensor {
    ctx.saveForBackward(x);
    return x.mul(x).mul(x);
  }
  static backward(ctx: Ctx, grad: Tensor): Tensor {
    const [x] = ctx.savedTensors;
    return grad.mul(x!.mul(x!).mul(3));
  }
}

/** An operator of one input with the backward given. */
function withBackward(
  backward: (ctx: Ctx, grad: Tensor) => Tensor | null | undefined | (Tensor | null)[],
): (x: Tensor) => Tensor {
  class Custom extends torch.autograd.Function {
    static forward(_ctx: Ctx, x: Tensor): Tensor {
      return x.mul(2);
    }
    static backward(ctx: Ctx, grad: Tensor): Tensor | null | undefined | (Tensor | null)[] {
      return backward(ctx, grad);
    }
  }
  return (x) => Custom.apply(x);
}

function thrownBy(run: () => void): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

const leaf = (...values: number[]): Tensor => torch.tensor(values, { requiresGrad: true });

describe('Function', () => {
  it('has the derivative that its backward says', () => {
    withoutLeaks(() => {
      const x = leaf(0, 1, 2);
      const y = Exp.apply(x);
      expect([y.gradFn, y.isLeaf, y.requiresGrad]).toEqual(['ExpBackward', false, true]);
      expect(y.equal(x.exp())).toBe(true);
      y.mul(torch.tensor([1, 10, 100]))
        .sum()
        .backward();
      const expected = x
        .detach()
        .exp()
        .mul(torch.tensor([1, 10, 100]));
      expect(x.grad!.equal(expected)).toBe(true);
    });
  });

  it('records nothing where nothing requires a gradient', () => {
    withoutLeaks(() => {
      const x = leaf(1);
      expect(Exp.apply(torch.ones([1])).requiresGrad).toBe(false);
      const y = torch.noGrad(() => Exp.apply(x));
      expect([y.requiresGrad, y.gradFn]).toEqual([false, undefined]);
    });
  });

  it('is differentiable twice, where its backward is', () => {
    withoutLeaks(() => {
      const x = leaf(2, 3);
      const [first] = torch.grad(Cube.apply(x).sum(), x, { createGraph: true });
      expect(first!.toArray()).toEqual([12, 27]);
      const [second] = torch.grad(first!.sum(), x, { createGraph: true });
      expect(second!.toArray()).toEqual([12, 18]);
      expect(torch.grad(second!.sum(), x)[0]!.toArray()).toEqual([6, 6]);
      // Through the output that was saved.
      const [e1] = torch.grad(Exp.apply(x).sum(), x, { createGraph: true });
      const [e2] = torch.grad(e1!.sum(), x);
      expect(e2!.allclose(x.detach().exp())).toBe(true);
      expect(torch.grad(Cube.apply(x).sum(), x)[0]!.requiresGrad).toBe(false);
    });
  });

  it('takes several inputs, values that are no tensors, and gives several outputs', () => {
    withoutLeaks(() => {
      const seen: unknown[] = [];
      class Affine extends torch.autograd.Function {
        static forward(
          ctx: torch.autograd.FunctionContext<{ factor: number }>,
          x: Tensor,
          factor: number,
          b: Tensor,
          name: string,
        ): [Tensor, string, Tensor] {
          ctx.factor = factor;
          seen.push(ctx.needsInputGrad);
          return [x.mul(factor).add(b), name, x.neg()];
        }
        static backward(
          ctx: torch.autograd.FunctionContext<{ factor: number }>,
          sum: Tensor,
          none: null,
          negative: Tensor,
        ): (Tensor | null)[] {
          seen.push(none);
          return [sum.mul(ctx.factor).sub(negative), null, ctx.needsInputGrad[2] ? sum : null, null];
        }
      }
      const x = leaf(1, 2);
      const b = leaf(5, 5);
      const [y, name, negative] = Affine.apply(x, 3, b, 'affine');
      expect([y.toArray(), name, negative.toArray()]).toEqual([[8, 11], 'affine', [-1, -2]]);
      y.add(negative.mul(10)).sum().backward();
      expect([x.grad!.toArray(), b.grad!.toArray()]).toEqual([[-7, -7], [1, 1]]); // prettier-ignore
      // One output alone: the gradient of the other is zeros.
      x.grad = null;
      Affine.apply(x, 3, b.detach(), 'x')[0].sum().backward();
      expect(x.grad!.toArray()).toEqual([3, 3]);
      expect(seen).toEqual([[true, false, true, false], null, [true, false, false, false], null]);
    });
  });

  it('gives null for gradients that did not come, where asked to', () => {
    withoutLeaks(() => {
      const seen: unknown[] = [];
      class Two extends torch.autograd.Function {
        static forward(ctx: Ctx, x: Tensor, materialize: boolean): Tensor[] {
          ctx.setMaterializeGrads(materialize);
          return [x.mul(1), x.mul(2)];
        }
        static backward(_ctx: Ctx, a: Tensor, b: Tensor | null): (Tensor | null)[] {
          seen.push(b === null ? null : b.toArray());
          return [a, null];
        }
      }
      const x = leaf(1, 2);
      Two.apply(x, false)[0]!.sum().backward();
      Two.apply(x, true)[0]!.sum().backward();
      expect(seen).toEqual([null, [0, 0]]);
    });
  });

  it('has outputs without a gradient, and inputs modified in place', () => {
    withoutLeaks(() => {
      class Sort extends torch.autograd.Function {
        static forward(ctx: Ctx, x: Tensor): [Tensor, Tensor] {
          const { values, indices } = x.sort();
          ctx.markNonDifferentiable(indices);
          ctx.saveForBackward(indices);
          return [values, indices];
        }
        static backward(ctx: Ctx, grad: Tensor): Tensor {
          const [indices] = ctx.savedTensors;
          return torch.zeros([3]).scatter(0, indices!, grad);
        }
      }
      const x = leaf(3, 1, 2);
      const [values, indices] = Sort.apply(x);
      expect([values.requiresGrad, indices.requiresGrad]).toEqual([true, false]);
      values
        .mul(torch.tensor([1, 10, 100]))
        .sum()
        .backward();
      expect(x.grad!.toArray()).toEqual([100, 1, 10]);

      class Double_ extends torch.autograd.Function {
        static forward(ctx: Ctx, t: Tensor): Tensor {
          ctx.markDirty(t);
          return t.mul_(2);
        }
        static backward(_ctx: Ctx, grad: Tensor): Tensor {
          return grad.mul(2);
        }
      }
      x.grad = null;
      const t = x.mul(1);
      Double_.apply(t);
      expect([t.toArray(), t.gradFn]).toEqual([[6, 2, 4], 'Double_Backward']);
      t.sum().backward();
      expect(x.grad!.toArray()).toEqual([2, 2, 2]);
      expect(() => Double_.apply(x)).toThrow(/leaf tensor.*in-place/);
    });
  });

  it('may return an input as it is', () => {
    withoutLeaks(() => {
      class Reverse extends torch.autograd.Function {
        static forward(_ctx: Ctx, x: Tensor): Tensor {
          return x;
        }
        static backward(_ctx: Ctx, grad: Tensor): Tensor {
          return grad.neg();
        }
      }
      const x = leaf(1, 2);
      Reverse.apply(x).sum().backward();
      expect([x.isLeaf, x.grad!.toArray()]).toEqual([true, [-1, -1]]);
    });
  });
});

describe('what is saved', () => {
  it('survives the scope of the forward', () => {
    withoutLeaks(() => {
      class Masked extends torch.autograd.Function {
        static forward(ctx: torch.autograd.FunctionContext<{ mask: Tensor }>, x: Tensor): Tensor {
          ctx.mask = x.gt(0);
          return x.mul(ctx.mask);
        }
        static backward(ctx: torch.autograd.FunctionContext<{ mask: Tensor }>, grad: Tensor): Tensor {
          return grad.mul(ctx.mask);
        }
      }
      const x = leaf(-1, 1);
      const loss = torch.scope(() => torch.scope(() => Masked.apply(Cube.apply(x.mul(2)))).sum());
      loss.backward();
      expect(x.grad!.toArray()).toEqual([0, 24]);
    });
  });

  it('is there during backward only, and once', () => {
    withoutLeaks(() => {
      let kept: Ctx | undefined;
      class Peek extends torch.autograd.Function {
        static forward(ctx: Ctx, x: Tensor): Tensor {
          ctx.saveForBackward(x, null);
          kept = ctx;
          return x.mul(1);
        }
        static backward(ctx: Ctx, grad: Tensor): Tensor {
          expect(ctx).toBe(kept);
          expect(ctx.savedTensors).toHaveLength(2);
          expect(ctx.savedTensors[1]).toBeNull();
          return grad;
        }
      }
      const x = leaf(1);
      const y = Peek.apply(x);
      expect(() => kept!.savedTensors).toThrow(/while backward runs/);
      y.backward(undefined, { retainGraph: true });
      y.backward();
      expect(x.grad!.toArray()).toEqual([2]);
      expect(() => kept!.savedTensors).toThrow(/while backward runs/);
      expect(() => y.backward()).toThrow(/backward through the graph a second time/);
    });
  });

  it('must not be modified in between', () => {
    withoutLeaks(() => {
      const t = leaf(1).mul(2);
      const y = Cube.apply(t);
      torch.noGrad(() => t.add_(1));
      expect(() => y.backward()).toThrow(/modified by an inplace operation/);
    });
  });
});

describe('errors', () => {
  it('thrown inside backward come out as they are', () => {
    withoutLeaks(() => {
      const x = leaf(1);
      for (const error of [
        new RangeError('mine'),
        Object.freeze({ code: 'ERR_TORCH' }),
        'text',
        7,
        null,
        undefined,
      ]) {
        const run = withBackward(() => { throw error as Error; }); // prettier-ignore
        expect(thrownBy(() => run(x).backward())).toBe(error);
        expect(thrownBy(() => torch.grad(run(x.mul(2)).mul(2), x))).toBe(error);
      }
      // An error of libtorch's inside it keeps the words that it has there.
      const run = withBackward((_ctx, grad) => grad.matmul(torch.ones([3, 3])));
      expect(() => run(x).backward()).toThrow(/^aten::matmul: /);
      // Autograd goes on as before.
      x.mul(3).backward();
      expect(x.grad!.toArray()).toEqual([3]);
      expect(torch.isGradEnabled()).toBe(true);
    });
  });

  it('thrown through a backward pass inside another come out as they are', () => {
    withoutLeaks(() => {
      const x = leaf(1);
      const error = new Error('inner');
      const inner = withBackward(() => { throw error; }); // prettier-ignore
      const outer = withBackward((_ctx, grad) => {
        torch.enableGrad(() => inner(leaf(2))).backward();
        return grad;
      });
      expect(thrownBy(() => outer(x).backward())).toBe(error);
    });
  });

  it('thrown inside forward come out as they are, and leave nothing behind', () => {
    withoutLeaks(() => {
      const error = new Error('forward');
      class Failing extends torch.autograd.Function {
        static forward(_ctx: Ctx, x: Tensor): Tensor {
          x.mul(2);
          throw error;
        }
        static backward(): null {
          return null;
        }
      }
      expect(thrownBy(() => Failing.apply(leaf(1)))).toBe(error);
      expect(torch.isGradEnabled()).toBe(true);
    });
  });

  it('say which gradient is wrong', () => {
    withoutLeaks(() => {
      const x = leaf(1, 2);
      const run = (gradients: () => unknown): void => {
        class Bad extends torch.autograd.Function {
          static forward(_ctx: Ctx, t: Tensor, _factor: number): Tensor {
            return t.mul(2);
          }
          static backward(): Tensor[] {
            return gradients() as Tensor[];
          }
        }
        Bad.apply(x, 2).sum().backward();
      };
      expect(() => run(() => [torch.ones([2])])).toThrow(/Bad: backward: .*each of the 2 arguments.*got 1/);
      expect(() => run(() => [torch.ones([2]), null, torch.ones([2])])).toThrow(/2 arguments.*got 3/);
      expect(() => run(() => [3, null])).toThrow(/gradient 0: expected a Tensor or null, got 3/);
      expect(() => run(() => [torch.ones([2]), torch.ones([2])])).toThrow(/gradient 1: expected null/);
      expect(() => run(() => [torch.ones([3]), null])).toThrow(
        /BadBackward.*invalid gradient at index 0.*\[3\]/,
      );
      expect(x.grad).toBeNull();
      run(() => [torch.ones([2]), null, null]);
      run(() => [null, undefined]);
      expect(x.grad!.toArray()).toEqual([1, 1]);
    });
  });

  it('say what else is wrong', () => {
    withoutLeaks(() => {
      class Empty extends torch.autograd.Function {}
      const apply = (type: unknown): unknown => (type as typeof Exp).apply(leaf(1));
      expect(() => apply(Empty)).toThrow(/Empty: .*static method 'forward'/);
      class NoTensor extends torch.autograd.Function {
        static forward(ctx: Ctx, x: Tensor): unknown {
          ctx.saveForBackward(x);
          return 3;
        }
        static backward(): null {
          return null;
        }
      }
      expect(() => NoTensor.apply(leaf(1))).toThrow(/forward: expected a Tensor.*got 3/);
      class Saves extends NoTensor {
        static override forward(ctx: Ctx, x: Tensor): unknown {
          ctx.saveForBackward(x, 'text' as unknown as Tensor);
          return x;
        }
      }
      expect(() => Saves.apply(leaf(1))).toThrow(/saveForBackward: argument 1: .*got 'text'/);
    });
  });
});

describe('memory', () => {
  it('does not grow over many steps', async () => {
    await collectGarbage();
    const before = liveTensors();
    const x = torch.tensor([1, 2], { requiresGrad: true });
    for (let i = 0; i < 10_000; i++) {
      torch.scope(() => {
        Exp.apply(Cube.apply(x)).sum().backward();
        x.grad = null;
      });
      if (i % 1000 === 0) expect(torch.memory().tensors).toBeLessThanOrEqual(before + 2);
    }
    expect(torch.memory().tensors).toBeLessThanOrEqual(before + 1);
    x.dispose();
  });

  it('is given back without a scope, without a backward pass, and with tensors on ctx', async () => {
    class Keeps extends torch.autograd.Function {
      static forward(ctx: torch.autograd.FunctionContext<{ own: Tensor }>, x: Tensor): Tensor {
        ctx.own = x.mul(3);
        const y = x.mul(2);
        ctx.saveForBackward(x, y);
        return y;
      }
      static backward(ctx: torch.autograd.FunctionContext<{ own: Tensor }>, grad: Tensor): Tensor {
        return grad.mul(ctx.own);
      }
    }
    await collectGarbage();
    const before = liveTensors();
    // In a function of its own: what a suspended one last had in hand stays alive.
    const step = (i: number): void => {
      const y = Keeps.apply(torch.tensor([1, 2], { requiresGrad: true }));
      if (i % 2 === 0) y.sum().backward();
    };
    for (let i = 0; i < 1000; i++) step(i);
    for (let i = 0; i < 10 && liveTensors() > before; i++) await collectGarbage();
    expect(liveTensors()).toBeLessThanOrEqual(before);
  });
});

// ---- threads ----

const MAIN = JSON.stringify(path.resolve(__dirname, '../../dist/index.js'));
const WORKER = `
const { parentPort, workerData } = require('node:worker_threads');
import(${MAIN}).then(({ default: torch }) => {
  class Exp extends torch.autograd.Function {
    static forward(ctx, x) { const y = x.exp(); ctx.saveForBackward(y); return y; }
    static backward(ctx, grad) { return grad.mul(ctx.savedTensors[0]).mul(workerData.factor); }
  }
  const error = new Error('in the worker');
  class Throws extends Exp { static backward() { throw error; } }
  const x = torch.zeros([2], { requiresGrad: true });
  for (let i = 0; i < 200; i++) torch.scope(() => Exp.apply(x).sum().backward());
  let same = false;
  try { Throws.apply(x).sum().backward(); } catch (thrown) { same = thrown === error; }
  const hooked = torch.ones([1], { requiresGrad: true });
  hooked.registerHook(() => {});
  globalThis.graph = Exp.apply(x); // lives to the end of the thread
  parentPort.postMessage({ grad: x.grad.toArray(), same, parcel: torch.send(hooked) });
});`;

interface Answer {
  grad: number[];
  same: boolean;
  parcel: torch.TensorParcel;
}

describe('threads', () => {
  it('run their own functions at the same time, and end with graphs alive', async () => {
    const workers = [1, 10].map((factor) => new Worker(WORKER, { eval: true, workerData: { factor } }));
    const answers = workers.map((worker) => once(worker, 'message') as Promise<[Answer]>);
    const x = leaf(0);
    for (let i = 0; i < 200; i++) torch.scope(() => Exp.apply(x).sum().backward());
    const [[one], [ten]] = (await Promise.all(answers)) as [[Answer], [Answer]];
    expect([x.grad!.toArray(), one.grad, ten.grad]).toEqual([[200], [200, 200], [2000, 2000]]);
    expect([one.same, ten.same]).toEqual([true, true]);
    // A hook that came along from another thread: an error in words, not a call into that thread's JavaScript.
    const foreign = torch.receive(one.parcel);
    expect(() => foreign.mul(2).backward()).toThrow(/runs on the thread that it was made on only/);
    await Promise.all(workers.map(async (worker) => worker.terminate()));
    expect(() => foreign.mul(2).backward()).toThrow(/runs on the thread that it was made on only/);
    for (const tensor of [x, foreign, torch.receive(ten.parcel)]) tensor.dispose();
  });

  it('says so when a backward pass nested too deep changes threads', () => {
    withoutLeaks(() => {
      const nested = (depth: number): ((x: Tensor) => Tensor) =>
        withBackward((_ctx, grad) => {
          if (depth > 0) torch.enableGrad(() => nested(depth - 1)(leaf(1))).backward();
          return grad;
        });
      const x = leaf(1);
      nested(20)(x).backward();
      expect(x.grad!.toArray()).toEqual([1]);
      expect(() => nested(100)(x).backward()).toThrow(/nested too deep/);
    });
  });
});
