// A third of docs/operators.md: calls of operators, with what Python PyTorch got for results and gradients, as
// scripts/check/databases/recordOperators.mjs keeps them.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import torch, { checkpoints } from 'torch-node';
import { withoutLeaks } from '../support/leaks.js';
import { compareCase, type Case, type Tensors, type Verdict } from './operatorCases.js';
import { otherMachine, useOneThread, type Header } from './support.js';

interface Recorded {
  operator: string;
  dtype: string;
  cases: Case[];
}

const file = path.join(__dirname, 'recorded/operators.safetensors');
const bytes = readFileSync(file);
const { metadata } = torch.scope(() => ({ metadata: checkpoints.decodeSafetensors(bytes, file).metadata }));
const operators = JSON.parse(metadata['operators']!) as Recorded[];
const header = JSON.parse(metadata['header']!) as Header;
const other = otherMachine(header);
// What other CPUs' kernels may differ by, as a multiple of the tolerance that the table allows.
const LOOSENED = 10;
if (other !== undefined)
  process.stderr.write(
    `parity: operators: ${other}: compared within ${LOOSENED} times the tolerance, not bit for bit\n`,
  );

// Another version of libtorch may lack some; the recording's own has them all.
const here = new Set(torch.ops.names());
const lacking = operators.flatMap(({ cases }) => cases).filter(({ call }) => !here.has(call));
const leftOut = new Set(header.torch === torch.version ? [] : lacking.map(({ call }) => call));
if (leftOut.size > 0)
  process.stderr.write(
    `parity: operators: left out, libtorch ${torch.version} lacks ${[...leftOut].join(', ')}\n`,
  );

useOneThread();

function difference(verdict: Verdict | undefined): string | undefined {
  if (typeof verdict === 'object') return verdict.differs;
  return verdict === 'near' && other === undefined ? 'near, but not the same bits' : undefined;
}

/** What differs, by operator and overload. */
function differences(recorded: Recorded[], tensors: Tensors): Record<string, string> {
  const found: Record<string, string> = {};
  for (const { operator, dtype, cases } of recorded) {
    for (const one of cases) {
      if (leftOut.has(one.call)) continue;
      const outcome = torch.scope(() => compareCase(one, tensors, other === undefined ? 1 : LOOSENED));
      const words = difference(outcome.forward) ?? difference(outcome.gradients);
      if (words !== undefined) found[`${operator}, ${dtype}: ${one.call}`] = words;
    }
  }
  return found;
}

describe("operators, against samples of PyTorch's database", () => {
  const dtypes = [...new Set(operators.map(({ dtype }) => dtype))];

  it.each(dtypes)('give what Python gives for %s, gradients too', (dtype) => {
    const recorded = operators.filter((one) => one.dtype === dtype);
    expect(recorded.length).toBeGreaterThan(100);
    withoutLeaks(() => {
      expect(differences(recorded, checkpoints.decodeSafetensors(bytes, file).tensors)).toEqual({});
    });
  });

  it('would be noticed if a value, a gradient, a dtype or strides were others', () => {
    const one: Case = {
      call: 'aten::mul.Tensor',
      args: [{ t: 'a' }, { t: 'b' }],
      kwargs: {},
      results: [{ t: 'product', strides: [2, 1] }],
      differentiable: true,
      gradients: [{ t: 'b' }, { t: 'a' }],
    };
    withoutLeaks(() => {
      const [a, b] = [torch.tensor([[1, 2]]), torch.tensor([[3, 0.1]])];
      const tensors = { a, b, product: torch.tensor([[3, Math.fround(0.2)]]) };
      expect(compareCase(one, tensors)).toEqual({ forward: 'bits', gradients: 'bits' });
      const product = torch.tensor([[3, 0.2 + 5e-7]]);
      expect(compareCase(one, { ...tensors, product })).toEqual({ forward: 'near', gradients: 'bits' });
      const wrong: [Partial<Case>, Record<string, torch.Tensor>, RegExp][] = [
        [{}, { product: torch.tensor([[3, 0.3]]) }, /1 of 2 values of float32, as 0.2/],
        [{}, { product: torch.tensor([[3, 0.2]], { dtype: 'float64' }) }, /Python gives float64 \[1,2\]/],
        [{ results: [{ t: 'product', strides: [1, 2] }] }, {}, /^results: strides/],
        [{ gradients: [{ t: 'b' }, { t: 'b' }] }, {}, /^gradients: 2 of 2 values/],
        [{ gradients: [{ t: 'b' }, null] }, {}, /^gradients: a tensor where Python gives null/],
        [{ call: 'aten::mm' }, {}, /^throws aten::mm: .*shapes/],
      ];
      for (const [change, others, message] of wrong) {
        const { forward, gradients } = compareCase({ ...one, ...change }, { ...tensors, ...others });
        expect(gradients ?? forward).toEqual({ differs: expect.stringMatching(message) });
      }
    });
  });
});
