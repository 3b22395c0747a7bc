// A word language model with a Transformer encoder under a causal mask.
import torch, { nn, optim, type Tensor } from 'torch-node';
import type { Compile } from './program.js';

const WORDS = 20;

class PositionalEncoding extends nn.Module {
  dropout = new nn.Dropout(0.1);
  pe: Tensor;

  constructor(dModel: number, maxLen = 32) {
    super();
    const pe = torch.zeros([maxLen, dModel]);
    const position = torch.arange(0, maxLen, { dtype: 'float32' }).unsqueeze(1);
    const divTerm = torch.exp(
      torch
        .arange(0, dModel, 2)
        .float()
        .mul(-Math.log(10000) / dModel),
    );
    pe.set(torch.sin(position.mul(divTerm)), ':', torch.slice(0, null, 2));
    pe.set(torch.cos(position.mul(divTerm)), ':', torch.slice(1, null, 2));
    this.pe = pe.unsqueeze(0).transpose(0, 1);
    this.registerBuffer('pe', this.pe);
  }
  forward(x: Tensor) {
    return this.dropout.forward(x.add(this.pe.at(torch.slice(0, x.size(0)))));
  }
}

class TransformerModel extends nn.Module {
  posEncoder = new PositionalEncoding(16);
  encoder = new nn.TransformerEncoder(
    new nn.TransformerEncoderLayer(16, 2, { dimFeedforward: 32, dropout: 0.1 }),
    2,
  );
  embedding = new nn.Embedding(WORDS, 16);
  decoder = new nn.Linear(16, WORDS);

  forward(src: Tensor) {
    const mask = nn.Transformer.generateSquareSubsequentMask(src.size(0));
    const embedded = this.posEncoder.forward(this.embedding.forward(src).mul(Math.sqrt(16)));
    const output = this.decoder.forward(this.encoder.forward(embedded, { mask }));
    return nn.functional.logSoftmax(output, -1);
  }
}

export function transformerLanguageModel(compile: Compile): number[] {
  const text = torch.randint(0, WORDS, [61, 4]);
  const model = new TransformerModel();
  const adam = new optim.Adam(model.parameters(), { lr: 3e-3 });
  const scheduler = new optim.lrScheduler.StepLR(adam, 4, { gamma: 0.5 });
  const step = compile(
    (data, targets) => {
      adam.zeroGrad();
      const output = model.forward(data).view(-1, WORDS);
      const loss = nn.functional.nllLoss(output, targets.reshape(-1));
      loss.backward();
      nn.utils.clipGradNorm_(model.parameters(), 0.5);
      adam.step();
      return loss;
    },
    [text.at(torch.slice(0, 6)), text.at(torch.slice(1, 7))],
  );
  const losses: number[] = [];
  for (let i = 0; i < 10; i++) {
    const loss = step(text.at(torch.slice(6 * i, 6 * i + 6)), text.at(torch.slice(6 * i + 1, 6 * i + 7)));
    scheduler.step();
    losses.push(loss.item());
  }
  return losses;
}
