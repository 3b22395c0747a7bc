// The modules, one file for each of PyTorch's (torch/nn/modules).
export * from './activation.js';
export * from './batchnorm.js';
export * from './channelshuffle.js';
export * from './conv.js';
export * from './dropout.js';
export * from './flatten.js';
export * from './fold.js';
export * from './instancenorm.js';
export * from './lazyLinear.js';
export * from './linear.js';
export * from './loss.js';
export * from './normalization.js';
export * from './padding.js';
export type { Pair } from './pair.js';
export * from './pixelshuffle.js';
export * from './pooling.js';
export type { Single, Triple } from './sizes.js';
export * from './upsampling.js';
