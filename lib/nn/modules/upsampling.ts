// Upsampling.
import { expectOptions } from '../../core/options.js';
import { ArgumentTypeError } from '../../core/errors.js';
import type { Tensor } from '../../tensor/tensor.js';
import { interpolate, type InterpolateOptions } from '../functional/vision.js';
import { Module } from '../module.js';
import type { Pair } from './sizes.js';
import { float, size as sizeText, tuple } from './repr.js';

/** As those of `nn.functional.interpolate`, which say what they are. */
export type UpsampleOptions = Omit<InterpolateOptions, 'antialias'>;

/**
 * Resamples [N, C, L], [N, C, H, W] or [N, C, D, H, W] to a spatial `size`, or by `scaleFactor` with sizes rounded down.
 * `mode` is 'nearest' (the default), 'nearest-exact', 'area', 'linear', 'bilinear', 'bicubic' or 'trilinear'.
 */
export class Upsample extends Module {
  private readonly options: UpsampleOptions;

  constructor(options: UpsampleOptions) {
    super();
    this.options = { ...expectOptions(new.target.name, options) };
    const { size = null, scaleFactor = null } = options;
    if ((size === null) === (scaleFactor === null))
      throw new ArgumentTypeError(
        new.target.name,
        `expected size or scaleFactor, got ${size === null ? 'neither' : 'both'}`,
      );
  }
  override forward(input: Tensor): Tensor {
    return interpolate(input, this.options);
  }
  override extraRepr(): string {
    const { size = null, scaleFactor = null, mode = 'nearest' } = this.options;
    const target =
      scaleFactor === null
        ? `size=${sizeText(size)}`
        : `scale_factor=${typeof scaleFactor === 'number' ? float(scaleFactor) : tuple(scaleFactor, float)}`;
    return `${target}, mode='${mode}'`;
  }
}

/** Upsample of [N, C, H, W] with mode 'nearest'. */
export class UpsamplingNearest2d extends Upsample {
  constructor(options: { size?: Pair | null; scaleFactor?: Pair | null }) {
    super({ ...expectOptions(new.target.name, options), mode: 'nearest' });
  }
}

/** Upsample of [N, C, H, W] with mode 'bilinear' and alignCorners. */
export class UpsamplingBilinear2d extends Upsample {
  constructor(options: { size?: Pair | null; scaleFactor?: Pair | null }) {
    super({ ...expectOptions(new.target.name, options), mode: 'bilinear', alignCorners: true });
  }
}
