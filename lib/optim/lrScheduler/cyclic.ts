// Schedules that go up and down, and the momentum down and up with them.
import { camelCase, snakeCase } from '../../core/names.js';
import { describe } from '../../core/describe.js';
import { expectBoolean, expectInteger, expectNumber, expectOneOf } from '../../core/checks.js';
import { ArgumentTypeError, TorchError } from '../../core/errors.js';
import { expectNoMore, options } from '../../core/options.js';
import type { AnyOptimizer } from '../optimizer.js';
import { cos, numberOf, pow, type Value } from '../values.js';
import { LRScheduler, perGroup, setLr, type SchedulerOptions, type SchedulerState } from './scheduler.js';

type Group = AnyOptimizer['paramGroups'][number];

interface MomentumOptions {
  /** Whether the momentum, or Adam's first beta, goes the other way. Default true. */
  cycleMomentum?: boolean;
  /** Momentum at the highest learning rate, for all groups or for each. */
  baseMomentum?: number | readonly number[];
  /** Momentum at the lowest learning rate, for all groups or for each. */
  maxMomentum?: number | readonly number[];
}

export interface CyclicOptions extends SchedulerOptions, MomentumOptions {
  /** Steps of a cycle's first half. Default 2000. */
  stepSizeUp?: number;
  /** Steps of its second half. Default null: as many. */
  stepSizeDown?: number | null;
  /** Cycles of the same height, each half as high as the last, or gamma^step as high. Default 'triangular'. */
  mode?: 'triangular' | 'triangular2' | 'exp_range';
  /** Default 1. */
  gamma?: number;
  /** In place of a mode: what a cycle's height is multiplied by. */
  scaleFn?: ((x: number) => number) | null;
  /** Whether scaleFn gets the cycle's number or the step's. Default 'cycle'. */
  scaleMode?: 'cycle' | 'iterations';
}

/**
 * Between baseLr and maxLr in a line, up and down, from "Cyclical Learning Rates for Training Neural Networks":
 * https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.CyclicLR.html
 *
 * To be stepped after every batch. baseMomentum is 0.8 by default, maxMomentum 0.9.
 */
export class CyclicLR extends LRScheduler {
  maxLrs: number[];
  totalSize: number;
  stepRatio: number;
  mode: string;
  gamma: number;
  scaleMode: string;
  cycleMomentum: boolean;
  useBeta1?: boolean;
  baseMomentums?: number[];
  maxMomentums?: number[];
  readonly #scaleFn: ((x: number) => number) | null;

