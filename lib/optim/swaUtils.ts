// Averages of a model's parameters over its training, as torch.optim.swa_utils makes them:
// https://docs.pytorch.org/docs/stable/optim.html#weight-averaging-swa-and-ema
import { expectNoMore, options } from '../core/options.js';
import {
  expectArgument,
  expectBoolean,
  expectInteger,
  expectNumber,
  expectOneOf,
  isIterable,
} from '../core/checks.js';
import { describe } from '../core/describe.js';
import { isModule, Module, type AnyModule } from '../nn/module.js';
import { isBatchNorm } from '../nn/modules/batchnorm.js';
import { noGrad } from '../autograd/gradMode.js';
import type { Device } from '../core/dtype.js';
import { TorchError, ArgumentTypeError } from '../core/errors.js';
import { operator } from '../operators/operators.js';
import { recording } from '../program/recording.js';
import { scope } from '../tensor/scope.js';
import { isTensor, type Tensor } from '../tensor/tensor.js';
import { foreach, foreach_ } from './foreach.js';
import { LRScheduler, perGroup, type SchedulerOptions } from './lrScheduler/scheduler.js';
import type { AnyOptimizer } from './optimizer.js';
import { cos, minus, over, plus, times, type Value } from './values.js';

/** The new average of a parameter: from the old one, the parameter, and the count of models averaged so far. */
export type AvgFn = (averaged: Tensor, current: Tensor, numAveraged: Tensor) => Tensor;

/** Updates averages of one device and dtype in place. */
export type MultiAvgFn = (averaged: Tensor[], current: Tensor[], numAveraged: Tensor) => void;

function expectDecay(where: string, decay: number): void {
  expectNumber(where, 'decay', decay, { least: 0, most: 1 });
}

/** An exponential moving average for lists: averaged = decay averaged + (1 - decay) current. Default decay 0.999. */
export function getEmaMultiAvgFn(decay = 0.999): MultiAvgFn {
  expectNoMore('getEmaMultiAvgFn', arguments, 1);
  expectDecay('getEmaMultiAvgFn', decay);
  return (averaged, current) =>
    noGrad(() => {
      if (isFractional(averaged[0]!)) foreach_('lerp', averaged, current, 1 - decay);
      else averaged.forEach((one, i) => one.copy_(one.mul(decay).add(current[i]!.mul(1 - decay))));
    });
}

/** The mean of all models so far, for lists. */
export function getSwaMultiAvgFn(): MultiAvgFn {
  expectNoMore('getSwaMultiAvgFn', arguments, 0);
  return (averaged, current, numAveraged) =>
    noGrad(() => {
      const count = numAveraged.add(1);
      if (isFractional(averaged[0]!)) {
        const weight = over(1, count) as Tensor;
        if (recording() === undefined) foreach_('lerp', averaged, current, weight.item());
        else averaged.forEach((one, i) => recordedLerp(one, current[i]!, weight));
      } else {
        const differences = foreach('sub', current, averaged);
        averaged.forEach((one, i) => one.addcdiv_(differences[i]!, count));
      }
    });
}

// A recorded step works the weight out anew, in a tensor: another form of the operator, which has to have the weight's dtype.
// Of float16 and bfloat16 the kernel of plain numbers computes in float32 as well.
function recordedLerp(averaged: Tensor, current: Tensor, weight: Tensor): void {
  const dtype = averaged.dtype === 'float64' ? 'float64' : 'float32';
  const complex = averaged.dtype.startsWith('complex');
  const [own, given] = complex ? [averaged, current] : [averaged.to(dtype), current.to(dtype)];
  averaged.copy_(own.lerp(given, weight.to(complex ? averaged.dtype : dtype)));
}

/** An exponential moving average. Default decay 0.999. */
export function getEmaAvgFn(decay = 0.999): AvgFn {
  expectNoMore('getEmaAvgFn', arguments, 1);
  expectDecay('getEmaAvgFn', decay);
  return (averaged, current) => noGrad(() => averaged.mul(decay).add(current.mul(1 - decay)));
}

/** The mean of all models so far. */
export function getSwaAvgFn(): AvgFn {
  expectNoMore('getSwaAvgFn', arguments, 0);
  return (averaged, current, numAveraged) =>
    noGrad(() => averaged.add(current.sub(averaged).div(numAveraged.add(1))));
}

