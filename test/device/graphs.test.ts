// Graphs on the simulated device: those that a program makes of its steps, and torch.cuda.CUDAGraph.
import torch, { nn, optim, type Tensor } from 'torch-node';

/** Epochs of a program over `rows` rows in batches of `batch`; the parameters and the losses in the end. */
async function train(
  rows: number,
  batch: number,
  graph: boolean | 'dry-run',
  device: string,
): Promise<number[]> {
  torch.manualSeed(3);
  const net = new nn.Sequential(new nn.Linear(6, 8), new nn.ReLU(), new nn.Linear(8, 3)).to(device);
  const sgd = new optim.SGD(net.parameters(), { lr: 0.05, momentum: 0.9 });
  const criterion = new nn.CrossEntropyLoss();
  const total = torch.zeros([], { device });
  const x = torch.randn([rows, 6]).to(device);
  const y = torch.randint(3, [rows]).to(device);
  const program = torch.compileStep(
    (images: Tensor, labels: Tensor) => {
      sgd.zeroGrad();
      const loss = criterion.forward(net.forward(images), labels);
      loss.backward();
      sgd.step();
      total.add_(loss.detach());
    },
    [x.narrow(0, 0, batch), y.narrow(0, 0, batch)],
    { exact: true, graph },
  );
  torch.manualSeed(9);
  for (let epoch = 0; epoch < 3; epoch++) await program.runEpoch([x, y], torch.randperm(rows));
  // What fails on a stream that nothing waits for shows here.
  if (device !== 'cpu') torch.cuda.synchronize(device);
  if (graph === true) expect([program.path, program.why]).toEqual(['graph', '']);
  else if (graph === 'dry-run') expect(program.graphCounts.replays).toBeGreaterThan(0);
  const out = [total, ...net.parameters()].flatMap((t) =>
    [...t.detach().cpu().flatten().dataSync()].map(Number),
  );
  program.dispose();
  return out;
}

// Whether the last batch is whole, smaller, or of one row.
const SETS = [
  [43, 4],
  [41, 4],
  [40, 4],
  [131, 16],
  [150, 8],
] as const;

describe.each(SETS)('three epochs of %i rows in batches of %i', (rows, batch) => {
  it('by graphs equal the CPU in bits', async () => {
    expect(await train(rows, batch, true, 'cuda')).toEqual(await train(rows, batch, false, 'cpu'));
  });
  it('on the second device too', async () => {
    expect(await train(rows, batch, true, 'cuda:1')).toEqual(await train(rows, batch, false, 'cpu'));
  });
  it('in a dry run equal those without one', async () => {
    expect(await train(rows, batch, 'dry-run', 'cpu')).toEqual(await train(rows, batch, false, 'cpu'));
  });
});

const ones = (): Tensor => torch.ones([4], { device: 'cuda' });
const sum = (x: Tensor): number => x.sum().item();

describe('CUDAGraph', () => {
  it('does nothing while it is captured, and the same again at each replay', () => {
    const x = ones();
    const graph = new torch.cuda.CUDAGraph();
    const y = torch.cuda.graph(graph, () => x.add_(1).mul(2));
    expect(sum(x)).toBe(4);
    graph.replay();
    graph.replay();
    expect([sum(x), sum(y)]).toEqual([12, 24]);
    graph.reset();
    expect(() => graph.replay()).toThrow(/nothing was captured/);
  });

  it('draws new random numbers at each replay', () => {
    const graph = new torch.cuda.CUDAGraph();
    const drawn = torch.cuda.graph(graph, () => torch.rand([8], { device: 'cuda' }));
    torch.manualSeed(4);
    const got = [1, 2].map(() => {
      graph.replay();
      return [...drawn.cpu().dataSync()];
    });
    torch.manualSeed(4);
    const expected = [1, 2].map(() => [...torch.rand([8], { device: 'cuda' }).cpu().dataSync()]);
    expect(got).toEqual(expected);
    graph.reset();
  });

  it('shares the memory of another', () => {
    const [first, second] = [new torch.cuda.CUDAGraph(), new torch.cuda.CUDAGraph()];
    const x = ones();
    torch.cuda.graph(first, () => x.add(1));
    torch.cuda.graph(second, () => x.add(2), { pool: first.pool() });
    expect(second.pool()).toEqual(first.pool());
    for (const graph of [first, second]) graph.reset();
  });

  it('refuses what cannot be captured, and the device goes on', () => {
    const x = ones();
    const attempts: [run: () => unknown, message: RegExp][] = [
      [() => x.sum().item(), /operation not permitted when stream is capturing/],
      [() => torch.cuda.synchronize(), /operation not permitted when stream is capturing/],
      [
        () => {
          throw new RangeError('mine');
        },
        /mine/,
      ],
      [() => Promise.resolve(1), /a synchronous function/],
      [() => new torch.cuda.CUDAGraph().captureBegin(), /is being captured on this thread/],
    ];
    for (const [run, message] of attempts) {
      const graph = new torch.cuda.CUDAGraph();
      expect(() => torch.cuda.graph(graph, run)).toThrow(message);
      expect(sum(x.add(torch.rand([4], { device: 'cuda' }).mul(0)))).toBe(4);
      torch.cuda.graph(graph, () => x.add(1));
      graph.replay();
      expect(() => torch.cuda.graph(graph, () => x)).toThrow(/holds something already/);
      graph.reset();
    }
  });

  it('replays on its own device, whichever is current', () => {
    const x = torch.ones([4], { device: 'cuda:1' });
    const graph = torch.cuda.device(1, () => new torch.cuda.CUDAGraph());
    torch.cuda.device(1, () => torch.cuda.graph(graph, () => void x.add_(1)));
    graph.replay();
    torch.cuda.synchronize(1);
    expect(sum(x)).toBe(8);
    graph.reset();
  });

  it('refuses wrong arguments', () => {
    const graph = new torch.cuda.CUDAGraph();
    expect(() => graph.captureEnd()).toThrow(/is not being captured/);
    expect(() => graph.captureBegin({ pool: 5 as never })).toThrow(/pool/);
    expect(() => torch.cuda.graph({} as never, () => 1)).toThrow(/expected a CUDAGraph/);
    expect(() => torch.cuda.graph(graph, 5 as never)).toThrow(/a function/);
  });
});
