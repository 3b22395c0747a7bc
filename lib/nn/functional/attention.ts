// Attention of several heads, from the projections on: what nn.MultiheadAttention computes.
import { callable } from '../../core/callable.js';
import { expectArgument } from '../../core/checks.js';
import { describe } from '../../core/describe.js';
import { isFloatingPoint, type DType } from '../../core/dtype.js';
import { TorchError } from '../../core/errors.js';
import { expectTensor, type Tensor } from '../../tensor/tensor.js';
import { aten } from './call.js';

const WHERE = 'nn.functional.multiHeadAttentionForward';

type Maybe = Tensor | null | undefined;

/** The arguments that have defaults. */
export interface MultiHeadAttentionOptions {
  /** Whether dropout is done. Default true. */
  training?: boolean;
  /** Keys to leave out: bool [N, S] (true for those), or numbers that are added to the scores; [S] without batch. */
  keyPaddingMask?: Tensor | null;
  /** Whether to give the weights too; without them a quicker kernel is taken, whose last bits differ. Default true. */
  needWeights?: boolean;
  /** Scores to leave out: bool (true for those) or added numbers, [L, S] or [N * numHeads, L, S]. */
  attnMask?: Tensor | null;
  /** Whether queries, keys and values have a matrix each instead of one, inProjWeight, for all. Default false. */
  useSeparateProjWeight?: boolean;
  qProjWeight?: Tensor | null;
  kProjWeight?: Tensor | null;
  vProjWeight?: Tensor | null;
  /** Projected keys to take instead: [N * numHeads, S, E / numHeads]. */
  staticK?: Tensor | null;
  /** Projected values to take instead: [N * numHeads, S, E / numHeads]. */
  staticV?: Tensor | null;
  /** Whether the weights are averaged over the heads. Default true. */
  averageAttnWeights?: boolean;
  /** A hint that attnMask, which has to be given, is the causal one. Default false. */
  isCausal?: boolean;
}

type Attended = [output: Tensor, weights: Tensor | null];

/**
 * Attention of several heads: query [L, N, E], key and value [S, N, E] (or all without N) to the output [L, N, E] and, with
 * needWeights, the weights: [N, L, S], or [N, numHeads, L, S] with averageAttnWeights = false.
 *
 * inProjWeight is [3 * E, E] and inProjBias [3 * E]: the projections of query, key and value, below one another.
 */
