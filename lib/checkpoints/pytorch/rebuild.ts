// Makes the tensors of a pickle out of the bytes of its storages.
import { types } from 'node:util';
import type { Device, DType } from '../../core/dtype.js';
import { handleOf } from '../../core/handles.js';
import { native } from '../../native/binding.js';
import { operator } from '../../operators/operators.js';
import { fromTypedArray } from '../../tensor/buffers.js';
import { isParameter, Parameter } from '../../tensor/parameter.js';
import { scope } from '../../tensor/scope.js';
import { isTensor, type Tensor } from '../../tensor/tensor.js';
import type { Callable, PickleHost } from '../pickle/reader.js';
import { expectCounts, geometry, storageClaim } from './claims.js';
import { isKnown, isQuantized, STORAGES, widthOf } from './dtypes.js';
import { lookUp } from './globals.js';

/** A storage, or a part of one: so many elements, from one on, of bytes on the device where its tensors go. */
export class Storage {
  readonly count: number;
  #whole: Tensor | undefined;

  constructor(
    readonly dtype: DType,
    readonly bytes: Tensor,
    readonly first = 0,
    count?: number,
  ) {
    const have = Math.floor(bytes.numel / widthOf(dtype));
    this.count = count ?? have;
    if (first + this.count > have)
      throw new Error(
        `a part of a storage goes from ${first} to ${first + this.count}, it has ${have} elements`,
      );
  }

  static is(value: unknown): value is Storage {
    return typeof value === 'object' && value !== null && #whole in value;
  }

  /** A tensor of all its elements, one and the same each time; of the bytes of quantized ones. */
  get whole(): Tensor {
    const [dtype, count] = isQuantized(this.dtype)
      ? (['uint8', this.count * widthOf(this.dtype)] as const)
      : [this.dtype, this.count];
    return (this.#whole ??= inMemory(this, dtype, { sizes: [count], strides: [1], start: 0 }));
  }

  /** How many elements of a dtype it has. */
  room(dtype: DType): number {
    return Math.floor((this.count * widthOf(this.dtype)) / widthOf(dtype));
  }
}

/** What a rebuilding needs of the one that loads. */
export interface Places {
  storage(key: string): Storage | undefined;
  /** Where what was saved from a device goes. */
  device(location: string): Device;
  /** Bytes of all storages. */
  readonly bytes: number;
}

// What a handle, its object and the tensor behind it take, and what each of its dimensions does.
const TENSOR = 2000;
const DIMENSION = 32;
// How often the values of all storages may be gone through: indices are checked, tables read, values converted.
const PASSES = 8;

/** Functions by name that make tensors, as `torch._utils._rebuild_tensor_v2`. */
export const TENSOR_FUNCTIONS = [
  'torch.Tensor',
  'torch.nn.parameter.Parameter',
  'torch._tensor._rebuild_from_type_v2',
  ...['tensor', 'tensor_v2', 'tensor_v3', 'parameter', 'parameter_with_state', 'qtensor', 'sparse_tensor', 'nested_tensor',
     'meta_tensor_no_storage', 'device_tensor_from_cpu_tensor'].map((name) => `torch._utils._rebuild_${name}`), // prettier-ignore
  ...Object.keys(STORAGES).flatMap((name) =>
    /^(Q|Complex)/.test(name) ? [] : ['torch', 'torch.cuda'].map((module) => `${module}.${name.replace('Storage', 'Tensor')}`),
  ),
] as const; // prettier-ignore

export class Rebuilder implements PickleHost {
  readonly #places: Places;
  /** Attributes that tensors had in Python. */
  readonly attributes: [tensor: Tensor, values: ReadonlyMap<unknown, unknown>][] = [];
  readonly #functions: Readonly<Record<string, Callable['call']>>;
  /** Bytes of storages that may still be gone through. */
  #left: number;

  constructor(places: Places) {
    this.#places = places;
    this.#left = PASSES * places.bytes + 2 ** 20;
    this.#functions = Object.fromEntries(
      TENSOR_FUNCTIONS.map((name) => [
        name,
        (args: readonly unknown[], spend: (bytes: number) => void) => {
          const dimensions = args.reduce(
            (sum: number, one) => sum + (Array.isArray(one) ? one.length : 0),
            0,
          );
          spend(TENSOR + DIMENSION * dimensions);
          return this.#call(name, args);
        },
      ]),
    );
  }

