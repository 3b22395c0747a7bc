// torch.nn.utils
export {
  clipGradNorm_,
  clipGradsWithNorm_,
  clipGradValue_,
  getTotalNorm,
  type ClipNormOptions,
} from './clip.js';
export { parametersToVector, vectorToParameters } from './convert.js';
export * as parametrizations from './parametrizations.js';
export * as parametrize from './parametrize.js';
export * as rnn from './rnn.js';
export { removeWeightNorm, weightNorm } from './weightNorm.js';
