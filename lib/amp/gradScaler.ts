// GradScaler: keeps the small gradients of float16 from vanishing, as torch.amp.GradScaler does:
// https://docs.pytorch.org/docs/stable/amp.html#gradient-scaling
import { expectNoMore, options } from '../core/options.js';
import { expectBoolean, expectInteger, expectNumber, expectObject, expectOneOf } from '../core/checks.js';
import { describe } from '../core/describe.js';
import { outsideOfStep, recording } from '../program/recording.js';
import { noGrad } from '../autograd/gradMode.js';
import { isAvailable } from '../tensor/devices.js';
import { TorchError, ArgumentTypeError } from '../core/errors.js';
import { operator } from '../operators/operators.js';
import { scope } from '../tensor/scope.js';
import { isTensor, type Tensor } from '../tensor/tensor.js';
import { isOptimizer, type AnyOptimizer } from '../optim/optimizer.js';

export interface GradScalerOptions {
  /** The scale to begin with. Default 65,536. */
  initScale?: number;
  /** What the scale is multiplied by after growthInterval steps without an infinite gradient; above 1. Default 2. */
  growthFactor?: number;
  /** What it is multiplied by after a step with one; below 1. Default 0.5. */
  backoffFactor?: number;
  /** Default 2000. */
  growthInterval?: number;
  /** false has all methods pass on what they get. Default true. */
  enabled?: boolean;
}

/** What `stateDict()` gives, under PyTorch's names; empty where the scaler is not enabled. */
export interface GradScalerState {
  scale?: number;
  growth_factor?: number;
  backoff_factor?: number;
  growth_interval?: number;
  _growth_tracker?: number;
}

// What an optimizer has had since the last update.
interface Progress {
  stage: 'ready' | 'unscaled' | 'stepped';
  /** By device: 1 where a gradient was infinite or NaN. */
  foundInf: Map<string, Tensor>;
}

/**
 * Multiplies losses by a scale, divides the gradients by it again before the optimizer's step, leaves out steps with infinite
 * gradients, and adapts the scale:
 *
 *     scaler.scale(loss).backward();
 *     scaler.step(optimizer);
 *     scaler.update();
 *
 * On CUDA by default, `new GradScaler('cpu')` for the CPU. Where CUDA is not available a warning is given, and the scaler
 * turned off, as in PyTorch.
 */
export class GradScaler {
  readonly #enabled: boolean;
  readonly #device: 'cpu' | 'cuda';
  #initScale: number;
  #growthFactor: number;
  #backoffFactor: number;
  #growthInterval: number;
  #initGrowthTracker = 0;
  // Made on the device of the first loss.
  #scale: Tensor | undefined;
  #growthTracker: Tensor | undefined;
  readonly #progress = new Map<AnyOptimizer, Progress>();

  /** Throws a TorchError for factors out of range. */
  constructor(device: 'cpu' | 'cuda' = 'cuda', given: GradScalerOptions = {}) {
    this.#device = expectOneOf('GradScaler', 'device', device, ['cpu', 'cuda']);
    const {
      initScale = 2 ** 16,
      growthFactor = 2,
      backoffFactor = 0.5,
      growthInterval = 2000,
      ...more
    } = options('GradScaler', given, [
      'initScale',
      'growthFactor',
      'backoffFactor',
      'growthInterval',
      'enabled',
    ]);
    this.#initScale = initScale;
    this.#growthFactor = growthFactor;
    this.#backoffFactor = backoffFactor;
    this.#growthInterval = growthInterval;
    let enabled = expectBoolean('GradScaler', 'enabled', more.enabled ?? true);
    if (enabled && device === 'cuda' && !isAvailable()) {
      process.emitWarning('GradScaler: CUDA is not available: it is turned off', 'TorchWarning');
      enabled = false;
    }
    this.#enabled = enabled;
    if (!enabled) return;
    this.#initScale = expectNumber('GradScaler', 'initScale', initScale, { above: 0 });
    this.#growthFactor = expectNumber('GradScaler', 'growthFactor', growthFactor, { above: 1 });
    this.#backoffFactor = expectNumber('GradScaler', 'backoffFactor', backoffFactor, { below: 1 });
    this.#growthInterval = expectInteger('GradScaler', 'growthInterval', growthInterval, 1);
  }

