// Calls of operators as scripts/check/databases/operators.py writes them down: made again here, and held against what Python got.
// For operators.test.ts, and for scripts/check/databases, which makes docs/operators.md.
import torch, { isTensor, type Tensor, type TypedArray } from 'torch-node';
import { ours } from './table/trajectory.js';

/** see values.py for what the objects stand for. */
export type Value =
  | null
  | boolean
  | string
  | { i: string }
  | { f: string }
  | { c: [real: string, imaginary: string] }
  | { t: string; strides?: number[]; complex?: true }
  | { view: [storage: string, shape: number[], strides: number[], offset: number] }
  | { reference: string }
  | { class: string; args: Value[]; options: Record<string, Value> }
  | Value[];

/** One call of an overload, and what Python got. */
export interface Case {
  call: string;
  args: Value[];
  kwargs: Record<string, Value>;
  results: Value[];
  /** Whether floating arguments required gradients. */
  differentiable: boolean;
  /** Of the sum of all results, with respect to the floating arguments in order. */
  gradients?: Value[];
  noGradient?: string;
  /** Arguments that the operator writes to, by place or name, after the call. */
  changed?: [argument: number | string, after: Value][];
  /** The values are whatever lay in memory. */
  undefined?: true;
  /** Python itself gives other bits from run to run. */
  unsteady?: true;
}

export type Tensors = Readonly<Record<string, Tensor>>;

/** Equal bit for bit, equal within the tolerance, or in words what differs. */
export type Verdict = 'bits' | 'near' | { differs: string };

export interface Outcome {
  forward: Verdict;
  /** undefined where there are none to compare. */
  gradients?: Verdict;
}

/** What may differ where bits do, as a part of the tensor's largest finite value. */
export const TOLERANCES: Readonly<Record<string, number>> = {
  float16: 1e-3,
  bfloat16: 1e-2,
  float32: 1e-5,
  complex64: 1e-5,
  float64: 1e-12,
  complex128: 1e-12,
};

/**
 * Makes the call, and compares. The tensors that it makes belong to the caller's scope. On another machine than the
 * recording's `loosen` says by how much more values may differ.
 */
export function compareCase(recorded: Case, tensors: Tensors, loosen = 1): Outcome {
  const inputs: Tensor[] = [];
  const make = (value: Value): unknown =>
    decode(value, tensors, { inputs: recorded.differentiable ? inputs : undefined, typed: true });
  let results: unknown[];
  let args: unknown[];
  let options: Record<string, unknown>;
  try {
    args = recorded.args.map(make);
    options = Object.fromEntries(Object.entries(recorded.kwargs).map(([name, value]) => [name, make(value)]));
    torch.manualSeed(0);
    const run = (): unknown =>
      torch.ops.call(recorded.call, args, Object.keys(options).length > 0 ? options : undefined);
    const result = recorded.differentiable ? run() : torch.noGrad(run);
    results = Array.isArray(result) ? (result as unknown[]) : [result];
  } catch (error) {
    return { forward: { differs: `throws ${firstLine(error)}` } };
  }
  const how = { shallow: recorded.undefined === true, loosen };
  const forward = worst([
    compare(results, recorded.results, tensors, how),
    ...(recorded.changed ?? []).map(([argument, after]) =>
      compare(typeof argument === 'number' ? args[argument] : options[argument], after, tensors, how),
    ),
  ]);
  if (typeof forward === 'object') return { forward: { differs: `results: ${forward.differs}` } };
  if (recorded.gradients === undefined) return { forward };
  const gradients = compareGradients(results, inputs, recorded.gradients, tensors, how);
  return {
    forward,
    gradients: typeof gradients === 'object' ? { differs: gradients.differs } : gradients,
  };
}

