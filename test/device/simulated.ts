// The simulated accelerator, as setup.ts has put it in CUDA's place.

export interface Simulated {
  /** Has every job wait so many microseconds before it runs. */
  setDelay(microseconds: number): void;
  /** Has an allocation fail: the next one is 1; 0 has none fail. */
  failAllocation(number: number): void;
  /** 1 has all waiting for streams, events and devices return at once; 0 has it wait again. */
  skipSynchronize(on: 0 | 1): void;
  /** Allocations so far. */
  allocations(): number;
  /** Calls of operators that were queued, and those that waited for their stream. */
  queuedCalls(): number;
  waitedCalls(): number;
}

/** Loads the library again, which gives what the first time has made. */
export function simulated(): Simulated {
  const file = process.env['TORCH_NODE_SIMULATED_LIBRARY'];
  if (file === undefined) throw new Error('there is no simulated accelerator: npm run test:device');
  const loaded = { exports: {} };
  // RTLD_NOW and RTLD_GLOBAL
  process.dlopen(loaded, file, 2 | 0x100);
  return loaded.exports as Simulated;
}
