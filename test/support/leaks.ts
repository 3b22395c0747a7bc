// Fails a test that leaves tensors behind.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import torch from 'torch-node';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Tensors that are still alive once the garbage collector has run. All test files of a process share one addon. */
export function liveTensors(): number {
  collect();
  return torch.memory().tensors;
}

/** Runs a function in a scope and checks that it left as many live tensors as it found. */
export function withoutLeaks(run: () => void): void {
  const before = liveTensors();
  torch.scope(run);
  expect(liveTensors()).toBe(before);
}
