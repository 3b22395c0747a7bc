// Lazy modules learn the number of their input's channels (or features) at the first forward, and give their parameters
// shape and values then; loadStateDict() does so too. Until then these are uninitialised: they can be moved and cast with the
// network, and whoever reads their values gets an error. From then on they print as the plain module does, but stay of their
// own class.
import { Parameter } from '../../tensor/parameter.js';
import type { Tensor } from '../../tensor/tensor.js';
import type { Device } from '../../core/dtype.js';
import {
  isUninitialized,
  materialize,
  UninitializedBuffer,
  UninitializedParameter,
} from '../uninitialized.js';
import { emptyParameter, filled, type FactoryOptions } from './initial.js';

/** Stands for the number of channels (or features) of a lazy module in its constructor. @hidden */
export const LAZY = Symbol('torch-node.nn.lazy');

/** A parameter of a shape that may not be known yet. @internal */
export function lazyParameter(shape: readonly number[] | undefined, factory: FactoryOptions): Parameter {
  return shape === undefined ? new UninitializedParameter(factory) : emptyParameter(shape, factory);
}

/** A buffer of a shape that may not be known yet. @internal */
export function lazyBuffer(
  kind: 'zeros' | 'ones',
  shape: readonly number[] | undefined,
  factory: FactoryOptions,
): Tensor {
  return shape === undefined ? new UninitializedBuffer(factory) : filled(kind, shape, factory);
}

/**
 * Gives the uninitialised ones among the tensors of a module their memory, beside the first input unless another device was
 * asked for. @internal
 */
export function initialize(tensors: readonly [Tensor | null, readonly number[]][], device?: Device): void {
  for (const [tensor, shape] of tensors)
    if (tensor !== null && isUninitialized(tensor)) materialize(tensor, shape, device);
}

/** The summary of a lazy module: its class loses the "Lazy" once it has its parameters, as in PyTorch. @internal */
export function withoutLazy(text: string, pending: boolean): string {
  return pending ? text : text.replace(/^Lazy/, '');
}
