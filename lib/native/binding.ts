// The addon as TypeScript sees it: handles are numbers, 0 stands for "no tensor". Only lib/tensor, lib/nn, lib/optim
// and lib/data talk to it.
import { loadAddon } from './load.js';

/** What the native side says of an operator: where its tensors are, and its schema in PyTorch's words. */
export interface OperatorDescription {
  readonly id: number;
  readonly schema: string;
  readonly arguments: readonly {
    readonly name: string;
    readonly kind: 'tensor' | 'tensor?' | 'tensors' | 'generator' | 'integers' | 'tagged' | 'plain';
    readonly type: string;
    readonly keywordOnly: boolean;
    /** Whether it has no default. */
    readonly required: boolean;
  }[];
  readonly results: readonly {
    readonly kind: 'tensor' | 'tensor?' | 'tensors' | 'generator' | 'tagged' | 'plain';
    /** Which argument this result is, for in-place and out= forms; -1 for a result of its own. */
    readonly argument: number;
  }[];
}

/** Parts of a TorchScript module: `part` is the same number for the same part, as long as that lives. */
export type ScriptParts = readonly (readonly [name: string, handle: number, part: number])[];

export interface LoadedScript {
  readonly handle: number;
  readonly extraFiles: readonly (readonly [name: string, bytes: ArrayBuffer])[];
}

/** Any of JavaScript's arrays of numbers. */
export type TypedArray =
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array
  | Float32Array
  | Float64Array;

