// torch.nn
export * from './modules/index.js';
export { isModule, Module, type AnyModule, type IncompatibleKeys, type StateDict } from './module.js';
export { RemovableHandle, type Gradients } from './hooks.js';
export { Parameter } from '../tensor/tensor.js';
export * as functional from '../generated/functional.js';
