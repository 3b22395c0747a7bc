// torch.nn.functional: the functions that are operators (generated), and those that PyTorch composes in Python.
export * from '../operators/generated/functional.js';
export * from './functional/activation.js';
export { multiHeadAttentionForward, type MultiHeadAttentionOptions } from './functional/attention.js';
export * from './functional/distance.js';
export * from './functional/loss.js';
export {
  embedding,
  embeddingBag,
  type BagMode,
  type EmbeddingBagLookup,
  type EmbeddingLookup,
} from './functional/sparse.js';
export * from './functional/spatial.js';
// Written by hand, in place of the generated ones.
export { oneHot } from './functional/sparse.js';
export { adaptiveAvgPool2d, adaptiveAvgPool3d } from './functional/spatial.js';