export const multiHeadAttentionForward = callable(
  WHERE,
  [
    'query',
    'key',
    'value',
    'embedDimToCheck',
    'numHeads',
    'inProjWeight',
    'inProjBias',
    'biasK',
    'biasV',
    'addZeroAttn',
    'dropoutP',
    'outProjWeight',
    'outProjBias',
    'training',
    'keyPaddingMask',
    'needWeights',
    'attnMask',
    'useSeparateProjWeight',
    'qProjWeight',
    'kProjWeight',
    'vProjWeight',
    'staticK',
    'staticV',
    'averageAttnWeights',
    'isCausal',
  ],
  (
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embedDimToCheck: number,
    numHeads: number,
    inProjWeight: Tensor | null,
    inProjBias: Tensor | null,
    biasK: Tensor | null,
    biasV: Tensor | null,
    addZeroAttn: boolean,
    dropoutP: number,
    outProjWeight: Tensor,
    outProjBias: Tensor | null,
    training = true,
    keyPaddingMask: Tensor | null = null,
    needWeights = true,
    attnMask: Tensor | null = null,
    useSeparateProjWeight = false,
    qProjWeight: Tensor | null = null,
    kProjWeight: Tensor | null = null,
    vProjWeight: Tensor | null = null,
    staticK: Tensor | null = null,
    staticV: Tensor | null = null,
    averageAttnWeights = true,
    isCausal = false,
  ): Attended => {
    for (const [name, given] of Object.entries({ embedDimToCheck, numHeads }))
      expectArgument(WHERE, name, given, typeof given === 'number', 'a whole number');
    const batched = checkShapes(query, key, value, { keyPaddingMask, attnMask }, numHeads);
    let padding: Maybe = keyPaddingMask;
    if (!batched) {
      [query, key, value] = [query.unsqueeze(1), key.unsqueeze(1), value.unsqueeze(1)];
      padding = padding?.unsqueeze(0);
    }
    const [length, batch, embedDim] = query.shape as [number, number, number];
    padding = canonicalMask('keyPaddingMask', padding, query.dtype);

    if (isCausal && !attnMask)
      throw fail(
        'isCausal is a hint about attnMask: give that too, as Transformer.generateSquareSubsequentMask makes it',
      );
    let mask: Maybe = null;
    // The hint is enough for the kernel that gives no weights.
    if (!isCausal || padding || needWeights) {
      mask = canonicalMask('attnMask', attnMask, query.dtype);
      if (padding) isCausal = false;
    }

    if (embedDim !== embedDimToCheck)
      throw fail(`query: expected ${embedDimToCheck} features, got ${describe(query)}`);
    const headDim = Math.trunc(embedDim / numHeads);
    if (headDim * numHeads !== embedDim)
      throw fail(`numHeads: ${embedDim} features cannot be divided among ${numHeads} heads`);
    const fits = useSeparateProjWeight
      ? String(key.shape.slice(0, 2)) === String(value.shape.slice(0, 2))
      : String(key.shape) === String(value.shape);
    if (!fits)
      throw fail(`key and value: expected equal shapes, got ${describe(key)} and ${describe(value)}`);

    let [q, k, v] = useSeparateProjWeight
      ? projected(query, key, value, inProjBias, { qProjWeight, kProjWeight, vProjWeight })
      : projectedPacked(query, key, value, inProjWeight, inProjBias);
    if (mask) mask = checkMask(mask, [length, key.size(0)], batch * numHeads);

    if ((biasK === null) !== (biasV === null)) throw fail('biasK and biasV: expected both or neither');
    if (biasK !== null && biasV !== null) {
      if (staticK || staticV) throw fail('biasK and biasV cannot be added to staticK and staticV');
      k = cat([k, aten('repeat', biasK, [1, batch, 1])], 0);
      v = cat([v, aten('repeat', biasV, [1, batch, 1])], 0);
      [mask, padding] = [oneMore(mask), oneMore(padding)];
    }

    const heads = batch * numHeads;
    const perHead = (x: Tensor): Tensor => aten('view', x, [x.size(0), heads, headDim]).transpose(0, 1);
    q = perHead(q);
    k = staticK ? expectStatic('staticK', staticK, heads, headDim) : perHead(k);
    v = staticV ? expectStatic('staticV', staticV, heads, headDim) : perHead(v);

    if (addZeroAttn) {
      const zeros = (x: Tensor): Tensor => aten('zeros', [heads, 1, headDim], x.dtype, undefined, x.device);
      [k, v] = [cat([k, zeros(k)], 1), cat([v, zeros(v)], 1)];
      [mask, padding] = [oneMore(mask), oneMore(padding)];
    }
    const sources = k.size(1);
    if (padding) {
      if (String(padding.shape) !== String([batch, sources]))
        throw fail(`keyPaddingMask: expected the shape [${batch}, ${sources}], got ${describe(padding)}`);
      const wide = aten('view', padding, [batch, 1, 1, sources]);
      const each = aten('expand', wide, [-1, numHeads, -1, -1]).reshape(heads, 1, sources);
      mask = mask ? mask.add(each) : each;
    }

    const dropout = training ? dropoutP : 0;
    const output = (x: Tensor): Tensor => {
      const out = aten('linear', x, outProjWeight, outProjBias);
      const shaped = aten('view', out, [length, batch, out.size(1)]);
      return batched ? shaped : shaped.squeeze(1);
    };
    if (needWeights) {
      const scaled = q.mul(Math.sqrt(1 / headDim));
      const keys = k.transpose(-2, -1);
      const scores = mask ? aten('baddbmm', mask, scaled, keys) : aten('bmm', scaled, keys);
      let weights = aten('softmax.int', scores, -1);
      if (dropout > 0) weights = aten('dropout', weights, dropout, true);
      const attended = aten('bmm', weights, v)
        .transpose(0, 1)
        .reshape(length * batch, embedDim);
      let shown = aten('view', weights, [batch, numHeads, length, sources]);
      if (averageAttnWeights) shown = aten('mean.dim', shown, [1]);
      return [output(attended), batched ? shown : shown.squeeze(0)];
    }
    if (mask) {
      const forAll = mask.size(0) === 1 && mask.ndim === 3;
      mask = forAll ? mask.unsqueeze(0) : aten('view', mask, [batch, numHeads, -1, sources]);
    }
    const attended = aten(
      'scaled_dot_product_attention',
      aten('view', q, [batch, numHeads, length, headDim]),
      aten('view', k, [batch, numHeads, sources, headDim]),
      aten('view', v, [batch, numHeads, sources, headDim]),
      mask,
      dropout,
      isCausal,
    );
    return [output(attended.permute(2, 0, 1, 3).reshape(batch * length, embedDim)), null];
  },
);

function fail(message: string): TorchError {
  return new TorchError(WHERE, message);
}

/** A mask as numbers to be added: bool becomes 0 and -Infinity. @internal */
export function canonicalMask(name: string, mask: Maybe, dtype: DType): Tensor | null {
  if (mask === undefined || mask === null) return null;
  expectTensor(WHERE, name, mask);
  if (isFloatingPoint(mask.dtype)) return mask;
  if (mask.dtype !== 'bool')
    throw fail(`${name}: expected bool or floating point numbers, got ${describe(mask)}`);
  return aten('masked_fill_.Scalar', aten('zeros_like', mask, dtype), mask, -Infinity);
}

