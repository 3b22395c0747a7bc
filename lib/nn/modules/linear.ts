// Linear layers.
import { expectBoolean, expectInteger } from '../../core/checks.js';
import { expectNoMore, options as optionsOf } from '../../core/options.js';
import { bilinear } from '../../operators/generated/functional.js';
import type { Parameter } from '../../tensor/parameter.js';
import type { Tensor } from '../../tensor/tensor.js';
import { uniform_ } from '../init.js';
import { Module } from '../module.js';
import { emptyParameter, type FactoryOptions } from './initial.js';
import { bool } from './repr.js';
import { readOption, WeightedModule, writeOption } from './native.js';

/**
 * x W^T + b: [..., inFeatures] to [..., outFeatures]. weight [outFeatures, inFeatures] and bias [outFeatures] are drawn
 * uniformly from +-1/sqrt(inFeatures).
 */
export class Linear extends WeightedModule {
  /** `bias` is true unless given. */
  constructor(inFeatures: number, outFeatures: number, options: FactoryOptions & { bias?: boolean } = {}) {
    const { bias = true, ...factory } = optionsOf(new.target.name, options, ['bias', 'device', 'dtype']);
    super(
      'Linear',
      {
        inFeatures: expectInteger('Linear', 'inFeatures', inFeatures),
        outFeatures: expectInteger('Linear', 'outFeatures', outFeatures),
        bias: expectBoolean('Linear', 'bias', bias),
      },
      factory,
    );
  }
  get inFeatures(): number {
    return readOption(this, 'inFeatures');
  }
  set inFeatures(value: number) {
    writeOption(this, 'inFeatures', expectInteger('Linear', 'inFeatures', value));
  }
  get outFeatures(): number {
    return readOption(this, 'outFeatures');
  }
  set outFeatures(value: number) {
    writeOption(this, 'outFeatures', expectInteger('Linear', 'outFeatures', value));
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
  in1Features: number;
  in2Features: number;
  outFeatures: number;
  declare weight: Parameter;
  declare bias: Parameter | null;

  constructor(
    in1Features: number,
    in2Features: number,
    outFeatures: number,
    options: FactoryOptions & { bias?: boolean } = {},
  ) {
    super();
    const { bias = true, ...factory } = optionsOf('Bilinear', options, ['bias', 'device', 'dtype']);
    this.in1Features = expectInteger('Bilinear', 'in1Features', in1Features, 1);
    this.in2Features = expectInteger('Bilinear', 'in2Features', in2Features);
    this.outFeatures = expectInteger('Bilinear', 'outFeatures', outFeatures);
    const shape = [this.outFeatures, this.in1Features, this.in2Features];
    this.registerParameter('weight', emptyParameter(shape, factory));
    this.registerParameter('bias', bias ? emptyParameter([this.outFeatures], factory) : null);
    this.resetParameters();
  }
  /** Draws the parameters anew. */
  resetParameters(): void {
    expectNoMore('Bilinear.resetParameters', arguments, 0);
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
