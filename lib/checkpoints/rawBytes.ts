// A tensor's values as files hold them.
import { operator } from '../operators/operators.js';
import { scope } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';

/**
 * A copy of the values in row-major order, little endian; from any device, with any strides, recorded by autograd or not.
 * Half precision comes as its two bytes, not as the float32 that JavaScript would get.
 */
export function rawBytes(value: Tensor): Buffer {
  const array = scope(() => {
    const detached = value.detach();
    const half = value.dtype === 'float16' || value.dtype === 'bfloat16';
    return half
      ? (operator('aten::view.dtype').call(detached.contiguous(), 'int16') as Tensor).dataSync()
      : detached.dataSync();
  });
  return Buffer.from(array.buffer, array.byteOffset, array.byteLength);
}
