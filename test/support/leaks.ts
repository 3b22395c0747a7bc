// Fails a test that leaves tensors behind.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import torch from 'torch-node';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/**
 * Tensors that are still alive once the garbage collector has nothing more to free; one round may make more of them
 * unreachable. All test files of a process share one addon.
 */
export function liveTensors(): number {
  for (let before = Infinity; ;) {
    collect();
    const { tensors } = torch.memory();
    if (tensors >= before) return tensors;
    before = tensors;
  }
}

/** Collects until nothing more is freed. A WeakRef stays alive until the current job has ended: await this. */
export async function collectGarbage(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  liveTensors();
}

/**
 * liveTensors() once what earlier tests held has gone too: a WeakRef or a compilation in the background may hold some of it
 * for turns of the event loop. For tests that count exactly.
 */
export async function settledTensors(): Promise<number> {
  let last = Infinity;
  for (let quiet = 0; quiet < 3;) {
    await collectGarbage();
    const now = liveTensors();
    quiet = now < last ? 0 : quiet + 1;
    last = now;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return last;
}

/**
 * withoutLeaks() for what runs long enough to be optimised meanwhile: a compilation in the background holds what the
 * code that it compiles holds until it has ended, some turns of the event loop later. What leaks is still there then.
 */
export async function withoutLeaksAfterwards(run: () => void): Promise<void> {
  await collectGarbage();
  const before = liveTensors();
  torch.scope(run);
  for (let pause = 1; pause <= 256; pause *= 2) {
    await collectGarbage();
    if (liveTensors() <= before) return;
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
  expect(liveTensors()).toBeLessThanOrEqual(before);
}

/** Runs a function in a scope and checks that it left no more live tensors than it found. */
export function withoutLeaks(run: () => void): void {
  const before = liveTensors();
  torch.scope(run);
  // Fewer is no leak: what an earlier test held may have become unreachable meanwhile.
  expect(liveTensors()).toBeLessThanOrEqual(before);
}
