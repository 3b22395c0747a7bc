// TorchScript archives that record.py wrote: the numbers are Python's, on this thread and on others.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { inspect } from 'node:util';
import { Worker } from 'node:worker_threads';
import torch, { nn, optim, type Tensor } from 'torch-node';
import { noPython, python, useOneThread } from '../parity/support.js';
import { collectGarbage, liveTensors, withoutLeaks } from '../support/leaks.js';
import { itWhen } from '../support/skip.js';

useOneThread();

const FILES = path.join(__dirname, 'files');
const NET = path.join(FILES, 'net.pt');
const work = mkdtempSync(path.join(tmpdir(), 'torch-node-jit-'));
afterAll(() => rmSync(work, { recursive: true }));

interface Values {
  shape: number[];
  values: number[];
}
interface Expected {
  eval: Values;
  traced: Values;
  probabilities: Values;
  losses: number[];
  headAfter: Values;
  keys: string[];
  parameters: string[];
  buffers: string[];
  code: string;
}
const readExpected = (folder: string): Expected =>
  JSON.parse(readFileSync(path.join(folder, 'expected.json'), 'utf8')) as Expected;
const expected = readExpected(FILES);

/** As `picture` in record.py. */
function picture(...shape: number[]): Tensor {
  const count = shape.reduce((product, size) => product * size, 1);
  const values = Float32Array.from({ length: count }, (_, i) => (i * 37) % 101);
  return torch.tensor(values, { shape }).div(50).sub(1);
}

function expectValues(actual: unknown, wanted: Values, bits = false): void {
  const tensor = actual as Tensor;
  expect(tensor.shape).toEqual(wanted.shape);
  const got = [...(tensor.detach().dataSync() as Float32Array)];
  if (bits) expect(got).toEqual(wanted.values);
  else got.forEach((value, i) => expect(value).toBeCloseTo(wanted.values[i]!, 5));
}

function check(folder: string, wanted: Expected, bits: boolean): void {
  const net = torch.jit.load(path.join(folder, 'net.pt'));
  const x = picture(4, 1, 4, 4);
  net.eval();
  torch.noGrad(() => {
    expectValues(net.forward(x), wanted.eval, bits);
    expectValues(net.call('probabilities', x, 2), wanted.probabilities, bits);
  });
  expectValues(torch.jit.load(path.join(folder, 'traced.pt')).forward(picture(3, 8)), wanted.traced, bits);
  net.train();
  net.getSubmodule('dropout').eval();
  const sgd = new optim.SGD(net.parameters(), { lr: 0.1, momentum: 0.9 });
  const losses = [0, 1, 2].map(() => {
    sgd.zeroGrad();
    const loss = (net.forward(x) as Tensor).square().mean();
    loss.backward();
    sgd.step();
    return Number(loss.item());
  });
  if (bits) expect(losses).toEqual(wanted.losses);
  else losses.forEach((loss, i) => expect(loss).toBeCloseTo(wanted.losses[i]!, 4));
  expectValues(net.stateDict()['head.weight'], wanted.headAfter, bits);
  expect(Object.keys(net.stateDict()).toSorted()).toEqual(wanted.keys.toSorted());
  expect(net.namedParameters().map(([name]) => name)).toEqual(wanted.parameters);
  expect(net.namedBuffers().map(([name]) => name)).toEqual(wanted.buffers);
  expect(net.code('positive')).toBe(wanted.code);
  net.dispose();
}

it('gives the recorded numbers, in training too', () => withoutLeaks(() => check(FILES, expected, false)));

itWhen(python !== undefined, noPython)(
  "gives Python's bits",
  () => {
    execFileSync(python!, [path.join(__dirname, 'record.py'), work], { stdio: ['ignore', 'ignore', 'pipe'] });
    withoutLeaks(() => check(work, readExpected(work), true));
  },
  180_000,
);

