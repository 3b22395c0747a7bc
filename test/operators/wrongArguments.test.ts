// Wrong arguments that scripts/fuzz/operators.mjs found to give other errors than a TorchError, or to end the process.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import torch, { nn } from 'torch-node';
import { withoutLeaks } from '../support/leaks.js';
import { guarded, working } from './guardedCalls.js';

describe('wrong arguments give a TorchError', () => {
  const wrong = (value: unknown): never => value as never;
  it.each<[string, () => unknown]>([
    ['a scope of no function', () => torch.scope(wrong(3))],
    ['noGrad of no function', () => torch.noGrad(wrong([]))],
    ['grad of no tensors', () => torch.grad(wrong(1), wrong(null))],
    ['options that are null', () => torch.tensor([1], wrong(null))],
    ['a module list of numbers', () => new nn.ModuleList(wrong(2))],
    ['a layer with null for options', () => new nn.MaxPool2d(2, wrong(null))],
    ['a loss with a number for weights', () => new nn.CrossEntropyLoss({ weight: wrong(3) })],
    ['a symbol for a device', () => torch.zeros([1]).cuda(wrong(Symbol('x')))],
    ['a number alone for a tensor', () => torch.ops.call('aten::prod', [2.5])],
    ['a Proxy of a tensor', () => torch.sqrt(new Proxy(torch.zeros([1]), {}))],
    ['an heir of a tensor', () => torch.tensor(wrong(Object.create(torch.zeros([1]))))],
  ])('%s', (_, call) => {
    const tried = (): unknown => torch.scope(call);
    expect(tried).toThrow(expect.objectContaining({ name: 'TorchError' }));
  });
});

describe('numbers outside their bounds give an OutOfRangeError', () => {
  const t = torch.zeros([2]);
  it.each<[string, () => unknown]>([
    ['an integer of more than 64 bits', () => torch.ops.call('aten::select.int', [t, 0, 2n ** 70n])],
    ['one in a list', () => torch.ops.call('aten::reshape', [t, [2n ** 70n]])],
    ['one in a list of a boxed operator', () => torch.ops.call('aten::roll', [t, [2n ** 70n], [0]])],
    ['an integer that a number does not hold', () => torch.ops.call('aten::select.int', [t, 0, 1e300])],
    ['a scalar of more than 64 bits', () => torch.ops.call('aten::add.Scalar', [t, 2n ** 70n])],
    ['a negative size', () => torch.tensor(Float32Array.of(1, 2), { shape: [-2, -1] })],
    ['no threads', () => torch.setNumThreads(0)],
  ])('%s', (_, call) => {
    expect(call).toThrow(expect.objectContaining({ name: 'TorchError', code: 'ERR_OUT_OF_RANGE' }));
  });
});

describe('guards', () => {
  it('stop what would end the process', () => {
    const wrong: string[] = [];
    const outcomes = callsInChild();
    expect(outcomes).toHaveLength(guarded.length);
    for (const [i, outcome] of outcomes.entries()) {
      const [overload] = guarded[i]!;
      if (!outcome.startsWith(`TorchError: ${overload}: `)) wrong.push(`${overload}: ${outcome}`);
    }
    expect(wrong).toEqual([]);
  }, 180_000);

  it.each(working)('let a call of %s through', (overload, args) => {
    withoutLeaks(() => expect(() => torch.ops.call(overload, args())).not.toThrow());
  });
});

// What came of each guarded call. The calls are made in a child; when it dies of one, another goes on behind that one.
function callsInChild(): string[] {
  const script = path.join(__dirname, '../support/callOperators.mjs');
  const outcomes: string[] = [];
  while (outcomes.length < guarded.length) {
    const args = [script, path.join(__dirname, 'guardedCalls.ts'), 'guarded', String(outcomes.length)];
    const { stdout, stderr, signal, status } = spawnSync(process.execPath, args, {
      encoding: 'utf8',
      timeout: 60_000,
    });
    const before = outcomes.length;
    for (const line of stdout.split('\n').filter(Boolean)) {
      const said = JSON.parse(line) as { outcome?: string; tensors?: number };
      if (said.outcome === undefined) continue;
      outcomes.push(said.tensors === 0 ? said.outcome : `leaves ${said.tensors} tensors: ${said.outcome}`);
    }
    if (outcomes.length === before && !stdout.includes('begin')) throw new Error(`no child: ${stderr}`);
    if (outcomes.length < guarded.length) outcomes.push(`ends the process (${signal ?? status})`);
  }
  return outcomes;
}
