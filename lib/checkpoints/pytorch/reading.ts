// What torch.load does with a file: the archives since PyTorch 1.6, the format before, safetensors.
// https://docs.pytorch.org/docs/stable/notes/serialization.html
import type { Device, DType } from '../../core/dtype.js';
import { TorchError } from '../../core/errors.js';
import { withBytes, type RandomAccess } from '../../files/randomAccess.js';
import { scope } from '../../tensor/scope.js';
import type { Tensor } from '../../tensor/tensor.js';
import { emptyBytes, filler } from '../memory.js';
import { unpickle } from '../pickle/reader.js';
import { decodeSafetensors, loadSafetensors } from '../safetensors.js';
import { Archive } from './archive.js';
import { bytesOfClaim, type StorageClaim } from './claims.js';
import { widthOf } from './dtypes.js';
import { finish } from './finish.js';
import { Survey } from './globals.js';
import { kindOfFile, readLegacy } from './legacy.js';
import { Rebuilder, Storage, TENSOR_FUNCTIONS } from './rebuild.js';

/**
 * The value in a file, which errors call by its words; `device` says where what was saved from a location goes. Throws a
 * TorchError for what cannot be read.
 */
export async function read(
  source: string | Uint8Array,
  words: string,
  device: (location: string) => Device,
): Promise<unknown> {
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
    throw unreadable(words, error);
  } finally {
    for (const tensor of made) tensor.dispose();
  }
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
