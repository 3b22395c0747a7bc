// torch.save: PyTorch's own files (.pt, .pth), as it writes them since version 1.6.
import { expectNoMore } from '../../core/options.js';
import { types } from 'node:util';
import { isCounter } from '../../core/counter.js';
import { expectPath } from '../../core/checks.js';
import type { DType } from '../../core/dtype.js';
import { TorchError } from '../../core/errors.js';
import { handleOf } from '../../core/handles.js';
import { writeAtomically } from '../../files/atomic.js';
import { native } from '../../native/binding.js';
import { operator } from '../../operators/operators.js';
import { isParameter } from '../../tensor/parameter.js';
import { scope } from '../../tensor/scope.js';
import { isTensor, type Tensor } from '../../tensor/tensor.js';
import { memoryOf } from '../memory.js';
import { Call, Global, PersistentId, pickle } from '../pickle/writer.js';
import { STORAGES, widthOf } from './dtypes.js';

/**
 * Writes a value as torch.save does, so that `torch.load(file, weights_only=True)` in Python opens it: tensors,
 * parameters, plain objects and Maps (as dictionaries), arrays (as lists; frozen ones as tuples), numbers, bigints,
 * texts, booleans, null, Sets and Uint8Arrays, however nested. Whole numbers become ints, and so do the keys of an optimizer's
 * state. A storage is written once, and
 * whole, however many tensors share it.
 *
 * What is written is the value of the moment of the call, whatever is done to it until the promise settles. Atomically: a
 * crash or a full disk leaves the old file. Throws a TorchError that names what cannot be saved.
 */
export async function save(value: unknown, file: string): Promise<void> {
  expectNoMore('save', arguments, 2);
  expectPath('save', file);
  const storages = new Storages();
  try {
    // Before anything is waited for.
    const data = scope(() => pickle(value, { encode: (object) => storages.encode(object) }));
    const { zipParts } = await import('../../files/zipWriter.js');
    await writeAtomically(file, zipParts(storages.entries(data), { align: 64 }));
  } catch (error) {
    const { name, code, message, syscall } = error as NodeJS.ErrnoException;
    const deep = name === 'RangeError' ? ' (nested too deep)' : '';
    throw new TorchError('save', `${file} cannot be written: ${message}${deep}`, {
      cause: error,
      ...(syscall !== undefined && code !== undefined && { code }),
    });
  } finally {
    storages.release();
  }
}

const STORAGE_NAMES = new Map(Object.entries(STORAGES).map(([name, dtype]) => [dtype, name]));
const REBUILD_TENSOR = new Global('torch._utils', '_rebuild_tensor_v2');
const REBUILD_UNTYPED = new Global('torch._utils', '_rebuild_tensor_v3');
const REBUILD_PARAMETER = new Global('torch._utils', '_rebuild_parameter');
const ORDERED_DICT = new Global('collections', 'OrderedDict');
const COUNTER = new Global('collections', 'Counter');

/**
 * An optimizer's state is under the numbers of its parameters. JavaScript's objects make texts of them, which PyTorch does not
 * take for numbers.
 */
function numbered(state: object): Map<number, unknown> | null {
  const entries = Object.entries(state);
  return !types.isMap(state) && entries.every(([key]) => /^(0|[1-9]\d{0,14})$/.test(key))
    ? new Map(entries.map(([key, item]) => [Number(key), item as unknown]))
    : null;
}

/** Copies of the storages of the tensors that a value holds. */
class Storages {
  readonly #byAddress = new Map<number, { key: string; whole: Tensor; dtype: DType }>();
  /** The `state` of optimizers' state dicts. */
  readonly #states = new Set<unknown>();

  encode(object: object): Call | Map<number, unknown> | null {
    if ('param_groups' in object && 'state' in object) this.#states.add(object.state);
    if (this.#states.has(object)) return numbered(object);
    if (isCounter(object)) return new Call(COUNTER, [new Map(object)]);
    if (!isTensor(object)) return null;
    const hooks = new Call(ORDERED_DICT, []);
    const place = this.#place(object);
    const requiresGrad = object.requiresGrad && !isParameter(object);
    const tensor = STORAGE_NAMES.has(object.dtype)
      ? new Call(REBUILD_TENSOR, [...place, requiresGrad, hooks])
      : new Call(REBUILD_UNTYPED, [...place, requiresGrad, hooks, new Global('torch', object.dtype), null]);
    return isParameter(object) ? new Call(REBUILD_PARAMETER, [tensor, object.requiresGrad, hooks]) : tensor;
  }

  #place(given: Tensor): [PersistentId, number, readonly number[], readonly number[]] {
    // Conjugate and negative views hold other values than they stand for.
    const tensor = operator('aten::resolve_neg').call(
      operator('aten::resolve_conj').call(given.detach()),
    ) as Tensor;
    const { dtype, shape } = tensor;
    const { address, bytes, offset } = native.storage(tensor[handleOf]);
    const width = widthOf(dtype);
    let known = this.#byAddress.get(address);
    if (known === undefined) {
      const all = operator('aten::as_strided').call(tensor, [Math.floor(bytes / width)], [1], 0) as Tensor;
      const whole = (tensor.device === 'cpu' ? all.clone() : all.to('cpu')).keep();
      known = { key: String(this.#byAddress.size), whole, dtype };
      this.#byAddress.set(address, known);
    } else if (known.dtype !== dtype)
      throw new Error(`tensors of ${known.dtype} and ${dtype} share a storage: clone() one of them`);
    const name = STORAGE_NAMES.get(dtype);
    const id = new PersistentId([
      'storage',
      name === undefined ? new Global('torch.storage', 'UntypedStorage') : new Global('torch', name),
      known.key,
      tensor.device,
      name === undefined ? bytes : Math.floor(bytes / width),
    ]);
    return [id, offset, Object.freeze([...shape]), Object.freeze([...tensor.strides])];
  }

  *entries(data: Buffer): Generator<{ name: string; data: Buffer }> {
    const text = (name: string, content: string) => ({ name: `archive/${name}`, data: Buffer.from(content) });
    yield { name: 'archive/data.pkl', data };
    yield text('.format_version', '1');
    yield text('.storage_alignment', '64');
    yield text('byteorder', 'little');
    for (const { key, whole } of this.#byAddress.values()) {
      yield { name: `archive/data/${key}`, data: bytesOf(whole) };
      whole.dispose();
    }
    yield text('version', '3\n');
  }

  release(): void {
    for (const { whole } of this.#byAddress.values()) whole.dispose();
  }
}

function bytesOf(tensor: Tensor): Buffer {
  const bytes = scope(() => (operator('aten::view.dtype').call(tensor, 'uint8') as Tensor).keep());
  try {
    const { buffer, byteOffset, byteLength } = memoryOf(bytes) ?? bytes.dataSync();
    return Buffer.from(buffer, byteOffset, byteLength);
  } finally {
    bytes.dispose();
  }
}
