// LeNet-5 as PyTorch's tutorials write it: with ReLU and maxima instead of squashing and means.
import { expectOptions } from '../core/options.js';
import * as nn from '../nn/index.js';
import type { Tensor } from '../tensor/tensor.js';

export interface LeNetOptions {
  /** Default 1. */
  inChannels?: number;
  /** Default 10. */
  numClasses?: number;
}

/** Pictures [N, inChannels, 32, 32] to logits [N, numClasses]. LeCun et al., 1998. */
export class LeNet extends nn.Module {
  readonly conv1: nn.Conv2d;
  readonly conv2: nn.Conv2d;
  readonly fc1: nn.Linear;
  readonly fc2: nn.Linear;
  readonly fc3: nn.Linear;

  constructor(options: LeNetOptions = {}) {
    super();
    const { inChannels = 1, numClasses = 10 } = expectOptions('LeNet', options);
    this.conv1 = new nn.Conv2d(inChannels, 6, 5);
    this.conv2 = new nn.Conv2d(6, 16, 5);
    this.fc1 = new nn.Linear(16 * 5 * 5, 120);
    this.fc2 = new nn.Linear(120, 84);
    this.fc3 = new nn.Linear(84, numClasses);
  }
  forward(input: Tensor): Tensor {
    let x = halved(this.conv1.forward(input).relu());
    x = halved(this.conv2.forward(x).relu()).flatten(1);
    x = this.fc1.forward(x).relu();
    x = this.fc2.forward(x).relu();
    return this.fc3.forward(x);
  }
}

function halved(x: Tensor): Tensor {
  return nn.functional.maxPool2d(x, 2);
}
