// Where live tensors were made.
import torch, { nn, type Tensor } from 'torch-node';
import { collectGarbage } from '../support/leaks.js';

afterEach(() => torch.traceTensors(false));

it('live tensors say what they are and where they were made', () => {
  torch.traceTensors();
  const kept = torch.ones([2, 3]);
  torch.scope(() => {
    torch.zeros([4]).add(1);
  });
  torch.ones([5]).dispose();
  const sum = (): torch.Tensor => kept.sum();
  const leaked = sum();
  const live = torch.liveTensors();
  expect(live.map(({ tensor }) => tensor)).toEqual(['float32 [2, 3]', 'float32 []']);
  expect(live[1]!.madeAt[0]).toMatch(/^sum .*trace\.test\.ts:\d+:\d+\)$/);
  expect(live[0]!.madeAt[0]).toMatch(/trace\.test\.ts:\d+:\d+/);
  for (const each of [kept, leaked]) each.dispose();
  expect(torch.liveTensors()).toEqual([]);
});

it('names the line in an async function, before and after it waited', async () => {
  torch.traceTensors();
  async function leaky(): Promise<torch.Tensor[]> {
    const before = torch.ones([2]);
    await new Promise((resolve) => setImmediate(resolve));
    return [before, torch.ones([3])];
  }
  const leaked = await torch.scope(leaky);
  const live = torch.liveTensors();
  expect(live.map(({ tensor }) => tensor)).toEqual(['float32 [2]', 'float32 [3]']);
  for (const { madeAt } of live) expect(madeAt[0]).toMatch(/trace\.test\.ts:2[79]:\d+/);
  for (const each of leaked) each.dispose();
});

it('what the collector has taken is not alive', async () => {
  torch.traceTensors();
  (() => void torch.ones([7]))();
  await collectGarbage();
  expect(torch.liveTensors()).toEqual([]);
});

it("names the user's line for tensors made inside modules, and remembers many", () => {
  torch.traceTensors();
  const layer = new nn.Linear(2, 2);
  const outputs: Tensor[] = Array.from({ length: 4200 }, () => torch.ones([1])); // more than are remembered without looking through
  outputs.unshift(...[1, 2, 3].map((n) => layer.forward(torch.ones([n, 2]))));
  for (const each of outputs.splice(3)) each.dispose();
  const live = torch.liveTensors().filter(({ tensor }) => /^float32 .[123], 2/.test(tensor));
  expect(live.length).toBeGreaterThanOrEqual(3);
  for (const { madeAt } of live) expect(madeAt[0]).toMatch(/trace\.test\.ts/);
  for (const each of outputs) each.dispose();
});

it('is off unless asked for, and forgets when it is turned off', () => {
  const tensor = torch.ones([1]);
  expect(torch.liveTensors()).toEqual([]);
  torch.traceTensors();
  tensor.add(1).dispose();
  torch.traceTensors(false);
  expect(torch.liveTensors()).toEqual([]);
  tensor.dispose();
});
