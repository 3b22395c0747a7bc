// torch.nn.functional: what is generated, and what is written by hand, which comes first.
export * from '../../generated/functional.js';
export { multiHeadAttentionForward, type MultiHeadAttentionOptions } from './attention.js';
export {
  embedding,
  embeddingBag,
  type BagMode,
  type EmbeddingBagLookup,
  type EmbeddingLookup,
} from './sparse.js';
