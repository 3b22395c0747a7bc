// L-BFGS: a quasi-Newton method that remembers its last steps.
import { expectInteger, expectNumber, expectOneOf } from '../core/checks.js';
import { expectNoMore, options } from '../core/options.js';
import { leaves } from '../core/tree.js';
import { recording } from '../program/recording.js';
import { enableGrad, noGrad } from '../autograd/gradMode.js';
import { TorchError, ArgumentTypeError } from '../core/errors.js';
import { isSparse } from '../operators/functional.js';
import { operator } from '../operators/operators.js';
import { inScopeAround, scope } from '../tensor/scope.js';
import { isTensor, type Tensor } from '../tensor/tensor.js';
import {
  Optimizer,
  type OptimizerOptions,
  type OptimizerState,
  type ParamGroup,
  type Params,
  type StateLayout,
  type StateValue,
} from './optimizer.js';
import { expectRate, refuseDifferentiable } from './settings.js';
import { strongWolfe } from './strongWolfe.js';
import { real } from './updating.js';
import { less, lessOrEqual, minus, numberOf, over, smaller, times, type Value } from './values.js';

export interface LBFGSOptions extends OptimizerOptions {
  /** Iterations in a step. Default 20. */
  maxIter?: number;
  /** Calls of the closure in a step. Default null: five quarters of maxIter. */
  maxEval?: number | null;
  /** Ends a step when the gradient's largest number is no more. Default 1e-7. */
  toleranceGrad?: number;
  /** Ends a step when parameters or loss change by no more. Default 1e-9. */
  toleranceChange?: number;
  /** How many steps are remembered. Default 100. */
  historySize?: number;
  /** 'strong_wolfe', or null (the default) for steps of fixed length. */
  lineSearchFn?: 'strong_wolfe' | null;
}

type State = Record<string, StateValue> & {
  func_evals: number;
  n_iter: number;
};

/** What `stateDict()` gives: all of it is the first parameter's, as in PyTorch. */
export type LBFGSState = OptimizerState<State>;

const DEFAULTS: Required<LBFGSOptions> = {
  lr: 1,
  maxIter: 20,
  maxEval: null,
  toleranceGrad: 1e-7,
  toleranceChange: 1e-9,
  historySize: 100,
  lineSearchFn: null,
};

// What the iterations go on with, in a step and from one to the next.
interface Memory {
  direction: Tensor;
  t: Value;
  oldDirections: Tensor[];
  oldSteps: Tensor[];
  ro: Tensor[];
  diagonal: Value;
  previousGradient: Tensor;
  previousLoss: number;
  al: (Tensor | null)[] | undefined;
}

/**
 * torch.optim.LBFGS: https://docs.pytorch.org/docs/stable/generated/torch.optim.LBFGS.html
 *
 * Its step needs a closure, which is called several times: it forgets the gradients, computes the loss, goes backward and
 * returns the loss. All parameters are in one group.
 */
export class LBFGS extends Optimizer<LBFGSOptions, State> {
  /** `params`: parameters, or one group. Throws a TorchError for settings out of range. */
  constructor(params: Params<LBFGSOptions>, given: LBFGSOptions = {}) {
    refuseDifferentiable('LBFGS', given);
    const settings = options('LBFGS', given, [
      ...(['lr', 'maxIter', 'maxEval', 'toleranceGrad', 'toleranceChange'] as const),
      ...(['historySize', 'lineSearchFn'] as const),
    ]);
    const { maxIter = DEFAULTS.maxIter, maxEval } = settings;
    super(params, { ...settings, maxEval: maxEval ?? Math.floor((maxIter * 5) / 4) }, DEFAULTS);
  }

  override addParamGroup(...[group]: Parameters<Optimizer<LBFGSOptions, State>['addParamGroup']>): void {
    expectNoMore('LBFGS.addParamGroup', arguments, 1);
    if (this.paramGroups.length > 0)
      throw new TorchError('LBFGS', 'takes one group of parameters, with the same settings for all');
    super.addParamGroup(group);
  }

  /** @internal */
  protected override check(settings: Required<LBFGSOptions>): void {
    expectRate('LBFGS', settings.lr);
    expectInteger('LBFGS', 'maxIter', settings.maxIter, 1);
    if (settings.maxEval !== null) expectInteger('LBFGS', 'maxEval', settings.maxEval);
    expectInteger('LBFGS', 'historySize', settings.historySize, 1);
    expectNumber('LBFGS', 'toleranceGrad', settings.toleranceGrad);
    expectNumber('LBFGS', 'toleranceChange', settings.toleranceChange);
    if (settings.lineSearchFn !== null)
      expectOneOf('LBFGS', 'lineSearchFn', settings.lineSearchFn, ['strong_wolfe']);
  }

