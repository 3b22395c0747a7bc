// Random networks: layers, shapes and ends drawn by a seed, each run eagerly, recorded exactly and recorded by default. For
// the test beside this file and for scripts/fuzz/networks.mjs.
import torch, { nn, optim, type Tensor } from 'torch-node';
import { bits } from './support.js';

/** Numbers in [0, 1) that a seed decides (mulberry32). */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

class Draws {
  readonly #next: () => number;
  constructor(seed: number) {
    this.#next = generator(seed);
  }
  chance(of: number): boolean {
    return this.#next() < of;
  }
  integer(low: number, high: number): number {
    return low + Math.floor(this.#next() * (high - low + 1));
  }
  one<T>(of: readonly T[]): T {
    return of[this.integer(0, of.length - 1)]!;
  }
}

type Layer = nn.Module<[Tensor]>;
type Forward = (x: Tensor) => Tensor;

/** How a network ends: what the step gives, and what is differentiated. */
type End = (output: Tensor) => Tensor;
const ENDS: Readonly<Record<string, End>> = {
  mean: (y) => y.mean(),
  sum: (y) => y.sum(),
  squares: (y) => y.pow(2).mean(),
  tanh: (y) => y.tanh().sum(),
  'log-softmax': (y) => (y.ndim > 1 ? y.logSoftmax(1) : y).mean(),
  'cross entropy': (y) =>
    y.ndim > 1
      ? nn.functional.crossEntropy(y, torch.zeros([y.size(0), ...y.shape.slice(2)], { dtype: 'int64' }))
      : y.sum(),
  'square error': (y) => nn.functional.mseLoss(y, torch.ones([...y.shape])),
};

export interface RandomNetwork {
  readonly seed: number;
  /** Layers, shapes and end in words. */
  readonly words: string;
  readonly make: (draw: number) => nn.Module;
  readonly input: (seed: number) => Tensor;
  readonly end: End | undefined;
  readonly backward: boolean;
  readonly training: boolean;
  readonly optimizer: boolean;
}

class Residual extends nn.Module {
  readonly inner: Layer;
  constructor(inner: Layer) {
    super();
    this.inner = inner;
  }
  override forward(x: Tensor): Tensor {
    return this.inner.forward(x).add(x);
  }
}

class Reshape extends nn.Module {
  readonly #shape: readonly number[];
  constructor(shape: readonly number[]) {
    super();
    this.#shape = shape;
  }
  override forward(x: Tensor): Tensor {
    return x.reshape([...this.#shape]);
  }
}

/** Applies a method that is no module: transposes, slices and the like, between layers. */
class Apply extends nn.Module {
  readonly #run: Forward;
  constructor(run: Forward) {
    super();
    this.#run = run;
  }
  override forward(x: Tensor): Tensor {
    return this.#run(x);
  }
}

const activations: readonly (() => Layer)[] = [
  () => new nn.ReLU(),
  () => new nn.ReLU(),
  () => new nn.Tanh(),
  () => new nn.LeakyReLU(0.2),
  () => new nn.LeakyReLU(-0.3),
  () => new nn.GELU(),
  () => new nn.SiLU(),
  () => new nn.Sigmoid(),
  () => new nn.ReLU({ inplace: true }),
  () => new nn.Dropout(0.3),
];

/** The network of a seed. */
export function randomNetwork(seed: number): RandomNetwork {
  const draws = new Draws(seed);
  const batch = draws.one([1, 1, 2, 3, 4, 8, 16, 17, 32, 64]);
  const kind = draws.one(['images', 'images', 'images', 'vectors', 'vectors', 'sequences', 'unbatched']);
  const side = draws.integer(1, 12);
  const shape =
    kind === 'images'
      ? [batch, draws.integer(1, 4), side, draws.chance(0.7) ? side : draws.integer(1, 12)]
      : kind === 'vectors'
        ? [batch, draws.integer(1, 20)]
        : kind === 'sequences'
          ? [batch, draws.integer(1, 6), draws.integer(1, 12)]
          : [draws.integer(1, 4), side, side];
  const words: string[] = [];
  const makers: (() => Layer)[] = [];
  const add = (text: string, maker: () => Layer): void => {
    words.push(text);
    makers.push(maker);
  };
  // The shape is followed by running each layer on nothing but shapes, so that most networks fit; some are drawn not to.
  let current = shape;
  const follow = (): boolean => {
    try {
      current = torch.scope(() => [...makers.at(-1)!().eval().forward(torch.zeros(current)).shape]);
      return true;
    } catch {
      if (draws.chance(0.05)) return false; // a step that fails has to fail alike
      makers.pop();
      words.pop();
      return true;
    }
  };
  const count = draws.integer(1, 7);
  for (let i = 0; i < count; i++) {
    const spatial = current.length === 4 || (kind === 'unbatched' && current.length === 3);
    const channels = current.length === 4 ? current[1]! : current[0]!;
    const which = draws.integer(0, 11);
    if (spatial && which <= 4) {
      const outputs = draws.integer(1, 6);
      const kernel = draws.chance(0.8) ? draws.integer(1, 5) : [draws.integer(1, 3), draws.integer(1, 4)];
      const plain = draws.chance(0.75);
      const options = {
        padding: draws.chance(0.5) ? 0 : draws.one([1, 2, 'same' as const]),
        stride: plain ? 1 : draws.integer(1, 2),
        dilation: plain ? 1 : draws.integer(1, 2),
        bias: draws.chance(0.8),
      };
      if (options.padding === 'same') options.stride = 1;
      const grouped = !plain && channels % 2 === 0 && draws.chance(0.3);
      const given = { ...options, groups: grouped ? 2 : 1 };
      const to = grouped ? 2 * outputs : outputs;
      add(`Conv2d(${channels}, ${to}, ${JSON.stringify(kernel)}, ${JSON.stringify(given)})`, () =>
        new nn.Conv2d(channels, to, kernel as number, given),
      ); // prettier-ignore
    } else if (spatial && which === 5) {
      const size = draws.integer(1, 3);
      const pool = draws.chance(0.7)
        ? () => new nn.MaxPool2d(size)
        : draws.chance(0.5)
          ? () => new nn.AvgPool2d(size)
          : () => new nn.AdaptiveAvgPool2d(size);
      const fixed = pool();
      add(String(fixed), pool);
    } else if (current.length === 4 && which === 6) {
      if (draws.chance(0.5)) add(`BatchNorm2d(${channels})`, () => new nn.BatchNorm2d(channels));
      else
        add('Conv2d in a residual', () => new Residual(new nn.Conv2d(channels, channels, 3, { padding: 1 })));
    } else if (current.length > 2 && which === 7) {
      const start = kind === 'unbatched' ? 0 : 1;
      add(`Flatten(${start})`, () => new nn.Flatten(start));
    } else if (current.length > 1 && which === 8) {
      const to = draws.one<readonly number[]>([
        [current[0]!, -1],
        [-1],
        [-1, current.at(-1)!],
        [...current, 1],
      ]);
      add(`reshape(${to.join(', ')})`, () => new Reshape(to));
    } else if (which === 9) {
      const [text, run] = draws.one<readonly [string, Forward]>([
        ['transpose(0, -1)', (x) => x.transpose(0, -1)],
        ['mul(2)', (x) => x.mul(2)],
        ['narrow(0, 0, 1)', (x) => x.narrow(0, 0, 1)],
        ['detach', (x) => x.detach()],
        ['relu twice', (x) => x.relu().relu()],
        ['contiguous', (x) => x.contiguous()],
        ['mean of the last', (x) => x.mean(-1)],
        ['channels last', (x) => (x.ndim === 4 ? x.contiguous({ memoryFormat: 'channels_last' }) : x)],
      ]);
      add(text, () => new Apply(run));
    } else if (which <= 8 && current.length > 0) {
      const features = current.at(-1)!;
      const outputs = draws.integer(1, 12);
      const bias = draws.chance(0.8);
      add(`Linear(${features}, ${outputs}, ${bias})`, () => new nn.Linear(features, outputs, { bias }));
    } else {
      const activation = draws.one(activations);
      add(String(activation()), activation);
    }
    if (!follow()) break;
  }
  if (makers.length === 0) add('Identity()', () => new nn.Identity());
  const [endName, end] = draws.chance(0.15) ? ['nothing', undefined] : draws.one(Object.entries(ENDS));
  const backward = end !== undefined && draws.chance(0.75);
  const optimizer = backward && draws.chance(0.4);
  const training = draws.chance(0.7);
  const format = draws.chance(0.1) && shape.length === 4 ? 'channels_last' : 'contiguous';
  const how = [
    training ? 'training' : 'evaluation',
    ...(backward ? ['backward'] : []),
    ...(optimizer ? ['SGD'] : []),
  ];
  return {
    seed,
    words: `${seed}: [${shape.join(', ')}]${format === 'contiguous' ? '' : ' channels last'} → ${words.join(' → ')} → ${endName}; ${how.join(', ')}`,
    make: (draw) => {
      torch.manualSeed(seed + draw);
      return new nn.Sequential(...makers.map((maker) => maker())).train(training);
    },
    input: (draw) => {
      torch.manualSeed(draw);
      const x = torch.randn(shape);
      return format === 'contiguous' ? x : x.contiguous({ memoryFormat: 'channels_last' });
    },
    ...{ end, backward, training, optimizer },
  };
}

interface Outcome {
  /** Outputs, then gradients, parameters and buffers by name; or the error. */
  readonly values: ReadonlyMap<string, Tensor>;
  readonly error: string | undefined;
  readonly path: string;
}

const STEPS = 2;

/** Two steps of a network, eager or recorded. */
function run(network: RandomNetwork, how: 'eager' | 'exact' | 'default' | 'float64', draw: number): Outcome {
  const net = network.make(draw);
  if (how === 'float64') net.double();
  const sgd =
    network.optimizer && net.parameters().length > 0
      ? new optim.SGD(net.parameters(), { lr: 0.01, momentum: 0.9 })
      : undefined;
  const step = (x: Tensor): { output: Tensor; loss: Tensor | null } => {
    net.zeroGrad();
    const output = net.forward(x);
    const loss = network.end?.(output) ?? null;
    if (network.backward && loss?.requiresGrad) loss.backward();
    sgd?.step();
    return { output: output.detach(), loss: loss?.detach() ?? null };
  };
  const inputs = Array.from({ length: STEPS }, (_, i) => network.input(draw + i));
  const wide = inputs.map((x) => (how === 'float64' ? x.double() : x));
  const values = new Map<string, Tensor>();
  let path: string = how;
  try {
    torch.manualSeed(draw);
    const program =
      how === 'exact' || how === 'default'
        ? torch.compileStep(step, [wide[0]!], { exact: how === 'exact' })
        : undefined;
    path = program?.path ?? how;
    torch.manualSeed(draw + 100);
    for (const [i, x] of wide.entries()) {
      const { output, loss } = program?.run(x) ?? step(x);
      values.set(`output of step ${i}`, output);
      if (loss !== null) values.set(`loss of step ${i}`, loss);
    }
    program?.dispose();
  } catch (error) {
    return { values, error: firstLine(error), path };
  }
  for (const [name, { grad }] of net.namedParameters())
    if (grad !== null) values.set(`gradient of ${name}`, grad);
  for (const [name, tensor] of Object.entries(net.stateDict())) values.set(name, tensor);
  return { values, error: undefined, path };
}

// What is wrong, without where: a recorded step says at which line it was.
function firstLine(error: unknown): string {
  return (error as Error).message.split('\n')[0]!.replace(/^\S*(compileStep|Program\.run): /, '');
}

const distance = (a: Tensor, b: Tensor): number => Number(a.double().sub(b.double()).norm().item());
const kindOf = (tensor: Tensor): string => `${tensor.dtype} [${tensor.shape.join(', ')}]`;

/** What differs between the ways, by name; and the way that the default went. */
export function compareNetwork(network: RandomNetwork, draw = 1): { differences: string[]; path: string } {
  return torch.scope(() => {
    const [eager, exact, byDefault] = (['eager', 'exact', 'default'] as const).map((how) =>
      run(network, how, draw),
    );
    const differences: string[] = [];
    for (const [name, made] of Object.entries({ exact: exact!, default: byDefault! })) {
      if (made.error !== eager!.error)
        differences.push(`${name}: error ${String(made.error)}, not ${String(eager!.error)}`);
    }
    if (differences.length > 0 || eager!.error !== undefined) return { differences, path: byDefault!.path };
    for (const [name, wanted] of eager!.values) {
      for (const [way, made] of Object.entries({ exact: exact!, default: byDefault! })) {
        const given = made.values.get(name);
        if (given === undefined) differences.push(`${way}: no ${name}`);
        else if (kindOf(given) !== kindOf(wanted))
          differences.push(`${way}: ${name} is ${kindOf(given)}, not ${kindOf(wanted)}`);
      }
      const same = bits(exact!.values.get(name)!) === bits(wanted);
      if (!same) differences.push(`exact: ${name} has other bits`);
    }
    if (differences.length > 0 || byDefault!.path === 'exact') {
      for (const [name, wanted] of eager!.values)
        if (byDefault!.path === 'exact' && bits(byDefault!.values.get(name)!) !== bits(wanted))
          differences.push(`default, which is not fused: ${name} has other bits`);
      return { differences, path: byDefault!.path };
    }
    return { differences, path: byDefault!.path };
  });
}

/** How far each value of the default way, and of the eager one, is from float64. */
function distances(network: RandomNetwork, draw: number): Map<string, readonly [given: number, own: number]> {
  return torch.scope(() => {
    const [byDefault, eager, truth] = (['default', 'eager', 'float64'] as const).map(
      (how) => run(network, how, draw).values,
    );
    return new Map(
      [...truth!].map(([name, exactly]) => {
        // An ulp of a float32: what storing the truth may cost.
        const least = 2 ** -24 * Number(exactly.double().norm().item());
        const own = Math.max(least, distance(eager!.get(name)!, exactly));
        return [name, [distance(byDefault!.get(name)!, exactly), own]] as const;
      }),
    );
  });
}

const DRAWS = 31;

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;

/**
 * What differs in a network. Exact: bits, shapes, dtypes, errors. By default, where kernels of our own run: whether values
 * are farther from float64 than twice as far as eager's, by the median over many draws of parameters
 * and input. One draw does not tell:
 * the error of a single number may happen to be next to nothing, and rounding decides now and then which of two nearly equal
 * values is a window's largest.
 */
export function tryNetwork(seed: number): { words: string; differences: string[]; path: string } {
  const network = randomNetwork(seed);
  const { differences, path } = compareNetwork(network);
  if (path === 'fused' && differences.length === 0) {
    const draws = [1];
    const far = (): string[] => {
      const all = draws.map((draw) => distances(network, draw));
      return [...all[0]!.keys()].flatMap((name) => {
        const [given, own] = [0, 1].map((i) => median(all.map((each) => each.get(name)![i]!)));
        return given! > 2 * own! ? [`default: ${name} is ${given} from float64, eager ${own}`] : [];
      });
    };
    if (far().length > 0) {
      for (let i = 1; i < DRAWS; i++) draws.push(1 + 1000 * i);
      differences.push(...far());
    }
  }
  return { words: network.words, differences, path };
}
