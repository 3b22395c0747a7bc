// A GPT of GPT-2's shape, under the keys that nanoGPT has. (The checkpoints of OpenAI have its matrices transposed.)
import { expectInteger } from '../core/checks.js';
import { options } from '../core/options.js';
import { describe } from '../core/describe.js';
import { cat, multinomial, topk } from '../operators/generated/functions.js';
import * as nn from '../nn/index.js';
import { noGrad } from '../autograd/gradMode.js';
import { arange } from '../tensor/create.js';
import { TorchError } from '../core/errors.js';
import type { Tensor } from '../tensor/tensor.js';

export interface GPTOptions {
  /** Longest sequence. Default 1024. */
  blockSize?: number;
  /** Default 50304: GPT-2's 50257, and some more to make it a multiple of 64. */
  vocabSize?: number;
  /** Default 12. */
  numLayers?: number;
  /** Default 12. */
  numHeads?: number;
  /** Features of a token, a multiple of numHeads. Default 768. */
  embedDim?: number;
  /** Probability of zeros in training. Default 0. */
  dropout?: number;
  /** Whether linear layers and normalisations have biases. Default true. */
  bias?: boolean;
}

class CausalSelfAttention extends nn.Module {
  c_attn: nn.Linear;
  c_proj: nn.Linear;
  resid_dropout: nn.Dropout;

  constructor(
    readonly embedDim: number,
    readonly numHeads: number,
    readonly dropout: number,
    bias: boolean,
  ) {
    super();
    this.c_attn = new nn.Linear(embedDim, 3 * embedDim, { bias });
    this.c_proj = new nn.Linear(embedDim, embedDim, { bias });
    this.resid_dropout = new nn.Dropout(dropout);
  }
  forward(input: Tensor): Tensor {
    const [batch, length, features] = input.shape as [number, number, number];
    const [q, k, v] = this.c_attn
      .forward(input)
      .chunk(3, 2)
      .map((x) => x.reshape(batch, length, this.numHeads, features / this.numHeads).transpose(1, 2));
    const attended = nn.functional.scaledDotProductAttention(q!, k!, v!, {
      dropoutP: this.training ? this.dropout : 0,
      isCausal: true,
    });
    const joined = attended.transpose(1, 2).reshape(batch, length, features);
    return this.resid_dropout.forward(this.c_proj.forward(joined));
  }
}

class MLP extends nn.Module {
  c_fc: nn.Linear;
  gelu = new nn.GELU();
  c_proj: nn.Linear;
  dropout: nn.Dropout;

  constructor(embedDim: number, dropout: number, bias: boolean) {
    super();
    this.c_fc = new nn.Linear(embedDim, 4 * embedDim, { bias });
    this.c_proj = new nn.Linear(4 * embedDim, embedDim, { bias });
    this.dropout = new nn.Dropout(dropout);
  }
  forward(input: Tensor): Tensor {
    return this.dropout.forward(this.c_proj.forward(this.gelu.forward(this.c_fc.forward(input))));
  }
}

class Block extends nn.Module {
  ln_1: nn.LayerNorm;
  attn: CausalSelfAttention;
  ln_2: nn.LayerNorm;
  mlp: MLP;

  constructor(embedDim: number, numHeads: number, dropout: number, bias: boolean) {
    super();
    this.ln_1 = new nn.LayerNorm(embedDim, { bias });
    this.attn = new CausalSelfAttention(embedDim, numHeads, dropout, bias);
    this.ln_2 = new nn.LayerNorm(embedDim, { bias });
    this.mlp = new MLP(embedDim, dropout, bias);
  }
  forward(input: Tensor): Tensor {
    const x = input.add(this.attn.forward(this.ln_1.forward(input)));
    return x.add(this.mlp.forward(this.ln_2.forward(x)));
  }
}

interface Parts {
  readonly wte: nn.Embedding;
  readonly wpe: nn.Embedding;
  readonly drop: nn.Dropout;
  readonly h: nn.ModuleList<Block>;
  readonly ln_f: nn.LayerNorm;
}

// Parts may be replaced by whatever takes and gives the same.
// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging -- the class registers them
export interface GPT {
  get lm_head(): nn.Linear;
  set lm_head(part: nn.Module);
}

