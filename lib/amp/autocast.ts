// Autocast: operators inside choose their dtype, matrix products a short one and sums float32, as torch.autocast has them do:
// https://docs.pytorch.org/docs/stable/amp.html#autocast-op-reference
import { expectOneOf } from '../core/checks.js';
import { expectNoMore, options } from '../core/options.js';
import { native } from '../native/binding.js';
import { inMode } from '../core/modes.js';
import { isAvailable } from '../tensor/devices.js';
import type { DType } from '../core/dtype.js';

export interface AutocastOptions {
  /** The short dtype: float16 or bfloat16. Default: bfloat16 on the CPU, float16 on CUDA. */
  dtype?: DType;
  /** false turns autocast off, inside a section where it is on. Default true. */
  enabled?: boolean;
  /** Whether the short copies of parameters are kept until the outermost section ends. Default: as it is now, which is yes. */
  cacheEnabled?: boolean;
}

type DeviceType = 'cpu' | 'cuda';

const SHORT: readonly DType[] = ['bfloat16', 'float16'];

/**
 * Runs a function; operators inside choose their dtype by what they compute. Meant for the forward pass and the
 * loss: a backward pass, which belongs outside, computes in the dtypes that the forward pass took.
 *
 *     const loss = torch.autocast('cpu', { dtype: 'bfloat16' }, () => criterion.forward(net.forward(x), y));
 *     loss.backward();
 *
 * Sections nest. As in PyTorch a warning is given, and autocast is off, where CUDA is not available or the dtype is another.
 *
 * @throws TorchError for an unknown device type, and for a function that is not async and gives a promise
 */
export function autocast<T>(device: DeviceType, run: () => T): T;
export function autocast<T>(device: DeviceType, options: AutocastOptions, run: () => T): T;
export function autocast<T>(device: DeviceType, ...rest: [() => T] | [AutocastOptions, () => T]): T {
  expectNoMore('autocast', arguments, 3);
  const [given, run] = rest.length === 1 ? [{}, rest[0]] : rest;
  expectDeviceType('autocast', device);
  const {
    dtype = getAutocastDtype(device),
    enabled = true,
    cacheEnabled,
  } = options('autocast', given, ['dtype', 'enabled', 'cacheEnabled']);
  const on = enabled && isUsable(device, dtype);
  return inMode(
    'autocast',
    () => {
      const before = modeOf(device);
      const cacheBefore = native.autocastCacheEnabled();
      native.setAutocast(device, on, dtype);
      native.enterAutocast();
      native.setAutocastCache(cacheEnabled ?? cacheBefore);
      return () => {
        native.leaveAutocast();
        native.setAutocast(device, ...before);
        native.setAutocastCache(cacheBefore);
      };
    },
    run,
  );
}

function modeOf(device: DeviceType): [enabled: boolean, dtype: DType] {
  return [native.autocastEnabled(device), native.autocastDtype(device) as DType];
}

/** Runs functions in the modes that are now: what a checkpoint computes again has to come out the same. @internal */
export function inTheseModes(): <T>(run: () => T) => T {
  const devices: DeviceType[] = ['cpu', 'cuda'];
  const modes = devices.map((device) => modeOf(device));
  return (run) => {
    const before = devices.map((device) => modeOf(device));
    devices.forEach((device, i) => native.setAutocast(device, ...modes[i]!));
    native.enterAutocast();
    try {
      return run();
    } finally {
      native.leaveAutocast();
      devices.forEach((device, i) => native.setAutocast(device, ...before[i]!));
    }
  };
}

function isUsable(device: DeviceType, dtype: DType): boolean {
  const why =
    device === 'cuda' && !isAvailable()
      ? 'CUDA is not available'
      : SHORT.includes(dtype)
        ? undefined
        : `${dtype} is not supported, only ${SHORT.join(' and ')} are`;
  if (why !== undefined) process.emitWarning(`autocast: ${why}: it is turned off`, 'TorchWarning');
  return why === undefined;
}

/** Whether autocast is on for a type of device. */
export function isAutocastEnabled(device: DeviceType): boolean {
  expectNoMore('isAutocastEnabled', arguments, 1);
  expectDeviceType('isAutocastEnabled', device);
  return native.autocastEnabled(device);
}

/** The short dtype of a type of device. */
export function getAutocastDtype(device: DeviceType): DType {
  expectNoMore('getAutocastDtype', arguments, 1);
  expectDeviceType('getAutocastDtype', device);
  return native.autocastDtype(device) as DType;
}

/** Whether a type of device has an autocast. */
export function isAutocastAvailable(device: string): boolean {
  expectNoMore('isAutocastAvailable', arguments, 1);
  return device === 'cpu' || device === 'cuda';
}

/** Drops the short copies of parameters that sections with `cacheEnabled` keep, before they end. */
export function clearAutocastCache(): void {
  expectNoMore('clearAutocastCache', arguments, 0);
  native.clearAutocastCache();
}

function expectDeviceType(where: string, device: unknown): void {
  expectOneOf(where, 'device', device, ['cpu', 'cuda']);
}
