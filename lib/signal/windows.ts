// torch.signal.windows: https://docs.pytorch.org/docs/stable/signal.html
import {
  expectBoolean,
  expectInteger,
  expectNumber,
  expectOneOf,
  isIterable,
  isNumber,
} from '../core/checks.js';
import { describe } from '../core/describe.js';
import type { Device } from '../core/dtype.js';
import { ArgumentTypeError, TorchError } from '../core/errors.js';
import { expectNoMore, options } from '../core/options.js';
import { operator } from '../operators/operators.js';
import type { Tensor } from '../tensor/tensor.js';
import type { On } from '../types/pairs.js';

type Floating = 'float32' | 'float64';

export interface WindowOptions<D extends Floating = Floating, V extends Device = Device> {
  /** Whether the window is symmetric, for filters; false makes a periodic one, for spectra. Default true. */
  sym?: boolean;
  /** Default float32. */
  dtype?: D;
  /** There is 'strided' alone. */
  layout?: 'strided';
  /** Default cpu. */
  device?: V;
  /** Whether operations on the window are recorded. Default false. */
  requiresGrad?: boolean;
}

const COMMON = ['sym', 'dtype', 'layout', 'device', 'requiresGrad'] as const;

/** A window that is being made: how long it is, and of what kind. */
interface Plan {
  readonly length: number;
  readonly sym: boolean;
  readonly dtype: Floating;
  readonly device: Device | undefined;
  readonly requiresGrad: boolean;
}

function plan(name: string, length: number, given: WindowOptions): Plan {
  const where = `signal.windows.${name}`;
  const { sym = true, dtype = 'float32', layout = 'strided', device, requiresGrad = false } = given;
  expectOneOf(where, 'layout', layout, ['strided']);
  return {
    length: expectInteger(where, 'M', length),
    sym: expectBoolean(where, 'sym', sym),
    dtype: expectOneOf(where, 'dtype', dtype, ['float32', 'float64']),
    device,
    requiresGrad: expectBoolean(where, 'requiresGrad', requiresGrad),
  };
}

function recorded(tensor: Tensor, { requiresGrad }: Plan): Tensor {
  if (requiresGrad) tensor.requiresGrad = true;
  return tensor;
}

/** Nothing, or a single one. */
function ones(plan: Plan): Tensor {
  return recorded(
    operator('aten::ones').call([plan.length], plan.dtype, undefined, plan.device) as Tensor,
    plan,
  );
}

function line(plan: Plan, start: number, end: number): Tensor {
  const { length, dtype, device } = plan;
  return recorded(
    operator('aten::linspace').call(start, end, length, dtype, undefined, device) as Tensor,
    plan,
  );
}

/** How many steps there are around a window that goes to nothing at its ends. */
const around = ({ length, sym }: Plan): number => (sym ? length - 1 : length);

// What each function gives, for its callers.
type Window<E extends Floating, W extends Device> = Tensor<NoInfer<E>, On<NoInfer<W>>>;

// Of the dtype and on the device that were asked for.
const typed = <E extends Floating, W extends Device>(window: Tensor): Window<E, W> => window as Window<E, W>;

/** A line up to 1 and down again: [M]. */
export function bartlett<E extends Floating = 'float32', W extends Device = 'cpu'>(
  M: number,
  given: WindowOptions<E, W> = {},
): Window<E, W> {
  expectNoMore('signal.windows.bartlett', arguments, 2);
  const made = plan('bartlett', M, options('signal.windows.bartlett', given, COMMON));
  if (made.length < 2) return typed(ones(made));
  const constant = 2 / around(made);
  const k = line(made, -1, -1 + (made.length - 1) * constant);
  return typed(operator('aten::rsub.Scalar').call(k.abs(), 1) as Tensor);
}

/** A sum of three cosines: [M]. */
export function blackman<E extends Floating = 'float32', W extends Device = 'cpu'>(
  M: number,
  given: WindowOptions<E, W> = {},
): Window<E, W> {
  expectNoMore('signal.windows.blackman', arguments, 2);
  return typed(cosines('blackman', M, given, [0.42, 0.5, 0.08]));
}

/** Half a sine: [M]. */
export function cosine<E extends Floating = 'float32', W extends Device = 'cpu'>(
  M: number,
  given: WindowOptions<E, W> = {},
): Window<E, W> {
  expectNoMore('signal.windows.cosine', arguments, 2);
  const made = plan('cosine', M, options('signal.windows.cosine', given, COMMON));
  const { length, sym } = made;
  if (length === 0) return typed(ones(made));
  const constant = Math.PI / (!sym && length > 1 ? length + 1 : length);
  return typed(line(made, 0.5 * constant, (0.5 + (length - 1)) * constant).sin());
}

/** Falls by e over `tau` (1) on both sides of `center` (the middle; given for periodic windows alone): [M]. */
export function exponential<E extends Floating = 'float32', W extends Device = 'cpu'>(
  M: number,
  given: WindowOptions<E, W> & { center?: number | null; tau?: number } = {},
): Window<E, W> {
  expectNoMore('signal.windows.exponential', arguments, 2);
  const where = 'signal.windows.exponential';
  const { center: at = null, tau = 1, ...more } = options(where, given, [...COMMON, 'center', 'tau']);
  const made = plan('exponential', M, more);
  expectNumber(where, 'tau', tau, { above: 0 });
  const { length, sym } = made;
  if (sym && at !== null)
    throw new TorchError(where, 'center: a symmetric window has its own: leave it out, or pass sym: false');
  if (length === 0) return typed(ones(made));
  const center = at === null ? middle(made) : expectNumber(where, 'center', at);
  const constant = 1 / tau;
  const k = line(made, -center * constant, (-center + (length - 1)) * constant);
  return typed(k.abs().neg().exp());
}

