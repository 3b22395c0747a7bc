// Backward passes: gradients of the leaves, and of chosen tensors.
import { expectBoolean } from '../core/checks.js';
import { describe } from '../core/describe.js';
import { ArgumentTypeError, TorchError } from '../core/errors.js';
import { handleOf } from '../core/handles.js';
import { expectNoMore, isOptions, options } from '../core/options.js';
import { native } from '../native/binding.js';
import { zerosLike } from '../operators/generated/functions.js';
import { expectTensor, isTensor, Tensor } from '../tensor/tensor.js';
import { backwardPass } from './anomaly.js';

/** One tensor, or several. */
type Tensors = Tensor | readonly Tensor[];
/** What a pass begins with: a tensor for the only output, or one (or null) for each. */
export type Seeds = Tensor | readonly (Tensor | null)[] | null;

export interface BackwardOptions {
  /** Whether the graph is kept for another pass; as `createGraph` unless given. */
  retainGraph?: boolean | null;
  /** Whether the gradients can be differentiated again. Default false. */
  createGraph?: boolean;
  /** The leaves that get gradients. Default all. */
  inputs?: Tensors | null;
}

export interface GradOptions {
  /** Whether the graph is kept for another pass; as `createGraph` unless given. */
  retainGraph?: boolean | null;
  /** Whether the gradients can be differentiated again. Default false. */
  createGraph?: boolean;
  /** Whether an input that the outputs do not depend on has null for its gradient. Default as `materializeGrads`. */
  allowUnused?: boolean | null;
  /** Whether such an input has zeros for its gradient. Default false. */
  materializeGrads?: boolean;
  /** Would have `gradOutputs` hold several passes' gradients; without vmap there is no such pass. */
  isGradsBatched?: false;
}

const GRAD_OPTIONS = [
  'retainGraph',
  'createGraph',
  'allowUnused',
  'materializeGrads',
  'isGradsBatched',
] as const;
export const BACKWARD_OPTIONS = ['retainGraph', 'createGraph', 'inputs'] as const;

/**
 * Gradients of the outputs' sum with respect to the inputs, without touching anyone's `grad`.
 *
 * `gradOutputs` has a tensor (or null) for each output; one of several elements needs a tensor. An input that the outputs do
 * not depend on is an error, or null under `allowUnused`, or zeros under `materializeGrads`.
 *
 * @throws TorchError for what is no tensor, and for as many `gradOutputs` as there are no outputs
 */
export function grad(
  outputs: Tensors,
  inputs: Tensors,
  gradOutputs: Seeds | undefined,
  options?: GradOptions,
): (Tensor | null)[];
export function grad(
  outputs: Tensors,
  inputs: Tensors,
  options?: GradOptions & { gradOutputs?: Seeds },
): (Tensor | null)[];
export function grad(
  outputs: Tensors,
  inputs: Tensors,
  given?: Seeds | (GradOptions & { gradOutputs?: Seeds }),
  more?: GradOptions,
): (Tensor | null)[] {
  expectNoMore('grad', arguments, 4);
  const { first: gradOutputs, settings } = byPositionOrName('grad', 'gradOutputs', given, more, GRAD_OPTIONS);
  const { materializeGrads = false, isGradsBatched = false } = settings;
  const flag = (name: string, value: unknown): boolean => expectBoolean('grad', name, value);
  const zeros = flag('materializeGrads', materializeGrads);
  const allowUnused = flag('allowUnused', settings.allowUnused ?? zeros);
  if (zeros && !allowUnused)
    throw new TorchError(
      'grad',
      'materializeGrads: true gives zeros for unused inputs, which allowUnused: false refuses: leave one of them out',
    );
  if (flag('isGradsBatched', isGradsBatched))
    throw new TorchError(
      'grad',
      'isGradsBatched: true needs vmap, which there is not here: call grad for each of the gradients with ' +
        'retainGraph: true, and put the results together with torch.stack',
    );
  const { createGraph, retainGraph } = graphOptions('grad', settings);
  const from = listOf('grad', 'outputs', outputs);
  const to = listOf('grad', 'inputs', inputs);
  const seeds = seedsOf('grad', 'gradOutputs', gradOutputs, from.length, 'outputs');
  const handles = backwardPass(
    'grad',
    () =>
      native.grad(
        from.map(handle),
        to.map(handle),
        seeds.map(handleOrNull),
        retainGraph,
        createGraph,
        allowUnused,
      ),
    () => [...from.map((t) => `output: ${describe(t)}`), ...to.map((t) => `input: ${describe(t)}`)],
  );
  return handles.map((each, i) => (each !== 0 ? new Tensor(each) : zeros ? zerosLike(to[i]!) : null));
}

