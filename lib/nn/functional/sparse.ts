// Rows of a table looked up by their numbers.
import { callable } from '../../core/callable.js';
import { describe } from '../../core/describe.js';
import { zeros } from '../../operators/generated/functions.js';
import { arange } from '../../tensor/create.js';
import { expectKnown, recording } from '../../program/recording.js';
import { TorchError, ArgumentTypeError } from '../../core/errors.js';
import { operator } from '../../operators/operators.js';
import { expectTensor, type Tensor } from '../../tensor/tensor.js';

export interface EmbeddingLookup {
  /** The row of this number gets no gradient; negative numbers count from the end. Default none. */
  paddingIdx?: number | null;
  /** Rows that are looked up are scaled down in place to this norm first. Default none. */
  maxNorm?: number | null;
  /** The p of that norm. Default 2. */
  normType?: number;
  /** Whether gradients are divided by how often a row was looked up. Default false. */
  scaleGradByFreq?: boolean;
  /** Whether the gradient of `weight` is a sparse tensor. Default false. */
  sparse?: boolean;
}

/**
 * Rows of a table: indices int32 or int64 [...] and weight [rows, features] to [..., features].
 *
 * @throws TorchError for indices out of range and for a paddingIdx outside the table.
 */
export const embedding = callable(
  'nn.functional.embedding',
  ['input', 'weight', 'paddingIdx', 'maxNorm', 'normType', 'scaleGradByFreq', 'sparse'],
  (
    input: Tensor,
    weight: Tensor,
    paddingIdx: number | null = null,
    maxNorm: number | null = null,
    normType = 2,
    scaleGradByFreq = false,
    sparse = false,
  ): Tensor => {
    const where = 'nn.functional.embedding';
    expectTensor(where, 'input', input);
    const rows = expectTensor(where, 'weight', weight).size(0);
    const padding = rowOf(where, paddingIdx, rows) ?? -1;
    const indices = maxNorm === null ? input : input.contiguous();
    renormalise(weight, indices, maxNorm, normType);
    return operator('aten::embedding').call(weight, indices, padding, scaleGradByFreq, sparse) as Tensor;
  },
);

/**
 * For each class number a row of zeros with a one in its place: int64 [...] to int64 [..., numClasses]. Without
 * `numClasses`, or with -1, there is one class more than the largest number.
 *
 * @throws TorchError for numbers that are negative or too large; in a recorded step for `numClasses` left out, which
 *   follows from the values
 */
export const oneHot = callable(
  'nn.functional.oneHot',
  ['input', 'numClasses'],
  (input: Tensor, numClasses = -1): Tensor<'int64'> => {
    expectTensor('nn.functional.oneHot', 'input', input);
    // libtorch reads the largest and the smallest number first, which a recorded step cannot; scatter checks them too.
    if (recording() === undefined || input.dtype !== 'int64' || numClasses === 0)
      return operator('aten::one_hot').call(input, numClasses) as Tensor<'int64'>;
    if (numClasses === -1) expectKnown(input, 'how many classes there are', 'say numClasses');
    const classes = numClasses === -1 ? Number(input.max().item()) + 1 : numClasses;
    const rows = zeros([...input.shape, classes], { dtype: 'int64', device: input.device });
    return rows.scatter_(-1, input.unsqueeze(-1), 1);
  },
);

export interface EmbeddingBagLookup extends Omit<EmbeddingLookup, 'paddingIdx'> {
  /** Where the bags begin, int64 [bags]; for a flat `input`. */
  offsets?: Tensor | null;
  /** How a bag's rows become one. Default 'mean'. */
  mode?: BagMode;
  /** A weight for each looked-up row, of the shape of `input`; for the mode 'sum'. */
  perSampleWeights?: Tensor | null;
  /** Whether the last offset is where the last bag ends, and not the beginning of another. Default false. */
  includeLastOffset?: boolean;
  /** Rows of this number do not count in their bags; negative numbers count from the end. Default none. */
  paddingIdx?: number | null;
}

export type BagMode = 'sum' | 'mean' | 'max';