  /** Rates for all groups, or one for each. Throws a TorchError where the optimizer has no momentum to cycle. */
  constructor(
    optimizer: AnyOptimizer,
    baseLr: number | readonly number[],
    maxLr: number | readonly number[],
    given: CyclicOptions = {},
  ) {
    super(optimizer);
    const {
      stepSizeUp = 2000,
      mode = 'triangular',
      gamma = 1,
      scaleFn = null,
      scaleMode = 'cycle',
      cycleMomentum = true,
      baseMomentum = 0.8,
      maxMomentum = 0.9,
      lastEpoch = -1,
      ...more
    } = options('CyclicLR', given, [
      ...(['stepSizeUp', 'stepSizeDown', 'mode', 'gamma', 'scaleFn', 'scaleMode'] as const),
      ...(['cycleMomentum', 'baseMomentum', 'maxMomentum', 'lastEpoch'] as const),
    ]);
    const stepSizeDown = more.stepSizeDown ?? stepSizeUp;
    const baseLrs = perGroup('CyclicLR', 'baseLr', optimizer, baseLr);
    this.maxLrs = perGroup('CyclicLR', 'maxLr', optimizer, maxLr);
    expectNumber('CyclicLR', 'stepSizeUp', stepSizeUp, { above: 0 });
    expectNumber('CyclicLR', 'stepSizeDown', stepSizeDown, { least: 0 });
    if (scaleFn === null) expectOneOf('CyclicLR', 'mode', mode, ['triangular', 'triangular2', 'exp_range']);
    if (lastEpoch === -1) optimizer.paramGroups.forEach((group, g) => setLr(group, baseLrs[g]!));
    this.totalSize = stepSizeUp + stepSizeDown;
    this.stepRatio = stepSizeUp / this.totalSize;
    this.mode = mode;
    this.gamma = expectNumber('CyclicLR', 'gamma', gamma);
    this.#scaleFn = scaleFn;
    expectOneOf('CyclicLR', 'scaleMode', scaleMode, ['cycle', 'iterations']);
    this.scaleMode = scaleFn !== null ? scaleMode : mode === 'exp_range' ? 'iterations' : 'cycle';
    this.cycleMomentum = expectBoolean('CyclicLR', 'cycleMomentum', cycleMomentum);
    if (this.cycleMomentum) {
      this.useBeta1 = usesBeta1('CyclicLR', optimizer);
      this.baseMomentums = perGroup('CyclicLR', 'baseMomentum', optimizer, baseMomentum);
      this.maxMomentums = perGroup('CyclicLR', 'maxMomentum', optimizer, maxMomentum);
      if (lastEpoch === -1)
        beginMomentum(this.optimizer, this.useBeta1, this.baseMomentums, this.maxMomentums);
    }
    this.start(lastEpoch);
    this.baseLrs = baseLrs;
  }

  protected override getLr(): Value[] {
    const { lastEpoch, totalSize, stepRatio } = this;
    const cycle = Math.floor(1 + lastEpoch / totalSize);
    const x = 1 + lastEpoch / totalSize - cycle;
    const height = x <= stepRatio ? x / stepRatio : (x - 1) / (stepRatio - 1);
    const scale = this.#scale(this.scaleMode === 'cycle' ? cycle : lastEpoch);
    const rates = this.baseLrs.map((base, g) => {
      const from = numberOf(base);
      return from + (this.maxLrs[g]! - from) * height * scale;
    });
    if (this.cycleMomentum) {
      this.expectPairs(this.optimizer.paramGroups, this.maxMomentums!);
      this.optimizer.paramGroups.forEach((group, g) => {
        const most = this.maxMomentums![g]!;
        setMomentum(group, this.useBeta1!, most - (most - this.baseMomentums![g]!) * height * scale);
      });
    }
    return rates;
  }

  #scale(x: number): number {
    if (this.#scaleFn !== null) return this.#scaleFn(x);
    if (this.mode === 'triangular2') return 1 / pow(2, x - 1);
    return this.mode === 'exp_range' ? pow(this.gamma, x) : 1;
  }

  /** A scale function of one's own is not saved, as in PyTorch. */
  override stateDict(): SchedulerState {
    expectNoMore('CyclicLR.stateDict', arguments, 0);
    return { ...super.stateDict(), _scale_fn_custom: null };
  }
}

interface Phase {
  endStep: number;
  startLr: 'initialLr' | 'maxLr' | 'minLr';
  endLr: 'initialLr' | 'maxLr' | 'minLr';
  startMomentum: 'maxMomentum' | 'baseMomentum';
  endMomentum: 'maxMomentum' | 'baseMomentum';
}

export interface OneCycleOptions extends SchedulerOptions, MomentumOptions {
  /** Steps of the cycle; or give epochs and stepsPerEpoch. */
  totalSteps?: number | null;
  epochs?: number | null;
  stepsPerEpoch?: number | null;
  /** The part of the cycle in which the rate goes up. Default 0.3. */
  pctStart?: number;
  /** Default 'cos'. */
  annealStrategy?: 'cos' | 'linear';
  /** The first rate is maxLr / divFactor. Default 25. */
  divFactor?: number;
  /** The last one is the first / finalDivFactor. Default 10,000. */
  finalDivFactor?: number;
  /** Down to the first rate as long as up, then to the last, instead of down to the last at once. Default false. */
  threePhase?: boolean;
}

