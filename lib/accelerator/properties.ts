// What the driver says of a device. libtorch's own functions for it need CUDA's headers, so the driver is asked.
import { TorchError } from '../core/errors.js';
import { expectNoMore } from '../core/options.js';
import { native } from '../native/binding.js';
import { cudaDevice, isAvailable, type CudaDevice } from '../tensor/devices.js';
import { memGetInfo } from './memory.js';

/** As torch.cuda.get_device_properties: sizes in bytes. */
export interface DeviceProperties {
  name: string;
  /** Compute capability. */
  major: number;
  minor: number;
  totalMemory: number;
  multiProcessorCount: number;
  warpSize: number;
  maxThreadsPerMultiProcessor: number;
  regsPerMultiprocessor: number;
  sharedMemoryPerBlock: number;
  sharedMemoryPerMultiprocessor: number;
  l2CacheSize: number;
  isIntegrated: boolean;
  isMultiGpuBoard: boolean;
  pciBusId: number;
  pciDeviceId: number;
  pciDomainId: number;
}

// By their numbers in the driver's CUdevice_attribute.
const ATTRIBUTES = {
  major: 75,
  minor: 76,
  multiProcessorCount: 16,
  warpSize: 10,
  maxThreadsPerMultiProcessor: 39,
  regsPerMultiprocessor: 82,
  sharedMemoryPerBlock: 8,
  sharedMemoryPerMultiprocessor: 81,
  l2CacheSize: 38,
  isIntegrated: 18,
  isMultiGpuBoard: 84,
  pciBusId: 33,
  pciDeviceId: 34,
  pciDomainId: 50,
} as const;

function askDriver<T extends string | number[]>(where: string, place: string, ask: (index: number) => T): T {
  const found = ask(Number(place.replace('cuda:', '')));
  if (found.length === 0)
    throw new TorchError(
      where,
      `only the NVIDIA driver knows this of ${place}, and its library (${process.platform === 'win32' ? 'nvcuda.dll' : 'libcuda.so.1'}) ` +
        'is not there or does not know the device',
    );
  return found;
}

/**
 * A device's name, as "NVIDIA H200".
 *
 * @throws TorchError where the driver's library is not there
 */
export function getDeviceName(device: CudaDevice = 'cuda'): string {
  expectNoMore('cuda.getDeviceName', arguments, 1);
  const where = 'cuda.getDeviceName';
  return askDriver(where, cudaDevice(where, device), (index) => native.cudaDeviceName(index));
}

/**
 * A device's compute capability, as [9, 0].
 *
 * @throws TorchError where the driver's library is not there
 */
export function getDeviceCapability(device: CudaDevice = 'cuda'): [major: number, minor: number] {
  expectNoMore('cuda.getDeviceCapability', arguments, 1);
  const where = 'cuda.getDeviceCapability';
  return askDriver(where, cudaDevice(where, device), (index) =>
    native.cudaDeviceAttributes(index, [ATTRIBUTES.major, ATTRIBUTES.minor]),
  ) as [number, number];
}

/**
 * What a device has.
 *
 * @throws TorchError where the driver's library is not there
 */
export function getDeviceProperties(device: CudaDevice = 'cuda'): DeviceProperties {
  expectNoMore('cuda.getDeviceProperties', arguments, 1);
  const where = 'cuda.getDeviceProperties';
  const place = cudaDevice(where, device);
  const values = askDriver(where, place, (index) =>
    native.cudaDeviceAttributes(index, Object.values(ATTRIBUTES)),
  );
  const numbers = Object.fromEntries(Object.keys(ATTRIBUTES).map((name, i) => [name, values[i]!]));
  const { isIntegrated, isMultiGpuBoard, ...rest } = numbers as Record<keyof typeof ATTRIBUTES, number>;
  return {
    name: askDriver(where, place, (index) => native.cudaDeviceName(index)),
    totalMemory: memGetInfo(place)[1],
    ...rest,
    isIntegrated: isIntegrated !== 0,
    isMultiGpuBoard: isMultiGpuBoard !== 0,
  };
}

/**
 * Whether the current device computes in bfloat16 itself: from compute capability 8.0 on. Older ones take more time for it.
 * False without a device.
 *
 * @throws TorchError where the driver's library is not there
 */
export function isBf16Supported(): boolean {
  expectNoMore('cuda.isBf16Supported', arguments, 0);
  return isAvailable() && getDeviceCapability()[0] >= 8;
}