export interface AveragedModelOptions {
  /** Where the averages live; default: where the model does. */
  device?: Device;
  /** How an average is made, a parameter at a time. */
  avgFn?: AvgFn | null;
  /** The same for lists of parameters. Without either the mean is taken, on CUDA in lists. */
  multiAvgFn?: MultiAvgFn | null;
  /** Whether buffers are averaged too; otherwise they are copied. Default false. */
  useBuffers?: boolean;
}

/**
 * A model whose parameters are averages of another's:
 * https://docs.pytorch.org/docs/stable/generated/torch.optim.swa_utils.AveragedModel.html
 *
 * `updateParameters(model)` takes the model's parameters into the averages; the first time it copies them. The buffer
 * "n_averaged" counts.
 */
export class AveragedModel<Inputs extends unknown[] = [Tensor], Output = Tensor> extends Module<
  Inputs,
  Output
> {
  readonly module: Module<Inputs, Output>;
  readonly #avgFn: AvgFn | null;
  readonly #multiAvgFn: MultiAvgFn | null;
  readonly #useBuffers: boolean;
  readonly #count: Tensor;

  /** Copies the model. Throws a TorchError for what is no module, and for two ways to average. */
  constructor(model: Module<Inputs, Output>, given: AveragedModelOptions = {}) {
    super();
    if (!isModule(model))
      throw new ArgumentTypeError('AveragedModel', `expected a module, got ${describe(model)}`);
    const {
      avgFn = null,
      multiAvgFn = null,
      device,
      useBuffers = false,
    } = options('AveragedModel', given, ['device', 'avgFn', 'multiAvgFn', 'useBuffers']);
    if (avgFn !== null && multiAvgFn !== null)
      throw new TorchError('AveragedModel', 'avgFn and multiAvgFn cannot both be given');
    this.module = model.deepcopy();
    if (device !== undefined) this.module.to(device);
    this.#avgFn = avgFn;
    this.#multiAvgFn = multiAvgFn;
    this.#useBuffers = expectBoolean('AveragedModel', 'useBuffers', useBuffers);
    this.#count = operator('aten::scalar_tensor').call(0, 'int64', undefined, device) as Tensor;
    this.registerBuffer('n_averaged', this.#count);
  }

  override forward(...inputs: Inputs): Output {
    return this.module.forward(...inputs);
  }

  /** How many models were averaged. */
  get nAveraged(): number {
    return this.#count.item();
  }

  /** Takes the parameters of a model of the same shape into the averages. */
  updateParameters(model: AnyModule): void {
    expectNoMore('AveragedModel.updateParameters', arguments, 1);
    expectArgument('AveragedModel.updateParameters', 'model', model, isModule(model), 'a Module');
    noGrad(() =>
      scope(() => {
        const own = this.#tensorsOf(this.module);
        const given = this.#tensorsOf(model);
        if (own.length !== given.length) {
          throw new TorchError(
            'AveragedModel.updateParameters',
            `expected a model of ${own.length} parameters, got one of ${given.length}`,
          );
        }
        const averaged = own.map((tensor) => tensor.detach());
        const current = given.map((tensor, i) => tensor.detach().to({ device: averaged[i]!.device }));
        if (recording() !== undefined) this.#averageOrCopy(averaged, current);
        else if (this.nAveraged === 0) averaged.forEach((tensor, i) => tensor.copy_(current[i]!));
        else this.#average(averaged, current);
        if (!this.#useBuffers) {
          const buffers = model.namedBuffers();
          this.module
            .namedBuffers()
            .forEach(([, buffer], i) => buffer.detach().copy_(buffers[i]![1].detach()));
        }
        this.#count.add_(1);
      }),
    );
  }

  #tensorsOf(model: AnyModule): Tensor[] {
    const buffers = this.#useBuffers ? model.namedBuffers().map(([, buffer]) => buffer) : [];
    return [...model.parameters(), ...buffers];
  }

  // Both, of which the count picks one in each run: a recorded step cannot tell which run is the first.
  #averageOrCopy(averaged: readonly Tensor[], current: readonly Tensor[]): void {
    const first = this.#count.eq(0);
    this.#average(averaged, current);
    averaged.forEach((tensor, i) =>
      tensor.copy_(
        operator('aten::where.self').call(first.to({ device: tensor.device }), current[i], tensor) as Tensor,
      ),
    );
  }

  #average(averaged: readonly Tensor[], current: readonly Tensor[]): void {
    const avgFn = this.#avgFn ?? getSwaAvgFn();
    const kinds = new Map<string, [averaged: Tensor[], current: Tensor[]]>();
    averaged.forEach((tensor, i) => {
      const kind = `${tensor.device} ${tensor.dtype}`;
      const lists = kinds.get(kind) ?? [[], []];
      lists[0].push(tensor);
      lists[1].push(current[i]!);
      kinds.set(kind, lists);
    });
    for (const [own, given] of kinds.values()) {
      const { device } = own[0]!;
      const count = this.#count.to({ device });
      // By default as PyTorch chooses: in lists on CUDA only.
      const inLists = this.#multiAvgFn !== null || (this.#avgFn === null && device.startsWith('cuda'));
      if (inLists) (this.#multiAvgFn ?? getSwaMultiAvgFn())(own, given, count);
      else own.forEach((tensor, i) => tensor.copy_(avgFn(tensor, given[i]!, count)));
    }
  }
}

