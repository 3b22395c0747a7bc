// ResNets under torchvision's keys. He et al., 2015.
import { expectBoolean, expectInteger } from '../core/checks.js';
import { options } from '../core/options.js';
import * as nn from '../nn/index.js';
import type { Tensor } from '../tensor/tensor.js';

export interface ResNetOptions {
  /** Default 1000. */
  numClasses?: number;
  /** Whether each block begins as the identity, which helps deep nets. Default false. */
  zeroInitResidual?: boolean;
}

type Block = BasicBlock | Bottleneck;
type BlockClass = typeof BasicBlock | typeof Bottleneck;

function conv3x3(inPlanes: number, outPlanes: number, stride = 1): nn.Conv2d {
  return new nn.Conv2d(inPlanes, outPlanes, 3, { stride, padding: 1, bias: false });
}
function conv1x1(inPlanes: number, outPlanes: number, stride = 1): nn.Conv2d {
  return new nn.Conv2d(inPlanes, outPlanes, 1, { stride, bias: false });
}

/** Two convolutions beside a short cut. */
class BasicBlock extends nn.Module {
  static readonly expansion = 1;
  conv1: nn.Conv2d;
  bn1: nn.BatchNorm2d;
  relu = new nn.ReLU({ inplace: true });
  conv2: nn.Conv2d;
  bn2: nn.BatchNorm2d;
  downsample: nn.Sequential | null;

  constructor(inPlanes: number, planes: number, stride: number, downsample: nn.Sequential | null) {
    super();
    this.conv1 = conv3x3(inPlanes, planes, stride);
    this.bn1 = new nn.BatchNorm2d(planes);
    this.conv2 = conv3x3(planes, planes);
    this.bn2 = new nn.BatchNorm2d(planes);
    this.downsample = downsample;
  }
  get last(): nn.BatchNorm2d {
    return this.bn2;
  }
  forward(input: Tensor): Tensor {
    let x = this.relu.forward(this.bn1.forward(this.conv1.forward(input)));
    x = this.bn2.forward(this.conv2.forward(x));
    return this.relu.forward(x.add_(this.downsample?.forward(input) ?? input));
  }
}

/** Three convolutions, of which the outer ones make the middle one narrow, beside a short cut. */
class Bottleneck extends nn.Module {
  static readonly expansion = 4;
  conv1: nn.Conv2d;
  bn1: nn.BatchNorm2d;
  conv2: nn.Conv2d;
  bn2: nn.BatchNorm2d;
  conv3: nn.Conv2d;
  bn3: nn.BatchNorm2d;
  relu = new nn.ReLU({ inplace: true });
  downsample: nn.Sequential | null;

  constructor(inPlanes: number, planes: number, stride: number, downsample: nn.Sequential | null) {
    super();
    this.conv1 = conv1x1(inPlanes, planes);
    this.bn1 = new nn.BatchNorm2d(planes);
    this.conv2 = conv3x3(planes, planes, stride);
    this.bn2 = new nn.BatchNorm2d(planes);
    this.conv3 = conv1x1(planes, planes * Bottleneck.expansion);
    this.bn3 = new nn.BatchNorm2d(planes * Bottleneck.expansion);
    this.downsample = downsample;
  }
  get last(): nn.BatchNorm2d {
    return this.bn3;
  }
  forward(input: Tensor): Tensor {
    let x = this.relu.forward(this.bn1.forward(this.conv1.forward(input)));
    x = this.relu.forward(this.bn2.forward(this.conv2.forward(x)));
    x = this.bn3.forward(this.conv3.forward(x));
    return this.relu.forward(x.add_(this.downsample?.forward(input) ?? input));
  }
}

