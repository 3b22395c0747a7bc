import torch from 'torch-node';
import { withoutLeaks } from '../support/leaks.js';

describe('autograd', () => {
  it('computes gradients and adds them up', () => {
    withoutLeaks(() => {
      const x = torch.tensor([2, 3], { requiresGrad: true });
      expect([x.isLeaf, x.grad, x.gradFn]).toEqual([true, null, undefined]);
      const y = x.mul(x).sum();
      expect([y.isLeaf, y.requiresGrad, y.gradFn]).toEqual([false, true, 'SumBackward0']);
      y.backward();
      expect(x.grad!.toArray()).toEqual([4, 6]);
      x.mul(x).sum().backward();
      expect(x.grad!.toArray()).toEqual([8, 12]);
      x.grad = null;
      expect(x.grad).toBeNull();
    });
  });

  it('takes a gradient to begin with, and gives chosen ones', () => {
    withoutLeaks(() => {
      const x = torch.tensor([1, 2], { requiresGrad: true });
      x.mul(3).backward(torch.tensor([1, 10]));
      expect(x.grad!.toArray()).toEqual([3, 30]);
      const z = torch.ones([1], { requiresGrad: true });
      const [gx, gz] = torch.grad(x.pow(2).sum(), [x, z], { allowUnused: true });
      expect(gx!.toArray()).toEqual([2, 4]);
      expect(gz).toBeNull();
      const [first] = torch.grad(x.pow(3).sum(), x, { createGraph: true });
      expect(torch.grad(first!.sum(), x)[0]!.toArray()).toEqual([6, 12]);
    });
  });

  it('records nothing under noGrad and inferenceMode, and comes back', () => {
    withoutLeaks(() => {
      const x = torch.ones([1], { requiresGrad: true });
      expect(torch.noGrad(() => x.mul(2)).requiresGrad).toBe(false);
      expect(torch.noGrad(() => torch.enableGrad(() => x.mul(2))).requiresGrad).toBe(true);
      expect(torch.inferenceMode(() => x.mul(2)).requiresGrad).toBe(false);
      expect(() => torch.noGrad(() => { throw new Error('x'); })).toThrow('x'); // prettier-ignore
      expect(torch.isGradEnabled()).toBe(true);
      expect(x.mul(2).requiresGrad).toBe(true);
      expect(x.detach().requiresGrad).toBe(false);
    });
  });

  it('says what is wrong', () => {
    withoutLeaks(() => {
      const x = torch.ones([2], { requiresGrad: true });
      expect(() => torch.ones([1]).backward()).toThrow(/does not require grad/);
      expect(() => x.mul(2).backward()).toThrow(/scalar outputs/);
      const y = x.sum();
      y.backward();
      expect(() =>
        x
          .mul(x)
          .sum()
          .backward(torch.ones([3])),
      ).toThrow(/[Mm]ismatch|shape/);
      expect(() => torch.ones([1], { dtype: 'int64' }).requiresGrad_()).toThrow(/floating point/);
      expect(() => { x.grad = torch.ones([3]); }).toThrow(/shape, dtype and device/); // prettier-ignore
      expect(() => x.add_(1)).toThrow(/leaf tensor.*in-place operation; .*noGrad/);
    });
  });

  it('notices values changed in place under a graph', () => {
    withoutLeaks(() => {
      const x = torch.ones([2], { requiresGrad: true });
      const y = x.exp();
      const loss = y.mul(y).sum();
      torch.noGrad(() => y.add_(1));
      expect(() => loss.backward()).toThrow(/modified by an inplace operation/);
    });
  });
});
