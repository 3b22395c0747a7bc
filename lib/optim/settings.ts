// Settings of optimizers: their defaults, and the checks that only they have.
import { expectArgument, expectNumber, expectPair } from '../core/checks.js';
import { UnknownOptionError } from '../core/errors.js';
import { isOptions } from '../core/options.js';
import { isTensor } from '../tensor/tensor.js';

/** The settings that were given, over the defaults. undefined is not given; a bigint passes for a number. */
export function settled<T extends object>(defaults: T, given: object): T {
  const entries = Object.entries(given) as [string, unknown][];
  return {
    ...defaults,
    ...Object.fromEntries(
      entries
        .filter(([, value]) => value !== undefined)
        .map(([name, value]) => [name, typeof value === 'bigint' ? Number(value) : value]),
    ),
  };
}

/** A learning rate: a number of 0 or more, or a tensor that holds one. */
export function expectRate(where: string, lr: unknown): void {
  if (isTensor(lr)) expectArgument(where, 'lr', lr, lr.numel === 1, 'a tensor of one element');
  expectNumber(where, 'lr', isTensor(lr) ? lr.item() : lr, { least: 0 });
}

/** The coefficients of running averages: both in [0, 1). */
export function expectBetas(where: string, betas: unknown): void {
  for (const [i, beta] of expectPair(where, 'betas', betas).entries())
    expectNumber(where, `betas[${i}]`, beta, { least: 0, below: 1 });
}

/** PyTorch has an option that is not here: the error says what to do instead. */
export function refuseDifferentiable(where: string, given: unknown): void {
  if (isOptions(given) && 'differentiable' in given)
    throw new UnknownOptionError(
      where,
      "there is no option 'differentiable': gradients cannot flow through steps; detach, or write the update yourself",
    );
}
