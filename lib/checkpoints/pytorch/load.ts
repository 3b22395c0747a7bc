// torch.load: PyTorch's own files (.pt, .pth) of whatever version, and safetensors files.
// https://docs.pytorch.org/docs/stable/notes/serialization.html
import { types } from 'node:util';
import { expectArgument } from '../../core/checks.js';
import { describe } from '../../core/describe.js';
import type { Device, DType } from '../../core/dtype.js';
import { ArgumentTypeError, NoDeviceError, TorchError } from '../../core/errors.js';
import { expectNoMore, options } from '../../core/options.js';
import { isPlain } from '../../core/tree.js';
import { withBytes, type RandomAccess } from '../../files/randomAccess.js';
import { checkDevice } from '../../tensor/devices.js';
import { scope } from '../../tensor/scope.js';
import type { Tensor } from '../../tensor/tensor.js';
import { emptyBytes, filler } from '../memory.js';
import { unpickle } from '../pickle/reader.js';
import { sourceOf, wordsOf, type Source } from '../source.js';
import { decodeSafetensors, loadSafetensors } from '../safetensors.js';
import { Archive } from './archive.js';
import { bytesOfClaim, type StorageClaim } from './claims.js';
import { widthOf } from './dtypes.js';
import { finish } from './finish.js';
import { Survey } from './globals.js';
import { kindOfFile, readLegacy } from './legacy.js';
import { Rebuilder, Storage, TENSOR_FUNCTIONS } from './rebuild.js';

/** Where what was saved from a device goes: one device for all, or by the device that it was saved from. */
export type MapLocation =
  | Device
  | Readonly<Record<string, Device>>
  | ReadonlyMap<string, Device>
  | ((location: string) => Device | null | undefined);

export interface LoadOptions {
  /**
   * Where tensors go: one device, a table by the devices that they were saved from ("cuda:0"), or a function of these. What is
   * not named there goes to the device that it was saved from, and without this option all does.
   */
  mapLocation?: MapLocation | null;
}

/**
 * Reads what torch.save wrote, in Python or here, whatever the version, and safetensors files: tensors, dictionaries, lists and
 * plain values, however nested, as `torch.load(file, weights_only=True)` does. The file is named by a path or a URL, or given as its
 * bytes. A dictionary whose keys are all texts comes as a plain object, another as a Map, and a collections.Counter as one too; tuples and torch.Size come as frozen
 * arrays, None as null, dtypes, layouts and devices as texts, a storage as a tensor of all its elements (of its bytes where it has
 * no dtype). Tensors that shared a storage share one again; attributes that tensors had are properties of theirs.
 *
 * Nothing in the file is run: a pickle that asks for anything but a fixed list of names is refused with the name.
 * Sizes, strides, indices and checksums are verified, and memory is taken in proportion to the file's bytes. Throws a TorchError
 * that says what is wrong; its code is ERR_TORCH_NO_DEVICE where a tensor was saved from a device that is not here.
 */
export async function load(file: Source, given: LoadOptions = {}): Promise<unknown> {
  expectNoMore('load', arguments, 2);
  const source = sourceOf('load', file);
  const { mapLocation } = options('load', given, ['mapLocation']);
  const device = deviceBy(mapLocation ?? {});
  const made: Tensor[] = [];
  try {
    return await withBytes(source, async (bytes) => {
      const start = bytes.read(0, Math.min(bytes.size, 512));
      if (isSafetensors(start) || (typeof source === 'string' && source.endsWith('.safetensors')))
        return await safetensors(source, bytes, device('cpu'));
      const contents =
        start.subarray(0, 2).toString('latin1') === 'PK' ? archived(bytes) : older(bytes, start);
      return await build(contents, device, made);
    });
  } catch (error) {
    throw unreadable(wordsOf(file), error);
  } finally {
    for (const tensor of made) tensor.dispose();
  }
}

function deviceBy(given: unknown): (location: string) => Device {
  if (typeof given === 'string') {
    checkDevice(given);
    return () => given;
  }
  const ask = typeof given === 'function' ? (given as (location: string) => unknown) : tableOf(given);
  return (location) => {
    const device = ask(location) ?? location;
    if (typeof device !== 'string')
      throw new ArgumentTypeError(
        'load',
        `mapLocation: expected a device for ${location}, got ${describe(device)}`,
      );
    if (device === location) expectOwn(location);
    else checkDevice(device);
    return device;
  };
}

/** Throws where the device that a tensor was saved from is not here, with what to do then. */
function expectOwn(location: string): void {
  try {
    checkDevice(location);
  } catch (error) {
    throw new NoDeviceError(
      'load',
      `it holds a tensor that was saved from ${location}: give { mapLocation: 'cpu' } to have it on the CPU. (${(error as Error).message})`,
      { cause: error },
    );
  }
}

function tableOf(given: unknown): (location: string) => unknown {
  const isTable = types.isMap(given) || (typeof given === 'object' && given !== null && isPlain(given));
  expectArgument('load', 'mapLocation', given, isTable, 'a device, a table of devices or a function');
  if (types.isMap(given)) return (location) => given.get(location);
  return (location) =>
    Object.hasOwn(given as object, location) ? (given as Record<string, unknown>)[location] : undefined;
}

/** A pickle and the storages that it claims. */
interface Contents {
  readonly pickle: Buffer;
  readonly claims: ReadonlyMap<string, StorageClaim>;
  /** Parts of storages that are claimed, each by a key of its own. */
  readonly views: Iterable<StorageClaim>;
  readonly bigEndian: boolean;
  /** The bytes of a storage. */
  content(key: string): Content;
}

interface Content {
  readonly size: number;
  read(): Buffer;
  chunks(): AsyncIterable<Buffer>;
}

