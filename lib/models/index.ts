// Networks that many programs begin with, under PyTorch's state-dict keys: weights that were trained there load here.
/// <reference types="node" preserve="true" />
/// <reference lib="esnext.disposable" preserve="true" />
export { GPT, type GPTOptions } from './gpt.js';
export { LeNet, type LeNetOptions } from './lenet.js';
export { ResNet, resnet18, resnet34, resnet50, type ResNetOptions } from './resnet.js';
export {
  VGG,
  vgg11,
  vgg11Bn,
  vgg13,
  vgg13Bn,
  vgg16,
  vgg16Bn,
  vgg19,
  vgg19Bn,
  type VGGOptions,
} from './vgg.js';
export { VisionTransformer, vitB16, vitB32, vitL16, vitL32, type VisionTransformerOptions } from './vit.js';
