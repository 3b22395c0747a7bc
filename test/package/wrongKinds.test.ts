// Whatever the package exports ends with a TorchError (or another error of its own) when it is given something of
// another kind altogether, in any place: never with "Cannot read properties of null".
import { types } from 'node:util';
import torch from 'torch-node';

const wrong: readonly unknown[] = [null, Symbol('wrong'), Object.create(null)];
const right: readonly (() => unknown)[] = [() => torch.ones([2, 2]), () => 1, () => [1]];

// What changes the process, downloads or takes a second (a Transformer of the default size); errors; classes that the
// package makes and users do not; and methods for subclasses, which TypeScript protects.
const PROTECTED =
  'check|compute|eachLr|expected|expectGradients|expectPairs|foreach|fused|initial|initialState|joined|layout|loadedField|make|packed|renumber|replaceState|settingOf|single|slots|takesFused|updateLr';
const LEFT_OUT = new RegExp(
  `^(${PROTECTED})$|` +
    '^(set[A-Z]|Transformer$|manualSeed|traceTensors|openScope|keep$|send$|receive$|cifar|mnist|fashionMnist|constructor$|' +
    '\\w*Error$|NotInvertible$|ImageSet$|Optimizer$|ParametrizationList$)',
);

const { lrScheduler, swaUtils } = torch.optim;
const spaces: [string, object][] = Object.entries({
  torch,
  amp: torch.amp,
  autograd: torch.autograd,
  'autograd.functional': torch.autograd.functional,
  checkpoints: torch.checkpoints,
  data: torch.data,
  fft: torch.fft,
  inductor: torch.inductor,
  jit: torch.jit,
  linalg: torch.linalg,
  nn: torch.nn,
  'nn.functional': torch.nn.functional,
  'nn.init': torch.nn.init,
  'nn.utils': torch.nn.utils,
  'nn.utils.parametrizations': torch.nn.utils.parametrizations,
  'nn.utils.parametrize': torch.nn.utils.parametrize,
  'nn.utils.rnn': torch.nn.utils.rnn,
  optim: torch.optim,
  'optim.lrScheduler': lrScheduler,
  'optim.swaUtils': swaUtils,
  'signal.windows': torch.signal.windows,
  special: torch.special,
  transforms: torch.transforms,
  'transforms.functional': torch.transforms.functional,
  utils: torch.utils,
});

const linear = (): torch.nn.Linear => new torch.nn.Linear(2, 2);
const sgd = (): torch.optim.SGD => new torch.optim.SGD(linear().parameters(), { lr: 0.1 });
const things: [string, () => object][] = Object.entries({
  Tensor: () => torch.ones([2, 2]),
  Generator: () => new torch.Generator(),
  Linear: linear,
  Sequential: () => new torch.nn.Sequential(linear()),
  ModuleList: () => new torch.nn.ModuleList([linear()]),
  ModuleDict: () => new torch.nn.ModuleDict({ a: linear() }),
  ParameterList: () => new torch.nn.ParameterList([torch.ones([2])]),
  ParameterDict: () => new torch.nn.ParameterDict({ a: torch.ones([2]) }),
  LSTM: () => new torch.nn.LSTM(2, 2),
  MultiheadAttention: () => new torch.nn.MultiheadAttention(2, 1),
  SGD: sgd,
  Adam: () => new torch.optim.Adam(linear().parameters()),
  StepLR: () => new lrScheduler.StepLR(sgd(), 2),
  ReduceLROnPlateau: () => new lrScheduler.ReduceLROnPlateau(sgd()),
  AveragedModel: () => new swaUtils.AveragedModel(linear()),
  GradScaler: () => new torch.amp.GradScaler('cpu'),
  DataLoader: () => new torch.data.DataLoader([1, 2, 3]),
  TensorDataset: () => new torch.data.TensorDataset(torch.ones([2, 2])),
  PackedSequence: () => torch.nn.utils.rnn.packSequence([torch.ones([2])]),
});

// Arguments with something wrong in one place, the first to the fourth.
function* argumentLists(): Generator<unknown[]> {
  yield [];
  for (const bad of wrong) {
    yield [bad];
    for (const first of right) {
      yield [first(), bad];
      for (const second of right) yield [first(), second(), bad];
    }
    yield [torch.ones([2, 2]), torch.ones([2, 2]), torch.ones([2, 2]), bad];
  }
}

function words(value: unknown): string {
  if (torch.isTensor(value)) return 'a tensor';
  return typeof value === 'symbol' ? 'a symbol' : JSON.stringify(value);
}

// The package's errors have names of their own; another kind of error has to say what was expected.
function isClear(error: unknown): boolean {
  const { name, message } = error as Error;
  return ['TorchError', 'DataError'].includes(name) || (name !== 'Error' && message.includes('expected'));
}

/** The calls of a function that end with an unclear error, in words. */
async function unclear(title: string, call: (args: readonly unknown[]) => unknown): Promise<string[]> {
  const found: string[] = [];
  const tell = (args: readonly unknown[], error: unknown): void => {
    if (!isClear(error)) found.push(`${title}(${args.map(words).join(', ')}): ${String(error)}`);
  };
  const waiting: Promise<void>[] = [];
  torch.scope(() => {
    for (const args of argumentLists()) {
      try {
        const result = call(args);
        if (types.isPromise(result))
          waiting.push(
            result.then(
              () => undefined,
              (error: unknown) => tell(args, error),
            ),
          );
      } catch (error) {
        tell(args, error);
      }
    }
  });
  await Promise.all(waiting);
  return found;
}

function names(object: object): string[] {
  return Object.getOwnPropertyNames(object).filter(
    (name) =>
      !LEFT_OUT.test(name) && typeof Object.getOwnPropertyDescriptor(object, name)!.value === 'function',
  );
}

beforeAll(() => {
  jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
});
afterAll(() => jest.restoreAllMocks());

it.each(spaces)(
  'the functions and classes of %s',
  async (title, space) => {
    const members = space as Record<string, (...args: readonly unknown[]) => unknown>;
    const found: string[] = [];
    for (const name of Object.keys(space).filter((name) => !LEFT_OUT.test(name))) {
      const member = members[name]!;
      if (typeof member !== 'function') continue;
      const isClass = /^class\b/.test(Function.prototype.toString.call(member));
      const call = (args: readonly unknown[]): unknown =>
        isClass ? Reflect.construct(member, args) : member(...args);
      found.push(...(await unclear(`${title}.${name}`, call)));
    }
    expect(found).toEqual([]);
  },
  120_000,
);

it.each(things)(
  'the methods of a %s',
  async (title, make) => {
    const found: string[] = [];
    const seen = new Set<string>();
    for (
      let shape = Object.getPrototypeOf(make());
      shape !== Object.prototype && shape !== null;
      shape = Object.getPrototypeOf(shape)
    ) {
      for (const name of names(shape)) {
        if (seen.has(name)) continue;
        seen.add(name);
        const call = (args: readonly unknown[]): unknown => {
          const thing = make() as Record<string, (...args: readonly unknown[]) => unknown>;
          return thing[name]!(...args);
        };
        found.push(...(await unclear(`${title}.${name}`, call)));
      }
    }
    expect(found).toEqual([]);
  },
  120_000,
);
