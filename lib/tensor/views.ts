// Tensors' memory as JavaScript sees it, and the memory that several threads see.
import { types } from 'node:util';
import { describeTensor, handleOf } from '../core/handles.js';
import { native, type TypedArray } from '../native/binding.js';
import type { DType } from '../core/dtype.js';
import { named, TorchError } from '../core/errors.js';
import type { Tensor } from './tensor.js';

type ArrayOver = new (buffer: ArrayBuffer | SharedArrayBuffer, offset: number, length: number) => TypedArray;

// Half precision as its bits: Node 20 has no Float16Array. A complex number is two elements.
const ARRAYS: Partial<Record<DType, ArrayOver>> = {
  uint8: Uint8Array,
  int8: Int8Array,
  int16: Int16Array,
  int32: Int32Array,
  int64: BigInt64Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  float32: Float32Array,
  float64: Float64Array,
  bool: Uint8Array,
  complex64: Float32Array,
  complex128: Float64Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
  uint64: BigUint64Array,
};

/** What Tensor.dataView() gives. @internal */
export function viewOf(tensor: Tensor): TypedArray {
  const { dtype, numel } = tensor;
  const ArrayOfType = Object.hasOwn(ARRAYS, dtype) ? ARRAYS[dtype] : undefined;
  if (ArrayOfType === undefined)
    throw new TorchError('Tensor.dataView', `values of dtype ${dtype} have no JavaScript array`);
  const memory = named(
    'Tensor.dataView',
    () => native.viewMemory(tensor[handleOf]),
    () => [`self: ${tensor[describeTensor]()}`],
  );
  if (memory === null)
    throw new TorchError(
      'Tensor.dataView',
      "this environment (Electron, or a Node with pointer compression) lets no JavaScript array lie over libtorch's memory: " +
        'call shareMemory_() first, make the tensor with fromBuffer(), or read a copy with dataSync()',
    );
  const [buffer, offset] = memory;
  return new ArrayOfType(buffer, offset, dtype.startsWith('complex') ? 2 * numel : numel);
}

/** Whether other threads see the tensor's memory. @internal */
export function isShared(tensor: Tensor): boolean {
  const handle = tensor[handleOf];
  return types.isSharedArrayBuffer(native.lentBuffer(handle)) || tensor.device.startsWith('cuda');
}

/** Moves the tensor's storage into a SharedArrayBuffer. @internal */
export function shareMemory(tensor: Tensor): void {
  if (isShared(tensor)) return;
  named(
    'Tensor.shareMemory_',
    () => {
      const size = native.storageBytes(tensor[handleOf]);
      native.moveStorage(tensor[handleOf], new Uint8Array(new SharedArrayBuffer(size)));
    },
    () => [`self: ${tensor[describeTensor]()}`],
  );
}
