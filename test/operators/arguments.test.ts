// How arguments are given: by position as in Python, or by name in the last object, everywhere alike. Drawn from the schemas of
// all operators and from Python's own signatures (test/parity/recorded/signatures.json).
import { readFileSync } from 'node:fs';
import path from 'node:path';
import torch, { type Tensor } from 'torch-node';
import { camelCase, nearest, snakeCase } from '../../lib/core/names.js';
import * as table from '../../lib/operators/generated/table.js';
import { Operator } from '../../lib/operators/operators.js';
import { parseSchema, type SchemaArgument, type SchemaType } from '../../lib/operators/schema.js';

type Call = (...args: unknown[]) => unknown;
interface Place {
  /** As in "torch.linalg.norm". */
  readonly title: string;
  readonly call: Call;
  readonly overload: string;
  readonly arguments: readonly (SchemaArgument & { readonly shown: string })[];
  /** What may be given by name: the arguments, out and requiresGrad. */
  readonly known: readonly string[];
}

const methods = torch.Tensor.prototype as unknown as Record<string, Call>;
const SPACES: [lines: string, title: string, prefix: string, find: (name: string) => Call | undefined][] = [
  [table.methods, 'Tensor', '', (name) => (self, ...args) => methods[name]!.apply(self, args)],
  [table.functions, 'torch', '', (name) => (torch as unknown as Record<string, Call>)[name]],
  [table.linalg, 'torch.linalg', 'linalg_', (name) => (torch.linalg as unknown as Record<string, Call>)[name]],
  [table.fft, 'torch.fft', 'fft_', (name) => (torch.fft as unknown as Record<string, Call>)[name]],
  [table.special, 'torch.special', 'special_', (name) => (torch.special as unknown as Record<string, Call>)[name]],
  [table.functional, 'nn.functional', '', (name) => (torch.nn.functional as unknown as Record<string, Call>)[name]],
]; // prettier-ignore

// Written by hand: they have arguments that no schema has, and are held against Python's signatures below.
const BY_HAND =
  /^(torch\.(arange|full|isFloatingPoint|tensordot)|Tensor\.retainGrad|nn\.functional\.adaptiveAvgPool[23]d)$/;

/** All public functions and methods that are operators, each of their forms. */
function places(): Place[] {
  return SPACES.flatMap(([lines, space, prefix, find]) =>
    lines
      .trim()
      .split('\n')
      .flatMap((line) => {
        const [, name, other, forms] = /^(\w+) (?:(\w+): )?(.+)$/.exec(line)!;
        const shown = camelCase(name!.slice(prefix.length));
        const title = `${space}.${shown}`;
        const call = find(shown);
        if (BY_HAND.test(title)) return [];
        return forms!.split(' ').map((form) => {
          const [overload, out] = form.split('>');
          const full = `aten::${other ?? name!}${overload === 'default' ? '' : `.${overload!}`}`;
          const given = parseSchema(torch.ops.schema(full)).arguments;
          const named = given.map((argument) => ({
            ...argument,
            shown: space !== 'Tensor' && argument.name === 'self' ? 'input' : camelCase(argument.name),
          }));
          const makes = ['dtype', 'layout', 'device', 'pin_memory'].every((option) =>
            given.some((argument) => argument.name === option),
          );
          const known = [
            ...named.slice(space === 'Tensor' ? 1 : 0).map((argument) => argument.shown),
            ...(out === undefined || space === 'Tensor' ? [] : ['out']),
            ...(makes ? ['requiresGrad'] : []),
          ];
          return { title, call: call!, overload: full, arguments: named, known };
        });
      }),
  );
}

