// The optimizer and its schedules: tables on the device, read at a step counter that lies there too, so that the step is the
// same operators with the same numbers every time, which a graph can hold.
import torch, { type Tensor } from 'torch-node';

const { aten } = torch.ops;

/** A number for each step. */
export class Schedule {
  readonly #table: Tensor;

  constructor(steps: number, at: (step: number) => number, device: string) {
    this.#table = torch
      .tensor(
        Array.from({ length: steps }, (_, step) => at(step)),
        { device },
      )
      .keep();
  }

  /** That of a step (int64 [1]), as a tensor of no dimensions. */
  now(step: Tensor): Tensor {
    return this.#table.indexSelect(0, step).reshape([]);
  }
}

/** From `start` in a straight line to 1 at the fraction `peak` of all steps, and on to `end`. */
export const triangle =
  (steps: number, start: number, peak: number, end: number) =>
  (step: number): number => {
    const top = Math.max(1, Math.floor(peak * steps));
    return step < top
      ? start + ((1 - start) * step) / top
      : 1 + ((end - 1) * (step - top)) / Math.max(1, steps - top);
  };

export interface Group {
  parameters: readonly Tensor[];
  lr: number;
  /** What is taken off a parameter in each step, in parts of it, where the rate is 1. */
  decay: number;
  /** Factors by the step, besides the common one. */
  only?: Schedule;
}

/** Stochastic gradient descent with Nesterov's momentum; all groups' rates follow one schedule. */
export class NesterovSgd {
  readonly #groups: readonly (Group & { buffers: readonly Tensor[] })[];
  readonly #momentum: number;

  constructor(groups: readonly Group[], momentum: number) {
    this.#momentum = momentum;
    this.#groups = groups.map((group) => ({
      ...group,
      buffers: group.parameters.map((parameter) => torch.zerosLike(parameter.detach()).keep()),
    }));
  }

  get parameters(): Tensor[] {
    return this.#groups.flatMap(({ parameters }) => parameters);
  }

  /** `gradients` in the order of `parameters`; `rate` of no dimensions. */
  step(gradients: readonly Tensor[], rate: Tensor, step: Tensor): void {
    torch.noGrad(() => {
      let taken = 0;
      for (const { parameters, buffers, lr, decay, only } of this.#groups) {
        const of = gradients.slice(taken, (taken += parameters.length));
        const decayed = aten._foreach_add.List(of, parameters, { alpha: decay / lr });
        aten._foreach_mul_.Scalar(buffers, this.#momentum);
        aten._foreach_add_.List(buffers, decayed);
        const updates = aten._foreach_add.List(decayed, buffers, { alpha: this.#momentum });
        const size = rate.mul(-lr);
        aten._foreach_mul_.Tensor(updates, only === undefined ? size : size.mul(only.now(step)));
        aten._foreach_add_.List(parameters, updates);
      }
    });
  }
}

/**
 * Lookahead: a slow copy of the parameters follows them every few steps, and they go on from there. Those steps are marked in
 * a table rather than chosen, for the operators have to be the same in each step.
 */
export class Lookahead {
  readonly #fast: readonly Tensor[];
  readonly #slow: readonly Tensor[];
  readonly #follow: Schedule;
  readonly #jump: Schedule;

  constructor(fast: readonly Tensor[], steps: number, device: string, every = 5) {
    const isOne = (step: number): boolean => step % every === every - 1;
    this.#fast = fast;
    this.#slow = fast.map((tensor) => tensor.detach().clone().keep());
    this.#follow = new Schedule(
      steps,
      (step) => (isOne(step) ? 1 - 0.95 ** every * ((step + 1) / steps) ** 3 : 0),
      device,
    );
    this.#jump = new Schedule(steps, (step) => (isOne(step) ? 1 : 0), device);
  }

  step(step: Tensor): void {
    torch.noGrad(() => {
      const [follow, jump] = [this.#follow.now(step), this.#jump.now(step)];
      this.#slow.forEach((slow, i) => {
        slow.lerp_(this.#fast[i]!, follow);
        this.#fast[i]!.lerp_(slow, jump);
      });
    });
  }

  /** The parameters become the slow copy: after the last step. */
  end(): void {
    torch.noGrad(() => this.#slow.forEach((slow, i) => this.#fast[i]!.copy_(slow)));
  }
}
