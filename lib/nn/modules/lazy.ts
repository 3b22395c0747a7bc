// Lazy modules learn the number of their input's channels (or features) at the first forward, and make their parameters
// then; loadStateDict() makes them too. Until then reading a parameter throws, and with it parameters(), stateDict(), to()
// and every optimizer over the network. From then on they print as the plain module does, but stay of their own class.
import { TorchError } from '../../core/errors.js';
import type { Tensor } from '../../tensor/tensor.js';
import type { AnyModule } from '../module.js';
import type { FactoryOptions } from './initial.js';

/** Stands for the number of channels (or features) of a lazy module in its constructor. @hidden */
export const LAZY = Symbol('torch-node.nn.lazy');

/** Why a lazy module's parameters and buffers cannot be had. @internal */
export function uninitialized(module: AnyModule, name: string): TorchError {
  const kind = module.constructor.name;
  return new TorchError(
    `${kind}.${name}`,
    `this ${kind} has no parameters yet, it makes them at its first forward: run one batch through the network before ` +
      'its parameters are read, moved, saved or given to an optimizer',
    { code: 'ERR_TORCH_UNINITIALIZED' },
  );
}

/** Makes properties that throw until they are assigned to. @internal */
export function awaitForward(module: AnyModule, names: readonly string[]): void {
  for (const name of names) {
    Object.defineProperty(module, name, {
      configurable: true,
      enumerable: true,
      // `this`, since the properties of a copy are the same functions.
      get(this: AnyModule): never {
        throw uninitialized(this, name);
      },
      set(this: AnyModule, value: unknown) {
        Object.defineProperty(this, name, { configurable: true, enumerable: true, writable: true, value });
      },
    });
  }
}

/** Where a lazy module makes its parameters: beside its first input, unless it was told a place. @internal */
export function beside(input: Tensor, options: FactoryOptions): FactoryOptions {
  return { device: input.device, ...options };
}

/** The summary of a lazy module: its class loses the "Lazy" once it has its parameters, as in PyTorch. @internal */
export function withoutLazy(text: string, pending: boolean): string {
  return pending ? text : text.replace(/^Lazy/, '');
}
