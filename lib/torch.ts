// The package's public interface: what `torch` is to a user.
export * as autograd from './tensor/autograd.js';
export * as checkpoints from './checkpoints/index.js';
export * as data from './data/index.js';
export * as nn from './nn/index.js';
export * as optim from './optim/index.js';

export { enableGrad, grad, inferenceMode, isGradEnabled, noGrad } from './tensor/autograd.js';
export {
  arange,
  cat,
  empty,
  eye,
  fromTypedArray,
  full,
  linspace,
  ones,
  rand,
  randint,
  randn,
  randperm,
  stack,
  tensor,
  zeros,
  type TensorOptions,
} from './tensor/create.js';
export { cuda } from './tensor/devices.js';
export { isFloatingPoint, type Device, type DType } from './tensor/dtype.js';
export { TorchError } from './tensor/errors.js';
export { getPrintOptions, setPrintOptions, type PrintOptions } from './tensor/format/options.js';
export { slice, type IndexArray, type Slice, type TensorIndex } from './tensor/indexing.js';
export { ops, type Operator, type OperatorNamespace } from './tensor/operators.js';
export { Generator, getRngState, manualSeed, setRngState } from './tensor/random.js';
export {
  cpuCapability,
  getNumThreads,
  memory,
  setNumThreads,
  showConfig,
  version,
} from './tensor/runtime.js';
export { openScope, scope, type Scope } from './tensor/scope.js';
export { isTensor, Tensor, type NestedArray, type Scalar, type TensorLike } from './tensor/tensor.js';
export { liveTensors, traceTensors, type LiveTensor } from './tensor/trace.js';
export { receive, send, type TensorParcel } from './tensor/transfer.js';
export type { TypedArray } from './native/binding.js';
