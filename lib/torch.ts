// The package's public interface: what `torch` is to a user.
export * as accelerator from './accelerator/index.js';
export * as amp from './amp/index.js';
export * as autograd from './autograd/index.js';
export * as checkpoints from './checkpoints/index.js';
export * as cuda from './accelerator/cuda.js';
export * as data from './data/index.js';
export * as inductor from './jit/inductor.js';
export * as jit from './jit/index.js';
export * as nn from './nn/index.js';
export * as optim from './optim/index.js';
export * as signal from './signal/index.js';
export * as testing from './testing/index.js';
export * as transforms from './transforms/index.js';
export * as utils from './utils/index.js';

export { load } from './checkpoints/pytorch/load.js';
export { save } from './checkpoints/pytorch/save.js';

// The operators; a name that is exported below instead is written by hand.
export * from './operators/generated/functions.js';
export {
  atleast1d,
  atleast2d,
  atleast3d,
  blockDiag,
  broadcastTensors,
  cartesianProd,
  cdist,
  chainMatmul,
  einsum,
  meshgrid,
  nonzero,
  norm,
  tensordot,
  unique,
  uniqueConsecutive,
  type Norm,
} from './operators/functional.js';
export * as fft from './operators/generated/fft.js';
export * as linalg from './operators/generated/linalg.js';
export * as special from './operators/generated/special.js';

export { autocast, getAutocastDtype, isAutocastEnabled } from './amp/autocast.js';
export { enableGrad, inferenceMode, isGradEnabled, noGrad } from './autograd/gradMode.js';
export { grad } from './autograd/passes.js';
export {
  backends,
  getFloat32MatmulPrecision,
  setFloat32MatmulPrecision,
  type MatmulPrecision,
} from './tensor/backends.js';
export { fromBuffer, fromTypedArray, type BufferOptions } from './tensor/buffers.js';
export { arange, full, shape, tensor, type TensorOptions } from './tensor/create.js';
export { Event, Stream, type EventOptions, type StreamOptions } from './accelerator/streams.js';
export * from './tensor/dtypes.js';
export { isFloatingPoint, type Device, type DType, type Layout, type MemoryFormat } from './core/dtype.js';
export {
  ArgumentTypeError,
  NoDeviceError,
  OutOfMemoryError,
  OutOfRangeError,
  TorchError,
  UnknownOptionError,
} from './core/errors.js';
export { getPrintOptions, setPrintOptions, type PrintOptions } from './tensor/format/options.js';
export { slice, type IndexArray, type Slice, type TensorIndex } from './tensor/indexing.js';
export {
  compileStep,
  type CompileOptions,
  type EpochOptions,
  type Program,
  type StepSource,
} from './program/program.js';
export { classes, isNativeObject, type NativeObject } from './operators/nativeObject.js';
export { ops, type Operator } from './operators/operators.js';
export type { AtenOperators } from './operators/generated/aten.js';
export type { FactoryOptions } from './operators/generated/results.js';
export type * as returnTypes from './operators/generated/results.js';
export { Generator, getRngState, manualSeed, setRngState } from './tensor/random.js';
export {
  cpuCapability,
  getNumThreads,
  memory,
  setNumThreads,
  showConfig,
  version,
} from './tensor/runtime.js';
export { scalar, type Complex, type Scalar, type ScalarDType, type TypedScalar } from './core/scalar.js';
export { openScope, scope, type Scope } from './tensor/scope.js';
export { isTensor, Tensor, type NestedArray, type TensorLike } from './tensor/tensor.js';
export { liveTensors, traceTensors, type LiveTensor } from './tensor/trace.js';
export { receive, send, type TensorParcel } from './tensor/transfer.js';
export { fromDlpack } from './utils/dlpack.js';
export type { Broadcast, Shape } from './types/shapes.js';
export type { Mistake, Promoted } from './types/pairs.js';
export type { TypedArray } from './native/binding.js';
