// PyTorch's own files (.pt, .pth), as torch.save writes them since version 1.6: a zip with a pickle of the value and the
// bytes of each storage. https://docs.pytorch.org/docs/stable/notes/serialization.html
import { stat } from 'node:fs/promises';
import { types } from 'node:util';
import { Counter, isCounter } from '../core/counter.js';
import { handleOf } from '../core/handles.js';
import { expectPath } from '../core/checks.js';
import { options } from '../core/options.js';
import { writeAtomically } from '../files/atomic.js';
import { checkDevice } from '../tensor/devices.js';
import { BYTES, type Device, type DType } from '../core/dtype.js';
import { TorchError } from '../core/errors.js';
import { operator } from '../operators/operators.js';
import { scope } from '../tensor/scope.js';
import { isParameter, Parameter } from '../tensor/parameter.js';
import { isTensor, type Tensor } from '../tensor/tensor.js';
import { native } from '../native/binding.js';
import { emptyBytes, filler, memoryOf } from './memory.js';
import { unpickle, type Callable } from './pickle/reader.js';
import { Call, Global, PersistentId, pickle } from './pickle/writer.js';

/** Storages by the class that PyTorch writes down for them, which says their dtype. */
const STORAGES: Readonly<Record<string, DType>> = {
  ByteStorage: 'uint8',
  CharStorage: 'int8',
  ShortStorage: 'int16',
  IntStorage: 'int32',
  LongStorage: 'int64',
  HalfStorage: 'float16',
  BFloat16Storage: 'bfloat16',
  FloatStorage: 'float32',
  DoubleStorage: 'float64',
  BoolStorage: 'bool',
  ComplexFloatStorage: 'complex64',
  ComplexDoubleStorage: 'complex128',
};
/** Dtypes without a storage class of their own: PyTorch writes them as bytes, and the dtype beside. */
const UNTYPED: readonly DType[] = [
  'uint16', 'uint32', 'uint64', 'float8_e4m3fn', 'float8_e4m3fnuz', 'float8_e5m2', 'float8_e5m2fnuz',
]; // prettier-ignore
const KNOWN = new Set<string>([...Object.values(STORAGES), ...UNTYPED]);

/** Bytes of an element. Throws for dtypes that are neither read nor written, as quantized ones. */
function widthOf(dtype: DType): number {
  if (!KNOWN.has(dtype)) throw new Error(`it has a tensor of ${dtype}, which is not understood`);
  return BYTES[dtype];
}

// ---- loading ----

export interface LoadOptions {
  /** Where tensors go, whatever device they were saved from. Default cpu. */
  mapLocation?: Device;
}

/**
 * Reads what torch.save wrote, in Python or here: tensors, dictionaries, lists and plain values, however nested, as
 * `torch.load(file, weights_only=True)` does. A dictionary whose keys are all texts comes as a plain object, another as
 * a Map, and a collections.Counter as one too; tuples and torch.Size come as frozen arrays, None as null, dtypes and devices as texts. Tensors that shared a
 * storage share one again.
 *
 * Nothing in the file is run: a pickle that asks for anything but a fixed list of names is refused with the name.
 * Sizes, strides and checksums are verified, and no more memory is taken than the file has bytes. Throws a TorchError that
 * says what is wrong.
 */
export async function load(file: string, given: LoadOptions = {}): Promise<unknown> {
  expectPath('load', file);
  const { mapLocation: device = 'cpu' } = options('load', given, ['mapLocation']);
  checkDevice(device);
  const made: Tensor[] = [];
  try {
    const archive = await readArchive(file, made);
    return scope(() => finished(new Loader(archive, device).load()));
  } catch (error) {
    throw unreadable(file, error);
  } finally {
    for (const tensor of made) tensor.dispose();
  }
}

interface Archive {
  readonly pickle: Buffer;
  /** uint8 tensors by their key. */
  readonly storages: ReadonlyMap<string, Tensor>;
}

async function readArchive(file: string, made: Tensor[]): Promise<Archive> {
  const { withZip } = await import('../files/zipReader.js');
  const { size } = await stat(file);
  return withZip(file, async (entries) => {
    const root = /^(.*?)data\.pkl$/.exec(
      entries.find(({ name }) => /(^|\/)data\.pkl$/.test(name))?.name ?? '',
    );
    if (root === null) throw new Error('it has no data.pkl');
    if (entries.some(({ name }) => name === `${root[1]!}constants.pkl`))
      throw new Error('it is a TorchScript archive: torch.jit.load reads those');
    // torch.save compresses nothing; what is compressed could claim a thousand times the file's size.
    if (entries.reduce((sum, entry) => sum + entry.size, 0) > size)
      throw new Error('its entries are compressed');
    const storages = new Map<string, Tensor>();
    let data: Buffer | undefined;
    for (const entry of entries) {
      const name = entry.name.slice(root[1]!.length);
      const key = /^data\/(.+)$/.exec(name)?.[1];
      if (name === 'byteorder') {
        if (String(await collected(entry.chunks())) === 'big')
          throw new Error('it was written on a big-endian machine');
      } else if (name === 'data.pkl') {
        data = await collected(entry.chunks());
      } else if (key !== undefined) {
        const storage = emptyBytes(entry.size);
        made.push(storage);
        storages.set(key, storage);
        const fill = filler(storage);
        for await (const chunk of entry.chunks()) fill.put(chunk);
        fill.end();
      }
    }
    return { pickle: data!, storages };
  });
}