  global(module: string, name: string): unknown {
    return lookUp(module, name, this.#functions);
  }

  persistent(id: unknown): Storage {
    const { key, view } = storageClaim(id);
    return expectStorage(this.#places.storage(view?.key ?? key));
  }

  #call(name: string, args: readonly unknown[]): unknown {
    switch (name.replace('torch._utils._rebuild_', '')) {
      case 'tensor': {
        const [storage, offset, size, stride] = args;
        return this.#tensor(storage, undefined, [offset, size, stride]);
      }
      case 'tensor_v2': {
        const [storage, offset, size, stride, requiresGrad, , metadata] = args;
        return this.#tensor(storage, undefined, [offset, size, stride], requiresGrad, metadata);
      }
      case 'tensor_v3': {
        const [storage, offset, size, stride, requiresGrad, , dtype, metadata] = args;
        return this.#tensor(storage, dtype, [offset, size, stride], requiresGrad, metadata);
      }
      case 'parameter':
      case 'torch.nn.parameter.Parameter':
        return parameter(args[0], args[1] ?? true);
      case 'parameter_with_state':
        return this.#withState(parameter(args[0], args[1]), args[3]);
      case 'qtensor':
        return this.#quantized(args);
      case 'sparse_tensor':
        return this.#sparse(args);
      case 'nested_tensor':
        return this.#nested(args);
      case 'meta_tensor_no_storage':
        return meta(args);
      case 'device_tensor_from_cpu_tensor':
        return this.#moved(args);
      case 'torch._tensor._rebuild_from_type_v2':
        return this.#fromType(args);
      default:
        return empty(name, args);
    }
  }

  #tensor(
    storage: unknown,
    given: unknown,
    [offset, size, stride]: readonly [unknown, unknown, unknown],
    requiresGrad: unknown = false,
    metadata: unknown = null,
  ): Tensor {
    const stored = expectStorage(storage);
    const dtype = given ?? stored.dtype;
    if (typeof dtype !== 'string' || !isKnown(dtype))
      throw new Error('a tensor is of a dtype that is not understood');
    if (isQuantized(dtype)) throw new Error(`a tensor of ${dtype} does not say how it is quantized`);
    const place = geometry(size, stride, offset, stored.room(dtype));
    return scope(() => {
      let out = inMemory(stored, dtype, place);
      if (types.isMap(metadata) && metadata.get('conj') === true)
        out = operator('aten::_conj').call(out) as Tensor;
      if (types.isMap(metadata) && metadata.get('neg') === true)
        out = operator('aten::_neg_view').call(out) as Tensor;
      return requiring(out, requiresGrad);
    });
  }

  #quantized([storage, offset, size, stride, given, requiresGrad]: readonly unknown[]): Tensor {
    const { bytes, dtype, count: have, first } = expectStorage(storage);
    if (!isQuantized(dtype)) throw new Error(`a quantized tensor is of ${dtype}`);
    const [scheme, scales, zeros, axis] = Array.isArray(given) ? (given as unknown[]) : [];
    // Several numbers share a byte of these; as many as a byte has go into one element of the storage.
    const together = { quint4x2: 2, quint2x4: 4 }[dtype as string] ?? 1;
    const { sizes, strides, start } = geometry(size, stride, offset, together * have); // prettier-ignore
    return scope(() => {
      let out: Tensor;
      if (scheme === 'per_tensor_affine') {
        if (typeof scales !== 'number' || !Number.isSafeInteger(zeros)) throw new Error('a quantized tensor has no scale or no zero point'); // prettier-ignore
        out = operator('aten::_empty_affine_quantized').call([0], dtype, null, bytes.device, null, scales, zeros) as Tensor; // prettier-ignore
      } else if (scheme === 'per_channel_affine' || scheme === 'per_channel_affine_float_qparams') {
        const [along] = expectCounts([axis], 'the axis of a quantized tensor') as [number];
        const count = sizes[along];
        if (count === undefined) throw new Error(`a quantized tensor of shape [${sizes.join(', ')}] has no axis ${along}`); // prettier-ignore
        const [scale, zero] = [scales, zeros].map((one) => this.#channels(one, count, bytes.device)) as [Tensor, Tensor]; // prettier-ignore
        out = operator('aten::_empty_per_channel_affine_quantized').call(
          // Sizes may claim what takes no memory, as they do of expanded tensors; the axis has as many as there are scales.
          sizes.map((size, i) => (i === along ? size : 0)),
          scale,
          zero,
          along,
          dtype,
          null,
          bytes.device,
        ) as Tensor;
      } else
        throw new Error(
          `a tensor is quantized as ${typeof scheme === 'string' ? scheme : 'nothing'}, which is not understood`,
        );
      const whole = operator('aten::view.dtype').call(bytes, dtype) as Tensor;
      operator('aten::set_.source_Tensor_storage_offset').call(
        out,
        whole,
        together * first + start,
        sizes,
        strides,
      );
      return requiring(out, requiresGrad);
    });
  }

