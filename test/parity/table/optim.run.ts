// Runs the cases of optim.py: 20 steps of a small net; losses, parameters, state and settings afterwards.
import torch, { isTensor, nn, optim, type DType, type Tensor } from 'torch-node';
import { numbers } from '../support.js';
import { move, placed } from './place.js';
import { compareSummary, ours, text, type Summary } from './trajectory.js';
import type { Collector, TableCase } from './verdict.js';

type Options = Record<string, unknown>;

interface OptimCase extends TableCase {
  options: Options;
  groups?: (Options & { params: number[] })[];
  dtype?: DType;
  net?: 'complex' | 'embedding' | 'given';
  rates?: number[];
  zero?: boolean;
  late?: number;
  frozen?: number;
  // recorded
  first?: Summary;
  losses: Summary;
  parameters: Summary;
  state: Record<string, { tensors: Summary | null; values: number[] }>;
  settings?: Options[];
}

const STEPS = 20;

type AnyOptimizer = optim.Optimizer;

/** An optimizer's options by their names here. */
export function optionsOf(given: Options): Options {
  return Object.fromEntries(
    Object.entries(given).map(([name, value]) => [
      ours(name),
      typeof value === 'object' && value !== null && 'tensor' in value
        ? placed(torch.tensor(value.tensor as number))
        : value,
    ]),
  );
}

/** As `build` of optim.py: parameters, and what gives the loss. */
function build(net: OptimCase['net'], dtype: DType): [Tensor[], () => Tensor] {
  const images = placed(numbers({ shape: [6, 5], seed: 11, dtype, scale: 2 }));
  const labels = placed(numbers({ shape: [6], seed: 12, kind: 'classes', classes: 3 }));
  torch.manualSeed(0);
  if (net === 'given') {
    const parameters = [[3, 17], [5], []].map(
      (shape, i) => new nn.Parameter(placed(numbers({ shape, seed: 15 + i, dtype }))),
    );
    let step = 0;
    return [
      parameters,
      () => {
        const weights = parameters.map(({ shape }, i) =>
          placed(numbers({ shape: [...shape], seed: 100 + 3 * step + i, dtype })),
        );
        step++;
        return torch.stack(parameters.map((p, i) => p.mul(weights[i]!).sum())).sum();
      },
    ];
  }
  if (net === 'embedding') {
    const table = new nn.Parameter(placed(torch.randn([7, 3])));
    const indices = placed(numbers({ shape: [6], seed: 13, kind: 'classes', classes: 5 }));
    const weights = placed(numbers({ shape: [6, 3], seed: 14 }));
    const look = (): Tensor => torch.ops.call('aten::embedding', [table, indices, -1, false, true]) as Tensor;
    return [[table], () => look().sub(weights).pow(2).sum()];
  }
  if (net === 'complex') {
    const [re, im] = [torch.randn([4, 5]), torch.randn([4, 5])];
    const parameter = new nn.Parameter(placed(torch.complex(re, im)));
    const some = images.narrow(0, 0, 4);
    return [
      [parameter],
      () => torch.viewAsReal(parameter.mul(some)).pow(2).sum().add(torch.viewAsReal(parameter).sum()),
    ];
  }
  const model = new nn.Sequential(
    new nn.Linear(5, 4, { dtype }),
    new nn.Tanh(),
    new nn.Linear(4, 3, { dtype }),
  );
  move(model);
  const criterion = new nn.CrossEntropyLoss();
  return [model.parameters(), () => criterion.forward(model.forward(images), labels)];
}

