// Hooks on tensors, and gradients of tensors that are no leaves.
import torch, { type Tensor } from 'torch-node';
import { collectGarbage, liveTensors, settledTensors, withoutLeaks } from '../support/leaks.js';

const leaf = (...values: number[]): Tensor => torch.tensor(values, { requiresGrad: true });

describe('registerHook', () => {
  it('sees the gradient of leaves and of others, and may replace it', () => {
    withoutLeaks(() => {
      const seen: unknown[] = [];
      const x = leaf(1, 2);
      const y = x.mul(3);
      y.registerHook((grad) => void seen.push(grad.toArray()));
      y.registerHook((grad) => grad.mul(2));
      x.registerHook((grad) => {
        seen.push(grad.toArray());
        return grad.neg();
      });
      y.mul(5).sum().backward();
      expect(seen).toEqual([[5, 5], [30, 30]]); // prettier-ignore
      expect(x.grad!.toArray()).toEqual([-30, -30]);
    });
  });

  it('is differentiable under createGraph', () => {
    withoutLeaks(() => {
      const x = leaf(3);
      const y = x.mul(1);
      y.registerHook((grad) => grad.mul(x));
      const [first] = torch.grad(y.mul(y), x, { createGraph: true });
      expect(first!.toArray()).toEqual([18]);
      // d(2yx)/dx = 2y + 2x dy/dx, where the hook multiplies what goes through y by x once more
      expect(torch.grad(first!, x)[0]!.toArray()).toEqual([6 + 6 * 3]);
    });
  });

  it('ends with remove(), also from inside, and with its scope', () => {
    withoutLeaks(() => {
      let calls = 0;
      const x = leaf(1);
      const handle = x.registerHook(() => {
        calls++;
      });
      const once = x.registerHook(() => {
        calls += 10;
        once.remove();
      });
      x.mul(2).backward();
      x.mul(2).backward();
      expect(calls).toBe(12);
      handle.remove();
      handle.remove();
      x.mul(2).backward();
      {
        using other = x.registerHook(() => {
          calls += 100;
        });
        expect(other).toBeDefined();
      }
      x.mul(2).backward();
      expect(calls).toBe(12);
      // The handle alone ends nothing.
      x.registerHook(() => {
        calls++;
      });
      liveTensors();
      x.mul(2).backward();
      expect(calls).toBe(13);
    });
  });

  it('keeps what is asked to stay', () => {
    withoutLeaks(() => {
      let kept: Tensor | undefined;
      let lost: Tensor | undefined;
      const x = leaf(1);
      x.registerHook((grad) => {
        lost = grad;
        kept = grad.mul(2).keep();
      });
      x.mul(4).backward();
      expect([lost!.disposed, kept!.item()]).toEqual([true, 8]);
      kept!.dispose();
    });
  });

  it('throws its own errors out of backward', () => {
    withoutLeaks(() => {
      const error = new Error('hook');
      const x = leaf(1);
      const handle = x.registerHook(() => { throw error; }); // prettier-ignore
      let thrown: unknown;
      try {
        x.mul(2).backward();
      } catch (caught) {
        thrown = caught;
      }
      expect(thrown).toBe(error);
      handle.remove();
      x.mul(2).backward();
      expect(x.grad!.toArray()).toEqual([2]);
    });
  });

  it('says what is wrong', () => {
    withoutLeaks(() => {
      expect(() => torch.ones([1]).registerHook(() => {})).toThrow(/Tensor.registerHook: .*require/);
      expect(() => leaf(1).registerHook(3 as unknown as () => void)).toThrow(/expected a function, got 3/);
      const run = (value: unknown): void => {
        const x = leaf(1, 2);
        x.registerHook(() => value as Tensor);
        x.sum().backward();
      };
      expect(() => run(7)).toThrow(/a hook returns nothing, or a Tensor.*got 7/);
      expect(() => run(torch.ones([3]))).toThrow(/size|shape/);
    });
  });

  it('leaves nothing behind', async () => {
    await collectGarbage();
    const before = liveTensors();
    const x = leaf(1);
    for (let i = 0; i < 10_000; i++) {
      torch.scope(() => {
        const y = x.mul(2);
        y.registerHook((grad) => grad.mul(y)); // holds the tensor that holds it
        const handle = x.registerHook((grad) => void grad.neg());
        y.backward();
        handle.remove();
        x.grad = null;
      });
    }
    expect(torch.memory().tensors).toBeLessThanOrEqual(before + 1);
    x.dispose();
  });
});

describe('a hook outside of scopes', () => {
  const same = (gradient: Tensor): Tensor => gradient;
  const rounds: Record<string, (x: Tensor) => void> = {
    'on a leaf': (x) => void x.registerHook(same),
    'on what was computed': (x) => void x.mul(2).registerHook(same),
    'several': (x) => { x.registerHook(same); x.registerHook(same); }, // prettier-ignore
    'after a backward pass': (x) => { x.registerHook(same); x.mul(2).backward(); }, // prettier-ignore
    'taken off': (x) => x.registerHook(same).remove(),
    'and retainGrad': (x) => { const y = x.mul(2); y.registerHook(same); y.retainGrad(); y.backward(); }, // prettier-ignore
  };

  it.each(Object.keys(rounds))('%s does not keep its tensor', async (name) => {
    const before = await settledTensors();
    for (let i = 0; i < 300; i++) rounds[name]!(leaf(1));
    expect(await settledTensors()).toBeLessThanOrEqual(before + 5);
  });
});

describe('retainGrad', () => {
  it('keeps the gradient of a tensor that is no leaf', () => {
    withoutLeaks(() => {
      const x = leaf(1, 2);
      const y = x.mul(3);
      expect(y.retainsGrad).toBe(false);
      y.retainGrad();
      expect(y.retainsGrad).toBe(true);
      y.registerHook((grad) => grad.mul(2));
      y.mul(y).sum().backward();
      // After the hooks, whichever came first.
      expect(y.grad!.toArray()).toEqual([12, 24]);
      expect(x.grad!.toArray()).toEqual([36, 72]);
      expect(() => torch.ones([1]).retainGrad()).toThrow(/Tensor.retainGrad: .*requiresGrad/);
    });
  });
});
