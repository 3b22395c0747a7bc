// metrics.json: what a run measured, in the form that scripts rely on.
import { createHash } from 'node:crypto';
import type { nn } from 'torch-node';

/** A loss is null where it is not a finite number: JSON has no NaN. */
export type Loss = number | null;

export interface Evaluation {
  /** Mean cross-entropy over the whole set. */
  trainLoss: Loss;
  /** In percent. */
  trainAccuracy: number;
  testLoss: Loss;
  /** In percent. */
  testAccuracy: number;
}

export interface EpochMetrics extends Evaluation {
  /** From 1 on. */
  epoch: number;
  /** Time spent learning, without the measuring after it. */
  seconds: number;
}

export interface StepLosses {
  perEpoch: number;
  /** The step with which each part of an epoch ends. */
  ends: number[];
  /** Mean over each part's steps, epoch by epoch. */
  losses: Loss[];
}

/** One trained model. */
export interface RunMetrics {
  model: string;
  seed: number;
  device: string;
  threads: number;
  /** Version of the libtorch that computed it. */
  torch: string;
  /** What made the steps: kernels of our own, PyTorch's from a program, or PyTorch's one by one; see Way. */
  path?: 'fused' | 'graph' | 'exact' | 'eager';
  /** Why they were made one by one, where that was not asked for. */
  pathReason?: string;
  /** Over all parameters in order, as little-endian float32. */
  parametersSha256: string;
  /** Of both sets before the first step. */
  start?: Evaluation;
  epochs: EpochMetrics[];
  /** The training loss by steps, as it was while it learnt. */
  steps?: StepLosses;
  final: Evaluation;
  /** There if the data is not CIFAR-10. */
  data?: 'synthetic';
}

export interface Metrics {
  runs: RunMetrics[];
}

/** See RunMetrics.parametersSha256. */
export function parametersSha256(net: nn.Module): string {
  const hash = createHash('sha256');
  for (const parameter of net.parameters()) {
    const values = parameter.detach().to({ device: 'cpu', dtype: 'float32' }).dataSync();
    hash.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  return hash.digest('hex');
}

export function finite(loss: number): Loss {
  return Number.isFinite(loss) ? loss : null;
}
