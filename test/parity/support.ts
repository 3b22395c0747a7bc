// What record.py recorded, and what "equal" means: bit for bit against Python on the same machine (or on one of the kind
// that the kept files were recorded on), nearly against the kept files elsewhere.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import path from 'node:path';
import torch, { nn, type DType, type Tensor, type TypedArray } from 'torch-node';

export interface Header {
  torch: string;
  cpuCapability: string;
  cpu: string;
  threads: number;
}

/** A tensor as record.py stores it: a large one by a hash of its bytes and by each `every`-th value. */
export interface Recorded {
  dtype: DType;
  shape: number[];
  data: string;
  sha256?: string;
  every?: number;
  /** The largest absolute value, of those that are not kept too. */
  largest?: number;
  /** How many times the usual difference is allowed where bits are not compared: many steps make more of it. */
  slack?: number;
}

/** Option names are Python's. */
export type Options = Record<string, unknown>;

/** As kept in the repository. */
export function loadKept<T>(name: string): Header & T {
  return read(path.join(__dirname, 'recorded'), name);
}

/** As Python gave it on this machine a moment ago where there is one (see support/python.mjs), else as kept. */
export function load<T extends { cases: unknown[] }>(name: string): Header & T {
  const kept = loadKept<T>(name);
  if (python === undefined) return kept;
  const fresh = read<T>(process.env['TORCH_NODE_TEST_RECORDED']!, name);
  if (fresh.cases.length !== kept.cases.length)
    throw new Error(`recorded/${name}.json is not what record.py makes now: run record.py`);
  return fresh;
}

function read<T>(folder: string, name: string): Header & T {
  return JSON.parse(readFileSync(path.join(folder, `${name}.json`), 'utf8')) as Header & T;
}

// ---- Python ----

/** The reference's Python, with the same version of PyTorch as ours; undefined where there is none, and why. */
export const { python, noPython } = findPython();

function findPython(): { python?: string; noPython: string } {
  const found = process.env['TORCH_NODE_TEST_PYTHON'];
  if (found === undefined)
    return { noPython: process.env['TORCH_NODE_TEST_NO_PYTHON'] ?? 'none was looked for' };
  const { torch: version } = read(process.env['TORCH_NODE_TEST_RECORDED']!, 'modules');
  if (version !== torch.version) return { noPython: `Python has torch ${version}, this is ${torch.version}` };
  return { python: found, noPython: '' };
}

// ---- equality ----

/** In words, why bits cannot be expected to be those of the record; undefined where they can. */
export function otherMachine(header: Header): string | undefined {
  const here = `torch ${torch.version}, ${torch.cpuCapability()}, ${cpus()[0]?.model.trim() ?? 'unknown CPU'}`;
  const there = `torch ${header.torch}, ${header.cpuCapability}, ${header.cpu}`;
  return here === there ? undefined : `recorded with ${there}; this is ${here}`;
}

/** Whether to compare bits. Says on stderr, once for each record, when it cannot be, and how nearly they are compared then. */
export function expectBits(header: Header, name: string, tolerance = 1e-5): boolean {
  const other = otherMachine(header);
  if (other !== undefined)
    process.stderr.write(`parity: ${name}: ${other}: compared within ${tolerance}, not bit for bit\n`);
  return other === undefined;
}

/** Holds tensors against recorded ones; what differs, by the names given. */
export class Comparison {
  readonly #differences: Record<string, string> = {};
  constructor(
    readonly bits: boolean,
    /** Difference allowed where bits are not compared, as a part of the tensor's largest value, for float32. */
    readonly tolerance = 1e-5,
    /**
     * Tensors whose values are all smaller are compared as if one were this large there: rounding makes something of what
     * should be 0.
     */
    readonly noise = Number.MIN_VALUE,
  ) {}

  tensor(name: string, actual: Tensor | null, expected: Recorded | null): void {
    const problem =
      actual === null || expected === null
        ? actual === expected
          ? undefined
          : `is ${actual === null ? 'null' : 'a tensor'}, recorded as ${expected === null ? 'null' : 'a tensor'}`
        : this.#compare(actual, expected);
    if (problem !== undefined) this.#differences[name] = problem;
  }

  /** Plain values that no machine may compute otherwise. */
  value(name: string, actual: unknown, expected: unknown): void {
    if (actual !== expected)
      this.#differences[name] = `is ${String(actual)}, recorded as ${String(expected)}`;
  }

  /** What differed, by name. */
  get differences(): Readonly<Record<string, string>> {
    return this.#differences;
  }

