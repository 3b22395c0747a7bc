// Sequence to sequence: a GRU reads, another one with attention writes.
import torch, { nn, optim, type Tensor } from 'torch-node';
import type { Compile } from './program.js';

const F = nn.functional;
const [WORDS, WIDTH, LENGTH, BATCH] = [15, 12, 5, 4];

class Encoder extends nn.Module<[Tensor], readonly [Tensor, Tensor]> {
  embedding = new nn.Embedding(WORDS, WIDTH);
  gru = new nn.GRU(WIDTH, WIDTH, { batchFirst: true });
  dropout = new nn.Dropout(0.1);

  forward(input: Tensor) {
    return this.gru.forward(this.dropout.forward(this.embedding.forward(input)));
  }
}

class BahdanauAttention extends nn.Module<[Tensor, Tensor]> {
  Wa = new nn.Linear(WIDTH, WIDTH);
  Ua = new nn.Linear(WIDTH, WIDTH);
  Va = new nn.Linear(WIDTH, 1);

  forward(query: Tensor, keys: Tensor) {
    const scores = this.Va.forward(torch.tanh(this.Wa.forward(query).add(this.Ua.forward(keys))));
    const weights = F.softmax(scores.squeeze(2).unsqueeze(1), -1);
    return torch.bmm(weights, keys);
  }
}

class Decoder extends nn.Module<[Tensor, Tensor, Tensor]> {
  embedding = new nn.Embedding(WORDS, WIDTH);
  attention = new BahdanauAttention();
  gru = new nn.GRU(2 * WIDTH, WIDTH, { batchFirst: true });
  out = new nn.Linear(WIDTH, WORDS);
  dropout = new nn.Dropout(0.1);

  forward(encoded: Tensor, state: Tensor, target: Tensor) {
    let hidden = state;
    let input = torch.zeros([BATCH, 1], { dtype: 'int64' });
    const outputs = [];
    for (let i = 0; i < LENGTH; i++) {
      const embedded = this.dropout.forward(this.embedding.forward(input));
      const context = this.attention.forward(hidden.permute(1, 0, 2), encoded);
      const [output, next] = this.gru.forward(torch.cat([embedded, context], 2), hidden);
      outputs.push(this.out.forward(output));
      hidden = next;
      input = target.at(':', i).unsqueeze(1);
    }
    return F.logSoftmax(torch.cat(outputs, 1), -1);
  }
}

export function seq2seq(compile: Compile): number[] {
  const sources = torch.randint(0, WORDS, [10, BATCH, LENGTH]);
  const targets = sources.flip([2]);
  const encoder = new Encoder();
  const decoder = new Decoder();
  const encoderOptimizer = new optim.Adam(encoder.parameters(), { lr: 1e-2 });
  const decoderOptimizer = new optim.Adam(decoder.parameters(), { lr: 1e-2 });
  const criterion = new nn.NLLLoss();
  const step = compile(
    (source, target) => {
      encoderOptimizer.zeroGrad();
      decoderOptimizer.zeroGrad();
      const [encoded, hidden] = encoder.forward(source);
      const output = decoder.forward(encoded, hidden, target);
      const loss = criterion.forward(output.view(-1, WORDS), target.view(-1));
      loss.backward();
      encoderOptimizer.step();
      decoderOptimizer.step();
      return loss;
    },
    [sources.at(0), targets.at(0)],
  );
  const losses: number[] = [];
  for (let i = 0; i < 10; i++) losses.push(step(sources.at(i), targets.at(i)).item());
  return losses;
}
