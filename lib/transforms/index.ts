// torch.transforms: torchvision's transforms.v2 on tensors of images, alone or in batches.
export * as functional from './functional.js';
export type { Range, Size } from './checks.js';
export { CenterCrop, ConvertImageDtype, Grayscale, Normalize, Pad, Resize, ToDtype } from './fixed.js';
export type { Fill, Interpolation, Padding, PaddingMode, ResizeOptions, RotateOptions } from './geometry.js';
export {
  ColorJitter,
  RandomCrop,
  RandomErasing,
  RandomHorizontalFlip,
  RandomResizedCrop,
  RandomRotation,
  RandomVerticalFlip,
  type ColorJitterOptions,
  type RandomCropOptions,
  type RandomErasingOptions,
  type RandomResizedCropOptions,
} from './random.js';
export { Compose, Lambda, type ImageTransform, type RandomOptions } from './transform.js';