  /** @internal */
  protected override layout(): StateLayout {
    return {};
  }

  /** @internal */
  protected override run<T>(closure?: () => T): T {
    if (typeof closure !== 'function') {
      throw new ArgumentTypeError(
        'LBFGS.step',
        'needs a closure that computes the loss, goes backward and returns the loss: step(() => ...)',
      );
    }
    if (recording() !== undefined)
      throw new TorchError(
        'LBFGS.step',
        'cannot be recorded: how many iterations it makes, and how long its steps are, follows from values that it reads on the host; make its steps without compileStep',
      );
    const evaluate = (): T => inScopeAround(() => enableGrad(closure));
    let first: { result: T } | undefined;
    noGrad(() =>
      scope(() => {
        const result = evaluate();
        first = { result };
        this.#minimize(this.paramGroups[0]!, () => lossOf(evaluate()), lossOf(result));
      }),
    );
    return first!.result;
  }

  #minimize(group: ParamGroup<LBFGSOptions>, evaluate: () => number, firstLoss: number): void {
    const parameters = group.params.map(real);
    const owner = group.params[0]!;
    const state: State = { func_evals: 0, n_iter: 0, ...this.state.get(owner) };
    const save = (memory?: Memory): void => this.#save(owner, state, memory);
    // A copy, since what is remembered of a step is released with it.
    const lr = isTensor(group.lr) ? group.lr.detach().reshape([]).clone() : group.lr;
    const { maxIter, maxEval, toleranceGrad, toleranceChange, historySize } = group;
    const mostEvaluations = maxEval ?? Infinity;

    let loss = firstLoss;
    let evaluations = 1;
    state.func_evals++;
    let gradient = flatGradient(group.params);
    let done = isAtMost(gradient, toleranceGrad);
    if (done) return save();

    let memory = recall(state);
    for (let iteration = 1; iteration <= maxIter; iteration++) {
      state.n_iter++;
      const first = state.n_iter === 1 || memory === undefined;
      const next: Omit<Memory, 't' | 'previousGradient' | 'previousLoss'> =
        first || memory === undefined
          ? { direction: gradient.neg(), oldDirections: [], oldSteps: [], ro: [], diagonal: 1, al: undefined }
          : nextDirection(memory, gradient, historySize);
      const previousLoss = loss;
      let t: Value = first ? times(smaller(1, over(1, gradient.abs().sum())), lr) : lr;
      memory = { ...next, t, previousGradient: gradient, previousLoss };
      const { direction } = memory;
      const slope = gradient.dot(direction);
      if (less(-toleranceChange, slope)) break;

      let tried = 0;
      if (group.lineSearchFn === null) {
        move(parameters, t, direction);
        if (iteration !== maxIter) {
          loss = evaluate();
          gradient = flatGradient(group.params);
          done = isAtMost(gradient, toleranceGrad);
          tried = 1;
        }
      } else {
        const start = parameters.map((parameter) => parameter.clone());
        const along = (length: Value): { loss: number; gradient: Tensor } => {
          move(parameters, length, direction);
          const found = { loss: evaluate(), gradient: flatGradient(group.params) };
          parameters.forEach((parameter, i) => parameter.copy_(start[i]!));
          return found;
        };
        const from = { loss, gradient, slope };
        const limit = mostEvaluations - evaluations;
        const found = strongWolfe(along, direction, t, from, toleranceChange, limit);
        ({ loss, gradient, t } = found);
        memory.t = t;
        tried = found.evaluations;
        move(parameters, t, direction);
        done = isAtMost(gradient, toleranceGrad);
      }
      evaluations += tried;
      state.func_evals += tried;
      if (iteration === maxIter || evaluations >= mostEvaluations || done) break;
      if (isAtMost(times(direction, t) as Tensor, toleranceChange)) break;
      if (Math.abs(loss - previousLoss) < toleranceChange) break;
    }
    save(memory);
  }

  // Under PyTorch's keys; tensors that no one refers to any more are released.
  #save(owner: Tensor, state: State, memory: Memory | undefined): void {
    const before = this.state.get(owner);
    const after: State =
      memory === undefined
        ? state
        : {
            ...state,
            d: memory.direction,
            t: memory.t,
            old_dirs: memory.oldDirections,
            old_stps: memory.oldSteps,
            ro: memory.ro,
            H_diag: memory.diagonal,
            prev_flat_grad: memory.previousGradient,
            prev_loss: memory.previousLoss,
            ...(memory.al === undefined ? {} : { al: memory.al }),
          };
    const kept = new Set(leaves(after, isTensor));
    for (const tensor of kept) tensor.keep();
    for (const tensor of leaves(before ?? {}, isTensor)) if (!kept.has(tensor)) tensor.dispose();
    this.setState(owner, after);
  }
}

