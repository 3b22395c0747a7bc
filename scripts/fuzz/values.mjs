// Random numbers from a seed, and JavaScript values of all kinds drawn with them. Sizes stay small, so that memory does.

/** Mulberry32: a generator whose numbers depend on the seed and the call's number only, so that one call can be repeated. */
export function generator(seed, call) {
  let state = (Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(call + 1, 0x85ebca6b)) >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const below = (n) => Math.floor(next() * n);
  return {
    below,
    chance: (p) => next() < p,
    pick: (list) => list[below(list.length)],
    uniform: () => next() * 4 - 2,
    many: (max, make) => Array.from({ length: below(max + 1) }, make),
  };
}

const DTYPES = [
  'float32',
  'float64',
  'float16',
  'bfloat16',
  'int64',
  'int32',
  'int16',
  'int8',
  'uint8',
  'bool',
];
const WORDS = ['none', 'mean', 'sum', 'cpu', 'cuda', 'meta', 'strided', 'sparse', 'sparse_csr', 'contiguous'];
const MORE_WORDS = [
  'channels_last',
  'preserve',
  'floor',
  'trunc',
  'reflect',
  'ij',
  'nuc',
  'fro',
  'linear',
  'tanh',
];
const ODD_WORDS = [
  '',
  '...',
  ':',
  'complex64',
  'complex128',
  'same',
  'valid',
  'constructor',
  '\0',
  '\ud800',
  'x'.repeat(300),
];
const HUGE = [
  2 ** 31,
  -(2 ** 31),
  2 ** 32,
  2 ** 53 - 1,
  2 ** 53,
  -(2 ** 53),
  1e300,
  Infinity,
  -Infinity,
  NaN,
  -0,
];
const HUGE_BIGINTS = [2n ** 62n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 64n, -(2n ** 70n)];
/** The ends of integer dtypes; where -1 meets the least, processors trap. */
const ENDS = {
  int8: [-128n, 127n, -1n], int16: [-(2n ** 15n), 2n ** 15n - 1n, -1n], int32: [-(2n ** 31n), 2n ** 31n - 1n, -1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n, -1n], uint8: [0n, 255n], uint64: [0n, 2n ** 64n - 1n],
}; // prettier-ignore
const SHAPES = [[], [0], [1], [2], [5], [2, 2], [3, 3], [1, 3], [2, 0], [0, 0], [2, 3, 4], [1, 1, 1], [2, 3, 4, 4], [1, 2, 5, 5], [2, 0, 3, 3], [1, 2, 3, 3, 3]]; // prettier-ignore

