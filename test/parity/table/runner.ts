// Runs the cases that record.py recorded of modules and functions: builds what a case says by its Python names, and compares
// initial parameters, state-dict keys, text, outputs, gradients, buffers and the random numbers drawn.
import torch, { isTensor, type DType, type Tensor } from 'torch-node';
import { numbers, sha256, type Numbers, type Recorded } from '../support.js';
import { move, placed, rngState, sameRandomNumbers } from './place.js';
import type { Collector, TableCase } from './verdict.js';

/** Written in a table; record.py says what may stand here. */
type Spec = null | boolean | number | string | Spec[] | { [name: string]: Spec };
type Specs = Record<string, Spec>;

export interface ModuleCase extends TableCase {
  function?: string;
  args?: Spec[];
  options?: Specs;
  inputs?: Spec[];
  first?: Spec[];
  call?: Specs;
  change?: Specs;
  method?: string;
  parameters?: Record<string, TensorSpec>;
  seed?: number;
  train?: boolean;
  times?: number;
  grad?: boolean;
  // recorded
  initial?: Record<string, Recorded>;
  keys?: string[];
  repr?: string;
  rngState?: string;
  outputs?: (Recorded | null)[];
  rngStateAfter?: string;
  buffers?: Record<string, Recorded>;
  inputGradients?: (Recorded | null)[];
  parameterGradients?: Record<string, Recorded | null>;
}

interface TensorSpec extends Omit<Numbers, 'kind'> {
  kind?: Numbers['kind'] | 'normal' | 'mask' | 'signs';
  values?: number[];
  grad?: boolean;
}

type AnyFunction = (...args: unknown[]) => unknown;

/** What the runner needs of a module. */
type Subject = torch.nn.Module<unknown[], unknown>;

// ---- from a case to objects ----

function camel(name: string): string {
  return name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
}

/** As `tensor` of record.py. */
export function tensor(spec: TensorSpec): Tensor {
  return placed(onCpu(spec));
}

function onCpu(spec: TensorSpec): Tensor {
  const { kind, values, seed = 1, scale = 1, dtype = 'float32', shape } = spec;
  if (values !== undefined) return torch.tensor(values, { dtype });
  if (kind === 'normal') {
    const generator = new torch.Generator().manualSeed(seed);
    return torch.randn(shape, { generator, dtype }).mul(scale);
  }
  if (kind === 'mask' || kind === 'signs') {
    const bits = numbers({ shape, seed, kind: 'positive' }).ge(0.5);
    return kind === 'mask' ? bits : bits.to(dtype).mul(2).sub(1);
  }
  const made = numbers({ ...spec, ...(kind === undefined ? {} : { kind }) } as Numbers);
  return kind === 'classes' ? made : made.to(dtype);
}

/** A function or class by its Python name: "nn.utils.rnn.pad_sequence" is nn.utils.rnn.padSequence here. */
function named(path: string): AnyFunction {
  let found: unknown = torch;
  for (const part of path.replace(/^torch\./, '').split('.')) {
    const holder = found as Record<string, unknown>;
    found = holder[part] ?? holder[camel(part)];
    if (found === undefined) throw new Error(`there is no ${path} (at ${part})`);
  }
  return found as AnyFunction;
}

class Builder {
  readonly leaves: Tensor[] = [];
  readonly #given: Tensor[] = [];
  collecting: 'leaves' | 'clones' | undefined;

  value(spec: Spec): unknown {
    if (Array.isArray(spec)) return spec.map((one) => this.value(one));
    if (typeof spec !== 'object' || spec === null) return spec;
    if ('shape' in spec || 'values' in spec) return this.#tensor(spec as unknown as TensorSpec);
    if ('class' in spec) return this.object(spec);
    if ('reference' in spec) return named(spec['reference'] as string);
    if ('same' in spec) return this.#given[spec['same'] as number];
    if ('float' in spec) return Number((spec['float'] as string).replace('inf', 'Infinity'));
    return Object.fromEntries(Object.entries(spec).map(([name, value]) => [name, this.value(value)]));
  }
  /** An options object, as one more argument; nothing where there are no options. */
  options(given: Specs = {}): unknown[] {
    const entries = Object.entries(given).map(([name, value]) => [camel(name), this.value(value)]);
    return entries.length === 0 ? [] : [Object.fromEntries(entries)];
  }
  object(spec: { class?: unknown; args?: unknown; options?: unknown }): unknown {
    const path = spec.class as string;
    const make = named(path);
    const args = ((spec.args ?? []) as Spec[]).map((one) => this.value(one));
    const all = [...args, ...this.options(spec.options as Specs)];
    const isClass = /^[A-Z]/.test(path.split('.').at(-1)!);
    return isClass ? new (make as unknown as new (...args: unknown[]) => unknown)(...all) : make(...all);
  }
  #tensor(spec: TensorSpec): Tensor {
    const made = tensor(spec);
    if (this.collecting === undefined) return made;
    if (isFloating(made.dtype) && spec.grad !== false) made.requiresGrad = true;
    this.leaves.push(made);
    const given = this.collecting === 'clones' ? made.clone() : made;
    this.#given.push(given);
    return given;
  }
}

