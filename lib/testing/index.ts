// torch.testing: tensors held against each other, with PyTorch's tolerances and words. The definitions are those of
// torch/testing/_comparison.py.
import { expectBoolean, expectNumber } from '../core/checks.js';
import { isFloatingPoint, type DType } from '../core/dtype.js';
import { ArgumentTypeError, TorchError } from '../core/errors.js';
import { expectNoMore, options } from '../core/options.js';
import { isComplex, isNumeric, plainScalar, type Complex } from '../core/scalar.js';
import { branchOf, entriesOf, enter, type Around } from '../core/tree.js';
import { isclose, promoteTypes } from '../operators/generated/functions.js';
import { noGrad } from '../autograd/gradMode.js';
import { isTensor, type Tensor } from '../tensor/tensor.js';
import { scope } from '../tensor/scope.js';

export interface CloseOptions {
  /** The relative tolerance. Default by dtype: 1.3e-6 for float32; with `atol`, or neither. */
  rtol?: number;
  /** The absolute tolerance. Default by dtype: 1e-5 for float32. */
  atol?: number;
  /** Whether NaN equals NaN. Default false. */
  equalNan?: boolean;
  /** Whether tensors have to be on one device. Default true. */
  checkDevice?: boolean;
  /** Whether they have to be of one dtype. Default true. */
  checkDtype?: boolean;
  /** Whether they have to be of one layout. Default true. */
  checkLayout?: boolean;
  /** Whether they have to have the same strides. Default false. */
  checkStride?: boolean;
  /** In place of the message, or what makes one of it. */
  msg?: string | ((message: string) => string);
}

/** What `assertClose` and the matchers throw: tensors are not as they should be. `code` is ERR_ASSERTION, Node's own for this. */
export class NotCloseError extends TorchError {
  constructor(message: string) {
    super('testing.assertClose', message, { code: 'ERR_ASSERTION' });
    this.message = message;
  }
}

// Relative and absolute.
const TOLERANCES: Partial<Record<DType, readonly [number, number]>> = {
  float16: [0.001, 1e-5], bfloat16: [0.016, 1e-5], float32: [1.3e-6, 1e-5], float64: [1e-7, 1e-7], complex32: [0.001, 1e-5],
  complex64: [1.3e-6, 1e-5], complex128: [1e-7, 1e-7], quint8: [1.3e-6, 1e-5], quint2x4: [1.3e-6, 1e-5], quint4x2: [1.3e-6, 1e-5],
  qint8: [1.3e-6, 1e-5], qint32: [1.3e-6, 1e-5],
}; // prettier-ignore

/** The greatest of the default tolerances of dtypes. */
function tolerancesOf(
  dtypes: readonly DType[],
  { rtol, atol }: CloseOptions,
): { rtol: number; atol: number } {
  const each = dtypes.map((dtype) => TOLERANCES[dtype] ?? [0, 0]);
  return {
    rtol: rtol ?? Math.max(...each.map(([relative]) => relative)),
    atol: atol ?? Math.max(...each.map(([, absolute]) => absolute)),
  };
}

/**
 * Throws unless `actual` and `expected` are close: `|actual - expected| <= atol + rtol * |expected|`, with tolerances that go
 * by dtype unless given. Takes tensors, numbers, and arrays, Maps and objects of them; shapes, dtypes and devices have to be the
 * same. PyTorch's torch.testing.assert_close.
 *
 * @throws NotCloseError where they are not, which says how many values differ, and by how much at most and where; TorchError
 *   for what can be compared with nothing
 */
export function assertClose(actual: unknown, expected: unknown, given: CloseOptions = {}): void {
  const where = 'testing.assertClose';
  expectNoMore(where, arguments, 3);
  const settings = options(where, given, [
    ...([
      'rtol',
      'atol',
      'equalNan',
      'checkDevice',
      'checkDtype',
      'checkLayout',
      'checkStride',
      'msg',
    ] as const),
  ]);
  for (const name of ['rtol', 'atol'] as const)
    if (settings[name] !== undefined) expectNumber(where, name, settings[name], { least: 0 });
  for (const name of ['equalNan', 'checkDevice', 'checkDtype', 'checkLayout', 'checkStride'] as const)
    if (settings[name] !== undefined) expectBoolean(where, name, settings[name]);
  if ((settings.rtol === undefined) !== (settings.atol === undefined))
    throw new ArgumentTypeError(
      where,
      `rtol and atol must both be given or both be left out, got rtol: ${settings.rtol} and atol: ${settings.atol}`,
    );
  noGrad(() => scope(() => comparison(actual, expected, settings)));
}

