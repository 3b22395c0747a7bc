// Settings of what computes: how exact products of float32 are, and how kernels are chosen.
import { expectNoMore } from '../core/options.js';
import { describe } from '../core/describe.js';
import { native } from '../native/binding.js';
import { named, ArgumentTypeError } from '../core/errors.js';

function flag(name: string): boolean {
  return native.backendFlag(name);
}

function setFlag(name: string, value: unknown): void {
  const place = `backends.${name}`;
  if (typeof value !== 'boolean')
    throw new ArgumentTypeError(place, `expected true or false, got ${describe(value)}`);
  named(place, () => native.setBackendFlag(name, value));
}

/**
 * As torch.backends: settings of the process, threads included, with PyTorch's own defaults. They can be set without a GPU
 * and then change nothing.
 */
export const backends = {
  cuda: {
    matmul: {
      /**
       * Whether products of float32 matrices may run in TF32, which keeps 10 of 23 bits of each factor and is several times
       * as fast on tensor cores. Default false.
       */
      get allowTf32(): boolean {
        return flag('cuda.matmul.allowTf32');
      },
      set allowTf32(value: boolean) {
        setFlag('cuda.matmul.allowTf32', value);
      },
    },
  },
  cudnn: {
    /** The same for convolutions and recurrent layers. Default true, as in PyTorch: set it to false for full float32. */
    get allowTf32(): boolean {
      return flag('cudnn.allowTf32');
    },
    set allowTf32(value: boolean) {
      setFlag('cudnn.allowTf32', value);
    },
    /**
     * Whether cuDNN tries several kernels at the first call with a shape and keeps the fastest. It pays where shapes stay the
     * same; which kernel wins, and so the last bits, may differ from run to run. Default false.
     */
    get benchmark(): boolean {
      return flag('cudnn.benchmark');
    },
    set benchmark(value: boolean) {
      setFlag('cudnn.benchmark', value);
    },
    /** Whether only kernels of cuDNN's that give the same bits each time are taken. Default false. */
    get deterministic(): boolean {
      return flag('cudnn.deterministic');
    },
    set deterministic(value: boolean) {
      setFlag('cudnn.deterministic', value);
    },
  },
  nnpack: {
    /**
     * Whether convolutions on the CPU may run in NNPACK. True from the start, as in PyTorch, where NNPACK can run. Where it
     * cannot, as on some virtual machines, it is false: PyTorch leaves it on there, and writes a warning to stderr at each
     * convolution that it would suit.
     */
    get enabled(): boolean {
      return flag('nnpack.enabled');
    },
    set enabled(value: boolean) {
      setFlag('nnpack.enabled', value);
    },
  },
};

/** How exact products of float32 matrices are: 'highest' is float32, 'high' may use TF32, 'medium' bfloat16. */
export type MatmulPrecision = 'highest' | 'high' | 'medium';

/** As torch.set_float32_matmul_precision: for the process. Anything but 'highest' is `backends.cuda.matmul.allowTf32`. */
export function setFloat32MatmulPrecision(precision: MatmulPrecision): void {
  expectNoMore('setFloat32MatmulPrecision', arguments, 1);
  if (!['highest', 'high', 'medium'].includes(precision))
    throw new ArgumentTypeError(
      'setFloat32MatmulPrecision',
      `expected 'highest', 'high' or 'medium', got ${describe(precision)}`,
    );
  named('setFloat32MatmulPrecision', () => native.setFloat32MatmulPrecision(precision));
}

/** As torch.get_float32_matmul_precision: 'highest' where nothing was set. */
export function getFloat32MatmulPrecision(): MatmulPrecision {
  expectNoMore('getFloat32MatmulPrecision', arguments, 0);
  return native.float32MatmulPrecision();
}