  get isEnabled(): boolean {
    return this.#enabled;
  }

  /** A loss, or several, times the scale. */
  scale(outputs: Tensor): Tensor;
  scale(outputs: readonly Tensor[]): Tensor[];
  scale(outputs: Tensor | readonly Tensor[]): Tensor | Tensor[];
  scale(outputs: Tensor | readonly Tensor[]): Tensor | Tensor[] {
    expectNoMore('GradScaler.scale', arguments, 1);
    if (Array.isArray(outputs)) return (outputs as Tensor[]).map((output) => this.scale(output));
    if (!isTensor(outputs))
      throw new ArgumentTypeError(
        'GradScaler.scale',
        `expected a Tensor or an array of them, got ${describe(outputs)}`,
      );
    if (!this.#enabled) return outputs;
    if (this.#scale === undefined) {
      // A recorded step has to find them there.
      const { device } = outputs;
      this.#scale = outsideOfStep(() => filled(this.#initScale, 'float32', device));
      this.#growthTracker = outsideOfStep(() => filled(this.#initGrowthTracker, 'int32', device));
    }
    return outputs.mul(this.#scale.to({ device: outputs.device }));
  }

  /**
   * Divides the gradients of an optimizer's parameters by the scale, to clip them say; `step` does so itself otherwise.
   *
   * @throws TorchError when it was done since the last update, after `step`, before any `scale`, and for float16 gradients
   */
  unscale_(optimizer: AnyOptimizer): void {
    expectNoMore('GradScaler.unscale_', arguments, 1);
    if (!this.#enabled) return;
    const scale = this.#expectScale('unscale_');
    const progress = this.#of('unscale_', optimizer);
    if (progress.stage === 'unscaled')
      throw new TorchError(
        'GradScaler.unscale_',
        'was called on this optimizer already since the last update()',
      );
    if (progress.stage === 'stepped') throw new TorchError('GradScaler.unscale_', 'is called after step()');
    scope(() => {
      const inverse = scale.to('float64').reciprocal().to('float32');
      this.#checkGradients(optimizer, progress, inverse, false);
    });
    progress.stage = 'unscaled';
  }

  /**
   * The optimizer's step, unless a gradient is infinite or NaN; what it returns. Gradients are unscaled first where that was
   * not done; fused optimizers do so themselves.
   *
   * @throws TorchError when called twice before `update`, and where no parameter has a gradient
   */
  step(optimizer: AnyOptimizer): unknown {
    expectNoMore('GradScaler.step', arguments, 1);
    if (!this.#enabled) return optimizer.step();
    const scale = this.#expectScale('step');
    const progress = this.#of('step', optimizer);
    if (progress.stage === 'stepped')
      throw new TorchError('GradScaler.step', 'was called on this optimizer already since the last update()');
    if (recording() !== undefined && !scalesItself(optimizer))
      throw new TorchError(
        'GradScaler.step',
        "cannot be recorded: whether the optimizer makes its step is decided on the host. Use an optimizer with { fused: true }, whose kernel decides it, or the dtype 'bfloat16', which needs no scaler",
      );
    let result: unknown;
    if (scalesItself(optimizer)) result = this.#stepScaled(optimizer, progress, scale);
    else {
      if (progress.stage === 'ready') this.unscale_(optimizer);
      if (progress.foundInf.size === 0)
        throw new TorchError('GradScaler.step', 'no parameter of this optimizer has a gradient');
      if ([...progress.foundInf.values()].every((found) => found.item() === 0)) result = optimizer.step();
    }
    progress.stage = 'stepped';
    return result;
  }

  #stepScaled(optimizer: AnyOptimizer & Scaled, progress: Progress, scale: Tensor): unknown {
    return scope(() => {
      if (progress.stage === 'ready')
        this.#checkGradients(optimizer, progress, filled(1, 'float32', scale.device, false), true);
      const found = this.#combined([progress], scale.device) ?? filled(0, 'float32', scale.device, false);
      optimizer.gradScale = progress.stage === 'unscaled' ? null : scale;
      optimizer.foundInf = found;
      try {
        return optimizer.step();
      } finally {
        optimizer.gradScale = null;
        optimizer.foundInf = null;
      }
    });
  }

  /**
   * Adapts the scale at the end of an iteration, by what all optimizers found; or sets it.
   *
   * @throws TorchError when no gradients were looked at since the last time
   */
  update(newScale?: number | Tensor): void {
    expectNoMore('GradScaler.update', arguments, 1);
    if (!this.#enabled) return;
    const scale = this.#expectScale('update');
    noGrad(() =>
      scope(() => {
        if (newScale === undefined) {
          const found = this.#combined([...this.#progress.values()], scale.device);
          if (found === undefined)
            throw new TorchError('GradScaler.update', 'no gradients were looked at since the last update()');
          operator('aten::_amp_update_scale_').call(
            scale,
            this.#growthTracker,
            found,
            this.#growthFactor,
            this.#backoffFactor,
            this.#growthInterval,
          );
        } else if (typeof newScale === 'number') scale.fill_(newScale);
        else if (isTensor(newScale) && newScale.numel === 1 && !newScale.requiresGrad)
          scale.copy_(newScale.reshape([]));
        else {
          throw new ArgumentTypeError(
            'GradScaler.update',
            `expected a number, or a tensor of one element that requires no gradient, got ${describe(newScale)}`,
          );
        }
      }),
    );
    for (const { foundInf } of this.#progress.values())
      for (const found of foundInf.values()) found.dispose();
    this.#progress.clear();
  }

  // ---- settings and state ----

  /** The scale; reads it from the device. 1 where the scaler is not enabled. */
  getScale(): number {
    expectNoMore('GradScaler.getScale', arguments, 0);
    if (!this.#enabled) return 1;
    return this.#scale === undefined ? this.#initScale : this.#scale.item();
  }
  getGrowthFactor(): number {
    expectNoMore('GradScaler.getGrowthFactor', arguments, 0);
    return this.#growthFactor;
  }
  setGrowthFactor(factor: number): void {
    expectNoMore('GradScaler.setGrowthFactor', arguments, 1);
    this.#growthFactor = factor;
  }
  getBackoffFactor(): number {
    expectNoMore('GradScaler.getBackoffFactor', arguments, 0);
    return this.#backoffFactor;
  }
  setBackoffFactor(factor: number): void {
    expectNoMore('GradScaler.setBackoffFactor', arguments, 1);
    this.#backoffFactor = factor;
  }
  getGrowthInterval(): number {
    expectNoMore('GradScaler.getGrowthInterval', arguments, 0);
    return this.#growthInterval;
  }
  setGrowthInterval(interval: number): void {
    expectNoMore('GradScaler.setGrowthInterval', arguments, 1);
    this.#growthInterval = interval;
  }

  /** Ask for it after `update()`. */
  stateDict(): GradScalerState {
    expectNoMore('GradScaler.stateDict', arguments, 0);
    if (!this.#enabled) return {};
    return {
      scale: this.getScale(),
      growth_factor: this.#growthFactor,
      backoff_factor: this.#backoffFactor,
      growth_interval: this.#growthInterval,
      _growth_tracker: this.#growthTracker?.item() ?? this.#initGrowthTracker,
    };
  }

  /** Throws a TorchError for the empty state of a scaler that was not enabled, and does nothing where this one is not. */
  loadStateDict(state: GradScalerState): void {
    expectNoMore('GradScaler.loadStateDict', arguments, 1);
    if (!this.#enabled) return;
    const where = 'GradScaler.loadStateDict';
    expectObject(where, 'state', state, 'a state dict');
    if (Object.keys(state).length === 0)
      throw new TorchError(where, 'the state is empty: it is that of a scaler that was not enabled');
    const names = ['scale', 'growth_factor', 'backoff_factor', 'growth_interval', '_growth_tracker'] as const;
    for (const name of names) expectNumber(where, name, state[name]);
    const { scale, growth_factor, backoff_factor, growth_interval, _growth_tracker } =
      state as Required<GradScalerState>;
    this.#initScale = scale;
    this.#growthFactor = growth_factor;
    this.#backoffFactor = backoff_factor;
    this.#growthInterval = growth_interval;
    this.#initGrowthTracker = _growth_tracker;
    this.#scale?.fill_(scale);
    this.#growthTracker?.fill_(_growth_tracker);
  }

  // ---- gradients ----

  #expectScale(method: string): Tensor {
    if (this.#scale !== undefined) return this.#scale;
    throw new TorchError(
      `GradScaler.${method}`,
      'nothing was scaled yet: call scaler.scale(loss).backward() earlier in the iteration',
    );
  }

  #of(method: string, optimizer: AnyOptimizer): Progress {
    if (!isOptimizer(optimizer))
      throw new ArgumentTypeError(
        `GradScaler.${method}`,
        `expected an optimizer, got ${describe(optimizer)}`,
      );
    this.#putBackAfterwards();
    let progress = this.#progress.get(optimizer);
    if (progress === undefined) {
      progress = { stage: 'ready', foundInf: new Map() };
      this.#progress.set(optimizer, progress);
    }
    return progress;
  }

  // What is found while a step is recorded is none of this scaler's business afterwards.
  #putBackAfterwards(): void {
    const into = recording();
    if (into === undefined || into.again(this)) return;
    const settings = this.#settings();
    const before = new Map(this.#progress);
    this.#progress.clear();
    into.afterwards(() => {
      this.#progress.clear();
      for (const [optimizer, progress] of before) this.#progress.set(optimizer, progress);
    });
    into.watch({
      begin: () => {
        if (this.#settings() !== settings)
          throw new TorchError(
            'GradScaler',
            'its factors or its interval were changed since the step was recorded: compile the step again',
          );
      },
    });
  }
  #settings(): string {
    return String([this.#growthFactor, this.#backoffFactor, this.#growthInterval]);
  }

  // Multiplies all gradients, and finds out on each device whether there is an infinite one.
  #checkGradients(optimizer: AnyOptimizer, progress: Progress, factor: Tensor, allowHalf: boolean): void {
    const kinds = new Map<string, Tensor[]>();
    for (const { params } of optimizer.paramGroups) {
      for (const parameter of params) {
        const gradient = parameter.grad;
        if (gradient === null) continue;
        if (!allowHalf && gradient.dtype === 'float16') {
          throw new TorchError(
            'GradScaler.unscale_',
            'there are float16 gradients, which would lose what unscaling brings back: keep parameters in float32 and use autocast',
          );
        }
        const kind = `${gradient.device} ${gradient.dtype}`;
        kinds.set(kind, [...(kinds.get(kind) ?? []), gradient]);
      }
    }
    noGrad(() => {
      for (const gradients of kinds.values()) {
        const { device } = gradients[0]!;
        let found = progress.foundInf.get(device);
        if (found === undefined) {
          found = filled(0, 'float32', device);
          progress.foundInf.set(device, found);
        }
        operator('aten::_amp_foreach_non_finite_check_and_unscale_').call(
          gradients,
          found,
          factor.to({ device }),
        );
      }
    });
  }

  #combined(all: readonly Progress[], device: string): Tensor | undefined {
    const found = all.flatMap(({ foundInf }) => [...foundInf.values()].map((one) => one.to({ device })));
    return found.length === 0 ? undefined : found.reduce((sum, one) => sum.add(one));
  }

  /** As PyTorch shows it. */
  toString(): string {
    return `GradScaler(device=${this.#device}, enabled=${this.#enabled}, scale=${this.getScale()})`;
  }
}

interface Scaled {
  gradScale: Tensor | null;
  foundInf: Tensor | null;
}

// Fused kernels divide by the scale themselves.
function scalesItself(optimizer: AnyOptimizer): optimizer is AnyOptimizer & Scaled {
  return 'gradScale' in optimizer && (optimizer.defaults as { fused?: unknown }).fused === true;
}

function filled(value: number, dtype: 'float32' | 'int32', device: string, keep = true): Tensor {
  const made = operator('aten::scalar_tensor').call(value, dtype, undefined, device) as Tensor;
  return keep ? made.keep() : made;
}
