// The modules, one file for each of PyTorch's (torch/nn/modules).
export * from './activation.js';
export * from './adaptive.js';
export { MultiheadAttention, type AttentionInputs, type MultiheadAttentionOptions } from './attention.js';
export {
  BatchNorm1d,
  BatchNorm2d,
  BatchNorm3d,
  LazyBatchNorm1d,
  LazyBatchNorm2d,
  LazyBatchNorm3d,
  SyncBatchNorm,
  type NormOptions,
} from './batchnorm.js';
export * from './channelshuffle.js';
export * from './container.js';
export * from './conv.js';
export * from './distance.js';
export * from './dropout.js';
export * from './flatten.js';
export * from './fold.js';
export * from './instancenorm.js';
export * from './lazyLinear.js';
export * from './linear.js';
export * from './loss.js';
export * from './normalization.js';
export * from './padding.js';
export type { Pair } from './sizes.js';
export * from './pixelshuffle.js';
export * from './pooling.js';
export * from './rnn.js';
export type { Single, Triple } from './sizes.js';
export * from './sparse.js';
export * from './transformer.js';
export * from './upsampling.js';
