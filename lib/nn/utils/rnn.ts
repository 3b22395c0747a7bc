// Sequences of different lengths as recurrent nets take them: padded to one length, or packed without padding.
import { expectNoMore, options as optionsOf } from '../../core/options.js';
import { expectArgument, expectBoolean } from '../../core/checks.js';
import { describe } from '../../core/describe.js';
import { arange, tensor } from '../../tensor/create.js';
import type { Device, DType } from '../../core/dtype.js';
import { TorchError, ArgumentTypeError } from '../../core/errors.js';
import { operator } from '../../operators/operators.js';
import { expectKnown } from '../../program/recording.js';
import { expectTensor, isTensor, type Tensor } from '../../tensor/tensor.js';

const brand = Symbol.for('torch-node.nn.PackedSequence');

/**
 * Sequences of different lengths, time step by time step: first the first elements of all, then the second elements of
 * those that have one, and so on. Made by packPaddedSequence and packSequence; recurrent nets take it and give it back.
 */
export class PackedSequence {
  /** @param data all elements: [sum of lengths, ...] */
  constructor(
    readonly data: Tensor,
    /** How many sequences have an element at each step: int64 on the CPU. */
    readonly batchSizes: Tensor,
    /** In which order the sequences were taken, longest first; null when they came in that order. */
    readonly sortedIndices: Tensor | null = null,
    /** Where each of the given sequences went; made of sortedIndices when left out. */
    readonly unsortedIndices: Tensor | null = sortedIndices === null
      ? null
      : invertPermutation(sortedIndices),
  ) {
    for (const [name, value] of Object.entries({ data, batchSizes }))
      expectTensor('PackedSequence', name, value);
    if (batchSizes.device !== 'cpu')
      throw new TorchError(
        'PackedSequence',
        `batchSizes: expected a tensor on the CPU, got one on ${batchSizes.device}`,
      );
  }
  /** @internal */
  get [brand](): true {
    return true;
  }
  /** The same sequences with the data under another dtype or on another device; batchSizes stay on the CPU. */
  to(target: DType | Device | { dtype?: DType; device?: Device }): PackedSequence {
    expectNoMore('PackedSequence.to', arguments, 1);
    const data = this.data.to(target);
    if (data === this.data) return this;
    const { device } = data;
    return new PackedSequence(
      data,
      this.batchSizes,
      this.sortedIndices?.to({ device }) ?? null,
      this.unsortedIndices?.to({ device }) ?? null,
    );
  }
}

/** Whether a value is a PackedSequence; works across realms. */
export function isPackedSequence(value: unknown): value is PackedSequence {
  return typeof value === 'object' && value !== null && brand in value;
}

/** The permutation that undoes another: int64 [n] to int64 [n]. */
export function invertPermutation(permutation: Tensor): Tensor {
  expectNoMore('invertPermutation', arguments, 1);
  expectTensor('invertPermutation', 'permutation', permutation);
  const places = arange(permutation.numel, { dtype: 'int64', device: permutation.device });
  return (operator('aten::empty_like').call(permutation) as Tensor).scatter_(0, permutation, places);
}

/**
 * Packs padded sequences.
 *
 * @param input [longest, batch, ...], or [batch, longest, ...] with batchFirst
 * @param lengths of the sequences: an array, or int64 [batch] on the CPU
 * @param options.enforceSorted whether the sequences come longest first, which is then checked; with `false` they are sorted
 *   here, and unpacking puts them back. Default true.
 * @throws TorchError for lengths that are not positive, longer than the input, not as many as the batch, or not sorted.
 */
export function packPaddedSequence(
  input: Tensor,
  lengths: Tensor | readonly number[],
  options: { batchFirst?: boolean; enforceSorted?: boolean } = {},
): PackedSequence {
  expectNoMore('packPaddedSequence', arguments, 3);
  const where = 'packPaddedSequence';
  expectTensor(where, 'input', input);
  const { batchFirst = false, enforceSorted = true } = optionsOf(where, options, [
    'batchFirst',
    'enforceSorted',
  ]);
  for (const [name, value] of Object.entries({ batchFirst, enforceSorted }))
    expectBoolean(where, name, value);
  if (!isTensor(lengths) && !Array.isArray(lengths)) {
    throw new ArgumentTypeError(where, `lengths: expected an array or a Tensor, got ${describe(lengths)}`);
  }
  const given = isTensor(lengths)
    ? lengths.to('int64')
    : tensor(lengths as number[], { dtype: 'int64', shape: [lengths.length] });
  expectKnown(
    given,
    'how many elements there are',
    'give the lengths as an array, which holds for every run',
  );
  if (enforceSorted) {
    expectSorted(given);
    return pack(input, given, batchFirst, null);
  }
  const [sorted, order] = operator('aten::sort').call(given, -1, true) as [Tensor, Tensor];
  const indices = order.to({ device: input.device });
  return pack(input.indexSelect(batchFirst ? 0 : 1, indices), sorted, batchFirst, indices);
}

