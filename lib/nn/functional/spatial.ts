// The functions of torch.nn.functional for what has spatial dimensions: convolution's neighbours. Those that are operators
// as they stand are generated (lib/operators/generated/functional.ts).
export { alphaDropout, dropout, dropout1d, dropout2d, dropout3d, featureAlphaDropout } from './dropout.js';
export { fold, unfold, type FoldOptions } from './fold.js';
export {
  batchNorm,
  groupNorm,
  instanceNorm,
  layerNorm,
  localResponseNorm,
  type AffineOptions,
  type BatchNormOptions,
  type InstanceNormOptions,
  type LocalResponseNormOptions,
} from './normalization.js';
export { pad, type PadMode } from './padding.js';
export {
  adaptiveAvgPool2d,
  adaptiveAvgPool3d,
  adaptiveMaxPool1d,
  adaptiveMaxPool2d,
  adaptiveMaxPool3d,
  fractionalMaxPool2d,
  fractionalMaxPool3d,
  lpPool1d,
  lpPool2d,
  lpPool3d,
  maxPool1d,
  maxPool2d,
  maxPool3d,
  maxUnpool1d,
  maxUnpool2d,
  maxUnpool3d,
  type AdaptiveSize,
  type FractionalMaxPoolOptions,
  type LPPoolOptions,
  type MaxPoolOptions,
  type MaxUnpoolOptions,
  type Pooled,
} from './pooling.js';
export {
  adaptiveMaxPool1dWithIndices,
  adaptiveMaxPool2dWithIndices,
  adaptiveMaxPool3dWithIndices,
  fractionalMaxPool2dWithIndices,
  fractionalMaxPool3dWithIndices,
  maxPool1dWithIndices,
  maxPool2dWithIndices,
  maxPool3dWithIndices,
} from './poolingIndices.js';
export {
  affineGrid,
  gridSample,
  interpolate,
  type GridSampleOptions,
  type InterpolateOptions,
  type InterpolationMode,
} from './vision.js';
