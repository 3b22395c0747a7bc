// DLPack: what a tensor is exported as. https://dmlc.github.io/dlpack/latest/, and the Python array API's protocol around it:
// https://data-apis.org/array-api/latest/design_topics/data_interchange.html
import { options } from '../core/options.js';
import { describeTensor, handleOf } from '../core/handles.js';
import { describe } from '../core/describe.js';
import { native } from '../native/binding.js';
import { named, TorchError } from '../core/errors.js';
import { operator } from '../operators/operators.js';
import type { Tensor } from './tensor.js';

/** DLPack's number of a kind of device (kDLCPU is 1, kDLCUDA 2), and which one it is. */
export type DlpackDevice = readonly [type: number, index: number];

export interface DlpackExportOptions {
  /**
   * For CUDA: the consumer's stream; the work on this tensor's device is waited for, unless it is -1. As in PyTorch, the
   * default is -1. On the CPU there are no streams.
   */
  stream?: number | null;
  /** The newest version of DLPack that the consumer understands. From [1, 0] on the capsule is a "dltensor_versioned". */
  maxVersion?: readonly [major: number, minor: number] | null;
  /** Where the memory shall be. Default: where it is. */
  dlDevice?: DlpackDevice | null;
  /** true: a copy. false: no copy, or an error. Default: only where `dlDevice` asks for one. */
  copy?: boolean | null;
}

/** What can be taken: the address of a DLManagedTensor (or of a DLManagedTensorVersioned, as the name says), once. */
export interface DlpackPointer {
  readonly name: 'dltensor' | 'dltensor_versioned';
  release(): bigint;
}

/** What has a tensor to export; every Tensor does. */
export interface DlpackSource {
  __dlpack__(options?: DlpackExportOptions): DlpackPointer;
  __dlpackDevice__(): DlpackDevice;
}

/**
 * A tensor on its way out, with its memory; to be taken once, by `fromDlpack` or by another addon through `release()`. One
 * that nobody takes gives its memory back when the garbage collector finds it.
 */
export class DlpackCapsule implements DlpackPointer {
  /** As Python's capsules are called. */
  readonly name: 'dltensor' | 'dltensor_versioned';
  #tensor: Tensor | undefined;

  /** @internal */
  constructor(tensor: Tensor, versioned: boolean) {
    this.#tensor = tensor.keep();
    this.name = versioned ? 'dltensor_versioned' : 'dltensor';
  }

  /** Whether it was taken. */
  get used(): boolean {
    return this.#tensor === undefined;
  }

  /**
   * The address of a DLManagedTensor, or of a DLManagedTensorVersioned where `name` is "dltensor_versioned", for another
   * native addon of this process. Whoever gets it must call its deleter, from any thread: a number that is dropped leaks the
   * memory. A tensor over a buffer of JavaScript's (`fromBuffer`, `shareMemory_`) has its memory only as long as the thread
   * that it belongs to runs: export a `clone()` where the taker may outlive that.
   *
   * @throws TorchError when the capsule was taken before
   */
  release(): bigint {
    const tensor = this.#tensor;
    if (tensor === undefined)
      throw new TorchError(
        'DlpackCapsule.release',
        'the capsule was taken before: a capsule is taken once, make another with toDlpack()',
      );
    this.#tensor = undefined;
    try {
      return named('DlpackCapsule.release', () =>
        native.toDlpack(tensor[handleOf], this.name === 'dltensor_versioned'),
      );
    } finally {
      tensor.dispose();
    }
  }
}

/** A capsule with the tensor's memory, without a copy. @internal */
export function capsuleOf(where: string, tensor: Tensor, versioned: boolean): DlpackCapsule {
  named(
    where,
    () => native.checkDlpack(tensor[handleOf]),
    () => [`self: ${tensor[describeTensor]()}`],
  );
  return new DlpackCapsule(operator('aten::detach').call(tensor) as Tensor, versioned);
}

/** DLPack's numbers for the tensor's device. @internal */
export function deviceOf(tensor: Tensor): DlpackDevice {
  const [type, index] = named('Tensor.__dlpackDevice__', () => native.dlpackDevice(tensor[handleOf]));
  return [type, index];
}

/** What Tensor.__dlpack__() gives. @internal */
export function exportTensor(tensor: Tensor, given: DlpackExportOptions): DlpackCapsule {
  const where = 'Tensor.__dlpack__';
  const { stream, maxVersion, dlDevice, copy } = options(where, given, [
    'stream',
    'maxVersion',
    'dlDevice',
    'copy',
  ]);
  const versioned = Array.isArray(maxVersion) && (maxVersion as number[])[0]! >= 1;
  const [type, index] = deviceOf(tensor);
  const target = dlDevice ?? [type, index];
  const moves = target[0] !== type || target[1] !== index;
  if (stream != null && stream !== -1) {
    if (type !== CUDA) throw new TorchError(where, `there are no streams on the ${tensor.device}: give none`);
    named(where, () => native.synchronize(tensor.device));
  }
  if (!moves && copy !== true) return capsuleOf(where, tensor, versioned);
  if (copy === false)
    throw new TorchError(
      where,
      `without a copy the memory stays on ${tensor.device}: leave out copy or dlDevice`,
    );
  native.checkDlpack(tensor[handleOf]);
  const copied = moves ? tensor.to(deviceName(where, target)) : tensor.clone();
  try {
    return capsuleOf(where, copied, versioned);
  } finally {
    copied.dispose();
  }
}

const CPU = 1;
const CUDA = 2;

function deviceName(where: string, device: DlpackDevice): string {
  const [type, index] = device;
  if (type === CPU) return 'cpu';
  if (type === CUDA) return `cuda:${index}`;
  throw new TorchError(
    where,
    `expected the device to be [1, 0] (CPU) or [2, index] (CUDA), got ${describe(device)}`,
  );
}
