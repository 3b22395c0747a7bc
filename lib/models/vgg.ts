// VGG nets under torchvision's keys. Simonyan and Zisserman, 2014.
import { expectInteger } from '../core/checks.js';
import { options } from '../core/options.js';
import * as nn from '../nn/index.js';
import type { Tensor } from '../tensor/tensor.js';

export interface VGGOptions {
  /** Default 1000. */
  numClasses?: number;
  /** Probability of zeros in the classifier in training. Default 0.5. */
  dropout?: number;
  /** Features inside the classifier. Default 4096; weights trained elsewhere have that. */
  classifierFeatures?: number;
}

// Channels of the convolutions in turn; 'M' halves the size.
const LAYERS = {
  11: [64, 'M', 128, 'M', 256, 256, 'M', 512, 512, 'M', 512, 512, 'M'],
  13: [64, 64, 'M', 128, 128, 'M', 256, 256, 'M', 512, 512, 'M', 512, 512, 'M'],
  16: [64, 64, 'M', 128, 128, 'M', 256, 256, 256, 'M', 512, 512, 512, 'M', 512, 512, 512, 'M'],
  19: [64, 64, 'M', 128, 128, 'M', 256, 256, 256, 256, 'M', 512, 512, 512, 512, 'M', 512, 512, 512, 512, 'M'],
} as const; // prettier-ignore

// Parts may be replaced by whatever takes and gives the same.
// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging -- the class registers them
export interface VGG {
  get features(): nn.Sequential;
  set features(part: nn.Module);
  get avgpool(): nn.AdaptiveAvgPool2d;
  set avgpool(part: nn.Module);
  get classifier(): nn.Sequential;
  set classifier(part: nn.Module);
}

/** Pictures [N, 3, H, W] to logits [N, numClasses]; made by vgg11() and its like. */
// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging -- as above
export class VGG extends nn.Module {
  /** @internal */
  constructor(depth: keyof typeof LAYERS, batchNorm: boolean, given?: VGGOptions) {
    super();
    const known = ['numClasses', 'dropout', 'classifierFeatures'] as const;
    const { numClasses = 1000, dropout = 0.5, classifierFeatures = 4096 } = options('VGG', given, known);
    expectInteger('VGG', 'numClasses', numClasses);
    expectInteger('VGG', 'classifierFeatures', classifierFeatures);
    this.features = convolutions(LAYERS[depth], batchNorm);
    this.avgpool = new nn.AdaptiveAvgPool2d([7, 7]);
    this.classifier = new nn.Sequential(
      new nn.Linear(512 * 7 * 7, classifierFeatures),
      new nn.ReLU({ inplace: true }),
      new nn.Dropout(dropout),
      new nn.Linear(classifierFeatures, classifierFeatures),
      new nn.ReLU({ inplace: true }),
      new nn.Dropout(dropout),
      new nn.Linear(classifierFeatures, numClasses),
    );
    for (const module of this.modules()) {
      const { weight, bias } = module as unknown as nn.Conv2d | nn.Linear;
      if (module.constructor === nn.Conv2d)
        nn.init.kaimingNormal_(weight, { mode: 'fan_out', nonlinearity: 'relu' });
      else if (module.constructor === nn.Linear) nn.init.normal_(weight, { std: 0.01 });
      else continue;
      nn.init.zeros_(bias!);
    }
  }
  forward(input: Tensor): Tensor {
    const x = this.avgpool.forward(this.features.forward(input));
    return this.classifier.forward(x.flatten(1));
  }
}

function convolutions(layers: readonly (number | 'M')[], batchNorm: boolean): nn.Sequential {
  const modules: nn.Module[] = [];
  let channels = 3;
  for (const layer of layers) {
    if (layer === 'M') modules.push(new nn.MaxPool2d(2, { stride: 2 }));
    else {
      modules.push(new nn.Conv2d(channels, layer, 3, { padding: 1 }));
      if (batchNorm) modules.push(new nn.BatchNorm2d(layer));
      modules.push(new nn.ReLU({ inplace: true }));
      channels = layer;
    }
  }
  return new nn.Sequential(...modules);
}

export function vgg11(given?: VGGOptions): VGG {
  return new VGG(11, false, given);
}
/** vgg11 with batch normalisation; the others likewise. */
export function vgg11Bn(given?: VGGOptions): VGG {
  return new VGG(11, true, given);
}
export function vgg13(given?: VGGOptions): VGG {
  return new VGG(13, false, given);
}
export function vgg13Bn(given?: VGGOptions): VGG {
  return new VGG(13, true, given);
}
export function vgg16(given?: VGGOptions): VGG {
  return new VGG(16, false, given);
}
export function vgg16Bn(given?: VGGOptions): VGG {
  return new VGG(16, true, given);
}
export function vgg19(given?: VGGOptions): VGG {
  return new VGG(19, false, given);
}
export function vgg19Bn(given?: VGGOptions): VGG {
  return new VGG(19, true, given);
}