function archived(bytes: RandomAccess): Contents {
  const archive = new Archive(bytes);
  if (archive.isScript) throw new Error('it is a TorchScript archive: torch.jit.load reads those');
  const pickle = archive.get('data.pkl')!.read();
  const { claims, views } = unpickled(pickle);
  for (const claim of claims.values()) {
    const entry = archive.get(`data/${claim.key}`);
    if (entry === undefined) throw new Error(`the bytes of storage '${claim.key}' are missing`);
    const expected = bytesOfClaim(claim);
    if (entry.size !== expected)
      throw new Error(
        `storage '${claim.key}' has ${entry.size} bytes, its ${claim.count} elements need ${expected}`,
      );
  }
  if (views.length > 0) throw new Error(`storage '${views[0]!.key}' has parts, which this format has not`);
  return {
    pickle,
    claims,
    views,
    bigEndian: archive.isBigEndian,
    content: (key) => archive.get(`data/${key}`)!,
  };
}

function unpickled(pickle: Buffer): Survey {
  const survey = new Survey(TENSOR_FUNCTIONS);
  unpickle(pickle, survey);
  return survey;
}

function older(bytes: RandomAccess, start: Buffer): Contents {
  if (start[0] !== 0x80) throw new Error(kindOfFile(start));
  const { pickle, claims, views, places } = readLegacy(bytes, TENSOR_FUNCTIONS);
  for (const key of claims.keys())
    if (!places.has(key)) throw new Error(`the bytes of storage '${key}' are missing`);
  const content = (key: string): Content => {
    const { begin, end } = places.get(key)!;
    return { size: end - begin, read: () => bytes.read(begin, end), chunks: () => bytes.chunks(begin, end) };
  };
  return { pickle, claims, views, bigEndian: false, content };
}

async function build(
  contents: Contents,
  device: (location: string) => Device,
  made: Tensor[],
): Promise<unknown> {
  const storages = new Map<string, Storage>();
  for (const claim of contents.claims.values()) {
    const bytes = await filled(contents, claim);
    made.push(bytes);
    const there = scope((): Tensor => bytes.to(device(claim.location))).keep();
    made.push(there);
    storages.set(claim.key, new Storage(dtypeOf(claim), there));
  }
  for (const { key, view } of contents.views) {
    const { dtype, bytes } = storages.get(key)!;
    storages.set(view!.key, new Storage(dtype, bytes, view!.offset, view!.size));
  }
  return scope(() => {
    const total = made.reduce((sum, { numel }) => sum + numel, 0);
    const rebuilder = new Rebuilder({ storage: (key) => storages.get(key), device, bytes: total });
    const value = finish(unpickle(contents.pickle, rebuilder), rebuilder.attributes);
    // Attributes of tensors are not looked for when the scope ends.
    return {
      value,
      attributes: rebuilder.attributes.map(([tensor]) => Object.values(tensor as object) as unknown[]),
    };
  }).value;
}

const dtypeOf = ({ dtype = 'uint8' }: StorageClaim): DType => {
  widthOf(dtype);
  return dtype as DType;
};

// What is read at once: waiting for a thread would take longer.
const SMALL = 2 ** 16;

/** A uint8 tensor with the bytes of a storage. */
async function filled(contents: Contents, claim: StorageClaim): Promise<Tensor> {
  const content = contents.content(claim.key);
  const bytes = emptyBytes(content.size);
  try {
    const fill = filler(bytes);
    if (contents.bigEndian) fill.put(swapped(content.read(), claim));
    else if (content.size <= SMALL) fill.put(content.read());
    else for await (const chunk of content.chunks()) fill.put(chunk);
    fill.end();
    return bytes;
  } catch (error) {
    bytes.dispose();
    throw error;
  }
}

function swapped(bytes: Buffer, claim: StorageClaim): Buffer {
  // Python leaves these as they are, and what is read of them is wrong.
  if (claim.dtype === undefined && bytes.length > 0)
    throw new Error('it was written on a big-endian machine, and has a storage without a dtype');
  const dtype = dtypeOf(claim);
  const width = dtype.startsWith('complex') ? widthOf(dtype) / 2 : widthOf(dtype);
  const copy = Buffer.from(bytes);
  return width === 2 ? copy.swap16() : width === 4 ? copy.swap32() : width === 8 ? copy.swap64() : copy;
}

// ---- safetensors ----

// A header of less than 4 GiB follows its length.
function isSafetensors(start: Buffer): boolean {
  return start.length > 8 && start.readUInt32LE(4) === 0 && start[8] === 0x7b;
}

async function safetensors(
  source: string | Uint8Array,
  bytes: RandomAccess,
  device: Device,
): Promise<Record<string, Tensor>> {
  const { tensors } =
    typeof source === 'string' ? await loadSafetensors(source) : decodeSafetensors(bytes.read(0, bytes.size));
  if (device === 'cpu') return tensors;
  for (const [name, tensor] of Object.entries(tensors)) {
    const there: Tensor = tensor.to(device);
    tensors[name] = there;
    tensor.dispose();
  }
  return tensors;
}

// ---- errors ----

function unreadable(file: string, error: unknown): unknown {
  const { name, code, message, syscall } = error as NodeJS.ErrnoException;
  if (
    name === 'TorchError' &&
    ((error as TorchError).operator === 'loadSafetensors' ||
      code === 'ERR_INVALID_ARG_TYPE' ||
      code === 'ERR_TORCH_NO_DEVICE')
  )
    return error;
  return new TorchError('load', `${file} cannot be read: ${message}`, {
    cause: error,
    // What the file system says keeps its code, as ENOENT.
    ...(code !== undefined && (code === 'ERR_TORCH_OUT_OF_MEMORY' || syscall !== undefined) && { code }),
  });
}
