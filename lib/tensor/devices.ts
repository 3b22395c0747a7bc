// Devices: which there are, and a readable refusal of those that there are not.
import { expectNoMore } from '../core/options.js';
import { expectArgument } from '../core/checks.js';
import { describe } from '../core/describe.js';
import { loadedFrom, native } from '../native/binding.js';
import { TorchError, ArgumentTypeError, NoDeviceError } from '../core/errors.js';
import { isStream, streamOf } from '../core/handles.js';

/** Throws a TorchError unless tensors can be put on the device. */
export function checkDevice(device: string): void {
  const match = typeof device === 'string' ? /^(cpu|meta|cuda)(?::(\d+))?$/.exec(device) : null;
  if (match === null) {
    throw new ArgumentTypeError(
      'device',
      `unknown device ${describe(device)}: expected cpu, cuda, cuda:N or meta`,
    );
  }
  if (match[1] !== 'cuda') return;
  const count = cuda.deviceCount();
  const index = Number(match[2] ?? 0);
  if (index < count) return;
  const found = cuda.isBuilt()
    ? count === 0
      ? 'this libtorch was built with CUDA, but no NVIDIA driver or no device was found (does `nvidia-smi` list one?)'
      : `there ${count === 1 ? 'is 1 device, cuda:0' : `are ${count} devices, cuda:0 to cuda:${count - 1}`}`
    : `the libtorch in use is a CPU build (${native.builtWith()}, ${loadedFrom.libtorch.folder})`;
  throw new NoDeviceError(
    'device',
    `'${device}' was asked for, but ${found}. ` +
      (cuda.isBuilt()
        ? 'Use a device that is there, or cpu.'
        : 'Set TORCH_NODE_LIBTORCH to a CUDA build of the same version (a Python torch with CUDA is one: its site-packages/torch), ' +
          'or use cpu. `npx torch-node doctor` tells what is found.'),
  );
}

/**
 * A queue of work on a device, as torch.Stream: what is queued on one stream runs in order, what is queued on several may
 * run at the same time. The CPU has one, which is always done.
 */
export class Stream {
  /** As in "cuda:0". */
  readonly device: string;
  readonly #id: number | bigint;

  /**
   * Takes a stream from the device's pool; of the CPU its only one.
   *
   * @throws TorchError when there is no such device
   */
  constructor(device = 'cuda', id?: number | bigint) {
    this.device = device === 'cpu' ? device : cudaDevice(device);
    this.#id = id ?? (device === 'cpu' ? native.currentStream(device) : native.newStream(this.device));
  }

  /** @internal */
  get [streamOf](): readonly [device: string, id: number | bigint] {
    return [this.device, this.#id];
  }

  /** Makes it the stream that this thread's work is queued on. */
  makeCurrent(): void {
    expectNoMore('Stream.makeCurrent', arguments, 0);
    native.setStream(this.device, this.#id);
  }

  /** Whether everything queued on it is done. */
  query(): boolean {
    expectNoMore('Stream.query', arguments, 0);
    return native.queryStream(this.device, this.#id);
  }

  /** Waits until everything queued on it is done. */
  synchronize(): void {
    expectNoMore('Stream.synchronize', arguments, 0);
    native.synchronizeStream(this.device, this.#id);
  }
}

// As torch.cuda.Stream: of CUDA devices only.
class CudaStream extends Stream {
  constructor(device = 'cuda', id?: number | bigint) {
    super(cudaDevice(device), id);
  }
}

/** With its index; throws a TorchError when it is not there. */
function cudaDevice(device: string): string {
  expectArgument('Stream', 'device', device, typeof device === 'string', "a string as 'cuda:0'");
  if (!device.startsWith('cuda'))
    throw new TorchError('Stream', `'${device}' has no streams: expected cuda or cuda:N`);
  checkDevice(device);
  return device.includes(':') ? device : 'cuda:0';
}

/** The NVIDIA devices. */
export const cuda = {
  /** Whether the libtorch in use was built with CUDA, devices or not. */
  isBuilt(): boolean {
    expectNoMore('cuda.isBuilt', arguments, 0);
    return native.deviceBuilt('cuda');
  },
  /** Whether a CUDA device can be used. */
  isAvailable(): boolean {
    expectNoMore('cuda.isAvailable', arguments, 0);
    return native.deviceCount('cuda') > 0;
  },
  /** Number of CUDA devices; 0 without CUDA. */
  deviceCount(): number {
    expectNoMore('cuda.deviceCount', arguments, 0);
    return native.deviceCount('cuda');
  },
  /** Waits until everything queued on a device is done. */
  synchronize(device = 'cuda'): void {
    expectNoMore('cuda.synchronize', arguments, 1);
    checkDevice(device);
    native.synchronize(device);
  },
  Stream: CudaStream,
  /** The stream that this thread's work on a device is queued on. */
  currentStream(device = 'cuda'): Stream {
    expectNoMore('cuda.currentStream', arguments, 1);
    const place = cudaDevice(device);
    return new CudaStream(place, native.currentStream(place));
  },
  /** Queues this thread's work on a stream's device on that stream from now on. */
  setStream(stream: Stream): void {
    expectNoMore('cuda.setStream', arguments, 1);
    expectArgument('cuda.setStream', 'stream', stream, isStream(stream), 'a Stream');
    stream.makeCurrent();
  },
};
