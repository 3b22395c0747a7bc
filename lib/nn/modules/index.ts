// The modules, one file for each of PyTorch's (torch/nn/modules).
export * from './activation.js';
export * from './container.js';
export * from './conv.js';
export * from './flatten.js';
export * from './linear.js';
export * from './loss.js';
export type { Pair } from './pair.js';
export * from './pooling.js';