// A value for each type; two for lists, and so many that they differ from each other.
function sample({ base, layers }: SchemaType, i: number): unknown {
  const one = samples[base]?.(i);
  return layers.some((layer) => layer !== 'optional') ? [one, one] : one;
}
const tensors = () => Array.from({ length: 24 }, (_, i) => torch.full([1], i));
let made: Tensor[];
let others: Record<string, unknown>;
const samples: Record<string, (i: number) => unknown> = {
  Tensor: (i) => made[i], Scalar: (i) => i + 0.5, int: (i) => i, SymInt: (i) => i, float: (i) => i + 0.25, bool: () => true,
  str: (i) => `word ${i}`, ScalarType: () => 'int32', Layout: () => 'strided', Device: () => 'cpu',
  MemoryFormat: () => 'preserve', Generator: () => others['generator'], Storage: () => others['storage'],
  Stream: () => others['stream'],
}; // prettier-ignore

/** What a call asks the native side for: the operator and its arguments, without computing anything. */
let asked: { name: string; args: readonly unknown[] } | undefined;
const trimmed = (args: readonly unknown[]): readonly unknown[] => {
  let count = args.length;
  while (count > 0 && args[count - 1] === undefined) count--;
  return args.slice(0, count);
};
function ask(call: Call, args: readonly unknown[]): typeof asked | string {
  asked = undefined;
  try {
    call(...args);
  } catch (error) {
    return (error as Error).message;
  }
  return asked;
}

describe('operators', () => {
  let spies: jest.SpyInstance[];
  beforeAll(() => {
    made = tensors();
    others = {
      generator: new torch.Generator(),
      storage: torch.ones([1]).untypedStorage(),
      stream: new torch.Stream('cpu'),
    };
    const record = function (this: Operator, ...args: unknown[]): unknown {
      asked = { name: this.name, args: trimmed(args) };
      return [];
    };
    spies = [
      jest.spyOn(Operator.prototype, 'callList').mockImplementation(function (this: Operator, args) {
        return record.apply(this, [...args]);
      }),
      jest.spyOn(Operator.prototype, 'callTensors').mockImplementation(record),
      jest.spyOn(Operator.prototype, 'callTwoTensors').mockImplementation(record),
      jest.spyOn(Operator.prototype, 'call').mockImplementation(record),
    ];
  });
  afterAll(() => {
    for (const each of spies) each.mockRestore();
    for (const each of made) each.dispose();
  });

  it('take each argument by position and by name', () => {
    const wrong: string[] = [];
    let tried = 0;
    let shadowed = 0;
    const forms = new Map<string, string[]>();
    for (const { title, call, overload, arguments: all } of places()) {
      const earlier = forms.get(title) ?? [];
      forms.set(title, [...earlier, overload]);
      const first = title.startsWith('Tensor.') ? 1 : 0;
      const positional = all.filter(({ keywordOnly }) => !keywordOnly);
      const values = all.map(({ type }, i) => sample(type, i + 1));
      const named = (from: number): Record<string, unknown> =>
        Object.fromEntries(all.slice(from).map(({ shown }, i) => [shown, values[from + i]]));
      const keywords = all.length > positional.length ? [named(positional.length)] : [];
      const byPosition = ask(call, [...values.slice(0, positional.length), ...keywords]);
      if (typeof byPosition === 'string') {
        wrong.push(`${title} (${overload}) by position: ${byPosition}`);
        continue;
      }
      // A form that is tried earlier may take the same values.
      if (byPosition?.name !== overload) shadowed++;
      for (let count = first; count < positional.length; count++) {
        tried++;
        const byName = ask(call, [...values.slice(0, count), named(count)]);
        const same =
          byName !== undefined &&
          typeof byName !== 'string' &&
          (earlier.includes(byName.name) || String(flat(byName)) === String(flat(byPosition!)));
        if (!same)
          wrong.push(
            `${title} (${overload}), ${positional.length - count} by name: ${words(byName)}, not ${words(byPosition)}`,
          );
      }
    }
    console.log(`tried ${tried} places by name; ${shadowed} forms are shadowed by earlier ones`);
    expect(wrong).toEqual([]);
    expect(tried).toBeGreaterThan(3000);
  });

  it('take keyword-only arguments by name only', () => {
    const wrong: string[] = [];
    let tried = 0;
    for (const { title, call, overload, arguments: all } of places()) {
      const first = all.findIndex(({ keywordOnly }) => keywordOnly);
      if (first < 0) continue;
      const values = all.slice(0, first + 1).map(({ type }, i) => sample(type, i + 1));
      const said = ask(call, values);
      tried++;
      // Another form may have such an argument by position.
      if (typeof said !== 'string' && said!.name === overload) wrong.push(`${title} (${overload})`);
    }
    console.log(`tried ${tried} keyword-only arguments by position`);
    expect(wrong).toEqual([]);
    expect(tried).toBeGreaterThan(250);
  });

  it('refuse names that there are not, and say which was meant', () => {
    const wrong: string[] = [];
    let tried = 0;
    const names = new Map<string, string[]>();
    for (const { title, known } of places()) names.set(title, [...(names.get(title) ?? []), ...known]);
    for (const { title, call, arguments: all } of places()) {
      const first = title.startsWith('Tensor.') ? 1 : 0;
      const known = names.get(title)!;
      for (const { shown, name } of all.slice(first)) {
        for (const misspelt of new Set([`${shown}x`, snakeCase(name), shown.toUpperCase()])) {
          if (known.includes(misspelt)) continue;
          tried++;
          const said = ask(call, [...(first === 1 ? [made[1]] : []), { [misspelt]: 1 }]);
          const meant = nearest(misspelt, known);
          const hint = meant === undefined ? `'${misspelt}'` : `'${misspelt}' (did you mean ${meant}?)`;
          if (typeof said !== 'string' || !said.startsWith(`${title}: there is no option ${hint}`))
            wrong.push(`${title}({ ${misspelt} }): ${words(said)}`);
        }
      }
    }
    console.log(`tried ${tried} names that there are not`);
    expect(wrong).toEqual([]);
    expect(tried).toBeGreaterThan(3000);
  });
});

