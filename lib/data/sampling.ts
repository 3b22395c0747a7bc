// The random numbers that loading data takes, drawn as PyTorch draws them.
import { empty, multinomial, randint, randperm } from '../operators/generated/functions.js';
import { Generator } from '../tensor/random.js';
import { scope } from '../tensor/scope.js';
import type { Tensor } from '../tensor/tensor.js';

function numbersOf(tensor: Tensor): number[] {
  return Array.from(tensor.dataSync() as BigInt64Array, Number);
}

function given(generator: Generator | undefined): { generator?: Generator } {
  return generator === undefined ? {} : { generator };
}

/** A seed, as `torch.empty((), dtype=torch.int64).random_()` draws one. @internal */
export function drawSeed(generator?: Generator): bigint {
  return scope(() => BigInt(empty([], { dtype: 'int64' }).random_(given(generator)).item<number | bigint>()));
}

/** The generator, or a new one under a seed from the default generator. @internal */
export function generatorOr(generator: Generator | undefined): Generator {
  return generator ?? new Generator().manualSeed(drawSeed());
}

/** 0 ... n-1 in random order. @internal */
export function permutation(n: number, generator?: Generator): number[] {
  return scope(() => numbersOf(randperm(n, { ...given(generator), dtype: 'int64' })));
}

/** `count` numbers from 0 to n-1. @internal */
export function drawBelow(n: number, count: number, generator?: Generator): number[] {
  return scope(() => numbersOf(randint(n, [count], { ...given(generator), dtype: 'int64' })));
}

/** Indices drawn by weight. @internal */
export function drawWeighted(
  weights: Tensor,
  count: number,
  replacement: boolean,
  generator?: Generator,
): number[] {
  return scope(() => numbersOf(multinomial(weights, count, { replacement, ...given(generator) })));
}
