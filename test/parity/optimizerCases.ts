// Cases of optimizers as scripts/check/databases/optimizers.py writes them down: 20 steps with some options, run here and held
// against what Python got. For databases.test.ts, and for scripts/check/databases, which makes docs/databases.md.
import torch, { isTensor, nn, optim, type DType, type Tensor } from 'torch-node';
import { firstLine, TOLERANCES, type Verdict } from './operatorCases.js';
import { numbers, sha256 } from './support.js';
import { ours } from './table/trajectory.js';

type Variant = 'float32' | 'float64' | 'bfloat16' | 'complex64' | 'groups' | 'rate' | 'sparse';
type Options = Record<string, unknown>;

export interface OptimizerCase {
  class: string;
  /** Under Python's names; a number in an array is a tensor. */
  options: Options;
  variant: Variant;
  /** What Python raises, in the place of what follows. */
  error?: string;
  /** Of all parameters and their state as float64, and how many numbers these are. */
  hash: string;
  size: number;
  /** Some values of the parameters. */
  values: number[];
}

const STEPS = 20;
const SHAPES = [[3, 17], [5], []];
const MATRICES = [
  [3, 17],
  [4, 2],
];
const TABLE = [[7, 3]];
const KEPT = 4;
// PyTorch's fused SGD stops where a parameter gets its first gradient later than others; here it does not.
const OF_PYTHON_ALONE = /expected Tensor as element 1 in argument 2, but got NoneType/;

const made = new Map<string, Tensor>();

/** Values that are made once, and kept. */
function values(shape: number[], seed: number, variant: Variant): Tensor {
  const key = `${shape.join()} ${seed} ${variant}`;
  let tensor = made.get(key);
  if (tensor === undefined) {
    const part = numbers({ shape, seed });
    const dtype: DType = variant === 'float64' || variant === 'bfloat16' ? variant : 'float32';
    tensor =
      variant === 'complex64' ? torch.complex(part, numbers({ shape, seed: seed + 50 })) : part.to(dtype);
    made.set(key, tensor.keep());
  }
  return tensor;
}

/** Releases what cases have made and kept. */
export function releaseValues(): void {
  for (const tensor of made.values()) tensor.dispose();
  made.clear();
}

/** Runs a case. The tensors that it makes belong to the caller's scope. `loosen`: see compareCase. */
export function compareOptimizer(one: OptimizerCase, loosen = 1): Verdict {
  let found: { all: Float64Array; finals: Float64Array };
  try {
    found = torch.noGrad(() => run(one));
  } catch (error) {
    const isOurs = (error as Error).name === 'TorchError';
    if (one.error !== undefined && isOurs) return 'bits';
    return { differs: `throws ${isOurs ? '' : 'no TorchError: '}${firstLine(error)}` };
  }
  if (one.error !== undefined)
    return OF_PYTHON_ALONE.test(one.error) ? 'bits' : { differs: `works, where Python raises ${one.error}` };
  const { all, finals } = found;
  if (all.length !== one.size) return { differs: `${all.length} numbers where Python has ${one.size}` };
  if (sha256(all).startsWith(one.hash)) return 'bits';
  const every = Math.max(1, Math.floor(finals.length / KEPT));
  const some = finals.filter((_, i) => i % every === 0).slice(0, KEPT);
  // Twenty steps make more of a last bit than one operator does.
  const allowed = 100 * loosen * (TOLERANCES[one.variant] ?? 1e-5);
  const far = [...some.keys()].filter((i) => !(Math.abs(some[i]! - one.values[i]!) <= allowed));
  const [at] = far;
  return at === undefined
    ? 'near'
    : {
        differs: `${far.length} of ${some.length} values of parameters, as ${some[at]} for ${one.values[at]}`,
      };
}

function run({ class: name, options, variant }: OptimizerCase): { all: Float64Array; finals: Float64Array } {
  const shapes = name === 'Muon' ? MATRICES : variant === 'sparse' ? TABLE : SHAPES;
  const parameters = shapes.map((shape, i) => new nn.Parameter(values(shape, 1 + i, variant).clone()));
  const given = Object.fromEntries(
    Object.entries(options).map(([key, value]) => [ours(key), key === 'lr' ? rate(value) : value]),
  );
  if (variant === 'rate') given['lr'] = torch.tensor([Number(given['lr'] ?? 0.01)]);
  const groups = [{ params: parameters.slice(0, 1), lr: 0.02 }, { params: parameters.slice(1) }];
  const Class = optim[name as 'Adam'] as unknown as new (
    params: unknown,
    options: Options,
  ) => optim.Optimizer;
  const optimizer = new Class(variant === 'groups' ? groups : parameters, given);
  let step = 0;
  const closure = (): Tensor => {
    let loss: Tensor = torch.tensor(0);
    parameters.forEach((parameter, i) => {
      const gradient = parameter.detach().sub(values(shapes[i]!, 100 + 7 * step + i, variant));
      loss = loss.add(gradient.abs().pow(2).sum().div(2));
      parameter.grad = variant === 'sparse' ? spread(gradient, step) : gradient;
    });
    return loss;
  };
  for (; step < STEPS; step++) {
    if (name === 'LBFGS') optimizer.step(closure);
    else {
      closure();
      if (variant === 'groups' && step < 3) parameters.at(-1)!.grad = null; // which learns later
      optimizer.step();
    }
  }
  const finals = numbersIn(parameters.map((parameter) => parameter.detach()));
  const state = numbersIn(optimizer.stateDict().state);
  const joined = (tensors: Tensor[]): Float64Array => torch.cat(tensors).dataSync() as Float64Array;
  return { all: joined([...finals, ...state]), finals: joined(finals) };
}

const rate = (value: unknown): unknown => (Array.isArray(value) ? torch.tensor(value[0] as number) : value);

/** A sparse gradient with a row that comes twice. */
function spread(gradient: Tensor, step: number): Tensor {
  const rows = torch.tensor([step % 7, (3 * step) % 7, step % 7], { dtype: 'int64' });
  return torch.ops.call('aten::sparse_coo_tensor.indices_size', [
    rows.unsqueeze(0),
    gradient.indexSelect(0, rows),
    [...gradient.shape],
  ]) as Tensor;
}

/** Tensors and numbers of a state, by the parameters' order and the names' order, as float64. */
function numbersIn(state: unknown): Tensor[] {
  if (isTensor(state)) {
    const dense = torch.ops.call('aten::to_dense', [state]) as Tensor;
    const real = dense.isComplex() ? torch.viewAsReal(dense) : dense;
    return [real.to('float64').reshape([-1])];
  }
  if (typeof state === 'number') return [torch.tensor([state], { dtype: 'float64' })];
  if (typeof state !== 'object' || state === null) return [];
  if (Array.isArray(state)) return state.flatMap(numbersIn);
  const entries = Object.entries(state as Options);
  return entries.sort(([a], [b]) => (a < b ? -1 : 1)).flatMap(([, value]) => numbersIn(value));
}
