// An optimizer's state in the middle of a training goes to Python and comes back: the losses go on as if nothing had happened.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import torch, { checkpoints, isTensor, nn, optim, type Tensor } from 'torch-node';
import { itWhen } from '../support/skip.js';
import { noPython, numbers, python, useOneThread } from './support.js';

useOneThread();

const SCRIPT = path.join(__dirname, 'optimizerState.py');
let folder: string;
beforeAll(() => (folder = mkdtempSync(path.join(tmpdir(), 'torch-node-state-'))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Make = (params: nn.Parameter[]) => optim.Optimizer;
const OPTIMIZERS: [kind: string, make: Make][] = [
  ['Adam', (p) => new optim.Adam(p, { lr: 0.02, weightDecay: 0.01, amsgrad: true })],
  ['AdamW', (p) => new optim.AdamW(p, { lr: 0.02, fused: true })],
  ['SGD', (p) => new optim.SGD(p, { lr: 0.1, momentum: 0.9 })],
  ['RMSprop', (p) => new optim.RMSprop(p, { centered: true, momentum: 0.5 })],
];

class Training {
  readonly net = new nn.Sequential(new nn.Linear(5, 4), new nn.Tanh(), new nn.Linear(4, 3));
  readonly optimizer: optim.Optimizer;
  readonly #criterion = new nn.CrossEntropyLoss();
  constructor(make: Make) {
    this.optimizer = make(this.net.parameters());
  }

  tenSteps(): number[] {
    const images = numbers({ shape: [6, 5], seed: 11, scale: 2 });
    const labels = numbers({ shape: [6], seed: 12, kind: 'classes', classes: 3 });
    return Array.from({ length: 10 }, () => {
      this.optimizer.zeroGrad();
      const loss = this.#criterion.forward(this.net.forward(images), labels);
      loss.backward();
      this.optimizer.step();
      return loss.item();
    });
  }

  async save(file: string): Promise<void> {
    const tensors: Record<string, Tensor> = {};
    this.net.parameters().forEach((parameter, i) => (tensors[`parameter.${i}`] = parameter.detach()));
    const saved = this.optimizer.stateDict();
    for (const [number, entry] of Object.entries(saved.state)) {
      for (const [key, value] of Object.entries(entry)) {
        if (isTensor(value)) tensors[`state.${number}.${key}`] = value;
      }
    }
    await checkpoints.saveNpz(`${file}.npz`, tensors);
    writeFileSync(`${file}.json`, JSON.stringify({ state: {}, param_groups: saved.param_groups }));
  }

  async load(file: string): Promise<void> {
    const tensors = await checkpoints.loadNpz(`${file}.npz`);
    const saved = JSON.parse(readFileSync(`${file}.json`, 'utf8')) as optim.OptimizerState;
    const parameters = this.net.parameters();
    for (const [name, tensor] of Object.entries(tensors)) {
      const [what, number = '', key = ''] = name.split('.');
      if (what === 'parameter') torch.noGrad(() => parameters[Number(number)]!.copy_(tensor));
      else (saved.state[Number(number)] ??= {})[key] = tensor;
    }
    this.optimizer.loadStateDict(saved);
  }
}

describe('an optimizer in the middle of a training', () => {
  for (const [kind, make] of OPTIMIZERS) {
    itWhen(python !== undefined, noPython)(
      `goes to Python and back: ${kind}`,
      async () => {
        torch.manualSeed(0);
        const training = new Training(make);
        training.tenSteps();
        const [there, back] = ['there', 'back'].map((name) => path.join(folder, `${kind}-${name}`)) as [
          string,
          string,
        ];
        await training.save(there);
        const files = [`${there}.npz`, `${there}.json`, `${back}.npz`, `${back}.json`];
        const { stdout, stderr, status } = spawnSync(python!, [SCRIPT, kind, ...files], { encoding: 'utf8' });
        expect(status === 0 ? '' : stderr).toBe('');
        expect(JSON.parse(stdout)).toEqual(training.tenSteps());

        const resumed = new Training(make);
        await resumed.load(back);
        expect(resumed.tenSteps()).toEqual(training.tenSteps());
      },
      300_000,
    );
  }
});