/**
 * Sums, means or maxima of a table's rows, without making the rows: indices [bags, n], or [total] with `offsets`, and weight
 * [rows, features] to [bags, features]. Empty bags give zeros.
 *
 * @throws TorchError where the shapes do not fit, and for what a mode does not know.
 */
export const embeddingBag = callable(
  'nn.functional.embeddingBag',
  [
    'input',
    'weight',
    'offsets',
    'maxNorm',
    'normType',
    'scaleGradByFreq',
    'mode',
    'sparse',
    'perSampleWeights',
    'includeLastOffset',
    'paddingIdx',
  ],
  (
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | null = null,
    maxNorm: number | null = null,
    normType = 2,
    scaleGradByFreq = false,
    mode: BagMode = 'mean',
    sparse = false,
    perSampleWeights: Tensor | null = null,
    includeLastOffset = false,
    paddingIdx: number | null = null,
  ): Tensor => {
    const where = 'nn.functional.embeddingBag';
    expectTensor(where, 'input', input);
    expectTensor(where, 'weight', weight);
    const fail = (message: string): TorchError => new TorchError(where, message);
    const flat = input.ndim === 1;
    const modeNumber = expectMode(where, mode, { scaleGradByFreq, sparse });
    if (weight.ndim !== 2) throw fail(`weight: expected 2 dimensions, got ${describe(weight)}`);
    if (!flat && input.ndim !== 2) throw fail(`input: expected 1 or 2 dimensions, got ${describe(input)}`);
    if (flat && offsets?.ndim !== 1)
      throw fail(`offsets: a flat input needs offsets of 1 dimension, got ${describe(offsets)}`);
    if (!flat && offsets)
      throw fail('offsets: an input of 2 dimensions has one bag in each row: leave them out');
    if (perSampleWeights) {
      if (String(perSampleWeights.shape) !== String(input.shape)) {
        throw fail(
          `perSampleWeights: expected the shape of the input, [${input.shape.join(', ')}], got ${describe(perSampleWeights)}`,
        );
      }
      if (mode !== 'sum') throw fail(`perSampleWeights: only the mode 'sum' knows them, this is '${mode}'`);
    }
    const { dtype, device } = input;
    const indices = input.reshape(-1);
    const starts = flat ? offsets! : arange(0, input.numel, input.size(1), { dtype, device });
    renormalise(weight, indices, maxNorm, normType);
    const [result] = operator('aten::embedding_bag.padding_idx').call(
      weight,
      indices,
      starts,
      scaleGradByFreq,
      modeNumber,
      sparse,
      perSampleWeights?.reshape(-1),
      flat && includeLastOffset,
      rowOf(where, paddingIdx, weight.size(0)),
    ) as Tensor[];
    return result!;
  },
);

/** Throws a TorchError for a mode that there is not, or that lacks what is asked of it; gives ATen's number. @internal */
export function expectMode(
  where: string,
  mode: unknown,
  { scaleGradByFreq, sparse }: { scaleGradByFreq: boolean; sparse: boolean },
): number {
  const number = ['sum', 'mean', 'max'].indexOf(mode as string);
  if (number < 0) {
    throw new ArgumentTypeError(where, `mode: expected 'sum', 'mean' or 'max', got ${describe(mode)}`);
  }
  if (mode === 'max' && (scaleGradByFreq || sparse))
    throw new TorchError(where, `the mode 'max' knows no ${sparse ? 'sparse' : 'scaleGradByFreq'}`);
  return number;
}

/** The number of a row, counted from the front; null where none was given. @internal */
export function rowOf(where: string, index: number | null | undefined, rows: number): number | null {
  if (index === undefined || index === null) return null;
  const row = typeof index === 'bigint' ? Number(index) : index;
  if (Number.isInteger(row) && row >= -rows && row < rows) return row < 0 ? row + rows : row;
  throw new TorchError(where, `paddingIdx: expected a row of the ${rows} there are, got ${describe(index)}`);
}

function renormalise(
  weight: Tensor,
  indices: Tensor,
  maxNorm: number | null | undefined,
  normType: number,
): void {
  if (maxNorm === undefined || maxNorm === null) return;
  operator('aten::embedding_renorm_').call(weight.detach(), indices, maxNorm, normType);
}