function compareGradients(
  results: unknown[],
  inputs: Tensor[],
  expected: Value[],
  tensors: Tensors,
  how: How,
): Verdict {
  const outputs = tensorsIn(results).filter((tensor) => tensor.requiresGrad);
  if (outputs.length === 0) return { differs: 'gradients: no result requires them' };
  try {
    const gradOutputs = outputs.map((tensor) => torch.onesLike(tensor));
    const gradients = torch.grad(outputs, inputs, { gradOutputs, allowUnused: true });
    const verdict = compare(gradients, expected, tensors, how);
    return typeof verdict === 'object' ? { differs: `gradients: ${verdict.differs}` } : verdict;
  } catch (error) {
    return { differs: `gradients: throws ${firstLine(error)}` };
  }
}

// ---- values ----

/**
 * The value; floating tensors require gradients and are added to `inputs` where that is given. `typed` says that 2.0 shall
 * not become 2, an integer to an operator.
 */
export function decode(
  value: Value,
  tensors: Tensors,
  how: { inputs?: Tensor[] | undefined; typed?: boolean; storages?: Map<string, Tensor> } = {},
): unknown {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map((item) => decode(item, tensors, how));
  if ('i' in value) return Number.isSafeInteger(Number(value.i)) ? Number(value.i) : BigInt(value.i);
  if ('f' in value) {
    const number = float(value.f);
    return how.typed && Number.isInteger(number) ? torch.scalar(number, 'float64') : number;
  }
  if ('c' in value) return { re: float(value.c[0]), im: float(value.c[1]) };
  if ('view' in value) {
    const [name, shape, strides, offset] = value.view;
    const storage = how.storages?.get(name) ?? tensors[name]!.clone();
    how.storages?.set(name, storage);
    // The same view twice may be one tensor that was given twice.
    const key = JSON.stringify(value.view);
    const view = how.storages?.get(key) ?? storage.asStrided(shape, strides, { storageOffset: offset });
    how.storages?.set(key, view);
    return view;
  }
  if ('reference' in value) return named(value.reference);
  if ('class' in value) return construct(value.class, value.args, value.options, tensors);
  const made = torch.noGrad(() => rebuild(value, tensors));
  if (how.inputs !== undefined && /float|complex/.test(made.dtype)) how.inputs.push(made.requiresGrad_());
  return made;
}

/** A function or class by its Python name: "nn.functional.max_pool2d" is nn.functional.maxPool2d here. */
export function named(path: string): unknown {
  let found: unknown = torch;
  for (const part of path.split('.')) {
    const holder = found as Record<string, unknown>;
    found = holder[part] ?? holder[ours(part)];
    if (found === undefined) throw new Error(`there is no ${path}`);
  }
  return found;
}

/** Makes a module, whose options have Python's names. */
export function construct(
  path: string,
  args: Value[],
  options: Record<string, Value>,
  tensors: Tensors,
): Subject {
  const Class = named(path) as new (...args: unknown[]) => Subject;
  return new Class(...args.map((value) => decode(value, tensors)), ...optionsOf(options, tensors));
}

/** What the cases need of a module. */
export type Subject = torch.nn.Module<unknown[], unknown>;

/** Options by their names here, as the last argument; none where there are none. */
export function optionsOf(
  options: Record<string, Value>,
  tensors: Tensors,
  how: Parameters<typeof decode>[2] = {},
): [Record<string, unknown>] | [] {
  const entries = Object.entries(options).map(([name, value]) => [ours(name), decode(value, tensors, how)]);
  return entries.length === 0 ? [] : [Object.fromEntries(entries) as Record<string, unknown>];
}

/** As Kept.build in values.py: memory of its own, with the recorded strides. */
function rebuild(value: { t: string; strides?: number[]; complex?: true }, tensors: Tensors): Tensor {
  const stored = tensors[value.t]!.clone();
  const values = value.complex ? torch.viewAsComplex(stored) : stored;
  if (value.strides === undefined) return values.detach();
  const { shape, dtype } = values;
  const length = value.strides.reduce((sum, stride, i) => sum + stride * (shape[i]! - 1), 1);
  const storage = torch.zeros([length], { dtype });
  return storage.asStrided(shape, value.strides).copy_(values).detach();
}

const float = (text: string): number => Number(text.replace('inf', 'Infinity').replace('nan', 'NaN'));

export function tensorsIn(value: unknown): Tensor[] {
  if (Array.isArray(value)) return value.flatMap(tensorsIn);
  return isTensor(value) ? [value] : [];
}

