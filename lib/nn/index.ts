// torch.nn
export * from './modules/index.js';
export { isModule, Module, ModuleList, Sequential, type AnyModule, type StateDict } from './module.js';
export { Parameter } from '../tensor/tensor.js';
export * as functional from './functional.js';
