// Attention of several heads.
import { expectInteger } from '../../core/checks.js';
import { expectNoMore, options as optionsOf } from '../../core/options.js';
import { isGradEnabled } from '../../autograd/gradMode.js';
import { isFloatingPoint } from '../../core/dtype.js';
import { TorchError } from '../../core/errors.js';
import { operator } from '../../operators/operators.js';
import type { Parameter } from '../../tensor/parameter.js';
import { expectTensor, type Tensor } from '../../tensor/tensor.js';
import { canonicalMask, multiHeadAttentionForward } from '../functional/attention.js';
import { aten } from '../functional/call.js';
import { xavierNormal_, xavierUniform_ } from '../init.js';
import { Module } from '../module.js';
import { expectProbability } from '../functional/dropout.js';
import { emptyParameter, type FactoryOptions } from './initial.js';
import { Linear } from './linear.js';

export interface MultiheadAttentionOptions extends FactoryOptions {
  /** Probability with which weights are zeroed in training. Default 0. */
  dropout?: number;
  /** Whether the projections have biases. Default true. */
  bias?: boolean;
  /** Whether one key and value is learned that follows all those given. Default false. */
  addBiasKv?: boolean;
  /** Whether a key and value of zeros follows all those given. Default false. */
  addZeroAttn?: boolean;
  /** Features of the keys. Default embedDim. */
  kdim?: number | null;
  /** Features of the values. Default embedDim. */
  vdim?: number | null;
  /** Whether inputs and outputs are [N, length, features] instead of [length, N, features]. Default false. */
  batchFirst?: boolean;
}

export interface AttentionInputs {
  /** Keys to leave out: bool [N, S] (true for those), or numbers that are added to the scores; [S] without batch. */
  keyPaddingMask?: Tensor | null;
  /** Whether to give the weights too; without them a quicker kernel is taken. Default true. */
  needWeights?: boolean;
  /** Scores to leave out: bool (true for those) or added numbers, [L, S] or [N * numHeads, L, S]. */
  attnMask?: Tensor | null;
  /** Whether the weights are averaged over the heads. Default true. */
  averageAttnWeights?: boolean;
  /** A hint that attnMask, which has to be given, is the causal one. Default false. */
  isCausal?: boolean;
}

// The name is Python's, and printed.
class NonDynamicallyQuantizableLinear extends Linear {}

/**
 * Attention of several heads: each takes softmax(q k^T / sqrt(headDim)) v of its own projections of the inputs; what they give
 * is joined and projected once more.
 *
 * query [L, N, embedDim], key [S, N, kdim] and value [S, N, vdim] to [L, N, embedDim]; with N first under batchFirst, all
 * without N too. Parameters: in_proj_weight [3 * embedDim, embedDim] (with kdim or vdim instead q_proj_weight, k_proj_weight
 * and v_proj_weight), in_proj_bias, out_proj, and with addBiasKv bias_k and bias_v.
 *
 * In evaluation mode, and where no gradient is asked for, self-attention with batchFirst takes the fused kernel that Python
 * takes then, whose last bits differ from those of training.
 */
export class MultiheadAttention extends Module<
  [query: Tensor, key: Tensor, value: Tensor, inputs?: AttentionInputs],
  [output: Tensor, weights: Tensor | null]
