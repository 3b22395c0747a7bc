// Gradients kept small: by their common norm, or value by value.
import { expectNoMore, options as optionsOf } from '../../core/options.js';
import { describe } from '../../core/describe.js';
import { noGrad } from '../../autograd/gradMode.js';
import { full } from '../../tensor/create.js';
import { ArgumentTypeError } from '../../core/errors.js';
import { operator } from '../../operators/operators.js';
import { asserted, recording } from '../../program/recording.js';
import { isTensor, type Tensor } from '../../tensor/tensor.js';

export interface ClipNormOptions {
  /** The p of the norm; Infinity for the largest value. Default 2. */
  normType?: number;
  /** Whether a norm that is NaN or infinite throws. Default false. */
  errorIfNonfinite?: boolean;
  /** Whether all gradients of one device and dtype are scaled by one call. The numbers are the same. Default true. */
  foreach?: boolean;
}

/**
 * The norm of several tensors as if they were one vector: a tensor of 0 dimensions.
 *
 * @throws TorchError under errorIfNonfinite when it is NaN or infinite.
 */
export function getTotalNorm(tensors: Tensor | Iterable<Tensor>, options: ClipNormOptions = {}): Tensor {
  expectNoMore('getTotalNorm', arguments, 2);
  const where = 'getTotalNorm';
  const {
    normType = 2,
    errorIfNonfinite = false,
    foreach = true,
  } = optionsOf(where, options, ['normType', 'errorIfNonfinite', 'foreach']);
  const all = listed(where, tensors);
  return noGrad(() => {
    if (all.length === 0) return full([], 0);
    const device = all[0]!.device;
    const norms = groups(all).flatMap((group) =>
      foreach
        ? (operator('aten::_foreach_norm.Scalar').call(group, normType) as Tensor[])
        : group.map((tensor) => vectorNorm(tensor, normType)),
    );
    const stacked = operator('aten::stack').call(norms.map((norm) => norm.to({ device }))) as Tensor;
    const total = vectorNorm(stacked, normType);
    if (errorIfNonfinite)
      asserted(
        where,
        total.isfinite(),
        () =>
          `the norm of the gradients is ${recording() === undefined ? total.item() : 'not finite'}, so that they cannot be scaled ` +
          'to one: look for the reason, or leave out errorIfNonfinite to scale them by that anyway',
      );
    return total;
  });
}

/**
 * Scales the parameters' gradients in place by maxNorm / (totalNorm + 1e-6) where that is below 1; totalNorm is a tensor
 * of 0 dimensions, as getTotalNorm gives it.
 */
export function clipGradsWithNorm_(
  parameters: Tensor | Iterable<Tensor>,
  maxNorm: number,
  totalNorm: Tensor,
  options: { foreach?: boolean } = {},
): void {
  expectNoMore('clipGradsWithNorm_', arguments, 4);
  const { foreach = true } = optionsOf('clipGradsWithNorm_', options, ['foreach']);
  const grads = gradients('clipGradsWithNorm_', parameters);
  expectNumber('clipGradsWithNorm_', 'maxNorm', maxNorm);
  if (grads.length === 0) return;
  noGrad(() => {
    // As Python divides a number by a tensor.
    const factor = (operator('aten::reciprocal').call(totalNorm.add(1e-6)) as Tensor).mul(maxNorm);
    const clamped = operator('aten::clamp').call(factor, null, 1) as Tensor;
    for (const group of groups(grads)) {
      const here = clamped.to({ device: group[0]!.device });
      if (foreach) operator('aten::_foreach_mul_.Tensor').call(group, here);
      else for (const gradient of group) gradient.mul_(here);
    }
  });
}

/**
 * Scales the gradients of all parameters in place so that their norm, taken as if they were one vector, is at most maxNorm.
 * Parameters without gradient are passed over.
 *
 * @returns the norm before: a tensor of 0 dimensions
 * @throws TorchError under errorIfNonfinite when that is NaN or infinite; the gradients then stay as they are.
 */
export function clipGradNorm_(
  parameters: Tensor | Iterable<Tensor>,
  maxNorm: number,
  options: ClipNormOptions = {},
): Tensor {
  expectNoMore('clipGradNorm_', arguments, 3);
  expectNumber('clipGradNorm_', 'maxNorm', maxNorm);
  // An iterable may be one that can be walked once.
  const all = listed('clipGradNorm_', parameters);
  const total = getTotalNorm(gradients('clipGradNorm_', all), options);
  const { foreach = true } = options;
  clipGradsWithNorm_(all, maxNorm, total, { foreach });
  return total;
}

/** Brings every value of the parameters' gradients into [-clipValue, clipValue], in place. */
export function clipGradValue_(
  parameters: Tensor | Iterable<Tensor>,
  clipValue: number,
  options: { foreach?: boolean } = {},
): void {
  expectNoMore('clipGradValue_', arguments, 3);
  const { foreach = true } = optionsOf('clipGradValue_', options, ['foreach']);
  expectNumber('clipGradValue_', 'clipValue', clipValue);
  noGrad(() => {
    for (const group of groups(gradients('clipGradValue_', parameters))) {
      if (foreach) {
        operator('aten::_foreach_clamp_min_.Scalar').call(group, -clipValue);
        operator('aten::_foreach_clamp_max_.Scalar').call(group, clipValue);
      } else for (const gradient of group) operator('aten::clamp_').call(gradient, -clipValue, clipValue);
    }
  });
}

function vectorNorm(tensor: Tensor, normType: number): Tensor {
  return operator('aten::linalg_vector_norm').call(tensor, normType) as Tensor;
}

/** The tensors of each device and dtype. */
function groups(tensors: readonly Tensor[]): Tensor[][] {
  const found = new Map<string, Tensor[]>();
  for (const tensor of tensors) {
    const kind = `${tensor.device} ${tensor.dtype}`;
    const group = found.get(kind);
    if (group === undefined) found.set(kind, [tensor]);
    else group.push(tensor);
  }
  return [...found.values()];
}

function gradients(where: string, parameters: Tensor | Iterable<Tensor>): Tensor[] {
  return listed(where, parameters).flatMap(({ grad }) => (grad === null ? [] : [grad]));
}

// A tensor is iterable too, by its rows.
function listed(where: string, tensors: Tensor | Iterable<Tensor>): Tensor[] {
  const all = isTensor(tensors) ? [tensors] : iterable(tensors) ? [...tensors] : [tensors];
  for (const one of all) {
    if (!isTensor(one)) throw new ArgumentTypeError(where, `expected tensors, got ${describe(one)}`);
  }
  return all;
}

function iterable(value: unknown): value is Iterable<Tensor> {
  return typeof value === 'object' && value !== null && Symbol.iterator in value;
}

function expectNumber(where: string, name: string, value: unknown): void {
  if (typeof value !== 'number' || Number.isNaN(value))
    throw new ArgumentTypeError(where, `${name}: expected a number, got ${describe(value)}`);
}