it('loads bytes, and off the main thread, with extra files', async () => {
  const options = { extraFiles: ['labels.txt', 'missing.txt'], device: 'cpu' as const };
  const x = picture(4, 1, 4, 4);
  const bytes = readFileSync(NET);
  for (const net of [
    torch.jit.load(bytes, options),
    await torch.jit.loadAsync(bytes, options),
    await torch.jit.loadAsync(NET, options),
  ]) {
    expect([...net.extraFiles.keys()]).toEqual(['labels.txt']);
    expect(String(net.extraFiles.get('labels.txt'))).toBe('cat\ndog\nfrog\n');
    expectValues(net.eval().forward(x), expected.eval);
    net.dispose();
  }
});

it('runs several calls at once on other threads, with the modes of the caller', async () => {
  const net = torch.jit.load(NET).eval();
  const x = picture(4, 1, 4, 4);
  const runs = Array.from({ length: 12 }, () => net.forwardAsync(x));
  expect(() => net.to('float64')).toThrow('under way on other threads');
  expect(() => net.train()).toThrow('under way on other threads');
  for (const result of await Promise.all(runs)) expectValues(result, expected.eval);
  const untracked: Promise<unknown>[] = [];
  torch.noGrad(() => void untracked.push(net.forwardAsync(x)));
  expect(((await untracked[0]) as Tensor).requiresGrad).toBe(false);
  const tracked = (await net.forwardAsync(x)) as Tensor;
  tracked.sum().backward();
  expect(net.getParameter('head.bias').grad!.toArray()).toEqual([8, 8, 8]);
  await expect(net.callAsync('positive', x)).rejects.toThrow(
    'Net.positive: builtins.ValueError: negative input',
  );
  await expect(net.forwardAsync(x, 2)).rejects.toThrow('expected at most 1 arguments, got 2');
  const last = net.forwardAsync(x);
  net.dispose(); // what is under way goes on
  x.resize_([0]);
  expectValues(await last, expected.eval);
  await expect(net.forwardAsync(picture(1, 1, 4, 4))).rejects.toThrow('this module was released');
});

it('gives results of asynchronous calls to the scope of the caller', async () => {
  const net = torch.jit.load(NET).eval();
  const x = picture(4, 1, 4, 4);
  await collectGarbage();
  const before = liveTensors();
  let inside: Tensor | undefined;
  const kept = await torch.scope(async () => {
    inside = (await net.forwardAsync(x)) as Tensor;
    return (await net.forwardAsync(x)) as Tensor;
  });
  expect(inside!.disposed).toBe(true);
  expectValues(kept, expected.eval);
  kept.dispose();
  await collectGarbage();
  expect(liveTensors()).toBeLessThanOrEqual(before);
  net.dispose();
  x.dispose();
});

it('takes and gives lists, dictionaries, tuples and optional values', () =>
  withoutLeaks(() => {
    const kinds = torch.jit.load(path.join(FILES, 'kinds.pt'));
    expect(kinds.schema()).toBe(
      'forward(Tensor[] tensors, Dict(str, Tensor) table, (int, str) pair, Tensor? maybe=None) -> ((Tensor, Dict(str, int[]), Tensor?, (str, float)[]))',
    );
    const one = torch.ones([2]);
    const call = (table: unknown, ...rest: unknown[]): unknown[] =>
      kinds.forward([one, one], table, [7, 'seven'], ...rest) as unknown[];
    const [total, sizes, maybe, pairs] = call({ three: one.mul(3) });
    expect((total as Tensor).toArray()).toEqual([6, 6]);
    expect(sizes).toEqual(new Map([['three', [2]]]));
    expect(maybe).toBeNull();
    expect(pairs).toEqual([['seven', 7]]);
    expect((call(new Map([['four', one.mul(4)]]), one)[2] as Tensor).toArray()).toEqual([1, 1]);
    expect(kinds.call('nothing', true)).toBeNull();
    expect(() => kinds.call('nothing', false)).toThrow('AssertionError: the flag is off');
    expect(() => kinds.call('nothing')).toThrow("argument 'flag' is missing");
    expect(() => kinds.forward(3)).toThrow(
      "argument 'tensors' (Tensor[]): expected an array of tensors, got 3",
    );
    // Also where a tensor has this number for a handle.
    for (let handle = 0; handle < 50; handle++)
      expect(() => call({ a: handle })).toThrow(
        `argument 'table' (Dict(str, Tensor)): expected a tensor, got the number ${handle}`,
      );
    expect(() => kinds.call('backward')).toThrow("there is no method 'backward': it has forward, nothing");
  }));

