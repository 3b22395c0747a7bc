// torch.optim
export {
  isOptimizer,
  Optimizer,
  type AnyOptimizer,
  type CommonOptions,
  type GroupOf,
  type OptimizerOptions,
  type OptimizerState,
  type SavedOptimizerState,
  type ParameterState,
  type ParamGroup,
  type Params,
  type StateLayout,
  type StateValue,
  type StepHook,
  type Trained,
} from './optimizer.js';
export type { Value } from './values.js';
export * from './adadelta.js';
export * from './adafactor.js';
export * from './adagrad.js';
export * from './adam.js';
export * from './adamax.js';
export * from './asgd.js';
export * from './lbfgs.js';
export * from './muon.js';
export * from './nadam.js';
export * from './radam.js';
export * from './rmsprop.js';
export * from './rprop.js';
export * from './sgd.js';
export * from './sparseAdam.js';
export * as lrScheduler from './lrScheduler/index.js';
export * as swaUtils from './swaUtils.js';
