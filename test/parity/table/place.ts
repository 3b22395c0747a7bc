// Where the runners put what they make: on the CPU, or on the device that a test of test/device says.
import torch, { type Tensor } from 'torch-node';

let place = 'cpu';

/** Runs a case with all that it makes on a device. */
export function onDevice<T>(device: string, run: () => T): T {
  place = device;
  try {
    return run();
  } finally {
    place = 'cpu';
  }
}

/** The tensor there. */
export function placed(tensor: Tensor): Tensor {
  return place === 'cpu' ? tensor : tensor.to(place);
}

/** Moves a module there. */
export function move(module: { to(device: string): unknown }): void {
  if (place !== 'cpu') module.to(place);
}

/** Has the place draw the random numbers that the CPU would draw now. */
export function sameRandomNumbers(): void {
  if (place !== 'cpu') torch.cuda.setRngState(torch.getRngState(), place);
}

/** State of the place's random numbers. */
export function rngState(): Tensor {
  return place === 'cpu' ? torch.getRngState() : torch.cuda.getRngState(place);
}
