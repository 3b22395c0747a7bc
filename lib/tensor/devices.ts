// Devices: which there are, and a readable refusal of those that there are not.
import { expectArgument, expectInteger } from '../core/checks.js';
import { describe } from '../core/describe.js';
import type { Device } from '../core/dtype.js';
import { ArgumentTypeError, named, NoDeviceError, TorchError } from '../core/errors.js';
import { inMode } from '../core/modes.js';
import { expectNoMore } from '../core/options.js';
import { loadedFrom, native } from '../native/binding.js';

/** A CUDA device: 'cuda:1', its index, or 'cuda' for the current one. */
export type CudaDevice = Device | number;

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
  const count = native.deviceCount('cuda');
  const index = Number(match[2] ?? 0);
  if (index < count) return;
  const built = native.deviceBuilt('cuda');
  const found = built
    ? count === 0
      ? 'this libtorch was built with CUDA, but no NVIDIA driver or no device was found (does `nvidia-smi` list one?)'
      : `there ${count === 1 ? 'is 1 device, cuda:0' : `are ${count} devices, cuda:0 to cuda:${count - 1}`}`
    : `the libtorch in use is a CPU build (${native.builtWith()}, ${loadedFrom.libtorch.folder})`;
  throw new NoDeviceError(
    'device',
    `'${device}' was asked for, but ${found}. ` +
      (built
        ? 'Use a device that is there, or cpu.'
        : 'Set TORCH_NODE_LIBTORCH to a CUDA build of the same version (a Python torch with CUDA is one: its site-packages/torch), ' +
          'or use cpu. `npx torch-node doctor` tells what is found.'),
  );
}

/** With its index; throws a TorchError when it is not there. @internal */
export function cudaDevice(where: string, device: CudaDevice): `cuda:${number}` {
  if (typeof device === 'number') {
    expectInteger(where, 'device', device);
    checkDevice(`cuda:${device}`);
    return `cuda:${device}`;
  }
  expectArgument(where, 'device', device, typeof device === 'string', "a string as 'cuda:0', or an index");
  if (!device.startsWith('cuda'))
    throw new TorchError(where, `'${device}' is no CUDA device: expected cuda or cuda:N`);
  checkDevice(device);
  return (device.includes(':') ? device : `cuda:${native.currentDevice('cuda')}`) as `cuda:${number}`;
}

/** Whether the libtorch in use was built with CUDA, devices or not. */
export function isBuilt(): boolean {
  expectNoMore('cuda.isBuilt', arguments, 0);
  return native.deviceBuilt('cuda');
}

/** Whether a CUDA device can be used. */
export function isAvailable(): boolean {
  expectNoMore('cuda.isAvailable', arguments, 0);
  return native.deviceCount('cuda') > 0;
}

/** Number of CUDA devices; 0 without CUDA. */
export function deviceCount(): number {
  expectNoMore('cuda.deviceCount', arguments, 0);
  return native.deviceCount('cuda');
}

/**
 * Index of the device that 'cuda' means on this thread: 0, unless `setDevice` or `device` say otherwise.
 *
 * @throws TorchError without a CUDA device
 */
export function currentDevice(): number {
  expectNoMore('cuda.currentDevice', arguments, 0);
  checkDevice('cuda');
  return native.currentDevice('cuda');
}

/**
 * Makes a device the one that 'cuda' means on this thread, as torch.cuda.set_device.
 *
 * @throws TorchError when there is no such device
 */
export function setDevice(device: CudaDevice): void {
  expectNoMore('cuda.setDevice', arguments, 1);
  native.setDevice(cudaDevice('cuda.setDevice', device));
}

/**
 * Runs a function in which 'cuda' means this device, as Python's `with torch.cuda.device(1):`. An async function is followed
 * over its awaits.
 *
 * @throws TorchError when there is no such device
 */
export function device<T>(device: CudaDevice, run: () => T): T {
  expectNoMore('cuda.device', arguments, 2);
  const inside = cudaDevice('cuda.device', device);
  return inMode(
    'cuda.device',
    () => {
      const before = native.currentDevice('cuda');
      native.setDevice(inside);
      return () => native.setDevice(`cuda:${before}`);
    },
    run,
  );
}

/**
 * Waits until everything queued on a device is done.
 *
 * @throws TorchError for what has failed on the device meanwhile
 */
export function synchronize(device: CudaDevice = 'cuda'): void {
  expectNoMore('cuda.synchronize', arguments, 1);
  const place = cudaDevice('cuda.synchronize', device);
  named('cuda.synchronize', () => native.synchronize(place));
}
