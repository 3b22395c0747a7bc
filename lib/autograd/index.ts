// torch.autograd
export { backward, enableGrad, grad, inferenceMode, isGradEnabled, noGrad } from '../tensor/autograd.js';
export { detectAnomaly, isAnomalyEnabled, setDetectAnomaly } from '../tensor/anomaly.js';
export { AutogradFunction as Function, type FunctionContext } from './function.js';
export type { HookHandle } from '../tensor/callbacks.js';
export * as functional from './functional.js';
export { gradcheck, gradgradcheck, type GradcheckOptions } from './gradcheck.js';