function checkShapes(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  { keyPaddingMask, attnMask }: MultiHeadAttentionOptions,
  numHeads: number,
): boolean {
  const dimensions = Object.entries({ query, key, value }).map(
    ([name, x]) => expectTensor(WHERE, name, x).ndim,
  );
  const [first] = dimensions;
  if ((first !== 2 && first !== 3) || dimensions.some((one) => one !== first)) {
    throw fail(
      'query, key and value: expected 3 dimensions each, or 2 each without batch, got ' +
        `${describe(query)}, ${describe(key)} and ${describe(value)}`,
    );
  }
  const batched = first === 3;
  if (keyPaddingMask && keyPaddingMask.ndim !== first - 1)
    throw fail(
      `keyPaddingMask: expected ${first - 1} dimensions beside such a query, got ${describe(keyPaddingMask)}`,
    );
  if (attnMask && attnMask.ndim !== 2 && attnMask.ndim !== 3)
    throw fail(`attnMask: expected 2 or 3 dimensions, got ${describe(attnMask)}`);
  const unbatched = [numHeads, query.size(0), key.size(0)];
  if (!batched && attnMask?.ndim === 3 && String(attnMask.shape) !== String(unbatched))
    throw fail(`attnMask: expected the shape [${unbatched.join(', ')}], got ${describe(attnMask)}`);
  return batched;
}

function checkMask(mask: Tensor, scores: [number, number], heads: number): Tensor {
  const expected = mask.ndim === 2 ? scores : [heads, ...scores];
  if (String(mask.shape) !== String(expected))
    throw fail(`attnMask: expected the shape [${expected.join(', ')}], got ${describe(mask)}`);
  return mask.ndim === 2 ? mask.unsqueeze(0) : mask;
}

function expectStatic(name: string, x: Tensor, heads: number, headDim: number): Tensor {
  if (x.ndim === 3 && x.size(0) === heads && x.size(2) === headDim) return x;
  throw fail(`${name}: expected the shape [${heads}, any, ${headDim}], got ${describe(x)}`);
}

// One matrix for all three. Which products are made at once decides about the last bits: these are Python's.
function projectedPacked(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  weight: Tensor | null,
  bias: Tensor | null,
): [Tensor, Tensor, Tensor] {
  if (weight === null) throw fail('inProjWeight: expected a Tensor, got null; or useSeparateProjWeight');
  const features = query.size(-1);
  const several = (x: Tensor, count: number, w: Tensor, b: Tensor | null): Tensor[] => {
    const all = aten('unflatten.int', aten('linear', x, w, b), -1, [count, features]);
    const apart = all.unsqueeze(0).transpose(0, -2).squeeze(-2).contiguous();
    return Array.from({ length: count }, (_, i) => apart.select(0, i));
  };
  if (query === key && key === value) return several(query, 3, weight, bias) as [Tensor, Tensor, Tensor];
  if (key === value) {
    const [own, rest] = split(weight, [features, 2 * features]) as [Tensor, Tensor];
    const [ownBias, restBias] =
      bias === null ? [null, null] : (split(bias, [features, 2 * features]) as [Tensor, Tensor]);
    return [aten('linear', query, own, ownBias), ...(several(key, 2, rest, restBias) as [Tensor, Tensor])];
  }
  const parts = chunks(weight);
  const biases = bias === null ? [null, null, null] : chunks(bias);
  return [query, key, value].map((x, i) => aten('linear', x, parts[i], biases[i])) as [
    Tensor,
    Tensor,
    Tensor,
  ];
}

function projected(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  bias: Tensor | null,
  { qProjWeight, kProjWeight, vProjWeight }: MultiHeadAttentionOptions,
): [Tensor, Tensor, Tensor] {
  const biases = bias === null ? [null, null, null] : chunks(bias);
  const weights = { qProjWeight, kProjWeight, vProjWeight };
  return Object.entries(weights).map(([name, weight], i) => {
    const x = [query, key, value][i]!;
    if (!weight)
      throw fail(`${name}: expected a Tensor, got ${describe(weight)}; useSeparateProjWeight needs it`);
    const expected = [query.size(-1), x.size(-1)];
    if (String(weight.shape) !== String(expected))
      throw fail(`${name}: expected the shape [${expected.join(', ')}], got ${describe(weight)}`);
    return aten('linear', x, weight, biases[i]);
  }) as [Tensor, Tensor, Tensor];
}

// Keys were added that no mask leaves out.
function oneMore(mask: Maybe): Maybe {
  return mask ? aten('pad', mask, [0, 1]) : mask;
}

function cat(tensors: Tensor[], dim: number): Tensor {
  return aten('cat', tensors, dim);
}

function chunks(x: Tensor): Tensor[] {
  return aten('chunk', x, 3) as unknown as Tensor[];
}

function split(x: Tensor, sizes: number[]): Tensor[] {
  return aten('split_with_sizes', x, sizes) as unknown as Tensor[];
}
