// The runner of the tables: it would notice whatever is not PyTorch's.
import { withoutLeaks } from '../../support/leaks.js';
import { otherMachine } from '../support.js';
import { runModule, type ModuleCase } from './runner.js';
import { loadTable, verdictOf } from './tables.js';

describe('a case of a table', () => {
  const table = loadTable<ModuleCase>('basics');
  const one = table.cases.find(({ name }) => name === 'Linear(5, 3) of [4, 5]')!;

  it('differs where a value, a name or a text is another', () => {
    const zeros = { dtype: 'float32' as const, shape: [3], data: Buffer.alloc(12).toString('base64') };
    const wrong: [Partial<ModuleCase>, string][] = [
      [{ args: [5, 4] }, 'initial weight'],
      [{ seed: 1 }, 'initial bias'],
      [{ options: { bias: false } }, 'keys'],
      [{ repr: 'Linear()' }, 'text'],
      [{ keys: ['weight'] }, 'keys'],
      [{ inputs: [{ shape: [4, 5], seed: 2 }] }, 'output 0'],
      [{ outputs: [null] }, 'output 0'],
      [{ inputGradients: [] }, 'number of gradient of inputs'],
      [{ parameterGradients: { ...one.parameterGradients, bias: zeros } }, 'gradient of bias'],
      [{ rngState: '0' }, 'random state after construction'],
      [{ buffers: { mean: zeros } }, 'buffer names'],
      [{ class: 'nn.Nothing' }, 'throws'],
    ];
    withoutLeaks(() => {
      const right = verdictOf(runModule, one);
      if (otherMachine(table) === undefined || right !== 'near') expect(right).toBe('bits');
      for (const [change, what] of wrong)
        expect(verdictOf(runModule, { ...one, ...change })).toEqual({
          differs: expect.objectContaining({ [what]: expect.any(String) }),
        });
    });
  });
});
