// Random numbers of CUDA devices. `torch.manualSeed` seeds all devices and the CPU.
import { named } from '../core/errors.js';
import { handleOf } from '../core/handles.js';
import { expectNoMore } from '../core/options.js';
import { native } from '../native/binding.js';
import { checkSeed } from '../tensor/random.js';
import { expectTensor, Tensor } from '../tensor/tensor.js';
import { cudaDevice, type CudaDevice } from '../tensor/devices.js';

/** Seeds the current CUDA device's default generator; nothing happens without one, as in Python. */
export function manualSeed(seed: number | bigint): void {
  expectNoMore('cuda.manualSeed', arguments, 1);
  checkSeed('cuda.manualSeed', seed);
  if (native.deviceCount('cuda') > 0)
    named('cuda.manualSeed', () => native.manualSeedOf(cudaDevice('cuda.manualSeed', 'cuda'), seed));
}

/** Seeds all CUDA devices' default generators; nothing happens without one, as in Python. */
export function manualSeedAll(seed: number | bigint): void {
  expectNoMore('cuda.manualSeedAll', arguments, 1);
  checkSeed('cuda.manualSeedAll', seed);
  for (let i = 0; i < native.deviceCount('cuda'); i++)
    named('cuda.manualSeedAll', () => native.manualSeedOf(`cuda:${i}`, seed));
}

/** State of a device's default generator: uint8, on the CPU, as torch.cuda.get_rng_state() gives it. */
export function getRngState(device: CudaDevice = 'cuda'): Tensor {
  expectNoMore('cuda.getRngState', arguments, 1);
  const place = cudaDevice('cuda.getRngState', device);
  return new Tensor(named('cuda.getRngState', () => native.getRngState(place)));
}

/** Puts a state from `getRngState()` back. */
export function setRngState(state: Tensor, device: CudaDevice = 'cuda'): void {
  expectNoMore('cuda.setRngState', arguments, 2);
  const place = cudaDevice('cuda.setRngState', device);
  const { [handleOf]: handle } = expectTensor('cuda.setRngState', 'state', state);
  named('cuda.setRngState', () => native.setRngState(place, handle));
}