it('says what a script raised first, and where', () => {
  using net = torch.jit.load(NET);
  let message = '';
  try {
    net.call('positive', torch.tensor([-1]));
  } catch (error) {
    message = (error as Error).message;
  }
  expect(message).toMatch(/^Net\.positive: builtins\.ValueError: negative input\nTraceback of TorchScript/);
  expect(message).toContain('<--- HERE');
  expect(() => net.forward(torch.ones([2, 3]))).toThrow(/^Net\.forward: RuntimeError: Expected 3D/);
});

it('is a module like any other', () =>
  withoutLeaks(() => {
    const net = torch.jit.load(NET);
    expect(String(net)).toBe(
      'ScriptModule(\n  original_name=Net\n  (conv): ScriptModule(original_name=Conv2d)\n  (block): ScriptModule(\n    original_name=Block\n' +
        '    (linear): ScriptModule(original_name=Linear)\n    (norm): ScriptModule(original_name=BatchNorm1d)\n  )\n' +
        '  (head): ScriptModule(original_name=Linear)\n  (dropout): ScriptModule(original_name=Dropout)\n)',
    );
    expect(inspect(net)).toBe(String(net));
    expect(net.graph('positive')).toContain('prim::RaiseException');
    expect(net.parameters()[0]).toBe(net.parameters()[0]);
    expect(net.getSubmodule('head').getParameter('bias')).toBe(net.getParameter('head.bias'));
    expect([net.training, net.getSubmodule('block.norm').training]).toEqual([true, true]);
    net.eval();
    expect([net.attribute('training'), net.getSubmodule('block.norm').attribute('training')]).toEqual([
      false,
      false,
    ]);

    expect(net.attribute('names')).toEqual(['a', 'b', 'c']);
    net.setAttribute('steps', 0);
    expect(net.attribute('steps')).toBe(0);
    expect(() => net.setAttribute('steps', 'none')).toThrow("argument 'steps' (int): expected an integer");
    expect(() => net.attribute('nothing')).toThrow("Net has no attribute 'nothing'");

    const copy = net.deepcopy();
    net.loadStateDict({ ...net.stateDict(), 'head.bias': torch.ones([3]) });
    expect((net.attribute('scale') as Tensor).toArray()).toEqual([2]);
    expect(net.getParameter('head.bias').toArray()).toEqual([1, 1, 1]);
    expect(copy.getParameter('head.bias').toArray()).not.toEqual([1, 1, 1]);
    net.to('float64');
    expect((net.forward(picture(1, 1, 4, 4).to('float64')) as Tensor).dtype).toBe('float64');
    net.requiresGrad_(false);
    expect((net.forward(picture(1, 1, 4, 4).to('float64')) as Tensor).requiresGrad).toBe(false);
    expect(() => net.registerBuffer('more')).toThrow('are those of its archive');

    const wrapped = new nn.Sequential(copy as unknown as nn.Module, new nn.Linear(3, 1));
    expect(wrapped.forward(picture(2, 1, 4, 4)).shape).toEqual([2, 1]);
    expect(Object.keys(wrapped.stateDict())).toContain('0.block.norm.running_mean');
    copy.dispose();
  }));

