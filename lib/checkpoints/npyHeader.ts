// What stands before the values in an .npy file: numpy/lib/format.py is the specification. Magic bytes, version, length of
// the header, and the header: a Python dictionary of the dtype, the order and the shape.
import type { DType } from '../core/dtype.js';
import { parseLiteral, type Literal, type Tuple } from './pythonLiteral.js';

/** What the bytes of one kind of value are, and which dtype they become. */
export interface Stored {
  readonly dtype: DType;
  /** Bytes of a value. */
  readonly width: number;
  /** Bytes that big and little endian have in turn: half a value for complex numbers. */
  readonly unit: number;
}

export interface Header {
  /** A key of STORED, such as 'f4'. */
  readonly kind: Kind;
  readonly bigEndian: boolean;
  readonly fortranOrder: boolean;
  readonly shape: readonly number[];
  /** Where the values begin, and how many bytes they take; what follows them is not read, as by numpy. */
  readonly begin: number;
  readonly bytes: number;
}

const plain = (dtype: DType, width: number, unit = width): Stored => ({ dtype, width, unit });

// numpy's names without the byte order; those of torch-node's dtypes first. The unsigned ones that it lacks become the next
// wider signed dtype.
export const STORED = {
  b1: plain('bool', 1),
  u1: plain('uint8', 1),
  i1: plain('int8', 1),
  i2: plain('int16', 2),
  i4: plain('int32', 4),
  i8: plain('int64', 8),
  u2: plain('int32', 2),
  u4: plain('int64', 4),
  u8: plain('int64', 8),
  f2: plain('float16', 2),
  f4: plain('float32', 4),
  f8: plain('float64', 8),
  c8: plain('complex64', 8, 4),
  c16: plain('complex128', 16, 8),
} as const satisfies Record<string, Stored>;
export type Kind = keyof typeof STORED;

// numpy's other names of them, which may stand in a header too: by one letter with or without an order, in full without.
const LETTERS: Readonly<Record<string, Kind>> = {
  '?': 'b1', b: 'i1', B: 'u1', h: 'i2', H: 'u2', i: 'i4', I: 'u4', l: 'i8', L: 'u8', q: 'i8', Q: 'u8', p: 'i8', P: 'u8', n: 'i8',
  N: 'u8', e: 'f2', f: 'f4', d: 'f8', F: 'c8', D: 'c16',
}; // prettier-ignore
const WORDS: Readonly<Record<string, Kind>> = {
  bool: 'b1', bool_: 'b1', int8: 'i1', uint8: 'u1', int16: 'i2', uint16: 'u2', int32: 'i4', uint32: 'u4', int64: 'i8', uint64: 'u8',
  float16: 'f2', float32: 'f4', float64: 'f8', complex64: 'c8', complex128: 'c16', byte: 'i1', ubyte: 'u1', short: 'i2', ushort: 'u2',
  intc: 'i4', uintc: 'u4', int: 'i8', int_: 'i8', uint: 'u8', long: 'i8', ulong: 'u8', longlong: 'i8', ulonglong: 'u8', intp: 'i8',
  uintp: 'u8', half: 'f2', single: 'f4', double: 'f8', float: 'f8', csingle: 'c8', cdouble: 'c16', complex: 'c16',
}; // prettier-ignore

// Why other kinds are refused, by the letter in numpy's name.
const REFUSED: Readonly<Record<string, string>> = {
  O: 'Python objects; pickled objects are not read: they can run code',
  S: "byte strings; tensors hold numbers: write array.view('u1')",
  a: "byte strings; tensors hold numbers: write array.view('u1')",
  U: 'strings; tensors hold numbers: write codes of them',
  M: "dates (datetime64); tensors hold plain numbers: write array.astype('int64')",
  m: "durations (timedelta64); tensors hold plain numbers: write array.astype('int64')",
  V: "raw bytes (as bfloat16 of ml_dtypes is written); their meaning is not in the file: write array.astype('float32')",
  f: "long doubles, whose layout differs between machines: write array.astype('float64')",
  c: "complex long doubles, whose layout differs between machines: write array.astype('complex128')",
};

