// VGG nets under torchvision's keys. Simonyan and Zisserman, 2014.
import { expectOptions } from '../core/options.js';
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

/** Pictures [N, 3, H, W] to logits [N, numClasses]; made by vgg11() and its like. */
export class VGG extends nn.Module {
  readonly features: nn.Sequential;
  readonly avgpool: nn.AdaptiveAvgPool2d;
  readonly classifier: nn.Sequential;

  /** @internal */
  constructor(depth: keyof typeof LAYERS, batchNorm: boolean, options: VGGOptions) {
    super();
    const { numClasses = 1000, dropout = 0.5, classifierFeatures = 4096 } = expectOptions('VGG', options);
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

export function vgg11(options: VGGOptions = {}): VGG {
  return new VGG(11, false, options);
}
/** vgg11 with batch normalisation; the others likewise. */
export function vgg11Bn(options: VGGOptions = {}): VGG {
  return new VGG(11, true, options);
}
export function vgg13(options: VGGOptions = {}): VGG {
  return new VGG(13, false, options);
}
export function vgg13Bn(options: VGGOptions = {}): VGG {
  return new VGG(13, true, options);
}
export function vgg16(options: VGGOptions = {}): VGG {
  return new VGG(16, false, options);
}
export function vgg16Bn(options: VGGOptions = {}): VGG {
  return new VGG(16, true, options);
}
export function vgg19(options: VGGOptions = {}): VGG {
  return new VGG(19, false, options);
}
export function vgg19Bn(options: VGGOptions = {}): VGG {
  return new VGG(19, true, options);
}
