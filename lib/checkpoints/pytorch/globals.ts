// What a pickle of PyTorch's may name, the list of torch.load(file, weights_only=True): classes and functions of plain
// values here, those of tensors in rebuild.ts. Nothing else is looked up, and nothing is run.
import { types } from 'node:util';
import { Counter } from '../../core/counter.js';
import type { Callable, PickleHost } from '../pickle/reader.js';
import { storageClaim, type StorageClaim, type StorageClass } from './claims.js';
import { isKnown, NAMES_ONLY, STORAGES } from './dtypes.js';

type Function = Callable['call'];

const ENCODINGS: Readonly<Record<string, BufferEncoding>> = {
  latin1: 'latin1', 'latin-1': 'latin1', 'iso-8859-1': 'latin1', ascii: 'latin1', 'utf-8': 'utf8', utf8: 'utf8',
}; // prettier-ignore

/** Functions and classes of plain values. */
const PLAIN: Readonly<Record<string, Function>> = {
  'collections.OrderedDict': dictionary,
  'collections.Counter': (args, spend) => new Counter(dictionary(args, spend) as Map<unknown, number>),
  'torch.Size': ([sizes = []], spend) => {
    const items = expectList(sizes, 'torch.Size');
    spend(8 * items.length);
    if (!items.every((n) => Number.isSafeInteger(n))) throw new Error('a torch.Size has what are no sizes');
    return Object.freeze([...items]);
  },
  'torch.device': ([kind, index = null]) => {
    if (typeof kind !== 'string' || kind.length > 64 || !(index === null || typeof index === 'number'))
      throw new Error('it names a device that is none');
    return index === null ? kind : `${kind}:${index}`;
  },
  '_codecs.encode': ([text, encoding = 'utf-8'], spend) => {
    const known = typeof encoding === 'string' && Object.hasOwn(ENCODINGS, encoding) ? ENCODINGS[encoding] : undefined; // prettier-ignore
    if (typeof text !== 'string' || known === undefined) throw new Error('bytes are not written as latin1');
    spend(512 + 4 * text.length);
    return new Uint8Array(Buffer.from(text, known));
  },
  'builtins.set': ([items = []], spend) => {
    const list = expectList(items, 'set');
    spend(256 + 40 * list.length);
    return new Set(list);
  },
  'builtins.bytearray': ([bytes = new Uint8Array(0)], spend) => {
    if (!types.isUint8Array(bytes)) throw new Error('a bytearray is made of what are no bytes');
    spend(512 + bytes.length);
    return bytes.slice();
  },
  'builtins.complex': ([re = 0, im = 0]) => {
    if (typeof re !== 'number' || typeof im !== 'number')
      throw new Error('a complex number is made of what are no numbers');
    return { re, im };
  },
  'torch.serialization._get_layout': ([name]) => {
    if (typeof name !== 'string' || name.length > 64 || !/^torch\.\w+$/.test(name)) throw new Error('it names a layout that there is not'); // prettier-ignore
    return name.slice('torch.'.length);
  },
};

function dictionary([items = []]: readonly unknown[], spend: (bytes: number) => void): Map<unknown, unknown> {
  spend(256 + 80 * (types.isMap(items) ? items.size : expectList(items, 'a dictionary').length));
  const entries = types.isMap(items) ? [...items] : (items as unknown[]);
  if (!entries.every((entry) => Array.isArray(entry) && entry.length === 2))
    throw new Error('a dictionary is made of what are no pairs');
  return new Map(entries as [unknown, unknown][]);
}

function expectList(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new Error(`${what} is made of what is no list`);
  return value as readonly unknown[];
}

const QSCHEMES = [
  'per_tensor_affine', 'per_tensor_symmetric', 'per_channel_affine', 'per_channel_symmetric', 'per_channel_affine_float_qparams',
]; // prettier-ignore

// Names of Python 2 and of older versions of PyTorch.
const RENAMED: Readonly<Record<string, string>> = {
  __builtin__: 'builtins',
  'torch.tensor': 'torch._tensor',
};

/**
 * What a name stands for: a dtype's name, a class of storages, a function of plain values, or one of `tensors`. Throws an
 * Error for every other name.
 */
export function lookUp(module: string, name: string, tensors: Readonly<Record<string, Function>>): unknown {
  const full = `${RENAMED[module] ?? module}.${name}`;
  const call = Object.hasOwn(PLAIN, full)
    ? PLAIN[full]
    : Object.hasOwn(tensors, full)
      ? tensors[full]
      : undefined;
  if (call !== undefined) return { name: full, call } satisfies Callable;
  if (/^torch(\.cuda|\.storage)?$/.test(module)) {
    if (Object.hasOwn(STORAGES, name)) return { storage: STORAGES[name] } satisfies StorageClass;
    if (name === 'UntypedStorage') return { storage: undefined } satisfies StorageClass;
  }
  if (module === 'torch' && (isKnown(name) || NAMES_ONLY.includes(name) || QSCHEMES.includes(name)))
    return name;
  throw new Error(
    `it asks for ${module}.${name}, which is not on the list of what loading a checkpoint may use ` +
      `(${[...Object.keys(PLAIN), ...Object.keys(tensors)].join(', ')}); save its state dict and plain values only`,
  );
}

/** What stands for values of which a survey need not know more. */
const UNMADE = Object.freeze({ made: false });

/** Goes through a pickle, makes no tensors, and notes which storages it claims. */
export class Survey implements PickleHost {
  readonly claims = new Map<string, StorageClaim>();
  /** Claims of parts of storages, by the keys of the parts. */
  readonly #views = new Map<string, StorageClaim>();
  readonly #tensors: Readonly<Record<string, Function>>;

  constructor(names: Iterable<string>) {
    this.#tensors = Object.fromEntries([...names].map((name) => [name, () => UNMADE]));
  }

  global(module: string, name: string): unknown {
    return lookUp(module, name, this.#tensors);
  }
  persistent(id: unknown): unknown {
    const claim = storageClaim(id);
    const known = this.claims.get(claim.key);
    if (known === undefined) this.claims.set(claim.key, claim);
    else if (known.dtype !== claim.dtype || known.count !== claim.count)
      throw new Error(`it claims two things of the storage '${claim.key}'`);
    if (claim.view !== undefined) this.#views.set(claim.view.key, claim);
    return UNMADE;
  }
  get views(): StorageClaim[] {
    return [...this.#views.values()];
  }
  build(target: unknown): boolean {
    return target === UNMADE;
  }
}
