// Sets of labelled pictures in memory.
import { fromTypedArray } from '../../tensor/buffers.js';
import type { Tensor } from '../../tensor/tensor.js';
import { TensorDataset } from '../dataset.js';

/** Pictures and their classes: sample i is [uint8 [C, H, W], int64 []]. Can be given to a DataLoader's workers. */
export class ImageDataset extends TensorDataset<readonly [Tensor, Tensor]> {
  /** The name of each class. */
  readonly classes: readonly string[];

  constructor(images: Tensor, labels: Tensor, classes: readonly string[]) {
    super(images, labels);
    this.classes = classes;
  }
  /** uint8 [N, C, H, W] */
  get images(): Tensor {
    return this.tensors[0];
  }
  /** int64 [N] */
  get labels(): Tensor {
    return this.tensors[1];
  }
}

/** A set over bytes, which it shares. @internal */
export function fromBytes(
  images: Uint8Array,
  labels: Uint8Array,
  shape: readonly [number, number, number],
  classes: readonly string[],
): ImageDataset {
  const pictures = fromTypedArray(images, { shape: [labels.length, ...shape] }).keep();
  return new ImageDataset(pictures, fromTypedArray(labels).to('int64').keep(), classes);
}
