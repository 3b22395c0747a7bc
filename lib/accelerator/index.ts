// torch.accelerator: the accelerator that there is, whichever it is. CUDA is the only kind so far.
import type { Device } from '../core/dtype.js';
import { expectNoMore } from '../core/options.js';
import { isAvailable } from '../tensor/devices.js';

export {
  currentDevice as currentDeviceIndex,
  device as deviceIndex,
  deviceCount,
  isAvailable,
  setDevice as setDeviceIndex,
  synchronize,
} from '../tensor/devices.js';
export { currentStream, setStream } from './streams.js';
export {
  emptyCache,
  maxMemoryAllocated,
  maxMemoryReserved,
  memGetInfo as getMemoryInfo,
  memoryAllocated,
  memoryReserved,
  memoryStats,
  resetAccumulatedMemoryStats,
  resetPeakMemoryStats,
} from './memory.js';

/** The kind of accelerator that can be used: 'cuda', or null where there is none. `device: currentAccelerator() ?? 'cpu'`. */
export function currentAccelerator(): Device | null {
  expectNoMore('accelerator.currentAccelerator', arguments, 0);
  return isAvailable() ? 'cuda' : null;
}