> {
  declare q_proj_weight: Parameter | null;
  declare k_proj_weight: Parameter | null;
  declare v_proj_weight: Parameter | null;
  declare in_proj_weight: Parameter | null;
  declare in_proj_bias: Parameter | null;
  declare bias_k: Parameter | null;
  declare bias_v: Parameter | null;
  declare out_proj: Linear;
  embedDim: number;
  numHeads: number;
  headDim: number;
  kdim: number;
  vdim: number;
  dropout: number;
  addZeroAttn: boolean;
  batchFirst: boolean;

  constructor(embedDim: number, numHeads: number, options: MultiheadAttentionOptions = {}) {
    super();
    const where = 'MultiheadAttention';
    const {
      bias = true,
      addBiasKv = false,
      addZeroAttn = false,
      batchFirst = false,
    } = optionsOf(where, options, [
      'dropout',
      'bias',
      'addBiasKv',
      'addZeroAttn',
      'kdim',
      'vdim',
      'batchFirst',
      'device',
      'dtype',
    ]);
    this.embedDim = expectInteger(where, 'embedDim', embedDim, 1);
    this.numHeads = expectInteger(where, 'numHeads', numHeads, 1);
    this.kdim = expectInteger(where, 'kdim', options.kdim ?? embedDim);
    this.vdim = expectInteger(where, 'vdim', options.vdim ?? embedDim);
    this.dropout = expectProbability(where, options.dropout ?? 0, 'dropout');
    this.headDim = this.embedDim / this.numHeads;
    if (!Number.isInteger(this.headDim))
      throw new TorchError(
        where,
        `embedDim: expected a multiple of numHeads, which is ${numHeads}, got ${embedDim}`,
      );
    this.addZeroAttn = addZeroAttn;
    this.batchFirst = batchFirst;

    const made = (on: boolean, ...shape: number[]): Parameter | null =>
      on ? emptyParameter(shape, options) : null;
    const apart = !this.sameFeatures;
    this.registerParameter('q_proj_weight', made(apart, this.embedDim, this.embedDim));
    this.registerParameter('k_proj_weight', made(apart, this.embedDim, this.kdim));
    this.registerParameter('v_proj_weight', made(apart, this.embedDim, this.vdim));
    this.registerParameter('in_proj_weight', made(!apart, 3 * this.embedDim, this.embedDim));
    this.registerParameter('in_proj_bias', made(bias, 3 * this.embedDim));
    this.registerModule(
      'out_proj',
      new NonDynamicallyQuantizableLinear(this.embedDim, this.embedDim, {
        bias,
        ...(options.dtype === undefined ? {} : { dtype: options.dtype }),
        ...(options.device === undefined ? {} : { device: options.device }),
      }),
    );
    this.registerParameter('bias_k', made(addBiasKv, 1, 1, this.embedDim));
    this.registerParameter('bias_v', made(addBiasKv, 1, 1, this.embedDim));
    this.resetParameters();
  }
  /** Whether queries, keys and values have the same number of features. */
  get sameFeatures(): boolean {
    return this.kdim === this.embedDim && this.vdim === this.embedDim;
  }
  /** Draws the projections of the inputs as Glorot says, bias_k and bias_v too; the biases become zero. */
  resetParameters(): void {
    expectNoMore('MultiheadAttention.resetParameters', arguments, 0);
    for (const weight of [this.in_proj_weight, this.q_proj_weight, this.k_proj_weight, this.v_proj_weight])
      if (weight !== null) xavierUniform_(weight);
    for (const bias of this.in_proj_bias === null ? [] : [this.in_proj_bias, this.out_proj.bias!])
      bias.detach().zero_();
    for (const bias of [this.bias_k, this.bias_v]) if (bias !== null) xavierNormal_(bias);
  }

  /** @returns the output, and with needWeights the weights: [N, L, S], or [N, numHeads, L, S] when they are not averaged */
  forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    inputs: AttentionInputs = {},
  ): [output: Tensor, weights: Tensor | null] {
    const where = 'MultiheadAttention';
    optionsOf(where, inputs, ['keyPaddingMask', 'needWeights', 'attnMask', 'averageAttnWeights', 'isCausal']);
    const { needWeights = true, averageAttnWeights = true, isCausal = false } = inputs;
    const batched = expectTensor(where, 'query', query).ndim === 3;
    const keyPaddingMask = canonicalMask('keyPaddingMask', inputs.keyPaddingMask, query.dtype);
    const attnMask = canonicalMask('attnMask', inputs.attnMask, query.dtype);
    const floats = [inputs.keyPaddingMask, inputs.attnMask].some(
      (mask) => mask && isFloatingPoint(mask.dtype),
    );
    if (!floats && batched && query === key && key === value && this.takesFused(query)) {
      const [mask, maskType] = mergedMask(attnMask, keyPaddingMask, query, this.numHeads);
      return operator('aten::_native_multi_head_attention').call(
        ...[query, key, value, this.embedDim, this.numHeads, this.in_proj_weight, this.in_proj_bias],
        ...[this.out_proj.weight, this.out_proj.bias, mask, needWeights, averageAttnWeights, maskType],
      ) as [Tensor, Tensor | null];
    }

    const turned = this.batchFirst && batched;
    // What is the same tensor stays the same: their projections are then made at once.
    const q = turned ? query.transpose(1, 0) : query;
    const k = key === query ? q : turned ? key.transpose(1, 0) : key;
    const v = value === key ? k : turned ? value.transpose(1, 0) : value;
    const [output, weights] = multiHeadAttentionForward(
      q,
      k,
      v,
      this.embedDim,
      this.numHeads,
      this.in_proj_weight,
      this.in_proj_bias,
      this.bias_k,
      this.bias_v,
      this.addZeroAttn,
      this.dropout,
      this.out_proj.weight,
      this.out_proj.bias,
      {
        training: this.training,
        keyPaddingMask,
        needWeights,
        attnMask,
        averageAttnWeights,
        isCausal,
        ...(this.sameFeatures
          ? {}
          : {
              useSeparateProjWeight: true,
              qProjWeight: this.q_proj_weight,
              kProjWeight: this.k_proj_weight,
              vProjWeight: this.v_proj_weight,
            }),
      },
    );
    return [turned ? output.transpose(1, 0) : output, weights];
  }

  /** Whether Python takes the fused kernel for self-attention of this tensor, but for what the masks say. @internal */
  private takesFused(query: Tensor): boolean {
    const { in_proj_weight: weight, in_proj_bias: bias, out_proj: out } = this;
    return (
      weight !== null &&
      bias !== null &&
      query.dtype === weight.dtype &&
      query.dtype === bias.dtype &&
      !this.training &&
      this.numHeads % 2 === 0 &&
      this.batchFirst &&
      this.bias_k === null &&
      this.bias_v === null &&
      !this.addZeroAttn &&
      !asksForGradients([query, weight, bias, out.weight, out.bias])
    );
  }
}

/** Whether autograd is to record what is computed of these. @internal */
export function asksForGradients(tensors: readonly (Tensor | null)[]): boolean {
  return isGradEnabled() && tensors.some((tensor) => tensor?.requiresGrad);
}

/** Both masks as one, and its kind, as the fused kernels take them: 1 over keys, 2 over scores. @internal */
export function mergedMask(
  attnMask: Tensor | null,
  keyPaddingMask: Tensor | null,
  query: Tensor,
  numHeads: number,
): [mask: Tensor | null, kind: number | null] {
  if (attnMask === null) return [keyPaddingMask, keyPaddingMask === null ? null : 1];
  const [batch, length] = query.shape as [number, number];
  const scores =
    attnMask.ndim === 3
      ? aten('view', attnMask, [batch, -1, length, length])
      : aten('expand', aten('view', attnMask, [1, 1, length, length]), [batch, numHeads, -1, -1]);
  if (keyPaddingMask === null) return [scores, 2];
  const keys = aten('expand', aten('view', keyPaddingMask, [batch, 1, 1, length]), [-1, numHeads, -1, -1]);
  return [scores.add(keys), 2];
}
