// torch.nn.functional
export * from '../generated/functional.js';
export * from './functional/spatial.js';
// Written by hand, in place of the generated ones.
export { adaptiveAvgPool2d, adaptiveAvgPool3d } from './functional/spatial.js';
export { multiHeadAttentionForward, type MultiHeadAttentionOptions } from './functional/attention.js';
export {
  embedding,
  embeddingBag,
  type BagMode,
  type EmbeddingBagLookup,
  type EmbeddingLookup,
} from './functional/sparse.js';
