// Packages of AOTInductor. They are machine code of one CPU, so that none is kept: Python compiles one where it is there.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import torch, { type Tensor } from 'torch-node';
import { noPython, python, useOneThread } from '../parity/support.js';
import { collectGarbage, liveTensors } from '../support/leaks.js';
import { itWhen } from '../support/skip.js';

useOneThread();

const work = mkdtempSync(path.join(tmpdir(), 'torch-node-inductor-'));
afterAll(() => rmSync(work, { recursive: true }));
const FILE = path.join(work, 'model.pt2');

/** Compiles; says why not where there is no C++ compiler, which inductor needs. */
function compile(): string | undefined {
  if (python === undefined) return noPython;
  try {
    execFileSync(python, [path.join(__dirname, 'compile.py'), work], { stdio: 'pipe' });
    return undefined;
  } catch (error) {
    const { stderr } = error as { stderr?: Buffer };
    if (/Compiler|c\+\+|g\+\+/i.test(String(stderr))) return 'Python found no C++ compiler';
    throw error;
  }
}
const reason = compile();
const itCompiled = itWhen(reason === undefined, reason ?? '');

const input = (rows: number): Tensor =>
  torch
    .arange(rows * 4)
    .to('float32')
    .div(7)
    .reshape([rows, 4]);

itCompiled("gives Python's bits, on this thread and on others", async () => {
  await collectGarbage();
  const before = liveTensors();
  const model = torch.inductor.aotiLoadPackage(FILE, { numRunners: 2 });
  const expected = JSON.parse(readFileSync(path.join(work, 'model.json'), 'utf8')) as {
    activations: number[][];
    sum: number;
  };
  const check = ([activations, sum]: Tensor[]): void => {
    expect(activations!.toArray()).toEqual(expected.activations);
    expect(sum!.item()).toBe(expected.sum);
  };
  await torch.scope(async () => {
    const inputs = [input(3), torch.ones([3])];
    check(model.run(inputs));
    const runs = Array.from({ length: 6 }, () => model.runAsync(inputs));
    for (const outputs of await Promise.all(runs)) check(outputs);
    expect(model.run([input(5), torch.ones([3])])[0]!.shape).toEqual([5, 3]);
    const other = await torch.inductor.aotiLoadPackageAsync(FILE);
    const last = other.runAsync(inputs);
    other.dispose();
    check(await last);
    await expect(other.runAsync(inputs)).rejects.toThrow('this model was released');
  });
  await collectGarbage();
  expect(liveTensors()).toBeLessThanOrEqual(before);

  expect(model.getMetadata()['AOTI_DEVICE_KEY']).toBe('cpu');
  const [inSpec, outSpec] = model.getCallSpec();
  expect(inSpec).toContain('builtins.tuple');
  expect(outSpec).toContain('activations');
  expect(model.getConstantFqns()).toContain('linear.weight');
  model.dispose();
  model.dispose();
  expect(() => model.getMetadata()).toThrow('this model was released');
});

itCompiled('refuses what the model was not compiled for', async () => {
  const model = torch.inductor.aotiLoadPackage(FILE);
  const y = torch.ones([3]);
  expect(() => model.run([input(3)])).toThrow('the model takes 2 tensors, got 1');
  expect(() => model.run([y, y, y])).toThrow('the model takes 2 tensors, got 3');
  expect(() => model.run([torch.ones([3, 5]), y])).toThrow(
    'unmatched dim value at 1, expected: 4, but got: 5',
  );
  expect(() => model.run([input(3).to('float64'), y])).toThrow('unmatched dtype');
  expect(() => model.run([input(3), 1 as unknown as Tensor])).toThrow('input 1: expected a Tensor, got 1');
  await expect(model.runAsync([torch.ones([3, 5]), y])).rejects.toThrow(
    /^CompiledModel\.runAsync: .*unmatched dim value[^]*float32 \[3, 5\]/,
  );
  expect(() => torch.inductor.aotiLoadPackage(FILE, { modelName: 'other' })).toThrow("model 'other'");
  model.dispose();
});

it('refuses what is no package', async () => {
  const { aotiLoadPackage, aotiLoadPackageAsync } = torch.inductor;
  const file = path.join(work, 'none.pt2');
  expect(() => aotiLoadPackage(file)).toThrow(`inductor.aotiLoadPackage: ${file}: `);
  writeFileSync(file, 'no package');
  expect(() => aotiLoadPackage(file)).toThrow('zip archive');
  await expect(aotiLoadPackageAsync(file)).rejects.toThrow('zip archive');
  expect(() => aotiLoadPackage(path.join(__dirname, 'files', 'net.pt'))).toThrow('inductor.aotiLoadPackage');
  expect(() => aotiLoadPackage(3 as unknown as string)).toThrow('expected the path of a file, got 3');
  expect(() => aotiLoadPackage(file, { numRunners: 0 })).toThrow('numRunners');
});
