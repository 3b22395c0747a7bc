// A linear layer that learns its number of input features at the first forward.
import { expectBoolean, expectInteger } from '../../core/checks.js';
import type { Device } from '../../core/dtype.js';
import { expectNoMore, options as optionsOf } from '../../core/options.js';
import { linear } from '../../operators/generated/functional.js';
import type { Parameter } from '../../tensor/parameter.js';
import { expectTensor, type Tensor } from '../../tensor/tensor.js';
import { Module } from '../module.js';
import { isUninitialized } from '../uninitialized.js';
import { misfit } from './fit.js';
import { drawUniform, type FactoryOptions } from './initial.js';
import { initialize, lazyParameter, withoutLazy } from './lazy.js';
import { bool } from './repr.js';

/** Linear whose number of features is the last size of its first input. See `lazy.ts` for what holds until then. */
export class LazyLinear extends Module {
  /** 0 until the first forward. */
  inFeatures = 0;
  outFeatures: number;
  declare weight: Parameter;
  declare bias: Parameter | null;
  private pending = true;

  constructor(outFeatures: number, options: FactoryOptions & { bias?: boolean } = {}) {
    super();
    const { bias = true, ...factory } = optionsOf('LazyLinear', options, ['bias', 'device', 'dtype']);
    this.outFeatures = expectInteger('LazyLinear', 'outFeatures', outFeatures);
    expectBoolean('LazyLinear', 'bias', bias);
    this.registerParameter('weight', lazyParameter(undefined, factory));
    this.registerParameter('bias', bias ? lazyParameter(undefined, factory) : null);
    this.registerLoadStateDictPreHook((module, state, prefix) => {
      const weight = state[`${prefix}weight`];
      if (module.pending && weight !== undefined && !isUninitialized(weight)) module.learn(weight.size(1));
    });
  }
  private learn(inFeatures: number, device?: Device): void {
    this.inFeatures = inFeatures;
    this.pending = false;
    const { weight, bias, outFeatures } = this;
    initialize([[weight, [outFeatures, inFeatures]], [bias, [outFeatures]]], device); // prettier-ignore
  }
  /** Draws the parameters anew, uniformly from +-1/sqrt(inFeatures). */
  resetParameters(): void {
    expectNoMore('LazyLinear.resetParameters', arguments, 0);
    drawUniform(this.weight, this.bias);
  }
  override forward(input: Tensor): Tensor {
    const { shape, device } = expectTensor('LazyLinear', 'input', input);
    const features = shape.at(-1);
    if (this.pending && features !== undefined) {
      this.learn(features, device);
      this.resetParameters();
    }
    if (features === undefined || features !== this.inFeatures)
      throw misfit(this, input, `[..., ${this.pending ? 'features' : this.inFeatures}]`);
    return linear(input, this.weight, this.bias);
  }
  override extraRepr(): string {
    return `in_features=${this.inFeatures}, out_features=${this.outFeatures}, bias=${bool(this.bias !== null)}`;
  }
  override toString(): string {
    return withoutLazy(super.toString(), this.pending);
  }
}