function recall(state: State): Memory | undefined {
  if (state['d'] === undefined) return undefined;
  return {
    direction: state['d'] as Tensor,
    t: state['t'] as Value,
    oldDirections: [...(state['old_dirs'] as Tensor[])],
    oldSteps: [...(state['old_stps'] as Tensor[])],
    ro: [...(state['ro'] as Tensor[])],
    diagonal: state['H_diag'] as Value,
    previousGradient: state['prev_flat_grad'] as Tensor,
    previousLoss: state['prev_loss'] as number,
    al: state['al'] === undefined ? undefined : [...(state['al'] as (Tensor | null)[])],
  };
}

// Remembers the last step, and multiplies the gradient by the inverse Hessian that the remembered steps make (Nocedal and
// Wright, algorithm 7.4).
function nextDirection(
  memory: Memory,
  gradient: Tensor,
  historySize: number,
): Omit<Memory, 't' | 'previousGradient' | 'previousLoss'> {
  return scope(() => {
    const oldDirections = [...memory.oldDirections];
    const oldSteps = [...memory.oldSteps];
    const ro = [...memory.ro];
    let { diagonal } = memory;
    const y = gradient.sub(memory.previousGradient);
    const s = times(memory.direction, memory.t) as Tensor;
    const ys = y.dot(s);
    if (less(1e-10, ys)) {
      if (oldDirections.length === historySize)
        for (const list of [oldDirections, oldSteps, ro]) list.shift();
      oldDirections.push(y);
      oldSteps.push(s);
      ro.push(over(1, ys) as Tensor);
      diagonal = ys.div(y.dot(y));
    }
    const al: (Tensor | null)[] = memory.al ?? Array<null>(historySize).fill(null);
    const q = gradient.neg();
    for (let i = oldDirections.length - 1; i >= 0; i--) {
      al[i] = oldSteps[i]!.dot(q).mul(ro[i]!);
      q.add_(oldDirections[i]!, { alpha: -al[i]!.item() });
    }
    const direction = q.mul(diagonal);
    for (let i = 0; i < oldDirections.length; i++) {
      const be = oldDirections[i]!.dot(direction).mul(ro[i]!);
      direction.add_(oldSteps[i]!, { alpha: numberOf(minus(al[i]!, be)) });
    }
    return { direction, oldDirections, oldSteps, ro, diagonal, al };
  });
}

function lossOf(value: unknown): number {
  if (typeof value === 'number') return value;
  if (isTensor(value) && value.numel === 1) return value.item();
  throw new ArgumentTypeError(
    'LBFGS.step',
    'the closure has to return the loss: a number, or a tensor of one element',
  );
}

// The gradients of all parameters in one vector, a copy; zeros for those that have none.
function flatGradient(parameters: readonly Tensor[]): Tensor {
  return scope(() => {
    const views = parameters.map((parameter) => {
      const gradient = parameter.grad ?? parameter.mul(0);
      const dense = isSparse(gradient) ? (operator('aten::to_dense').call(gradient) as Tensor) : gradient;
      return real(dense).reshape(-1);
    });
    return operator('aten::cat').call(views, 0) as Tensor;
  });
}

function move(parameters: readonly Tensor[], t: Value, direction: Tensor): void {
  scope(() => {
    const alpha = numberOf(t);
    let offset = 0;
    for (const parameter of parameters) {
      const { numel, shape } = parameter;
      parameter.add_(direction.narrow(0, offset, numel).reshape([...shape]), { alpha });
      offset += numel;
    }
  });
}

// Whether the largest number of a tensor is no more than a bound.
function isAtMost(tensor: Tensor, bound: number): boolean {
  return scope(() => lessOrEqual(tensor.abs().max(), bound));
}
