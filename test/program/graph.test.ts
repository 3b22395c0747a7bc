// Graphs of programs. Where there is no accelerator they are dryRun: the same way, with what a graph would hold run
// un-captured; what needs a GPU says so and is skipped.
import torch, { nn, optim, type Tensor } from 'torch-node';
import type { Outputs } from '../../lib/program/structure.js';
import { collectGarbage, liveTensors } from '../support/leaks.js';
import { itWhen } from '../support/skip.js';

let before = 0;
beforeAll(async () => {
  await collectGarbage();
  before = liveTensors();
});
afterAll(async () => {
  await collectGarbage();
  expect(liveTensors()).toBeLessThanOrEqual(before);
});

const ROWS = 150;
const BATCH = 8; // 18 whole batches and one of 6 rows

interface Training {
  net: nn.Sequential;
  sgd: optim.SGD;
  total: Tensor;
  program: torch.Program<[Tensor, Tensor], { loss: Tensor }>;
}

function training(graph: boolean | 'dry-run', device = 'cpu'): Training {
  torch.manualSeed(3);
  const net = new nn.Sequential(
    new nn.Linear(5, 7),
    new nn.Dropout(0.25),
    new nn.ReLU(),
    new nn.Linear(7, 3),
  );
  net.to(device);
  const sgd = new optim.SGD(net.parameters(), { lr: 0.05, momentum: 0.9 });
  const criterion = new nn.CrossEntropyLoss();
  const total = torch.zeros([], { device });
  const program = torch.compileStep(
    (x: Tensor, y: Tensor) => {
      sgd.zeroGrad();
      const loss = criterion.forward(net.forward(x), y);
      loss.backward();
      sgd.step();
      total.add_(loss.detach());
      return { loss };
    },
    [torch.zeros([BATCH, 5], { device }), torch.zeros([BATCH], { dtype: 'int64', device })],
    { graph, exact: true },
  );
  return { net, sgd, total, program };
}

const set = (device = 'cpu'): [Tensor, Tensor] => {
  torch.manualSeed(11);
  const x = torch.randn([ROWS, 5]);
  return [x.to(device), torch.randint(0, 3, [ROWS]).to(device)];
};

const state = ({ net, total }: Training): number[] => [
  ...net
    .parameters()
    .flatMap((parameter) =>
      [...parameter.cpu().flatten().dataSync(), ...parameter.grad!.cpu().flatten().dataSync()].map(Number),
    ),
  Number(total.item()),
];

async function epochs(it: Training, rows: [Tensor, Tensor], rates: number[]): Promise<number[]> {
  torch.manualSeed(5);
  for (const lr of rates) {
    it.sgd.paramGroups[0]!.lr = lr;
    await it.program.runEpoch(rows, torch.randperm(ROWS));
  }
  return state(it);
}

