// torch.amp: mixed precision.
export * from './autocast.js';
export * from './gradScaler.js';