  /** Fails the test if anything differed. */
  check(): void {
    expect(this.#differences).toEqual({});
  }

  #compare(actual: Tensor, expected: Recorded): string | undefined {
    const [kind, recordedKind] = [actual, expected].map(
      ({ dtype, shape }) => `${dtype} [${shape.join(', ')}]`,
    );
    if (kind !== recordedKind) return `is ${kind}, recorded as ${recordedKind}`;
    const values = actual.dataSync();
    const every = expected.every ?? 1;
    const got = values.filter((_: unknown, i: number) => i % every === 0) as TypedArray;
    const bytes = Buffer.from(expected.data, 'base64');
    if (got.byteLength !== bytes.length)
      return `has ${got.byteLength} bytes to compare, recorded are ${bytes.length}`;
    // A copy, at the start of a buffer of its own: a view of 64-bit numbers must be aligned.
    const want = new (got.constructor as Float32ArrayConstructor)(new Uint8Array(bytes).buffer);
    const integers = !/float/.test(expected.dtype);
    if (this.bits || integers) {
      const hash = !sha256(values).startsWith(expected.sha256 ?? '');
      if (asBytes(got).equals(bytes) && !hash) return undefined;
      return `${first(got, want, (a, b) => Object.is(a, b))}${hash ? '; the hash of all values differs' : ''}`;
    }
    const sizes = [...want].map(Math.abs).filter(Number.isFinite);
    const largest = Math.max(...sizes, expected.largest ?? 0, this.noise);
    const part = expected.dtype === 'float64' ? 1e-12 : /16$/.test(expected.dtype) ? 1e-2 : this.tolerance;
    const allowed = part * largest * (expected.slack ?? 1);
    const near = (a: number, b: number): boolean => Object.is(a, b) || Math.abs(a - b) <= allowed;
    return got.every((value, i) => near(Number(value), want[i]!)) ? undefined : first(got, want, near);
  }
}

function first(got: TypedArray, want: ArrayLike<number>, same: (a: number, b: number) => boolean): string {
  const wrong = [...got.keys()].filter((i) => !same(got[i] as number, want[i]!));
  const [at = 0] = wrong;
  return `${wrong.length} of ${got.length} values differ: at ${at} is ${got[at]}, recorded as ${want[at]}`;
}

export function asBytes(values: TypedArray): Buffer {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength);
}

export function sha256(...parts: TypedArray[]): string {
  const digest = createHash('sha256');
  for (const part of parts) digest.update(asBytes(part));
  return digest.digest('hex');
}

// ---- inputs, the same here and in record.py ----

export interface Numbers {
  shape: number[];
  seed?: number;
  scale?: number;
  kind?: 'uniform' | 'levels' | 'positive' | 'classes';
  dtype?: DType;
  classes?: number;
  ignored?: number;
}

/** See `numbers` in record.py. */
export function numbers(spec: Numbers): Tensor {
  const { shape, seed = 1, scale = 1, kind = 'uniform', dtype = 'float32', classes = 1 } = spec;
  let x = seed;
  const raw = Array.from({ length: shape.reduce((product, size) => product * size, 1) }, () => {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    return x >>> 8;
  });
  if (kind === 'classes') {
    const labels = raw.map((r, i) =>
      spec.ignored !== undefined && i % 3 === 0 ? spec.ignored : (r >>> 10) % classes,
    );
    return torch.tensor(BigInt64Array.from(labels, BigInt), { shape });
  }
  const value = {
    uniform: (r: number) => (r / 2 ** 23 - 1) * scale,
    levels: (r: number) => (r >>> 22) - 1,
    positive: (r: number) => r / 2 ** 24,
  }[kind];
  const Values = dtype === 'float64' ? Float64Array : Float32Array;
  const made = torch.tensor(Values.from(raw.map(value)), { shape });
  return made.dtype === dtype ? made : made.to(dtype);
}

// ---- modules by name ----

/** Options as TypeScript calls them: ignore_index becomes ignoreIndex. Recorded inputs become tensors. */
export function camelCase(options: Options): Options {
  return Object.fromEntries(
    Object.entries(options).map(([name, value]) => [
      name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase()),
      name === 'weight' ? numbers(value as Numbers) : value,
    ]),
  );
}

export type Part = [module: string, args: unknown[], options: Options];
export type AnyLayer = nn.Module<Tensor[]>;

export function build([module, args, options]: Part): AnyLayer {
  const Layer = nn[module as 'Linear'] as unknown as new (...args: unknown[]) => AnyLayer;
  const given = camelCase(options);
  return new Layer(...args, ...(Object.keys(given).length > 0 ? [given] : []));
}

/** Layers are made one after another: the order of the random draws is part of parity. */
export function sequential(parts: Part[]): nn.Sequential {
  return new nn.Sequential(...parts.map((part) => build(part) as nn.Module));
}

/** Runs the tests of a file with one thread: more give other bits. */
export function useOneThread(): void {
  let before: number;
  beforeAll(() => {
    before = torch.getNumThreads();
    torch.setNumThreads(1);
  });
  afterAll(() => torch.setNumThreads(before));
}
