// Resampling: interpolate, gridSample, affineGrid.
import { callable } from '../../core/callable.js';
import { expectOneOf } from '../../core/checks.js';
import { describe } from '../../core/describe.js';
import { isFloatingPoint } from '../../core/dtype.js';
import { TorchError, ArgumentTypeError } from '../../core/errors.js';
import { expectTensor, type Tensor } from '../../tensor/tensor.js';
import { spread, type Dims } from '../modules/sizes.js';
import { aten } from './call.js';
import { adaptiveAvgPool2d, adaptiveAvgPool3d } from './pooling.js';

export type InterpolationMode =
  'nearest' | 'nearest-exact' | 'area' | 'linear' | 'bilinear' | 'bicubic' | 'trilinear' | 'lanczos';

export interface InterpolateOptions {
  /** The output's spatial size: one number for all dimensions, or one for each. This or `scaleFactor` has to be given. */
  size?: number | readonly number[] | null;
  /** What the input's spatial size is multiplied by, rounded down. */
  scaleFactor?: number | readonly number[] | null;
  /** Default 'nearest'. */
  mode?: InterpolationMode;
  /**
   * Whether the corner values' centres, not their outer edges, lie on one another. For 'linear', 'bilinear', 'bicubic' and
   * 'trilinear' only. Default false.
   */
  alignCorners?: boolean | null;
  /**
   * Whether the factor is computed anew from the sizes, which were rounded, instead of taken as it was given. Default
   * false.
   */
  recomputeScaleFactor?: boolean | null;
  /** Whether to smooth where the output is smaller: 'bilinear', 'bicubic' and 'lanczos' of [N, C, H, W]. Default false. */
  antialias?: boolean;
}

const WHERE = 'nn.functional.interpolate';
const MODES = [
  'nearest',
  'nearest-exact',
  'area',
  'linear',
  'bilinear',
  'bicubic',
  'trilinear',
  'lanczos',
] as const;
// For which numbers of spatial dimensions a mode is there, and the operator's name.
const NEAREST: Readonly<Partial<Record<InterpolationMode, string>>> = {
  nearest: 'upsample_nearest',
  'nearest-exact': '_upsample_nearest_exact',
};
const SMOOTH: Readonly<Partial<Record<InterpolationMode, { dims: Dims; name: string }>>> = {
  linear: { dims: 1, name: 'upsample_linear1d' },
  bilinear: { dims: 2, name: 'upsample_bilinear2d' },
  bicubic: { dims: 2, name: 'upsample_bicubic2d' },
  lanczos: { dims: 2, name: 'upsample_lanczos2d' },
  trilinear: { dims: 3, name: 'upsample_trilinear3d' },
};

/**
 * Resamples [N, C, L], [N, C, H, W] or [N, C, D, H, W] to another spatial size. 'nearest', 'nearest-exact' (PIL's nearest)
 * and 'area' (means) are there for all of them, 'linear' for one spatial dimension, 'bilinear', 'bicubic' and 'lanczos'
 * (with antialias) for two, 'trilinear' for three.
 */
export const interpolate = callable(
  WHERE,
  ['input', 'size', 'scaleFactor', 'mode', 'alignCorners', 'recomputeScaleFactor', 'antialias'],
  (
    input: Tensor,
    size: number | readonly number[] | null = null,
    scaleFactor: number | readonly number[] | null = null,
    mode: InterpolationMode = 'nearest',
    alignCorners: boolean | null = null,
    recomputeScaleFactor: boolean | null = null,
    antialias = false,
  ): Tensor => {
    const { shape } = expectTensor(WHERE, 'input', input);
    expectOneOf(WHERE, 'mode', mode, MODES);
    const dims = (shape.length - 2) as Dims;
    if (dims < 1 || dims > 3)
      throw refuse(
        input,
        'expected an input of 3, 4 or 5 dimensions: [N, C, L], [N, C, H, W] or [N, C, D, H, W]',
      );
    const smooth = SMOOTH[mode];
    if (smooth === undefined && alignCorners !== null)
      throw refuse(
        input,
        `alignCorners is for linear, bilinear, bicubic and trilinear, not for ${mode}: leave it out`,
      );
    if (smooth !== undefined && smooth.dims !== dims)
      throw refuse(input, `mode '${mode}' takes an input of ${smooth.dims + 2} dimensions, got ${dims + 2}`);
    if (antialias && !['bilinear', 'bicubic', 'lanczos'].includes(mode))
      throw refuse(input, `antialias is for bilinear, bicubic and lanczos, not for ${mode}`);
    if (mode === 'lanczos' && (alignCorners === true || !antialias))
      throw refuse(input, "mode 'lanczos' needs antialias: true, and has no alignCorners");
    const { sizes, factors } = target(input, dims, { size, scaleFactor, mode, recomputeScaleFactor });
    if (mode === 'area') {
      if (dims === 1) return aten('adaptive_avg_pool1d', input, sizes);
      return dims === 2 ? adaptiveAvgPool2d(input, sizes!) : adaptiveAvgPool3d(input, sizes!);
    }
    if (smooth === undefined) return aten(`${NEAREST[mode]!}${dims}d.vec`, input, sizes, factors);
    const name = antialias ? `_${smooth.name}_aa` : smooth.name;
    return aten(`${name}.vec`, input, sizes, alignCorners ?? false, factors);
  },
);