const flat = (given: NonNullable<typeof asked>): unknown[] => [given.name, ...given.args.map(word)];
function word(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(word).join()}]`;
  return typeof value === 'object' && value !== null && torch.isTensor(value)
    ? `tensor ${made.indexOf(value)}`
    : String(value);
}
const words = (said: ReturnType<typeof ask>): string =>
  typeof said === 'string' ? said : said === undefined ? 'nothing' : flat(said).join(' ');

// ---- what PyTorch writes in Python ----

type Recorded = readonly (readonly [name: string, kind: string, fallback?: unknown])[];
const recorded = JSON.parse(
  readFileSync(path.resolve(__dirname, '../parity/recorded/signatures.json'), 'utf8'),
) as Record<'functional' | 'init' | 'torch.functional', Record<string, Recorded>>;

// What Python has beside what PyTorch documents, or what is not here yet.
const ABSENT =
  /^(assertIntOrPair|booleanDispatch|groupedMm|scaledGroupedMm|scaledMm|upsample(Bilinear|Nearest)?)$/;
const OLD_INIT = /[^_]$/; // init.normal and its like are deprecated; calculateGain is not
const IMPLICIT = new Set(['_stacklevel', 'options']);

const F = torch.nn.functional as unknown as Record<string, Call>;
const init = torch.nn.init as unknown as Record<string, Call>;
const all = torch as unknown as Record<string, Call>;
// Operators as they stand (in the schemas' words: split), and what is not here.
const OTHERS = /^(stft|split|lu|pca_lowrank|svd_lowrank|unravel_index|broadcast_shapes)$/;
const inPython = Object.entries(recorded['torch.functional']).filter(([name]) => !OTHERS.test(name));
const isVariadic = ([, given]: [string, Recorded]): boolean => given.some(([, kind]) => kind === 'variadic');
const PYTHON: [title: string, call: Call, arguments: Recorded][] = [
  ...Object.entries(recorded.functional)
    .filter(([name]) => !ABSENT.test(camelCase(name)))
    .map(([name, given]): [string, Call, Recorded] => [
      `nn.functional.${camelCase(name)}`,
      F[camelCase(name)]!,
      given,
    ]),
  ...Object.entries(recorded.init)
    .filter(([name]) => !OLD_INIT.test(name) || name === 'calculate_gain')
    .map(([name, given]): [string, Call, Recorded] => [
      `nn.init.${camelCase(name)}`,
      init[camelCase(name)]!,
      given,
    ]),
  ...inPython
    .filter((each) => !isVariadic(each))
    .map(([name, given]): [string, Call, Recorded] => [
      `torch.${camelCase(name)}`,
      all[camelCase(name)]!,
      given,
    ]),
];

/** The names that a function here says that it has, in order, and how many go by position. */
function said(call: Call): { names: string[]; positional: number } {
  const message = (...args: unknown[]): string => {
    try {
      call(...args);
    } catch (error) {
      return (error as Error).message;
    }
    return '';
  };
  const [, names = ''] = /the options are (.*)$/.exec(message({ noSuchName: 1 })) ?? [];
  const [, count] = /takes at most (\d+) arguments/.exec(message(...Array<number>(40).fill(1))) ?? [];
  return { names: names.split(', '), positional: Number(count) };
}

describe('torch.nn.functional, torch.nn.init and what else Python implements', () => {
  it("have Python's arguments, in Python's order", () => {
    const wrong: string[] = [];
    for (const [title, call, given] of PYTHON) {
      const python = given.filter(([name]) => !IMPLICIT.has(name));
      // Python's own argument for its warnings goes before dtype, which goes by name here.
      const hidden = given.findIndex(([name]) => name === '_stacklevel');
      const names = python.map(([name]) => camelCase(name.replace(/^_/, '')));
      const count = hidden >= 0 ? hidden : python.filter(([, kind]) => kind === 'positional').length;
      const ours = said(call);
      const own = ours.names.filter((name) => name !== 'out' || names.includes('out'));
      if (String(own) !== String(names) || ours.positional !== count)
        wrong.push(
          `${title}: ${String(own)} (${ours.positional} by position), Python's ${String(names)} (${count})`,
        );
    }
    expect(wrong).toEqual([]);
    expect(PYTHON.length).toBeGreaterThan(95);
  });

  it('take any number of tensors where Python does, one by one, as a list, or by its name', () => {
    const wrong: string[] = [];
    const values = (): unknown[] => [torch.tensor([[1, 2], [3, 4]]), torch.tensor([[5, 6], [7, 8]])]; // prettier-ignore
    let tried = 0;
    torch.scope(() => {
      for (const [name, given] of inPython.filter(isVariadic)) {
        const shown = camelCase(name);
        if (shown === 'einsum') continue; // it has an equation, and is held against Python's results
        const call = all[shown]!;
        const tensors = /meshgrid|cartesian/i.test(shown)
          ? [torch.ones([2]), torch.arange(3).float()]
          : values();
        const [list] = given[0]!;
        const expected = result(call(...tensors));
        for (const args of [[tensors], [{ [list]: tensors }]]) {
          tried++;
          if (result(call(...args)) !== expected) wrong.push(`${shown}(${Object.keys(args[0]!).join()})`);
        }
        const { names } = said(call);
        const python = given.map(([each]) => each);
        if (!python.every((each) => names.includes(each))) wrong.push(`${shown}: ${String(names)}`);
        const twice = ask(call, [tensors[0], { [list]: tensors }]);
        if (!shown.startsWith('atleast') && !/given by position and among/.test(words(twice)))
          wrong.push(`${shown}: ${words(twice)}`);
      }
    });
    expect(wrong).toEqual([]);
    expect(tried).toBeGreaterThan(15);
  });

  it('give the same by position and by name', () => {
    const wrong: string[] = [];
    let tried = 0;
    for (const [title, call, given] of PYTHON) {
      const { names, positional } = said(call);
      const sampled = SAMPLES[title.slice(title.lastIndexOf('.') + 1)] ?? DEFAULT_SAMPLE;
      torch.scope(() => {
        const values = (): unknown[] => {
          torch.manualSeed(0);
          const made = sampled();
          return names.slice(0, positional).map((name, i) => {
            if (name in made) return made[name];
            return given[i]![2];
          });
        };
        const compute = (args: (all: unknown[]) => unknown[]): string => {
          const all = values();
          torch.manualSeed(1);
          try {
            return result(call(...args(all)));
          } catch (error) {
            return (error as Error).message;
          }
        };
        const whole = compute((all) => all);
        if (!whole.startsWith('=')) wrong.push(`${title}: ${whole}`);
        for (let count = 0; count < positional; count++) {
          tried++;
          const byName = compute((all) => [
            ...all.slice(0, count),
            Object.fromEntries(all.slice(count).map((value, i) => [names[count + i]!, value])),
          ]);
          if (byName !== whole)
            wrong.push(`${title}, ${positional - count} by name: ${byName}, not ${whole}`);
        }
      });
    }
    console.log(`tried ${tried} places of torch.nn.functional and torch.nn.init by name`);
    expect(wrong).toEqual([]);
    expect(tried).toBeGreaterThan(400);
  });

  it('refuse names that there are not, what is given twice, and what is missing', () => {
    const wrong: string[] = [];
    let tried = 0;
    const one = torch.ones([1]);
    for (const [title, call, given] of PYTHON) {
      const { names } = said(call);
      const refuses = (expected: RegExp, ...args: unknown[]): void => {
        tried++;
        const message = ask(call, args);
        if (typeof message !== 'string' || !expected.test(message)) wrong.push(`${title}: ${words(message)}`);
      };
      for (const [name] of given) {
        const shown = camelCase(name.replace(/^_/, ''));
        if (!names.includes(shown)) continue;
        for (const misspelt of [`${shown}x`, snakeCase(shown), shown.toUpperCase()])
          if (!names.includes(misspelt))
            refuses(
              new RegExp(`there is no option '${misspelt}'.*did you mean ${nearest(misspelt, names)!}`),
              {
                [misspelt]: 1,
              },
            );
      }
      const [first] = names;
      refuses(new RegExp(`'${first!}' was given by position and among the options`), one, { [first!]: one });
      refuses(new RegExp(`'${first!}' is missing`));
    }
    console.log(`tried ${tried} wrong calls of torch.nn.functional and torch.nn.init`);
    one.dispose();
    expect(wrong).toEqual([]);
  });
});

