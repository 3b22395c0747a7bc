// Runs the cases of amp.py: passes under autocast, and training under a GradScaler.
import torch, { amp, nn, optim, type Tensor } from 'torch-node';
import { numbers, type Recorded } from '../support.js';
import { compareSummary, ours, text, type Summary } from './trajectory.js';
import type { Collector, TableCase } from './verdict.js';

type Options = Record<string, unknown>;

interface AutocastCase extends TableCase {
  class: 'amp.autocast';
  net: 'linear' | 'convolution' | 'functions';
  options: amp.AutocastOptions;
  twice?: boolean;
  off_inside?: boolean;
  // recorded
  states: [boolean, string][];
  results: Recorded[];
  gradients: Recorded[];
}

interface ScalerCase extends TableCase {
  class: 'amp.GradScaler';
  options: Options;
  optimizer: [kind: string, settings: Options];
  infinite: number[];
  unscale: boolean;
  // recorded
  losses: Summary;
  parameters: Summary;
  scales: Recorded;
  state: Options;
}

const STEPS = 20;

const renamed = (options: object): object =>
  Object.fromEntries(Object.entries(options).map(([name, value]) => [ours(name), value as unknown]));

/** As `build` of amp.py: parameters, and what gives results, the last of which is the loss. */
function build(net: AutocastCase['net']): [Tensor[], () => Tensor[]] {
  torch.manualSeed(0);
  const labels = numbers({ shape: [4], seed: 12, kind: 'classes', classes: 3 });
  if (net === 'functions') {
    const [a, b] = [21, 22].map((seed): Tensor => new nn.Parameter(numbers({ shape: [3, 3], seed }))) as [
      Tensor,
      Tensor,
    ];
    const run = (): Tensor[] => {
      const product = a.matmul(b);
      const rows = product.softmax(1);
      const joined = torch.cat([product, a], 0);
      const added = torch.addmm(b, a, rows);
      const power = added.abs().pow(2);
      const total = joined.sum().add(power.sum()).add(rows.exp().sum());
      return [product, rows, joined, added, power, total];
    };
    return [[a, b], run];
  }
  const x = numbers({ shape: net === 'linear' ? [4, 5] : [4, 2, 6, 6], seed: 11 });
  const model =
    net === 'linear'
      ? new nn.Sequential(new nn.Linear(5, 8), new nn.ReLU(), new nn.Linear(8, 3))
      : new nn.Sequential(
          new nn.Conv2d(2, 4, 3),
          new nn.ReLU(),
          new nn.MaxPool2d(2),
          new nn.Flatten(),
          new nn.Linear(16, 3),
        );
  const criterion = new nn.CrossEntropyLoss();
  return [model.parameters(), () => [model.forward(x), criterion.forward(model.forward(x), labels)]];
}

function runAutocast(one: AutocastCase, found: Collector): void {
  const [parameters, compute] = build(one.net);
  const state = (): string => text([torch.isAutocastEnabled('cpu'), torch.getAutocastDtype('cpu')]);
  let results: Tensor[] = [];
  for (let i = 0; i < (one.twice ? 2 : 1); i++) {
    results = torch.autocast('cpu', renamed(one.options), () => {
      found.value('state inside', state(), text(one.states[0]));
      const outer = compute();
      return one.off_inside ? [...torch.autocast('cpu', { enabled: false }, compute), ...outer] : outer;
    });
    results.at(-1)!.backward();
  }
  found.value('state after', state(), text(one.states[1]));
  found.tensors('result', results, one.results);
  found.tensors(
    'gradient',
    parameters.map(({ grad }) => grad),
    one.gradients,
  );
}

function runScaler(one: ScalerCase, found: Collector): void {
  const [parameters, compute] = build('linear');
  const [kind, settings] = one.optimizer;
  const Class = optim[kind as 'Adam'] as unknown as new (p: Tensor[], o: object) => optim.Adam;
  const optimizer = new Class(parameters, renamed(settings));
  const scaler = new amp.GradScaler('cpu', renamed(one.options));
  const losses: Tensor[] = [];
  const scales: number[] = [];
  for (let step = 0; step < STEPS; step++) {
    optimizer.zeroGrad();
    const loss = compute().at(-1)!;
    scaler.scale(loss).backward();
    if (one.infinite.includes(step)) parameters[0]!.grad!.set(Infinity, 1, 2);
    if (one.unscale) {
      scaler.unscale_(optimizer);
      torch.noGrad(() => parameters.forEach(({ grad }) => grad!.clamp_(-0.2, { max: 0.2 })));
    }
    scaler.step(optimizer);
    scaler.update();
    losses.push(loss.detach());
    scales.push(scaler.getScale());
  }
  compareSummary(found, 'losses', [torch.stack(losses)], one.losses);
  compareSummary(found, 'parameters', parameters, one.parameters);
  found.tensor('scales', torch.tensor(scales, { dtype: 'float64' }), one.scales);
  found.value('state', text(scaler.stateDict()), text(one.state));
}

export function run(one: AutocastCase | ScalerCase, found: Collector): void {
  if (one.class === 'amp.autocast') runAutocast(one, found);
  else runScaler(one, found);
}
