// Stochastic gradient descent. The update is one native call over all parameters.
import { native } from '../native/binding.js';
import { named, TorchError } from '../tensor/errors.js';
import { describe, handleOf } from '../tensor/operators.js';
import { enableGrad } from '../tensor/autograd.js';
import { expectTensor, Tensor } from '../tensor/tensor.js';

export interface SGDOptions {
  /** Learning rate. Default 0.001, as in PyTorch. */
  lr?: number;
  /** Default 0. */
  momentum?: number;
  /** Default 0. */
  dampening?: number;
  /** L2 penalty. Default 0. */
  weightDecay?: number;
  /** Nesterov momentum; needs momentum > 0 and dampening = 0. Default false. */
  nesterov?: boolean;
  /** Climb instead of descend. Default false. */
  maximize?: boolean;
  /**
   * How the update is carried out; null (the default) chooses as PyTorch does: foreach on CUDA, a loop on the CPU. Both
   * give equal bits. */
  foreach?: boolean | null;
  /** One fused kernel (_fused_sgd_): quicker, and different in the last bits. Default false. */
  fused?: boolean;
}

/** Parameters with settings of their own; what is left out comes from the optimizer's options. */
export interface SGDGroup extends SGDOptions {
  params: readonly Tensor[];
}

/** A group as the optimizer holds it. Settings may be changed between steps; schedules do. */
export type SGDParamGroup = Required<SGDGroup>;

/** What `stateDict()` gives: momentum buffers by the parameter's number, and each group's settings, under PyTorch's keys. */
export interface SGDState {
  state: Record<number, { momentum_buffer: Tensor | null }>;
  param_groups: (Omit<SGDParamGroup, 'params'> & { params: number[] })[];
}

const DEFAULTS = {
  lr: 1e-3,
  momentum: 0,
  dampening: 0,
  weightDecay: 0,
  nesterov: false,
  maximize: false,
  foreach: null,
  fused: false,
} as const satisfies Required<SGDOptions>;

/** torch.optim.SGD: https://docs.pytorch.org/docs/stable/generated/torch.optim.SGD.html, equal to it in bits on the CPU. */
export class SGD {
  readonly paramGroups: SGDParamGroup[] = [];
  readonly #handle: number;
  readonly #defaults: Required<SGDOptions>;

