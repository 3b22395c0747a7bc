// Vision transformers under torchvision's keys. Dosovitskiy et al., 2020.
import { expectInteger } from '../core/checks.js';
import { options } from '../core/options.js';
import { describe } from '../core/describe.js';
import { cat, empty, zeros } from '../operators/generated/functions.js';
import * as nn from '../nn/index.js';
import { TorchError } from '../core/errors.js';
import type { Tensor } from '../tensor/tensor.js';

export interface VisionTransformerOptions {
  /** Height and width of the pictures, a multiple of patchSize. */
  imageSize: number;
  /** Height and width of a patch. */
  patchSize: number;
  numLayers: number;
  numHeads: number;
  /** Features of a patch, a multiple of numHeads. */
  hiddenDim: number;
  /** Features inside the feed-forward nets. */
  mlpDim: number;
  /** Probability of zeros in training. Default 0. */
  dropout?: number;
  /** The same of attention weights. Default 0. */
  attentionDropout?: number;
  /** Default 1000. */
  numClasses?: number;
}

function layerNorm(features: number): nn.LayerNorm {
  return new nn.LayerNorm(features, { eps: 1e-6 });
}

/** A feed-forward net. It is a Sequential: its keys are "0" and "3". */
function mlp(features: number, inner: number, dropout: number): nn.Sequential {
  const [first, second] = [new nn.Linear(features, inner), new nn.Linear(inner, features)];
  for (const { weight, bias } of [first, second]) {
    nn.init.xavierUniform_(weight);
    nn.init.normal_(bias!, { std: 1e-6 });
  }
  const net = new nn.Sequential(
    first,
    new nn.GELU(),
    new nn.Dropout(dropout),
    second,
    new nn.Dropout(dropout),
  );
  // The weights that torchvision offers are older than these keys.
  net.registerLoadStateDictPreHook((_, state, prefix) => {
    for (const [old, now] of Object.entries({ linear_1: 0, linear_2: 3 })) {
      for (const part of ['weight', 'bias']) {
        const value = state[`${prefix}${old}.${part}`];
        if (value === undefined) continue;
        state[`${prefix}${now}.${part}`] = value;
        delete state[`${prefix}${old}.${part}`];
      }
    }
  });
  return net;
}

class EncoderBlock extends nn.Module {
  ln_1: nn.LayerNorm;
  self_attention: nn.MultiheadAttention;
  dropout: nn.Dropout;
  ln_2: nn.LayerNorm;
  mlp: nn.Sequential;

  constructor({ hiddenDim, numHeads, mlpDim, dropout = 0, attentionDropout = 0 }: VisionTransformerOptions) {
    super();
    this.ln_1 = layerNorm(hiddenDim);
    this.self_attention = new nn.MultiheadAttention(hiddenDim, numHeads, {
      dropout: attentionDropout,
      batchFirst: true,
    });
    this.dropout = new nn.Dropout(dropout);
    this.ln_2 = layerNorm(hiddenDim);
    this.mlp = mlp(hiddenDim, mlpDim, dropout);
  }
  forward(input: Tensor): Tensor {
    const x = this.ln_1.forward(input);
    const [attended] = this.self_attention.forward(x, x, x, { needWeights: false });
    const y = this.dropout.forward(attended).add(input);
    return y.add(this.mlp.forward(this.ln_2.forward(y)));
  }
}

class Encoder extends nn.Module {
  pos_embedding: nn.Parameter;
  dropout: nn.Dropout;
  layers: nn.Sequential;
  ln: nn.LayerNorm;

  constructor(length: number, options: VisionTransformerOptions) {
    super();
    const { hiddenDim, numLayers, dropout = 0 } = options;
    this.pos_embedding = new nn.Parameter(empty([1, length, hiddenDim]).normal_(0, { std: 0.02 }));
    this.dropout = new nn.Dropout(dropout);
    const layers = Array.from(
      { length: numLayers },
      (_, i) => [`encoder_layer_${i}`, new EncoderBlock(options)] as const,
    );
    this.layers = new nn.Sequential(new Map(layers));
    this.ln = layerNorm(hiddenDim);
  }
  forward(input: Tensor): Tensor {
    return this.ln.forward(this.layers.forward(this.dropout.forward(input.add(this.pos_embedding))));
  }
}