describe('dryRun', () => {
  it('gives the bits of the un-captured steps, with random numbers and a rate that changes between epochs', async () => {
    const rows = set();
    const plain = training(false);
    const dryRun = training('dry-run');
    const rates = [0.05, 0.05, 0.01];
    expect(await epochs(dryRun, rows, rates)).toEqual(await epochs(plain, rows, rates));
    expect(dryRun.program.path).toBe('exact');
    expect(dryRun.program.why).toMatch(/dry run/);
    const { captures, replays } = dryRun.program.graphCounts;
    // Eight steps and one step, each once for each rate.
    expect(captures).toBe(4);
    expect(replays).toBeGreaterThanOrEqual(captures);
    expect(plain.program.graphCounts).toEqual({ captures: 0, replays: 0 });
    for (const { program } of [plain, dryRun]) program.dispose();
  });

  it('runs un-captured, and says so, where numbers change within a stretch', async () => {
    const rows = set();
    const [plain, dryRun] = [training(false), training('dry-run')];
    const run = async (it: Training): Promise<number[]> => {
      torch.manualSeed(5);
      await it.program.runEpoch(rows, torch.randperm(ROWS), {
        beforeStep: (step) => (it.sgd.paramGroups[0]!.lr = 0.05 / (1 + step)),
      });
      return state(it);
    };
    expect(await run(dryRun)).toEqual(await run(plain));
    expect(dryRun.program.graphCounts.replays).toBe(0);
    for (const { program } of [plain, dryRun]) program.dispose();
  });

  it('takes another set anew', async () => {
    const [first, second] = [set(), set()];
    const [plain, dryRun] = [training(false), training('dry-run')];
    second[0].neg_();
    for (const each of [plain, dryRun]) await epochs(each, first, [0.05]);
    expect(await epochs(dryRun, second, [0.05])).toEqual(await epochs(plain, second, [0.05]));
    expect(dryRun.program.graphCounts.captures).toBe(4);
    for (const { program } of [plain, dryRun]) program.dispose();
  });

  it('run() gives new tensors, and the same bits', () => {
    const [x, y] = set();
    const losses = (it: Training): number[] => {
      torch.manualSeed(8);
      const kept: Tensor[] = [];
      for (let step = 0; step < 6; step++) {
        // Copies: products of matrices may differ in the last bits with where in memory the matrices begin.
        const inputs: [Tensor, Tensor] = [x.narrow(0, step, BATCH).clone(), y.narrow(0, step, BATCH)];
        kept.push(it.program.run(...inputs).loss);
      }
      return [...kept.map((loss) => Number(loss.item())), ...state(it)];
    };
    const [plain, dryRun] = [training(false), training('dry-run')];
    expect(losses(dryRun)).toEqual(losses(plain));
    // The first step's numbers are not known to stay; the second's are the first's.
    expect(dryRun.program.graphCounts).toEqual({ captures: 1, replays: 5 });
    for (const { program } of [plain, dryRun]) program.dispose();
  });

  it('leaves everything as it was where the first steps fail', async () => {
    const [x, y] = set();
    const dryRun = training('dry-run');
    const before = dryRun.net.parameters().map((parameter) => [...parameter.flatten().dataSync()]);
    const beyond = torch.full([ROWS], 3 * ROWS, { dtype: 'int64' });
    await expect(dryRun.program.runEpoch([x, y], beyond)).rejects.toThrow(/out of range/);
    expect(dryRun.net.parameters().map((parameter) => [...parameter.flatten().dataSync()])).toEqual(before);
    expect(dryRun.program.why).toMatch(/first steps failed.*out of range/);
    dryRun.program.dispose();
  });
});

it('a permutation may be long, and its batches are those of the un-captured steps', async () => {
  const numbers = torch.arange(0, 1000, 1, { dtype: 'int64' });
  const seen = (graph: false | 'dry-run'): { run: () => Promise<number[]> } => ({
    run: async () => {
      const hash = torch.zeros([], { dtype: 'int64' });
      const program = torch.compileStep(
        (rows: Tensor) => {
          // Depends on the order of the rows and of the batches.
          hash
            .mul_(31)
            .add_(rows.mul(torch.arange(1, 8, 1, { dtype: 'int64' })).sum())
            .remainder_(1_000_003);
        },
        [torch.zeros([7], { dtype: 'int64' })],
        { graph, exact: true },
      );
      torch.manualSeed(1);
      await program.runEpoch([numbers], torch.randperm(994));
      program.dispose();
      return [Number(hash.item())];
    },
  });
  expect(await seen('dry-run').run()).toEqual(await seen(false).run());
});

