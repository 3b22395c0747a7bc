// Random numbers: seeds, states and generators. The numbers are PyTorch's for the same seed.
import { expectNoMore } from '../core/options.js';
import { handleOf } from '../core/handles.js';
import { describe } from '../core/describe.js';
import { native } from '../native/binding.js';
import { checkDevice } from './devices.js';
import type { Device } from '../core/dtype.js';
import { named, ArgumentTypeError } from '../core/errors.js';
import { expectTensor, Tensor } from './tensor.js';

/** @internal */
export function checkSeed(where: string, seed: number | bigint): void {
  if (typeof seed !== 'bigint' && !Number.isSafeInteger(seed)) {
    throw new ArgumentTypeError(where, `expected an integer seed, got ${describe(seed)}`);
  }
}

/** Seeds the default generators of all devices. */
export function manualSeed(seed: number | bigint): void {
  expectNoMore('manualSeed', arguments, 1);
  checkSeed('manualSeed', seed);
  named('manualSeed', () => native.manualSeed(seed));
}

/** State of the CPU's default generator: uint8, as torch.get_rng_state() gives it. */
export function getRngState(): Tensor {
  expectNoMore('getRngState', arguments, 0);
  return new Tensor(native.getRngState('cpu'));
}

/** Puts a state from `getRngState()` back. */
export function setRngState(state: Tensor): void {
  expectNoMore('setRngState', arguments, 1);
  named('setRngState', () =>
    native.setRngState('cpu', expectTensor('setRngState', 'state', state)[handleOf]),
  );
}

/** A source of random numbers of its own, for the functions that take a `generator`. */
export class Generator {
  readonly #handle: number;
  readonly device: string;

  constructor(device: Device = 'cpu') {
    checkDevice(device);
    this.device = device;
    this.#handle = named('Generator', () => native.createGenerator(device));
    native.adopt(this, this.#handle);
  }
  /** @internal */
  get [handleOf](): number {
    return this.#handle;
  }
  manualSeed(seed: number | bigint): this {
    expectNoMore('Generator.manualSeed', arguments, 1);
    checkSeed('Generator.manualSeed', seed);
    native.seedGenerator(this.#handle, seed);
    return this;
  }
  getState(): Tensor {
    expectNoMore('Generator.getState', arguments, 0);
    return new Tensor(native.getGeneratorState(this.#handle));
  }
  setState(state: Tensor): void {
    expectNoMore('Generator.setState', arguments, 1);
    const { [handleOf]: handle } = expectTensor('Generator.setState', 'state', state);
    named('Generator.setState', () => native.setGeneratorState(this.#handle, handle));
  }
}
