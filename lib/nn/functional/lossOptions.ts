// What losses as functions and as modules ask of their options.
import { expectNumber } from '../../core/checks.js';
import { describe } from '../../core/describe.js';
import { TorchError, ArgumentTypeError } from '../../core/errors.js';
import { expectTensor } from '../../tensor/tensor.js';

/** What becomes of the losses of the elements: their mean, their sum, or nothing. */
export type Reduction = 'mean' | 'sum' | 'none';

export interface ReductionOption {
  /** Default 'mean'. */
  reduction?: Reduction;
}

/** What operators call each reduction. @internal */
export const REDUCTIONS: Readonly<Record<Reduction, number>> = { none: 0, mean: 1, sum: 2 };

/** What `reduction` replaced in PyTorch: where one of the two is given, it decides. */
export type Legacy = boolean | null;

/**
 * The operators' number of a reduction, or of what PyTorch's old arguments sizeAverage and reduce stand for. Throws a
 * TorchError unless it is one. @internal
 */
export function reductionNumber(
  where: string,
  reduction: Reduction = 'mean',
  sizeAverage: Legacy = null,
  reduce: Legacy = null,
): number {
  if (sizeAverage !== null || reduce !== null) {
    process.emitWarning(`${where}: sizeAverage and reduce are PyTorch's old way: use reduction`, {
      code: 'TORCH_NODE_DEPRECATED',
    });
    return reduce === false ? REDUCTIONS.none : sizeAverage === false ? REDUCTIONS.sum : REDUCTIONS.mean;
  }
  if (typeof reduction === 'string' && Object.hasOwn(REDUCTIONS, reduction)) return REDUCTIONS[reduction];
  throw new ArgumentTypeError(where, `reduction: expected mean, sum or none, got ${describe(reduction)}`);
}

/** Throws a TorchError unless the margin is a number greater than 0. @internal */
export function checkMargin(where: string, margin: unknown): void {
  expectNumber(where, 'margin', margin, { above: 0 });
}

/** Throws a TorchError unless the power is 1 or 2 and the weight, where there is one, has one dimension. @internal */
export function checkMultiMargin(where: string, p: unknown, weight: unknown): void {
  if (p !== 1 && p !== 2) throw new TorchError(where, `p: expected 1 or 2, got ${describe(p)}`);
  if (weight === undefined || weight === null) return;
  if (expectTensor(where, 'weight', weight).ndim !== 1)
    throw new TorchError(where, `weight: expected one dimension, got ${describe(weight)}`);
}
