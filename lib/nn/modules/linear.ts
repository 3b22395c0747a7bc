// Linear layers.
import { expectOptions } from '../../core/options.js';
import { bilinear, linear } from '../../operators/generated/functional.js';
import type { DType } from '../../core/dtype.js';
import type { Parameter, Tensor } from '../../tensor/tensor.js';
import { uniform_ } from '../init.js';
import { Module } from '../module.js';
import { Leaf } from './leaf.js';
import { drawUniform, emptyParameter, type FactoryOptions } from './initial.js';
import { bool } from './repr.js';
import { expectWhole } from './sizes.js';

/**
 * x W^T + b: [..., inFeatures] to [..., outFeatures]. weight [outFeatures, inFeatures] and bias [outFeatures] are drawn
 * uniformly from +-1/sqrt(inFeatures).
 */
export class Linear extends Leaf {
  readonly inFeatures: number;
  readonly outFeatures: number;
  weight: Parameter;
  bias: Parameter | null;

  constructor(inFeatures: number, outFeatures: number, options: { bias?: boolean; dtype?: DType } = {}) {
    super('Linear', { inFeatures, outFeatures, ...expectOptions('Linear', options) });
    // The native side takes bigints as they are.
    this.inFeatures = expectWhole('Linear', 'inFeatures', inFeatures, 0);
    this.outFeatures = expectWhole('Linear', 'outFeatures', outFeatures, 0);
    this.weight = this.parameter('weight')!;
    this.bias = this.parameter('bias');
  }
  /** Draws the parameters anew. */
  resetParameters(): void {
    drawUniform(this.weight, this.bias);
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
    return `in_features=${this.inFeatures}, out_features=${this.outFeatures}, bias=${bool(this.bias !== null)}`;
  }
}

/**
 * x1 W x2 + b for each output: [..., in1Features] and [..., in2Features] to [..., outFeatures]. weight [outFeatures,
 * in1Features, in2Features] and bias [outFeatures] are drawn uniformly from +-1/sqrt(in1Features).
 */
export class Bilinear extends Module<[input1: Tensor, input2: Tensor]> {
  readonly in1Features: number;
  readonly in2Features: number;
  readonly outFeatures: number;
  readonly weight: Parameter;
  readonly bias: Parameter | null;

  constructor(
    in1Features: number,
    in2Features: number,
    outFeatures: number,
    options: FactoryOptions & { bias?: boolean } = {},
  ) {
    super();
    const { bias = true } = expectOptions('Bilinear', options);
    this.in1Features = expectWhole('Bilinear', 'in1Features', in1Features, 1);
    this.in2Features = expectWhole('Bilinear', 'in2Features', in2Features, 0);
    this.outFeatures = expectWhole('Bilinear', 'outFeatures', outFeatures, 0);
    this.weight = emptyParameter([this.outFeatures, this.in1Features, this.in2Features], options);
    this.bias = bias ? emptyParameter([this.outFeatures], options) : null;
    this.resetParameters();
  }
  /** Draws the parameters anew. */
  resetParameters(): void {
    const bound = 1 / Math.sqrt(this.in1Features);
    uniform_(this.weight, { a: -bound, b: bound });
    if (this.bias !== null) uniform_(this.bias, { a: -bound, b: bound });
  }
  forward(input1: Tensor, input2: Tensor): Tensor {
    return bilinear(input1, input2, this.weight, this.bias);
  }
  override extraRepr(): string {
    return (
      `in1_features=${this.in1Features}, in2_features=${this.in2Features}, ` +
      `out_features=${this.outFeatures}, bias=${bool(this.bias !== null)}`
    );
  }
}

/** Gives back its input. What the constructor is given does not matter. */
export class Identity<T = Tensor> extends Module<[input: T], T> {
  constructor(..._args: unknown[]) {
    super();
  }
  forward(input: T): T {
    return input;
  }
}
