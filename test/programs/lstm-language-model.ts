// A word language model with an LSTM whose state goes on from batch to batch.
import torch, { nn, optim, type Tensor } from 'torch-node';
import type { Compile } from './program.js';

const WORDS = 20;

class RNNModel extends nn.Module<[Tensor, Tensor, Tensor], readonly [Tensor, Tensor, Tensor]> {
  drop = new nn.Dropout(0.2);
  encoder = new nn.Embedding(WORDS, 16);
  rnn = new nn.LSTM(16, 16, { numLayers: 2, dropout: 0.2 });
  decoder = new nn.Linear(16, WORDS);

  constructor() {
    super();
    nn.init.uniform_(this.encoder.weight, -0.1, 0.1);
    if (this.decoder.bias) nn.init.zeros_(this.decoder.bias);
    nn.init.uniform_(this.decoder.weight, -0.1, 0.1);
  }
  forward(input: Tensor, h: Tensor, c: Tensor) {
    const embedded = this.drop.forward(this.encoder.forward(input));
    const [output, [hn, cn]] = this.rnn.forward(embedded, [h, c]);
    const decoded = this.decoder.forward(this.drop.forward(output));
    return [nn.functional.logSoftmax(decoded.view(-1, WORDS), 1), hn, cn] as const;
  }
}

export function lstmLanguageModel(compile: Compile): number[] {
  const text = torch.randint(0, WORDS, [41, 4]);
  const model = new RNNModel();
  const criterion = new nn.NLLLoss();
  const sgd = new optim.SGD(model.parameters(), { lr: 1 });
  let h = torch.zeros([2, 4, 16]);
  let c = torch.zeros([2, 4, 16]);
  const step = compile(
    (data, targets, h0, c0) => {
      sgd.zeroGrad();
      const [output, hn, cn] = model.forward(data, h0, c0);
      const loss = criterion.forward(output, targets.reshape(-1));
      loss.backward();
      nn.utils.clipGradNorm_(model.parameters(), 0.25);
      sgd.step();
      return { loss, hn: hn.detach(), cn: cn.detach() };
    },
    [text.at(torch.slice(0, 4)), text.at(torch.slice(1, 5)), h, c],
  );
  const losses: number[] = [];
  for (let i = 0; i < 10; i++) {
    const { loss, hn, cn } = step(
      text.at(torch.slice(4 * i, 4 * i + 4)),
      text.at(torch.slice(4 * i + 1, 4 * i + 5)),
      h,
      c,
    );
    h = hn;
    c = cn;
    losses.push(loss.item());
  }
  return losses;
}
