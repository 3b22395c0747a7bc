// Data sets.
import { expectPath } from '../core/checks.js';
import { expectNoMore, options } from '../core/options.js';
import { findCifar10, readCifar10, type DownloadProgress } from './cifar10Files.js';
import { ImageSet } from './imageSet.js';
import { syntheticRecords, type SyntheticOptions } from './synthetic.js';

export { defaultCollate, type Collated } from './collate.js';
export { DataError, type DataErrorCode } from './dataError.js';
export { DataLoader, type DataLoaderOptions } from './dataLoader.js';
export {
  ChainDataset,
  ConcatDataset,
  Dataset,
  IterableDataset,
  randomSplit,
  StackDataset,
  Subset,
  TensorDataset,
  type DatasetLike,
  type IterableSource,
  type MapDataset,
} from './dataset.js';
export { ImageSet, type Batch } from './imageSet.js';
export type { CollateFunction } from './loader/fetcher.js';
export { getWorkerInfo, type WorkerInfo } from './loader/info.js';
export type { ImageRecords } from './records.js';
export {
  BatchSampler,
  RandomSampler,
  Sampler,
  SequentialSampler,
  SubsetRandomSampler,
  WeightedRandomSampler,
  type RandomSamplerOptions,
} from './sampler.js';
export { cifar100, type Cifar100Options } from './sets/cifar100.js';
export { ImageDataset } from './sets/imageDataset.js';
export { ImageFolder, type ImageFolderOptions } from './sets/imageFolder.js';
export { fashionMnist, mnist, type MnistSets } from './sets/mnist.js';
export { workerDataset, type DatasetModule, type WorkerDataset } from './workerDataset.js';
export type { DownloadProgress, SyntheticOptions };

export interface ImageSets {
  train: ImageSet;
  test: ImageSet;
}

/**
 * CIFAR-10: 50,000 and 10,000 images of ten classes.
 *
 * `data` is a folder with the official binary files, its parent, or the .tar.gz; without it the set is looked for in
 * the cache, and downloaded from the official site when it is not there.
 *
 * @throws DataError that says what is wrong and what to do
 */
export async function cifar10(
  data?: string,
  given: DownloadProgress = {},
): Promise<ImageSets & { folder: string; official: boolean }> {
  expectNoMore('cifar10', arguments, 2);
  if (data !== undefined) expectPath('cifar10', data);
  const progress = options('cifar10', given, ['onProgress', 'signal']);
  const { train, test, folder, official } = await readCifar10(await findCifar10(data, progress));
  return { train: ImageSet.from(train), test: ImageSet.from(test), folder, official };
}

/** A procedural stand-in with CIFAR-10's shape: ten classes of 32x32 RGB pictures drawn from a seed. */
export function synthetic(options: SyntheticOptions): ImageSets {
  expectNoMore('synthetic', arguments, 1);
  const { train, test } = syntheticRecords(options);
  return { train: ImageSet.from(train), test: ImageSet.from(test) };
}