/**
 * Up to maxLr and down again, once, from "Super-Convergence" (https://arxiv.org/abs/1708.07120):
 * https://docs.pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.OneCycleLR.html
 *
 * To be stepped after every batch. baseMomentum is 0.85 by default, maxMomentum 0.95.
 */
export class OneCycleLR extends LRScheduler {
  totalSteps: number;
  cycleMomentum: boolean;
  useBeta1?: boolean;
  protected schedulePhases: Phase[];
  protected annealFuncType: 'cos' | 'linear';

  /** maxLr: for all groups, or one for each. Throws a TorchError where the optimizer has no momentum to cycle. */
  constructor(optimizer: AnyOptimizer, maxLr: number | readonly number[], given: OneCycleOptions = {}) {
    super(optimizer);
    const where = 'OneCycleLR';
    const {
      pctStart = 0.3,
      annealStrategy = 'cos',
      divFactor = 25,
      finalDivFactor = 1e4,
      threePhase = false,
      cycleMomentum = true,
      baseMomentum = 0.85,
      maxMomentum = 0.95,
      lastEpoch = -1,
    } = options(where, given, [
      ...(['totalSteps', 'epochs', 'stepsPerEpoch', 'pctStart', 'annealStrategy', 'divFactor'] as const),
      ...(['finalDivFactor', 'threePhase', 'cycleMomentum', 'baseMomentum', 'maxMomentum'] as const),
      'lastEpoch',
    ]);
    this.totalSteps = totalSteps(given);
    expectNumber(where, 'pctStart', pctStart, { least: 0, most: 1 });
    expectNumber(where, 'divFactor', divFactor);
    expectNumber(where, 'finalDivFactor', finalDivFactor);
    this.annealFuncType = expectOneOf(where, 'annealStrategy', annealStrategy, ['cos', 'linear']);
    this.schedulePhases = phases(pctStart, this.totalSteps, expectBoolean(where, 'threePhase', threePhase));
    const maxLrs = perGroup(where, 'maxLr', optimizer, maxLr);
    if (lastEpoch === -1) {
      optimizer.paramGroups.forEach((group, g) => {
        const initialLr = maxLrs[g]! / divFactor;
        Object.assign(group, { initialLr, maxLr: maxLrs[g]!, minLr: initialLr / finalDivFactor });
      });
    }
    this.cycleMomentum = expectBoolean(where, 'cycleMomentum', cycleMomentum);
    if (this.cycleMomentum) {
      this.useBeta1 = usesBeta1(where, optimizer);
      const most = perGroup(where, 'maxMomentum', optimizer, maxMomentum);
      const least = perGroup(where, 'baseMomentum', optimizer, baseMomentum);
      if (lastEpoch === -1) beginMomentum(optimizer, this.useBeta1, least, most);
    }
    this.start(lastEpoch);
  }

