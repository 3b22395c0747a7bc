// First values of parameters, as recurrent nets and attention draw them.
import { noGrad } from '../../tensor/autograd.js';
import type { Tensor } from '../../tensor/tensor.js';

/** Draws each parameter uniformly from +-bound, one after another. @internal */
export function drawWithin(parameters: readonly Tensor[], bound: number): void {
  noGrad(() => {
    for (const parameter of parameters) parameter.uniform_(-bound, { to: bound });
  });
}

/** Glorot's uniform distribution: +-sqrt(6 / (fan in + fan out)) for a weight [out, in]. @internal */
export function drawXavierUniform(weight: Tensor): void {
  drawWithin([weight], Math.sqrt(3) * xavierDeviation(weight));
}

/** Glorot's normal distribution: a standard deviation of sqrt(2 / (fan in + fan out)). @internal */
export function drawXavierNormal(weight: Tensor): void {
  const std = xavierDeviation(weight);
  noGrad(() => weight.normal_(0, { std }));
}

function xavierDeviation({ shape }: Tensor): number {
  const [out = 1, into = 1, ...field] = shape;
  const area = field.reduce((product, size) => product * size, 1);
  return Math.sqrt(2 / ((into + out) * area));
}