  /** `params`: parameters, or groups with settings of their own. Throws a TorchError for settings out of range. */
  constructor(params: Iterable<Tensor> | Iterable<SGDGroup>, options: SGDOptions = {}) {
    this.#defaults = { ...DEFAULTS, ...options };
    check(this.#defaults);
    this.#handle = native.createSgd();
    native.adoptOptimizer(this, this.#handle);
    const list = [...params];
    if (list.length === 0) throw new TorchError('SGD', 'got an empty list of parameters');
    if (list.every(isGroup)) for (const group of list) this.addParamGroup(group);
    else this.addParamGroup({ params: list as Tensor[] });
  }

  addParamGroup(group: SGDGroup): void {
    const full = { ...this.#defaults, ...group, params: [...group.params] };
    check(full);
    const known = new Set(this.paramGroups.flatMap((other) => other.params));
    for (const [i, parameter] of full.params.entries()) {
      expectTensor('SGD', `parameter ${i}`, parameter);
      if (!parameter.isLeaf)
        throw new TorchError(
          'SGD',
          `parameter ${i} is not a leaf: only leaves of the graph can be optimized`,
        );
      if (known.has(parameter)) throw new TorchError('SGD', `parameter ${i} is there twice`);
      known.add(parameter);
    }
    native.addSgdGroup(
      this.#handle,
      full.params.map((parameter) => parameter[handleOf]),
    );
    this.paramGroups.push(full);
  }

  /** Updates every parameter that has a gradient. A closure, if given, computes the loss again first; it is returned. */
  step(): void;
  step(closure: () => Tensor): Tensor;
  step(closure?: () => Tensor): Tensor | void {
    const loss = closure === undefined ? undefined : enableGrad(closure);
    const settings: number[] = [];
    for (const group of this.paramGroups) {
      settings.push(
        group.lr,
        group.momentum,
        group.dampening,
        group.weightDecay,
        Number(group.nesterov),
        Number(group.maximize),
        form(group),
      );
    }
    named('SGD.step', () => native.stepSgd(this.#handle, settings));
    return loss;
  }

  /** Forgets the gradients; with `setToNone: false` fills them with zeros instead. */
  zeroGrad(options: { setToNone?: boolean } = {}): void {
    native.zeroSgdGrad(this.#handle, options.setToNone ?? true);
  }

  /** The optimizer's state. Tensors share memory with the optimizer's own. */
  stateDict(): SGDState {
    const state: SGDState['state'] = {};
    let next = 0;
    const groups = this.paramGroups.map(({ params, ...settings }, g) => {
      const buffers = native.momentumBuffers(this.#handle, g);
      const first = next;
      for (const handle of buffers) {
        if (handle !== 0) state[next] = { momentum_buffer: new Tensor(handle) };
        next++;
      }
      return { ...settings, params: params.map((_, i) => first + i) };
    });
    return { state, param_groups: groups };
  }

  /** Puts a state back, copying its tensors. Throws a TorchError when groups or their sizes differ. */
  loadStateDict(saved: SGDState): void {
    const sizes = saved.param_groups.map((group) => group.params.length).join(', ');
    const own = this.paramGroups.map((group) => group.params.length).join(', ');
    if (sizes !== own)
      throw new TorchError(
        'SGD.loadStateDict',
        `the state has groups of ${sizes} parameters, this optimizer of ${own}`,
      );
    saved.param_groups.forEach(({ params, ...settings }, g) => {
      const group = this.paramGroups[g]!;
      check({ ...group, ...settings });
      const buffers = params.map((number, i) => {
        const buffer = saved.state[number]?.momentum_buffer ?? null;
        if (buffer !== null && String(buffer.shape) !== String(group.params[i]!.shape)) {
          throw new TorchError(
            'SGD.loadStateDict',
            `momentum buffer ${number}: the shape [${buffer.shape.join(', ')}] does not fit the parameter's [${group.params[i]!.shape.join(', ')}]`,
          );
        }
        return buffer;
      });
      native.setMomentumBuffers(
        this.#handle,
        g,
        buffers.map((buffer) => buffer?.[handleOf] ?? null),
      );
      Object.assign(group, settings);
    });
  }
}

// Numbers as the native side knows the forms: single, foreach, fused.
function form(group: SGDParamGroup): 0 | 1 | 2 {
  if (group.fused) return 2;
  return (group.foreach ?? group.params.every((parameter) => parameter.device.startsWith('cuda'))) ? 1 : 0;
}

function isGroup(value: unknown): value is SGDGroup {
  return typeof value === 'object' && value !== null && 'params' in value;
}

function check(options: Required<SGDOptions>): void {
  for (const name of ['lr', 'momentum', 'weightDecay'] as const) {
    if (!(options[name] >= 0)) {
      throw new TorchError('SGD', `${name}: expected a number of 0 or more, got ${describe(options[name])}`, {
        code: 'ERR_INVALID_ARG_TYPE',
      });
    }
  }
  if (typeof options.dampening !== 'number' || Number.isNaN(options.dampening)) {
    throw new TorchError('SGD', `dampening: expected a number, got ${describe(options.dampening)}`, {
      code: 'ERR_INVALID_ARG_TYPE',
    });
  }
  if (options.nesterov && (options.momentum <= 0 || options.dampening !== 0)) {
    throw new TorchError('SGD', 'nesterov needs a momentum above 0 and a dampening of 0');
  }
  if (options.fused && options.foreach) throw new TorchError('SGD', 'fused and foreach cannot both be true');
}