it('is written and read again', async () => {
  const file = path.join(work, 'again.pt');
  const net = torch.jit.load(NET).eval();
  torch.noGrad(() => net.getParameter('head.bias').fill_(0.5));
  await net.save(file, { 'note.txt': 'changed' });
  const again = torch.jit.load(file, { extraFiles: ['note.txt'] });
  expect(String(again.extraFiles.get('note.txt'))).toBe('changed');
  expect(again.getParameter('head.bias').toArray()).toEqual([0.5, 0.5, 0.5]);
  expect(again.training).toBe(false);
  const x = picture(4, 1, 4, 4);
  expect(torch.equal(again.forward(x) as Tensor, net.forward(x) as Tensor)).toBe(true);
  await expect(net.save(path.join(work, 'no', 'folder.pt'))).rejects.toThrow('ScriptModule.save');
});

it('refuses what is no archive', async () => {
  const load = (source: string | Uint8Array) => () => torch.jit.load(source);
  const bytes = readFileSync(NET);
  expect(load(path.join(work, 'nowhere.pt'))).toThrow('no such file');
  expect(load(path.join(FILES, 'checkpoint.pt'))).toThrow('torch.load reads what torch.save wrote');
  expect(load(path.join(FILES, 'expected.json'))).toThrow('this is no TorchScript archive');
  for (const size of [0, 3, 100, 5000, bytes.length - 1])
    expect(load(bytes.subarray(0, size))).toThrow('this is no TorchScript archive');
  const truncated = path.join(work, 'truncated.pt');
  writeFileSync(truncated, bytes.subarray(0, 9000));
  expect(load(truncated)).toThrow('truncated or damaged');
  await expect(torch.jit.loadAsync(truncated)).rejects.toThrow(
    `jit.load: ${truncated}: this is no TorchScript archive`,
  );
  expect(load(3 as unknown as string)).toThrow("expected a file's name or its bytes, got 3");
  expect(() => torch.jit.load(NET, { device: 'cuda:7' })).toThrow("'cuda:7' was asked for");
  // A byte that is not what it was: a checksum tells, or the module is the same.
  for (let at = 0; at < bytes.length; at += 997) {
    const damaged = Buffer.from(bytes);
    damaged[at]! ^= 0xff;
    try {
      torch.jit.load(damaged).dispose();
    } catch (error) {
      expect((error as Error).name).toBe('TorchError');
    }
  }
});

it('is released by dispose, by its scope and by the garbage collector', async () => {
  await collectGarbage();
  const before = liveTensors();
  const net = torch.jit.load(NET);
  const head = net.getSubmodule('head');
  expect(net.parameters().length).toBeGreaterThan(0);
  net.dispose();
  net.dispose();
  expect([net.disposed, head.disposed]).toEqual([true, true]);
  expect(() => net.forward()).toThrow('this module was released');
  expect(String(net)).toBe('ScriptModule(original_name=Net, released)');
  let scoped = torch.scope(() => {
    const loaded = torch.jit.load(NET);
    return { name: loaded.originalName, module: new WeakRef(loaded) };
  });
  expect(scoped.module.deref()?.disposed ?? true).toBe(true);
  const returned = torch.scope(() => torch.jit.load(NET));
  expect(returned.disposed).toBe(false);
  scoped = { name: '', module: new WeakRef(torch.jit.load(NET)) };
  await collectGarbage();
  expect(scoped.module.deref()).toBeUndefined();
  expect(liveTensors()).toBeLessThanOrEqual(before + 11); // what was listed of the first, until collected
});

it('runs in worker threads, also ones that end while it runs', async () => {
  const code = `
    const { parentPort, workerData } = require('node:worker_threads');
    void import(workerData.entry).then(async ({ default: torch }) => {
      const net = torch.jit.load(workerData.net).eval();
      const x = torch.ones([4, 1, 4, 4]);
      const result = await net.forwardAsync(x);
      for (let i = 0; i < 20; i++) void net.forwardAsync(x);
      parentPort.postMessage(result.shape);
    });`;
  const entry = path.resolve(__dirname, '../../dist/index.js');
  for (let i = 0; i < 3; i++) {
    const worker = new Worker(code, { eval: true, workerData: { entry, net: NET } });
    const shape = await new Promise((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
    expect(shape).toEqual([4, 3]);
    await worker.terminate();
  }
});
