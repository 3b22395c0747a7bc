// A softmax for many classes.
import { expectInteger, expectNumber } from '../../core/checks.js';
import { expectNoMore, options as optionsOf } from '../../core/options.js';
import { describe } from '../../core/describe.js';
import { TorchError, ArgumentTypeError } from '../../core/errors.js';
import { operator } from '../../operators/operators.js';
import { expectTensor, type Tensor } from '../../tensor/tensor.js';
import { slice } from '../../tensor/indexing.js';
import { logSoftmax } from '../functional/activation.js';
import { Module } from '../module.js';
import { ModuleList, Sequential } from './container.js';
import { Linear } from './linear.js';
import type { FactoryOptions } from './initial.js';

/**
 * A softmax over very many classes, numbered by falling frequency, that is cheap where most targets are frequent ones. Classes
 * below cutoffs[0] are told apart by the head, together with the clusters between the cutoffs; classes of cluster i by
 * tail[i], through inFeatures / divValue^(i + 1) features. Grave et al., 2016.
 *
 * forward: input [N, inFeatures] and target int64 [N] (or [inFeatures] and []) to the log-probabilities of the targets,
 * `output` [N], and their negative mean, `loss`.
 */
export class AdaptiveLogSoftmaxWithLoss extends Module<
  [input: Tensor, target: Tensor],
  { output: Tensor; loss: Tensor }
