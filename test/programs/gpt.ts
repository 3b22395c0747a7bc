// A GPT: causal attention, tied embeddings, weight decay for matrices only.
import torch, { nn, optim, type Tensor } from 'torch-node';
import type { Compile } from './program.js';

const F = nn.functional;
const [VOCABULARY, WIDTH, HEADS, LENGTH] = [24, 16, 2, 8];

class CausalSelfAttention extends nn.Module {
  attention = new nn.Linear(WIDTH, 3 * WIDTH);
  projection = new nn.Linear(WIDTH, WIDTH);

  forward(x: Tensor) {
    const [B, T, C] = [x.size(0), x.size(1), x.size(2)];
    const qkv = this.attention
      .forward(x)
      .view(B, T, 3, HEADS, C / HEADS)
      .permute(2, 0, 3, 1, 4);
    const y = F.scaledDotProductAttention(qkv.at(0), qkv.at(1), qkv.at(2), { isCausal: true });
    return this.projection.forward(y.transpose(1, 2).contiguous().view(B, T, C));
  }
}

class Block extends nn.Module {
  ln1 = new nn.LayerNorm(WIDTH);
  attention = new CausalSelfAttention();
  ln2 = new nn.LayerNorm(WIDTH);
  mlp = new nn.Sequential(
    new nn.Linear(WIDTH, 4 * WIDTH),
    new nn.GELU({ approximate: 'tanh' }),
    new nn.Linear(4 * WIDTH, WIDTH),
    new nn.Dropout(0.1),
  );

  forward(input: Tensor) {
    const x = input.add(this.attention.forward(this.ln1.forward(input)));
    return x.add(this.mlp.forward(this.ln2.forward(x)));
  }
}

class GPT extends nn.Module<[Tensor, Tensor]> {
  wte = new nn.Embedding(VOCABULARY, WIDTH);
  wpe = new nn.Embedding(LENGTH, WIDTH);
  blocks = new nn.ModuleList([new Block(), new Block()]);
  lnF = new nn.LayerNorm(WIDTH);
  head = new nn.Linear(WIDTH, VOCABULARY, { bias: false });

  constructor() {
    super();
    this.wte.weight = this.head.weight;
    for (const parameter of this.parameters())
      if (parameter.ndim > 1) nn.init.normal_(parameter, { mean: 0, std: 0.02 });
  }
  forward(tokens: Tensor, targets: Tensor) {
    const positions = torch.arange(0, tokens.size(1));
    let x = this.wte.forward(tokens).add(this.wpe.forward(positions));
    for (const block of this.blocks) x = block.forward(x);
    const logits = this.head.forward(this.lnF.forward(x));
    return F.crossEntropy(logits.view(-1, VOCABULARY), targets.reshape(-1), { ignoreIndex: -1 });
  }
}

export function gpt(compile: Compile): number[] {
  const text = torch.randint(0, VOCABULARY, [10, 4, LENGTH + 1]);
  const model = new GPT();
  const parameters = model.parameters();
  const adamw = new optim.AdamW(
    [
      { params: parameters.filter((p) => p.ndim >= 2), weightDecay: 0.1 },
      { params: parameters.filter((p) => p.ndim < 2), weightDecay: 0 },
    ],
    { lr: 3e-3, betas: [0.9, 0.95] },
  );
  const step = compile(
    (batch) => {
      const loss = model.forward(batch.at(':', torch.slice(null, -1)), batch.at(':', torch.slice(1)));
      adamw.zeroGrad();
      loss.backward();
      nn.utils.clipGradNorm_(model.parameters(), 1);
      adamw.step();
      return loss;
    },
    [text.at(0)],
  );
  const losses: number[] = [];
  for (const batch of text) losses.push(step(batch).item());
  return losses;
}