// Parts may be replaced by whatever takes and gives the same.
// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging -- the class registers them
export interface ResNet {
  get conv1(): nn.Conv2d;
  set conv1(part: nn.Module);
  get bn1(): nn.BatchNorm2d;
  set bn1(part: nn.Module);
  get relu(): nn.ReLU;
  set relu(part: nn.Module);
  get maxpool(): nn.MaxPool2d;
  set maxpool(part: nn.Module);
  get layer1(): nn.Sequential;
  set layer1(part: nn.Module);
  get layer2(): nn.Sequential;
  set layer2(part: nn.Module);
  get layer3(): nn.Sequential;
  set layer3(part: nn.Module);
  get layer4(): nn.Sequential;
  set layer4(part: nn.Module);
  get avgpool(): nn.AdaptiveAvgPool2d;
  set avgpool(part: nn.Module);
  get fc(): nn.Linear;
  set fc(part: nn.Module);
}

/** Pictures [N, 3, H, W] to logits [N, numClasses]; made by resnet18() and its like. */
// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging -- as above
export class ResNet extends nn.Module {
  /** @internal */
  constructor(block: BlockClass, layers: readonly [number, number, number, number], given?: ResNetOptions) {
    super();
    const known = ['numClasses', 'zeroInitResidual'] as const;
    const { numClasses = 1000, zeroInitResidual = false } = options('ResNet', given, known);
    expectInteger('ResNet', 'numClasses', numClasses);
    expectBoolean('ResNet', 'zeroInitResidual', zeroInitResidual);
    this.conv1 = new nn.Conv2d(3, 64, 7, { stride: 2, padding: 3, bias: false });
    this.bn1 = new nn.BatchNorm2d(64);
    this.relu = new nn.ReLU({ inplace: true });
    this.maxpool = new nn.MaxPool2d(3, { stride: 2, padding: 1 });
    this.layer1 = stack(block, 64, 64, layers[0], 1);
    this.layer2 = stack(block, 64 * block.expansion, 128, layers[1], 2);
    this.layer3 = stack(block, 128 * block.expansion, 256, layers[2], 2);
    this.layer4 = stack(block, 256 * block.expansion, 512, layers[3], 2);
    this.avgpool = new nn.AdaptiveAvgPool2d([1, 1]);
    this.fc = new nn.Linear(512 * block.expansion, numClasses);
    for (const module of this.modules()) {
      if (module.constructor === nn.Conv2d)
        nn.init.kaimingNormal_((module as nn.Conv2d).weight, { mode: 'fan_out', nonlinearity: 'relu' });
    }
    if (!zeroInitResidual) return;
    for (const layer of [this.layer1, this.layer2, this.layer3, this.layer4])
      for (const part of layer) nn.init.zeros_((part as Block).last.weight!);
  }
  forward(input: Tensor): Tensor {
    let x = this.relu.forward(this.bn1.forward(this.conv1.forward(input)));
    x = this.maxpool.forward(x);
    for (const layer of [this.layer1, this.layer2, this.layer3, this.layer4]) x = layer.forward(x);
    return this.fc.forward(this.avgpool.forward(x).flatten(1));
  }
}

// Blocks in a row, of which the first changes the size.
function stack(
  Made: BlockClass,
  inPlanes: number,
  planes: number,
  count: number,
  stride: number,
): nn.Sequential {
  const outPlanes = planes * Made.expansion;
  const downsample =
    stride === 1 && inPlanes === outPlanes
      ? null
      : new nn.Sequential(conv1x1(inPlanes, outPlanes, stride), new nn.BatchNorm2d(outPlanes));
  const first = new Made(inPlanes, planes, stride, downsample);
  const rest = Array.from({ length: count - 1 }, () => new Made(outPlanes, planes, 1, null));
  return new nn.Sequential(first, ...rest);
}

export function resnet18(given?: ResNetOptions): ResNet {
  return new ResNet(BasicBlock, [2, 2, 2, 2], given);
}
export function resnet34(given?: ResNetOptions): ResNet {
  return new ResNet(BasicBlock, [3, 4, 6, 3], given);
}
export function resnet50(given?: ResNetOptions): ResNet {
  return new ResNet(Bottleneck, [3, 4, 6, 3], given);
}
