// torch.utils.dlpack: tensors from and for other native libraries of the process, without a copy.
import { expectNoMore, options } from '../core/options.js';
import { describe } from '../core/describe.js';
import { native } from '../native/binding.js';
import { checkDevice } from '../tensor/devices.js';
import type { Device } from '../core/dtype.js';
import {
  capsuleOf,
  type DlpackCapsule,
  type DlpackExportOptions,
  type DlpackPointer,
  type DlpackSource,
} from '../tensor/dlpack.js';
import { named, TorchError, ArgumentTypeError } from '../core/errors.js';
import { expectTensor, isTensor, Tensor } from '../tensor/tensor.js';

export type {
  DlpackCapsule,
  DlpackDevice,
  DlpackExportOptions,
  DlpackPointer,
  DlpackSource,
} from '../tensor/dlpack.js';

/**
 * A DLPack capsule ("dltensor", DLPack 0.8) that shares the tensor's memory, to be taken once. `tensor.__dlpack__()` makes
 * newer ones.
 *
 * @throws TorchError for tensors that require a gradient, sparse and meta tensors, conjugate and negated views, and dtypes
 * that DLPack lacks
 */
export function toDlpack(tensor: Tensor): DlpackCapsule {
  expectNoMore('toDlpack', arguments, 1);
  return capsuleOf('toDlpack', expectTensor('toDlpack', 'tensor', tensor), false);
}

/**
 * A tensor that shares the memory of another library's: of anything with `__dlpack__` and `__dlpackDevice__` methods, such as
 * a tensor, or of a capsule, which is taken by it. What is shared is given back, by the deleter that came with it, when no
 * tensor needs it any more, on whichever thread that is. What is marked as read-only can be written to, as in PyTorch.
 *
 * An address stands for a capsule: of a DLManagedTensor, or with `versioned` of a DLManagedTensorVersioned. That is unsafe:
 * any other number, and one that was taken before, crashes the process. It is taken in any case, also when this throws.
 *
 * @throws TorchError for a capsule that was taken before, for dtypes and devices that PyTorch lacks
 */
export function fromDlpack(
  source: DlpackSource | DlpackPointer | bigint,
  given: {
    /** Where the tensor shall be; for objects with `__dlpack__` only. Default: where the memory is. */
    device?: Device;
    /** true: a copy; false: never; for objects with `__dlpack__` only. Default: only where `device` asks for one. */
    copy?: boolean;
    /** Of an address: whether it is that of a DLManagedTensorVersioned. Default false. */
    versioned?: boolean;
  } = {},
): Tensor {
  expectNoMore('fromDlpack', arguments, 2);
  const { device, copy, versioned = false } = options('fromDlpack', given, ['device', 'copy', 'versioned']);
  if (isSource(source)) return fromSource(source, device, copy);
  if (device !== undefined || copy !== undefined)
    throw new TorchError('fromDlpack', 'device and copy are for objects with __dlpack__, not for a capsule');
  if (typeof source === 'bigint')
    return named('fromDlpack', () => new Tensor(native.fromDlpack(source, versioned)));
  if (!isPointer(source))
    throw new ArgumentTypeError(
      'fromDlpack',
      `expected an object with __dlpack__ and __dlpackDevice__, a capsule or an address (a bigint), got ${describe(source)}`,
    );
  const newer = source.name === 'dltensor_versioned';
  const address = source.release();
  return named('fromDlpack', () => new Tensor(native.fromDlpack(address, newer)));
}

function fromSource(source: DlpackSource, device: Device | undefined, copy: boolean | undefined): Tensor {
  const there = source.__dlpackDevice__();
  const wish: DlpackExportOptions = { maxVersion: [1, 0] };
  if (copy !== undefined) wish.copy = copy;
  // The stream that libtorch computes on unless told otherwise, which CUDA calls 1.
  if (there[0] === 2) wish.stream = 1;
  let elsewhere = false;
  if (device !== undefined) {
    checkDevice(device);
    elsewhere = device !== 'cpu' ? !sameCuda(device, there) : there[0] !== 1;
    if (elsewhere && copy === false)
      throw new TorchError('fromDlpack', `the memory cannot be on ${device} without a copy: leave out copy`);
  }
  const tensor = fromDlpack(source.__dlpack__(wish));
  if (!elsewhere) return tensor;
  try {
    return tensor.to(device!);
  } finally {
    tensor.dispose();
  }
}

function sameCuda(device: Device, [type, index]: readonly [number, number]): boolean {
  return type === 2 && (device === 'cuda' ? index === 0 : device === `cuda:${index}`);
}

function isSource(value: unknown): value is DlpackSource {
  const { __dlpack__, __dlpackDevice__ } = Object(value) as Partial<DlpackSource>;
  return isTensor(value) || (typeof __dlpack__ === 'function' && typeof __dlpackDevice__ === 'function');
}

function isPointer(value: unknown): value is DlpackPointer {
  const { name, release } = Object(value) as Partial<DlpackPointer>;
  return typeof release === 'function' && (name === 'dltensor' || name === 'dltensor_versioned');
}