/** Whether `assertClose` would not throw; what it would say where it would. @internal */
export function closeness(actual: unknown, expected: unknown, given?: CloseOptions): string | undefined {
  try {
    assertClose(actual, expected, given);
    return undefined;
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'ERR_ASSERTION') throw error;
    return (error as Error).message;
  }
}

function comparison(actual: unknown, expected: unknown, settings: CloseOptions): void {
  const compare = (
    one: unknown,
    other: unknown,
    path: readonly unknown[],
    around: Around | undefined,
  ): void => {
    const fail = (message: string): never => {
      const place =
        path.length === 0
          ? ''
          : `\n\nThe failure occurred for item ${path.map((key) => `[${text(key)}]`).join('')}`;
      const whole = message + place;
      const { msg } = settings;
      throw new NotCloseError(typeof msg === 'function' ? msg(whole) : (msg ?? whole));
    };
    if (isTensor(one) && isTensor(other)) return compareTensors(one, other, settings, fail);
    // A number beside a tensor is a tensor of 0 dimensions, as in PyTorch.
    if (isNumber(one) && isNumber(other)) return compareNumbers(one, other, settings, fail);
    const isLeaf = (value: object): boolean => isTensor(value) || isNumeric(value);
    const [branch, otherBranch] = [branchOf(one, { isLeaf }), branchOf(other, { isLeaf })];
    const [isList, isOtherList] = [isSequence(one), isSequence(other)];
    if (isList && isOtherList) {
      const [list, otherList] = [one as ArrayLike<unknown>, other as ArrayLike<unknown>];
      if (list.length !== otherList.length)
        fail(`The length of the sequences mismatch: ${list.length} != ${otherList.length}`);
      const inside = enter(one as object, around, '', { where: 'testing.assertClose' });
      for (let i = 0; i < list.length; i++) compare(list[i], otherList[i], [...path, i], inside);
      return;
    }
    const isMapping = (kind: typeof branch): boolean => kind === 'map' || kind === 'object';
    if (isMapping(branch) && isMapping(otherBranch)) {
      const [map, otherMap] = [
        new Map(entriesOf(one as object, branch!)),
        new Map(entriesOf(other as object, otherBranch!)),
      ];
      const lacking = (from: Map<unknown, unknown>, of: Map<unknown, unknown>): string =>
        `[${[...of.keys()].filter((key) => !from.has(key)).map(text).sort().join(', ')}]`; // prettier-ignore
      const [missing, additional] = [lacking(map, otherMap), lacking(otherMap, map)];
      if (missing !== '[]' || additional !== '[]')
        fail(
          `The keys of the mappings do not match:\nMissing keys in the actual mapping: ${missing}\n` +
            `Additional keys in the actual mapping: ${additional}`,
        );
      const inside = enter(one as object, around, '', { where: 'testing.assertClose' });
      for (const [key, value] of map) compare(value, otherMap.get(key), [...path, key], inside);
      return;
    }
    // In PyTorch None equals None.
    if (one === other && (one === null || one === undefined)) return;
    throw new ArgumentTypeError(
      'testing.assertClose',
      `expected two tensors, two numbers, or two arrays, Maps or objects of them, got ${kindOf(one)} and ${kindOf(other)}` +
        (path.length === 0 ? '' : ` for item ${path.map((key) => `[${text(key)}]`).join('')}`),
    );
  };
  compare(actual, expected, [], undefined);
}

type Plain = number | bigint | boolean | Complex;
type Fail = (message: string) => never;

const isNumber = (value: unknown): value is Plain => isNumeric(value);
const isSequence = (value: unknown): boolean =>
  Array.isArray(value) || (ArrayBuffer.isView(value) && 'length' in value);
const text = (key: unknown): string => (typeof key === 'string' ? `'${key}'` : String(key));

function kindOf(value: unknown): string {
  if (isTensor(value)) return 'a Tensor';
  if (typeof value !== 'object' || value === null) return value === null ? 'null' : `a ${typeof value}`;
  const { constructor } = value as { constructor?: { name?: string } };
  return `an object (${constructor?.name ?? 'Object'})`;
}

