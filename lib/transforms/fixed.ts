// Transforms without random numbers.
import { expectNoMore, options } from '../core/options.js';
import type { DType } from '../core/dtype.js';
import type { Tensor } from '../tensor/tensor.js';
import type { Size } from './checks.js';
import { normalize, rgbToGrayscale, toDtype } from './color.js';
import {
  centerCrop,
  pad,
  resize,
  type Fill,
  type Padding,
  type PaddingMode,
  type ResizeOptions,
} from './geometry.js';
import type { ImageTransform } from './transform.js';

/** (image - mean) / std for each channel. */
export class Normalize implements ImageTransform {
  readonly options: { inplace?: boolean };
  constructor(
    readonly mean: readonly number[],
    readonly std: readonly number[],
    given: { inplace?: boolean } = {},
  ) {
    this.options = options('Normalize', given, ['inplace']);
  }
  forward(images: Tensor): Tensor {
    return normalize(images, this.mean, this.std, this.options);
  }
}

/** Another dtype; with `scale` 0 ... 255 of uint8 becomes 0 ... 1 of float32. */
export class ToDtype implements ImageTransform {
  readonly options: { scale?: boolean };
  constructor(
    readonly dtype: DType,
    given: { scale?: boolean } = {},
  ) {
    this.options = options('ToDtype', given, ['scale']);
  }
  forward(images: Tensor): Tensor {
    return toDtype(images, this.dtype, this.options);
  }
}

/** `ToDtype` with `scale`: torchvision's older name. */
export class ConvertImageDtype extends ToDtype {
  constructor(dtype: DType = 'float32') {
    super(dtype, { scale: true });
    expectNoMore(new.target.name, arguments, 1);
  }
}

export class CenterCrop implements ImageTransform {
  constructor(readonly size: Size) {
    expectNoMore(new.target.name, arguments, 1);
  }
  forward(images: Tensor): Tensor {
    return centerCrop(images, this.size);
  }
}

export class Pad implements ImageTransform {
  readonly options: { fill?: Fill; paddingMode?: PaddingMode };
  constructor(
    readonly padding: Padding,
    given: { fill?: Fill; paddingMode?: PaddingMode } = {},
  ) {
    this.options = options('Pad', given, ['fill', 'paddingMode']);
  }
  forward(images: Tensor): Tensor {
    return pad(images, this.padding, this.options);
  }
}

export class Resize implements ImageTransform {
  readonly options: ResizeOptions;
  constructor(
    readonly size: Size,
    given: ResizeOptions = {},
  ) {
    this.options = options('Resize', given, ['interpolation', 'maxSize', 'antialias']);
  }
  forward(images: Tensor): Tensor {
    return resize(images, this.size, this.options);
  }
}

export class Grayscale implements ImageTransform {
  readonly options: { numOutputChannels?: number };
  constructor(given: { numOutputChannels?: number } = {}) {
    this.options = options('Grayscale', given, ['numOutputChannels']);
  }
  forward(images: Tensor): Tensor {
    return rgbToGrayscale(images, this.options);
  }
}