// Tensors on the meta device stand for an accelerator's: what lies on the CPU is then work of the host.
describe('work of the host', () => {
  const rows: Tensor = torch.zeros([4, 2], { device: 'meta' });
  const steps = (program: torch.Program<Tensor[]>, count: number): void => {
    for (let step = 0; step < count; step++) program.run(rows);
  };
  const compile = (step: (part: Tensor) => void): torch.Program<Tensor[]> =>
    torch.compileStep<Tensor[], Outputs>((part) => step(part), [rows], {
      graph: 'dry-run',
    });

  it('is done at each replay, and neither the first runs nor the capture count', () => {
    const [count, total] = [torch.zeros([]), torch.zeros([], { device: 'meta' })];
    const program = compile((part) => {
      count.add_(1);
      total.add_(part.sum());
    });
    steps(program, 4);
    expect(count.item()).toBe(4);
    expect(program.graphCounts).toEqual({ captures: 1, replays: 4 });
    program.dispose();
  });

  it('is no part of a graph where the device reads what it changes', () => {
    const [count, total] = [torch.zeros([]), torch.zeros([], { device: 'meta' })];
    const program = compile((part) => {
      total.add_(part.sum().mul(count));
      count.add_(1);
    });
    steps(program, 4);
    expect(count.item()).toBe(4);
    expect(program.graphCounts).toEqual({ captures: 0, replays: 0 });
    expect(program.why).toMatch(/aten::mul.* reads a tensor on the CPU that the step changes .*graph\.test/);
    program.dispose();
  });

  it('a number on the CPU that the device reads is a constant until it changes', () => {
    const [factor, total] = [torch.tensor(2), torch.zeros([], { device: 'meta' })];
    const program = compile((part) => {
      total.add_(part.sum().mul(factor));
    });
    steps(program, 4);
    steps(program, 4);
    expect(program.graphCounts.captures).toBe(1);
    factor.fill_(3);
    steps(program, 4);
    expect(program.graphCounts.captures).toBe(2);
    program.dispose();
  });
});

it('there are none on the CPU', async () => {
  const it = training(true);
  await epochs(it, set(), [0.05]);
  expect(it.program.path).not.toBe('graph');
  expect(it.program.graphCounts).toEqual({ captures: 0, replays: 0 });
  it.program.dispose();
});

const cuda = torch.cuda.isAvailable();
describe('on a GPU', () => {
  itWhen(cuda, 'no CUDA device')('epochs by graphs give the un-captured bits', async () => {
    const rows = set('cuda');
    const [plain, captured] = [training(false, 'cuda'), training(true, 'cuda')];
    const rates = [0.05, 0.05, 0.01];
    expect(await epochs(captured, rows, rates)).toEqual(await epochs(plain, rows, rates));
    expect(captured.program.why).toBe('');
    expect(captured.program.path).toBe('graph');
    for (const { program } of [plain, captured]) program.dispose();
  });

  itWhen(cuda, 'no CUDA device')('run() by a graph gives the un-captured bits', () => {
    const [x, y] = set('cuda');
    const losses = (it: Training): number[] => {
      torch.manualSeed(8);
      const kept = Array.from(
        { length: 6 },
        (_, step) => it.program.run(x.narrow(0, step, BATCH), y.narrow(0, step, BATCH)).loss,
      );
      return [...kept.map((loss) => Number(loss.item())), ...state(it)];
    };
    const [plain, captured] = [training(false, 'cuda'), training(true, 'cuda')];
    expect(losses(captured)).toEqual(losses(plain));
    expect(captured.program.path).toBe('graph');
    for (const { program } of [plain, captured]) program.dispose();
  });

  itWhen(cuda, 'no CUDA device')(
    'what cannot be captured runs un-captured, and random numbers go on',
    async () => {
      const x = torch.ones([64, 4], { device: 'cuda' });
      const sum = torch.zeros([]);
      const program = torch.compileStep(
        (rows: Tensor) => {
          sum.add_(rows.sum().cpu());
        },
        [x.narrow(0, 0, 4)],
      );
      await program.runEpoch([x], torch.randperm(64));
      expect(Number(sum.item())).toBe(256);
      expect(program.path).toBe('exact');
      expect(program.why).toMatch(/brings a result to the CPU/);
      expect(torch.rand([2], { device: 'cuda' }).cpu().shape).toEqual([2]);
      program.dispose();
    },
  );
});