> {
  /** As given, and nClasses behind. */
  cutoffs: readonly number[];
  divValue: number;
  headBias: boolean;
  inFeatures: number;
  nClasses: number;
  declare head: Linear;
  declare tail: ModuleList<Sequential>;

  /** `cutoffs`: rising, from 1 to nClasses - 1. `divValue` is 4 and `headBias` false unless given. */
  constructor(
    inFeatures: number,
    nClasses: number,
    cutoffs: readonly number[],
    options: FactoryOptions & { divValue?: number; headBias?: boolean } = {},
  ) {
    super();
    const where = 'AdaptiveLogSoftmaxWithLoss';
    const {
      divValue = 4,
      headBias = false,
      ...kind
    } = optionsOf(where, options, ['divValue', 'headBias', 'device', 'dtype']);
    const features = (this.inFeatures = expectInteger(where, 'inFeatures', inFeatures));
    const last = (this.nClasses = expectInteger(where, 'nClasses', nClasses, 2));
    const rising =
      Array.isArray(cutoffs) &&
      cutoffs.length > 0 &&
      cutoffs.every((c: number, i) => Number.isInteger(c) && c > (cutoffs[i - 1] ?? 0) && c < last);
    if (!rising)
      throw new ArgumentTypeError(
        where,
        `cutoffs: expected rising integers from 1 to ${last - 1}, got ${describe(cutoffs)}`,
      );
    this.cutoffs = (cutoffs as number[]).concat(last);
    this.divValue = expectNumber(where, 'divValue', divValue);
    this.headBias = headBias;
    this.registerModule(
      'head',
      new Linear(features, this.shortlistSize + this.nClusters, { bias: headBias, ...kind }),
    );
    this.registerModule('tail', new ModuleList<Sequential>());
    for (let i = 0; i < this.nClusters; i++) {
      const hidden = Math.floor(features / this.divValue ** (i + 1));
      const classes = this.cutoffs[i + 1]! - this.cutoffs[i]!;
      this.tail.append(
        new Sequential(
          new Linear(features, hidden, { bias: false, ...kind }),
          new Linear(hidden, classes, { bias: false, ...kind }),
        ),
      );
    }
  }
  get shortlistSize(): number {
    return this.cutoffs[0]!;
  }
  get nClusters(): number {
    return this.cutoffs.length - 1;
  }
  /** Draws the parameters anew. */
  resetParameters(): void {
    expectNoMore('AdaptiveLogSoftmaxWithLoss.resetParameters', arguments, 0);
    this.head.resetParameters();
    for (const layer of [...this.tail].flatMap((projection) => [...projection]))
      (layer as Module & Pick<Linear, 'resetParameters'>).resetParameters();
  }

  forward(input: Tensor, target: Tensor): { output: Tensor; loss: Tensor } {
    const where = 'AdaptiveLogSoftmaxWithLoss';
    expectTensor(where, 'input', input);
    expectTensor(where, 'target', target);
    const batched = target.ndim > 0;
    const fits = batched
      ? target.ndim === 1 && input.ndim === 2 && input.size(0) === target.size(0)
      : input.ndim === 1;
    if (!fits)
      throw new TorchError(
        where,
        'expected an input [N, inFeatures] and targets [N], or [inFeatures] and []',
        {
          arguments: [`input: ${describe(input)}`, `target: ${describe(target)}`],
        },
      );
    const { output, loss } = batched
      ? this.batch(input, target)
      : this.batch(input.unsqueeze(0), target.unsqueeze(0));
    return { output: batched ? output : output.squeeze(0), loss };
  }
  private batch(input: Tensor, target: Tensor): { output: Tensor; loss: Tensor } {
    const size = target.size(0);
    const output = operator('aten::new_zeros').call(input, [size]) as Tensor;
    // Where a sample's target, or its cluster, stands in the head.
    const places = operator('aten::new_empty').call(target, [size]) as Tensor;
    let used = 0;
    [0, ...this.cutoffs.slice(0, -1)].forEach((low, i) => {
      const mask = target.ge(low).logicalAnd(target.lt(this.cutoffs[i]!));
      const rows = mask.nonzero().squeeze();
      if (rows.numel === 0) return;
      used += rows.numel;
      if (i === 0) {
        places.indexCopy_(0, rows, target.at(mask));
        return;
      }
      const logits = this.tail.at(i - 1)!.forward(input.indexSelect(0, rows));
      places.indexFill_(0, rows, this.shortlistSize + i - 1);
      const relative = target.at(mask).sub(low).unsqueeze(1);
      output.indexCopy_(0, rows, logSoftmax(logits, 1).gather(1, relative).squeeze(1));
    });
    if (used !== size)
      throw new TorchError(
        'AdaptiveLogSoftmaxWithLoss',
        `target: expected classes from 0 to ${this.nClasses - 1}, got ${target.min().item()} to ${target.max().item()}`,
      );
    const head = logSoftmax(this.head.forward(input), 1);
    output.add_(head.gather(1, places.unsqueeze(1)).squeeze());
    return { output, loss: output.neg().mean() };
  }

  /** Log-probabilities of all classes: [N, inFeatures] to [N, nClasses]. */
  logProb(input: Tensor): Tensor {
    expectNoMore('AdaptiveLogSoftmaxWithLoss.logProb', arguments, 1);
    return this.fullLogProb(input, this.head.forward(input));
  }
  private fullLogProb(input: Tensor, headOutput: Tensor): Tensor {
    const out = operator('aten::new_empty').call(input, [headOutput.size(0), this.nClasses]) as Tensor;
    const head = logSoftmax(headOutput, 1);
    const { shortlistSize } = this;
    out.set(head.at(':', slice(0, shortlistSize)), ':', slice(0, shortlistSize));
    for (let i = 0; i < this.nClusters; i++) {
      const cluster = logSoftmax(this.tail.at(i)!.forward(input), 1);
      const all = cluster.add(head.at(':', shortlistSize + i).unsqueeze(1));
      out.set(all, ':', slice(this.cutoffs[i], this.cutoffs[i + 1]));
    }
    return out;
  }

  /** The likeliest classes: [N, inFeatures] to int64 [N]. The tails are computed only where the head chooses a cluster. */
  predict(input: Tensor): Tensor {
    expectNoMore('AdaptiveLogSoftmaxWithLoss.predict', arguments, 1);
    const head = this.head.forward(input);
    const output = head.argmax({ dim: 1 });
    const others = output.ge(this.shortlistSize);
    if (!others.any().item()) return output;
    if (others.all().item()) return this.fullLogProb(input, head).argmax({ dim: 1 });
    return output.set(this.fullLogProb(input.at(others), head.at(others)).argmax({ dim: 1 }), others);
  }
}
