// A linear layer that learns its number of input features at the first forward.
import { expectInteger } from '../../core/checks.js';
import { expectOptions } from '../../core/options.js';
import { linear } from '../../operators/generated/functional.js';
import { expectTensor, type Parameter, type Tensor } from '../../tensor/tensor.js';
import { Module, type AnyModule } from '../module.js';
import { misfit } from './fit.js';
import { drawUniform, emptyParameter, type FactoryOptions } from './initial.js';
import { awaitForward, beside, withoutLazy } from './lazy.js';
import { bool } from './repr.js';

/** Linear whose number of features is the last size of its first input. See `lazy.ts` for what holds until then. */
export class LazyLinear extends Module {
  /** 0 until the first forward. */
  inFeatures = 0;
  readonly outFeatures: number;
  weight!: Parameter;
  bias: Parameter | null = null;
  private readonly factory: FactoryOptions;
  private readonly hasBias: boolean;
  private pending = true;

  constructor(outFeatures: number, options: FactoryOptions & { bias?: boolean } = {}) {
    super();
    const { bias = true, ...factory } = expectOptions('LazyLinear', options);
    this.outFeatures = expectInteger('LazyLinear', 'outFeatures', outFeatures);
    this.factory = factory;
    this.hasBias = bias;
    awaitForward(this, bias ? ['weight', 'bias'] : ['weight']);
    this.registerLoadStateDictPreHook((module, state, prefix) => {
      const weight = state[`${prefix}weight`];
      if (module.pending && weight !== undefined) module.makeParameters(weight.size(1), module.factory);
    });
  }
  private makeParameters(inFeatures: number, factory: FactoryOptions): void {
    this.inFeatures = inFeatures;
    this.weight = emptyParameter([this.outFeatures, inFeatures], factory);
    if (this.hasBias) this.bias = emptyParameter([this.outFeatures], factory);
    this.pending = false;
  }
  /** Draws the parameters anew, uniformly from +-1/sqrt(inFeatures). */
  resetParameters(): void {
    drawUniform(this.weight, this.bias);
  }
  override forward(input: Tensor): Tensor {
    const features = expectTensor('LazyLinear', 'input', input).shape.at(-1);
    if (this.pending && features !== undefined) {
      this.makeParameters(features, beside(input, this.factory));
      this.resetParameters();
    }
    if (features === undefined || features !== this.inFeatures)
      throw misfit(this, input, `[..., ${this.pending ? 'features' : this.inFeatures}]`);
    return linear(input, this.weight, this.bias);
  }
  override namedChildren(): [name: string, module: AnyModule][] {
    return this.pending ? [] : super.namedChildren();
  }
  override extraRepr(): string {
    return `in_features=${this.inFeatures}, out_features=${this.outFeatures}, bias=${bool(this.hasBias)}`;
  }
  override toString(): string {
    return withoutLazy(super.toString(), this.pending);
  }
}
