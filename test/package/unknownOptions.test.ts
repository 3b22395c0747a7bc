// Options that do not exist: every function, constructor and method of the package that takes options refuses one, says its
// name, and says which was meant where it is misspelt or written as in Python.
import path from 'node:path';
import { types } from 'node:util';
import torch from 'torch-node';
import * as models from 'torch-node/models';
import { snakeCase } from '../../lib/core/names.js';
import { optionPlaces, type Place, type Sample } from './optionPlaces.js';

// An error about what an error is given helps nobody; and a state that was saved is no object of options.
const LEFT_OUT = /Error$|NotInvertible$|loadStateDict$/;

const parameter = (): torch.nn.Parameter => new torch.nn.Parameter(torch.ones([2]));
const sgd = (): torch.optim.SGD => new torch.optim.SGD([parameter()], { lr: 0.1, momentum: 0.9 });
const batchNorm = (): torch.nn.BatchNorm1d => new torch.nn.BatchNorm1d(2);
const script = torch.jit.load(path.join(__dirname, '../jit/files/net.pt'));

// A value of each type, by the type's name.
const OBJECTS: Readonly<Record<string, () => unknown>> = {
  AnyOptimizer: sgd,
  ArrayBuffer: () => new ArrayBuffer(8),
  Complex: () => ({ re: 1, im: 1 }),
  DecoderLayer: () => new torch.nn.TransformerDecoderLayer(2, 1, { dimFeedforward: 2 }),
  EncoderLayer: () => new torch.nn.TransformerEncoderLayer(2, 1, { dimFeedforward: 2 }),
  function: () => (x: torch.Tensor) => x,
  Generator: () => new torch.Generator(),
  Int8Array: () => new Int8Array(2),
  Iterable: () => [parameter()],
  LRScheduler: () => new torch.optim.lrScheduler.StepLR(sgd(), 1),
  MapDataset: () => [1],
  Module: () => new torch.nn.Linear(2, 2),
  'NonNullable<Dim>': () => 0,
  Normalisation: () => batchNorm().eval(),
  PackedSequence: () => torch.nn.utils.rnn.packSequence([torch.ones([2])]),
  Parametrization: () => new torch.nn.Identity(),
  Parameter: parameter,
  Tensor: () => torch.ones([2, 2]),
  Weighted: () => new torch.nn.Linear(2, 2).eval(),
};

// Objects that methods are called on, where the constructor's types do not say how one is made.
const THINGS: Readonly<Record<string, () => object>> = {
  'models.GPT': () => new models.GPT({ vocabSize: 4, blockSize: 4, numLayers: 1, numHeads: 1, embedDim: 4 }),
  // It needs a device, and refuses options before.
  'torch.cuda.CUDAGraph': () => Object.create(torch.cuda.CUDAGraph.prototype) as object,
  'torch.jit.ScriptModule': () => script,
  'torch.nn.utils.parametrize.ParametrizationList': () => {
    const linear = new torch.nn.Linear(2, 2);
    torch.nn.utils.parametrize.registerParametrization(linear, 'weight', new torch.nn.Identity());
    const { parametrizations } = linear as unknown as { parametrizations: torch.nn.ModuleDict };
    return parametrizations.get('weight')!;
  },
  'torch.Program': () => torch.compileStep((x: torch.Tensor) => x.add(1), [torch.ones([2, 2])]),
};

// What comes after the options.
const AFTER: Readonly<Record<string, readonly unknown[]>> = { 'torch.amp.autocast': [() => 1] };

// As in PyTorch a group of parameters may hold more than settings; what looks like a misspelt setting is refused.
const HOLDS_MORE = /#addParamGroup$/;

// Operators under their schemas' names take arguments' names as the schemas write them, too.
const TAKES_BOTH = /^torch\.ops\./;

const tried = optionPlaces().filter(({ way }) => !LEFT_OUT.test(way.join('.')));

function sampleOf(sample: Sample): unknown {
  if (sample.is === 'value') return sample.value;
  if (sample.is === 'list') return sample.items.map(sampleOf);
  return /^(Broadcast|Matmul)With</.test(sample.name) ? torch.ones([2, 2]) : OBJECTS[sample.name]?.();
}

function callOf(place: Place, options: object): unknown {
  const args = [...place.before.map(sampleOf), options, ...(AFTER[place.name] ?? [])];
  const way = place.way.slice(1);
  const root: object = place.way[0] === 'models' ? models : torch;
  const follow = (names: readonly string[]): object =>
    names.reduce((object, name) => (object as Record<string, object>)[name]!, root);
  const last = way.at(-1)!;
  if (place.kind === 'class') return Reflect.construct(follow(way) as never, args);
  if (place.kind === 'function') {
    const holder = follow(way.slice(0, -1)) as Record<string, (...args: unknown[]) => unknown>;
    return holder[last]!(...args);
  }
  const owner = place.way.slice(0, -1);
  const make = THINGS[owner.join('.')];
  const thing =
    make === undefined
      ? Reflect.construct(follow(owner.slice(1)) as never, place.made.map(sampleOf))
      : make();
  return (thing as Record<string, (...args: unknown[]) => unknown>)[last]!(...args);
}

/** The option that a misspelt name was meant to be, by names that do not exist: letters swapped, and as in Python. */
function misspelt({ name: place, known }: Place): [name: string, meant: string][] {
  const swapped = (name: string): string => `${name.slice(0, 1)}${name[2]!}${name[1]!}${name.slice(3)}`;
  const long = known.find((name) => name.length > 4 && name[1] !== name[2] && !known.includes(swapped(name)));
  const humped = TAKES_BOTH.test(place) ? undefined : known.find((name) => snakeCase(name) !== name);
  return [
    ...(long === undefined ? [] : [[swapped(long), long] as [string, string]]),
    ...(humped === undefined ? [] : [[snakeCase(humped), humped] as [string, string]]),
  ];
}

/** What is wrong with how a call refuses an option; undefined where nothing is. */
async function wrongWith(place: Place, name: string, meant?: string): Promise<string | undefined> {
  const needed = Object.entries(place.needed).map(([each, sample]) => [each, sampleOf(sample)] as const);
  try {
    const result = callOf(place, { ...Object.fromEntries(needed), [name]: 1 });
    if (types.isPromise(result)) await result;
    return 'it passes';
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    const isClear = code === 'ERR_TORCH_UNKNOWN_OPTION' && message.includes(`'${name}'`);
    const hasHint = meant === undefined || message.includes(`did you mean ${meant}?`);
    return isClear && hasHint ? undefined : String(error).split('\n')[0]!;
  }
}

beforeAll(() => {
  jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
});
afterAll(() => {
  jest.restoreAllMocks();
  script.dispose();
});

it('are refused by everything that takes options', async () => {
  let count = 0;
  const found: string[] = [];
  for (const place of tried) {
    const unheardOf: [string][] = HOLDS_MORE.test(place.name) ? [] : [['noSuchThing']];
    const names: [string, string?][] = [...unheardOf, ...misspelt(place)];
    for (const [name, meant] of names) {
      count++;
      const scope = torch.openScope();
      const wrong = await wrongWith(place, name, meant);
      scope.end();
      if (wrong !== undefined) found.push(`${place.name}, ${name}: ${wrong}`);
    }
  }
  process.stdout.write(`unknown options: ${count} tried in ${tried.length} places\n`);
  expect(found).toEqual([]);
}, 600_000);
