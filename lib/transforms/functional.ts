// torch.transforms.functional.
export {
  adjustBrightness,
  adjustContrast,
  adjustHue,
  adjustSaturation,
  convertImageDtype,
  normalize,
  rgbToGrayscale,
  toDtype,
} from './color.js';
export {
  centerCrop,
  crop,
  erase,
  horizontalFlip,
  pad,
  resize,
  resizedCrop,
  rotate,
  verticalFlip,
} from './geometry.js';
