// LeNet-5 as PyTorch's tutorials write it: with ReLU and maxima instead of squashing and means.
import { options } from '../core/options.js';
import * as nn from '../nn/index.js';
import type { Tensor } from '../tensor/tensor.js';

export interface LeNetOptions {
  /** Default 1. */
  inChannels?: number;
  /** Default 10. */
  numClasses?: number;
}

// Parts may be replaced by whatever takes and gives the same.
// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging -- the class registers them
export interface LeNet {
  get conv1(): nn.Conv2d;
  set conv1(part: nn.Module);
  get conv2(): nn.Conv2d;
  set conv2(part: nn.Module);
  get fc1(): nn.Linear;
  set fc1(part: nn.Module);
  get fc2(): nn.Linear;
  set fc2(part: nn.Module);
  get fc3(): nn.Linear;
  set fc3(part: nn.Module);
}

/** Pictures [N, inChannels, 32, 32] to logits [N, numClasses]. LeCun et al., 1998. */
// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging -- as above
export class LeNet extends nn.Module {
  constructor(given?: LeNetOptions) {
    super();
    const { inChannels = 1, numClasses = 10 } = options('LeNet', given, ['inChannels', 'numClasses']);
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