async function collected(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts);
}

interface Storage {
  readonly dtype: DType | undefined; // undefined for an untyped one
  readonly bytes: Tensor;
}

class Loader {
  readonly #archive: Archive;
  readonly #device: Device;

  constructor(archive: Archive, device: Device) {
    this.#archive = archive;
    this.#device = device;
  }

  load(): unknown {
    return unpickle(this.#archive.pickle, {
      global: (module, name) => this.#global(module, name),
      persistent: (id) => this.#storage(id),
    });
  }

  #global(module: string, name: string): unknown {
    const full = `${module}.${name}`;
    if ((module === 'torch' || module === 'torch.storage') && Object.hasOwn(STORAGES, name))
      return { storage: STORAGES[name] };
    if (full === 'torch.storage.UntypedStorage' || full === 'torch.UntypedStorage')
      return { storage: undefined };
    if (module === 'torch' && KNOWN.has(name)) return name;
    const call = Object.hasOwn(this.#functions, full) ? this.#functions[full] : undefined;
    if (call === undefined)
      throw new Error(
        `it asks for ${full}, which is not on the list of what loading a checkpoint may use ` +
          `(${Object.keys(this.#functions).join(', ')}); save its state dict and plain values only`,
      );
    return { name: full, call } satisfies Callable;
  }

  readonly #functions: Readonly<Record<string, (args: readonly unknown[]) => unknown>> = {
    'torch._utils._rebuild_tensor_v2': ([storage, offset, size, stride, requiresGrad, , metadata]) =>
      this.#tensor(storage, undefined, offset, size, stride, requiresGrad, metadata),
    'torch._utils._rebuild_tensor_v3': ([storage, offset, size, stride, requiresGrad, , dtype, metadata]) =>
      this.#tensor(storage, dtype, offset, size, stride, requiresGrad, metadata),
    'torch._utils._rebuild_parameter': ([data, requiresGrad]) => {
      if (!isTensor(data)) throw new Error('a parameter has no tensor');
      return new Parameter(data, requiresGrad === true);
    },
    'collections.OrderedDict': ([items]) => new Map((items as [unknown, unknown][] | undefined) ?? []),
    'collections.Counter': ([counts = new Map()]) => {
      if (!types.isMap(counts)) throw new Error('a Counter is not made of a dictionary');
      return new Counter(counts as Map<unknown, number>);
    },
    'torch.Size': ([sizes]) => Object.freeze([...expectInts(sizes, 'a torch.Size')]),
    'torch.device': ([kind, index]) =>
      index === undefined ? String(kind) : `${String(kind)}:${Number(index)}`,
    '_codecs.encode': ([text, encoding]) => {
      if (typeof text !== 'string' || encoding !== 'latin1')
        throw new Error('bytes are not written as latin1');
      return new Uint8Array(Buffer.from(text, 'latin1'));
    },
    '__builtin__.set': ([items]) => new Set(items as unknown[]),
    'builtins.set': ([items]) => new Set(items as unknown[]),
    '__builtin__.bytearray': ([bytes]) => bytes,
    'builtins.bytearray': ([bytes]) => bytes,
    '__builtin__.complex': ([re, im]) => ({ re: Number(re), im: Number(im) }),
    'builtins.complex': ([re, im]) => ({ re: Number(re), im: Number(im) }),
  };

  // ("storage", class, key, location, number of elements)
  #storage(id: unknown): Storage {
    const [kind, type, key, , count] = Array.isArray(id) ? (id as unknown[]) : [];
    const { storage: dtype } = (typeof type === 'object' && type !== null ? type : {}) as { storage?: DType };
    if (
      kind !== 'storage' ||
      typeof key !== 'string' ||
      typeof type !== 'object' ||
      !Number.isSafeInteger(count)
    )
      throw new Error('it refers to something outside it that is no storage');
    const bytes = this.#archive.storages.get(key);
    if (bytes === undefined) throw new Error(`the bytes of storage '${key}' are missing`);
    const expected = (count as number) * (dtype === undefined ? 1 : widthOf(dtype));
    if (bytes.numel !== expected)
      throw new Error(
        `storage '${key}' has ${bytes.numel} bytes, its ${String(count)} elements need ${expected}`,
      );
    return { dtype, bytes };
  }

  #tensor(
    storage: unknown,
    given: unknown,
    offset: unknown,
    size: unknown,
    stride: unknown,
    requiresGrad: unknown,
    metadata: unknown,
  ): Tensor {
    const { dtype: typed, bytes } = (storage ?? {}) as Partial<Storage>;
    const dtype = (typeof given === 'string' ? given : typed) as DType | undefined;
    if (bytes === undefined || dtype === undefined) throw new Error('a tensor has no storage');
    const sizes = expectInts(size, 'the sizes of a tensor');
    const strides = expectInts(stride, 'the strides of a tensor');
    const [start] = expectInts([offset], 'the offset of a tensor');
    const width = widthOf(dtype);
    const have = Math.floor(bytes.numel / width);
    // In bigints, as products of what a file claims may leave what numbers hold exactly.
    const last = sizes.reduce((sum, n, i) => sum + BigInt(n - 1) * BigInt(strides[i] ?? 0), BigInt(start!));
    const count = sizes.reduce((product, n) => product * BigInt(n), 1n);
    if (sizes.length !== strides.length || (count > 0n && last >= BigInt(have)) || start! > have)
      throw new Error(
        `a tensor of shape [${sizes.join(', ')}] and strides [${strides.join(', ')}] from element ${start} does not lie ` +
          `within its storage of ${have} elements`,
      );
    if (count > BigInt(Number.MAX_SAFE_INTEGER)) throw new Error(`a tensor claims ${count} elements`);
    const values = scope(() => {
      const whole =
        dtype === 'uint8'
          ? bytes
          : (operator('aten::view.dtype').call(bytes.narrow(0, 0, have * width), dtype) as Tensor);
      const out = operator('aten::empty.memory_format').call([0], dtype) as Tensor;
      operator('aten::set_.source_Tensor_storage_offset').call(out, whole, start, sizes, strides);
      return this.#device === 'cpu' ? out : out.to(this.#device);
    });
    if (types.isMap(metadata) && (metadata.get('conj') === true || metadata.get('neg') === true))
      throw new Error(
        'a tensor is a conjugate or negative view: save it after resolve_conj() and resolve_neg()',
      );
    if (requiresGrad === true) values.requiresGrad = true;
    return values;
  }
}