/**
 * Computes the running statistics of a model's batch norm layers anew, by a pass over the data: an averaged model's are
 * nobody's. A batch is a tensor, or an array that begins with one.
 */
export function updateBn(
  loader: Iterable<Tensor | readonly [Tensor, ...unknown[]]>,
  model: Module,
  given: { device?: Device } = {},
): void {
  expectNoMore('updateBn', arguments, 3);
  expectArgument('updateBn', 'model', model, isModule(model), 'a Module');
  expectArgument('updateBn', 'loader', loader, isIterable(loader), 'batches to go over');
  const { device } = options('updateBn', given, ['device']);
  // Their momentum is not for others to change, and is put back.
  const norms: { momentum: number | null; resetRunningStats(): void }[] = model.modules().filter(isBatchNorm);
  if (norms.length === 0) return;
  const momenta = norms.map((norm) => norm.momentum);
  const wasTraining = model.training;
  for (const norm of norms) {
    norm.resetRunningStats();
    // The mean of all batches.
    norm.momentum = null;
  }
  model.train();
  try {
    noGrad(() => {
      for (const batch of loader) {
        scope(() => {
          const input = isTensor(batch) ? batch : batch[0];
          model.forward(device === undefined ? input : input.to({ device }));
        });
      }
    });
  } finally {
    norms.forEach((norm, i) => (norm.momentum = momenta[i]!));
    model.train(wasTraining);
  }
}

export interface SWALROptions extends SchedulerOptions {
  /** How many epochs it takes to get to swaLr. Default 10. */
  annealEpochs?: number;
  /** Default 'cos'. */
  annealStrategy?: 'cos' | 'linear';
}

/**
 * From the learning rates that are to swaLr, which then stays:
 * https://docs.pytorch.org/docs/stable/generated/torch.optim.swa_utils.SWALR.html
 */
export class SWALR extends LRScheduler {
  annealEpochs: number;
  protected annealStrategy: 'cos' | 'linear';

  /** swaLr: for all groups, or one for each. */
  constructor(optimizer: AnyOptimizer, swaLr: number | readonly number[], given: SWALROptions = {}) {
    super(optimizer);
    const {
      annealEpochs = 10,
      annealStrategy = 'cos',
      lastEpoch,
    } = options('SWALR', given, ['annealEpochs', 'annealStrategy', 'lastEpoch']);
    const rates = perGroup('SWALR', 'swaLr', optimizer, swaLr);
    this.annealEpochs = expectInteger('SWALR', 'annealEpochs', annealEpochs);
    this.annealStrategy = expectOneOf('SWALR', 'annealStrategy', annealStrategy, ['cos', 'linear']);
    optimizer.paramGroups.forEach((group, g) => (group.swaLr = rates[g]!));
    this.start(lastEpoch);
  }

  protected override getLr(): Value[] {
    const step = this.annealEpochs === 0 ? Math.max(1, this.stepCount - 1) : this.stepCount - 1;
    const before = this.#anneal((step - 1) / Math.max(1, this.annealEpochs));
    const now = this.#anneal(step / Math.max(1, this.annealEpochs));
    return this.optimizer.paramGroups.map((group, g) => {
      const swaLr = this.settingOf(g, 'swaLr');
      const initial = before === 1 ? swaLr : over(minus(group.lr, before * swaLr), 1 - before);
      return plus(swaLr * now, times(initial, 1 - now));
    });
  }

  #anneal(part: number): number {
    const t = Math.max(0, Math.min(1, part));
    return this.annealStrategy === 'cos' ? (1 - cos(Math.PI * t)) / 2 : t;
  }
}

function isFractional({ dtype }: Tensor): boolean {
  return /float|complex/.test(dtype);
}