const MAGIC = Buffer.from('\x93NUMPY', 'latin1');
const ALIGNMENT = 64;
// Room for the first axis to grow in place: the digits of 8 * 2^64 - 1.
const GROWTH = 21;
// The header that numpy reads at most unless told to trust a file, and its most dimensions.
const MAX_HEADER = 10_000;
const MAX_DIMENSIONS = 64;

/** No more of a file than this is needed for its header. */
export const PREFIX = 12 + MAX_HEADER;

// dtypes that numpy has and tensors are not read as.
const UNSIGNED: Partial<Record<DType, Kind>> = { uint16: 'u2', uint32: 'u4', uint64: 'u8' };

/** How numpy calls a dtype. Throws an Error for those that it lacks. */
export function kindOf(dtype: DType): Kind {
  const kind = UNSIGNED[dtype] ?? (Object.keys(STORED) as Kind[]).find((one) => STORED[one].dtype === dtype);
  if (kind !== undefined) return kind;
  const other = dtype === 'complex32' ? 'complex64' : 'float32';
  const exact = dtype.startsWith('q') ? '' : `: convert it first, as tensor.to('${other}'), which is exact`;
  throw new Error(`numpy has no ${dtype}${exact}`);
}

/**
 * The bytes before the values of a row-major little-endian array, as numpy.save writes them. Throws an Error for more
 * dimensions than numpy has.
 */
export function writeHeader(kind: Kind, shape: readonly number[]): Buffer {
  if (shape.length > MAX_DIMENSIONS)
    throw new Error(`numpy's arrays have at most ${MAX_DIMENSIONS} dimensions, this has ${shape.length}`);
  const descr = `${STORED[kind].width === 1 ? '|' : '<'}${kind}`;
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const growth = shape.length === 0 ? 0 : GROWTH - String(shape[0]).length;
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${sizes}), }${' '.repeat(growth)}`;
  const fixed = MAGIC.length + 4;
  const padding = ALIGNMENT - ((fixed + text.length + 1) % ALIGNMENT);
  const header = Buffer.from(`${text}${' '.repeat(padding)}\n`, 'latin1');
  const length = Buffer.alloc(2);
  length.writeUInt16LE(header.length);
  return Buffer.concat([MAGIC, Buffer.from([1, 0]), length, header]);
}

/**
 * Reads a header from a file's first bytes (PREFIX of them, or all) and holds it against the file's length. Throws an
 * Error that says what is wrong or not supported.
 */
export function readHeader(prefix: Buffer, fileSize: number): Header {
  if (!prefix.subarray(0, MAGIC.length).equals(MAGIC.subarray(0, prefix.length)))
    throw new Error(
      `it is no npy file: it begins with ${quote(prefix.subarray(0, 6))}, expected "\\x93NUMPY"`,
    );
  const need = (bytes: number): void => {
    if (fileSize < bytes) throw new Error(`it is cut off in its header, after ${fileSize} bytes`);
  };
  need(MAGIC.length + 2);
  const [major, minor] = [prefix[6]!, prefix[7]!];
  if (major < 1 || major > 3 || minor !== 0)
    throw new Error(`it has format version ${major}.${minor}, known are 1.0, 2.0 and 3.0`);
  const fixed = major === 1 ? 10 : 12;
  need(fixed);
  const length = major === 1 ? prefix.readUInt16LE(8) : prefix.readUInt32LE(8);
  if (length > MAX_HEADER)
    throw new Error(`its header claims ${length} bytes, at most ${MAX_HEADER} are read (numpy's own limit)`);
  const begin = fixed + length;
  need(begin);
  const { descr, fortranOrder, shape } = readDictionary(
    prefix.toString(major === 3 ? 'utf8' : 'latin1', fixed, begin),
  );
  const { kind, bigEndian } = readDescr(descr);
  const { width } = STORED[kind];
  // Infinite or rounded where it is beyond 2^53, which no file's size equals.
  const bytes = shape.includes(0) ? 0 : shape.reduce((product, size) => product * size, width);
  const given = fileSize - begin;
  const array = `an array of dtype ${kind} and shape ${inWords({ tuple: shape })} needs ${bytes} bytes`;
  if (given < bytes) throw new Error(`it is cut off: ${array}, ${given} follow the header`);
  return { kind, bigEndian, fortranOrder, shape, begin, bytes };
}

