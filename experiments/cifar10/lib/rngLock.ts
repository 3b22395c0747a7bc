// Random numbers of jobs that run side by side. libtorch has one default generator for the whole process: threads that
// draw from it take turns, each with a state of its own, so that a job draws the same alone and beside others.

let turn: Int32Array | undefined;

/** Makes exclusively() of this thread take turns with the threads that share the same memory (four bytes, zero). */
export function takeTurns(memory: SharedArrayBuffer): void {
  turn = new Int32Array(memory);
}

/** Whether other threads may draw whenever exclusively() is not running. */
export function shared(): boolean {
  return turn !== undefined;
}

/** Runs a synchronous function while no other thread runs one here. */
export function exclusively<T>(run: () => T): T {
  if (turn === undefined) return run();
  while (Atomics.compareExchange(turn, 0, 0, 1) !== 0) Atomics.wait(turn, 0, 1);
  try {
    return run();
  } finally {
    Atomics.store(turn, 0, 0);
    Atomics.notify(turn, 0, 1);
  }
}
