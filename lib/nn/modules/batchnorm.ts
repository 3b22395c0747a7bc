// Batch normalisation.
import { counted, scheduled } from '../../program/recording.js';
import { TorchError } from '../../core/errors.js';
import { expectTensor, type Tensor } from '../../tensor/tensor.js';
import { batchNorm } from '../functional/normalization.js';
import { Module, type AnyModule } from '../module.js';
import { misfit } from './fit.js';
import { LAZY } from './lazy.js';
import { NormNd, type NormOptions } from './normNd.js';

export type { NormOptions } from './normNd.js';

// Classes of another realm fail instanceof; the brand does not.
const brand = Symbol.for('torch-node.nn.BatchNorm');

/** Whether a module is a batch norm, of whatever number of dimensions; works across realms. @internal */
export function isBatchNorm(module: unknown): module is NormNd {
  return typeof module === 'object' && module !== null && brand in module;
}

abstract class BatchNormNd extends NormNd {
  /** @internal */
  get [brand](): true {
    return true;
  }
  /** The shapes that may come, the channels being called C. */
  private readonly shapes: readonly string[];

  constructor(shapes: readonly string[], numFeatures: number | typeof LAZY, options: NormOptions) {
    super(numFeatures, options, { affine: true, trackRunningStats: true });
    this.shapes = shapes;
  }

  override forward(input: Tensor): Tensor {
    this.accept(input);
    const { training, momentum, trackRunningStats, runningMean, runningVar, weight, bias, eps } = this;
    let share = momentum ?? 0;
    if (training && trackRunningStats && this.numBatchesTracked !== null) {
      // Without a momentum all batches so far count the same.
      if (momentum === null) {
        const count = counted(this.numBatchesTracked);
        share = scheduled(() => 1 / count());
      } else this.numBatchesTracked.add_(1);
    }
    const own = training || (runningMean === null && runningVar === null);
    const running = !training || trackRunningStats;
    return batchNorm(input, running ? runningMean : null, running ? runningVar : null, {
      weight,
      bias,
      training: own,
      momentum: share,
      eps,
    });
  }

  private accept(input: Tensor): void {
    const where = this.constructor.name;
    const { shape } = expectTensor(where, 'input', input);
    const module = this as AnyModule;
    const fits = this.shapes.some((words) => words.split(',').length === shape.length);
    if (fits) this.initialize(input);
    const stated = this.weight !== null || this.runningMean !== null;
    if (fits && (!stated || shape[1] === this.numFeatures)) return;
    const expected = this.shapes
      .map((words) => (stated ? words.replace('C', String(this.numFeatures)) : words))
      .join(' or ');
    const advice = `make it new nn.${where}(${shape[1]}), or change what comes before it`;
    throw misfit(module, input, expected, fits ? advice : undefined);
  }
}

const SHAPES_1D = ['[N, C]', '[N, C, L]'];
const SHAPES_2D = ['[N, C, H, W]'];
const SHAPES_3D = ['[N, C, D, H, W]'];

/**
 * (x - mean) / sqrt(variance + eps) * weight + bias for each channel of [N, C] or [N, C, L], over all other dimensions.
 * In training mode mean and (biased) variance are the batch's own, and the running ones, kept in the buffers running_mean
 * and running_var (unbiased), come nearer to them by `momentum`; in evaluation mode the running ones are used.
 */
export class BatchNorm1d extends BatchNormNd {
  constructor(numFeatures: number, options: NormOptions = {}) {
    super(SHAPES_1D, numFeatures, options);
  }
}
/** BatchNorm1d for [N, C, H, W]. */
export class BatchNorm2d extends BatchNormNd {
  constructor(numFeatures: number, options: NormOptions = {}) {
    super(SHAPES_2D, numFeatures, options);
  }
}
/** BatchNorm1d for [N, C, D, H, W]. */
export class BatchNorm3d extends BatchNormNd {
  constructor(numFeatures: number, options: NormOptions = {}) {
    super(SHAPES_3D, numFeatures, options);
  }
}
/** BatchNorm1d whose number of channels is that of its first input. See `lazy.ts` for what holds until then. */
export class LazyBatchNorm1d extends BatchNormNd {
  constructor(options: NormOptions = {}) {
    super(SHAPES_1D, LAZY, options);
  }
}
/** BatchNorm2d whose number of channels is that of its first input. */
export class LazyBatchNorm2d extends BatchNormNd {
  constructor(options: NormOptions = {}) {
    super(SHAPES_2D, LAZY, options);
  }
}
/** BatchNorm3d whose number of channels is that of its first input. */
export class LazyBatchNorm3d extends BatchNormNd {
  constructor(options: NormOptions = {}) {
    super(SHAPES_3D, LAZY, options);
  }
}

/** PyTorch's batch normalisation over several processes. There are none here: constructing one throws. */
export class SyncBatchNorm extends Module {
  constructor(..._args: unknown[]) {
    super();
    throw noProcesses();
  }
  override forward(): never {
    throw noProcesses();
  }
  static convertSyncBatchnorm(..._args: unknown[]): never {
    throw noProcesses();
  }
}

function noProcesses(): TorchError {
  return new TorchError(
    'SyncBatchNorm',
    'statistics over several processes need torch.distributed, which torch-node does not have: use nn.BatchNorm1d, ' +
      'nn.BatchNorm2d or nn.BatchNorm3d, which compute the same in one process',
  );
}
