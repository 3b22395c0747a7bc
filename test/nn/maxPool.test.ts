// Windows of 2 x 2 on the CPU have a kernel of their own (native/kernels/kernels.cpp). It is held against ATen's, which still
// answers where ceilMode is set; of that answer, whole windows alone are compared.
import torch, { nn, type Tensor } from 'torch-node';
import { asBytes } from '../parity/support.js';

function pool(input: Tensor, ceilMode: boolean): Tensor[] {
  const results = torch.ops.call('aten::max_pool2d_with_indices', [
    input,
    [2, 2],
    [2, 2],
    [0, 0],
    [1, 1],
    ceilMode,
  ]) as Tensor[];
  const [height, width] = input.shape.slice(-2) as [number, number];
  return results.map((t) => t.narrow(-2, 0, Math.floor(height / 2)).narrow(-1, 0, Math.floor(width / 2)));
}

/** Few different values, so that windows have ties; NaN and infinities among them where asked for. */
function picture(shape: number[], special = false): Tensor {
  let x = 7;
  const values = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    const kind = (x >>> 24) % 16;
    if (special && kind < 6) return kind < 1 ? NaN : kind < 2 ? Infinity : -Infinity;
    return kind % 2 ? ((x >>> 16) % 5) - 2 : (x >>> 8) / 2 ** 24 - 0.5;
  });
  return torch.tensor(values, { shape });
}

function expectSameBits(actual: Tensor[], expected: Tensor[]): void {
  expect(actual).toHaveLength(2);
  actual.forEach((tensor, i) => {
    expect([tensor.dtype, tensor.shape]).toEqual([expected[i]!.dtype, expected[i]!.shape]);
    expect(asBytes(tensor.dataSync()).equals(asBytes(expected[i]!.dataSync()))).toBe(true);
  });
}

describe('max-pooling of 2 x 2 windows equals ATen in every bit, values and indices', () => {
  it.each([
    [[32, 6, 28, 28]],
    [[2, 3, 7, 9]],
    [[1, 2, 2, 2]],
    [[1, 1, 5, 4]],
    [[1, 2, 2, 6]],
    [[1, 2, 4, 10]],
    [[1, 2, 4, 14]],
    [[1, 1, 2, 18]],
    [[2, 2, 3, 128]],
    [[2, 2, 2, 131]],
    [[1, 3, 4, 1025]],
  ])('%j', (shape) => {
    torch.scope(() => {
      for (const special of [false, true]) {
        const input = picture(shape, special);
        expectSameBits(pool(input, false), pool(input, true));
      }
    });
  });

  it('with nothing but negative infinity, and with nothing but NaN', () => {
    torch.scope(() => {
      for (const value of [-Infinity, NaN]) {
        const input = torch.full([1, 2, 6, 10], value);
        expectSameBits(pool(input, false), pool(input, true));
      }
    });
  });

  it('on several threads', () => {
    const before = torch.getNumThreads();
    try {
      torch.scope(() => {
        const input = picture([32, 16, 40, 40], true);
        torch.setNumThreads(1);
        const one = pool(input, false);
        torch.setNumThreads(3);
        expectSameBits(pool(input, false), one);
        expectSameBits(pool(input, false), pool(input, true));
      });
    } finally {
      torch.setNumThreads(before);
    }
  });

  it('of a view whose values do not lie in order', () => {
    torch.scope(() => {
      const input = picture([2, 8, 12, 3]);
      const view = input.permute([0, 3, 1, 2]);
      expectSameBits(pool(view, false), pool(view.contiguous(), true));
    });
  });

  it('and hands gradients to the same places', () => {
    torch.scope(() => {
      const gradients = [false, true].map((ceilMode) => {
        const input = picture([4, 3, 10, 14]).requiresGrad_();
        const output = new nn.MaxPool2d(2, { ceilMode }).forward(input);
        output.mul(output).sum().backward();
        return asBytes(input.grad!.dataSync());
      });
      expect(gradients[0]!.equals(gradients[1]!)).toBe(true);
      expect(gradients[0]!.some((byte) => byte !== 0)).toBe(true);
    });
  });
});