function expectInts(value: unknown, what: string): number[] {
  if (!Array.isArray(value) || !value.every((n) => Number.isSafeInteger(n) && (n as number) >= 0))
    throw new Error(`${what} are no whole numbers of 0 or more`);
  return value as number[];
}

/** Dictionaries of texts as plain objects, inside everything. */
function finished(value: unknown, seen = new Map<object, unknown>()): unknown {
  if (typeof value !== 'object' || value === null || isTensor(value)) return value;
  const known = seen.get(value);
  if (known !== undefined) return known;
  if (Array.isArray(value)) {
    if (!Object.isFrozen(value)) {
      seen.set(value, value);
      value.forEach((item, i) => (value[i] = finished(item, seen)));
      return value;
    }
    const out: unknown = Object.freeze(value.map((item) => finished(item, seen)));
    seen.set(value, out);
    return out;
  }
  if (!types.isMap(value)) return value;
  const keys = [...value.keys()];
  if (isCounter(value) || (keys.length > 0 && !keys.every((key) => typeof key === 'string'))) {
    seen.set(value, value);
    for (const [key, item] of value) value.set(finished(key, seen), finished(item, seen));
    return value;
  }
  const out = {};
  seen.set(value, out);
  for (const [key, item] of value as Map<string, unknown>)
    // As a property of its own whatever its name: '__proto__' is a name like another in a file.
    Object.defineProperty(out, key, {
      value: finished(item, seen),
      writable: true,
      enumerable: true,
      configurable: true,
    });
  return out;
}

function unreadable(file: string, error: unknown): Error {
  const { name, code, message, syscall } = error as NodeJS.ErrnoException;
  const hint = /end of central directory|not a zip/i.test(message)
    ? '; files of PyTorch before 1.6 and bare pickles are not read: load it in Python and save it again'
    : name === 'RangeError'
      ? ' (nested too deep)'
      : '';
  return new TorchError('load', `${file} cannot be read: ${message}${hint}`, {
    cause: error,
    // What the file system says keeps its code, as ENOENT.
    ...(code !== undefined && (code === 'ERR_TORCH_OUT_OF_MEMORY' || syscall !== undefined) && { code }),
  });
}

// ---- saving ----

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
  expectPath('save', file);
  const storages = new Storages();
  try {
    // Before anything is waited for.
    const data = scope(() => pickle(value, { encode: (object) => storages.encode(object) }));
    const { zipParts } = await import('../files/zipWriter.js');
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