function expectSorted(lengths: Tensor): void {
  const all = lengths.toArray() as number[];
  if (all.every((length, i) => i === 0 || length <= all[i - 1]!)) return;
  throw new TorchError(
    'packPaddedSequence',
    `lengths: expected the longest first, got ${describe(all)}: sort the sequences, or let enforceSorted = false do it`,
  );
}

function pack(
  input: Tensor,
  lengths: Tensor,
  batchFirst: boolean,
  sortedIndices: Tensor | null,
): PackedSequence {
  const packed = operator('aten::_pack_padded_sequence').call(input, lengths, batchFirst);
  const [data, batchSizes] = packed as [Tensor, Tensor];
  return new PackedSequence(data, batchSizes, sortedIndices);
}

/**
 * Undoes packPaddedSequence: gives the padded sequences, [longest, batch, ...] or [batch, longest, ...] with batchFirst, and
 * their lengths, int64 [batch].
 *
 * @param options.totalLength pads up to this length; by default to that of the longest sequence. A smaller one throws.
 */
export function padPackedSequence(
  sequence: PackedSequence,
  options: { batchFirst?: boolean; paddingValue?: number; totalLength?: number } = {},
): [padded: Tensor, lengths: Tensor] {
  expectNoMore('padPackedSequence', arguments, 2);
  const where = 'padPackedSequence';
  expectPacked(where, sequence);
  const longest = sequence.batchSizes.size(0);
  const names = ['batchFirst', 'paddingValue', 'totalLength'] as const;
  const { batchFirst = false, paddingValue = 0, totalLength = longest } = optionsOf(where, options, names);
  if (totalLength < longest) {
    throw new TorchError(
      where,
      `totalLength: expected at least the length of the longest sequence, which is ${longest}, got ${totalLength}`,
    );
  }
  const [padded, lengths] = operator('aten::_pad_packed_sequence').call(
    sequence.data,
    sequence.batchSizes,
    batchFirst,
    paddingValue,
    totalLength,
  ) as [Tensor, Tensor];
  const back = sequence.unsortedIndices;
  if (back === null) return [padded, lengths];
  return [padded.indexSelect(batchFirst ? 0 : 1, back), lengths.indexSelect(0, back.cpu())];
}

/**
 * Stacks sequences [length, ...] after padding them to the longest: [longest, batch, ...], or [batch, longest, ...] with
 * batchFirst.
 */
export function padSequence(
  sequences: readonly Tensor[],
  options: { batchFirst?: boolean; paddingValue?: number; paddingSide?: 'left' | 'right' } = {},
): Tensor {
  expectNoMore('padSequence', arguments, 2);
  const {
    batchFirst = false,
    paddingValue = 0,
    paddingSide = 'right',
  } = optionsOf('padSequence', options, ['batchFirst', 'paddingValue', 'paddingSide']);
  return operator('aten::pad_sequence').call(sequences, batchFirst, paddingValue, paddingSide) as Tensor;
}

/** The sequences inside padded ones, each of its own length: undoes padSequence. */
export function unpadSequence(
  padded: Tensor,
  lengths: Tensor | readonly number[],
  options: { batchFirst?: boolean } = {},
): Tensor[] {
  expectNoMore('unpadSequence', arguments, 3);
  const where = 'unpadSequence';
  const { batchFirst = false } = optionsOf(where, options, ['batchFirst']);
  expectTensor(where, 'padded', padded);
  const isList = isTensor(lengths) || Array.isArray(lengths);
  expectArgument(where, 'lengths', lengths, isList, 'a Tensor or an array of numbers');
  const sizes = isTensor(lengths) ? (lengths.toArray() as number[]) : lengths;
  const dim = batchFirst ? 0 : 1;
  if (sizes.length !== padded.size(dim)) {
    throw new TorchError(
      'unpadSequence',
      `lengths: expected one for each of the ${padded.size(dim)} sequences, got ${sizes.length}`,
    );
  }
  // Copies, as indexing with a mask makes them in Python.
  return sizes.map((length, i) => padded.select(dim, i).narrow(0, 0, length).clone());
}

/** Packs sequences [length, ...] of different lengths, longest first unless `enforceSorted` is false. */
export function packSequence(
  sequences: readonly Tensor[],
  options: { enforceSorted?: boolean } = {},
): PackedSequence {
  expectNoMore('packSequence', arguments, 2);
  optionsOf('packSequence', options, ['enforceSorted']);
  return packPaddedSequence(
    padSequence(sequences),
    sequences.map((sequence) => sequence.size(0)),
    options,
  );
}

/** Undoes packSequence. */
export function unpackSequence(sequence: PackedSequence): Tensor[] {
  expectNoMore('unpackSequence', arguments, 1);
  const [padded, lengths] = padPackedSequence(sequence, { batchFirst: true });
  return unpadSequence(padded, lengths, { batchFirst: true });
}

function expectPacked(where: string, value: unknown): void {
  if (!isPackedSequence(value)) {
    throw new ArgumentTypeError(where, `expected a PackedSequence, got ${describe(value)}`);
  }
}