/** A result in words that begin with "=". */
function result(value: unknown): string {
  if (typeof value === 'object' && value !== null && torch.isTensor(value))
    return `=${JSON.stringify(value.toArray())}`;
  return Array.isArray(value) ? `=${value.map(result).join()}` : `=${JSON.stringify(value)}`;
}

const labels = (values: number[]): Tensor => torch.tensor(values, { dtype: 'int64' });
const image = () => ({ input: torch.randn([2, 4, 6, 6]) });
const rows = () => ({ input: torch.randn([3, 5]), target: labels([0, 4, 2]) });
const alike = () => ({ input: torch.rand([3, 5]), target: torch.rand([3, 5]) });
const pairs = () => ({
  input1: torch.randn([3, 5]),
  input2: torch.randn([3, 5]),
  target: torch.tensor([1, -1, 1]),
});
const triplets = () => ({
  anchor: torch.randn([3, 5]),
  positive: torch.randn([3, 5]),
  negative: torch.randn([3, 5]),
});
const matrix = () => ({ tensor: torch.zeros([4, 6]) });
const pooled = (dims: number) => () => {
  const [values, indices] = F[`maxPool${dims}d`]!(torch.randn([1, 2, ...Array<number>(dims).fill(4)]), 2, {
    returnIndices: true,
  }) as Tensor[];
  return { input: values, indices, kernelSize: 2 };
};
const volume = (dims: number) => ({ input: torch.randn([2, 4, ...Array<number>(dims).fill(6)]) });
const windows = (dims: number) => () => ({ ...volume(dims), kernelSize: 2 });
const DEFAULT_SAMPLE = (): Record<string, unknown> => ({ ...alike(), tensor: torch.zeros([4, 6]) });
const SAMPLES: Record<string, () => Record<string, unknown>> = {
  adaptiveAvgPool2d: () => ({ ...image(), outputSize: 3 }),
  adaptiveAvgPool3d: () => ({ ...volume(3), outputSize: 3 }),
  ...Object.fromEntries(
    [1, 2, 3].flatMap((dims) =>
      ['', 'WithIndices'].flatMap((form) => [
        [`adaptiveMaxPool${dims}d${form}`, () => ({ ...volume(dims), outputSize: 3, returnIndices: true })],
        [`fractionalMaxPool${dims}d${form}`, () => ({ ...volume(dims), kernelSize: 2, outputSize: 3 })],
        [`maxPool${dims}d${form}`, windows(dims)],
      ]),
    ),
  ),
  ...Object.fromEntries([1, 2, 3].map((dims) => [`maxUnpool${dims}d`, pooled(dims)])),
  ...Object.fromEntries(
    [1, 2, 3].map((dims) => [`lpPool${dims}d`, () => ({ ...windows(dims)(), normType: 2 })]),
  ),
  affineGrid: () => ({ theta: torch.randn([1, 2, 3]), size: [1, 2, 3, 4] }),
  batchNorm: () => ({ ...image(), runningMean: torch.zeros([4]), runningVar: torch.ones([4]) }),
  cosineEmbeddingLoss: pairs,
  marginRankingLoss: () => ({ ...pairs(), target: torch.ones([3, 5]) }),
  crossEntropy: rows,
  ctcLoss: () => ({
    logProbs: torch.randn([6, 2, 4]).logSoftmax(2),
    targets: labels([1, 2, 3, 1]).reshape(2, 2),
    inputLengths: [6, 6],
    targetLengths: [2, 2],
  }),
  dropout1d: () => volume(1),
  dropout2d: image,
  dropout3d: () => volume(3),
  embedding: () => ({ input: labels([1, 0, 2]), weight: torch.randn([3, 4]) }),
  embeddingBag: () => ({ input: labels([1, 0, 2, 1]).reshape(2, 2), weight: torch.randn([3, 4]) }),
  fold: () => ({ input: torch.randn([1, 12, 9]), outputSize: 4, kernelSize: 2 }),
  unfold: windows(2),
  gaussianNllLoss: () => ({ ...alike(), var: torch.ones([3, 5]) }),
  glu: () => ({ input: torch.randn([3, 4]) }),
  gridSample: () => ({ ...image(), grid: torch.rand([2, 3, 3, 2]) }),
  groupNorm: () => ({ ...image(), numGroups: 2 }),
  gumbelSoftmax: () => ({ logits: torch.randn([3, 5]) }),
  hingeEmbeddingLoss: () => ({ ...alike(), target: torch.ones([3, 5]) }),
  interpolate: () => ({ ...image(), size: 3 }),
  instanceNorm: image,
  layerNorm: () => ({ ...image(), normalizedShape: [6] }),
  rmsNorm: () => ({ ...image(), normalizedShape: [6] }),
  linearCrossEntropy: () => ({ ...rows(), linearWeight: torch.randn([6, 5]) }),
  localResponseNorm: () => ({ ...image(), size: 2 }),
  softmax: () => ({ ...alike(), dim: 1 }),
  softmin: () => ({ ...alike(), dim: 1 }),
  logSoftmax: () => ({ ...alike(), dim: 1 }),
  multiHeadAttentionForward: () => ({
    query: torch.randn([3, 2, 4]),
    key: torch.randn([3, 2, 4]),
    value: torch.randn([3, 2, 4]),
    embedDimToCheck: 4,
    numHeads: 2,
    inProjWeight: torch.randn([12, 4]),
    inProjBias: null,
    biasK: null,
    biasV: null,
    addZeroAttn: false,
    dropoutP: 0,
    outProjWeight: torch.randn([4, 4]),
    outProjBias: null,
  }),
  multiMarginLoss: rows,
  multilabelMarginLoss: () => ({ ...alike(), target: torch.zeros([3, 5], { dtype: 'int64' }) }),
  nllLoss: rows,
  normalize: alike,
  pad: () => ({ ...image(), pad: [1, 2] }),
  threshold: () => ({ ...alike(), threshold: 0.5, value: 7 }),
  tripletMarginLoss: triplets,
  tripletMarginWithDistanceLoss: triplets,
  norm: () => ({ input: torch.randn([3, 5]) }),
  tensordot: () => ({ a: torch.randn([2, 3, 4]), b: torch.randn([3, 4, 5]) }),
  cdist: () => ({ x1: torch.randn([3, 4]), x2: torch.randn([2, 4]) }),
  unique: () => ({ input: labels([3, 1, 3, 2]), returnCounts: true }),
  uniqueConsecutive: () => ({ input: labels([3, 3, 2]), returnCounts: true }),
  calculateGain: () => ({ nonlinearity: 'relu' }),
  constant_: () => ({ ...matrix(), val: 3 }),
  dirac_: () => ({ tensor: torch.zeros([2, 2, 3]) }),
  sparse_: () => ({ ...matrix(), sparsity: 0.5 }),
};