/**
 * Computes the gradients of several tensors with respect to the leaves of their graph and adds them to their `grad`, as
 * `Tensor.backward` does for one. `gradTensors` has a tensor (or null) for each; one of several elements needs a tensor.
 *
 * @throws TorchError for what is no tensor, and for as many `gradTensors` as there are no tensors
 */
export function backward(tensors: Tensors, gradTensors: Seeds | undefined, options?: BackwardOptions): void;
export function backward(tensors: Tensors, options?: BackwardOptions & { gradTensors?: Seeds }): void;
export function backward(
  tensors: Tensors,
  given?: Seeds | (BackwardOptions & { gradTensors?: Seeds }),
  more?: BackwardOptions,
): void {
  expectNoMore('backward', arguments, 3);
  const { first, settings } = byPositionOrName('backward', 'gradTensors', given, more, BACKWARD_OPTIONS);
  const from = listOf('backward', 'tensors', tensors, true);
  run('backward', from, seedsOf('backward', 'gradTensors', first, from.length, 'tensors'), settings);
}

/** `Tensor.backward`. @internal */
export function backwardFrom(tensor: Tensor, given: unknown, more: unknown): void {
  const where = 'Tensor.backward';
  const { first, settings } = byPositionOrName(
    where,
    'gradient',
    given,
    more as BackwardOptions | undefined,
    BACKWARD_OPTIONS,
  );
  run(where, [tensor], seedsOf(where, 'gradient', first, 1, 'outputs'), settings);
}

function run(
  where: string,
  from: readonly Tensor[],
  seeds: readonly (Tensor | null)[],
  settings: BackwardOptions,
): void {
  const { createGraph, retainGraph } = graphOptions(where, settings);
  const inputs = (settings.inputs ?? undefined) === undefined ? [] : listOf(where, 'inputs', settings.inputs);
  backwardPass(
    where,
    () =>
      native.backward(
        from.map(handle),
        seeds.map(handleOrNull),
        retainGraph,
        createGraph,
        inputs.map(handle),
      ),
    () => from.map((tensor, i) => `${from.length === 1 ? 'self' : `tensor ${i}`}: ${describe(tensor)}`),
  );
}

// What comes first may be the gradients, or the object that has them among the options.
function byPositionOrName<T extends object>(
  where: string,
  name: string,
  given: unknown,
  more: T | undefined,
  known: readonly (keyof T & string)[],
): { first: unknown; settings: T } {
  if (!isOptions(given)) return { first: given, settings: options(where, more, known as never) };
  if (more !== undefined)
    throw new ArgumentTypeError(where, `options: expected them once, got ${describe(more)} too`);
  const all = options(where, given as Record<string, unknown>, [name, ...known] as never);
  return { first: all[name], settings: all as T };
}

function graphOptions(
  where: string,
  { createGraph = false, retainGraph }: { createGraph?: boolean; retainGraph?: boolean | null },
): { createGraph: boolean; retainGraph: boolean } {
  const again = expectBoolean(where, 'createGraph', createGraph);
  return { createGraph: again, retainGraph: expectBoolean(where, 'retainGraph', retainGraph ?? again) };
}

function listOf(where: string, name: string, value: unknown, mayBeEmpty = false): Tensor[] {
  if (isTensor(value)) return [expectTensor(where, name, value)];
  if (!Array.isArray(value))
    throw new ArgumentTypeError(
      where,
      `${name}: expected a Tensor or an array of Tensors, got ${describe(value)}`,
    );
  if (value.length === 0 && !mayBeEmpty)
    throw new ArgumentTypeError(where, `${name}: expected at least one Tensor, got an empty array`);
  return value.map((each, i) => expectTensor(where, `${name}[${i}]`, each));
}

function seedsOf(where: string, name: string, value: unknown, count: number, of: string): (Tensor | null)[] {
  if (value === undefined || value === null) return new Array<null>(count).fill(null);
  if (!isTensor(value) && !Array.isArray(value)) {
    const hint = typeof value === 'boolean' ? '; options go by name, as { retainGraph: true }' : '';
    throw new ArgumentTypeError(
      where,
      `${name}: expected a Tensor${count === 1 ? '' : `, or an array of one for each of the ${count} ${of}`} or null, got ${describe(value)}${hint}`,
    );
  }
  const list: readonly unknown[] = isTensor(value) ? [value] : value;
  if (list.length !== count)
    throw new ArgumentTypeError(
      where,
      `${name}: expected one for each of the ${count} ${of}, got ${list.length}`,
    );
  return list.map((each, i) =>
    each === null || each === undefined
      ? null
      : expectTensor(where, isTensor(value) ? name : `${name}[${i}]`, each),
  );
}

const handle = (tensor: Tensor): number => tensor[handleOf];
const handleOrNull = (tensor: Tensor | null): number | null => (tensor === null ? null : tensor[handleOf]);
