// Checkpoints in PyTorch's own format travel in the middle of a training, to Python and back: the losses go on as if nothing
// had happened.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import torch, { nn, optim, type Tensor } from 'torch-node';
import { GPT, resnet18 } from 'torch-node/models';
import { itWhen } from '../support/skip.js';
import { noPython, numbers, python, useOneThread } from './support.js';

useOneThread();

const SCRIPT = path.join(__dirname, 'checkpoints.py');
let folder: string;
beforeAll(() => (folder = mkdtempSync(path.join(tmpdir(), 'torch-node-checkpoints-'))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Checkpoint {
  model: nn.StateDict;
  optimizer: optim.SavedOptimizerState;
}

const OPTIMIZERS = {
  SGD: (net: nn.Module) => new optim.SGD(net.parameters(), { lr: 0.01, momentum: 0.9, weightDecay: 5e-4 }),
  Adam: (net: nn.Module) => new optim.Adam(net.parameters(), { lr: 0.003 }),
};
const MODELS = {
  resnet18: () => ({
    net: resnet18({ numClasses: 10 }) as nn.Module,
    inputs: numbers({ shape: [2, 3, 32, 32], seed: 5 }),
    labels: numbers({ shape: [2], seed: 6, kind: 'classes', classes: 10 }),
  }),
  GPT: () => {
    const tokens = numbers({ shape: [3, 9], seed: 5, kind: 'classes', classes: 13 });
    const net = new GPT({ blockSize: 8, vocabSize: 13, numLayers: 2, numHeads: 2, embedDim: 16 });
    return { net: net as nn.Module, inputs: tokens.narrow(1, 0, 8), labels: tokens.narrow(1, 1, 8) };
  },
};

class Training {
  readonly net: nn.Module;
  readonly optimizer: optim.Optimizer;
  readonly #inputs: Tensor;
  readonly #labels: Tensor;
  constructor(model: keyof typeof MODELS, kind: keyof typeof OPTIMIZERS) {
    const { net, inputs, labels } = MODELS[model]();
    [this.net, this.#inputs, this.#labels] = [net, inputs, labels];
    this.optimizer = OPTIMIZERS[kind](net);
  }

  steps(count: number): number[] {
    return Array.from({ length: count }, () =>
      torch.scope(() => {
        this.optimizer.zeroGrad();
        const output = this.net.forward(this.#inputs);
        const scores = output.ndim === 2 ? output : output.transpose(1, 2);
        const loss = nn.functional.crossEntropy(scores, this.#labels);
        loss.backward();
        this.optimizer.step();
        return loss.item();
      }),
    );
  }
  get checkpoint(): Checkpoint {
    return { model: this.net.stateDict(), optimizer: this.optimizer.stateDict() };
  }
  load({ model, optimizer }: Checkpoint): void {
    this.net.loadStateDict(model);
    this.optimizer.loadStateDict(optimizer);
  }
}

describe('a checkpoint in the middle of a training', () => {
  const cases = (Object.keys(MODELS) as (keyof typeof MODELS)[]).flatMap((model) =>
    (Object.keys(OPTIMIZERS) as (keyof typeof OPTIMIZERS)[]).map((kind) => [model, kind] as const),
  );
  for (const [model, kind] of cases) {
    itWhen(python !== undefined, noPython)(
      `goes to Python and back: ${model} with ${kind}`,
      async () => {
        torch.manualSeed(0);
        const training = new Training(model, kind);
        training.steps(3);
        const [there, back] = ['there', 'back'].map((name) => path.join(folder, `${model}-${kind}-${name}.pt`)) as [string, string]; // prettier-ignore
        await torch.save(training.checkpoint, there);
        const { stdout, stderr, status } = spawnSync(python!, [SCRIPT, model, kind, there, back], { encoding: 'utf8' }); // prettier-ignore
        expect(status === 0 ? '' : stderr).toBe('');
        const [before, after] = JSON.parse(stdout) as [number[], number[]];
        expect(training.steps(10)).toEqual(before);

        const resumed = new Training(model, kind);
        resumed.load((await torch.load(back)) as Checkpoint);
        expect(resumed.steps(10)).toEqual(after);
      },
      300_000,
    );
  }
});