// ---- tensors ----

function compareTensors(one: Tensor, other: Tensor, settings: CloseOptions, fail: Fail): void {
  const {
    checkDevice = true,
    checkDtype = true,
    checkLayout = true,
    checkStride = false,
    equalNan = false,
  } = settings;
  const differ = (attribute: string, a: unknown, b: unknown): never =>
    fail(`The values for attribute '${attribute}' do not match: ${String(a)} != ${String(b)}.`);
  const sizes = (list: readonly number[]): string => `[${list.join(', ')}]`;
  if (sizes(one.shape) !== sizes(other.shape)) differ('shape', sizes(one.shape), sizes(other.shape));
  const [quantized, otherQuantized] = [isQuantized(one), isQuantized(other)];
  if (quantized !== otherQuantized) differ('isQuantized', quantized, otherQuantized);
  const [sparse, otherSparse] = [isSparse(one), isSparse(other)];
  if (sparse !== otherSparse) {
    if (checkLayout) differ('layout', sparse ? 'sparse' : 'strided', otherSparse ? 'sparse' : 'strided');
  } else if (checkStride && !sparse && sizes(one.strides) !== sizes(other.strides))
    differ('strides', sizes(one.strides), sizes(other.strides));
  if (checkDevice && one.device !== other.device) differ('device', one.device, other.device);
  if (checkDtype && one.dtype !== other.dtype) differ('dtype', one.dtype, other.dtype);
  if (one.device === 'meta' || other.device === 'meta') return;

  const tolerances = tolerancesOf([one.dtype, other.dtype], settings);
  const [a, b] = alike(plainly(one), plainly(other));
  const identifier = quantized ? 'Quantized tensor-likes' : 'Tensor-likes';
  compareValues(a, b, tolerances, equalNan, identifier, fail);
}

const isQuantized = (tensor: Tensor): boolean => /^qu?int/.test(tensor.dtype);
const isSparse = (tensor: Tensor): boolean => tensor.sparseDim() > 0;

function plainly(tensor: Tensor): Tensor {
  const dense = isSparse(tensor) ? tensor.toDense() : tensor;
  return isQuantized(dense) ? dense.dequantize() : dense;
}

// Of one device and one dtype, which holds both.
function alike(one: Tensor, other: Tensor): [Tensor, Tensor] {
  const [a, b] = one.device === other.device ? [one, other] : [one.cpu(), other.cpu()];
  const known = (dtype: DType): DType =>
    dtype.startsWith('float8') ? 'float32' : dtype === 'uint16' || dtype === 'uint32' ? 'int64' : dtype;
  const [first, second] = [known(a.dtype), known(b.dtype)];
  const dtype =
    first === second
      ? first
      : promoteTypes(first === 'uint64' ? 'int64' : first, second === 'uint64' ? 'int64' : second);
  return [a.to(dtype), b.to(dtype)];
}

function compareValues(
  actual: Tensor,
  expected: Tensor,
  { rtol, atol }: { rtol: number; atol: number },
  equalNan: boolean,
  identifier: string,
  fail: Fail,
): void {
  const matches = isclose(actual, expected, { rtol, atol, equalNan });
  if (matches.all().item()) return;
  const equality = rtol === 0 && atol === 0;
  if (actual.ndim === 0)
    fail(scalarMessage(actual.item<Plain>(), expected.item<Plain>(), rtol, atol, actual.dtype));
  const total = actual.numel;
  const wrong = total - Number(matches.sum().item());
  const whole = !isFloatingPoint(actual) && !actual.dtype.startsWith('complex');
  const flat = (tensor: Tensor): Tensor => (whole ? tensor.flatten().to('int64') : tensor.flatten());
  const [a, e] = [flat(actual), flat(expected)];
  const right = matches.flatten();
  const absolute = a.sub(e).abs().maskedFill(right, 0);
  const relative = absolute.div(e.abs()).maskedFill(right, 0);
  const greatest = (kind: string, of: Tensor, allowed: number): string => {
    const { values, indices } = of.max(0) as unknown as { values: Tensor; indices: Tensor };
    const value = values.item<number | bigint>();
    const isWhole = whole && kind === 'absolute';
    return (
      `Greatest ${kind} difference: ${isWhole ? String(value) : number(Number(value))} at index ` +
      `[${place(Number(indices.item()), actual.shape).join(', ')}]${equality ? '' : ` (up to ${tolerance(allowed)} allowed)`}`
    );
  };
  fail(
    `${identifier} are not ${equality ? 'equal' : 'close'}!\n\n` +
      `Mismatched elements: ${wrong} / ${total} (${((100 * wrong) / total).toFixed(1)}%)\n` +
      `${greatest('absolute', absolute, atol)}\n${greatest('relative', relative, rtol)}`,
  );
}

