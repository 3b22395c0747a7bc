// A tensor's values as files hold them.
import type { DType } from '../core/dtype.js';
import { operator } from '../operators/operators.js';
import { scope } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';

// What dataSync() gives in another format than the tensor's own, by the width of an element.
const OTHERWISE: Partial<Record<DType, DType>> = {
  float16: 'int16', bfloat16: 'int16', complex32: 'int32',
  float8_e5m2: 'uint8', float8_e4m3fn: 'uint8', float8_e5m2fnuz: 'uint8', float8_e4m3fnuz: 'uint8',
  float8_e8m0fnu: 'uint8', float4_e2m1fn_x2: 'uint8',
}; // prettier-ignore

/**
 * A copy of the values in row-major order, little endian; from any device, with any strides, recorded by autograd or not.
 * Floats of fewer than 32 bits come as their own bytes, not as the float32 that JavaScript would get.
 */
export function rawBytes(value: Tensor): Buffer {
  const array = scope(() => {
    const detached = value.detach();
    const bits = OTHERWISE[value.dtype];
    if (bits === undefined) return detached.dataSync();
    const plain = operator('aten::resolve_neg').call(operator('aten::resolve_conj').call(detached)) as Tensor;
    return (operator('aten::view.dtype').call(plain.contiguous(), bits) as Tensor).dataSync();
  });
  return Buffer.from(array.buffer, array.byteOffset, array.byteLength);
}