// Parts may be replaced by whatever takes and gives the same.
// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging -- the class registers them
export interface VisionTransformer {
  get conv_proj(): nn.Conv2d;
  set conv_proj(part: nn.Module);
  get encoder(): Encoder;
  set encoder(part: nn.Module);
  get heads(): nn.Sequential;
  set heads(part: nn.Module);
}

/** Pictures [N, 3, imageSize, imageSize] to logits [N, numClasses]. */
// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging -- as above
export class VisionTransformer extends nn.Module {
  class_token: nn.Parameter;
  readonly imageSize: number;

  constructor(given: VisionTransformerOptions) {
    super();
    const where = 'VisionTransformer';
    const known = options(where, given, [
      'imageSize',
      'patchSize',
      'numLayers',
      'numHeads',
      'hiddenDim',
      'mlpDim',
      'dropout',
      'attentionDropout',
      'numClasses',
    ]);
    const { imageSize, patchSize, numLayers, hiddenDim, numClasses = 1000 } = known;
    for (const [name, value] of Object.entries({ imageSize, patchSize, numLayers, hiddenDim, numClasses }))
      expectInteger(where, name, value, name === 'imageSize' || name === 'numLayers' ? 0 : 1);
    const patches = imageSize / patchSize;
    if (!Number.isInteger(patches)) {
      throw new TorchError(
        'VisionTransformer',
        `imageSize: expected a multiple of patchSize, which is ${patchSize}, got ${describe(imageSize)}`,
      );
    }
    this.imageSize = imageSize;
    this.conv_proj = new nn.Conv2d(3, hiddenDim, patchSize, { stride: patchSize });
    this.class_token = new nn.Parameter(zeros([1, 1, hiddenDim]));
    this.encoder = new Encoder(patches ** 2 + 1, given);
    const head = new nn.Linear(hiddenDim, numClasses);
    this.heads = new nn.Sequential({ head });
    nn.init.truncNormal_(this.conv_proj.weight, { std: Math.sqrt(1 / (3 * patchSize ** 2)) });
    for (const zero of [this.conv_proj.bias!, head.weight, head.bias!]) nn.init.zeros_(zero);
  }
  forward(input: Tensor): Tensor {
    if (input.shape.at(-1) !== this.imageSize || input.shape.at(-2) !== this.imageSize) {
      throw new TorchError(
        'VisionTransformer',
        `input: expected pictures of ${this.imageSize} x ${this.imageSize}, got ${describe(input)}`,
      );
    }
    const patches = this.conv_proj.forward(input).flatten(2).permute(0, 2, 1);
    const token = this.class_token.expand(patches.size(0), -1, -1);
    const x = this.encoder.forward(cat([token, patches], { dim: 1 }));
    return this.heads.forward(x.select(1, 0));
  }
}

type Choices = Partial<VisionTransformerOptions>;

/** ViT-Base with patches of 16 pixels, for pictures of 224. */
export function vitB16(options: Choices = {}): VisionTransformer {
  return base(16, options);
}
export function vitB32(options: Choices = {}): VisionTransformer {
  return base(32, options);
}
/** ViT-Large with patches of 16 pixels, for pictures of 224. */
export function vitL16(options: Choices = {}): VisionTransformer {
  return large(16, options);
}
export function vitL32(options: Choices = {}): VisionTransformer {
  return large(32, options);
}

function base(patchSize: number, options: Choices): VisionTransformer {
  const sizes = { numLayers: 12, numHeads: 12, hiddenDim: 768, mlpDim: 3072 };
  return new VisionTransformer({ imageSize: 224, patchSize, ...sizes, ...options });
}
function large(patchSize: number, options: Choices): VisionTransformer {
  const sizes = { numLayers: 24, numHeads: 16, hiddenDim: 1024, mlpDim: 4096 };
  return new VisionTransformer({ imageSize: 224, patchSize, ...sizes, ...options });
}