function runOptimizer(one: OptimCase, found: Collector): void {
  const [parameters, lossOf] = build(one.net, one.dtype ?? 'float32');
  const Class = optim[one.class.split('.').at(-1) as 'Adam'] as unknown as new (
    params: unknown,
    options: Options,
  ) => AnyOptimizer;
  const groups = one.groups?.map(({ params, ...own }) => ({
    ...optionsOf(own),
    params: params.map((i) => parameters[i]!),
  }));
  const optimizer = new Class(groups ?? parameters, optionsOf(one.options));
  const losses: Tensor[] = [];
  for (let step = 0; step < STEPS; step++) {
    if (one.rates) optimizer.paramGroups[0]!.lr = one.rates[step]!;
    if (one.frozen !== undefined && step === 3) parameters[one.frozen]!.requiresGrad = false;
    const closure = (): Tensor => {
      optimizer.zeroGrad({ setToNone: one.zero !== true });
      const loss = lossOf();
      loss.backward();
      if (one.late !== undefined && step < 3) parameters[one.late]!.grad = null;
      return loss;
    };
    if (one.class === 'optim.LBFGS') losses.push(optimizer.step(closure).detach());
    else {
      losses.push(closure().detach());
      optimizer.step();
    }
  }
  const { state, param_groups } = optimizer.stateDict();
  if (one.first !== undefined) compareSummary(found, 'first loss', losses.slice(0, 1), one.first);
  const rest = (): void => {
    compareSummary(found, 'losses', [torch.stack(losses)], one.losses);
    compareSummary(found, 'parameters', parameters, one.parameters);
    const keys = byKey(state);
    found.value('state keys', [...keys.keys()].sort().join(), Object.keys(one.state).sort().join());
    for (const [key, { tensors, values }] of Object.entries(one.state)) {
      const flat = (keys.get(key) ?? []).flat();
      compareSummary(found, key, flat.filter(isTensor), tensors);
      found.value(`${key}: numbers`, text(flat.filter((value) => typeof value === 'number')), text(values));
    }
  };
  // The line search and the products of gradients make much of a last bit.
  if (one.class === 'optim.LBFGS') found.onlyBits(rest);
  else rest();
  if (one.settings !== undefined) {
    const settings = param_groups.map(({ params: _, ...rest }) => rest);
    found.value('settings', text(settings), text(one.settings));
  }
}

interface AverageCase extends TableCase {
  class: 'optim.swa_utils.AveragedModel';
  options: Record<string, [name: string, ...args: number[]]>;
  dtype: DType;
  // recorded
  parameters: Summary;
  averaged: number;
}

/** The averages of the models of 20 steps. */
function runAverage(one: AverageCase, found: Collector): void {
  const [parameters, lossOf] = build(undefined, one.dtype);
  class Model extends nn.Module {
    readonly a = parameters[0];
    readonly b = parameters[1];
    readonly c = parameters[2];
    readonly d = parameters[3];
    forward(x: Tensor): Tensor {
      return x;
    }
  }
  const model = new Model();
  const functions = Object.entries(one.options).map(([name, [kind, ...args]]): [string, unknown] => [
    ours(name),
    (optim.swaUtils[ours(kind) as 'getEmaAvgFn'] as (...args: number[]) => unknown)(...args),
  ]);
  const averaged = new optim.swaUtils.AveragedModel(model, Object.fromEntries(functions));
  const optimizer = new optim.SGD(parameters, { lr: 0.1 });
  for (let step = 0; step < STEPS; step++) {
    optimizer.zeroGrad();
    lossOf().backward();
    optimizer.step();
    averaged.updateParameters(model);
  }
  compareSummary(found, 'parameters', averaged.parameters(), one.parameters);
  found.value('averaged', averaged.nAveraged, one.averaged);
}

interface NormsCase extends TableCase {
  class: 'optim.swa_utils.update_bn';
  options: { momentum?: number };
  // recorded
  parameters: Summary;
}

/** The running statistics of batch norms, computed anew over three batches. */
function runNorms(one: NormsCase, found: Collector): void {
  torch.manualSeed(0);
  const model = new nn.Sequential(
    new nn.Linear(5, 4),
    new nn.BatchNorm1d(4, one.options),
    new nn.Tanh(),
    new nn.Linear(4, 3),
    new nn.BatchNorm1d(3, { affine: false }),
  );
  model.forward(numbers({ shape: [6, 5], seed: 11 }));
  const batches = [6, 3, 7].map((n) => numbers({ shape: [n, 5], seed: 20 + n }));
  optim.swaUtils.updateBn(batches, model);
  const buffers = model.namedBuffers().map(([, buffer]) => buffer.to('float64'));
  compareSummary(found, 'buffers', buffers, one.parameters);
}

export function run(one: OptimCase | AverageCase | NormsCase, found: Collector): void {
  if (one.class === 'optim.swa_utils.AveragedModel') runAverage(one as AverageCase, found);
  else if (one.class === 'optim.swa_utils.update_bn') runNorms(one as NormsCase, found);
  else runOptimizer(one as OptimCase, found);
}

/** Values of all parameters, in order, by key. */
function byKey(state: optim.OptimizerState['state']): Map<string, unknown[]> {
  const keys = new Map<string, unknown[]>();
  for (const entry of Object.values(state)) {
    for (const [key, value] of Object.entries(entry)) keys.set(key, [...(keys.get(key) ?? []), value]);
  }
  return keys;
}