  protected override getLr(): Value[] {
    const step = this.lastEpoch;
    if (step > this.totalSteps) {
      throw new TorchError(
        'OneCycleLR.step',
        `was called ${step} times; the cycle has ${this.totalSteps} steps`,
      );
    }
    const last = this.schedulePhases.length - 1;
    const found = this.schedulePhases.findIndex(({ endStep }) => step <= endStep);
    const at = found < 0 ? last : found;
    const phase = this.schedulePhases[at]!;
    const begin = at === 0 ? 0 : this.schedulePhases[at - 1]!.endStep;
    const part = (step - begin) / (phase.endStep - begin);
    return this.optimizer.paramGroups.map((group, g) => {
      const [from, to] = [phase.startLr, phase.endLr].map((name) => numberOf(this.settingOf(g, name)));
      if (this.cycleMomentum) {
        const [least, most] = [phase.startMomentum, phase.endMomentum].map((name) => this.settingOf(g, name));
        setMomentum(group, this.useBeta1!, this.#anneal(least!, most!, part));
      }
      return this.#anneal(from!, to!, part);
    });
  }

  override stateDict(): SchedulerState {
    expectNoMore('OneCycleLR.stateDict', arguments, 0);
    return {
      ...super.stateDict(),
      _schedule_phases: this.schedulePhases.map((phase) => renamed(phase, snakeCase)),
    };
  }
  override loadStateDict(state: SchedulerState): void {
    expectNoMore('OneCycleLR.loadStateDict', arguments, 1);
    const { _schedule_phases: saved, ...rest } = (state as SchedulerState | null | undefined) ?? {};
    super.loadStateDict(saved === undefined ? state : rest);
    if (Array.isArray(saved)) this.schedulePhases = saved.map((phase) => renamed(phase as Phase, camelCase));
  }

  #anneal(start: number, end: number, part: number): number {
    if (this.annealFuncType === 'linear') return (end - start) * part + start;
    return end + ((start - end) / 2) * (cos(Math.PI * part) + 1);
  }
}

// Both the names and the words of a phase are names of settings.
function renamed(phase: Phase, rename: (name: string) => string): Phase {
  return Object.fromEntries(
    Object.entries(phase).map(([name, value]) => [
      rename(name),
      typeof value === 'string' ? rename(value) : (value as number),
    ]),
  ) as unknown as Phase;
}

function totalSteps({ totalSteps, epochs, stepsPerEpoch }: OneCycleOptions): number {
  if (totalSteps !== undefined && totalSteps !== null) {
    return expectInteger('OneCycleLR', 'totalSteps', totalSteps, 1);
  }
  if (typeof epochs !== 'number' || typeof stepsPerEpoch !== 'number') {
    throw new ArgumentTypeError(
      'OneCycleLR',
      `expected totalSteps, or epochs and stepsPerEpoch, got ${describe(epochs)} and ${describe(stepsPerEpoch)}`,
    );
  }
  expectInteger('OneCycleLR', 'epochs', epochs, 1);
  expectInteger('OneCycleLR', 'stepsPerEpoch', stepsPerEpoch, 1);
  return epochs * stepsPerEpoch;
}

function phases(pctStart: number, total: number, three: boolean): Phase[] {
  const up: Phase = {
    endStep: pctStart * total - 1,
    startLr: 'initialLr',
    endLr: 'maxLr',
    startMomentum: 'maxMomentum',
    endMomentum: 'baseMomentum',
  };
  const down: Phase = {
    endStep: three ? 2 * pctStart * total - 2 : total - 1,
    startLr: 'maxLr',
    endLr: three ? 'initialLr' : 'minLr',
    startMomentum: 'baseMomentum',
    endMomentum: 'maxMomentum',
  };
  const out: Phase = {
    endStep: total - 1,
    startLr: 'initialLr',
    endLr: 'minLr',
    startMomentum: 'maxMomentum',
    endMomentum: 'maxMomentum',
  };
  return three ? [up, down, out] : [up, down];
}

// ---- momentum ----

function usesBeta1(where: string, { defaults }: AnyOptimizer): boolean {
  if (!('momentum' in defaults) && !('betas' in defaults)) {
    throw new TorchError(
      where,
      'the optimizer has neither momentum nor betas to cycle: pass cycleMomentum: false',
    );
  }
  return 'betas' in defaults;
}

function beginMomentum(
  optimizer: AnyOptimizer,
  useBeta1: boolean,
  least: readonly number[],
  most: readonly number[],
): void {
  optimizer.paramGroups.forEach((group, g) => {
    setMomentum(group, useBeta1, most[g]!);
    group.maxMomentum = most[g]!;
    group.baseMomentum = least[g]!;
  });
}

function setMomentum(group: Group, useBeta1: boolean, momentum: number): void {
  if (useBeta1) group.betas = [momentum, group.betas![1]];
  else group.momentum = momentum;
}
