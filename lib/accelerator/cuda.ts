// torch.cuda: the NVIDIA devices.
export {
  currentDevice,
  device,
  deviceCount,
  isAvailable,
  isBuilt,
  setDevice,
  synchronize,
  type CudaDevice,
} from '../tensor/devices.js';
export {
  CudaStream as Stream,
  currentStream,
  defaultStream,
  Event,
  setStream,
  stream,
  type EventOptions,
  type StreamOptions,
} from './streams.js';
export {
  emptyCache,
  maxMemoryAllocated,
  maxMemoryReserved,
  memGetInfo,
  memoryAllocated,
  memoryReserved,
  memoryStats,
  memorySummary,
  resetAccumulatedMemoryStats,
  resetPeakMemoryStats,
  type MemorySummaryOptions,
} from './memory.js';
export { getRngState, manualSeed, manualSeedAll, setRngState } from './random.js';
export { CUDAGraph, graph, type GraphOptions, type GraphPool } from './graphs.js';
export {
  getDeviceCapability,
  getDeviceName,
  getDeviceProperties,
  isBf16Supported,
  type DeviceProperties,
} from './properties.js';
