// Pooling.
import { expectOptions } from '../../tensor/operators.js';
import { Leaf } from './leaf.js';
import { pair, type Pair } from './pair.js';

/** Largest value of each window: [N, C, H, W] to [N, C, H', W']. `stride` defaults to the kernel's size. */
export class MaxPool2d extends Leaf {
  readonly kernelSize: Pair;
  readonly #repr: string;

  constructor(
    kernelSize: Pair,
    options: { stride?: Pair; padding?: Pair; dilation?: Pair; ceilMode?: boolean } = {},
  ) {
    super('MaxPool2d', { kernelSize, ...expectOptions('MaxPool2d', options) });
    this.kernelSize = kernelSize;
    const text = (value: Pair): string => (typeof value === 'object' ? pair(value) : String(value));
    const { stride = kernelSize, padding = 0, dilation = 1, ceilMode = false } = options;
    this.#repr = `kernel_size=${text(kernelSize)}, stride=${text(stride)}, padding=${text(padding)}, dilation=${text(dilation)}, ceil_mode=${ceilMode ? 'True' : 'False'}`;
  }
  override extraRepr(): string {
    return this.#repr;
  }
}
