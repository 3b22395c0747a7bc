// torch.autograd
export { backward, enableGrad, grad, inferenceMode, isGradEnabled, noGrad } from './gradMode.js';
export { detectAnomaly, isAnomalyEnabled, setDetectAnomaly } from './anomaly.js';
export { AutogradFunction as Function, type FunctionContext } from './function.js';
export type { HookHandle } from './callbacks.js';
export * as functional from './functional.js';
export { gradcheck, gradgradcheck, type GradcheckOptions } from './gradcheck.js';