function isFloating(dtype: DType): boolean {
  return /float/.test(dtype);
}

/** The tensors of a result, in order; null keeps its place. */
function flat(value: unknown): (Tensor | null)[] {
  if (value === null || value === undefined) return [null];
  if (isTensor(value)) return [value];
  return typeof value === 'object' ? Object.values(value).flatMap(flat) : [];
}

function rng(): string {
  return sha256(rngState().dataSync()).slice(0, 16);
}

// ---- a case ----

/** Runs a case of record.py's own kind. */
export function runModule(one: ModuleCase, found: Collector): void {
  const build = new Builder();
  torch.manualSeed(one.seed ?? 0);
  const module = one.function === undefined ? (build.object(one) as Subject) : undefined;
  sameRandomNumbers();
  if (module !== undefined) move(module);
  if (module !== undefined && one.first !== undefined) {
    const first = one.first.map((spec) => build.value(spec));
    torch.noGrad(() => module.forward(...first));
  }
  for (const [name, value] of Object.entries(one.change ?? {}))
    (module as unknown as Record<string, unknown>)[camel(name)] = build.value(value);
  const parameters = module?.namedParameters() ?? [];
  if (module !== undefined) {
    compareNamed(found, 'initial', parameters, one.initial);
    found.value('keys', Object.keys(module.stateDict()).join(), one.keys!.join());
    if (one.rngState !== undefined) found.value('random state after construction', rng(), one.rngState);
    found.value('text', String(module), one.repr);
    torch.noGrad(() => {
      for (const [name, spec] of Object.entries(one.parameters ?? {}))
        parameters.find(([path]) => path === name)![1].copy_(tensor(spec));
    });
    module.train(one.train ?? true);
    if (one.inputs === undefined) return;
  }

  const inplace = { ...one.options, ...one.change }['inplace'];
  build.collecting = inplace === true ? 'clones' : 'leaves';
  const given = one.inputs!.map((spec) => build.value(spec));
  build.collecting = undefined;
  let run: () => unknown;
  if (module === undefined) {
    const call = named(one.function!);
    const rest = [...(one.args ?? []).map((spec) => build.value(spec)), ...build.options(one.options)];
    run = () => call(...given, ...rest);
  } else {
    const call = build.options(one.call);
    const method = camel(one.method ?? 'forward') as 'forward';
    run = () => module[method](...given, ...call);
  }
  let result: unknown;
  for (let i = 0; i < (one.times ?? 1); i++) result = one.grad === false ? torch.noGrad(run) : run();
  const outputs = flat(result);
  found.tensors('output', outputs, one.outputs);
  found.value('random state after forward', rng(), one.rngStateAfter);
  if (module !== undefined) compareNamed(found, 'buffer', module.namedBuffers(), one.buffers);

  if (one.inputGradients === undefined) return;
  const upwards = outputs.filter((t) => t !== null && t.requiresGrad && isFloating(t.dtype)) as Tensor[];
  const above = upwards.map((t, i) => placed(numbers({ shape: [...t.shape], seed: 99 + i }).to(t.dtype)));
  torch.autograd.backward(upwards, { gradTensors: above });
  const gradients = build.leaves.map((leaf) => leaf.grad);
  found.tensors('gradient of input', gradients, one.inputGradients);
  for (const [name, parameter] of parameters)
    found.tensor(`gradient of ${name}`, parameter.grad, one.parameterGradients![name]);
}

function compareNamed(
  found: Collector,
  kind: string,
  actual: [name: string, tensor: Tensor][],
  expected: Record<string, Recorded> = {},
): void {
  found.value(`${kind} names`, actual.map(([name]) => name).join(), Object.keys(expected).join());
  for (const [name, value] of actual) found.tensor(`${kind} ${name}`, value, expected[name]);
}
