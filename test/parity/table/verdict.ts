// What a case of a table comes to, whichever runner ran it: equal bit for bit, equal within the tolerance, or what differs.
// For the tests beside this file and for scripts/check/parity.mjs.
import torch, { type Tensor } from 'torch-node';
import { Comparison, type Recorded } from '../support.js';

export type Verdict = 'bits' | 'near' | { differs: Record<string, string> };

/** What all recorded cases have. */
export interface TableCase {
  class: string;
  name: string;
  /** Why bits cannot be equal on any machine. */
  near?: string;
}

/** A line of the table in docs/parity.md before lines are counted together. */
export interface Row {
  class: string;
  name: string;
  near?: string;
  verdict: Verdict;
}

/** Runs a case and tells the collector what to compare. */
export type Runner<T extends TableCase> = (one: T, found: Collector) => void;

/** What was computed beside what was recorded. */
export class Collector {
  readonly #checks: { check: (comparison: Comparison) => void; onlyBits: boolean }[] = [];
  #onlyBits = false;

  /** As the tensor is now: it may change afterwards. */
  tensor(name: string, actual: Tensor | null, expected: Recorded | null | undefined): void {
    const now = torch.noGrad(() => actual?.clone() ?? null);
    this.#add((comparison) => comparison.tensor(name, now, expected ?? null));
  }
  tensors(
    name: string,
    actual: readonly (Tensor | null)[],
    expected: readonly (Recorded | null)[] | undefined,
  ): void {
    this.value(`number of ${name}s`, actual.length, expected?.length ?? 0);
    actual.forEach((tensor, i) => this.tensor(`${name} ${i}`, tensor, expected?.[i]));
  }
  /** What no machine may compute otherwise. */
  value(name: string, actual: unknown, expected: unknown): void {
    this.#add((comparison) => comparison.value(name, actual, expected));
  }
  /** What the function has compared is compared where bits are only: rounding makes something else of it on other CPUs. */
  onlyBits(compare: () => void): void {
    this.#onlyBits = true;
    compare();
    this.#onlyBits = false;
  }
  #add(check: (comparison: Comparison) => void): void {
    this.#checks.push({ check, onlyBits: this.#onlyBits });
  }

  /** Tensors that were released meanwhile cannot be compared: ask within the scope that they were made in. */
  verdict(): Verdict {
    const exact = this.#compare(true);
    if (Object.keys(exact).length === 0) return 'bits';
    const differs = this.#compare(false);
    return Object.keys(differs).length === 0 ? 'near' : { differs };
  }
  #compare(bits: boolean): Readonly<Record<string, string>> {
    const comparison = new Comparison(bits, 1e-5, 0.01);
    for (const { check, onlyBits } of this.#checks) if (bits || !onlyBits) check(comparison);
    return comparison.differences;
  }
}
