// Autocast: where it acts, how sections nest, errors. That its numbers are PyTorch's is seen in test/parity/table.
import torch, { amp, nn, utils, type DType } from 'torch-node';
import { withoutLeaks } from '../support/leaks.js';

const { autocast, isAutocastEnabled } = torch;
const matrix = (): torch.Tensor => torch.ones([2, 2]);

function warningOf(run: () => void): string {
  const warned = jest.spyOn(process, 'emitWarning').mockImplementation();
  run();
  const [first] = warned.mock.calls;
  warned.mockRestore();
  return String(first?.[0]);
}

describe('autocast', () => {
  it('has operators choose their dtype, for parameters and for plain tensors', () => {
    const parameter = new nn.Parameter(matrix());
    const dtypes = (): DType[] => [
      matrix().matmul(matrix()).dtype, // below autograd: nothing is tracked
      matrix().matmul(parameter).dtype,
      matrix().add(matrix()).dtype,
      matrix().to('bfloat16').sum().dtype,
    ];
    const plain = ['float32', 'float32', 'float32', 'bfloat16'];
    expect(dtypes()).toEqual(plain);
    expect(autocast('cpu', dtypes)).toEqual(['bfloat16', 'bfloat16', 'float32', 'bfloat16']);
    expect(autocast('cpu', { dtype: 'float16' }, dtypes)[0]).toBe('float16');
    expect(autocast('cpu', { enabled: false }, dtypes)).toEqual(plain);
    expect(dtypes()).toEqual(plain);
  });

  it('nests, and takes the mode back whatever happens', () => {
    const now = (): unknown[] => [isAutocastEnabled('cpu'), torch.getAutocastDtype('cpu')];
    const before = now();
    expect(before).toEqual([false, 'bfloat16']);
    autocast('cpu', { dtype: 'float16' }, () => {
      expect(now()).toEqual([true, 'float16']);
      autocast('cpu', { enabled: false }, () => expect(now()).toEqual([false, 'float16']));
      expect(now()).toEqual([true, 'float16']);
      expect(isAutocastEnabled('cuda')).toBe(false);
    });
    expect(now()).toEqual(before);
    expect(() =>
      autocast('cpu', () => {
        throw new Error('mine');
      }),
    ).toThrow('mine');
    expect(now()).toEqual(before);
  });

  it('keeps short copies of parameters until it ends', () => {
    const parameter = new nn.Parameter(matrix());
    withoutLeaks(() => {
      const twice = (): unknown[] => [1, 2].map(() => matrix().matmul(parameter));
      autocast('cpu', twice);
      autocast('cpu', { cacheEnabled: false }, twice);
      autocast('cpu', () => {
        twice();
        amp.clearAutocastCache();
      });
    });
  });

  it('is the same in a checkpoint when it is computed again', () => {
    const parameter = new nn.Parameter(
      torch.tensor([
        [0.1, 0.2],
        [0.3, 0.4],
      ]),
    );
    const gradient = (run: (x: torch.Tensor) => torch.Tensor): unknown => {
      parameter.grad = null;
      const x = torch.tensor([[0.7, 0.9]], { requiresGrad: true });
      const loss = autocast('cpu', () => run(x).to('float32').sum());
      loss.backward();
      return [x.grad!.toArray(), (parameter as torch.Tensor).grad!.toArray()];
    };
    const layer = (x: torch.Tensor): torch.Tensor => x.matmul(parameter).tanh().matmul(parameter);
    expect(gradient((x) => utils.checkpoint(layer, x))).toEqual(gradient(layer));
  });

  it('is off, with a warning, where it cannot be', () => {
    const off = jest.fn(() => isAutocastEnabled('cpu'));
    expect(warningOf(() => autocast('cpu', { dtype: 'float64' }, off))).toMatch(/float64 is not supported/);
    expect(off).toHaveReturnedWith(false);
    if (torch.cuda.isAvailable()) return;
    expect(warningOf(() => autocast('cuda', () => 1))).toMatch(/CUDA is not available: it is turned off/);
  });

  it('refuses what does not fit', () => {
    const bad: [() => unknown, RegExp][] = [
      [() => autocast('tpu' as never, () => 1), /device: expected 'cpu' or 'cuda', got 'tpu'/],
      [
        () => autocast('cpu', { dtype: 'float8' as never, enabled: false }, () => 1),
        /unknown dtype 'float8'/,
      ],
      [() => autocast('cpu', 7 as never), /expected a function, got 7/],
      [() => autocast('cpu', () => Promise.resolve(1)), /expected a synchronous or an async function/],
      [() => isAutocastEnabled('meta' as never), /device: expected 'cpu' or 'cuda', got 'meta'/],
    ];
    for (const [run, message] of bad) expect(run).toThrow(message);
    expect(isAutocastEnabled('cpu')).toBe(false);
  });
});