/** A bell of standard deviation `std` (1): [M]. */
export function gaussian<E extends Floating = 'float32', W extends Device = 'cpu'>(
  M: number,
  given: WindowOptions<E, W> & { std?: number } = {},
): Window<E, W> {
  expectNoMore('signal.windows.gaussian', arguments, 2);
  const where = 'signal.windows.gaussian';
  const { std = 1, ...more } = options(where, given, [...COMMON, 'std']);
  const made = plan('gaussian', M, more);
  expectNumber(where, 'std', std, { above: 0 });
  if (made.length === 0) return typed(ones(made));
  const start = -middle(made);
  const constant = 1 / (std * Math.sqrt(2));
  const k = line(made, start * constant, (start + (made.length - 1)) * constant);
  return typed(k.pow(2).neg().exp());
}

/** A sum of cosines with the weights `a`, of turning signs: [M]. */
export function generalCosine<E extends Floating = 'float32', W extends Device = 'cpu'>(
  M: number,
  given: WindowOptions<E, W> & { a: Iterable<number> },
): Window<E, W> {
  expectNoMore('signal.windows.generalCosine', arguments, 2);
  const where = 'signal.windows.generalCosine';
  const { a, ...more } = options(where, given, [...COMMON, 'a']);
  const weights: unknown[] = isIterable(a) ? [...a] : [];
  if (weights.length === 0 || !weights.every(isNumber))
    throw new ArgumentTypeError(where, `a: expected weights, one or more numbers, got ${describe(a)}`);
  return typed(cosines('generalCosine', M, more as WindowOptions, weights.map(Number)));
}

/** One cosine over a constant, `alpha` (0.54): [M]. */
export function generalHamming<E extends Floating = 'float32', W extends Device = 'cpu'>(
  M: number,
  given: WindowOptions<E, W> & { alpha?: number } = {},
): Window<E, W> {
  expectNoMore('signal.windows.generalHamming', arguments, 2);
  const where = 'signal.windows.generalHamming';
  const { alpha = 0.54, ...more } = options(where, given, [...COMMON, 'alpha']);
  expectNumber(where, 'alpha', alpha);
  return typed(cosines('generalHamming', M, more as WindowOptions, [alpha, 1 - alpha]));
}

/** generalHamming with an alpha of 0.54: [M]. */
export function hamming<E extends Floating = 'float32', W extends Device = 'cpu'>(
  M: number,
  given: WindowOptions<E, W> = {},
): Window<E, W> {
  expectNoMore('signal.windows.hamming', arguments, 2);
  return typed(cosines('hamming', M, given, [0.54, 1 - 0.54]));
}

/** generalHamming with an alpha of 0.5: [M]. */
export function hann<E extends Floating = 'float32', W extends Device = 'cpu'>(
  M: number,
  given: WindowOptions<E, W> = {},
): Window<E, W> {
  expectNoMore('signal.windows.hann', arguments, 2);
  return typed(cosines('hann', M, given, [0.5, 0.5]));
}

/** Bessel functions, as narrow as `beta` (12) is large: [M]. */
export function kaiser<E extends Floating = 'float32', W extends Device = 'cpu'>(
  M: number,
  given: WindowOptions<E, W> & { beta?: number } = {},
): Window<E, W> {
  expectNoMore('signal.windows.kaiser', arguments, 2);
  const where = 'signal.windows.kaiser';
  const { beta = 12, ...more } = options(where, given, [...COMMON, 'beta']);
  const made = plan('kaiser', M, more);
  expectNumber(where, 'beta', beta, { least: 0 });
  const { length, dtype, device } = made;
  if (length < 2) return typed(ones(made));
  // In the window's own dtype, so that the root below is of nothing negative.
  const b = operator('aten::scalar_tensor').call(beta, dtype, undefined, device) as Tensor;
  const start = b.neg();
  const last = start.add(
    b
      .mul(2)
      .div(around(made))
      .mul(length - 1),
  );
  const end = operator('aten::minimum').call(b, last) as Tensor;
  const k = recorded(
    operator('aten::linspace.Tensor_Tensor').call(start, end, length, dtype, undefined, device) as Tensor,
    made,
  );
  const root = b.mul(b).sub(k.pow(2)).sqrt();
  return typed(root.i0().div(b.i0()));
}

/** A sum of four cosines: [M]. */
export function nuttall<E extends Floating = 'float32', W extends Device = 'cpu'>(
  M: number,
  given: WindowOptions<E, W> = {},
): Window<E, W> {
  expectNoMore('signal.windows.nuttall', arguments, 2);
  return typed(cosines('nuttall', M, given, [0.3635819, 0.4891775, 0.1365995, 0.0106411]));
}

const middle = ({ length, sym }: Plan): number => (!sym && length > 1 ? length : length - 1) / 2;

function cosines(name: string, M: number, given: WindowOptions, weights: readonly number[]): Tensor {
  const made = plan(name, M, options(`signal.windows.${name}`, given, COMMON));
  const { length, dtype, device } = made;
  if (length < 2) return ones(made);
  const constant = (2 * Math.PI) / around(made);
  const k = line(made, 0, (length - 1) * constant);
  const values = weights.map((weight, i) => (i % 2 === 0 ? weight : -weight));
  const signed = recorded(
    operator('aten::stack').call(
      values.map((value) => operator('aten::scalar_tensor').call(value, dtype, undefined, device)),
    ) as Tensor,
    made,
  );
  const i = operator('aten::arange').call(values.length, dtype, undefined, device) as Tensor;
  const waves = recorded(i, made).unsqueeze(-1).mul(k).cos();
  return signed.unsqueeze(-1).mul(waves).sum(0);
}