function readDictionary(text: string): { descr: Literal; fortranOrder: boolean; shape: number[] } {
  let literal: Literal;
  try {
    literal = parseLiteral(text);
  } catch (error) {
    throw new Error(`its header is damaged: ${(error as Error).message}`, { cause: error });
  }
  const keys = isDictionary(literal) ? [...literal.keys()].sort().join(', ') : typeof literal;
  if (!isDictionary(literal) || keys !== 'descr, fortran_order, shape')
    throw new Error(
      `its header is damaged: expected a dictionary of descr, fortran_order and shape, found ${keys}`,
    );
  const fortranOrder = literal.get('fortran_order')!;
  if (typeof fortranOrder !== 'boolean')
    throw new Error(
      `its header is damaged: fortran_order is ${inWords(fortranOrder)}, expected True or False`,
    );
  const shape = literal.get('shape')!;
  if (!isTuple(shape) || !shape.tuple.every(isSize))
    throw new Error(`its header is damaged: shape is ${inWords(shape)}, expected a tuple of sizes`);
  if (shape.tuple.length > MAX_DIMENSIONS)
    throw new Error(
      `its header is damaged: its shape has ${shape.tuple.length} dimensions, numpy's arrays have at most ${MAX_DIMENSIONS}`,
    );
  return { descr: literal.get('descr')!, fortranOrder, shape: [...shape.tuple] as number[] };
}

function readDescr(descr: Literal): { kind: Kind; bigEndian: boolean } {
  if (Array.isArray(descr))
    throw new Error(
      'its dtype is structured (records); one tensor holds one kind of number: write one array per field',
    );
  const [, order = '', name = ''] = (typeof descr === 'string' && /^([<>=|]?)(.*)$/s.exec(descr)) || [];
  const kind = known(name, STORED) ? name : known(name, LETTERS) ? LETTERS[name]! : undefined;
  if (kind !== undefined) return { kind, bigEndian: order === '>' };
  if (order === '' && known(name, WORDS)) return { kind: WORDS[name]!, bigEndian: false };
  const [, letter = '', width = ''] = /^([SaUMmVOfc])(\d*)(?:\[[^\]]*\])?$/.exec(name) ?? [];
  const reason = /[fc]/.test(letter) && Number(width) <= 8 ? undefined : REFUSED[letter];
  throw new Error(
    reason === undefined
      ? `its header is damaged: there is no dtype ${inWords(descr)}`
      : `its dtype is ${inWords(descr)}: ${reason}`,
  );
}

const known = <T extends object>(name: string, names: T): name is string & keyof T =>
  Object.hasOwn(names, name);

const isDictionary = (value: Literal): value is ReadonlyMap<string, Literal> =>
  typeof value === 'object' && value !== null && 'get' in value;
const isTuple = (value: Literal): value is Tuple =>
  typeof value === 'object' && value !== null && 'tuple' in value;
const isSize = (value: Literal): boolean => Number.isSafeInteger(value) && (value as number) >= 0;

// A value of the header as Python writes it, cut off where it is long.
function inWords(value: Literal): string {
  const text = inPython(value);
  return text.length > 60 ? `${text.slice(0, 60)}...` : text;
}

function inPython(value: Literal): string {
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'string') return `'${value}'`;
  if (typeof value === 'number') return String(value);
  if (isDictionary(value))
    return `{${[...value].map(([key, one]) => `'${key}': ${inPython(one)}`).join(', ')}}`;
  if (!isTuple(value)) return `[${value.map(inPython).join(', ')}]`;
  return `(${value.tuple.map(inPython).join(', ')}${value.tuple.length === 1 ? ',' : ''})`;
}

const quote = (bytes: Buffer): string => JSON.stringify(bytes.toString('latin1'));
