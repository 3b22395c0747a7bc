// Random numbers: same seed, same numbers and same state afterwards as Python PyTorch (record.py).
import torch, { type Tensor } from 'torch-node';
import {
  camelCase,
  Comparison,
  expectBits,
  load,
  sha256,
  useOneThread,
  type Options,
  type Recorded,
} from './support.js';

interface Draw {
  function: 'rand' | 'randn' | 'randint' | 'randperm';
  args: unknown[];
  options: Options;
  result: Recorded;
  /** From a generator object instead of the default one. */
  own?: boolean;
}

interface Case {
  name: string;
  seed: number;
  /** null: there is a generator, and nobody seeded it. */
  generatorSeed?: number | null;
  draws: Draw[];
  rngState: string;
  generatorState?: string;
}

const recorded = load<{ cases: Case[]; saved: { state: Recorded; draws: Draw[] } }>('random');
const bits = expectBits(recorded, 'random');
useOneThread();

function draw({ function: name, args, options }: Draw, generator?: torch.Generator): Tensor {
  const call = torch[name] as (...args: unknown[]) => Tensor;
  return call(...args, { ...camelCase(options), ...(generator && { generator }) });
}

function drawAll(compare: Comparison, draws: Draw[], generator?: torch.Generator): void {
  draws.forEach((one, i) => {
    const result = draw(one, one.own ? generator : undefined);
    compare.tensor(
      `${i}: ${one.function}(${JSON.stringify(one.args)}, ${JSON.stringify(one.options)})`,
      result,
      one.result,
    );
  });
}

describe('random numbers equal PyTorch', () => {
  it('in enough cases', () => expect(recorded.cases.length).toBeGreaterThan(6));

  it.each(recorded.cases.map((one): [string, Case] => [one.name, one]))('%s', (_, one) =>
    torch.scope(() => {
      const compare = new Comparison(bits);
      torch.manualSeed(one.seed);
      const generator = one.generatorSeed === undefined ? undefined : new torch.Generator();
      if (typeof one.generatorSeed === 'number') generator!.manualSeed(one.generatorSeed);
      drawAll(compare, one.draws, generator);
      compare.value('rngState', sha256(torch.getRngState().dataSync()), one.rngState);
      if (generator)
        compare.value('generator state', sha256(generator.getState().dataSync()), one.generatorState);
      compare.check();
    }),
  );

  it('from a state that Python saved, put into the default generator or another', () =>
    torch.scope(() => {
      const { state, draws } = recorded.saved;
      const saved = torch.tensor(Uint8Array.from(Buffer.from(state.data, 'base64')));
      const compare = new Comparison(bits);
      torch.setRngState(saved);
      drawAll(compare, draws);
      const generator = new torch.Generator();
      generator.setState(saved);
      drawAll(
        compare,
        draws.map((one) => ({ ...one, own: true })),
        generator,
      );
      compare.check();
    }));

  it('a bigint seeds as its number does', () =>
    torch.scope(() => {
      const one = recorded.cases.find(({ seed }) => seed === 2 ** 40 + 1)!;
      const compare = new Comparison(bits);
      torch.manualSeed(BigInt(one.seed));
      drawAll(compare, one.draws);
      compare.check();
    }));
});