/** Draws values for a torch. */
export function values(torch, random) {
  const { below, chance, pick, uniform, many } = random;

  const integer = () => (chance(0.04) ? pick(HUGE) : chance(0.6) ? below(4) : below(40) - 8);
  const number = () => (chance(0.5) ? integer() : chance(0.1) ? pick(HUGE) : uniform());
  const bigint = () => (chance(0.15) ? pick(HUGE_BIGINTS) : BigInt(integerOrNought()));
  const integerOrNought = () => {
    const value = integer();
    return Number.isSafeInteger(value) ? value : 0;
  };
  const complex = () => ({ re: number(), im: number() });
  const typed = () => torch.scalar(uniform(), pick(['float64', 'complex128', 'bool']));
  const scalar = () => pick([integer, number, number, bigint, complex, typed, () => chance(0.5)])();
  const nativeObject = () => pick([
    () => torch.ones([2, 2]).untypedStorage(),
    () => torch.classes('c10d.ReduceOp'),
    () => torch.ops.call('quantized::linear_prepack', [torch.quantizePerTensor(torch.ones([2, 2]), 0.1, 0, 'qint8'), null]),
  ])(); // prettier-ignore
  const word = () => pick([DTYPES, WORDS, MORE_WORDS, ODD_WORDS].flat());
  const integers = () => many(4, integer);

  /** A tensor: of any dtype and shape, some strided, expanded, sparse or with a gradient to be, a few released. */
  function tensor(whole = chance(0.3)) {
    const shape = pick(SHAPES);
    const count = shape.reduce((product, size) => product * size, 1);
    const data = Array.from({ length: count }, () => {
      if (whole) return below(3);
      return chance(0.02) ? pick([NaN, Infinity, -Infinity, 1e30, 0]) : uniform();
    });
    let made = torch.tensor(Float32Array.from(data), { shape });
    const dtype = whole ? (chance(0.7) ? 'int64' : pick(DTYPES)) : chance(0.7) ? 'float32' : pick(DTYPES);
    if (dtype !== 'float32') made = made.to(dtype);
    const ends = ENDS[dtype];
    if (count > 0 && ends !== undefined && chance(0.1)) {
      const few = Array.from({ length: count }, () => pick(ends));
      made = torch.tensor(few, { dtype }).reshape(shape);
    }
    if (chance(0.03)) made = torch.ops.call('aten::_to_copy', [made, pick(['complex64', 'complex128'])]);
    if (shape.length > 1 && chance(0.1)) made = made.transpose(0, 1);
    if (chance(0.04)) made = made.unsqueeze(0).expand([2, ...made.shape]);
    if (shape.length > 0 && chance(0.02)) made = torch.ops.call('aten::to_sparse', [made.contiguous()]);
    if (chance(0.1) && /^(b?float|complex)/.test(made.dtype)) made.requiresGrad_();
    if (chance(0.02)) made.dispose();
    return made;
  }

  const typedArray = () => {
    const kind = pick([Float32Array, Float64Array, Int32Array, Uint8Array, Uint16Array, Int8Array, BigInt64Array, BigUint64Array, Uint8ClampedArray]); // prettier-ignore
    const length = below(7);
    return new kind(chance(0.2) ? new SharedArrayBuffer(length * kind.BYTES_PER_ELEMENT) : length);
  };
  const object = () => pick([
    () => ({}),
    () => ({ dtype: pick(DTYPES) }),
    () => ({ shape: integers() }),
    () => ({ [word()]: anything() }),
    () => Object.create(null),
    () => new Map([[1, tensor()]]),
    complex,
    typed,
    nativeObject,
    () => new torch.Stream('cpu'),
    () => new Date(0),
    () => /x/,
    () => new torch.Generator(),
    () => Promise.resolve(1),
    () => torch.slice(...many(3, integer)),
    () => new ArrayBuffer(below(17)),
    () => new DataView(new ArrayBuffer(8)),
    () => new Proxy({}, {}),
    () => new Proxy(tensor(), {}),
    () => new Proxy(many(3, integer), {}),
    () => Object.create(tensor()),
    () => ({ name: 'TorchError', length: 2, 0: 1, 1: 2 }),
  ])(); // prettier-ignore
  const nested = (depth) =>
    many(3, () => (depth > 0 && chance(0.5) ? nested(depth - 1) : anything(depth - 1)));

  /** Any value at all. */
  function anything(depth = 2) {
    return pick([
      () => tensor(), () => tensor(), () => tensor(), integer, integer, number, bigint, () => chance(0.5), word, word,
      () => null, () => undefined, integers, () => many(4, number), () => many(3, () => tensor()),
      () => (depth > 0 ? nested(depth - 1) : []), () => (depth > 0 ? object() : {}), typedArray, () => () => 1,
      () => Symbol('fuzz'), () => Array(below(4)), () => [[1, 2], [3]], () => NaN,
    ])(); // prettier-ignore
  }

  /** A value that an argument of a schema's type may well take. */
  function fitting(type, layers = type.layers) {
    const last = layers.at(-1);
    if (last === 'optional') return chance(0.4) ? null : fitting(type, layers.slice(0, -1));
    if (last !== undefined) {
      const inner = layers.slice(0, -1);
      if (last.list !== undefined && chance(0.5))
        return Array.from({ length: last.list }, () => fitting(type, inner));
      return many(4, () => fitting(type, inner));
    }
    const make = {
      Tensor: tensor, Scalar: scalar, int: integer, SymInt: integer, float: number, SymFloat: number,
      bool: () => chance(0.5), SymBool: () => chance(0.5), str: word, ScalarType: () => pick(DTYPES),
      Layout: () => pick(['strided', 'sparse', 'sparse_csr']), Device: () => pick(['cpu', 'cpu', 'meta', 'cuda']),
      MemoryFormat: () => pick(['contiguous', 'preserve', 'channels_last']), Generator: () => new torch.Generator(),
      Storage: () => torch.ones([below(9)]).untypedStorage(), Stream: () => new torch.Stream('cpu'),
    }[type.base] ?? (type.base.startsWith('__torch__') ? nativeObject : undefined); // prettier-ignore
    return make === undefined ? anything() : make();
  }

  return { anything, fitting, integer, integers, number, tensor, typedArray, nested, word };
}