// The size or the factors, null for the other.
function target(
  input: Tensor,
  dims: Dims,
  options: InterpolateOptions,
): { sizes: number[] | null; factors: number[] | null } {
  const { size = null, scaleFactor = null, mode, recomputeScaleFactor = null } = options;
  if ((size === null) === (scaleFactor === null))
    throw refuse(input, `expected size or scaleFactor, got ${size === null ? 'neither' : 'both'}`);
  if (size !== null) {
    if (recomputeScaleFactor === true)
      throw refuse(input, 'recomputeScaleFactor means nothing with a size: leave it out');
    return { sizes: spread(WHERE, 'size', size, dims), factors: null };
  }
  const factors = spread(WHERE, 'scaleFactor', scaleFactor, dims);
  if (mode !== 'area' && recomputeScaleFactor !== true) return { sizes: null, factors };
  return { sizes: factors.map((factor, d) => Math.trunc(input.shape[d + 2]! * factor)), factors: null };
}

function refuse(input: Tensor, message: string): TorchError {
  return new ArgumentTypeError(WHERE, message, {
    arguments: [`input: ${describe(input)}`],
  });
}

export interface GridSampleOptions {
  /** Default 'bilinear', which for 3D pictures is trilinear; 'bicubic' is for 2D only. */
  mode?: 'bilinear' | 'nearest' | 'bicubic';
  /** What lies outside the input. Default 'zeros'. */
  paddingMode?: 'zeros' | 'border' | 'reflection';
  /** Whether -1 and 1 are the corner values' centres, not their outer edges. Default false. */
  alignCorners?: boolean | null;
}

type GridMode = NonNullable<GridSampleOptions['mode']>;
type GridPadding = NonNullable<GridSampleOptions['paddingMode']>;
const GRID_MODES = ['bilinear', 'nearest', 'bicubic'] as const;
const GRID_PADDINGS = ['zeros', 'border', 'reflection'] as const;

/**
 * Values of `input` at the places of `grid`: input [N, C, H, W] and grid [N, H', W', 2] to [N, C, H', W'], or [N, C, D, H, W]
 * and [N, D', H', W', 3]. A place is (x, y) or (x, y, z) with -1 for the left, top and front, 1 for the other side.
 */
export const gridSample = callable(
  'nn.functional.gridSample',
  ['input', 'grid', 'mode', 'paddingMode', 'alignCorners'],
  (
    input: Tensor,
    grid: Tensor,
    mode: GridMode = 'bilinear',
    paddingMode: GridPadding = 'zeros',
    alignCorners: boolean | null = null,
  ): Tensor => {
    const where = 'nn.functional.gridSample';
    expectOneOf(where, 'mode', mode, GRID_MODES);
    expectOneOf(where, 'paddingMode', paddingMode, GRID_PADDINGS);
    return aten(
      'grid_sampler',
      expectTensor(where, 'input', input),
      expectTensor(where, 'grid', grid),
      GRID_MODES.indexOf(mode),
      GRID_PADDINGS.indexOf(paddingMode),
      alignCorners ?? false,
    );
  },
);

/**
 * The places that `gridSample` takes, moved by affine maps: theta [N, 2, 3] and a size [N, C, H, W] to [N, H, W, 2], or theta
 * [N, 3, 4] and [N, C, D, H, W] to [N, D, H, W, 3]. `alignCorners` (default false) as for `gridSample`.
 */
export const affineGrid = callable(
  'nn.functional.affineGrid',
  ['theta', 'size', 'alignCorners'],
  (theta: Tensor, size: readonly number[], alignCorners: boolean | null = null): Tensor => {
    const where = 'nn.functional.affineGrid';
    const { dtype, shape } = expectTensor(where, 'theta', theta);
    const fail = (message: string): TorchError =>
      new TorchError(where, message, { arguments: [`theta: ${describe(theta)}`] });
    if (!isFloatingPoint(dtype)) throw fail(`theta: expected floating point numbers, got ${dtype}`);
    if (!Array.isArray(size) || (size.length !== 4 && size.length !== 5))
      throw fail(`size: expected [N, C, H, W] or [N, C, D, H, W], got ${describe(size)}`);
    if (!size.every((one) => one > 0)) throw fail(`size: expected sizes of 1 or more, got ${describe(size)}`);
    const [rows, columns] = size.length === 4 ? [2, 3] : [3, 4];
    if (shape.length !== 3 || shape[1] !== rows || shape[2] !== columns)
      throw fail(
        `theta: expected [N, ${rows}, ${columns}] for a size of ${size.length}, got [${shape.join(', ')}]`,
      );
    return aten('affine_grid_generator', theta, size, alignCorners ?? false);
  },
);