  /** Tensors whose values are gone through; throws an Error where that would take out of all proportion to the file. */
  #values(...tensors: readonly Tensor[]): void {
    for (const { numel, dtype } of tensors) this.#left -= numel * widthOf(dtype);
    if (!(this.#left >= 0)) throw new Error('its tensors would take far more memory than it has bytes');
  }

  #moved([data, dtype, location, requiresGrad]: readonly unknown[]): Tensor {
    if (!isTensor(data) || typeof dtype !== 'string' || !isKnown(dtype) || typeof location !== 'string')
      throw new Error('a tensor for a device is none');
    this.#values(data);
    return scope(() => {
      const there: Tensor = data.to(dtype).to(this.#places.device(location));
      return requiring(there === data ? there.detach() : there, requiresGrad);
    });
  }

  #fromType([make, type, args, state]: readonly unknown[]): Tensor {
    const { name: to } = (type ?? {}) as Partial<Callable>;
    const { name = '' } = (make ?? {}) as Partial<Callable>;
    if (!name.startsWith('torch._utils._rebuild_') || !Array.isArray(args))
      throw new Error('a tensor is made by what makes none');
    if (to !== 'torch.Tensor' && to !== 'torch.nn.parameter.Parameter')
      throw new Error(`a tensor is of the class ${to ?? 'that is none'}, which is not understood`);
    const made = this.#call(name, args as unknown[]) as Tensor;
    const typed = to === 'torch.Tensor' || isParameter(made) ? made : parameter(made, made.requiresGrad);
    return this.#withState(typed, state);
  }

  /** A tensor with the attributes that it had in Python: a dictionary, or one and another of what `__slots__` name. */
  #withState(tensor: Tensor, state: unknown): Tensor {
    for (const values of Array.isArray(state) ? (state as unknown[]) : [state])
      if (types.isMap(values)) this.attributes.push([tensor, values]);
    return tensor;
  }

  /** A number for each channel: a tensor, or a list as older files have it. */
  #channels(given: unknown, count: number, device: Device): Tensor {
    const list = Array.isArray(given) ? (given as unknown[]) : undefined;
    if (list?.length !== count && !(isStrided(given) && given.numel === count && given.ndim === 1))
      throw new Error(`a quantized tensor of ${count} channels has not as many scales and zero points`);
    if (list === undefined) {
      this.#values(given as Tensor);
      return given as Tensor;
    }
    if (!list.every((n) => typeof n === 'number'))
      throw new Error('the scales of a quantized tensor are no numbers');
    this.#left -= 16 * count;
    if (!(this.#left >= 0)) throw new Error('its tensors would take far more memory than it has bytes');
    return fromTypedArray(Float64Array.from(list)).to(device);
  }

  #sparse([layout, data]: readonly unknown[]): Tensor {
    const parts = Array.isArray(data) ? (data as unknown[]) : [];
    return scope(() => {
      if (layout === 'sparse_coo' && (parts.length === 3 || parts.length === 4)) {
        const [indices, values, size, coalesced] = parts;
        if (!isStrided(indices) || !isStrided(values))
          throw new Error('a sparse tensor has no indices or no values');
        this.#values(indices, values);
        const sizes = checkedSizes(size);
        const known = typeof coalesced === 'boolean' ? coalesced : null;
        operator('aten::_validate_sparse_coo_tensor_args').call(indices, values, sizes, known, false);
        return operator('aten::sparse_coo_tensor.indices_size').call(indices, values, sizes, null, null, null, null, known) as Tensor; // prettier-ignore
      }
      if (typeof layout === 'string' && /^sparse_(csr|csc|bsr|bsc)$/.test(layout) && parts.length === 4) {
        const [compressed, plain, values, size] = parts;
        if (!isStrided(compressed) || !isStrided(plain) || !isStrided(values)) throw new Error('a sparse tensor has no indices or no values'); // prettier-ignore
        this.#values(compressed, plain, values);
        const sizes = checkedSizes(size);
        operator('aten::_validate_sparse_compressed_tensor_args').call(
          compressed,
          plain,
          values,
          sizes,
          layout,
          false,
        );
        return operator('aten::sparse_compressed_tensor.comp_plain_value_size').call(compressed, plain, values, sizes, values.dtype, layout) as Tensor; // prettier-ignore
      }
      throw new Error('a sparse tensor is of a layout that is not understood');
    });
  }

  #nested([buffer, sizes, strides, offsets]: readonly unknown[]): Tensor {
    const tables = [sizes, strides, offsets];
    if (
      !isStrided(buffer) ||
      !tables.every((one): one is Tensor => isStrided(one) && one.dtype === 'int64' && one.device === 'cpu')
    )
      // prettier-ignore
      throw new Error('a nested tensor has no values, or no tables of sizes, strides and offsets');
    if (buffer.ndim !== 1 || !buffer.isContiguous)
      throw new Error('the values of a nested tensor do not lie in a row');
    this.#values(...tables, ...tables, ...tables);
    const [size, stride, offset] = tables.map((one) => ({ shape: one.shape, values: one.contiguous().dataSync() as BigInt64Array })); // prettier-ignore
    const [count = 0, dims = 0] = size!.shape;
    if (
      size!.shape.length !== 2 ||
      String(stride!.shape) !== String(size!.shape) ||
      String(offset!.shape) !== String([count])
    )
      // prettier-ignore
      throw new Error('the tables of a nested tensor do not fit each other');
    const row = (table: BigInt64Array, i: number): number[] => Array.from(table.subarray(i * dims, (i + 1) * dims), Number); // prettier-ignore
    for (let i = 0; i < count; i++) geometry(row(size!.values, i), row(stride!.values, i), Number(offset!.values[i]), buffer.numel); // prettier-ignore
    return operator('aten::_nested_view_from_buffer').call(buffer, sizes, strides, offsets) as Tensor;
  }

  // As PyTorch before 0.4 wrote tensors and parameters: made empty first, then given what they have.
  build(target: unknown, state: unknown): boolean {
    if (!isTensor(target) || !Array.isArray(state)) return false;
    const given = state as unknown[];
    if (given.length === 4) {
      const [storage, offset, size, stride] = given;
      scope(() => {
        const made = this.#tensor(storage, undefined, [offset, size, stride]);
        operator('aten::set_.source_Tensor').call(target, made);
      });
      return true;
    }
    if (!isParameter(target) || (given.length !== 3 && given.length !== 5)) return false;
    const [data, requiresGrad] = given.length === 5 ? [given[0], given[3]] : [undefined, given[0]];
    if (isTensor(data)) scope(() => operator('aten::set_.source_Tensor').call(target.detach(), data));
    target.requiresGrad = requiresGrad === true;
    return true;
  }
}

