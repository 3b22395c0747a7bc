// A small random generator of 32-bit integers whose numbers are the same on every machine.

/** mulberry32 (Tommy Ettinger, public domain): a 32-bit counter, mixed. */
export class Random {
  #state: number;

  /** Streams of one seed with different numbers are unrelated. */
  constructor(seed: number, stream = 0) {
    this.#state = seed | 0;
    // A counter that starts near another's would soon repeat its numbers: start at a mixed place instead.
    this.#state = this.next() ^ Math.imul(stream, 0x9e3779b9);
    this.#state = this.next();
  }

  /** The next 32 bits, as an unsigned integer. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  }

  /** An integer from 0 up to but not including `limit`, which is far below 2^32. */
  below(limit: number): number {
    return this.next() % limit;
  }

  /** An integer from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  /** Shuffles in place (Fisher-Yates). */
  shuffle<T>(items: T[]): void {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [items[i], items[j]] = [items[j]!, items[i]!];
    }
  }
}
