// The training loss by steps: each epoch in parts of about equal length, and the mean loss of each part.
import type { Tensor } from 'torch-node';
import { finite, type Loss } from './metrics.js';

const PARTS = 16;
/** Parts end at multiples of it, since a CUDA graph holds so many steps. */
const MULTIPLE = 8;

/** The step with which each part of an epoch ends. */
export function partEnds(steps: number): number[] {
  const count = Math.max(1, Math.min(PARTS, Math.floor(steps / MULTIPLE)));
  return Array.from({ length: count }, (_, i) =>
    i + 1 === count ? steps : MULTIPLE * Math.round(((i + 1) * steps) / count / MULTIPLE),
  );
}

/** What of a training is kept of its losses. */
export interface LossesSoFar {
  step: number;
  /** One a part that has ended, of all epochs. */
  losses: Loss[];
  /** Sum over the steps of the part in progress; null where it is not finite. */
  lossSum: Loss;
}

/** Divides the losses of an epoch, which its steps add up in a tensor where they are computed, into parts. */
export class PartLosses {
  readonly #training: LossesSoFar;
  readonly #total: Tensor;
  readonly #ends: number[];

  constructor(training: LossesSoFar, steps: number, total: Tensor) {
    this.#training = training;
    this.#total = total;
    this.#ends = partEnds(steps);
    total.fill_(training.lossSum ?? NaN);
  }

  /** Where the part in progress ends; only while there is one. */
  get end(): number {
    return this.#ends.find((end) => end > this.#training.step)!;
  }

  /** Called after each step, or after the last of a part: it takes down the loss of a part that has ended. */
  made(): void {
    const { step, losses } = this.#training;
    const place = this.#ends.indexOf(step);
    if (place < 0) return;
    losses.push(finite(this.#total.item() / (step - (this.#ends[place - 1] ?? 0))));
    this.#total.zero_();
    this.#training.lossSum = 0;
  }

  /** Mean over the last steps, for those who watch. */
  running(): number {
    const { step, losses } = this.#training;
    const begun = this.#ends.findLast((end) => end <= step) ?? 0;
    return step > begun ? this.#total.item() / (step - begun) : (losses.at(-1) ?? NaN);
  }

  /** Keeps the sum of a part that is interrupted. */
  interrupted(): void {
    this.#training.lossSum = finite(this.#total.item());
  }
}
