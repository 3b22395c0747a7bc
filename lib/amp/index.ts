// torch.amp: mixed precision.
export {
  autocast,
  clearAutocastCache,
  getAutocastDtype,
  isAutocastAvailable,
  isAutocastEnabled,
  type AutocastOptions,
} from './autocast.js';
export * from './gradScaler.js';