/** Tokens int64 [N, L] to the logits of the tokens that follow, [N, L, vocabSize]. */
// eslint-disable-next-line @typescript-eslint/no-unsafe-declaration-merging -- as above
export class GPT extends nn.Module {
  transformer: nn.ModuleDict<Record<string, nn.AnyModule>>;
  readonly blockSize: number;

  constructor(given?: GPTOptions) {
    super();
    const {
      blockSize = 1024,
      vocabSize = 50304,
      numLayers = 12,
      numHeads = 12,
      embedDim = 768,
      dropout = 0,
      bias = true,
    } = options('GPT', given, [
      'blockSize',
      'vocabSize',
      'numLayers',
      'numHeads',
      'embedDim',
      'dropout',
      'bias',
    ]);
    for (const [name, value] of Object.entries({ blockSize, vocabSize, numHeads, embedDim }))
      expectInteger('GPT', name, value, 1);
    expectInteger('GPT', 'numLayers', numLayers);
    if (!Number.isInteger(embedDim / numHeads)) {
      throw new TorchError(
        'GPT',
        `embedDim: expected a multiple of numHeads, which is ${numHeads}, got ${describe(embedDim)}`,
      );
    }
    this.blockSize = blockSize;
    const wte = new nn.Embedding(vocabSize, embedDim);
    const wpe = new nn.Embedding(blockSize, embedDim);
    const drop = new nn.Dropout(dropout);
    const blocks = Array.from({ length: numLayers }, () => new Block(embedDim, numHeads, dropout, bias));
    const h = new nn.ModuleList(blocks);
    const ln_f = new nn.LayerNorm(embedDim, { bias });
    const parts: Parts = { wte, wpe, drop, h, ln_f };
    this.transformer = new nn.ModuleDict<Record<string, nn.AnyModule>>({ ...parts });
    this.lm_head = new nn.Linear(embedDim, vocabSize, { bias: false });
    // One table for tokens that come in and for those that go out.
    wte.weight = this.lm_head.weight;
    this.apply((module) => {
      const kind = module.constructor as unknown;
      if (kind !== nn.Linear && kind !== nn.Embedding) return;
      const { weight, bias: shift = null } = module as unknown as { weight: Tensor; bias?: Tensor | null };
      nn.init.normal_(weight, { std: 0.02 });
      if (shift !== null) nn.init.zeros_(shift);
    });
    // What is added to the residual path, once for each half of a block.
    for (const [name, parameter] of this.namedParameters())
      if (name.endsWith('c_proj.weight'))
        nn.init.normal_(parameter, { std: 0.02 / Math.sqrt(2 * numLayers) });
  }
  forward(tokens: Tensor): Tensor {
    const length = tokens.size(1);
    if (length > this.blockSize) {
      throw new TorchError(
        'GPT',
        `expected at most ${this.blockSize} tokens (blockSize), got ${describe(tokens)}`,
      );
    }
    const { wte, wpe, drop, h, ln_f } = Object.fromEntries(this.transformer) as unknown as Parts;
    const places = arange(length, { dtype: 'int64', device: tokens.device });
    let x = drop.forward(wte.forward(tokens).add(wpe.forward(places)));
    for (const block of h) x = block.forward(x);
    return this.lm_head.forward(ln_f.forward(x));
  }

  /**
   * Goes on with tokens int64 [N, L]: draws `count` more, one after another, and gives all, [N, L + count].
   *
   * @param given.temperature divides the logits: less than 1 makes likely tokens likelier. Default 1.
   * @param given.topK draws among the likeliest tokens only. Default among all.
   */
  generate(tokens: Tensor, count: number, given?: { temperature?: number; topK?: number }): Tensor {
    const { temperature = 1, topK } = options('GPT.generate', given, ['temperature', 'topK']);
    return noGrad(() => {
      let all = tokens;
      for (let i = 0; i < count; i++) {
        const length = Math.min(all.size(1), this.blockSize);
        const seen = all.narrow(1, all.size(1) - length, length);
        let logits = this.forward(seen).select(1, -1).div(temperature);
        if (topK !== undefined) {
          const { values } = topk(logits, Math.min(topK, logits.size(-1)));
          logits = logits.maskedFill(logits.lt(values.narrow(1, values.size(1) - 1, 1)), -Infinity);
        }
        all = cat([all, multinomial(logits.softmax(-1), 1)], { dim: 1 });
      }
      return all;
    });
  }
}
