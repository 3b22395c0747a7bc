// Tensors' memory as files fill it and write it.
import { handleOf } from '../core/handles.js';
import { fromTypedArray } from '../tensor/buffers.js';
import type { DType } from '../core/dtype.js';
import { native } from '../native/binding.js';
import { operator } from '../operators/operators.js';
import { scope } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';

/** The memory of a contiguous uint8 tensor, or null where the environment allows no array over it. */
export function memoryOf(bytes: Tensor): Uint8Array | null {
  if (bytes.numel === 0) return new Uint8Array(0);
  const memory = native.viewMemory(bytes[handleOf]);
  return memory && new Uint8Array(memory[0], memory[1], bytes.numel);
}

/** A uint8 tensor for so many bytes, which nothing has been written to and no scope releases. */
export function emptyBytes(size: number): Tensor {
  return scope(() => operator('aten::empty.memory_format').call([size], 'uint8') as Tensor).keep();
}

/** Writes chunks, one behind the other, into a contiguous uint8 tensor; `end()` says that there are no more. */
export function filler(bytes: Tensor): { put(chunk: Uint8Array): void; end(): void } {
  const memory = memoryOf(bytes);
  const target = memory ?? new Uint8Array(bytes.numel);
  let at = 0;
  return {
    put: (chunk) => {
      target.set(chunk, at);
      at += chunk.length;
    },
    end: () => {
      if (memory === null) scope(() => bytes.copy_(fromTypedArray(target)));
    },
  };
}

/**
 * A contiguous tensor in the memory of a uint8 tensor. It is no view to autograd, so that it may be trained; its storage is the
 * other's.
 */
export function inMemoryOf(bytes: Tensor, dtype: DType, shape: readonly number[]): Tensor {
  return scope(() => {
    const typed = dtype === 'uint8' ? bytes : (operator('aten::view.dtype').call(bytes, dtype) as Tensor);
    const out = operator('aten::empty.memory_format').call([0], dtype) as Tensor;
    const shaped = operator('aten::view').call(typed, shape);
    return operator('aten::set_.source_Tensor').call(out, shaped) as Tensor;
  });
}
