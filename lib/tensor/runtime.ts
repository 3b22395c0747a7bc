// The process: versions, threads and memory.
import { expectNoMore } from '../core/options.js';
import { expectInteger } from '../core/checks.js';
import { named } from '../core/errors.js';
import { loadedFrom, native } from '../native/binding.js';

/** Version of the libtorch in use, with its build, as "2.13.0+cpu". */
export const version: string = loadedFrom.libtorch.version;

/** Number of threads that one operator may use on the CPU. */
export function getNumThreads(): number {
  expectNoMore('getNumThreads', arguments, 0);
  return native.getNumThreads();
}

/** Sets it, for the whole process. One thread and several give results that differ in the last bits. */
export function setNumThreads(count: number): void {
  expectNoMore('setNumThreads', arguments, 1);
  expectInteger('setNumThreads', 'count', count, 1);
  named('setNumThreads', () => native.setNumThreads(count));
}

/** Live tensors of this thread, and the bytes of their storages (each counted once, however many views it has). */
export function memory(): { tensors: number; bytes: number } {
  expectNoMore('memory', arguments, 0);
  const [tensors, bytes] = native.memory();
  return { tensors, bytes };
}

/** What libtorch says of how it was built. */
export function showConfig(): string {
  expectNoMore('showConfig', arguments, 0);
  return native.config();
}

/** The instruction set that libtorch's CPU kernels use here: DEFAULT, AVX2, AVX512. Results differ in the last bits. */
export function cpuCapability(): string {
  expectNoMore('cpuCapability', arguments, 0);
  return native.cpuCapability();
}
