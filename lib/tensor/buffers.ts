// Tensors over the memory of JavaScript's buffers.
/* eslint-disable @typescript-eslint/no-unsafe-return -- overloads tell what is made; what makes it does not know */
import { types } from 'node:util';
import { markAsUntransferable } from 'node:worker_threads';
import { expectInteger } from '../core/checks.js';
import { expectNoMore, options } from '../core/options.js';
import { describe } from '../core/describe.js';
import { native } from '../native/binding.js';
import type { Known, Shape } from '../types/shapes.js';
import type { DTypeOfArray } from './create.js';
import { BYTES, dtypeOfArray, type ArrayOfElements, type DType } from '../core/dtype.js';
import { named, TorchError, ArgumentTypeError, OutOfRangeError } from '../core/errors.js';
import { Tensor } from './tensor.js';

export interface BufferOptions {
  /** Default: what the array's elements are, uint8 for an ArrayBuffer, a SharedArrayBuffer and a DataView. */
  dtype?: DType;
  /** Where the tensor begins, in bytes from the beginning of the buffer or array given. A multiple of the dtype's size. */
  offset?: number;
  /** How many elements. Default: all from there on. */
  count?: number;
  /** Instead of `count`. Default: one dimension. */
  shape?: readonly number[];
  /** Whether to record operations on the tensor. Default false. */
  requiresGrad?: boolean;
}

/**
 * A tensor over the memory of an ArrayBuffer, a SharedArrayBuffer, a TypedArray, a Buffer or a DataView: no copy, and what is
 * written to one is seen in the other. PyTorch's torch.frombuffer, but that the result may be empty and have a shape.
 *
 * The buffer lives as long as a tensor, a view or a graph needs its memory. From then on it stays where it is: it is left
 * out of transfers (`postMessage` copies it, or throws from Node 21 on), and `buffer.transfer()` throws. The buffer of a
 * WebAssembly.Memory moves when that grows: make it with `shared: true`, or do not use the tensor after it grew. A
 * SharedArrayBuffer may be used by tensors in several threads at once; nothing orders their writes.
 *
 * @throws TorchError for a buffer that is resizable or detached, for an offset that is not a multiple of the dtype's size,
 * and where the buffer is too small
 */
export function fromBuffer(
  buffer: ArrayBuffer | SharedArrayBuffer | ArrayBufferView,
  given: BufferOptions = {},
): Tensor {
  expectNoMore('fromBuffer', arguments, 2);
  const settings = options('fromBuffer', given, ['dtype', 'offset', 'count', 'shape', 'requiresGrad']);
  return overBuffer('fromBuffer', buffer, settings);
}

/** `fromBuffer(data, { shape })` for an array whose elements are a dtype's. */
export function fromTypedArray<A extends ArrayOfElements, R extends Shape = Shape>(
  data: A,
  options?: { shape?: R },
): Tensor<DTypeOfArray<A>, 'cpu', Known<R>>;
export function fromTypedArray(data: ArrayOfElements, given: { shape?: readonly number[] } = {}): Tensor {
  expectNoMore('fromTypedArray', arguments, 2);
  const { shape } = options('fromTypedArray', given, ['shape']);
  const dtype = ArrayBuffer.isView(data) ? dtypeOfArray(data) : undefined;
  if (dtype === undefined)
    throw new ArgumentTypeError(
      'fromTypedArray',
      `expected a TypedArray that a dtype fits, got ${describe(data)}`,
    );
  return overBuffer('fromTypedArray', data, { dtype, ...(shape && { shape }) });
}

function overBuffer(where: string, given: unknown, settings: BufferOptions): Tensor {
  const { buffer, start, size, dtype: natural } = bytesOf(where, given);
  const dtype = settings.dtype ?? natural;
  if (dtype === undefined)
    throw new TorchError(where, `no dtype has the elements of ${describe(given)}: give a dtype`);
  const width = Object.hasOwn(BYTES, dtype) ? BYTES[dtype] : undefined;
  if (width === undefined)
    throw new TorchError(where, `unknown dtype ${describe(dtype)}: expected one of ${Object.keys(BYTES).join(', ')}`); // prettier-ignore
  const { offset = 0, count, shape } = settings;
  expectInteger(where, 'offset', offset);
  if (offset > size)
    throw new OutOfRangeError(where, `offset ${offset} lies beyond the ${size} bytes of the buffer`);
  if (count !== undefined && shape !== undefined)
    throw new TorchError(where, 'give a count or a shape, not both');
  if (count !== undefined) expectInteger(where, 'count', count);
  const elements = count ?? shape?.reduce((product, each) => product * each, 1);
  const left = size - offset;
  if (elements === undefined && left % width !== 0)
    throw new TorchError(
      where,
      `${left} bytes from offset ${offset} on are no whole number of ${dtype} (${width} bytes each): give a count`,
    );
  const bytes = elements === undefined ? left : elements * width;
  if (bytes > left)
    throw new OutOfRangeError(
      where,
      `${elements} elements of ${dtype} need ${bytes} bytes, the buffer has ${left} from offset ${offset} on`,
    );
  pin(where, buffer);
  return named(where, () => {
    const memory = new Uint8Array(buffer, start + offset, bytes >= 0 ? bytes : 0);
    const tensor = new Tensor(native.viewBytes(memory, dtype, shape ?? [bytes / width]));
    if (settings.requiresGrad) tensor.requiresGrad = true;
    return tensor;
  });
}

interface BufferBytes {
  buffer: ArrayBuffer | SharedArrayBuffer;
  start: number;
  size: number;
  dtype: DType | undefined;
}

function bytesOf(where: string, given: unknown): BufferBytes {
  if (types.isAnyArrayBuffer(given))
    return { buffer: given, start: 0, size: given.byteLength, dtype: 'uint8' };
  if (!ArrayBuffer.isView(given))
    throw new ArgumentTypeError(
      where,
      `expected an ArrayBuffer, a SharedArrayBuffer, a TypedArray, a Buffer or a DataView, got ${describe(given)}`,
    );
  const { buffer, byteOffset, byteLength } = given;
  const dtype = types.isDataView(given) ? 'uint8' : dtypeOfArray(given);
  return { buffer, start: byteOffset, size: byteLength, dtype };
}

const pinned = new WeakSet<ArrayBuffer>();

// Node-API shows where a buffer's memory lies, but cannot hold the memory itself, which goes elsewhere when the buffer is
// transferred, and is given back to the system when a resizable buffer shrinks. A SharedArrayBuffer does neither.
function pin(where: string, buffer: ArrayBuffer | SharedArrayBuffer): void {
  if (types.isSharedArrayBuffer(buffer) || pinned.has(buffer)) return;
  if ((buffer as { resizable?: boolean }).resizable === true)
    throw new TorchError(
      where,
      'a resizable ArrayBuffer gives its memory back when it shrinks: copy it with torch.tensor(), or use an ArrayBuffer of ' +
        'fixed length or a SharedArrayBuffer',
    );
  markAsUntransferable(buffer);
  for (const name of ['transfer', 'transferToFixedLength']) {
    if (!(name in buffer)) continue; // before Node 21
    const refuse = (): never => {
      throw new TorchError(
        `ArrayBuffer.${name}`,
        'a tensor lies in this buffer, so that its memory cannot go elsewhere: copy it with slice()',
      );
    };
    if (!Reflect.defineProperty(buffer, name, { value: refuse, configurable: true }))
      throw new TorchError(
        where,
        'this ArrayBuffer is frozen, which leaves no way to keep it from being transferred',
      );
  }
  pinned.add(buffer);
}
