// Lazy modules learn the number of their input's channels (or features) at the first forward, and make their parameters
// then. Until then reading a parameter throws, and with it parameters(), stateDict(), loadStateDict(), to() and every
// optimizer over the network.
import { TorchError } from '../../tensor/errors.js';
import type { AnyModule } from '../module.js';

/** Stands for the number of channels (or features) of a lazy module in its constructor. @internal */
export const LAZY = Symbol('torch-node.nn.lazy');

/** Makes properties that throw until they are assigned to. @internal */
export function awaitForward(module: AnyModule, names: readonly string[]): void {
  for (const name of names) {
    Object.defineProperty(module, name, {
      configurable: true,
      enumerable: true,
      get: (): never => {
        const kind = module.constructor.name;
        throw new TorchError(
          `${kind}.${name}`,
          `this ${kind} has no parameters yet, it makes them at its first forward: run one batch through the network before ` +
            'its parameters are read, moved, saved, loaded or given to an optimizer',
          { code: 'ERR_TORCH_UNINITIALIZED' },
        );
      },
      set: (value: unknown) => {
        Object.defineProperty(module, name, { configurable: true, enumerable: true, writable: true, value });
      },
    });
  }
}

/** The summary of a lazy module: its class loses the "Lazy" once it has its parameters, as in PyTorch. @internal */
export function withoutLazy(text: string, pending: boolean): string {
  return pending ? text : text.replace(/^Lazy/, '');
}
