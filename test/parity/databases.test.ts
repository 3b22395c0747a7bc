// A third of docs/databases.md: modules and optimizers with the inputs of PyTorch's own databases and what Python got, and what the
// databases say is refused, as scripts/check/databases/databases.mjs keeps them.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import torch, { checkpoints, type DType } from 'torch-node';
import { withoutLeaks } from '../support/leaks.js';
import { checkError, type ErrorCase } from './errorCases.js';
import { compareModule, type ModuleCase } from './moduleCases.js';
import type { Tensors, Verdict } from './operatorCases.js';
import { compareOptimizer, releaseValues, type OptimizerCase } from './optimizerCases.js';
import { loadKept, otherMachine, useOneThread, type Header } from './support.js';

interface Kept<C> {
  header: Header;
  cases: { of: string; dtype: DType; case: C }[];
  tensors: () => Tensors;
}

function kept<C>(name: string): Kept<C> {
  const file = path.join(__dirname, `recorded/${name}.safetensors`);
  const bytes = readFileSync(file);
  const metadata = torch.scope(() => ({ metadata: checkpoints.decodeSafetensors(bytes, file).metadata }));
  return {
    header: JSON.parse(metadata.metadata['header']!) as Header,
    cases: JSON.parse(metadata.metadata['cases']!) as Kept<C>['cases'],
    tensors: () => checkpoints.decodeSafetensors(bytes, file).tensors,
  };
}

const modules = kept<ModuleCase>('modules');
const errors = kept<ErrorCase>('errors');
const optimizers = loadKept<{ cases: OptimizerCase[] }>('optimizers');
const other = otherMachine(modules.header);
// What other CPUs' kernels may differ by, as a multiple of the tolerance that the table allows.
const LOOSENED = 10;
if (other !== undefined)
  process.stderr.write(
    `parity: databases: ${other}: compared within ${LOOSENED} times the tolerance, not bit for bit; LBFGS is left out\n`,
  );
const loosen = other === undefined ? 1 : LOOSENED;

useOneThread();

function difference(verdict: Verdict | undefined): string | undefined {
  if (typeof verdict === 'object') return verdict.differs;
  return verdict === 'near' && other === undefined ? 'near, but not the same bits' : undefined;
}

it('modules give what Python gives, gradients and second gradients too', () => {
  expect(modules.cases.length).toBeGreaterThan(350);
  const warned = jest.spyOn(process, 'emitWarning').mockImplementation();
  withoutLeaks(() => {
    const tensors = modules.tensors();
    const found = modules.cases.flatMap(({ of, dtype, case: one }) => {
      const outcome = torch.scope(() => compareModule(one, dtype, tensors, loosen));
      const words = [outcome.forward, outcome.gradients, outcome.second].flatMap(
        (part) => difference(part) ?? [],
      );
      return words.map((each) => `${of}${one.title}, ${dtype}: ${each}`);
    });
    expect(found).toEqual([]);
  });
  warned.mockRestore();
});

it('optimizers go where they go in Python, and refuse what they refuse there', () => {
  expect(optimizers.cases.length).toBeGreaterThan(2300);
  withoutLeaks(() => {
    const found = optimizers.cases.flatMap((one) => {
      // Its line search makes much of a last bit.
      if (other !== undefined && one.class === 'LBFGS') return [];
      const words = difference(torch.scope(() => compareOptimizer(one, loosen)));
      return words === undefined
        ? []
        : [`${one.class}, ${JSON.stringify(one.options)}, ${one.variant}: ${words}`];
    });
    releaseValues();
    expect(found).toEqual([]);
  });
});

it('what the databases say is refused ends with a TorchError', () => {
  expect(errors.cases.length).toBeGreaterThan(300);
  const warned = jest.spyOn(process, 'emitWarning').mockImplementation();
  withoutLeaks(() => {
    const tensors = errors.tensors();
    const left: string[] = [];
    const found = errors.cases.flatMap(({ of, case: one }) => {
      const verdict = torch.scope(() => checkError(one, tensors));
      if (verdict === 'raises') return [];
      if ('leftOut' in verdict) left.push(verdict.leftOut);
      return 'leftOut' in verdict ? [] : [`${of}: ${verdict.differs}, where Python raises ${one.python}`];
    });
    expect(found).toEqual([]);
    expect(left.length).toBeLessThan(errors.cases.length / 8);
  });
  warned.mockRestore();
});