function place(flat: number, shape: readonly number[]): number[] {
  let rest = flat;
  return shape
    .toReversed()
    .map((size) => {
      const index = rest % size;
      rest = Math.floor(rest / size);
      return index;
    })
    .reverse();
}

// ---- numbers ----

function compareNumbers(actual: Plain, expected: Plain, settings: CloseOptions, fail: Fail): void {
  const { equalNan = false } = settings;
  const dtypes = [actual, expected].map((value): DType => {
    const plain = plainScalar(value);
    return isComplex(plain)
      ? 'complex64'
      : typeof plain === 'number' && !Number.isInteger(plain)
        ? 'float32'
        : 'int64';
  });
  // PyTorch's are those of Python's float, float64, and of its complex.
  const wide = dtypes.map((dtype): DType =>
    dtype === 'float32' ? 'float64' : dtype === 'complex64' ? 'complex128' : dtype,
  );
  const { rtol, atol } = tolerancesOf(wide, settings);
  const [a, e] = [complexOf(actual), complexOf(expected)];
  if (
    a.re === e.re &&
    a.im === e.im &&
    (typeof actual !== 'bigint' || typeof expected !== 'bigint' || actual === expected)
  )
    return;
  const isNan = ({ re, im }: Complex): boolean => Number.isNaN(re) || Number.isNaN(im);
  if (equalNan && isNan(a) && isNan(e)) return;
  const difference = Math.hypot(a.re - e.re, a.im - e.im);
  const size = Math.hypot(e.re, e.im);
  if (Number.isFinite(difference) && difference <= atol + rtol * size && (rtol > 0 || atol > 0)) return;
  fail(scalarMessage(actual, expected, rtol, atol, wide.includes('float64') ? 'float64' : wide[0]!));
}

function complexOf(value: Plain): Complex {
  const plain = plainScalar(value);
  return isComplex(plain) ? plain : { re: Number(plain), im: 0 };
}

function scalarMessage(actual: Plain, expected: Plain, rtol: number, atol: number, dtype: DType): string {
  const equality = rtol === 0 && atol === 0;
  const shown = (value: Plain): string => {
    const plain = plainScalar(value);
    if (isComplex(plain)) return `{ re: ${plain.re}, im: ${plain.im} }`;
    return typeof plain === 'number' && isFloatingPoint(dtype) ? number(plain) : String(plain);
  };
  const [a, e] = [complexOf(actual), complexOf(expected)];
  const absolute = Math.hypot(a.re - e.re, a.im - e.im);
  const size = Math.hypot(e.re, e.im);
  const allowed = (given: number): string => (equality ? '' : ` (up to ${tolerance(given)} allowed)`);
  const whole = !isFloatingPoint(dtype) && !dtype.startsWith('complex');
  return (
    `Scalars are not ${equality ? 'equal' : 'close'}!\n\nExpected ${shown(expected)} but got ${shown(actual)}.\n` +
    `Absolute difference: ${whole ? String(absolute) : number(absolute)}${allowed(atol)}\n` +
    `Relative difference: ${number(size === 0 ? Infinity : absolute / size)}${allowed(rtol)}`
  );
}

/** A tolerance as it was given. */
const tolerance = (value: number): string => (Number.isInteger(value) ? String(value) : number(value));

/** A float as Python writes it: 1e-05, 1.0, inf. */
function number(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value < 0 ? '-inf' : 'inf';
  const [digits, exponent] = value.toExponential().split('e') as [string, string];
  const power = Number(exponent);
  if (value !== 0 && (power < -4 || power >= 16))
    return `${digits}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
  return Number.isInteger(value) ? value.toFixed(1) : String(value);
}

export { matchers } from './matchers.js';
