// What libtorch takes for granted of a TorchScript archive, checked before libtorch sees it: that records are as long as tensors
// claim, that tensors lie within them, and that values and code are nested no deeper than its recursions go.
import { types } from 'node:util';
import { unpickle, type PickleHost } from '../checkpoints/pickle/reader.js';
import { Archive } from '../checkpoints/pytorch/archive.js';
import { geometry, storageClaim, type StorageClaim } from '../checkpoints/pytorch/claims.js';
import { BYTES } from '../core/dtype.js';
import type { RandomAccess } from '../files/randomAccess.js';
import { checkCode } from './checkCode.js';

// Modules in modules in modules: none of PyTorch's own goes beyond 30.
const DEEPEST = 400;
// Types are written as List[Dict[str, int]].
const DEEPEST_TYPE = 100;

/** Throws an Error that says what is wrong with an archive. */
export function checkArchive(bytes: RandomAccess): void {
  let archive: Archive;
  try {
    archive = new Archive(bytes);
  } catch (error) {
    throw new Error(
      `this is no TorchScript archive, as torch.jit.save writes them, or it is truncated or damaged: ${(error as Error).message}`,
      { cause: error },
    );
  }
  if (archive.get('model.json') !== undefined)
    throw new Error('it is an archive of PyTorch before 1.2: load it in Python and save it again');
  if (!archive.isScript)
    throw new Error(
      'this is no TorchScript archive: it has no code in it. torch.load reads what torch.save wrote',
    );
  for (const [name, entry] of archive.entries()) {
    try {
      if (name.startsWith('code/') && name.endsWith('.py')) checkCode(entry.read().toString('utf8'));
      else if (name.endsWith('.debug_pkl')) checkPickle(entry.read(), () => undefined);
      else if (name === 'data.pkl' || name === 'constants.pkl') {
        const folder = name.replace('.pkl', '');
        checkPickle(entry.read(), (claim) => archive.get(`${folder}/${claim.key}`)?.size);
      }
    } catch (error) {
      throw new Error(`${name}: ${(error as Error).message}`, { cause: error });
    }
  }
}

/** Elements' bytes by the names of libtorch's storages. */
const WIDTHS: Readonly<Record<string, number>> = {
  Byte: 1, Char: 1, Short: 2, Int: 4, Long: 8, Half: 2, Float: 4, Double: 8, ComplexHalf: 4, ComplexFloat: 8, ComplexDouble: 16,
  Bool: 1, QInt8: 1, QUInt8: 1, QInt32: 4, BFloat16: 2, QUInt4x2: 1, QUInt2x4: 1, Bits8: 1, Bits16: 2, UInt16: 2, UInt32: 4, UInt64: 8,
  ...Object.fromEntries(Object.entries(BYTES).flatMap(([name, bytes]) => (name.startsWith('float8') || name.startsWith('float4') ? [[`F${name.slice(1)}`, bytes]] : []))),
}; // prettier-ignore

/** A value that libtorch makes of others: what it is made of. */
class Made {
  readonly #parts: unknown[];
  constructor(arguments_: readonly unknown[]) {
    this.#parts = [arguments_];
  }
  add(part: unknown): void {
    this.#parts.push(part);
  }
  static partsOf(value: object): readonly unknown[] | undefined {
    return #parts in value ? value.#parts : undefined;
  }
}

function checkPickle(pickle: Buffer, size: (claim: StorageClaim) => number | undefined): void {
  const claims = new Map<unknown, StorageClaim>();
  const host: PickleHost = {
    global(module, name) {
      const kind = module === 'torch' ? /^(\w+)Storage$/.exec(name)?.[1] : undefined;
      if (kind !== undefined) {
        if (!Object.hasOwn(WIDTHS, kind))
          throw new Error(`its storages are ${module}.${name}, which is not understood`);
        return { storage: kind };
      }
      return {
        name: `${module}.${name}`,
        call: (args: readonly unknown[]) => {
          if (name === 'restore_type_tag') checkType(args[1]);
          if (/^_rebuild_(q?tensor|sparse)/.test(name)) checkTensor(name, args, claims);
          return new Made(args);
        },
      };
    },
    persistent(id) {
      const claim = storageClaim(id);
      const need = claim.count * WIDTHS[claim.dtype!]!;
      const have = claim.count === 0 ? 0 : size(claim);
      if (have === undefined) throw new Error(`the bytes of storage '${claim.key}' are missing`);
      if (have < need)
        throw new Error(`storage '${claim.key}' has ${have} bytes, its ${claim.count} elements need ${need}`);
      const made = new Made([]);
      claims.set(made, claim);
      return made;
    },
    build(target, state) {
      if (typeof target !== 'object' || target === null || Made.partsOf(target) === undefined) return false;
      (target as Made).add(state);
      return true;
    },
  };
  checkDepth(unpickle(pickle, host));
}

function checkType(type: unknown): void {
  if (typeof type !== 'string') throw new Error('it names a type by what is no text');
  let depth = 0;
  for (const letter of type)
    if (letter === '[' || letter === '(') {
      if (++depth > DEEPEST_TYPE) throw new Error(`it has a type that is nested deeper than ${DEEPEST_TYPE}`);
    } else if (letter === ']' || letter === ')') depth--;
}

function checkTensor(
  name: string,
  args: readonly unknown[],
  claims: ReadonlyMap<unknown, StorageClaim>,
): void {
  if (name.includes('sparse'))
    throw new Error('it has a sparse tensor, whose indices libtorch does not check');
  const claim = claims.get(args[0]);
  if (claim === undefined) throw new Error('a tensor has no storage');
  const together = { QUInt4x2: 2, QUInt2x4: 4 }[claim.dtype!] ?? 1;
  geometry(args[2], args[3], args[1], together * claim.count);
}

/** Throws an Error for a value that is nested deeper than libtorch may go, or that holds itself. */
function checkDepth(value: unknown): void {
  const depths = new Map<object, number>();
  const open = new Set<object>();
  // A list rather than calls: a value may be nested deeper than the stack goes.
  const waiting: { value: object; parts: readonly unknown[] | undefined }[] = [];
  const enter = (one: unknown): void => {
    if (typeof one === 'object' && one !== null && !depths.has(one))
      waiting.push({ value: one, parts: undefined });
  };
  enter(value);
  for (let last = waiting.at(-1); last !== undefined; last = waiting.at(-1)) {
    const { value: one } = last;
    if (last.parts === undefined) {
      if (depths.has(one)) {
        waiting.pop();
        continue;
      }
      if (open.has(one)) throw new Error('it has a value that holds itself');
      open.add(one);
      last.parts = partsOf(one);
      last.parts.forEach(enter);
      continue;
    }
    waiting.pop();
    open.delete(one);
    let depth = 0;
    for (const part of last.parts)
      if (typeof part === 'object' && part !== null) depth = Math.max(depth, depths.get(part)!);
    if (++depth > DEEPEST) throw new Error(`its values are nested deeper than ${DEEPEST}`);
    depths.set(one, depth);
  }
}

function partsOf(value: object): readonly unknown[] {
  if (Array.isArray(value)) return value as unknown[];
  if (types.isMap(value)) return [...value].flat();
  return types.isSet(value) ? [...value] : (Made.partsOf(value) ?? []);
}