/** A tensor in a storage. It is no view to autograd, so that it may be trained. */
function inMemory(
  { bytes, dtype: stored, first }: Storage,
  dtype: DType,
  { sizes, strides, start }: { sizes: readonly number[]; strides: readonly number[]; start: number },
): Tensor {
  return scope(() => {
    const width = widthOf(dtype);
    const have = Math.floor(bytes.numel / width) * width;
    const whole =
      dtype === 'uint8'
        ? bytes
        : (operator('aten::view.dtype').call(bytes.narrow(0, 0, have), dtype) as Tensor);
    const out = operator('aten::empty.memory_format').call([0], dtype, null, bytes.device) as Tensor;
    return operator('aten::set_.source_Tensor_storage_offset').call(
      out,
      whole,
      (first * widthOf(stored)) / width + start,
      sizes,
      strides,
    ) as Tensor;
  });
}

/** Whether a value is a tensor whose values lie in memory as they are. */
function isStrided(value: unknown): value is Tensor {
  if (!isTensor(value) || isQuantized(value.dtype)) return false;
  try {
    native.storage(value[handleOf]);
    return value.numel >= 0;
  } catch {
    return false;
  }
}

function requiring(tensor: Tensor, requiresGrad: unknown): Tensor {
  if (requiresGrad === true) tensor.requiresGrad = true;
  return tensor;
}

function expectStorage(value: unknown): Storage {
  if (!Storage.is(value)) throw new Error('a tensor has no storage');
  return value;
}

function parameter(data: unknown, requiresGrad: unknown): Parameter {
  if (!isTensor(data)) throw new Error('a parameter has no tensor');
  return new Parameter(data, requiresGrad === true);
}

/** A tensor without elements of a class such as torch.FloatTensor. */
function empty(name: string, args: readonly unknown[]): Tensor {
  if (args.length > 0) throw new Error(`it calls ${name} with arguments`);
  const [, kind = ''] = /(\w*)Tensor$/.exec(name) ?? [];
  const dtype = STORAGES[`${kind}Storage`] ?? 'float32';
  return operator('aten::empty.memory_format').call([0], dtype) as Tensor;
}

function checkedSizes(size: unknown): readonly number[] {
  const sizes = expectCounts(size, 'the sizes of a tensor');
  const count = sizes.reduce((product, n) => product * BigInt(n), 1n);
  if (count > BigInt(Number.MAX_SAFE_INTEGER)) throw new Error(`a tensor claims ${count} elements`);
  return sizes;
}

function meta([dtype, size, stride, requiresGrad]: readonly unknown[]): Tensor {
  if (typeof dtype !== 'string' || !isKnown(dtype))
    throw new Error('a tensor is of a dtype that is not understood');
  const sizes = checkedSizes(size);
  const strides = expectCounts(stride, 'the strides of a tensor');
  const out = operator('aten::empty_strided').call(sizes, strides, dtype, null, 'meta') as Tensor;
  return requiring(out, requiresGrad);
}
