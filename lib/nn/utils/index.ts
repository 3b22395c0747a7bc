// torch.nn.utils
export {
  clipGradNorm_,
  clipGradsWithNorm_,
  clipGradValue_,
  getTotalNorm,
  type ClipNormOptions,
} from './clip.js';
export { parametersToVector, vectorToParameters } from './convert.js';
export * as rnn from './rnn.js';
