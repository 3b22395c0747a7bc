// Background calls fail as the same calls fail on this thread: with the class, the code, the words and the line of whoever
// awaits them.
import path from 'node:path';
import torch, { nn, optim, TorchError, type Tensor } from 'torch-node';

torch.setNumThreads(1);

const KINDS = path.join(__dirname, '..', 'jit', 'files', 'kinds.pt');
const NET = path.join(__dirname, '..', 'jit', 'files', 'net.pt');
const here = /background\.test\.ts:\d+/;

async function rejected(run: () => Promise<unknown>): Promise<TorchError> {
  try {
    await run();
  } catch (error) {
    return error as TorchError;
  }
  throw new Error('nothing was thrown');
}
const thrown = (run: () => unknown): Promise<TorchError> => rejected(async () => run());

const meta = torch.zeros([2, 3], { device: 'meta' });
const sparse = torch.eye(2).toSparse().detach();
const net = torch.jit.load(NET);
const kinds = torch.jit.load(KINDS);

const rows = torch.randn([4, 2]);

const cases: [string, () => unknown, () => Promise<unknown>][] = [
  ['data() of a tensor without values', () => meta.dataSync(), () => meta.data()],
  ['data() of a sparse tensor', () => sparse.dataSync(), () => sparse.data()],
  ['load() of no file', () => torch.jit.load('/none.pt'), () => torch.jit.loadAsync('/none.pt')],
  [
    'load() of no archive',
    () => torch.jit.load(new Uint8Array(100)),
    () => torch.jit.loadAsync(new Uint8Array(100)),
  ],
  ['a script whose operator fails', () => net.forward(rows), () => net.forwardAsync(rows)],
  ["a script's argument of another type", () => net.forward('x'), () => net.forwardAsync('x')],
  ['a script with too many arguments', () => kinds.call('forward', 1, 2, 3, 4, 5, 6, 7, 8, 9), () => kinds.callAsync('forward', 1, 2, 3, 4, 5, 6, 7, 8, 9)],
  ['a script without the method', () => net.call('none'), () => net.callAsync('none')],
  [
    'no package',
    () => torch.inductor.aotiLoadPackage('/none.pt2'),
    () => torch.inductor.aotiLoadPackageAsync('/none.pt2'),
  ],
]; // prettier-ignore

/** Without what was called, which differs by a name. */
const words = ({ operator, message }: TorchError): string =>
  message.slice(operator.length).replace('Async', '');

it.each(cases)('%s', async (_name, sync, background) => {
  const expected = await thrown(sync);
  const actual = await rejected(background);
  expect(actual.name).toBe('TorchError');
  expect([actual.code, actual.constructor.name]).toEqual([expected.code, expected.constructor.name]);
  expect(words(actual)).toBe(words(expected));
  expect(actual.stack).toMatch(here);
});

it('steps with rows of another shape', async () => {
  const layer = new nn.Linear(3, 1);
  const descent = new optim.SGD(layer.parameters(), { lr: 0.1 });
  const step = torch.compileStep(
    (x: Tensor) => {
      descent.zeroGrad();
      const loss = layer.forward(x).sum();
      loss.backward();
      descent.step();
      return loss;
    },
    [torch.randn([4, 3])],
    { exact: true },
  );
  const expected = await thrown(() => step.run(rows));
  const actual = await rejected(() => step.runEpoch([rows], torch.arange(4), { batchSize: 4 }));
  const first = (error: TorchError): string => words(error).split('\n')[0]!;
  expect([actual.code, first(actual)]).toEqual([expected.code, first(expected)]);
  expect(actual.code).toBe('ERR_INVALID_ARG_TYPE');
  expect(actual.arguments).toEqual([expect.stringMatching(/^recorded at .*background\.test\.ts:\d+/)]);
  expect(actual.stack).toMatch(here);
});