// ---- equality ----

export interface How {
  /** Values do not count, only dtypes, shapes and strides. */
  shallow: boolean;
  loosen: number;
}

export function worst(verdicts: Verdict[]): Verdict {
  return (
    verdicts.find((verdict) => typeof verdict === 'object') ?? (verdicts.includes('near') ? 'near' : 'bits')
  );
}

export function compare(actual: unknown, expected: Value, tensors: Tensors, how: How): Verdict {
  if (Array.isArray(expected)) {
    if (!Array.isArray(actual) || actual.length !== expected.length)
      return { differs: `${inWords(actual)} where Python gives ${expected.length} values` };
    return worst(expected.map((item, i) => compare(actual[i], item, tensors, how)));
  }
  if (expected !== null && typeof expected === 'object' && 't' in expected)
    return isTensor(actual)
      ? compareTensors(actual, expected, tensors, how)
      : { differs: `${inWords(actual)} where Python gives a tensor` };
  const plain = decode(expected, tensors);
  if (Object.is(actual ?? null, plain) || (typeof plain === 'object' && sameParts(actual, plain)))
    return 'bits';
  return { differs: `${inWords(actual)} where Python gives ${inWords(plain)}` };
}

function compareTensors(
  actual: Tensor,
  expected: { t: string; strides?: number[]; complex?: true },
  tensors: Tensors,
  how: How,
): Verdict {
  const stored = tensors[expected.t]!;
  const dtype = expected.complex
    ? stored.dtype.replace('float32', 'complex64').replace('float64', 'complex128')
    : stored.dtype;
  const shape = expected.complex ? stored.shape.slice(0, -1) : stored.shape;
  const [is, was] = [`${actual.dtype} [${actual.shape}]`, `${dtype} [${shape}]`];
  if (is !== was) return { differs: `${is} where Python gives ${was}` };
  // Steps that are never taken do not count.
  const taken = (strides: readonly number[]): string =>
    String(actual.numel === 0 ? [] : strides.filter((_, i) => shape[i]! > 1));
  if (expected.strides !== undefined && taken(actual.strides) !== taken(expected.strides))
    return { differs: `strides ${actual.strides} where Python gives ${expected.strides}` };
  if (how.shallow) return 'bits';
  const [got, want] = [actual.dataSync(), stored.dataSync()];
  if (bytes(got).equals(bytes(want))) return 'bits';
  const tolerance = TOLERANCES[dtype] ?? 0;
  let largest = 0;
  for (const value of want)
    if (Number.isFinite(Number(value))) largest = Math.max(largest, Math.abs(Number(value)));
  // Where terms cancel out what is left is all rounding, and may be anything on another machine.
  const allowed = tolerance * (how.loosen * largest + (how.loosen > 1 ? 1 : 0));
  const far = [...got.keys()].filter((i) => !near(got[i]!, want[i]!, allowed));
  const [at] = far;
  return at === undefined
    ? 'near'
    : { differs: `${far.length} of ${got.length} values of ${dtype}, as ${got[at]} for ${want[at]}` };
}

/** Of complex numbers. */
function sameParts(actual: unknown, plain: unknown): boolean {
  type Complex = { re?: number; im?: number } | null;
  const [a, b] = [actual as Complex, plain as Complex];
  return typeof a?.re === 'number' && Object.is(a.re, b?.re) && Object.is(a.im, b?.im);
}

function near(a: number | bigint, b: number | bigint, allowed: number): boolean {
  if (a === b || Object.is(a, b)) return true;
  return typeof a === 'number' && typeof b === 'number' && Math.abs(a - b) <= allowed;
}

const bytes = (values: TypedArray): Buffer =>
  Buffer.from(values.buffer, values.byteOffset, values.byteLength);

// ---- words ----

export function firstLine(error: unknown): string {
  return (error as Error).message.split('\n')[0]!;
}

function inWords(value: unknown): string {
  if (isTensor(value)) return 'a tensor';
  if (Array.isArray(value)) return `${value.length} values`;
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value);
}
