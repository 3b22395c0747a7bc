// Which JavaScript values a schema's type takes, as strict as PyTorch's argument parser: a boolean is no integer, an
// integer is a float, a number is no tensor.
import { isDType, type Layout, type MemoryFormat } from '../core/dtype.js';
import { handleKind, isHandled, isHandledTensor, objectType, streamOf } from '../core/handles.js';
import { isNumeric, isTypedScalar } from '../core/scalar.js';
import type { SchemaType } from './schema.js';

export interface ArgumentType {
  /** What it takes, in words. */
  readonly expected: string;
  /** Whether null stands for "none". */
  readonly nullable: boolean;
  /** Whether it is a list of integers. */
  readonly integers: boolean;
  readonly device: boolean;
  /** Of a list: which elements it takes. */
  readonly element?: (value: unknown) => boolean;
  /** Never asked about null and undefined. */
  readonly accepts: (value: unknown) => boolean;
}

interface Kind {
  readonly one: string;
  readonly many: string;
  readonly accepts: (value: unknown) => boolean;
}

const LAYOUTS: readonly Layout[] = [
  'strided', 'sparse', 'sparse_csr', 'sparse_csc', 'sparse_bsr', 'sparse_bsc',
]; // prettier-ignore
const MEMORY_FORMATS: readonly MemoryFormat[] = [
  'contiguous',
  'preserve',
  'channels_last',
  'channels_last_3d',
];

const isInt = (value: unknown): boolean =>
  typeof value === 'bigint' || Number.isInteger(value) || (isTypedScalar(value) && value.dtype === 'int64');
const isFloat = (value: unknown): boolean =>
  typeof value === 'number' ||
  (isTypedScalar(value) && (value.dtype === 'float64' || value.dtype === 'int64'));
const isString = (value: unknown): value is string => typeof value === 'string';
const oneOf = (names: readonly string[]): Kind => ({
  one: `one of ${names.join(', ')}`,
  many: `an array of ${names.join(', ')}`,
  accepts: (value) => isString(value) && names.includes(value),
});

const integer: Kind = { one: 'an integer', many: 'an array of integers', accepts: isInt };
const float: Kind = { one: 'a number', many: 'an array of numbers', accepts: isFloat };
const boolean: Kind = {
  one: 'a boolean',
  many: 'an array of booleans',
  accepts: (value) => typeof value === 'boolean',
};

const KINDS: Readonly<Record<string, Kind>> = {
  Tensor: { one: 'a Tensor', many: 'an array of Tensors', accepts: isHandledTensor },
  Scalar: {
    one: 'a number, a bigint, a boolean or a complex { re, im }',
    many: 'an array of numbers, bigints, booleans or complex { re, im }',
    accepts: isNumeric,
  },
  int: integer,
  SymInt: integer,
  float,
  SymFloat: float,
  bool: boolean,
  SymBool: boolean,
  str: { one: 'a string', many: 'an array of strings', accepts: isString },
  ScalarType: {
    one: "a dtype such as 'float32'",
    many: 'an array of dtypes',
    accepts: (value) => isString(value) && isDType(value),
  },
  Layout: oneOf(LAYOUTS),
  MemoryFormat: oneOf(MEMORY_FORMATS),
  // Which devices there are is checked when the operator is called; a dtype's name must not pass for one.
  Device: {
    one: "a device such as 'cpu'",
    many: 'an array of devices',
    accepts: (value) => isString(value) && !isDType(value),
  },
  Generator: {
    one: 'a Generator',
    many: 'an array of Generators',
    accepts: (value) => isHandled(value) && handleKind(value) === 'generator',
  },
  Storage: {
    one: 'a Storage, as tensor.untypedStorage() gives it',
    many: 'an array of Storages',
    accepts: (value) => isObjectOf(value, 'Storage'),
  },
  Stream: {
    one: 'a Stream',
    many: 'an array of Streams',
    accepts: (value) => typeof value === 'object' && value !== null && streamOf in value,
  },
};

function isObjectOf(value: unknown, type: string): boolean {
  return typeof value === 'object' && value !== null && objectType in value && value[objectType] === type;
}

// An object of a class that libtorch registers.
function objectKind(type: string): Kind | undefined {
  if (!type.startsWith('__torch__.')) return undefined;
  const accepts = (value: unknown): boolean => isObjectOf(value, type);
  return { one: `a NativeObject of ${type}`, many: `an array of NativeObjects of ${type}`, accepts };
}

const TENSOR_OR_NUMBER: Kind = {
  one: 'a Tensor or a number',
  many: 'an array of Tensors',
  accepts: (value) => isNumeric(value) || isHandledTensor(value),
};

/** What a type takes. `numbers` says that bare numbers stand for tensors in this operator. */
export function argumentType(type: SchemaType, numbers = false): ArgumentType {
  const kind =
    type.base === 'Tensor' && numbers ? TENSOR_OR_NUMBER : (KINDS[type.base] ?? objectKind(type.base));
  const at = type.layers.findIndex((layer) => layer !== 'optional');
  const list = at < 0 ? undefined : (type.layers[at] as { list: number | undefined });
  const nullable = type.layers.at(-1) === 'optional';
  const integers = list !== undefined && kind === integer;
  if (kind === undefined) {
    const expected = `a value of type ${type.base}, which cannot be passed from JavaScript`;
    return { expected, nullable, integers, device: false, accepts: () => false };
  }
  const device = type.base === 'Device' && list === undefined;
  if (list === undefined) return { expected: kind.one, nullable, integers, device, accepts: kind.accepts };
  // "Tensor?[]": elements may be null. "int[2]": one integer stands for both.
  const holes = at > 0;
  const element = (value: unknown): boolean =>
    value === null || value === undefined ? holes : kind.accepts(value);
  const all = (values: readonly unknown[]): boolean => {
    for (let i = 0; i < values.length; i++) if (!element(values[i])) return false;
    return true;
  };
  return {
    expected: list.list === undefined ? kind.many : `${kind.one} or ${kind.many}`,
    nullable,
    integers,
    device,
    element,
    accepts: (value) => (Array.isArray(value) ? all(value) : list.list !== undefined && kind.accepts(value)),
  };
}
