// Linear layers.
import type { DType } from '../../tensor/dtype.js';
import { expectOptions } from '../../tensor/operators.js';
import type { Parameter, Tensor } from '../../tensor/tensor.js';
import { linear } from '../../generated/functional.js';
import { Leaf } from './leaf.js';

/**
 * x W^T + b: [..., inFeatures] to [..., outFeatures]. weight [outFeatures, inFeatures] and bias [outFeatures] are drawn
 * uniformly from +-1/sqrt(inFeatures).
 */
export class Linear extends Leaf {
  readonly inFeatures: number;
  readonly outFeatures: number;
  weight: Parameter;
  bias: Parameter | null;
  readonly #repr: string;

  constructor(inFeatures: number, outFeatures: number, options: { bias?: boolean; dtype?: DType } = {}) {
    super('Linear', { inFeatures, outFeatures, ...expectOptions('Linear', options) });
    this.inFeatures = inFeatures;
    this.outFeatures = outFeatures;
    this.weight = this.parameter('weight')!;
    this.bias = this.parameter('bias');
    this.#repr = `in_features=${inFeatures}, out_features=${outFeatures}, bias=${this.bias ? 'True' : 'False'}`;
  }
  protected override compute(parameters: { weight: Tensor; bias: Tensor | null }, input: Tensor): Tensor {
    return linear(input, parameters.weight, parameters.bias);
  }
  protected override expected({ shape }: Tensor): string | undefined {
    const features = shape.at(-1);
    if (features === this.inFeatures) return undefined;
    const right = `[..., ${this.inFeatures}]`;
    if (features === undefined) return right;
    return shape.length > 2
      ? `${right}; put new nn.Flatten() before it, or make it new nn.Linear(${features}, ${this.outFeatures})`
      : `${right}; make it new nn.Linear(${features}, ${this.outFeatures}), or change what comes before it`;
  }
  override extraRepr(): string {
    return this.#repr;
  }
}