describe('calls that were silent, and calls that were refused', () => {
  const t = (): Tensor => torch.tensor([[1, 2, 3], [4, 5, 6]]); // prettier-ignore
  const any = (value: unknown): never => value as never;

  it('refuse what passed in silence', () => {
    torch.scope(() => {
      const x = t();
      expect(() => x.sub(1, any({ aplha: 2 }))).toThrow(
        /there is no option 'aplha' \(did you mean alpha\?\)/,
      );
      expect(() => (x.mul as Call).call(x, 2, { alpha: 3 })).toThrow(/there is no option 'alpha'/);
      expect(() => (x.pow as Call).call(x, 2, { out: x })).toThrow(/there is no option 'out'/);
      expect(() => x.add(1, any(2))).toThrow(
        /at most 1 arguments by position, 2 were given; by name only: alpha/,
      );
      expect(() => x.sum(any({ keep_dim: true }))).toThrow(/did you mean keepdim/);
    });
  });

  it('take what was refused', () => {
    torch.scope(() => {
      const x = t();
      const f = torch.nn.functional;
      expect(x.flatten({ startDim: 1 }).shape).toEqual([2, 3]);
      expect(x.allclose(x, 1e-5)).toBe(true);
      expect(x.permute({ dims: [1, 0] }).shape).toEqual([3, 2]);
      expect(x.transpose({ dim0: 0, dim1: 1 }).shape).toEqual([3, 2]);
      expect(x.unsqueeze({ dim: 0 }).shape).toEqual([1, 2, 3]);
      expect(f.softmax(x, { dim: 1 }).shape).toEqual([2, 3]);
      expect(f.leakyRelu(x.neg(), 0.5).toArray()).toEqual(x.mul(-0.5).toArray());
      expect(f.dropout(x, { p: 0 }).toArray()).toEqual(x.toArray());
      expect(f.maxPool2d(torch.ones([1, 1, 4, 4]), { kernelSize: 2 }).shape).toEqual([1, 1, 2, 2]);
      expect(torch.nn.init.normal_(torch.empty([2]), 0, 0).toArray()).toEqual([0, 0]);
      expect(torch.nonzero(x, { asTuple: true }).length).toBe(2);
      expect(x.nonzero({ asTuple: true }).map((each) => each.shape)).toEqual([[6], [6]]);
      expect(torch.tensordot(x, x.t(), { dims: 1 }).shape).toEqual([2, 2]);
      expect(x.norm('fro').item()).toBeCloseTo(Math.sqrt(91), 5);
      expect(f.relu({ input: x }).toArray()).toEqual(x.toArray());
      expect(torch.add({ input: x, other: x }).toArray()).toEqual(x.mul(2).toArray());
    });
  });

  it('begin a backward pass by name', () => {
    torch.scope(() => {
      const w = torch.tensor([1, 2], { requiresGrad: true });
      const y = w.mul(w);
      y.backward({ gradient: torch.ones([2]), retainGraph: true });
      y.backward(torch.ones([2]), { retainGraph: true });
      y.sum().backward({ inputs: [w] });
      expect(w.grad!.toArray()).toEqual([6, 12]);
      expect(() => y.backward(any({ retain_graph: true }))).toThrow(/did you mean retainGraph/);
      expect(() => y.backward(any(5))).toThrow(/Tensor.backward/);
    });
  });

  it('make tensors with what is asked for, and with nothing else', () => {
    torch.scope(() => {
      const shown = ({ dtype, shape }: Tensor): unknown => [dtype, shape];
      expect(shown(torch.tensor([2], { dtype: torch.int64 }))).toEqual(['int64', [1]]);
      expect(() => torch.tensor([1], any({ dtpye: 'int64' }))).toThrow(/did you mean dtype/);
      expect(torch.arange(0, 10, { step: 2 }).toArray()).toEqual([0, 2, 4, 6, 8]);
      expect(torch.arange({ end: 3 }).toArray()).toEqual([0, 1, 2]);
      expect(torch.arange(1, { end: 3, dtype: torch.float }).toArray()).toEqual([1, 2]);
      expect(() => torch.arange(3, any({ step: 2 }))).toThrow(/'end' is missing/);
      expect(() => torch.arange(0, 3, any({ end: 2 }))).toThrow(/'end' was given by position and among/);
      expect(() => torch.arange(any('x'))).toThrow(/end: expected a number, got 'x'/);
      expect(() => torch.arange(0, 10, any({ stpe: 2 }))).toThrow(/did you mean step/);
      const out = torch.empty([2]);
      expect(torch.full([2], 7, { out })).toBe(out);
      expect(out.toArray()).toEqual([7, 7]);
      expect(torch.full({ size: [1], fillValue: 3 }).toArray()).toEqual([3]);
      expect(() => torch.full([2], 7, any({ dtpye: 'int64' }))).toThrow(/did you mean dtype/);
      const x = torch.zeros([1]);
      expect(() => x.to(any({ dtyp: 'int64' }))).toThrow(/did you mean dtype/);
      expect(() => x.to('float64', any({ cpy: true }))).toThrow(/did you mean copy/);
      expect(x.to('float32', { copy: true })).not.toBe(x);
      expect(x.to({ dtype: 'float32', copy: true })).not.toBe(x);
      expect(x.to({ dtype: 'float32' })).toBe(x);
    });
  });

  it('know the names of dtypes', () => {
    const names =
      'uint8 int8 int16 short int32 int int64 long float16 half bfloat16 float32 float float64 double bool'.split(
        ' ',
      );
    const dtypes = names.map((name) => (torch as unknown as Record<string, string>)[name]);
    expect(dtypes).toEqual(
      'uint8 int8 int16 int16 int32 int32 int64 int64 float16 float16 bfloat16 float32 float32 float64 float64 bool'.split(
        ' ',
      ),
    );
    expect([torch.strided, torch.channelsLast]).toEqual(['strided', 'channels_last']);
  });
});
