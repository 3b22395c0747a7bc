// torch.nn
export * from './modules/index.js';
export {
  isModule,
  Module,
  type AnyModule,
  type IncompatibleKeys,
  type InputsOf,
  type StateDict,
} from './module.js';
export { RemovableHandle, type Gradients } from './hooks.js';
export { Parameter } from '../tensor/parameter.js';
export { UninitializedBuffer, UninitializedParameter } from './uninitialized.js';
export * as functional from './functional.js';
export * as init from './init.js';
export * as utils from './utils/index.js';
