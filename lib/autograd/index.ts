// torch.autograd
export { enableGrad, inferenceMode, isGradEnabled, noGrad } from './gradMode.js';
export { backward, grad, type BackwardOptions, type GradOptions } from './passes.js';
export { detectAnomaly, isAnomalyEnabled, setDetectAnomaly } from './anomaly.js';
export { AutogradFunction as Function, type FunctionContext } from './function.js';
export type { HookHandle } from './callbacks.js';
export * as functional from './functional.js';
export { gradcheck, gradgradcheck, type GradcheckOptions } from './gradcheck.js';
