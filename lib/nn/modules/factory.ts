// Parameters that a module in TypeScript makes for itself, and the numbers that they begin with.
import { empty } from '../../generated/functions.js';
import { noGrad } from '../../tensor/autograd.js';
import type { Device, DType } from '../../tensor/dtype.js';
import { TorchError } from '../../tensor/errors.js';
import { describe } from '../../tensor/operators.js';
import { Parameter, type Tensor } from '../../tensor/tensor.js';

/** What parameters are made of, and where. */
export interface ParameterOptions {
  /** Default float32. */
  dtype?: DType;
  /** Default cpu. */
  device?: Device;
}

/** A parameter whose values are whatever the memory holds. @internal */
export function emptyParameter(
  shape: readonly number[],
  options: ParameterOptions,
  requiresGrad = true,
): Parameter {
  const data = empty(shape, { dtype: options.dtype ?? 'float32', device: options.device ?? 'cpu' });
  const parameter = new Parameter(data, requiresGrad);
  data.dispose();
  return parameter;
}

/** Draws each parameter uniformly from +-bound, one after another. @internal */
export function drawUniform(parameters: readonly Tensor[], bound: number): void {
  noGrad(() => {
    for (const parameter of parameters) parameter.uniform_(-bound, { to: bound });
  });
}

/** Throws a TorchError unless the value is an integer of at least `least`. @internal */
export function expectSize(where: string, name: string, value: unknown, least = 1): number {
  const size = typeof value === 'bigint' ? Number(value) : value;
  if (typeof size === 'number' && Number.isInteger(size) && size >= least) return size;
  throw new TorchError(where, `${name}: expected an integer of ${least} or more, got ${describe(value)}`, {
    code: 'ERR_INVALID_ARG_TYPE',
  });
}

/** Throws a TorchError unless the value is a probability. @internal */
export function expectProbability(where: string, name: string, value: unknown): number {
  if (typeof value === 'number' && value >= 0 && value <= 1) return value;
  throw new TorchError(where, `${name}: expected a number from 0 to 1, got ${describe(value)}`, {
    code: 'ERR_INVALID_ARG_TYPE',
  });
}

/** A number as Python prints a float: 1 as "1.0", 0.00001 as "1e-05". @internal */
export function pythonFloat(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e16) return value.toFixed(1);
  const size = Math.abs(value);
  const text = size !== 0 && size < 1e-4 ? value.toExponential() : String(value);
  return text
    .replace(/e([+-])(\d)$/, 'e$10$2')
    .replace('Infinity', 'inf')
    .replace('NaN', 'nan');
}

/** Glorot's uniform distribution: +-sqrt(6 / (fan in + fan out)) for a weight [out, in]. @internal */
export function drawXavierUniform(weight: Tensor): void {
  const bound = Math.sqrt(3) * xavierDeviation(weight);
  noGrad(() => weight.uniform_(-bound, { to: bound }));
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