export interface NativeAddon {
  // operators
  findOperator(name: string, overload: string): OperatorDescription | null;
  operatorNames(): string[];
  callOperator(id: number, ...args: unknown[]): unknown;
  /** Room for lists of integers on their way to an operator; see lib/operators/integers.ts. */
  readonly integers: Float64Array;
  // handles of everything but tensors: modules, optimizers, generators, hooks, programs, scripts, objects of libtorch's
  /** Has the garbage collector release a handle together with the object that owns it. */
  adopt(owner: object, handle: number): void;
  /** Releases a handle now; doing so twice does nothing. */
  release(handle: number): void;
  objectCount(): number;
  // objects
  objectType(handle: number): string;
  untypedStorage(tensor: number): number;
  classNames(): string[];
  classMethods(name: string): string[] | null;
  classFunction(name: string, method: string): OperatorDescription | null;
  operatorRunsOn(name: string, overload: string, key: string): boolean;
  // TorchScript
  loadScript(source: string | Uint8Array, device: string | null, extraFiles: readonly string[]): LoadedScript;
  loadScriptAsync(
    source: string | Uint8Array,
    device: string | null,
    extraFiles: readonly string[],
  ): Promise<LoadedScript>;
  scriptBytes(handle: number, extraFiles: readonly [name: string, bytes: Uint8Array][]): ArrayBuffer;
  scriptMethod(handle: number, name: string): OperatorDescription | null;
  callScript(handle: number, method: number, args: readonly unknown[]): unknown;
  callScriptAsync(handle: number, method: number, args: readonly unknown[]): Promise<unknown>;
  scriptName(handle: number): string;
  scriptMethods(handle: number): string[];
  scriptText(handle: number, method: string, what: 'code' | 'graph'): string;
  scriptChildren(handle: number): ScriptParts;
  scriptTensors(handle: number, parameters: boolean): ScriptParts;
  scriptAttributes(handle: number): string[];
  getScriptAttribute(handle: number, name: string): unknown;
  setScriptAttribute(handle: number, name: string, value: unknown): void;
  scriptTraining(handle: number): boolean;
  setScriptTraining(handle: number, on: boolean): void;
  // packages of AOTInductor
  loadPackage(file: string, model: string, runners: number): number;
  loadPackageAsync(file: string, model: string, runners: number): Promise<number>;
  runPackage(handle: number, inputs: readonly number[]): number[];
  runPackageAsync(handle: number, inputs: readonly number[]): Promise<number[]>;
  packageMetadata(handle: number): Record<string, string>;
  packageCallSpec(handle: number): string[];
  packageConstants(handle: number): string[];
  // tensors
  fromBytes(data: TypedArray | ArrayBuffer, dtype: string, shape: readonly number[]): number;
  readSync(handle: number): TypedArray;
  read(handle: number): Promise<TypedArray>;
  storage(handle: number): { address: number; bytes: number; offset: number };
  item(handle: number): number | bigint | boolean | { re: number; im: number };
  shape(handle: number): number[];
  strides(handle: number): number[];
  dtype(handle: number): string;
  device(handle: number): string;
  isContiguous(handle: number): boolean;
  wrappedNumber(value: number | bigint | boolean | object): number;
  alias(handle: number): number;
  releaseTensor(handle: number): void;
  releaseTensors(handles: Uint32Array, count: number): void;
  adoptTensor(owner: object, handle: number): void;
  memory(): [tensors: number, bytes: number];
  // memory shared with JavaScript
  viewBytes(data: Uint8Array, dtype: string, shape: readonly number[]): number;
  viewMemory(handle: number): [buffer: ArrayBuffer | SharedArrayBuffer, offset: number] | null;
  lentBuffer(handle: number): ArrayBuffer | SharedArrayBuffer | null;
  storageBytes(handle: number): number;
  moveStorage(handle: number, data: Uint8Array): void;
  // files
  mapFile(
    file: string,
    size: number,
    dtypes: readonly string[],
    shapes: readonly (readonly number[])[],
    begins: readonly number[],
  ): number[];
  // DLPack
  checkDlpack(handle: number): void;
  toDlpack(handle: number, versioned: boolean): bigint;
  fromDlpack(address: bigint, versioned: boolean): number;
  dlpackDevice(handle: number): [type: number, index: number];
  // between threads
  sendTensor(handle: number): number | bigint;
  receiveTensor(number: number): number;
  // autograd
  backward(
    tensors: number[],
    gradients: (number | null)[],
    retainGraph: boolean,
    createGraph: boolean,
    inputs: number[],
  ): void;
  grad(
    outputs: number[],
    inputs: number[],
    gradients: (number | null)[],
    retainGraph: boolean,
    createGraph: boolean,
    allowUnused: boolean,
  ): number[];
  requiresGrad(handle: number): boolean;
  setRequiresGrad(handle: number, on: boolean): void;
  isLeaf(handle: number): boolean;
  gradFn(handle: number): string;
  getGrad(handle: number): number;
  setGrad(handle: number, gradient: number | null): void;
  setData(handle: number, data: number): void;
  gradEnabled(): boolean;
  setGradEnabled(on: boolean): void;
  enterInferenceMode(): void;
  leaveInferenceMode(): void;
  // autocast
  autocastEnabled(device: string): boolean;
  autocastDtype(device: string): string;
  setAutocast(device: string, enabled: boolean, dtype: string): void;
  autocastCacheEnabled(): boolean;
  setAutocastCache(on: boolean): void;
  enterAutocast(): void;
  leaveAutocast(): void;
  clearAutocastCache(): void;
  // functions and hooks
  applyFunction(
    name: string,
    backward: (gradients: number[], saved: number[]) => number[],
    inputs: number[],
    outputs: (number | null)[],
    saved: (number | null)[],
    nonDifferentiable: number[],
    dirty: number[],
    materializeGrads: boolean,
  ): number[];
  registerHook(handle: number, hook: (gradient: number[]) => number[]): number;
  removeHook(hook: number): void;
  retainGrad(handle: number): void;
  retainsGrad(handle: number): boolean;
  backwardMayNest(): boolean;
  anomalyMode(): [on: boolean, checkNan: boolean];
  setAnomalyMode(on: boolean, checkNan: boolean): void;
  takeAnomalies(): string[];
  // modules
  createModule(
    kind: string,
    options: object,
    dtype: string | null,
    device: string | null,
  ): [module: number, ...parameters: number[]];
  copyModule(module: number): number;
  moduleOption(module: number, name: string): unknown;
  setModuleOption(module: number, name: string, value: unknown): void;
  forwardModule(module: number, input: number, weight: number | null, bias: number | null): number | number[];
  // optimizers
  createSgd(): number;
  /** Eight numbers a group: see Sgd::Group. Gives the momentum buffers that were made, at their parameters' places. */
  stepSgd(
    handle: number,
    options: number[],
    parameters: number[],
    buffers: number[],
    gradScale: number | null,
    foundInf: number | null,
  ): number[];
  zeroGrad(parameters: number[], setToNone: boolean): void;
  // programs
  recordStep(
    step: () => number[],
    inputs: readonly number[],
    ownPlaces: readonly string[],
    graphs: 'on' | 'off' | 'dry-run',
  ): number;
  schedulePlaceholder(value: number): number;
  unrecorded(run: () => number[]): void;
  /** Whether a tensor's values are the same in every run of the step that is being recorded. */
  isKnownInStep(tensor: number): boolean;
  describeProgram(handle: number): {
    instructions: [operator: string, where: string][];
    draws: boolean;
  };
  programWay(handle: number): {
    graph: boolean;
    why: string;
    accelerator: boolean;
    captures: number;
    replays: number;
  };
  fuseProgram(handle: number): string;
  runProgram(handle: number, inputs: readonly number[], numbers: readonly number[]): number[];
  runSteps(
    handle: number,
    rows: readonly number[],
    tables: readonly (number | null)[],
    permutation: number,
    range: readonly [from: number, batch: number, count: number],
    numbers: readonly number[],
    inBackground: boolean,
  ): Promise<void> | undefined;
  // runtime
  backendFlag(name: string): boolean;
  setBackendFlag(name: string, value: boolean): void;
  float32MatmulPrecision(): 'highest' | 'high' | 'medium';
  setFloat32MatmulPrecision(precision: string): void;
  onWarning(tell: (text: string) => void): void;
  libtorchVersion(): string;
  builtWith(): string;
  config(): string;
  parallelInfo(): string;
  cpuCapability(): string;
  getNumThreads(): number;
  setNumThreads(count: number): void;
  deviceBuilt(type: string): boolean;
  deviceCount(type: string): number;
  synchronize(device: string): void;
  currentDevice(type: string): number;
  setDevice(device: string): void;
  newStream(device: string, priority: number): number | bigint;
  defaultStream(device: string): number | bigint;
  waitStream(device: string, id: number | bigint, onDevice: string, onId: number | bigint): void;
  newEvent(device: string, timing: boolean): number;
  recordEvent(event: number, device: string, stream: number | bigint): void;
  waitEvent(event: number, device: string, stream: number | bigint): void;
  queryEvent(event: number): boolean;
  synchronizeEvent(event: number): void;
  elapsedTime(start: number, end: number): number;
  memoryStats(device: string): number[];
  resetPeakMemoryStats(device: string): void;
  resetAccumulatedMemoryStats(device: string): void;
  emptyCache(device: string): void;
  memGetInfo(device: string): number[];
  graphsBuilt(device: string): boolean;
  newGraph(device: string): number;
  beginGraph(graph: number, pool: readonly (number | bigint)[]): void;
  endGraph(graph: number): void;
  resetGraph(graph: number): void;
  abandonGraph(graph: number): void;
  replayGraph(graph: number): void;
  graphPool(graph: number): (number | bigint)[];
  cudaDeviceName(index: number): string;
  cudaDeviceAttributes(index: number, attributes: readonly number[]): number[];
  currentStream(device: string): number | bigint;
  setStream(device: string, id: number | bigint): void;
  queryStream(device: string, id: number | bigint): boolean;
  synchronizeStream(device: string, id: number | bigint): void;
  manualSeed(seed: number | bigint): void;
  manualSeedOf(device: string, seed: number | bigint): void;
  getRngState(device: string): number;
  setRngState(device: string, state: number): void;
  createGenerator(device: string): number;
  seedGenerator(handle: number, seed: number | bigint): void;
  getGeneratorState(handle: number): number;
  setGeneratorState(handle: number, state: number): void;
}

const loaded = loadAddon();

// An object of as many properties as the addon's exports is a hash table to V8, but no prototype is: this takes
// some 20 ns off each operator.
export const native = Object.create(loaded.addon as object) as NativeAddon;

/** Where the addon and libtorch were found. */
export const loadedFrom = loaded.info;
