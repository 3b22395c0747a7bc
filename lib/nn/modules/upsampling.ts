// Upsampling.
import { options as optionsOf } from '../../core/options.js';
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
  size: UpsampleOptions['size'] | null;
  scaleFactor: UpsampleOptions['scaleFactor'] | null;
  mode: NonNullable<UpsampleOptions['mode']>;
  alignCorners: boolean | null;
  recomputeScaleFactor: boolean | null;

  constructor(options: UpsampleOptions) {
    super();
    const where = new.target.name;
    const {
      size = null,
      scaleFactor = null,
      mode = 'nearest',
      alignCorners = null,
      recomputeScaleFactor = null,
    } = optionsOf(where, options, ['size', 'scaleFactor', 'mode', 'alignCorners', 'recomputeScaleFactor']);
    if ((size === null) === (scaleFactor === null))
      throw new ArgumentTypeError(
        where,
        `expected size or scaleFactor, got ${size === null ? 'neither' : 'both'}`,
      );
    this.size = size;
    this.scaleFactor = scaleFactor;
    this.mode = mode;
    this.alignCorners = alignCorners;
    this.recomputeScaleFactor = recomputeScaleFactor;
  }
  override forward(input: Tensor): Tensor {
    const { size, scaleFactor, mode, alignCorners, recomputeScaleFactor } = this;
    const options = { size, scaleFactor, mode, alignCorners, recomputeScaleFactor };
    return interpolate(input, options as UpsampleOptions);
  }
  override extraRepr(): string {
    const { size = null, scaleFactor = null, mode } = this;
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
    super({ ...optionsOf(new.target.name, options, ['size', 'scaleFactor']), mode: 'nearest' });
  }
}

/** Upsample of [N, C, H, W] with mode 'bilinear' and alignCorners. */
export class UpsamplingBilinear2d extends Upsample {
  constructor(options: { size?: Pair | null; scaleFactor?: Pair | null }) {
    super({
      ...optionsOf(new.target.name, options, ['size', 'scaleFactor']),
      mode: 'bilinear',
      alignCorners: true,
    });
  }
}
