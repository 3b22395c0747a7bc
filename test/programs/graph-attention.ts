// A graph attention network that sorts the nodes of a graph into classes.
import torch, { nn, optim, type Tensor } from 'torch-node';
import type { Compile } from './program.js';

const F = nn.functional;

class GraphAttentionLayer extends nn.Module<[Tensor, Tensor]> {
  W: nn.Parameter;
  a: nn.Parameter;

  constructor(
    features: number,
    readonly hidden: number,
  ) {
    super();
    this.W = new nn.Parameter(torch.empty([features, hidden]));
    nn.init.xavierUniform_(this.W, 1.414);
    this.a = new nn.Parameter(torch.empty([2 * hidden, 1]));
    nn.init.xavierUniform_(this.a, { gain: 1.414 });
  }
  forward(h: Tensor, adjacency: Tensor) {
    const Wh = h.matmul(this.W);
    const left = Wh.matmul(this.a.at(torch.slice(0, this.hidden)));
    const right = Wh.matmul(this.a.at(torch.slice(this.hidden)));
    const e = F.leakyRelu(left.add(right.t()), 0.2);
    const masked = torch.where(adjacency.gt(0), e, -9e15);
    const attention = F.dropout(F.softmax(masked, 1), 0.4, this.training);
    return attention.matmul(Wh);
  }
}

class GAT extends nn.Module<[Tensor, Tensor]> {
  heads = new nn.ModuleList([new GraphAttentionLayer(8, 6), new GraphAttentionLayer(8, 6)]);
  out = new GraphAttentionLayer(12, 3);

  forward(x: Tensor, adjacency: Tensor) {
    const hidden = torch.cat(
      [...this.heads].map((head) => F.elu(head.forward(x, adjacency))),
      1,
    );
    return F.logSoftmax(F.elu(this.out.forward(hidden, adjacency)), 1);
  }
}

export function graphAttention(compile: Compile): number[] {
  const nodes = torch.rand([20, 8]);
  const edges = torch.rand([20, 20]).lt(0.2).float();
  const adjacency = edges.add(edges.t()).add(torch.eye(20)).clamp({ max: 1 });
  const labels = torch.randint(0, 3, [20]);
  const training = torch.randperm(20).at(torch.slice(0, 12));
  const model = new GAT();
  const adam = new optim.Adam(model.parameters(), { lr: 5e-2, weightDecay: 5e-4 });
  const step = compile(
    (x) => {
      adam.zeroGrad();
      const output = model.forward(x, adjacency);
      const loss = F.nllLoss(output.at(training), labels.at(training));
      loss.backward();
      adam.step();
      return loss;
    },
    [nodes],
  );
  const losses: number[] = [];
  for (let i = 0; i < 10; i++) losses.push(step(nodes).item());
  return losses;
}
