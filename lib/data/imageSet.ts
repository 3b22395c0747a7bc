// A set of images on a device: bytes in memory, floats a batch at a time.
import { expectNoMore } from '../core/options.js';
import { describeTensor } from '../core/handles.js';
import { stepSources, type RowSource } from '../program/program.js';
import { noGrad } from '../autograd/gradMode.js';
import { fromTypedArray } from '../tensor/buffers.js';
import { arange } from '../tensor/create.js';
import type { Device } from '../core/dtype.js';
import { expectArgument } from '../core/checks.js';
import { named, TorchError } from '../core/errors.js';
import { operator } from '../operators/operators.js';
import { scope } from '../tensor/scope.js';
import { isTensor, type Tensor } from '../tensor/tensor.js';
import type { ImageRecords } from './records.js';

/** Images as a network takes them: float32 [B, 3, 32, 32]; labels int64 [B]. */
export interface Batch {
  images: Tensor;
  labels: Tensor;
}

/**
 * Labelled images that stay uint8 in memory. A batch is gathered and normalised natively, on the set's device: x / 255,
 * minus `mean`, divided by `std`, in float32 and in that order, as ToTensor and Normalize of torchvision do.
 */
export class ImageSet {
  /** uint8 [N, 3, 32, 32] */
  readonly images: Tensor;
  /** int64 [N] */
  readonly labels: Tensor;
  readonly classes: readonly string[];
  /** What `from()` was given; hand it to a worker thread and build the set there: the memory is shared. */
  readonly records: ImageRecords | undefined;
  readonly #table: Tensor;

  private constructor(
    images: Tensor,
    labels: Tensor,
    classes: readonly string[],
    table: Tensor,
    records?: ImageRecords,
  ) {
    expectArgument('ImageSet', 'images', images, isTensor(images), 'what ImageSet.from(records) hands over');
    this.records = records;
    this.images = images.keep();
    this.labels = labels.keep();
    this.classes = classes;
    this.#table = table.keep();
  }

  /** Shares the records' memory. */
  static from(
    records: ImageRecords,
    normalize: { mean: number; std: number } = { mean: 0.5, std: 0.5 },
  ): ImageSet {
    const images = fromTypedArray(records.images, { shape: [records.count, 3, 32, 32] });
    const labels = fromTypedArray(records.labels).to('int64');
    // What normalising does to each of a byte's 256 values: a batch is then one look-up a pixel.
    const table = scope(() =>
      noGrad(() =>
        arange(0, 256, 1, { dtype: 'float32' }).div_(255).sub_(normalize.mean).div_(normalize.std),
      ),
    );
    return new ImageSet(images, labels, records.classes, table, records);
  }

  get length(): number {
    return this.images.size(0);
  }
  get device(): string {
    return this.images.device;
  }

  /** For programs: see Program.runEpoch. @hidden */
  get [stepSources](): readonly RowSource[] {
    return [{ rows: this.images, table: this.#table }, { rows: this.labels }];
  }

  /** The set on another device; this one when it is there already. */
  to(device: Device): ImageSet {
    expectNoMore('ImageSet.to', arguments, 1);
    const images = this.images.to(device);
    return images === this.images
      ? this
      : new ImageSet(images, this.labels.to(device), this.classes, this.#table.to(device));
  }

  /** The images of an index (int64 [B], on the set's device), in its order. */
  batch(index: Tensor): Batch {
    expectNoMore('ImageSet.batch', arguments, 1);
    const images = named(
      'ImageSet.batch',
      () => operator('torch_node::gather_images').call(this.images, index, this.#table) as Tensor,
      () => [`index: ${index[describeTensor]()}`, `images: ${this.images[describeTensor]()}`],
    );
    return { images, labels: this.labels.indexSelect(0, index) };
  }

  /** Images start ... end-1; end may lie beyond the last. */
  range(start: number, end: number): Batch {
    expectNoMore('ImageSet.range', arguments, 2);
    const last = Math.min(end, this.length);
    if (!(start >= 0 && start < last))
      throw new TorchError('ImageSet.range', `no images from ${start} to ${end}: there are ${this.length}`);
    const index = arange(start, last, 1, { device: this.device });
    const batch = this.batch(index);
    index.dispose();
    return batch;
  }
}
